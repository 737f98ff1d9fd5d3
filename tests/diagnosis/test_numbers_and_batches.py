"""A network of lists of numbers and one of shuffled batches: where a mistake stands is told in both."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from named import check_named, report_of  # a helper beside the tests, which are no package

pytestmark = pytest.mark.usefixtures("patience")


NUMBERS = {
    "py": """
import math

def bend(s):
    return max(0.0, s)

def slope(s):
    return 1.0 if s > 0 else 0.0

def squash(s):
    return 1.0 / (1.0 + math.exp(-s))

def forward(layers, x):
    sums, outs = [], [x]
    for k, (V, c) in enumerate(layers):
        z, a = [], []
        for j in range(len(c)):
            total = c[j]
            for i in range(len(outs[k])):
                total += V[j][i] * outs[k][i]
            z.append(total)
            a.append(squash(total) if k == len(layers) - 1 else bend(total))
        sums.append(z)
        outs.append(a)
    return sums, outs

def backward(layers, sums, outs, y):
    error = [t - o for t, o in zip(y, outs[-1])]
    down = [e * o * (1 - o) for e, o in zip(error, outs[-1])]
    found = [None] * len(layers)
    for k in reversed(range(len(layers))):
        V, c = layers[k]
        gV = [[down[j] * outs[k][i] for i in range(len(outs[k]))] for j in range(len(c))]
        gc = [down[j] for j in range(len(c))]
        found[k] = (gV, gc)
        if k > 0:
            below = []
            for i in range(len(outs[k])):
                d = sum(V[j][i] * down[j] for j in range(len(c)))
                d *= slope(sums[k - 1][i])
                below.append(d)
            down = below
    return found

def learn(layers, samples, rate):
    added = [([[0.0] * len(V[0]) for _ in V], [0.0] * len(c)) for V, c in layers]
    for x, y in samples:
        sums, outs = forward(layers, x)
        found = backward(layers, sums, outs, y)
        for k in range(len(layers)):
            for j in range(len(found[k][1])):
                for i in range(len(found[k][0][j])):
                    added[k][0][j][i] += found[k][0][j][i]
                added[k][1][j] += found[k][1][j]
    m = len(samples)
    means = [
        ([[g / m for g in row] for row in gV],
         [g / m for g in gc])
        for gV, gc in added
    ]
    for k, (V, c) in enumerate(layers):
        for j in range(len(c)):
            for i in range(len(V[j])):
                V[j][i] += rate * means[k][0][j][i]
            c[j] += rate * means[k][1][j]

def step(W, b, X, Y, eta):
    layers = [(w.tolist(), v.tolist()) for w, v in zip(W, b)]
    learn(layers, [(x.tolist(), y.tolist()) for x, y in zip(X.T, Y.T)], eta)
    import numpy as np
    return [np.array(V) for V, _ in layers], [np.array(c) for _, c in layers]
""",
    "R": """
bend <- function(s) max(0, s)

slope <- function(s) if (s > 0) 1 else 0

squash <- function(s) 1 / (1 + exp(-s))

forward <- function(layers, x) {
  sums <- list()
  outs <- list(x)
  for (k in seq_along(layers)) {
    V <- layers[[k]]$V
    c0 <- layers[[k]]$c
    z <- numeric(length(c0))
    a <- numeric(length(c0))
    for (j in seq_along(c0)) {
      total <- c0[j]
      for (i in seq_along(outs[[k]])) {
        total <- total + V[j, i] * outs[[k]][i]
      }
      z[j] <- total
      a[j] <- if (k == length(layers)) squash(total) else bend(total)
    }
    sums[[k]] <- z
    outs[[k + 1]] <- a
  }
  list(sums = sums, outs = outs)
}

backward <- function(layers, sums, outs, y) {
  last <- outs[[length(outs)]]
  error <- y - last
  down <- error * last * (1 - last)
  found <- list()
  for (k in length(layers):1) {
    V <- layers[[k]]$V
    gV <- 0 * V
    gc <- 0 * layers[[k]]$c
    for (j in seq_along(gc)) {
      for (i in seq_len(ncol(V))) gV[j, i] <- down[j] * outs[[k]][i]
      gc[j] <- down[j]
    }
    found[[k]] <- list(V = gV, c = gc)
    if (k > 1) {
      below <- numeric(ncol(V))
      for (i in seq_len(ncol(V))) {
        d <- sum(V[, i] * down)
        d <- d * slope(sums[[k - 1]][i])
        below[i] <- d
      }
      down <- below
    }
  }
  found
}

