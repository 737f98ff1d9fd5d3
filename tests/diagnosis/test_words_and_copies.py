"""Networks of small helpers, of words that choose them, of sums kept outside and of one long vector."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from named import check_named, report_of  # a helper beside the tests, which are no package

pytestmark = pytest.mark.usefixtures("patience")


HELPERS = {
    "py": """
import numpy as np

def product(a, b):
    c = a @ b
    return c

def logistic(z):
    return 1 / (1 + np.exp(-z))

def through_logistic(d, z):
    s = logistic(z)
    return d * s * (1 - s)

def through_tanh(d, z):
    return d * (1 - np.tanh(z) ** 2)

def shares(z):
    e = np.exp(z - np.max(z))
    total = e.sum(axis=0)
    logs = np.log(e) - np.log(total)
    return np.exp(logs)

def forth(a, V, c, how):
    z = product(V, a) + c[:, None]
    if how == "logistic":
        out = logistic(z)
    elif how == "tanh":
        out = np.tanh(z)
    elif how == "shares":
        out = shares(z)
    return z, out

def back(d, V, z, how):
    below = product(V.T, d)
    if how == "logistic":
        found = through_logistic(below, z)
    elif how == "tanh":
        found = through_tanh(below, z)
    return found

def slopes(V, c, x, y):
    z1, h1 = forth(x, V[0], c[0], "tanh")
    z2, h2 = forth(h1, V[1], c[1], "tanh")
    z3, out = forth(h2, V[2], c[2], "shares")
    d3 = (out - y) / x.shape[1]
    d2 = back(d3, V[2], z2, "tanh")
    d1 = back(d2, V[1], z1, "tanh")
    g1 = product(d1, x.T)
    g2 = product(d2, h1.T)
    g3 = product(d3, h2.T)
    return [g1, d1.sum(axis=1), g2, d2.sum(axis=1), g3, d3.sum(axis=1)]

def step(W, b, X, Y, eta):
    g = slopes(W, b, X, Y)
    return [w - eta * g[2 * k] for k, w in enumerate(W)], [v - eta * g[2 * k + 1] for k, v in enumerate(b)]
""",
    "R": """
product <- function(a, b) {
  c <- a %*% b
  return(c)
}

logistic <- function(z) 1 / (1 + exp(-z))

through_logistic <- function(d, z) {
  s <- logistic(z)
  d * s * (1 - s)
}

through_tanh <- function(d, z) d * (1 - tanh(z)^2)

shares <- function(z) {
  e <- exp(z - max(z))
  total <- colSums(e)
  logs <- log(e) - log(rep(total, each = nrow(z)))
  exp(logs)
}

forth <- function(a, V, c0, how) {
  z <- product(V, a) + c0
  if (how == "logistic") {
    out <- logistic(z)
  } else if (how == "tanh") {
    out <- tanh(z)
  } else if (how == "shares") {
    out <- shares(z)
  }
  list(z = z, out = out)
}

back <- function(d, V, z, how) {
  below <- product(t(V), d)
  if (how == "logistic") {
    found <- through_logistic(below, z)
  } else if (how == "tanh") {
    found <- through_tanh(below, z)
  }
  found
}

slopes <- function(V, c0, x, y) {
  f1 <- forth(x, V[[1]], c0[[1]], "tanh")
  f2 <- forth(f1$out, V[[2]], c0[[2]], "tanh")
  f3 <- forth(f2$out, V[[3]], c0[[3]], "shares")
  d3 <- (f3$out - y) / ncol(x)
  d2 <- back(d3, V[[3]], f2$z, "tanh")
  d1 <- back(d2, V[[2]], f1$z, "tanh")
  list(W = list(product(d1, t(x)), product(d2, t(f1$out)), product(d3, t(f2$out))),
       b = list(rowSums(d1), rowSums(d2), rowSums(d3)))
}

step <- function(W, b, X, Y, eta) {
  g <- slopes(W, b, X, Y)
  list(W = Map(function(w, d) w - eta * d, W, g$W), b = Map(function(w, d) w - eta * d, b, g$b))
}
""",
}
#: Language, what stands there, what is planted, a word of the lines to be named, id.
IN_HELPERS = [
    ("py", 'back(d2, V[1], z1, "tanh")', 'back(d2, V[1], z1, "logistic")', "d1 =", "wrong-derivative"),
    ("py", "e.sum(axis=0)", "e.sum()", "total = e.sum()", "softmax-axis"),
    ("py", "out = np.tanh(z)", "out = z", "out = z", "None"),
    ("py", "d3.sum(axis=1)]", "d3.sum()]", "d3.sum()]", "np-scalar-sum"),
    ("R", 'back(d2, V[[2]], f1$z, "tanh")', 'back(d2, V[[2]], f1$z, "logistic")', "d1 <-", "wrong-derivative"),
    ("R", "total <- colSums(e)", "total <- rep(sum(e), ncol(z))", "total <- rep(sum(e)", "softmax-axis"),
    ("R", "out <- tanh(z)", "out <- z", "out <- z", "None"),
    ("R", "rowSums(d3))", "sum(d3))", "sum(d3))", "bias-gradient-collapsed"),
]

STORED = {
    "py": """
