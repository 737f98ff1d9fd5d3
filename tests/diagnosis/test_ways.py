"""The way of a value: sums over samples with a loss beside the gradient, steps one by one, values of other layers."""

import json

import pytest

from nnparity.diagnosis.diagnose import diagnose

pytestmark = pytest.mark.usefixtures("patience")


SCRIPT = {
    "py": """
import numpy as np

def slope(z):
    t = np.tanh(z)
    return 1 - t * t

G1, g1, g2 = 0 * W1, 0 * b1, 0 * b2
hs, ds, cost = [], [], 0
for i in range(m):
    x, y = X[:, i], Y[:, i]
    z1, d1 = np.zeros(len(b1)), np.zeros(len(b1))
    for j in range(len(b1)):
        s = W1[j] @ x + b1[j]
        z1[j] = s
    a1 = np.tanh(z1)
    a2 = np.tanh(W2 @ a1 + b2)
    cost = cost + np.sum((y - a2) ** 2) / 2
    err = a2 - y
    d2 = err * (1 - a2**2)
    back = W2.T @ d2
    s1 = slope(z1)
    for j in range(len(b1)):
        d1[j] = back[j] * s1[j]
    for j in range(len(b1)):
        g1[j] = g1[j] + d1[j]
    G1 = G1 + np.outer(d1, x)
    g2 = g2 + d2
    hs.append(a1)
    ds.append(d2)
G2 = np.vstack(ds).T @ np.vstack(hs)
W1 = W1 - rate * (G1 / m)
W2 = W2 - rate * (G2 / m)
b1 = b1 - rate * (g1 / m)
b2 = b2 - rate * (g2 / m)
""",
    "R": """
slope <- function(z) {
  t <- tanh(z)
  1 - t * t
}

G1 <- 0 * W1
g1 <- 0 * b1
g2 <- 0 * b2
hs <- list()
ds <- list()
cost <- 0
for (i in seq_len(m)) {
  x <- X[, i]
  y <- Y[, i]
  z1 <- numeric(length(b1))
  d1 <- numeric(length(b1))
  for (j in seq_along(b1)) {
    s <- sum(W1[j, ] * x) + b1[j]
    z1[j] <- s
  }
  a1 <- tanh(z1)
  a2 <- tanh(as.vector(W2 %*% a1) + b2)
  cost <- cost + sum((y - a2)^2) / 2
  err <- a2 - y
  d2 <- err * (1 - a2^2)
  back <- as.vector(t(W2) %*% d2)
  s1 <- slope(z1)
  for (j in seq_along(b1)) {
    d1[j] <- back[j] * s1[j]
  }
  for (j in seq_along(b1)) {
    g1[j] <- g1[j] + d1[j]
  }
  G1 <- G1 + outer(d1, x)
  g2 <- g2 + d2
  hs[[i]] <- a1
  ds[[i]] <- d2
}
G2 <- t(do.call(rbind, ds)) %*% do.call(rbind, hs)
W1 <- W1 - rate * (G1 / m)
W2 <- W2 - rate * (G2 / m)
b1 <- b1 - rate * (g1 / m)
b2 <- b2 - rate * (g2 / m)
""",
}
ADAPTER = {
    "py": """# functions_only: true
def step(W, b, X, Y, eta):
    names = dict(globals(), X=X, Y=Y, m=X.shape[1], rate=eta, W1=W[0], W2=W[1], b1=b[0], b2=b[1])
    candidate_lines(8, LAST, names)
    return [names["W1"], names["W2"]], [names["b1"], names["b2"]]
""",
    "R": """# functions_only: true
step <- function(W, b, X, Y, eta) {
  names <- list2env(list(X = X, Y = Y, m = ncol(X), rate = eta, W1 = W[[1]], W2 = W[[2]], b1 = b[[1]], b2 = b[[2]]),
                    parent = globalenv())
  candidate_lines(7, LAST, names)
  list(W = list(names$W1, names$W2), b = list(names$b1, names$b2))
}
""",
}
#: language, what stands there, what is planted; the line of it is to be named
PLANTED = [
    # the same difference is right in the loss, from which nothing goes on into a parameter
    ("py", "err = a2 - y", "err = y - a2"),
    ("R", "err <- a2 - y", "err <- y - a2"),
    # the other sums are divided in the update
    ("py", "rate * (G1 / m)", "rate * G1"),
    ("R", "rate * (G1 / m)", "rate * G1"),
    # a helper is given the wrong value, in an environment that is no function's
    ("py", "slope(z1)", "slope(a1)"),
    ("R", "slope(z1)", "slope(a1)"),
    # the delta began as zeros, too
    ("py", "g1[j] = g1[j] + d1[j]", "g1[j] = d1[j]"),
    ("R", "g1[j] <- g1[j] + d1[j]", "g1[j] <- d1[j]"),
    # the sum is stored under another name
    ("py", "s = W1[j] @ x + b1[j]", "s = W1[j] @ x"),
    ("R", "s <- sum(W1[j, ] * x) + b1[j]", "s <- sum(W1[j, ] * x)"),
    # the slope is taken from the output
    ("py", "a2 = np.tanh(W2 @ a1 + b2)", "a2 = W2 @ a1 + b2"),
    ("R", "a2 <- tanh(as.vector(W2 %*% a1) + b2)", "a2 <- as.vector(W2 %*% a1) + b2"),
]  # fmt: skip


