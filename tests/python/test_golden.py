"""The Python twin against golden networks: truth from 110-digit arithmetic, gradients from differences of the loss."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import golden  # a helper beside the tests, which are no package

from nnparity.activations import ACTIVATIONS
from nnparity.compare import compare_traces, first_difference
from nnparity.initializers import INITIALIZERS, initialize_parameters
from nnparity.losses import LOSSES
from nnparity.optimizers import OPTIMIZERS
from nnparity.rounding import UNIT_ROUNDOFF

CASES = {name: golden.read_golden(golden.FOLDER / f"{name}.csv") for name in golden.NAMES}

# qnorm is Wichura's AS 241, accurate to about 1 part in 10^16 as published; argument and scaling are rounded, too.
QNORM_ROUNDINGS = 16
# A uniform draw is -limit + 2 limit u: four roundings of the limit, which the largest weight is near.
UNIFORM_ROUNDINGS = 8


def test_there_are_enough_and_they_cover_every_word():
    networks = [case.network for case in CASES.values()]
    assert len(networks) >= 60
    words = {part for network in networks for name in network.activations for part in name.split("+")}
    assert words == set(ACTIVATIONS)
    assert {network.activations[-1] for network in networks} >= set(ACTIVATIONS)
    assert {network.loss for network in networks} == set(LOSSES)
    assert {case.optimizer.name for case in CASES.values()} == set(OPTIMIZERS)
    assert {case.header["init"] for case in CASES.values()} >= set(INITIALIZERS)


@pytest.mark.parametrize("arithmetic", ["fast", "exact"])
@pytest.mark.parametrize("name", golden.NAMES)
def test_every_quantity_is_within_rounding_of_the_truth(name, arithmetic):
    case = CASES[name]
    for truth, ours in zip(case.traces, golden.follow(case, arithmetic), strict=True):
        comparison = compare_traces(ours, truth, case.network, case.optimizer)
        assert list(comparison) == list(truth)
        assert first_difference(comparison) is None


@pytest.mark.parametrize("name", [name for name in golden.NAMES if CASES[name].header["init"]])
def test_first_weights(name):
    case = CASES[name]
    W, b = initialize_parameters(case.network, case.header["init"], int(case.header["seed"]))
    inputs = case.traces[0].inputs
    for l in range(1, len(case.network.sizes)):
        weights, biases = inputs[f"W{l}"], inputs[f"b{l}"]
        allowed = QNORM_ROUNDINGS * np.abs(weights)
        if case.header["init"].endswith("uniform"):
            allowed = UNIFORM_ROUNDINGS * np.abs(weights).max()
        assert (np.abs(W[l - 1] - weights) <= UNIT_ROUNDOFF * allowed).all()
        assert (np.abs(b[l - 1] - biases) <= UNIT_ROUNDOFF * QNORM_ROUNDINGS * np.abs(biases)).all()


def test_by_hand():
    """The arithmetic stands at the top of fixtures/golden/make.py."""
    trace = CASES["by_hand"].traces[0]
    hand = {
        "Z1": [[-1, -3], [1.5, 2]],
        "A1": [[0, 0], [1.5, 2]],
        "Z2": [[-0.5, -1]],
        "A2": [[-0.5, -1]],
        "loss": 2.3125,
        "delta2": [[-0.5, -3]],
        "dW2": [[0, -3.375]],
        "db2": [-1.75],
        "delta1": [[0, 0], [0.5, 3]],
        "dW1": [[0, 0], [0.25, 5]],
        "db1": [0, 1.75],
        "W1_new": [[1, -1], [0.375, -1.5]],
        "b1_new": [0, -1.875],
        "W2_new": [[2, 0.6875]],
        "b2_new": [1.875],
    }
    ours = golden.follow(CASES["by_hand"], "exact")[0]
    for quantity, value in hand.items():
        assert np.array_equal(trace[quantity], value), quantity
        assert np.array_equal(ours[quantity], value), quantity


@pytest.mark.parametrize(
    "quantity", ["Z1", "A1", "Z2", "A2", "loss", "delta2", "dW2", "db2", "delta1", "dW1", "db1", "W1_new"]
)
def test_a_wrong_digit_is_found(quantity):
    case = CASES["hidden_tanh"]
    ours = golden.follow(case, "fast")[0]
    ours[quantity] = ours[quantity] * (1 + 1e-12)
    assert first_difference(compare_traces(ours, case.traces[0], case.network, case.optimizer)).quantity == quantity


def test_remaking_gives_the_same_bytes(tmp_path, sweep):
    names = sweep(golden.NAMES, 12)
    pytest.importorskip("mpmath")
    make = golden.FOLDER / "make.py"
    subprocess.run([sys.executable, str(make), *names, "--to", str(tmp_path)], check=True)
    for name in names:
        assert (tmp_path / f"{name}.csv").read_bytes() == (golden.FOLDER / f"{name}.csv").read_bytes(), name
