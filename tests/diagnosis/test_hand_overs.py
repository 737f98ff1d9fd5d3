"""Values on their way through masks, lists of deltas and records of units: where a factor is lost or another taken."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from named import check_named, report_of  # a helper beside the tests, which are no package

pytestmark = pytest.mark.usefixtures("patience")


MASKS = {
    "py": """
import numpy as np

def bend(z):
    return np.maximum(z, 0)

def bent(z):
    return (z > 0).astype(float)

def shares(z):
    e = np.exp(z)
    total = e.sum(axis=0)
    return e / total

def pull(out, y):
    return (out - y) / y.shape[1]

def step(W, b, X, Y, eta):
    z1 = W[0] @ X + b[0][:, None]
    a1 = bend(z1)
    z2 = W[1] @ a1 + b[1][:, None]
    a2 = bend(z2)
    out = shares(W[2] @ a2 + b[2][:, None])
    d3 = pull(out, Y)
    back2 = W[2].T @ d3
    d2 = back2 * bent(z2)
    back1 = W[1].T @ d2
    mask1 = bent(z1)
    d1 = back1 * mask1
    g3 = d3 @ a2.T
    g = [d1 @ X.T, d2 @ a1.T, g3]
    h = [d.sum(axis=1) for d in (d1, d2, d3)]
    return [w - eta * k for w, k in zip(W, g)], [v - eta * k for v, k in zip(b, h)]
""",
    "R": """
bend <- function(z) {
  z[z < 0] <- 0
  z
}

bent <- function(z) 1 * (z > 0)

shares <- function(z) {
  e <- exp(z)
  total <- colSums(e)
  sweep(e, 2, total, "/")
}

pull <- function(out, y) (out - y) / ncol(y)

step <- function(W, b, X, Y, eta) {
  z1 <- W[[1]] %*% X + b[[1]]
  a1 <- bend(z1)
  z2 <- W[[2]] %*% a1 + b[[2]]
  a2 <- bend(z2)
  out <- shares(W[[3]] %*% a2 + b[[3]])
  d3 <- pull(out, Y)
  back2 <- t(W[[3]]) %*% d3
  d2 <- back2 * bent(z2)
  back1 <- t(W[[2]]) %*% d2
  mask1 <- bent(z1)
  d1 <- back1 * mask1
  g3 <- d3 %*% t(a2)
  g <- list(d1 %*% t(X), d2 %*% t(a1), g3)
  h <- lapply(list(d1, d2, d3), rowSums)
  list(W = Map(function(w, k) w - eta * k, W, g), b = Map(function(v, k) v - eta * k, b, h))
}
""",
}
#: Language, what stands there, what is planted, a word of the lines to be named, id.
IN_MASKS = [
    ("py", "mask1 = bent(z1)", "mask1 = bent(back1)", "mask1", "relu-mask-wrong"),
    ("py", "mask1 = bent(z1)", "mask1 = bend(a1)", "mask1 = bend", "activation-as-derivative"),
    ("py", "g3 = d3 @ a2.T", "g3 = d3 @ bent(z2).T", "g3 =", "None"),
    ("py", "total = e.sum", "total = z.sum", "total", "None"),
    ("py", "(out - y) / y.shape[1]", "-y / out / y.shape[1]", "-y / out", "missing-output-derivative"),
    ("R", "mask1 <- bent(z1)", "mask1 <- bent(back1)", "mask1", "relu-mask-wrong"),
    ("R", "mask1 <- bent(z1)", "mask1 <- bend(a1)", "mask1 <- bend", "activation-as-derivative"),
    ("R", "g3 <- d3 %*% t(a2)", "g3 <- d3 %*% t(bent(z2))", "g3 <-", "None"),
    ("R", "total <- colSums(e)", "total <- colSums(z)", "total", "None"),
    ("R", "(out - y) / ncol(y)", "-y / out / ncol(y)", "-y / out", "missing-output-derivative"),
]


LISTS = {
    "py": """
import numpy as np

def squash(z):
    return np.tanh(z)

def slope(a):
    return 1 - a ** 2

def miss(out, y):
    gap = out - y
    return float(gap @ gap) / 2

def pull(out, y):
    return out - y

