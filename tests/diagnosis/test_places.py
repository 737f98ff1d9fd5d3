"""One network of lists and helpers, and where its mistakes are made: in the store, the call, the sum, the use."""

import json

import pytest

from nnparity.diagnosis.diagnose import diagnose

pytestmark = pytest.mark.usefixtures("patience")


NETWORK = {
    "py": '''
import numpy as np

def squash(z):
    return 1 / (1 + np.exp(-z))

def bend(z):
    return np.tanh(z)

def bend_slope(z):
    t = np.tanh(z)
    return 1 - t * t

def forward(layers, x):
    sums, outs = [], [x]
    for k, layer in enumerate(layers):
        s = layer["W"] @ outs[-1] + layer["b"]
        a = squash(s) if k == len(layers) - 1 else bend(s)
        sums.append(s)
        outs.append(a)
    return sums, outs

def backward(layers, sums, outs, y, total):
    err = outs[-1] - y
    loss = 0.5 * np.sum(err**2)
    d = err * outs[-1] * (1 - outs[-1])
    for k in reversed(range(len(layers))):
        total[k]["W"] += np.outer(d, outs[k])
        total[k]["b"] += d
        if k > 0:
            back = layers[k]["W"].T @ d
            d = back * bend_slope(sums[k - 1])
    return loss

def update(layer, total, rate):
    layer["W"] = layer["W"] - rate * total["W"]
    layer["b"] = layer["b"] - rate * total["b"]

def learn(layers, X, Y, rate):
    total = [{"W": np.zeros(layer["W"].shape), "b": np.zeros(layer["b"].shape)} for layer in layers]
    m = X.shape[1]
    for i in range(m):
        sums, outs = forward(layers, X[:, i])
        backward(layers, sums, outs, Y[:, i], total)
    for layer, gradient in zip(layers, total):
        update(layer, gradient, rate / m)
    return layers
''',
    "R": """
squash <- function(z) 1 / (1 + exp(-z))

bend <- function(z) tanh(z)

bend_slope <- function(z) {
  t <- tanh(z)
  1 - t * t
}

forward <- function(layers, x) {
  sums <- list()
  outs <- list(x)
  for (k in seq_along(layers)) {
    s <- as.vector(layers[[k]]$W %*% outs[[k]]) + layers[[k]]$b
    a <- if (k == length(layers)) squash(s) else bend(s)
    sums[[k]] <- s
    outs[[k + 1]] <- a
  }
  list(sums = sums, outs = outs)
}

backward <- function(layers, sums, outs, y, total) {
  last <- length(layers)
  err <- outs[[last + 1]] - y
  loss <- 0.5 * sum(err^2)
  d <- err * outs[[last + 1]] * (1 - outs[[last + 1]])
  for (k in last:1) {
    total[[k]]$W <- total[[k]]$W + outer(d, outs[[k]])
    total[[k]]$b <- total[[k]]$b + d
    if (k > 1) {
      back <- as.vector(t(layers[[k]]$W) %*% d)
      d <- back * bend_slope(sums[[k - 1]])
    }
  }
  total
}

update <- function(layer, total, rate) {
  layer$W <- layer$W - rate * total$W
  layer$b <- layer$b - rate * total$b
  layer
}

learn <- function(layers, X, Y, rate) {
  total <- lapply(layers, function(layer) list(W = 0 * layer$W, b = 0 * layer$b))
  m <- ncol(X)
  for (i in seq_len(m)) {
    f <- forward(layers, X[, i])
    total <- backward(layers, f$sums, f$outs, Y[, i], total)
  }
  for (k in seq_along(layers)) {
    layers[[k]] <- update(layers[[k]], total[[k]], rate / m)
  }
  layers
}
""",
}
ADAPTER = {
    "py": """
def step(W, b, X, Y, eta):
    layers = learn([{"W": w.copy(), "b": v.copy()} for w, v in zip(W, b)], X, Y, eta)
    return [layer["W"] for layer in layers], [layer["b"] for layer in layers]
""",
    "R": """
step <- function(W, b, X, Y, eta) {
  layers <- learn(Map(function(w, v) list(W = w, b = v), W, b), X, Y, eta)
  list(W = lapply(layers, `[[`, "W"), b = lapply(layers, `[[`, "b"))
}
""",
}
#: language, what stands there, what is planted (nothing: the statement is forgotten), words of a line that may be named
PLANTED = [
    ("py", "bend_slope(sums[k - 1])", "bend_slope(outs[k])", ["bend_slope(outs[k])"]),
    ("py", '["W"] += np.outer', '["W"] = np.outer', ['["W"] = np.outer']),
    ("py", "outs.append(a)", "outs.append(s)", ["outs.append(s)", "a = squash"]),
    ("py", "sums.append(s)", "sums.append(a)", ["sums.append(a)"]),
    ("py", "zip(layers, total)", "zip(layers[-1:], total[-1:])", ["zip(layers[-1:]", "update(layer, gradient"]),
    ("py", "d = err * outs", "d = err**2 * outs", ["d = err**2"]),
    ("py", "err = outs[-1] - y", "err = y - outs[-1]", ["err = y"]),
    ("py", '        total[k]["b"] += d\n', "", ['["W"] += np.outer']),
    ("py", "    t = np.tanh(z)\n", "    t = z\n", ["t = z", "1 - t * t", "bend_slope(sums"]),
    ("R", "bend_slope(sums[[k - 1]])", "bend_slope(outs[[k]])", ["bend_slope(outs[[k]])"]),
    ("R", "$W + outer(", "$W * 0 + outer(", ["$W * 0"]),
    ("R", "outs[[k + 1]] <- a", "outs[[k + 1]] <- s", ["outs[[k + 1]] <- s", "a <- if"]),
    ("R", "sums[[k]] <- s", "sums[[k]] <- a", ["sums[[k]] <- a"]),
    ("R", "for (k in seq_along(layers)) {\n    layers", "for (k in length(layers)) {\n    layers",
     ["in length(layers)", "layers[[k]] <- update("]),
    ("R", "d <- err * outs", "d <- err^2 * outs", ["d <- err^2"]),
    ("R", "err <- outs[[last + 1]] - y", "err <- y - outs[[last + 1]]", ["err <- y"]),
    ("R", "    total[[k]]$b <- total[[k]]$b + d\n", "", ["$W + outer("]),
    ("R", "  t <- tanh(z)\n", "  t <- z\n", ["t <- z", "1 - t * t", "bend_slope(sums"]),
]  # fmt: skip


