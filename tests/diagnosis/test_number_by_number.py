"""Code that handles one number at a time is followed as code of matrices is, in both languages."""


import pytest

from nnparity.diagnosis.diagnose import diagnose
from nnparity.diagnosis.matching import ValueIndex

PYTHON = """
from math import exp

def squash(z):
    return 1 / (1 + exp(-z))

def fire(neuron, inputs):
    total = neuron["w"][-1]
    for k in range(len(inputs)):
        total += neuron["w"][k] * inputs[k]
    neuron["a"] = squash(total)
    return neuron["a"]

def forward(layers, row):
    for layer in layers:
        row = [fire(neuron, row) for neuron in layer]
    return row

def backward(layers, target):
    for l in range(len(layers) - 1, -1, -1):
        for j, neuron in enumerate(layers[l]):
            if l == len(layers) - 1:
                error = neuron["a"] - target[j]
            else:
                error = 0.0
                for above in layers[l + 1]:
                    error += above["w"][j] * above["d"]
            neuron["d"] = error * neuron["a"] * (1 - neuron["a"])

def learn(layers, rows, targets, eta):
    for row, target in zip(rows, targets):
        forward(layers, row)
        backward(layers, target)
        below = row
        for layer in layers:
            for neuron in layer:
                for k in range(len(below)):
                    neuron["g"][k] += neuron["d"] * below[k]
                neuron["g"][-1] += neuron["d"]
            below = [neuron["a"] for neuron in layer]
    for layer in layers:
        for neuron in layer:
            for k in range(len(neuron["w"])):
                neuron["w"][k] -= eta / len(rows) * neuron["g"][k]

def step(W, b, X, Y, eta):
    layers = [[{"w": [*map(float, row), float(v)], "g": [0.0] * (len(row) + 1)} for row, v in zip(w, c)]
              for w, c in zip(W, b)]
    learn(layers, X.T.tolist(), Y.T.tolist(), eta)
    return [[n["w"][:-1] for n in layer] for layer in layers], [[n["w"][-1] for n in layer] for layer in layers]
"""

R = """
squash <- function(z) 1 / (1 + exp(-z))

learn <- function(W, b, X, Y, eta) {
  m <- ncol(X)
  G <- lapply(W, function(w) matrix(0, nrow(w), ncol(w)))
  g <- lapply(b, function(v) numeric(length(v)))
  for (i in 1:m) {
    a <- list(X[, i])
    for (l in 1:length(W)) {
      out <- numeric(nrow(W[[l]]))
      for (j in 1:nrow(W[[l]])) {
        total <- b[[l]][j]
        for (k in 1:ncol(W[[l]])) {
          total <- total + W[[l]][j, k] * a[[l]][k]
        }
        out[j] <- squash(total)
      }
      a[[l + 1]] <- out
    }
    d <- list()
    for (l in length(W):1) {
      d[[l]] <- numeric(nrow(W[[l]]))
      for (j in 1:nrow(W[[l]])) {
        if (l == length(W)) {
          error <- a[[l + 1]][j] - Y[j, i]
        } else {
          error <- 0
          for (k in 1:nrow(W[[l + 1]])) {
            error <- error + W[[l + 1]][k, j] * d[[l + 1]][k]
          }
        }
        d[[l]][j] <- error * a[[l + 1]][j] * (1 - a[[l + 1]][j])
        for (k in 1:ncol(W[[l]])) {
          G[[l]][j, k] <- G[[l]][j, k] + d[[l]][j] * a[[l]][k]
        }
        g[[l]][j] <- g[[l]][j] + d[[l]][j]
      }
    }
  }
  for (l in 1:length(W)) {
    W[[l]] <- W[[l]] - eta / m * G[[l]]
    b[[l]] <- b[[l]] - eta / m * g[[l]]
  }
  list(W = W, b = b)
}

step <- function(W, b, X, Y, eta) learn(W, b, X, Y, eta)
"""

pytestmark = pytest.mark.usefixtures("patience")


SOURCES = [pytest.param("py", PYTHON, id="Python"), pytest.param("R", R, id="R")]

#: language, what stands there, what is planted, the quantity that is the first to be wrong
PLANTED = [
    ("py", 'above["w"][j] * above["d"]', 'above["w"][j] * above["a"]', "delta1"),
    ("py", 'error * neuron["a"] * (1 - neuron["a"])', 'error * neuron["a"]', "delta2"),
    ("py", 'total = neuron["w"][-1]', "total = 0.0", "Z1"),
    ("py", 'total += neuron["w"][k] * inputs[k]', 'total -= neuron["w"][k] * inputs[k]', "Z1"),
    ("py", "                error = 0.0\n", "                pass\n", "delta1"),
    ("R", "W[[l + 1]][k, j] * d[[l + 1]][k]", "W[[l + 1]][k, j] * a[[l + 2]][k]", "delta1"),
    ("R", "error * a[[l + 1]][j] * (1 - a[[l + 1]][j])", "error * a[[l + 1]][j]", "delta2"),
    ("R", "total <- b[[l]][j]", "total <- 0", "Z1"),
    ("R", "total + W[[l]][j, k] * a[[l]][k]", "total - W[[l]][j, k] * a[[l]][k]", "Z1"),
]


@pytest.mark.parametrize(("ending", "source"), SOURCES)
def test_a_right_network_is_verified_number_by_number(tmp_path, ending, source):
    file = tmp_path / f"network.{ending}"
    file.write_text(source)
    report = diagnose(file).report
    assert report["verdict"] == "ok"
    assert {"Z1", "A1", "Z2", "A2", "delta1", "delta2"} <= set(report["verified"])


@pytest.mark.parametrize(
    ("ending", "was", "new", "quantity"),
    [pytest.param(*row, id=f"{row[0]}-{row[2].strip()}") for row in PLANTED],
)
def test_a_planted_mistake_is_found_at_its_line(tmp_path, ending, was, new, quantity):
    source = {"py": PYTHON, "R": R}[ending]
    assert source.count(was) == 1
    file = tmp_path / f"network.{ending}"
    file.write_text(source.replace(was, new))
    report = diagnose(file).report
    assert report["verdict"] == "bug"
    first = report["findings"][0]
    line = source[: source.index(was.strip())].count("\n") + 1
    # The zero that a sum should start from is missed where the sum goes on.
    assert first["line"] in ((line, line + 2) if new.strip() == "pass" else (line,))
    assert first["quantity"] == quantity


def test_numbers_must_all_be_there():
    import numpy as np

    value = np.random.default_rng(3).normal(size=(3, 2))
    numbers = {k: np.array(number) for k, number in enumerate(value.ravel())}
    assert len(ValueIndex(numbers, [1.0]).numbers(value)) == 2
    assert len(ValueIndex({k: -v for k, v in numbers.items()}, [1.0]).numbers(value)) == 2
    del numbers[4]
    assert ValueIndex(numbers, [1.0]).numbers(value) == []