step <- function(W, b, X, Y, eta) {
  layers <- Map(function(w, v) list(V = w, c = v), W, b)
  added <- lapply(layers, function(layer) list(V = 0 * layer$V, c = 0 * layer$c))
  m <- ncol(X)
  for (s in seq_len(m)) {
    f <- forward(layers, X[, s])
    found <- backward(layers, f$sums, f$outs, Y[, s])
    for (k in seq_along(layers)) {
      added[[k]]$V <- added[[k]]$V + found[[k]]$V
      added[[k]]$c <- added[[k]]$c + found[[k]]$c
    }
  }
  means <- lapply(added, function(g) list(V = g$V / m,
                                          c = g$c / m))
  for (k in seq_along(layers)) {
    layers[[k]]$V <- layers[[k]]$V + eta * means[[k]]$V
    layers[[k]]$c <- layers[[k]]$c + eta * means[[k]]$c
  }
  list(W = lapply(layers, `[[`, "V"), b = lapply(layers, `[[`, "c"))
}
""",
}
#: Language, what stands there, what is planted, a word of the lines to be named, id.
IN_NUMBERS = [
    ("py", "total = c[j]\n", "total = c[j] + (total if j else 0.0)\n", "total", "accumulator-not-reset|None"),
    ("py", "1.0 if s > 0 else 0.0", "max(0.0, s)", "d *= slope", "activation-as-derivative"),
    ("py", "[g / m for g in gc]", "[g for g in gc]", "means = [", "sum-for-mean"),
    ("py", "gc = [down[j]", "gc = [down[0]", "gc = [down[0]", "bias-gradient-collapsed"),
    ("py", "added[k][1][j] += found[k][1][j]", "pass", "gc = [down[j]", "bias-missing"),
    ("py", "V[j][i] += rate", "V[j][i] -= rate", "V[j][i] -= rate", "ascent"),
    ("R", "total <- c0[j]\n", "total <- c0[j] + (if (j > 1) total else 0)\n", "total", "accumulator-not-reset|None"),
    ("R", "1 else 0", "s else 0", "slope", "activation-as-derivative"),
    ("R", "c = g$c / m", "c = g$c", "means <-", "sum-for-mean"),
    ("R", "gc[j] <- down[j]", "gc[j] <- down[1]", "gc[j] <- down[1]", "bias-gradient-collapsed"),
    ("R", "      added[[k]]$c <- added[[k]]$c + found[[k]]$c\n", "", "gc[j] <- down[j]", "bias-missing"),
    ("R", "$V + eta", "$V - eta", "$V - eta", "ascent"),
]

BATCHES = {
    "py": """
import numpy as np

def soft(z):
    e = np.exp(z)
    return e / np.sum(e, axis=1, keepdims=True)

def terms(target, out):
    return -target * np.log(out)

def epoch(V, c, data, labels, rate):
    order = np.random.permutation(len(data))
    x = data[order]
    t = labels[order]
    m = len(x)
    s1 = x @ V[0] + c[0]
    h1 = np.tanh(s1)
    s2 = h1 @ V[1] + c[1]
    h2 = np.tanh(s2)
    s3 = h2 @ V[2] + c[2]
    out = soft(s3)
    d3 = out - t
    value = np.mean(np.sum(terms(t, out), axis=1))
    deltas = [d3]
    for below, weights in ((h2, V[2]), (h1, V[1])):
        back = deltas[-1] @ weights.T
        d = back * (1 - below**2)
        deltas.append(d)
    g3 = h2.T @ deltas[0] / m
    g2 = h1.T @ deltas[1] / m
    g1 = x.T @ deltas[2] / m
    V = [V[0] - rate * g1, V[1] - rate * g2, V[2] - rate * g3]
    c = [c[0] - rate * deltas[2].mean(axis=0), c[1] - rate * deltas[1].mean(axis=0), c[2] - rate * d3.mean(axis=0)]
    return V, c

def step(W, b, X, Y, eta):
    V, c = epoch([w.T for w in W], b, X.T, Y.T, eta)
    return [v.T for v in V], c
""",
    "R": """
soft <- function(z) {
  e <- exp(z)
  e / rowSums(e)
}

terms <- function(target, out) -target * log(out)

