"""Where the blame falls: not on the adapter, not on a helper that is given the wrong thing, not on a copy too late."""

import json

import pytest

from nnparity.diagnosis.diagnose import diagnose

pytestmark = pytest.mark.usefixtures("patience")


#: One sample after the other; the adapter starts each from the same parameters and averages what comes back.
ONLINE = {
    "py": '''
import numpy as np

class Net:
    def __init__(self, W, b):
        self.W, self.b = [w.T.copy() for w in W], [v.reshape(1, -1).copy() for v in b]

    def squash(self, z):
        return 1 / (1 + np.exp(-z))

    def slope(self, a):
        return a * (1 - a)

    def learn(self, x, y, rate):
        z1 = x @ self.W[0] + self.b[0]
        h = self.squash(z1)
        o = self.squash(h @ self.W[1] + self.b[1])
        d = (o - y) * self.slope(o)
        e = d @ self.W[1].T * self.slope(h)
        self.W[1] -= rate * h.T @ d
        self.b[1] -= rate * d
        self.W[0] -= rate * x.T @ e
        self.b[0] -= rate * e
''',
    "R": """
squash <- function(z) 1 / (1 + exp(-z))

slope <- function(a) a * (1 - a)

learn <- function(net, x, y, rate) {
  z1 <- x %*% net$W1 + net$b1
  h <- squash(z1)
  o <- squash(h %*% net$W2 + net$b2)
  d <- (o - y) * slope(o)
  e <- d %*% t(net$W2) * slope(h)
  net$W2 <- net$W2 - rate * t(h) %*% d
  net$b2 <- net$b2 - rate * d
  net$W1 <- net$W1 - rate * t(x) %*% e
  net$b1 <- net$b1 - rate * e
  net
}
""",
}
AVERAGE = {
    "py": """
def step(W, b, X, Y, eta):
    m = X.shape[1]
    V, c = [0, 0], [0, 0]
    for i in range(m):
        net = Net(W, b)
        net.learn(X[:, i].reshape(1, -1), Y[:, i].reshape(1, -1), eta)
        for l in range(2):
            V[l] = V[l] + net.W[l].T / m
            c[l] = c[l] + net.b[l].ravel() / m
    return V, c
""",
    "R": """
step <- function(W, b, X, Y, eta) {
  after <- lapply(seq_len(ncol(X)), function(i) {
    net <- list(W1 = t(W[[1]]), W2 = t(W[[2]]), b1 = t(b[[1]]), b2 = t(b[[2]]))
    learn(net, t(X[, i]), t(Y[, i]), eta)
  })
  mean_of <- function(name) Reduce(`+`, lapply(after, `[[`, name)) / ncol(X)
  list(W = list(t(mean_of("W1")), t(mean_of("W2"))), b = list(as.vector(mean_of("b1")), as.vector(mean_of("b2"))))
}
""",
}

#: language, what stands there, what is planted (nothing: the statement is forgotten), words of the line to be named
PLANTED = [
    ("py", "self.W[0] -= rate * x.T @ e", "self.W[0] = rate * x.T @ e", "self.W[0] ="),
    ("py", "self.b[1] -= rate * d", "self.b[1] += rate * d", "self.b[1] +="),
    ("py", "self.slope(h)", "self.slope(z1)", "self.slope(z1)"),
    ("py", "        self.b[1] -= rate * d\n", "", "-= rate"),
    ("R", "net$W1 <- net$W1 - rate * t(x) %*% e", "net$W1 <- rate * t(x) %*% e", "net$W1 <- rate"),
    ("R", "net$b2 - rate * d", "net$b2 + rate * d", "net$b2 + rate"),
    ("R", "slope(h)", "slope(z1)", "slope(z1)"),
    ("R", "  net$b2 <- net$b2 - rate * d\n", "", "- rate"),
]


def test_an_adapter_that_averages_is_understood(tmp_path, ending):
    assert diagnosed(tmp_path, ending, ONLINE[ending])["verdict"] == "ok"


@pytest.mark.parametrize(
    ("ending", "was", "new", "words"),
    [pytest.param(*row, id=f"{row[0]}-{row[3]}") for row in PLANTED],
)
def test_the_candidate_is_blamed_and_not_the_adapter(tmp_path, ending, was, new, words):
    assert ONLINE[ending].count(was) == 1
    source = ONLINE[ending].replace(was, new)
    first = diagnosed(tmp_path, ending, source)["findings"][0]
    assert first["file"] == f"network.{ending}"
    assert words in source.split("\n")[first["line"] - 1]


def diagnosed(folder, ending, source):
    (folder / f"network.{ending}").write_text(source)
    (folder / f"adapter.{ending}").write_text(AVERAGE[ending])
    return diagnose(folder / f"network.{ending}", folder / f"adapter.{ending}").report


