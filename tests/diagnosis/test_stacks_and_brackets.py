"""Biases stacked onto the inputs, softmax by its whole Jacobian, layers that get and set: what goes wrong there."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from named import check_named, report_of  # a helper beside the tests, which are no package

pytestmark = pytest.mark.usefixtures("patience")


STACKED = {
    "py": """
import numpy as np

def squash(z):
    return 1 / (1 + np.exp(-z))

def slope(a):
    return a * (1 - a)

def with_one(rows):
    return np.c_[rows, np.ones(rows.shape[0])]

def climb(V, X):
    rows = [X]
    for v in V:
        rows.append(squash(with_one(rows[-1]) @ v.T))
    return rows

def come_down(V, rows, Y):
    off = rows[-1] - Y
    signals = [off * slope(rows[-1])]
    for v, row in reversed(list(zip(V[1:], rows[1:-1]))):
        inner = v[:, :-1]
        signals.insert(0, (signals[0] @ inner) * slope(row))
    return signals

def take(V, rows, signals, rate):
    n = rows[0].shape[0]
    return [v - rate * (s.T @ with_one(r)) / n for v, s, r in zip(V, signals, rows)]

def step(W, b, X, Y, eta):
    V = [np.column_stack([w, v]) for w, v in zip(W, b)]
    rows = climb(V, X.T)
    signals = come_down(V, rows, Y.T)
    V = take(V, rows, signals, eta)
    return [v[:, :-1] for v in V], [v[:, -1] for v in V]
""",
    "R": """
squash <- function(z) 1 / (1 + exp(-z))

slope <- function(a) a * (1 - a)

with_one <- function(rows) cbind(rows, rep(1, nrow(rows)))

climb <- function(V, X) {
  rows <- list(X)
  for (k in seq_along(V)) {
    rows[[k + 1]] <- squash(with_one(rows[[k]]) %*% t(V[[k]]))
  }
  rows
}

come_down <- function(V, rows, Y) {
  L <- length(V)
  signals <- vector("list", L)
  off <- rows[[L + 1]] - Y
  signals[[L]] <- off * slope(rows[[L + 1]])
  for (k in rev(seq_len(L - 1))) {
    inner <- V[[k + 1]][, -ncol(V[[k + 1]])]
    signals[[k]] <- (signals[[k + 1]] %*% inner) * slope(rows[[k + 1]])
  }
  signals
}

take <- function(V, rows, signals, rate) {
  n <- nrow(rows[[1]])
  lapply(seq_along(V), function(k) V[[k]] - rate * (t(signals[[k]]) %*% with_one(rows[[k]])) / n)
}

step <- function(W, b, X, Y, eta) {
  V <- Map(cbind, W, b)
  rows <- climb(V, t(X))
  signals <- come_down(V, rows, t(Y))
  V <- take(V, rows, signals, eta)
  list(W = lapply(V, function(v) v[, -ncol(v)]), b = lapply(V, function(v) v[, ncol(v)]))
}
""",
}
#: Language, what stands there, what is planted, a word of the lines to be named, id.
IN_STACKS = [
    ("py", "np.c_[rows, np.ones(rows.shape[0])]", "np.c_[np.ones(rows.shape[0]), rows]", "np.c_[np.ones", "None"),
    ("py", "return a * (1 - a)", "return squash(a) * (1 - squash(a))", "squash(a)", "derivative-of-activation"),
    ("py", "inner = v[:, :-1]", "inner = v[:, 1:]", "inner = ", "None"),
    ("py", "rows[-1] - Y", "(rows[-1] - Y) ** 2", "** 2", "squared-error-as-delta"),
    ("R", "cbind(rows, rep(1, nrow(rows)))", "cbind(rep(1, nrow(rows)), rows)", "cbind(rep", "None"),
    ("R", "function(a) a * (1 - a)", "function(a) squash(a) * (1 - squash(a))", "squash(a) *",
     "derivative-of-activation"),
    ("R", "[, -ncol(V[[k + 1]])]", "[, -1]", "inner <-", "None"),
    ("R", "rows[[L + 1]] - Y", "(rows[[L + 1]] - Y)^2", "^2", "squared-error-as-delta"),
]  # fmt: skip


JACOBIAN = {
    "py": """