epoch <- function(V, c0, data, labels, rate) {
  order <- sample(nrow(data))
  x <- data[order, ]
  t0 <- labels[order, ]
  m <- nrow(x)
  s1 <- sweep(x %*% V[[1]], 2, c0[[1]], "+")
  h1 <- tanh(s1)
  s2 <- sweep(h1 %*% V[[2]], 2, c0[[2]], "+")
  h2 <- tanh(s2)
  s3 <- sweep(h2 %*% V[[3]], 2, c0[[3]], "+")
  out <- soft(s3)
  d3 <- out - t0
  value <- sum(terms(t0, out)) / m
  d2 <- (d3 %*% t(V[[3]])) * (1 - h2^2)
  d1 <- (d2 %*% t(V[[2]])) * (1 - h1^2)
  g3 <- t(h2) %*% d3 / m
  g2 <- t(h1) %*% d2 / m
  g1 <- t(x) %*% d1 / m
  V[[1]] <- V[[1]] - rate * g1
  V[[2]] <- V[[2]] - rate * g2
  V[[3]] <- V[[3]] - rate * g3
  list(V, list(c0[[1]] - rate * colMeans(d1), c0[[2]] - rate * colMeans(d2), c0[[3]] - rate * colMeans(d3)))
}

step <- function(W, b, X, Y, eta) {
  new <- epoch(lapply(W, t), b, t(X), t(Y), eta)
  list(W = lapply(new[[1]], t), b = new[[2]])
}
""",
}
IN_BATCHES = [
    ("py", "t = labels[order]", "t = labels", "t = labels", "shuffle-unpaired"),
    ("py", "V[0] - rate * g1", "V[0] - rate * g1 * m", "g1 * m", "sum-for-mean"),
    ("py", "V[1] - rate * g2", "V[1] - rate * g2.mean()", "g2.mean()", "np-scalar-sum"),
    ("py", "np.sum(e, axis=1, keepdims=True)", "np.sum(z, axis=1, keepdims=True)", "return e / np.sum(z", "None"),
    ("py", "d3 = out - t", "d3 = terms(t, out)", "d3 = terms(t, out)", "None"),
    ("py", "deltas.append(d)", "deltas.append(back)", "deltas.append(back)", "missing-activation-derivative"),
    ("py", "back = deltas[-1] @", "back = (deltas[-1] if weights is V[2] else deltas[0] @ V[2].T) @", "back = (deltas",
     "missing-activation-derivative"),
    ("py", "x.T @ deltas[2] / m", "np.tanh(x).T @ deltas[2] / m", "np.tanh(x)", "None"),
    ("R", "t0 <- labels[order, ]", "t0 <- labels", "t0 <- labels", "shuffle-unpaired"),
    ("R", "V[[1]] - rate * g1", "V[[1]] - rate * g1 * m", "g1 * m", "sum-for-mean"),
    ("R", "V[[2]] - rate * g2", "V[[2]] - rate * mean(g2)", "mean(g2)", "None"),
    ("R", "e / rowSums(e)", "e / rowSums(z)", "e / rowSums(z)", "None"),
    ("R", "d3 <- out - t0", "d3 <- terms(t0, out)", "d3 <- terms(t0, out)", "None"),
    ("R", "(d2 %*% t(V[[2]]))", "(d3 %*% t(V[[3]]) %*% t(V[[2]]))", "d1 <-", "missing-activation-derivative"),
    ("R", "t(x) %*% d1 / m", "t(tanh(x)) %*% d1 / m", "tanh(x)", "None"),
]  # fmt: skip
OPTIONS = {
    "numbers": {"sizes": [4, 6, 5, 3], "activation": "relu", "output_activation": "sigmoid", "loss": "quadratic"},
    "batches": {"sizes": [4, 6, 5, 3], "activation": "tanh", "output_activation": "softmax",
                "loss": "categorical_cross_entropy"},
}  # fmt: skip


@pytest.mark.parametrize(("kind", "network"), [("numbers", NUMBERS), ("batches", BATCHES)])
def test_the_networks_are_right(tmp_path, ending, kind, network):
    assert report_of(tmp_path, ending, network[ending], OPTIONS[kind])["verdict"] == "ok"


CASES = [("numbers", *row) for row in IN_NUMBERS] + [("batches", *row) for row in IN_BATCHES]


@pytest.mark.parametrize(
    ("kind", "ending", "was", "new", "word", "id"),
    [pytest.param(*row, id=f"{row[0]}-{row[1]}-{row[3].strip()}") for row in CASES],
)
def test_the_line_is_named(tmp_path, kind, ending, was, new, word, id):
    network = {"numbers": NUMBERS, "batches": BATCHES}[kind][ending]
    check_named(tmp_path, ending, network, was, new, word, id, OPTIONS[kind])