import numpy as np

def squash(z):
    return 1 / (1 + np.exp(-z))

class Web:
    def __init__(self, W, b, rate):
        self.W, self.b, self.rate = [w.copy() for w in W], [v.copy() for v in b], rate
        self.sums = [np.zeros(w.size) for w in W] + [np.zeros(v.size) for v in b]

    def run(self, x):
        self.out = [x]
        for w, v in zip(self.W, self.b):
            self.out.append(squash(w @ self.out[-1] + v))

    def errors(self, y):
        last = len(self.W)
        self.error = [None] * (last + 1)
        self.delta = [None] * (last + 1)
        for layer in range(last, 0, -1):
            width = len(self.out[layer])
            self.error[layer] = [0.0] * width
            self.delta[layer] = [0.0] * width
            for i in range(width):
                o = self.out[layer][i]
                e = 0.0
                if layer == last:
                    e = o - y[i]
                else:
                    for k in range(len(self.delta[layer + 1])):
                        e += self.delta[layer + 1][k] * self.W[layer][k, i]
                self.error[layer][i] = e
                self.delta[layer][i] = e * o * (1 - o)

    def gather(self):
        found = [np.outer(d, o).ravel() for d, o in zip(self.delta[1:], self.out)]
        found += [np.array(d) for d in self.delta[1:]]
        for total, g in zip(self.sums, found):
            total += g

    def update(self, m):
        L = len(self.W)
        for k in range(L):
            self.W[k] -= self.rate * self.sums[k].reshape(self.W[k].shape) / m
            self.b[k] -= self.rate * self.sums[L + k] / m

def step(W, b, X, Y, eta):
    web = Web(W, b, eta)
    for x, y in zip(X.T, Y.T):
        web.run(x)
        web.errors(y)
        web.gather()
    web.update(X.shape[1])
    return web.W, web.b
""",
    "R": """
squash <- function(z) 1 / (1 + exp(-z))

run <- function(W, b, x) {
  out <- list(x)
  for (l in seq_along(W)) out[[l + 1]] <- squash(drop(W[[l]] %*% out[[l]]) + b[[l]])
  out
}

errors <- function(W, out, y) {
  last <- length(W)
  delta <- list()
  kept <- list()
  for (l in last:1) {
    width <- length(out[[l + 1]])
    delta[[l]] <- numeric(width)
    kept[[l]] <- numeric(width)
    for (i in seq_len(width)) {
      o <- out[[l + 1]][i]
      e <- 0
      if (l == last) {
        e <- o - y[i]
      } else {
        for (k in seq_along(delta[[l + 1]])) e <- e + delta[[l + 1]][k] * W[[l + 1]][k, i]
      }
      kept[[l]][i] <- e
      delta[[l]][i] <- e * o * (1 - o)
    }
  }
  delta
}

add <- function(sums, found) {
  for (k in seq_along(sums)) sums[[k]] <- sums[[k]] + found[[k]]
  sums
}

step <- function(W, b, X, Y, eta) {
  L <- length(W)
  sums <- lapply(c(W, b), function(p) numeric(length(p)))
  one <- function(s) {
    out <- run(W, b, X[, s])
    delta <- errors(W, out, Y[, s])
    found <- c(lapply(seq_len(L), function(l) as.vector(outer(delta[[l]], out[[l]]))), delta)
    sums <<- add(sums, found)
  }
  for (s in seq_len(ncol(X))) one(s)
  for (l in seq_len(L)) {
    W[[l]] <- W[[l]] - eta * matrix(sums[[l]], nrow(W[[l]])) / ncol(X)
    b[[l]] <- b[[l]] - eta * sums[[L + l]] / ncol(X)
  }
  list(W = W, b = b)
}
""",
}
IN_STORED = [
    ("py", "e += self.delta", "e = self.delta", "e = self.delta", "None"),
    ("py", "e += self.delta[layer + 1][k]", "e += self.error[layer + 1][k]", "e += self.error",
     "missing-activation-derivative"),
    ("py", "total += g", "total = total + g", "total = total + g", "update-lost"),
    ("R", "e <- e + delta[[l + 1]]", "e <- delta[[l + 1]]", "e <- delta", "None"),
    ("R", "sums <<- add", "sums <- add", "sums <- add", "update-lost"),
    ("R", "as.vector(outer(delta[[l]], out[[l]]))", "as.vector(t(outer(delta[[l]], out[[l]])))", "as.vector(t(outer",
     "r-byrow"),
    ("R", "sums[[k]] <- sums[[k]] + found[[k]]", "sums[[k]] <- found[[k]]", "sums[[k]] <- found", "batch-lost"),
]  # fmt: skip

APPLIES = {
    "py": """