import numpy as np

def bend(z):
    return np.tanh(z)

def shares(z):
    e = np.exp(z - z.max())
    return e / e.sum()

def step(W, b, X, Y, eta):
    G, H = [np.zeros_like(w) for w in W], [np.zeros_like(v) for v in b]
    for x, y in zip(X.T, Y.T):
        acts = [x]
        for w, v in zip(W[:-1], b[:-1]):
            acts.append(bend(w @ acts[-1] + v))
        p = shares(W[-1] @ acts[-1] + b[-1])
        J = np.diag(p) - np.outer(p, p)
        signal = J @ (p - y)
        for k in reversed(range(len(W))):
            G[k] += np.outer(signal, acts[k])
            H[k] += signal
            if k > 0:
                signal = (W[k].T @ signal) * (1 - acts[k] ** 2)
    n = X.shape[1]
    return [w - eta * g / n for w, g in zip(W, G)], [v - eta * h / n for v, h in zip(b, H)]
""",
    "R": """
bend <- function(z) tanh(z)

shares <- function(z) {
  e <- exp(z - max(z))
  e / sum(e)
}

step <- function(W, b, X, Y, eta) {
  L <- length(W)
  G <- lapply(W, function(w) 0 * w)
  H <- lapply(b, function(v) 0 * v)
  for (i in seq_len(ncol(X))) {
    acts <- list(X[, i])
    for (k in seq_len(L - 1)) acts[[k + 1]] <- bend(as.vector(W[[k]] %*% acts[[k]]) + b[[k]])
    p <- shares(as.vector(W[[L]] %*% acts[[L]]) + b[[L]])
    J <- diag(p) - outer(p, p)
    signal <- as.vector(J %*% (p - Y[, i]))
    for (k in L:1) {
      G[[k]] <- G[[k]] + outer(signal, acts[[k]])
      H[[k]] <- H[[k]] + signal
      if (k > 1) signal <- as.vector(t(W[[k]]) %*% signal) * (1 - acts[[k]]^2)
    }
  }
  n <- ncol(X)
  list(W = Map(function(w, g) w - eta * g / n, W, G), b = Map(function(v, h) v - eta * h / n, b, H))
}
""",
}
IN_JACOBIANS = [
    ("py", "np.diag(p) - np.outer(p, p)", "np.diag(p * (1 - p))", "J = ", "softmax-jacobian-diagonal"),
    ("py", "np.diag(p) - np.outer(p, p)", "np.diag(p)", "J = ", "activation-as-derivative"),
    ("py", "J @ (p - y)", "J @ (p - y) ** 2", "** 2", "squared-error-as-delta"),
    ("py", "J @ (p - y)", "J @ np.abs(p - y)", "np.abs", "None"),
    ("R", "diag(p) - outer(p, p)", "diag(p * (1 - p))", "J <- ", "softmax-jacobian-diagonal"),
    ("R", "diag(p) - outer(p, p)", "diag(p)", "J <- ", "activation-as-derivative"),
    ("R", "J %*% (p - Y[, i])", "J %*% (p - Y[, i])^2", "^2", "squared-error-as-delta"),
    ("R", "J %*% (p - Y[, i])", "J %*% abs(p - Y[, i])", "abs(", "None"),
]


KEPT = {
    "py": """
import numpy as np

class Full:
    def __init__(self, w, v):
        self.w, self.v = w, v

    def there(self, rows):
        self.rows = rows
        return rows @ self.w + self.v

    def back(self, off):
        self.gw, self.gv = self.rows.T @ off / off.shape[0], off.mean(axis=0)
        return off @ self.w.T

    def move(self, rate):
        self.w = self.w - rate * self.gw
        self.v = self.v - rate * self.gv


class Bend:
    def there(self, rows):
        self.out = np.tanh(rows)
        return self.out

    def back(self, off):
        return off * (1 - self.out ** 2)

    def move(self, rate):
        pass


class Miss:
    def there(self, out, aim):
        self.out, self.aim = out, aim
        return float(((out - aim) ** 2).sum()) / 2

    def back(self):
        return self.out - self.aim