def report_on(folder, ending, source, adapter):
    """The report on a source, as JSON."""
    (folder / f"network.{ending}").write_text(source, encoding="utf-8")
    (folder / f"adapter.{ending}").write_text(adapter, encoding="utf-8")
    diagnosis = diagnose(
        folder / f"network.{ending}", folder / f"adapter.{ending}", sizes=[4, 6, 3], activation="tanh",
        output_activation="tanh", loss="quadratic",
    )  # fmt: skip
    return json.loads(json.dumps(diagnosis.report))


def of_script(folder, ending, source):
    """The report on the script."""
    return report_on(folder, ending, source, ADAPTER[ending].replace("LAST", str(source.count("\n"))))


def test_the_script_is_right(tmp_path, ending):
    assert of_script(tmp_path, ending, SCRIPT[ending])["verdict"] == "ok"


@pytest.mark.parametrize(
    ("ending", "was", "new"),
    [pytest.param(*row, id=f"{row[0]}: {row[2]}") for row in PLANTED],
)
def test_the_line_is_named(tmp_path, ending, was, new):
    assert SCRIPT[ending].count(was) == 1
    source = SCRIPT[ending].replace(was, new)
    report = of_script(tmp_path, ending, source)
    assert report["verdict"] == "bug"
    assert new in source.split("\n")[report["findings"][0]["line"] - 1]


#: Takes the step of one sample; the adapter takes the mean of all samples' new parameters.
ONE_BY_ONE = {
    "py": """
import numpy as np

def learn_one(W, b, x, y, rate):
    a1 = np.tanh(W[0] @ x + b[0])
    a2 = np.tanh(W[1] @ a1 + b[1])
    d2 = (a2 - y) * (1 - a2**2)
    d1 = (W[1].T @ d2) * (1 - a1**2)
    W1 = W[0] - rate * np.outer(d1, x)
    W2 = W[1] - rate * np.outer(d2, a1)
    b1 = b[0] - rate * d1
    b2 = b[1] - rate * d2
    return [W1, W2], [b1, b2]
""",
    "R": """
learn_one <- function(W, b, x, y, rate) {
  a1 <- tanh(as.vector(W[[1]] %*% x) + b[[1]])
  a2 <- tanh(as.vector(W[[2]] %*% a1) + b[[2]])
  d2 <- (a2 - y) * (1 - a2^2)
  d1 <- as.vector(t(W[[2]]) %*% d2) * (1 - a1^2)
  W1 <- W[[1]] - rate * outer(d1, x)
  W2 <- W[[2]] - rate * outer(d2, a1)
  b1 <- b[[1]] - rate * d1
  b2 <- b[[2]] - rate * d2
  list(W = list(W1, W2), b = list(b1, b2))
}
""",
}
MEANS = {
    "py": """
def step(W, b, X, Y, eta):
    each = [learn_one(W, b, X[:, i], Y[:, i], eta) for i in range(X.shape[1])]
    return tuple([sum(new[k][l] for new in each) / len(each) for l in range(2)] for k in range(2))
""",
    "R": """
step <- function(W, b, X, Y, eta) {
  each <- lapply(seq_len(ncol(X)), function(i) learn_one(W, b, X[, i], Y[, i], eta))
  mean_of <- function(part) lapply(1:2, function(l) {
    Reduce(`+`, lapply(each, function(new) new[[part]][[l]])) / length(each)
  })
  list(W = mean_of("W"), b = mean_of("b"))
}
""",
}