def diagnosed(folder, ending, source):
    """The report on a source, as JSON."""
    (folder / f"network.{ending}").write_text(source, encoding="utf-8")
    (folder / f"adapter.{ending}").write_text(ADAPTER[ending], encoding="utf-8")
    diagnosis = diagnose(
        folder / f"network.{ending}", folder / f"adapter.{ending}", sizes=[4, 6, 5, 3], activation="tanh",
        output_activation="sigmoid", loss="quadratic",
    )  # fmt: skip
    return json.loads(json.dumps(diagnosis.report))


def test_the_network_is_right(tmp_path, ending):
    assert diagnosed(tmp_path, ending, NETWORK[ending])["verdict"] == "ok"


@pytest.mark.parametrize(
    ("ending", "was", "new", "words"),
    [pytest.param(*row, id=f"{row[0]}-{row[3][0]}") for row in PLANTED],
)
def test_the_place_is_named(tmp_path, ending, was, new, words):
    assert NETWORK[ending].count(was) == 1
    source = NETWORK[ending].replace(was, new)
    report = diagnosed(tmp_path, ending, source)
    assert report["verdict"] == "bug"
    line = source.split("\n")[report["findings"][0]["line"] - 1]
    assert any(word in line for word in words), line


@pytest.mark.parametrize(
    ("ending", "was", "new"),
    [
        ("py", 'layer["b"] - rate * total["b"]', 'np.append(layer["b"] - rate * total["b"], 0)'),
        pytest.param("R", "layer$b - rate * total$b", "c(layer$b - rate * total$b, 0)"),
    ],
)
def test_a_parameter_of_another_shape_is_no_matter_of_the_adapter(tmp_path, ending, was, new):
    assert NETWORK[ending].count(was) == 1
    source = NETWORK[ending].replace(was, new)
    first = diagnosed(tmp_path, ending, source)["findings"][0]
    assert first["file"] == f"network.{ending}"
    assert new in source.split("\n")[first["line"] - 1]