import numpy as np

def shares(z):
    return np.exp(z) / np.sum(np.exp(z))

def step(W, b, X, Y, eta):
    flat = np.concatenate([W[0].ravel(), b[0], W[1].ravel(), b[1]])
    n = [W[0].size, b[0].size, W[1].size, b[1].size]
    ends = np.cumsum(n)
    V1 = flat[:ends[0]].reshape(W[0].shape)
    V2 = flat[ends[1]:ends[2]].reshape(W[1].shape)
    h = 1 / (1 + np.exp(-(V1 @ X + flat[ends[0]:ends[1], None])))
    out = np.apply_along_axis(shares, 0, V2 @ h + flat[ends[2]:, None])
    d2 = (out - Y) / X.shape[1]
    slope = h * (1 - h)
    weights = flat[ends[1]:ends[2]].reshape(W[1].shape)
    below = weights.T @ d2
    d1 = np.array(list(map(lambda k: below[:, k] * slope[:, k], range(X.shape[1])))).T
    flat = flat - eta * np.concatenate([(d1 @ X.T).ravel(), d1.sum(axis=1), (d2 @ h.T).ravel(), d2.sum(axis=1)])
    return ([flat[:ends[0]].reshape(W[0].shape), flat[ends[1]:ends[2]].reshape(W[1].shape)],
            [flat[ends[0]:ends[1]], flat[ends[2]:]])
""",
    "R": """
shares <- function(z) exp(z) / sum(exp(z))

step <- function(W, b, X, Y, eta) {
  flat <- c(W[[1]], b[[1]], W[[2]], b[[2]])
  ends <- cumsum(c(length(W[[1]]), length(b[[1]]), length(W[[2]]), length(b[[2]])))
  V1 <- matrix(flat[1:ends[1]], nrow(W[[1]]))
  V2 <- matrix(flat[(ends[2] + 1):ends[3]], nrow(W[[2]]))
  h <- 1 / (1 + exp(-(V1 %*% X + flat[(ends[1] + 1):ends[2]])))
  out <- apply(V2 %*% h + flat[(ends[3] + 1):ends[4]], 2, shares)
  d2 <- (out - Y) / ncol(X)
  slope <- h * (1 - h)
  weights <- matrix(flat[(ends[2] + 1):ends[3]], nrow(W[[2]]))
  below <- t(weights) %*% d2
  d1 <- sapply(seq_len(ncol(X)), function(k) {
    below[, k] * slope[, k]
  })
  flat <- flat - eta * c(d1 %*% t(X), rowSums(d1), d2 %*% t(h), rowSums(d2))
  list(W = list(matrix(flat[1:ends[1]], nrow(W[[1]])), matrix(flat[(ends[2] + 1):ends[3]], nrow(W[[2]]))),
       b = list(flat[(ends[1] + 1):ends[2]], flat[(ends[3] + 1):ends[4]]))
}
""",
}
IN_APPLIES = [
    ("py", "slope[:, k], range", "slope[:, 0], range", "slope[:, 0]", "None"),
    ("py", "weights = flat[ends[1]:ends[2]]", "weights = flat[ends[1] - 1:ends[2] - 1]", "weights = flat", "None"),
    ("py", "np.apply_along_axis(shares, 0, ", "np.apply_along_axis(shares, 1, ", "out = ", "softmax-axis"),
    ("R", "slope[, k]\n", "slope[, 1]\n", "slope[, 1]", "None"),
    ("R", "weights <- matrix(flat[(ends[2] + 1):ends[3]]", "weights <- matrix(flat[ends[2]:(ends[3] - 1)]",
     "weights <-", "None"),
    ("R", "out <- apply(V2 %*% h + flat[(ends[3] + 1):ends[4]], 2, shares)",
     "out <- t(apply(V2 %*% h + flat[(ends[3] + 1):ends[4]], 1, shares))", "out <- t(", "softmax-axis"),
]  # fmt: skip

KEPT = {
    "py": """
import numpy as np

def squash(z):
    return 1 / (1 + np.exp(-z))

def slope_of_squash(z):
    return squash(z) * (1 - squash(z))

def slope_of_tanh(z):
    return 1 - np.tanh(z) ** 2

class Kept:
    def __init__(self, W):
        self.held = [w.copy() for w in W]

    def __getitem__(self, k):
        return self.held[k]

    def __setitem__(self, k, item):
        self.held[k] = item