def test_the_step_of_one_sample_is_named(tmp_path, ending):
    assert report_on(tmp_path, ending, ONE_BY_ONE[ending], MEANS[ending])["verdict"] == "ok"
    was, new = {"py": ("b[0] - rate", "b[0] + rate"), "R": ("b[[1]] - rate", "b[[1]] + rate")}[ending]
    source = ONE_BY_ONE[ending].replace(was, new)
    first = report_on(tmp_path, ending, source, MEANS[ending])["findings"][0]
    assert (first["id"], new in source.split("\n")[first["line"] - 1]) == ("ascent", True)


BATCH = {
    "py": """
import numpy as np

def step(W, b, X, Y, eta):
    m = X.shape[1]
    A1 = np.tanh(W[0] @ X + b[0][:, None])
    A2 = np.tanh(W[1] @ A1 + b[1][:, None])
    D2 = (A2 - Y) * (1 - A2**2)
    S = 1 - A1**2
    D1 = (W[1].T @ D2) * S
    G1, G2 = D1 @ X.T / m, D2 @ A1.T / m
    W2 = W[1] - eta * G2
    return [W[0] - eta * G1, W2], [b[0] - eta * D1.mean(axis=1), b[1] - eta * D2.mean(axis=1)]
""",
    "R": """
step <- function(W, b, X, Y, eta) {
  m <- ncol(X)
  A1 <- tanh(W[[1]] %*% X + b[[1]])
  A2 <- tanh(W[[2]] %*% A1 + b[[2]])
  D2 <- (A2 - Y) * (1 - A2^2)
  S <- 1 - A1^2
  D1 <- (t(W[[2]]) %*% D2) * S
  G1 <- D1 %*% t(X) / m
  G2 <- D2 %*% t(A1) / m
  W2 <- W[[2]] - eta * G2
  list(W = list(W[[1]] - eta * G1, W2), b = list(b[[1]] - eta * rowMeans(D1), b[[2]] - eta * rowMeans(D2)))
}
""",
}


@pytest.mark.parametrize(
    ("was", "new", "quantity"),
    [("1 - A1", "1 - A2", "delta1"), ("eta * G2", "eta * G1", "W2_new")],
    ids=["slope", "update"],
)
def test_a_crash_over_another_layer_s_value_says_so(tmp_path, ending, was, new, quantity):
    file = tmp_path / f"network.{ending}"
    options = {"sizes": [4, 6, 3], "activation": "tanh", "output_activation": "tanh", "loss": "quadratic"}
    file.write_text(BATCH[ending])
    assert diagnose(file, **options).report["verdict"] == "ok"
    file.write_text(BATCH[ending].replace(was, new, 1))
    first = diagnose(file, **options).report["findings"][0]
    assert (first["kind"], first["id"], first["quantity"]) == ("crash", "wrong-layer", quantity)


