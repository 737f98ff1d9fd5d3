"""The scaffold writes adapters that run; the check of an adapter blames the adapter, and never the network."""

import shutil
import textwrap

import numpy as np
import pytest

from nnparity.diagnosis import failures, recording
from nnparity.diagnosis.adapter_check import AdapterProblem, check_adapter
from nnparity.diagnosis.probe import make_probe
from nnparity.diagnosis.scaffold import scaffold, write_adapter

needs_r = pytest.mark.skipif(shutil.which("Rscript") is None, reason="Rscript is not installed")


def write(folder, source, name="net.py"):
    file = folder / name
    file.write_text(textwrap.dedent(source), encoding="utf-8")
    return file


def gradients(probe):
    """Mean gradients of the quadratic loss of a sigmoid network."""
    A = [probe.X]
    for w, v in zip(probe.W, probe.b, strict=True):
        A.append(1 / (1 + np.exp(-(w @ A[-1] + v[:, None]))))
    delta, dW, db = A[-1] - probe.Y, [], []
    for l in reversed(range(len(probe.W))):
        delta = delta * A[l + 1] * (1 - A[l + 1])
        dW.insert(0, delta @ A[l].T / probe.X.shape[1])
        db.insert(0, delta.mean(axis=1))
        delta = probe.W[l].T @ delta
    return dW, db


def assert_is_a_step(candidate, text):
    """The adapter makes exactly the step of the textbook, on a network of other widths than those tried."""
    adapter = candidate.with_name("written" + candidate.suffix)
    adapter.write_text(text, encoding="utf-8")
    probe = make_probe((5, 4, 2), 6, 0.5, 2)
    with recording.CandidateProcess(timeout=20) as process:
        process.load(candidate, adapter)
        run = process.run_twice(probe.W, probe.b, probe.X, probe.Y, 0.5)
    assert run.status == "ok", run.error
    dW, db = gradients(probe)
    for new, old, gradient in zip([*run.W, *run.b], [*probe.W, *probe.b], [*dW, *db], strict=True):
        np.testing.assert_allclose(new, old - 0.5 * gradient, rtol=1e-10)


ROWS = """
    import numpy as np
    def sig(z): return 1 / (1 + np.exp(-z))
    def update(X, y, W1, b1, W2, b2, lr=0.1):
        m = X.shape[0]
        a1 = sig(X @ W1 + b1)
        a2 = sig(a1 @ W2 + b2)
        d2 = (a2 - y) * a2 * (1 - a2)
        d1 = d2 @ W2.T * a1 * (1 - a1)
        return (W1 - lr * X.T @ d1 / m, b1 - lr * d1.sum(axis=0, keepdims=True) / m,
                W2 - lr * a1.T @ d2 / m, b2 - lr * d2.sum(axis=0, keepdims=True) / m, ((a2 - y) ** 2).sum())
    """
DICT = """
    import numpy as np
    def sig(z): return 1 / (1 + np.exp(-z))
    def gradients(parameters, X, Y):
        A1 = sig(parameters["W1"] @ X + parameters["b1"])
        A2 = sig(parameters["W2"] @ A1 + parameters["b2"])
        d2 = (A2 - Y) * A2 * (1 - A2)
        d1 = parameters["W2"].T @ d2 * A1 * (1 - A1)
        m = X.shape[1]
        db1, db2 = d1.mean(1, keepdims=True), d2.mean(1, keepdims=True)
        return {"dW1": d1 @ X.T / m, "db1": db1, "dW2": d2 @ A1.T / m, "db2": db2}
    """
CLASS = """
    import numpy as np
    class Network(object):
        def __init__(self, sizes):
            self.sizes = sizes
            self.biases = [np.random.randn(y, 1) for y in sizes[1:]]
            self.weights = [np.random.randn(y, x) for x, y in zip(sizes[:-1], sizes[1:])]
        def update_mini_batch(self, mini_batch, eta):
            nabla_b = [np.zeros(b.shape) for b in self.biases]
            nabla_w = [np.zeros(w.shape) for w in self.weights]
            for x, y in mini_batch:
                db, dw = self.backprop(x, y)
                nabla_b = [nb + d for nb, d in zip(nabla_b, db)]
                nabla_w = [nw + d for nw, d in zip(nabla_w, dw)]
            self.weights = [w - (eta / len(mini_batch)) * nw for w, nw in zip(self.weights, nabla_w)]
            self.biases = [b - (eta / len(mini_batch)) * nb for b, nb in zip(self.biases, nabla_b)]
        def backprop(self, x, y):
            a, acts = x, [x]
            for b, w in zip(self.biases, self.weights):
                a = 1 / (1 + np.exp(-(np.dot(w, a) + b)))
                acts.append(a)
            db, dw = [], []
            delta = acts[-1] - y
            for l in range(1, len(acts)):
                delta = delta * acts[-l] * (1 - acts[-l])
                db.insert(0, delta)
                dw.insert(0, np.dot(delta, acts[-l - 1].T))
                delta = np.dot(self.weights[-l].T, delta)
            return db, dw
    train_for_ever = Network([4, 6, 3])
    while True: train_for_ever.update_mini_batch([], 1) if False else None
    """


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (
            ROWS,
            [
                'as_step(update, takes="X=X, y=Y, W1=W1, b1=b1, W2=W2, b2=b2, lr=eta", samples="rows"',
                'weights="in_by_out"',
            ],
        ),
        (DICT, ['as_step(gradients, takes="parameters=parameters, X=X, Y=Y"', 'returns="gradients"']),
    ],
)
def test_common_python_layouts_are_written_and_tried(tmp_path, source, words):
    candidate = write(tmp_path, source)
    made = scaffold(candidate)
    assert made.complete
    for part in words:
        assert part in made.text
    assert_is_a_step(candidate, made.text)