def step(W, b, X, Y, eta):
    V, c, L = Kept(W), Kept(b), len(W)
    sums, outs = [], [X]
    for k in range(L):
        z = V[k] @ outs[-1] + c[k][:, None]
        sums.append(z)
        outs.append(np.tanh(z) if k < L - 1 else squash(z))
    d = outs[-1] - Y
    found = []
    for k in reversed(range(L)):
        slope = slope_of_squash if k == L - 1 else slope_of_tanh
        bent = slope(sums[k])
        d = d * bent
        found.append((k, d @ outs[k].T, d.sum(axis=1)))
        d = V[k].T @ d
    for k, gV, gc in found:
        V[k] = V[k] - eta * gV / X.shape[1]
        c[k] = c[k] - eta * gc / X.shape[1]
    return V.held, c.held
""",
    "R": """
squash <- function(z) 1 / (1 + exp(-z))

slope_of_squash <- function(z) squash(z) * (1 - squash(z))

slope_of_tanh <- function(z) 1 - tanh(z)^2

step <- function(W, b, X, Y, eta) {
  held <- list(V = W, c = b)
  put <- function(which, k, item) {
    held[[which]][[k]] <<- item
  }
  L <- length(W)
  sums <- list()
  outs <- list(X)
  for (k in seq_len(L)) {
    z <- held$V[[k]] %*% outs[[k]] + held$c[[k]]
    sums[[k]] <- z
    outs[[k + 1]] <- if (k < L) tanh(z) else squash(z)
  }
  d <- outs[[L + 1]] - Y
  found <- list()
  for (k in L:1) {
    slope <- if (k == L) slope_of_squash else slope_of_tanh
    bent <- slope(sums[[k]])
    d <- d * bent
    found[[k]] <- list(V = d %*% t(outs[[k]]), c = rowSums(d))
    d <- t(held$V[[k]]) %*% d
  }
  for (k in seq_len(L)) {
    put("V", k, held$V[[k]] - eta * found[[k]]$V / ncol(X))
    put("c", k, held$c[[k]] - eta * found[[k]]$c / ncol(X))
  }
  list(W = held$V, b = held$c)
}
""",
}
IN_KEPT = [
    ("py", "outs.append(np.tanh(z) if k < L - 1 else squash(z))", "outs.append(z)", "outs.append(z)", "None"),
    ("py", "== L - 1 else slope_of_tanh", "== L - 1 else slope_of_squash", "slope = ", "wrong-derivative"),
    ("py", "V[k] = V[k] - eta", "V[k] = V[k] + eta", "V[k] = V[k] + eta", "ascent"),
    ("R", "outs[[k + 1]] <- if (k < L) tanh(z) else squash(z)", "outs[[k + 1]] <- z", "outs[[k + 1]] <- z", "None"),
    ("R", "slope_of_squash else slope_of_tanh", "slope_of_squash else slope_of_squash", "slope <- ",
     "wrong-derivative"),
    ("R", "held$V[[k]] - eta", "held$V[[k]] + eta", "held$V[[k]] + eta", "ascent"),
]  # fmt: skip

NETWORKS = {"helpers": HELPERS, "stored": STORED, "applies": APPLIES, "kept": KEPT}
OPTIONS = {
    "helpers": {"sizes": [4, 6, 5, 3], "activation": "tanh", "output_activation": "softmax",
                "loss": "categorical_cross_entropy"},
    "stored": {"sizes": [4, 6, 5, 3], "activation": "sigmoid", "output_activation": "sigmoid", "loss": "quadratic"},
    "kept": {"sizes": [4, 6, 5, 3], "activation": "tanh", "output_activation": "sigmoid", "loss": "quadratic"},
    "applies": {"sizes": [4, 6, 3], "activation": "sigmoid", "output_activation": "softmax",
                "loss": "categorical_cross_entropy"},
}  # fmt: skip


@pytest.mark.parametrize("kind", list(NETWORKS))
def test_the_networks_are_right(tmp_path, ending, kind):
    assert report_of(tmp_path, ending, NETWORKS[kind][ending], OPTIONS[kind])["verdict"] == "ok"


CASES = [
    *[("helpers", *row) for row in IN_HELPERS],
    *[("stored", *row) for row in IN_STORED],
    *[("applies", *row) for row in IN_APPLIES],
    *[("kept", *row) for row in IN_KEPT],
]


@pytest.mark.parametrize(
    ("kind", "ending", "was", "new", "word", "id"),
    [pytest.param(*row, id=f"{row[0]}-{row[1]}-{row[3].strip()}") for row in CASES],
)
def test_the_line_is_named(tmp_path, kind, ending, was, new, word, id):
    network = NETWORKS[kind][ending]
    check_named(tmp_path, ending, network, was, new, word, id, OPTIONS[kind])