def step(W, b, X, Y, eta):
    n, missed = X.shape[1], 0.0
    xs, ys = X.T, Y.T
    G, H = [np.zeros_like(w) for w in W], [np.zeros_like(v) for v in b]
    for x, y in zip(xs, ys):
        acts = [x]
        for v, h in zip(W, b):
            acts.append(squash(v @ acts[-1] + h))
        missed += miss(acts[-1], y)
        error = pull(acts[-1], y)
        signals = [error * slope(acts[-1])]
        for k in range(len(W) - 1, 0, -1):
            signals.append((W[k].T @ signals[-1]) * slope(acts[k]))
        signals.reverse()
        for k in range(len(W)):
            signal = np.atleast_1d(signals[k])
            G[k] += np.outer(signal, acts[k])
            H[k] += signal
    return [w - eta * g / n for w, g in zip(W, G)], [v - eta * h / n for v, h in zip(b, H)]
""",
    "R": """
squash <- function(z) tanh(z)

slope <- function(a) 1 - a^2

miss <- function(out, y) {
  gap <- out - y
  sum(gap * gap) / 2
}

pull <- function(out, y) {
  out - y
}

step <- function(W, b, X, Y, eta) {
  n <- ncol(X)
  L <- length(W)
  missed <- 0
  G <- lapply(W, function(w) 0 * w)
  H <- lapply(b, function(v) 0 * v)
  for (i in 1:n) {
    y <- Y[, i]
    acts <- list(X[, i])
    for (k in 1:L) {
      acts[[k + 1]] <- squash(as.vector(W[[k]] %*% acts[[k]]) + b[[k]])
    }
    missed <- missed + miss(acts[[L + 1]], y)
    error <- pull(acts[[L + 1]], y)
    signals <- vector("list", L)
    signals[[L]] <- error * slope(acts[[L + 1]])
    for (k in (L - 1):1) {
      signals[[k]] <- as.vector(t(W[[k + 1]]) %*% signals[[k + 1]]) * slope(acts[[k + 1]])
    }
    for (k in 1:L) {
      signal <- c(signals[[k]])
      G[[k]] <- G[[k]] + signal %o% acts[[k]]
      H[[k]] <- H[[k]] + signal
    }
  }
  list(W = Map(function(w, g) w - eta * g / n, W, G), b = Map(function(v, h) v - eta * h / n, b, H))
}
""",
}
OMITTED = "missing-output-derivative|missing-activation-derivative"
IN_LISTS = [
    ("py", "[error * slope(acts[-1])]", "[error]", "signals = [error]", OMITTED),
    ("py", "squash(v @ acts[-1] + h)", "squash(v @ acts[-1]) + h", "acts.append(squash", "bias-missing"),
    ("py", "    return out - y", "    return y - out", "return y - out", "ascent"),
    ("py", "pull(acts[-1], y)", "pull(acts[-1], ys[0])", "ys[0]", "batch-lost"),
    ("py", "H[k] += signal", "H[k] += signal.mean()", "signal.mean()", "np-scalar-sum"),
    ("py", "1 - a ** 2", "1 - a * 2", "1 - a * 2", "wrong-derivative"),
    ("R", "signals[[L]] <- error * slope(acts[[L + 1]])", "signals[[L]] <- error", "signals[[L]]", OMITTED),
    ("R", "%*% acts[[k]]) + b[[k]])", "%*% acts[[k]])) + b[[k]]", "squash(as.vector", "bias-missing"),
    ("R", "  out - y\n", "  y - out\n", "y - out", "ascent"),
    ("R", "y <- Y[, i]", "y <- Y[, 1]", "Y[, 1]", "batch-lost"),
    ("R", "H[[k]] + signal", "H[[k]] + mean(signal)", "mean(signal)", "bias-gradient-collapsed"),
    ("R", "1 - a^2", "1 - a * 2", "1 - a * 2", "wrong-derivative"),
]


RECORDS = {
    "py": """
import math

def fire(z):
    return 1 / (1 + math.exp(-z))

def forth(layers, x):
    for layer in layers:
        for unit in layer:
            z = unit["bias"]
            for j, given in enumerate(x):
                z += unit["weights"][j] * given
            unit["out"] = fire(z)
        x = [unit["out"] for unit in layer]

def back(layers, wanted):
    for i in reversed(range(len(layers))):
        layer, errors = layers[i], []
        for j, unit in enumerate(layer):
            if i == len(layers) - 1:
                errors.append(unit["out"] - wanted[j])
            else:
                error = 0.0
                for upper in layers[i + 1]:
                    error += upper["weights"][j] * upper["delta"]
                errors.append(error)
        for j, unit in enumerate(layer):
            unit["delta"] = errors[j] * unit["out"] * (1 - unit["out"])