def test_a_class_that_trains_when_loaded_is_taken_for_its_functions(tmp_path, monkeypatch):
    monkeypatch.setattr("nnparity.diagnosis.scaffold.LOADING", 1.0)
    candidate = write(tmp_path, CLASS)
    made = scaffold(candidate)
    assert made.complete
    assert "# functions_only: true" in made.text
    assert 'as_step("update_mini_batch", takes="mini_batch=batch, eta=eta", samples="one_column"' in made.text
    assert_is_a_step(candidate, made.text)


def test_a_network_that_stops_gets_the_layout_that_comes_furthest(tmp_path):
    made = scaffold(write(tmp_path, ROWS.replace("X.T @ d1 / m", "X @ d1 / m")))
    assert not made.complete
    assert "stops in net.py, line 10" in made.text
    assert 'samples="rows", weights="in_by_out"' in made.text


def test_what_no_layout_fits_becomes_a_form(tmp_path):
    candidate = write(tmp_path, "def strange(a, k=3):\n    return a\nclass Box:\n    def open(self, lid): pass\n")
    path, made = write_adapter(candidate)
    assert not made.complete
    assert path.name == "net.adapter.py"
    text = path.read_text(encoding="utf-8")
    for line in ("strange(a, k)", "class Box()", "Box.open(lid)", "def step(W, b, X, Y, eta):", "candidate_lines"):
        assert line in text
    with pytest.raises(AdapterProblem, match="fill in this adapter"):
        check_adapter(candidate, path)
    with pytest.raises(failures.CandidateFailure, match="is there already"):
        write_adapter(candidate)


def test_a_candidate_with_a_step_needs_none(tmp_path):
    made = scaffold(write(tmp_path, "def step(W, b, X, Y, eta):\n    return W, b\n"))
    assert made.complete
    assert "needs no adapter" in made.says


def test_a_function_that_returns_what_it_was_given_is_no_step(tmp_path):
    assert not scaffold(write(tmp_path, "def keep(X, Y, W, b, eta):\n    return W, b\n")).complete


# -- checking ---


def check(tmp_path, step, source=ROWS):
    return check_adapter(write(tmp_path, source), write(tmp_path, step, "adapter.py"))


CALL = "p = update({X}, {Y}, {W0}, b[0][None, :], {W1}, b[1][None, :], eta)"
RIGHT = {"X": "X.T", "Y": "Y.T", "W0": "W[0].T", "W1": "W[1].T"}
BACK = "return [p[0].T, p[2].T], [p[1].ravel(), p[3].ravel()]"


def adapter(back=BACK, **changed):
    return f"def step(W, b, X, Y, eta):\n    {CALL.format(**{**RIGHT, **changed})}\n    {back}\n"


def test_a_right_adapter_is_described(tmp_path):
    text = check(tmp_path, adapter())
    assert "X    4 x 7" in text
    assert "W1   6 x 4, changed" in text
    assert "agree with the contract" in text


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (adapter(X="X", Y="Y"), "rows and columns of X and Y are swapped"),
        (
            adapter(W0="W[0]", W1="W[1]", back="return [p[0], p[2]], [p[1].ravel(), p[3].ravel()]"),
            "rows and columns of the weights are swapped",
        ),
        (
            adapter(back="return [p[0], p[2]], [p[1], p[3]]"),
            "W1 came back as 4 x 6 where 6 x 4 was given: rows and columns are swapped",
        ),
        (adapter(back="return [p[0].T], [p[1]]"), "1 weight matrices came back where 2 were given"),
        (adapter(back="return [p[0].T, p[2].T], [p[1]]"), "no_bias: 2"),
        (
            adapter(back="return [p[0].T, p[2].T], [p[1], p[3][:, :1]]"),
            "b2 came back as 1 x 1 where 3 numbers were given",
        ),
        (adapter(back="return p[0]"), "step must return (W, b)"),
        (adapter(back="return [p[0].T + 5, p[2].T - 5], [p[1], p[3]]"), "nowhere near those given"),
        (adapter(back="return undefined"), "stops on its own line 3"),
    ],
)
def test_a_wrong_adapter_is_told_what_to_change(tmp_path, source, words):
    with pytest.raises(AdapterProblem) as caught:
        check(tmp_path, source)
    assert words in str(caught.value)
    assert "A matter of adapter.py, not of the network" in str(caught.value)
    assert "What arrived at step" in str(caught.value)


