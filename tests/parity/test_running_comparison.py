"""The running comparison accepts what the plain one accepts, with the same figures, and nothing else."""

import numpy as np
import pytest

from nnparity.bounds import step_bounds
from nnparity.bridge import open_bridge
from nnparity.compare import compare_traces
from nnparity.network import define_network
from nnparity.optimizers import define_optimizer
from nnparity.parity import ParityResult, run_parity, take_comparison
from nnparity.running_comparison import RunningComparison
from nnparity.sides import PythonSide, RSide, Start, draw_data


@pytest.fixture(scope="module")
def bridge():
    with open_bridge() as line:
        yield line


NETWORKS = {
    "plain": ({}, {}),
    "tanh, softmax": ({"activation": "tanh", "output_activation": "softmax", "loss": "categorical_cross_entropy"}, {}),
    "relu, cross-entropy": ({"activation": ["relu", "gelu"], "loss": "binary_cross_entropy"}, {}),
    "a layer without bias, penalties": ({"no_bias": [2], "l1": 0.01, "l2": 0.02}, {}),
    "clipped": ({}, {"clip_norm": 0.1}),
    "adam": ({"activation": "softplus"}, {"name": "adam", "eta": 0.01}),
}


def start_of(network, optimizer):
    return Start(define_network([9, 8, 6, 4], **network), define_optimizer(**{"eta": 0.7, **optimizer}))


@pytest.mark.parametrize("case", NETWORKS)
def test_the_table_is_that_of_the_plain_comparison(bridge, monkeypatch, case):
    start = start_of(*NETWORKS[case])
    X, Y = draw_data(start, 100)
    accepted = []
    accept = RunningComparison.accept

    def counted(self, *arguments):
        accepted.append(accept(self, *arguments))
        return accepted[-1]

    monkeypatch.setattr(RunningComparison, "accept", counted)
    ours = run_parity(start, X, Y, batch=7, epochs=3, bridge=bridge)
    monkeypatch.setattr(RunningComparison, "accept", lambda *arguments: False)
    plain = run_parity(start, X, Y, batch=7, epochs=3, bridge=bridge)
    assert ours.agrees
    assert ours.frame().equals(plain.frame())
    assert len(accepted) == 45
    assert sum(accepted) > 30


def six_steps(bridge, start):
    """Six steps of both sides; the first five are in the table, the last is to be judged."""
    X, Y = draw_data(start, 60)
    traces = []
    for side in (PythonSide(), RSide(bridge)):
        side.begin(start)
        side.data(X, Y)
        traces.append(side.steps([(k * 10 + 1, k * 10 + 10) for k in range(6)]))
    result = ParityResult(start, "", "", "")
    running = RunningComparison(start.network, start.optimizer, X)
    for step, (a, b) in enumerate(zip(*traces, strict=True), start=1):
        if step < 6 and not running.accept(a, b, result.table):
            comparison = compare_traces(a, b, start.network, start.optimizer)
            assert take_comparison(result, step, comparison, a, b)
    return running, result, traces[0][5], traces[1][5]


QUANTITIES = ["Z1", "A1", "Z2", "A2", "Z3", "A3", "loss", "delta3", "dW3", "db3", "delta2", "dW2", "db2", "delta1",
              "dW1", "db1", "W1_new", "b1_new", "W2_new", "b2_new", "W3_new", "b3_new"]  # fmt: skip


@pytest.mark.parametrize("quantity", QUANTITIES)
@pytest.mark.parametrize("share", [0.5, 0.99, 1.01, 3.0])
def test_what_is_just_within_the_bound_passes_and_just_beyond_does_not(bridge, quantity, share):
    start = start_of(*NETWORKS["plain"])
    running, result, ours, theirs = six_steps(bridge, start)
    bound = step_bounds(start.network, start.optimizer, ours, theirs)[quantity]
    value = np.array(theirs[quantity], dtype=float)
    place = np.unravel_index(int(np.argmax(bound)), value.shape)
    value[place] = np.asarray(ours[quantity])[place] + share * bound[place]
    theirs[quantity] = value if value.ndim else float(value)
    plain = compare_traces(ours, theirs, start.network, start.optimizer)[quantity]
    assert plain.agrees == (share < 1) or 0.9 < share < 1.1  # there, a bound of a few ulps may round either way
    row = result.table[quantity]  # with some BLAS five steps agree in every bit, and leave no figure to go by
    row.max_rel, row.max_ulp, row.ratio = max(row.max_rel, 2.0**-53), max(row.max_ulp, 1.0), max(row.ratio, 0.01)
    before, largest = row.count, row.ratio
    assert running.accept(ours, theirs, result.table) == plain.agrees
    assert (result.table[quantity].count > before) == plain.agrees
    if plain.agrees:
        assert result.table[quantity].ratio == max(largest, plain.ratio)
        assert result.table[quantity].max_abs >= plain.max_abs


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_what_is_no_number_is_left_to_the_plain_comparison(bridge, quantity, value):
    running, result, ours, theirs = six_steps(bridge, start_of(*NETWORKS["plain"]))
    for trace in (ours, theirs):
        wrong = np.array(trace[quantity], dtype=float)
        wrong.flat[-1] = value
        trace[quantity] = wrong if wrong.ndim else float(wrong)
    accepted = running.accept(ours, theirs, result.table)
    assert accepted == (quantity == "loss" and np.isinf(value))  # Inf equals Inf, and nothing is computed from the loss


def test_a_quantity_that_is_missing_or_misshapen_is_left_to_the_plain_comparison(bridge):
    running, result, ours, theirs = six_steps(bridge, start_of(*NETWORKS["plain"]))
    theirs["dW2"] = theirs["dW2"].T
    assert not running.accept(ours, theirs, result.table)
    del theirs["dW2"]
    assert not running.accept(ours, theirs, result.table)