def gather(layers, x):
    for layer in layers:
        for unit in layer:
            for j, given in enumerate(x):
                unit["turn"][j] += unit["delta"] * given
            unit["lean"] += unit["delta"]
        x = [unit["out"] for unit in layer]

def number(x):
    return float(x)

def step(W, b, X, Y, eta):
    layers = [[{"weights": [number(x) for x in row], "bias": number(v), "turn": [number(0)] * len(row),
                "lean": number(0)} for row, v in zip(w, c)] for w, c in zip(W, b)]
    n = X.shape[1]
    for i in range(n):
        x = [number(v) for v in X[:, i]]
        forth(layers, x)
        back(layers, [number(v) for v in Y[:, i]])
        gather(layers, x)
    new = [[[w - number(eta) * t / n for w, t in zip(u["weights"], u["turn"])] for u in layer] for layer in layers]
    return new, [[u["bias"] - number(eta) * u["lean"] / n for u in layer] for layer in layers]
""",
    "R": """
fire <- function(z) 1 / (1 + exp(-z))

forth <- function(layers, x) {
  for (i in seq_along(layers)) {
    for (j in seq_along(layers[[i]])) {
      z <- layers[[i]][[j]]$bias
      for (k in seq_along(x)) z <- z + layers[[i]][[j]]$weights[k] * x[k]
      layers[[i]][[j]]$out <- fire(z)
    }
    x <- sapply(layers[[i]], function(unit) unit$out)
  }
  layers
}

back <- function(layers, wanted) {
  for (i in length(layers):1) {
    layer <- layers[[i]]
    errors <- c()
    for (j in seq_along(layer)) {
      if (i == length(layers)) {
        errors <- c(errors, layer[[j]]$out - wanted[j])
      } else {
        error <- 0
        for (upper in layers[[i + 1]]) error <- error + upper$weights[j] * upper$delta
        errors <- c(errors, error)
      }
    }
    for (j in seq_along(layer)) {
      unit <- layer[[j]]
      unit$delta <- errors[j] * unit$out * (1 - unit$out)
      layer[[j]] <- unit
    }
    layers[[i]] <- layer
  }
  layers
}

gather <- function(layers, x) {
  for (i in seq_along(layers)) {
    for (j in seq_along(layers[[i]])) {
      unit <- layers[[i]][[j]]
      unit$turn <- unit$turn + unit$delta * x
      unit$lean <- unit$lean + unit$delta
      layers[[i]][[j]] <- unit
    }
    x <- sapply(layers[[i]], function(unit) unit$out)
  }
  layers
}