def test_a_network_that_stops_is_not_the_adapters_fault(tmp_path):
    text = check(tmp_path, adapter(), ROWS.replace("a1.T @ d2 / m", "a1 @ d2 / m"))
    assert "step stopped (net.py, line" in text
    assert "diagnose" in text


# -- R ---

ROWS_R = """
    sig <- function(z) 1 / (1 + exp(-z))
    improve <- function(X, y, W1, b1, W2, b2, lr = 0.1) {
      m <- nrow(X)
      a1 <- sig(sweep(X %*% W1, 2, b1, "+"))
      a2 <- sig(sweep(a1 %*% W2, 2, b2, "+"))
      d2 <- (a2 - y) * a2 * (1 - a2)
      d1 <- d2 %*% t(W2) * a1 * (1 - a1)
      list(W1 = W1 - lr * t(X) %*% d1 / m, b1 = b1 - lr * colMeans(d1),
           W2 = W2 - lr * t(a1) %*% d2 / m, b2 = b2 - lr * colMeans(d2))
    }
    """


@needs_r
def test_a_common_r_layout_is_written_and_tried(tmp_path):
    candidate = write(tmp_path, ROWS_R, "net.R")
    path, made = write_adapter(candidate)
    assert made.complete
    assert path.name == "net.adapter.R"
    assert (
        'step <- as_step(improve, takes = "X=X, y=Y, W1=W1, b1=b1, W2=W2, b2=b2, lr=eta", samples = "rows"' in made.text
    )
    assert_is_a_step(candidate, made.text)
    assert "W1   6 x 4, changed" in check_adapter(candidate, path)


LIST_R = """
    init <- function(sizes) {
      n <- length(sizes)
      list(weights = lapply(2:n, function(l) matrix(rnorm(sizes[l] * sizes[l - 1]), sizes[l])),
           biases = lapply(2:n, function(l) matrix(0, sizes[l], 1)))
    }
    inner <- function(net, x, y, eta) {
      as <- list(t(x))
      for (l in seq_along(net$weights)) {
        z <- sweep(net$weights[[l]] %*% as[[l]], 1, net$biases[[l]], "+")
        as[[l + 1]] <- 1 / (1 + exp(-z))
      }
      d <- as[[length(as)]] - t(y)
      for (l in rev(seq_along(net$weights))) {
        d <- d * as[[l + 1]] * (1 - as[[l + 1]])
        w <- net$weights[[l]]
        net$weights[[l]] <- w - eta * d %*% t(as[[l]]) / nrow(x)
        net$biases[[l]] <- net$biases[[l]] - eta * rowMeans(d)
        d <- t(w) %*% d
      }
      net
    }
    outer.step <- function(net, x, y, eta) inner(net, as.matrix(x), as.matrix(y), eta)
    """


@needs_r
def test_an_r_list_that_keeps_the_parameters_and_the_outermost_function(tmp_path):
    candidate = write(tmp_path, LIST_R, "net.R")
    made = scaffold(candidate)
    assert made.complete, made.text
    assert "as_step(outer.step, " in made.text
    assert 'holder = init, slots = c(biases = "b", weights = "W")' in made.text.replace(
        'weights = "W", biases = "b"', 'biases = "b", weights = "W"'
    )
    assert_is_a_step(candidate, made.text)


@needs_r
def test_swapped_rows_in_an_r_adapter(tmp_path):
    source = """
        step <- function(W, b, X, Y, eta) {
          p <- improve(X, Y, t(W[[1]]), b[[1]], t(W[[2]]), b[[2]], eta)
          list(W = list(t(p$W1), t(p$W2)), b = list(p$b1, p$b2))
        }
        """
    with pytest.raises(AdapterProblem, match="rows and columns of X and Y are swapped"):
        check_adapter(write(tmp_path, ROWS_R, "net.R"), write(tmp_path, source, "adapter.R"))