def step(W, b, X, Y, eta):
    parts = []
    for w, v in zip(W, b):
        parts += [Full(w.T.copy(), v.copy()), Bend()]
    rows = X.T
    for part in parts:
        rows = part.there(rows)
    miss = Miss()
    cost = miss.there(rows, Y.T)
    off = miss.back()
    for part in reversed(parts):
        off = part.back(off)
    for part in parts:
        part.move(eta)
    return [part.w.T for part in parts[::2]], [part.v for part in parts[::2]]
""",
    "R": """
full <- function(w, v) {
  own <- new.env()
  own$w <- w
  own$v <- v
  own$there <- function(rows) {
    own$rows <- rows
    t(t(rows %*% own$w) + own$v)
  }
  own$back <- function(off) {
    own$gw <- t(own$rows) %*% off / nrow(off)
    own$gv <- colMeans(off)
    off %*% t(own$w)
  }
  own$move <- function(rate) {
    own$w <- own$w - rate * own$gw
    own$v <- own$v - rate * own$gv
  }
  own
}

bend <- function() {
  own <- new.env()
  own$there <- function(rows) {
    own$out <- tanh(rows)
    own$out
  }
  own$back <- function(off) off * (1 - own$out^2)
  own$move <- function(rate) NULL
  own
}

miss <- function() {
  own <- new.env()
  own$there <- function(out, aim) {
    own$out <- out
    own$aim <- aim
    sum((out - aim)^2) / 2
  }
  own$back <- function() own$out - own$aim
  own
}

step <- function(W, b, X, Y, eta) {
  parts <- list()
  for (k in seq_along(W)) parts <- c(parts, full(t(W[[k]]), b[[k]]), bend())
  rows <- t(X)
  for (part in parts) rows <- part$there(rows)
  last <- miss()
  cost <- last$there(rows, t(Y))
  off <- last$back()
  for (part in rev(parts)) {
    off <- part$back(off)
  }
  for (part in parts) part$move(eta)
  list(W = lapply(parts[c(TRUE, FALSE)], function(part) t(part$w)),
       b = lapply(parts[c(TRUE, FALSE)], function(part) part$v))
}
""",
}
IN_PARTS = [
    ("py", "return self.out - self.aim", "return (self.out - self.aim) ** 2", "** 2", "squared-error-as-delta"),
    ("py", "rows @ self.w + self.v", "rows @ self.w", "rows @ self.w", "bias-missing"),
    ("py", "self.v = self.v - rate", "v = self.v - rate", "v = self.v - rate", "update-lost"),
    ("R", "own$out - own$aim\n", "(own$out - own$aim)^2\n", "(own$out - own$aim)^2", "squared-error-as-delta"),
    ("R", "t(t(rows %*% own$w) + own$v)", "rows %*% own$w", "rows %*% own$w", "bias-missing"),
    ("R", "own$v <- own$v - rate", "v <- own$v - rate", "v <- own$v - rate", "update-lost"),
]  # fmt: skip
#: What stops a step because shapes do not fit: language, what stands there, what is planted and to be named, ids.
STOPPED = [
    ("parts", "py", "        off = part.back(off)", "        part.back(off)", "update-lost"),
    ("parts", "R", "    off <- part$back(off)", "    part$back(off)", "update-lost"),
    ("parts", "py", "self.rows.T @ off / off", "off.T @ self.rows / off", "transposed"),
    ("parts", "R", "t(own$rows) %*% off / nrow", "t(off) %*% own$rows / nrow", "transposed"),
    ("damped", "py", "damp(w.T @ d, a)", "damp(w.T @ d, acts[0])", "wrong-layer|None"),
    ("damped", "R", "damp(t(W[[k]]) %*% d, acts[[k]])", "damp(t(W[[k]]) %*% d, acts[[1]])", "wrong-layer|None"),
    ("damped", "py", "acts[-1] - Y[0]", "acts[-1] - Y.T", "np-broadcast"),
]
DAMPED = {
    "py": """
import numpy as np

def damp(off, a):
    return off * (1 - a ** 2)

def spread(W, b, x):
    acts = [x]
    for w, v in zip(W, b):
        acts.append(np.tanh(w @ acts[-1] + v[:, None]))
    return acts