#: A cross-entropy whose divisions are kept from zero by a small number.
GUARDED = {
    "py": """
import numpy as np

def step(W, b, X, Y, eta):
    m = X.shape[1]
    A = np.tanh(W[0] @ X + b[0].reshape(-1, 1))
    P = 1 / (1 + np.exp(-(W[1] @ A + b[1].reshape(-1, 1))))
    dP = -Y / (P + 1e-8) + (1 - Y) / (1 - P + 1e-8)
    D = dP * P * (1 - P)
    E = W[1].T @ D * (1 - A ** 2)
    return ([W[0] - eta * E @ X.T / m, W[1] - eta * D @ A.T / m],
            [b[0] - eta * E.mean(axis=1), b[1] - eta * D.mean(axis=1)])
""",
    "R": """
step <- function(W, b, X, Y, eta) {
  m <- ncol(X)
  A <- tanh(W[[1]] %*% X + b[[1]])
  P <- 1 / (1 + exp(-(W[[2]] %*% A + b[[2]])))
  dP <- -Y / (P + 1e-8) + (1 - Y) / (1 - P + 1e-8)
  D <- dP * P * (1 - P)
  E <- t(W[[2]]) %*% D * (1 - A^2)
  list(W = list(W[[1]] - eta * E %*% t(X) / m, W[[2]] - eta * D %*% t(A) / m),
       b = list(b[[1]] - eta * rowMeans(E), b[[2]] - eta * rowMeans(D)))
}
""",
}


@pytest.mark.parametrize("sizes", [(4, 6, 3), (4, 6, 1)], ids=["three outputs", "one output"])
def test_a_small_number_in_the_divisions_of_a_loss_is_no_mistake(tmp_path, ending, sizes):
    file = tmp_path / f"network.{ending}"
    file.write_text(GUARDED[ending])
    options = {"sizes": sizes, "activation": "tanh", "output_activation": "sigmoid", "loss": "binary_cross_entropy"}
    report = diagnose(file, **options).report
    assert (report["verdict"], report["findings"]) == ("ok", [])
    broken = GUARDED[ending].replace("dP * P * (1 - P)", "dP * P * (1 + P)")
    file.write_text(broken)
    first = diagnose(file, **options).report["findings"][0]
    assert "P * (1 + P)" in broken.split("\n")[first["line"] - 1]


#: A helper in a file of its own, with the bug; the cells of a notebook.
MAIN = {
    "py": "from parts.passes import backward\nimport numpy as np\n\n\ndef step(W, b, X, Y, eta):\n"
    "    return backward(W, b, X, Y, eta)\n",
    "R": 'source("parts/passes.R")\n\nstep <- function(W, b, X, Y, eta) backward(W, b, X, Y, eta)\n',
}


def test_a_change_is_found_in_a_file_of_the_candidate(tmp_path, ending):
    (tmp_path / "parts").mkdir()
    code = GUARDED[ending].replace("step", "backward")
    bug = {"py": ("E @ X.T / m", "E @ X.T / b[0].size"), "R": ("E %*% t(X) / m", "E %*% t(X) / length(b[[1]])")}[ending]
    assert code.count(bug[0]) == 1
    (tmp_path / f"parts/passes.{ending}").write_text(code.replace(*bug))
    file = tmp_path / f"network.{ending}"
    file.write_text(MAIN[ending])
    options = {"activation": "tanh", "output_activation": "sigmoid", "loss": "binary_cross_entropy"}
    first = diagnose(file, **options).report["findings"][0]
    assert first["file"] == f"parts/passes.{ending}"
    assert first["line"] == code[: code.index(bug[0])].count("\n") + 1
    assert "every returned parameter is right" in first["fix"]


def test_a_change_is_found_in_a_cell_of_a_notebook(tmp_path, ending):
    before = {"py": "%matplotlib inline\nimport numpy as np", "R": "options(digits = 4)"}[ending]
    code = GUARDED[ending].strip()
    bug = {"py": ("E @ X.T / m", "E @ X.T / b[0].size"), "R": ("E %*% t(X) / m", "E %*% t(X) / length(b[[1]])")}[ending]
    language = {"py": "python", "R": "R"}[ending]
    cells = [{"cell_type": "markdown", "source": ["# A network"], "metadata": {}}]
    cells += [
        {"cell_type": "code", "source": text.splitlines(keepends=True), "metadata": {}, "outputs": []}
        for text in (before, code.replace(*bug))
    ]
    file = tmp_path / "network.ipynb"
    metadata = {"kernelspec": {"name": "ir" if ending == "R" else "python3", "language": language}}
    file.write_text(json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}))
    options = {"activation": "tanh", "output_activation": "sigmoid", "loss": "binary_cross_entropy"}
    first = diagnose(file, **options).report["findings"][0]
    assert (first["cell"], first["line"]) == (3, code[: code.index(bug[0])].count("\n") + 1)
    assert "every returned parameter is right" in first["fix"]
