"""Changes of the source that mend the step: tried in a process of their own, and what they prove."""

import shutil

import numpy as np
import pytest

from nnparity.diagnosis.diagnose import diagnose
from nnparity.diagnosis.judge import few_samples
from nnparity.diagnosis.probe import make_probe
from nnparity.diagnosis.recording import CandidateProcess
from nnparity.diagnosis.sources import read_sources

PYTHON = """import numpy as np

def sigma(z):
    return 1 / (1 + np.exp(-z))

def gradients(W, b, x, y):
    a = [x]
    for w, v in zip(W, b):
        a.append(sigma(w @ a[-1] + v))
    d = (a[-1] - y) * a[-1] * (1 - a[-1])
    nabla = [None] * len(W)
    for l in range(len(W) - 1, -1, -1):
        nabla[l] = (np.outer(d, a[l]), d)
        d = (W[l].T @ d) * a[l] * (1 - a[l])
    return nabla

def plus(one, other):
    return [(u + w, v + c) for (u, v), (w, c) in zip(one, other)]

def step(W, b, X, Y, eta):
    total = gradients(W, b, X[:, 0], Y[:, 0])
    for i in range(1, X.shape[1]):
        total = plus(total, gradients(W, b, X[:, i], Y[:, i]))
    m = X.shape[1]
    return [w - eta * g / m for w, (g, _) in zip(W, total)], [v - eta * g / m for v, (_, g) in zip(b, total)]
"""

R = """sigma <- function(z) 1 / (1 + exp(-z))

gradients <- function(W, b, x, y) {
  a <- list(x)
  for (l in seq_along(W)) a[[l + 1]] <- sigma(as.vector(W[[l]] %*% a[[l]]) + b[[l]])
  out <- a[[length(a)]]
  d <- (out - y) * out * (1 - out)
  nabla <- list()
  for (l in length(W):1) {
    nabla[[l]] <- list(W = outer(d, a[[l]]), b = d)
    d <- as.vector(t(W[[l]]) %*% d) * a[[l]] * (1 - a[[l]])
  }
  nabla
}

plus <- function(one, other) {
  Map(function(g, h) list(W = g$W + h$W, b = g$b + h$b), one, other)
}

step <- function(W, b, X, Y, eta) {
  total <- gradients(W, b, X[, 1], Y[, 1])
  for (i in 2:ncol(X)) {
    total <- plus(total, gradients(W, b, X[, i], Y[, i]))
  }
  m <- ncol(X)
  list(W = Map(function(w, g) w - eta * g$W / m, W, total),
       b = Map(function(v, g) v - eta * g$b / m, b, total))
}
"""

SOURCES = [
    pytest.param("py", PYTHON, id="Python"),
    pytest.param(
        "R", R, id="R", marks=pytest.mark.skipif(shutil.which("Rscript") is None, reason="Rscript is not here")
    ),
]

#: What is planted in each language, where; the values alone do not show the place.
SLIPS = [
    pytest.param("py", "v + c)", "c + c)", id="Python-a-sum-of-one"),
    pytest.param("R", "b = g$b + h$b)", "b = h$b + h$b)", id="R-a-sum-of-one"),
    pytest.param("py", "range(1, X.shape[1])", "range(2, X.shape[1])", id="Python-a-sample-less"),
    pytest.param("R", "(i in 2:ncol(X))", "(i in 3:ncol(X))", id="R-a-sample-less"),
]


def planted(folder, ending, source, was, new):
    assert source.count(was) == 1
    file = folder / f"network.{ending}"
    file.write_text(source.replace(was, new))
    return file, source[: source.index(was)].count("\n") + 1


def attempts(file, texts, seconds=4.0):
    probe = make_probe((4, 6, 3), 7, 0.5, 1)
    with CandidateProcess() as process:
        process.load(file)
        plain = process.run(probe.W, probe.b, probe.X, probe.Y, probe.eta, record=False)
        (source,) = read_sources({file.name: file.resolve()})
        trials = [[(source, text)] for text in texts]
        tried = process.try_texts(probe.W, probe.b, probe.X, probe.Y, probe.eta, trials, seconds=seconds)
        again = process.run(probe.W, probe.b, probe.X, probe.Y, probe.eta, record=False)
    return plain, tried, again


@pytest.mark.parametrize(("ending", "source"), SOURCES)
def test_a_trial_is_the_step_of_the_changed_text_and_leaves_nothing_behind(tmp_path, ending, source):
    file = tmp_path / f"network.{ending}"
    file.write_text(source)
    halved = source.replace("eta * g", "eta * 0.5 * g")
    assert halved != source
    plain, tried, again = attempts(file, [source, halved, "))(", source])
    assert tried[2] is None
    for k, old in enumerate([*plain.W, *plain.b]):
        np.testing.assert_array_equal(tried[0][k], old)
        np.testing.assert_array_equal(tried[3][k], old)
        assert not np.array_equal(tried[1][k], old)
    for one, other in zip([*plain.W, *plain.b], [*again.W, *again.b], strict=True):
        np.testing.assert_array_equal(one, other)


ENDLESS = {"py": ("    m = X.shape[1]\n", "    while True: m = 1\n"), "R": ("  m <- ncol(X)\n", "  repeat m <- 1\n")}
QUIT = {"py": ("    m = X.shape[1]\n", "    raise SystemExit\n"), "R": ("  m <- ncol(X)\n", "  quit()\n")}


@pytest.mark.parametrize("what", [ENDLESS, QUIT], ids=["endless", "quit"])
@pytest.mark.parametrize(("ending", "source"), SOURCES)
def test_a_trial_that_never_ends_or_leaves_is_none_and_the_next_one_goes_on(tmp_path, ending, source, what):
    file = tmp_path / f"network.{ending}"
    file.write_text(source)
    bad = source.replace(*what[ending])
    assert bad != source
    _, tried, _ = attempts(file, [bad, bad, source, source])
    assert [parts is not None for parts in tried] == [False, False, True, True]


@pytest.mark.parametrize(("ending", "was", "new"), SLIPS)
def test_the_statement_that_is_mended_is_the_one_named(tmp_path, ending, was, new):
    if ending == "R" and shutil.which("Rscript") is None:
        pytest.skip("Rscript is not here")
    file, line = planted(tmp_path, ending, PYTHON if ending == "py" else R, was, new)
    report = diagnose(file).report
    (finding,) = report["findings"]
    assert report["verdict"] == "bug"
    assert (finding["line"], finding["proved"]) == (line, True)
    assert "every returned parameter is right" in finding["fix"]


def test_two_slips_are_mended_one_after_the_other(tmp_path):
    source = PYTHON.replace("v + c)", "c + c)").replace("* a[l] * (1 - a[l])", "* a[l] * (1 + a[l])")
    (tmp_path / "network.py").write_text(source)
    report = diagnose(tmp_path / "network.py").report
    lines = [source[: source.index(text)].count("\n") + 1 for text in ("(1 + a[l])", "c + c)")]
    assert [finding["line"] for finding in report["findings"]] == lines
    assert all(finding["proved"] for finding in report["findings"])


def test_few_samples_are_no_width_of_the_network():
    assert few_samples([4, 6, 3], 7) == 2
    assert few_samples([2, 3, 1], 7) == 4
    assert few_samples([4, 6, 3], 2) == 2