MASKED = {
    "py": """
import numpy as np

def step(W, b, X, Y, eta):
    m = X.shape[1]
    Z1 = W[0] @ X + b[0][:, None]
    A1 = np.maximum(Z1, 0)
    A2 = np.maximum(W[1] @ A1 + b[1][:, None], 0)
    D2 = (Y - A2)
    D2 = D2 * (A2 > 0)
    D1 = W[1].T @ D2
    D1 = D1 * (A1 > 0)
    return ([W[0] + eta * D1 @ X.T / m, W[1] + eta * D2 @ A1.T / m],
            [b[0] + eta * D1.mean(axis=1), b[1] + eta * D2.mean(axis=1)])
""",
    "R": """
step <- function(W, b, X, Y, eta) {
  m <- ncol(X)
  Z1 <- W[[1]] %*% X + b[[1]]
  A1 <- Z1 * (Z1 > 0)
  Z2 <- W[[2]] %*% A1 + b[[2]]
  A2 <- Z2 * (Z2 > 0)
  D2 <- (Y - A2)
  D2 <- D2 * (A2 > 0)
  D1 <- t(W[[2]]) %*% D2
  D1 <- D1 * (A1 > 0)
  list(W = list(W[[1]] + eta * D1 %*% t(X) / m, W[[2]] + eta * D2 %*% t(A1) / m),
       b = list(b[[1]] + eta * rowMeans(D1), b[[2]] + eta * rowMeans(D2)))
}
""",
}


@pytest.mark.parametrize("layer", [1, 2])
def test_a_mask_of_its_own_sign_where_the_delta_is_kept_turned(tmp_path, ending, layer):
    file = tmp_path / f"network.{ending}"
    options = {"sizes": [4, 6, 3], "activation": "relu", "output_activation": "relu", "loss": "quadratic"}
    file.write_text(MASKED[ending])
    assert diagnose(file, **options).report["verdict"] == "ok"
    bug = f"D{layer} * (D{layer} > 0)"
    source = MASKED[ending].replace(f"D{layer} * (A{layer} > 0)", bug)
    file.write_text(source)
    first = diagnose(file, **options).report["findings"][0]
    assert (first["id"], first["quantity"]) == ("relu-mask-wrong", f"delta{layer}")
    assert bug in source.split("\n")[first["line"] - 1]


# -- a rate that is fixed at 1, and a step that its caller scales ---

FIXED_RATE = {
    "py": """
import numpy as np

def learn(V, U, x, y):
    h = 1 / (1 + np.exp(-(V[:, :-1] @ x + V[:, -1])))
    o = 1 / (1 + np.exp(-(U[:, :-1] @ h + U[:, -1])))
    e = o * (1 - o) * (o - y)
    back = h * (1 - h) * (U[:, :-1].T @ e)
    U = U - np.outer(e, np.append(h, 1))
    V = V - np.outer(back, np.append(x, 1))
    return V, U

def step(W, b, X, Y, eta):
    old = [np.column_stack([w, v]) for w, v in zip(W, b)]
    new = [p.copy() for p in old]
    for i in range(X.shape[1]):
        for p, q, r in zip(new, learn(*old, X[:, i], Y[:, i]), old):
            p += eta / X.shape[1] * (q - r)
    return [p[:, :-1] for p in new], [p[:, -1] for p in new]
""",
    "R": """
learn <- function(V, U, x, y) {
  inner <- seq_len(ncol(U) - 1)
  h <- as.vector(1 / (1 + exp(-(V %*% c(x, 1)))))
  o <- as.vector(1 / (1 + exp(-(U %*% c(h, 1)))))
  e <- o * (1 - o) * (o - y)
  back <- h * (1 - h) * as.vector(t(U[, inner]) %*% e)
  U <- U - outer(e, c(h, 1))
  V <- V - outer(back, c(x, 1))
  list(V, U)
}

step <- function(W, b, X, Y, eta) {
  old <- Map(cbind, W, b)
  new <- old
  for (i in seq_len(ncol(X))) {
    after <- learn(old[[1]], old[[2]], X[, i], Y[, i])
    for (l in 1:2) new[[l]] <- new[[l]] + eta / ncol(X) * (after[[l]] - old[[l]])
  }
  list(W = lapply(new, function(p) p[, -ncol(p)]), b = lapply(new, function(p) p[, ncol(p)]))
}
""",
}