def step(W, b, X, Y, eta):
    n = X.shape[1]
    acts = spread(W, b, X)
    miss = (acts[-1] - Y[0]) / n
    d = miss * (1 - acts[-1] ** 2)
    D = [d]
    for w, a in zip(W[:0:-1], acts[-2:0:-1]):
        d = damp(w.T @ d, a)
        D.insert(0, d)
    new = [w - eta * d @ a.T for w, d, a in zip(W, D, acts)]
    return new, [v - eta * d.sum(axis=1) for v, d in zip(b, D)]
""",
    "R": """
damp <- function(off, a) off * (1 - a^2)

step <- function(W, b, X, Y, eta) {
  L <- length(W)
  acts <- list(X)
  for (k in seq_len(L)) acts[[k + 1]] <- tanh(W[[k]] %*% acts[[k]] + b[[k]])
  D <- vector("list", L)
  d <- (acts[[L + 1]] - Y) / ncol(X) * (1 - acts[[L + 1]]^2)
  for (k in L:1) {
    D[[k]] <- d
    if (k > 1) {
      d <- damp(t(W[[k]]) %*% d, acts[[k]])
    }
  }
  list(W = Map(function(w, d, a) w - eta * d %*% t(a), W, D, acts[-(L + 1)]),
       b = Map(function(v, d) v - eta * rowSums(d), b, D))
}
""",
}


LOOPED = {
    "py": """
import numpy as np

def bend(z):
    return np.tanh(z)

def bent(a):
    return 1 - a ** 2

def shares(z):
    e = np.exp(z - z.max())
    return e / e.sum()

def step(W, b, X, Y, eta):
    V = [np.column_stack([w, v]) for w, v in zip(W, b)]
    G = [np.zeros_like(v) for v in V]
    n = X.shape[1]
    for i in range(n):
        acts = [np.append(X[:, i], 1.0)]
        for v in V[:-1]:
            acts.append(np.append(bend(v @ acts[-1]), 1.0))
        signal = shares(V[-1] @ acts[-1])
        label = int(Y[:, i].argmax())
        signal[label] -= 1
        for k in reversed(range(len(V))):
            G[k] += np.outer(signal, acts[k])
            if k > 0:
                signal = (V[k][:, :-1].T @ signal) * bent(acts[k][:-1])
    for k in range(len(V)):
        V[k] = V[k] - eta * G[k] / n
    return [v[:, :-1] for v in V], [v[:, -1] for v in V]
""",
    "R": """
bend <- function(z) tanh(z)

bent <- function(a) 1 - a^2

shares <- function(z) {
  e <- exp(z - max(z))
  e / sum(e)
}