step <- function(W, b, X, Y, eta) {
  n <- ncol(X)
  layers <- lapply(seq_along(W), function(l) lapply(seq_along(b[[l]]), function(j)
    list(weights = W[[l]][j, ], bias = b[[l]][j], turn = 0 * W[[l]][j, ], lean = 0, delta = 0)))
  for (i in 1:n) {
    layers <- forth(layers, X[, i])
    layers <- back(layers, Y[, i])
    layers <- gather(layers, X[, i])
  }
  list(W = lapply(layers, function(layer) do.call(rbind, lapply(layer, function(u) u$weights - eta * u$turn / n))),
       b = lapply(layers, function(layer) sapply(layer, function(u) u$bias - eta * u$lean / n)))
}
""",
}
FLOATS = "def number(x):\n    return float(x)\n"
DECIMALS = "from decimal import Decimal\n\ndef number(x):\n    return Decimal(float(x))\n"
RECORDS["decimal"] = RECORDS["py"].replace(FLOATS, DECIMALS).replace("math.exp(-z)", "(-z).exp()")
RECORDS["decimal"] = RECORDS["decimal"].replace("error = 0.0", "error = number(0)")
IN_RECORDS = [
    ("py", 'errors[j] * unit["out"] * (1 - unit["out"])', "errors[j]", "= errors[j]", OMITTED),
    ("decimal", 'errors[j] * unit["out"] * (1 - unit["out"])', "errors[j]", "= errors[j]", OMITTED),
    ("R", "errors[j] * unit$out * (1 - unit$out)", "errors[j]", "unit$delta <-", OMITTED),
    ("R", "    layers[[i]] <- layer\n", "", "layer[[j]] <- unit", "update-lost|r-copy-semantics"),
]


def options_of(sizes, activation, output, loss):
    return {"sizes": sizes, "activation": activation, "output_activation": output, "loss": loss}


SHARED = options_of([4, 6, 5, 3], "relu", "softmax", "categorical_cross_entropy")
KINDS = {
    "masks": (MASKS, SHARED, IN_MASKS),
    "lists": (LISTS, options_of([4, 6, 5, 3], "tanh", "tanh", "quadratic"), IN_LISTS),
    "records": (RECORDS, options_of([4, 5, 3], "sigmoid", "sigmoid", "quadratic"), IN_RECORDS),
}
HEALTHY = [(language, kind) for kind, (networks, _, _) in KINDS.items() for language in networks]
PLANTED = [(kind, *row) for kind, (_, _, rows) in KINDS.items() for row in rows]


def ending_of(language):
    return "py" if language == "decimal" else language


@pytest.mark.parametrize(("language", "kind"), HEALTHY)
def test_the_networks_are_right(tmp_path, language, kind):
    networks, options, _ = KINDS[kind]
    report = report_of(tmp_path, ending_of(language), networks[language], options)
    assert report["verdict"] == "ok"
    assert "delta1" in report["verified"]


@pytest.mark.parametrize(("kind", "language", "was", "new", "word", "ids"), PLANTED)
def test_the_line_is_named(tmp_path, kind, language, was, new, word, ids):
    networks, options, _ = KINDS[kind]
    check_named(tmp_path, ending_of(language), networks[language], was, new, word, ids, options)


TWO_SEVENTY_ONE = [
    ("py", "np.tanh(z)", "(2.71 ** z - 2.71 ** -z) / (2.71 ** z + 2.71 ** -z)"),
    ("R", "function(z) tanh(z)", "function(z) (2.71^z - 2.71^-z) / (2.71^z + 2.71^-z)"),
]


@pytest.mark.parametrize(("language", "was", "new"), TWO_SEVENTY_ONE)
def test_one_wrong_helper_in_two_layers_is_one_finding(tmp_path, language, was, new):
    networks, options, _ = KINDS["lists"]
    assert networks[language].count(was) == 1
    report = report_of(tmp_path, language, networks[language].replace(was, new), options)
    assert [(one["quantity"], "2.71" in one["code"]) for one in report["findings"]] == [("A1", True)]


LEAKS = """
import numpy as np

def leak(z):
    return np.where(z > 0, z, 0.01 * z)

def unleak(d, z, slope=0.01):
    kept = np.array(d, copy=True)
    kept[z <= 0] *= slope
    return kept

def step(W, b, X, Y, eta):
    z1 = W[0] @ X + b[0][:, None]
    z2 = W[1] @ leak(z1) + b[1][:, None]
    d3 = (W[2] @ leak(z2) + b[2][:, None] - Y) / X.shape[1]
    d2 = unleak(W[2].T @ d3, z2)
    d1 = unleak(W[1].T @ d2, z1)
    g = [d1 @ X.T, d2 @ leak(z1).T, d3 @ leak(z2).T]
    h = [d.sum(axis=1) for d in (d1, d2, d3)]
    return [w - eta * k for w, k in zip(W, g)], [v - eta * k for v, k in zip(b, h)]
"""


def test_a_mask_multiplied_in_place_is_not_what_a_function_only_stores(tmp_path):
    options = options_of([4, 6, 5, 3], "leaky_relu", "linear", "quadratic")
    check_named(tmp_path, "py", LEAKS, "kept[z <= 0]", "kept[d <= 0]", "kept[d <= 0]", "relu-mask-wrong", options)


#: Language, what stands there, what is planted, the words of the way out.
STOPS = [
    ("py", "slope(acts[k]))", "slope(acts[k + 3]))", "Use an index that is there"),
    ("py", "error * slope", "errors * slope", "Use a name that is defined"),
    ("R", "t(W[[k + 1]])", "t(W[[k + 3]])", "Use an index that is there"),
    ("R", "<- error * slope", "<- errors * slope", "Use a name that is defined"),
]


@pytest.mark.parametrize(("language", "was", "new", "words"), STOPS)
def test_a_stop_without_shapes_says_what_to_look_for(tmp_path, language, was, new, words):
    networks, options, _ = KINDS["lists"]
    assert networks[language].count(was) == 1
    report = report_of(tmp_path, language, networks[language].replace(was, new), options)
    first = report["findings"][0]
    assert report["verdict"] == "crash"
    assert words in first["fix"]
    assert "dimensions" not in first["fix"]