def test_weights_that_a_step_of_rate_one_has_changed_already(tmp_path, ending):
    file = tmp_path / f"network.{ending}"
    file.write_text(FIXED_RATE[ending])
    assert diagnose(file, sizes=[4, 6, 3]).report["verdict"] == "ok"
    lines = FIXED_RATE[ending].split("\n")
    at = next(k for k, line in enumerate(lines) if line.lstrip().startswith("back"))
    lines[at], lines[at + 1] = lines[at + 1], lines[at]
    file.write_text("\n".join(lines))
    first = diagnose(file, sizes=[4, 6, 3]).report["findings"][0]
    assert (first["id"], first["line"], first["quantity"]) == ("stale-weights-in-delta", at + 2, "delta1")


# -- an error that the adapter turns, and layers that step with it ---

TURNED = {
    "py": """
import numpy as np

class Layer:
    def ahead(self, x):
        self.x = x
        self.y = 1 / (1 + np.exp(-(self.w @ x + self.c)))
        return self.y

    def back(self, error, rate):
        e = error
        d = self.y * (1 - self.y) * e
        down = self.w.T @ d
        self.w += rate * np.outer(d, self.x)
        self.c += rate * d
        return down
""",
    "R": """
ahead <- function(layer, x) {
  layer$x <- x
  layer$y <- as.vector(1 / (1 + exp(-(layer$w %*% x + layer$c))))
  layer
}

back <- function(layer, error, rate) {
  e <- error
  d <- layer$y * (1 - layer$y) * e
  layer$down <- as.vector(t(layer$w) %*% d)
  layer$w <- layer$w + rate * outer(d, layer$x)
  layer$c <- layer$c + rate * d
  layer
}
""",
}
TURNING = {
    "py": """
import numpy as np

def step(W, b, X, Y, eta):
    m, W_new, b_new = X.shape[1], [0 * w for w in W], [0 * v for v in b]
    for i in range(m):
        layers = [Layer() for _ in W]
        a = X[:, i]
        for layer, w, v in zip(layers, W, b):
            layer.w, layer.c = w.copy(), v.copy()
            a = layer.ahead(a)
        error = Y[:, i] - a
        for layer in reversed(layers):
            error = layer.back(error, eta)
        W_new = [w + layer.w / m for w, layer in zip(W_new, layers)]
        b_new = [v + layer.c / m for v, layer in zip(b_new, layers)]
    return W_new, b_new
""",
    "R": """
step <- function(W, b, X, Y, eta) {
  m <- ncol(X)
  new <- list(W = lapply(W, function(w) 0 * w), b = lapply(b, function(v) 0 * v))
  for (i in seq_len(m)) {
    layers <- Map(function(w, v) list(w = w, c = v), W, b)
    a <- X[, i]
    for (l in seq_along(layers)) {
      layers[[l]] <- ahead(layers[[l]], a)
      a <- layers[[l]]$y
    }
    error <- Y[, i] - a
    for (l in rev(seq_along(layers))) {
      layers[[l]] <- back(layers[[l]], error, eta)
      error <- layers[[l]]$down
    }
    for (l in seq_along(layers)) {
      new$W[[l]] <- new$W[[l]] + layers[[l]]$w / m
      new$b[[l]] <- new$b[[l]] + layers[[l]]$c / m
    }
  }
  new
}
""",
}


@pytest.mark.parametrize("parameter", ["w", "c"])
def test_an_error_that_the_adapter_turns_is_right(tmp_path, ending, parameter):
    file, adapter = tmp_path / f"layers.{ending}", tmp_path / f"adapter.{ending}"
    file.write_text(TURNED[ending])
    adapter.write_text(TURNING[ending])
    assert diagnose(file, adapter, sizes=[4, 6, 5, 3]).report["verdict"] == "ok"
    was = {"py": f"self.{parameter} += rate", "R": f"layer${parameter} + rate"}[ending]
    source = TURNED[ending].replace(was, was.replace("+", "-"))
    assert source != TURNED[ending]
    file.write_text(source)
    first = diagnose(file, adapter, sizes=[4, 6, 5, 3]).report["findings"][0]
    assert (first["id"], first["file"]) == ("ascent", file.name)
    assert was.replace("+", "-") in source.split("\n")[first["line"] - 1]