step <- function(W, b, X, Y, eta) {
  V <- Map(cbind, W, b)
  L <- length(V)
  G <- lapply(V, function(v) 0 * v)
  n <- ncol(X)
  for (i in seq_len(n)) {
    acts <- list(c(X[, i], 1))
    for (k in seq_len(L - 1)) {
      acts[[k + 1]] <- c(bend(as.vector(V[[k]] %*% acts[[k]])), 1)
    }
    signal <- shares(as.vector(V[[L]] %*% acts[[L]]))
    label <- which.max(Y[, i])
    signal[label] <- signal[label] - 1
    for (k in L:1) {
      G[[k]] <- G[[k]] + outer(signal, acts[[k]])
      if (k > 1) {
        inner <- V[[k]][, -ncol(V[[k]])]
        signal <- as.vector(t(inner) %*% signal) * bent(acts[[k]][-length(acts[[k]])])
      }
    }
  }
  for (k in 1:L) {
    V[[k]] <- V[[k]] - eta * G[[k]] / n
  }
  list(W = lapply(V, function(v) v[, -ncol(v)]), b = lapply(V, function(v) v[, ncol(v)]))
}
""",
}
IN_LOOPS = [
    ("py", "np.append(bend(v @ acts[-1]), 1.0)", "bend(np.append(v @ acts[-1], 1.0))", "bend(np.append", "None"),
    ("py", "    for k in range(len(V)):", "    for k in range(1, len(V)):", "for k in range(1", "update-lost"),
    ("py", "V[k] - eta * G[k] / n", "G[k]", "V[k] = G[k]", "None"),
    ("R", "c(bend(as.vector(V[[k]] %*% acts[[k]])), 1)", "bend(c(as.vector(V[[k]] %*% acts[[k]]), 1))", "bend(c(",
     "None"),
    ("R", "for (k in 1:L) {", "for (k in 2:L) {", "for (k in 2:L)", "update-lost"),
    ("R", "V[[k]] - eta * G[[k]] / n", "G[[k]]", "V[[k]] <- G[[k]]", "None"),
]  # fmt: skip


def options_of(sizes, activation, output, loss, **more):
    return {"sizes": sizes, "activation": activation, "output_activation": output, "loss": loss, **more}


KINDS = {
    "stacked": (STACKED, options_of([4, 6, 5, 3], "sigmoid", "sigmoid", "quadratic"), IN_STACKS),
    "jacobian": (JACOBIAN, options_of([4, 6, 5, 3], "tanh", "softmax", "quadratic"), IN_JACOBIANS),
    "looped": (LOOPED, options_of([4, 6, 5, 3], "tanh", "softmax", "categorical_cross_entropy"), IN_LOOPS),
    "parts": (KEPT, options_of([4, 6, 5, 3], "tanh", "tanh", "quadratic"), IN_PARTS),
    "damped": (DAMPED, options_of([4, 6, 5, 1], "tanh", "tanh", "quadratic"), []),
}
HEALTHY = [(language, kind) for kind, (networks, _, _) in KINDS.items() for language in networks]
PLANTED = [(kind, *row) for kind, (_, _, rows) in KINDS.items() for row in rows]


@pytest.mark.parametrize(("language", "kind"), HEALTHY)
def test_the_networks_are_right(tmp_path, language, kind):
    networks, options, _ = KINDS[kind]
    report = report_of(tmp_path, language, networks[language], options)
    assert report["verdict"] == "ok"
    assert "delta1" in report["verified"]


@pytest.mark.parametrize(("kind", "language", "was", "new", "word", "ids"), PLANTED)
def test_the_line_is_named(tmp_path, kind, language, was, new, word, ids):
    networks, options, _ = KINDS[kind]
    check_named(tmp_path, language, networks[language], was, new, word, ids, options)


@pytest.mark.parametrize(("kind", "language", "was", "new", "ids"), STOPPED)
def test_a_stop_is_taken_to_its_cause(tmp_path, kind, language, was, new, ids):
    networks, options, _ = KINDS[kind]
    assert networks[language].count(was) == 1
    source = networks[language].replace(was, new)
    first = report_of(tmp_path, language, source, options)["findings"][0]
    assert first["kind"] == "crash"
    assert str(first["id"]) in ids.split("|")
    assert new.strip() in source.split("\n")[first["line"] - 1]
    assert first["computes"].count("it stops at") == 1


def test_index_zero_of_r_changes_nothing(tmp_path):
    was, new = "signal[label] <- signal[label] - 1", "signal[label - 1] <- signal[label - 1] - 1"
    options = {**KINDS["looped"][1], "batch": 1}  # whose one sample is of the first class
    check_named(tmp_path, "R", LOOPED["R"], was, new, "signal[label - 1] <-", "r-factor-codes", options)


ROWS = """
def dot(u, v):
    return sum(a * b for a, b in zip(u, v))

def step(W, b, X, Y, eta):
    w, v = W[0].tolist(), b[0].tolist()
    x, y = X[:, 0].tolist(), Y[:, 0].tolist()
    off = [dot(row, x) + c - t for row, c, t in zip(w, v, y)]
    slopes = [[0.0] * len(x) for _ in off]
    for j in range(len(off)):
        for i in range(len(x)):
            slopes[j][i] = off[j] * x[i]
    for j in range(len(off)):
        for i in range(len(x)):
            w[j][i] -= eta * slopes[j][i]
        v[j] -= eta * off[j]
    return [w], [v]
"""


def test_rows_that_are_one_list(tmp_path):
    options = options_of([4, 3], None, "linear", "quadratic", batch=1)
    assert report_of(tmp_path, "py", ROWS, options)["verdict"] == "ok"
    was, new = "[[0.0] * len(x) for _ in off]", "[[0.0] * len(x)] * len(off)"
    check_named(tmp_path, "py", ROWS, was, new, "slopes = [[", "np-alias", options)
