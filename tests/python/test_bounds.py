"""Rounding bounds: never exceeded by correct evaluations, exceeded by wrong ones.  (R: tests/r/test_bounds.R)

The long sweeps, in other orders and against R, are in tests/parity/test_power.py.
"""

from itertools import pairwise

import numpy as np
import pytest

from nnparity.activations import ACTIVATIONS, Activation
from nnparity.arithmetic import get_arithmetic
from nnparity.bounds import ACTIVATION_BALLS, LOSS_BALLS, OPTIMIZER_BALLS, PAIR_BALLS, step_bounds
from nnparity.checks import InputError
from nnparity.compare import compare_traces, first_difference
from nnparity.losses import LOSSES, STABLE_PAIRS, Loss
from nnparity.network import define_network
from nnparity.optimizers import OPTIMIZERS, UpdateRule, define_optimizer, initial_state
from nnparity.rounding import UNIT_ROUNDOFF, Ball, ball_divide, ball_log, ball_sqrt, ball_step, gamma_bound
from nnparity.trace import Trace, trace_step


def draw(sizes, samples=5, seed=1, scale=1.0):
    rng = np.random.default_rng(seed)
    W = [scale * rng.normal(size=(b, a)) for a, b in pairwise(sizes)]
    b = [rng.normal(size=n) for n in sizes[1:]]
    return W, b, rng.normal(size=(sizes[0], samples)), rng.random((sizes[-1], samples))


def two_traces(network, optimizer=None, seed=1, samples=5):
    optimizer = define_optimizer() if optimizer is None else optimizer
    W, b, X, Y = draw(network.sizes, samples, seed)
    state = initial_state(optimizer, W, b)
    ways = [get_arithmetic(name) for name in ("fast", "exact")]
    return optimizer, *(trace_step(network, optimizer, W, b, X, Y, state, way) for way in ways)


def test_every_word_has_its_balls():
    assert set(ACTIVATION_BALLS) | {"softmax"} == set(ACTIVATIONS)
    assert set(LOSS_BALLS) == set(LOSSES)
    assert set(OPTIMIZER_BALLS) == set(OPTIMIZERS)
    assert {loss: set(pairs) for loss, pairs in PAIR_BALLS.items()} == {
        loss: set(pairs) for loss, pairs in STABLE_PAIRS.items()
    }


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("activation", [*ACTIVATIONS, "relu+softmax"])
def test_two_orders_of_summation_stay_within_the_bound(activation, optimizer):
    network = define_network([6, 5, 4], activation, activation, l1=0.01, l2=0.1)
    for seed in range(3):
        rule, ours, theirs = two_traces(network, define_optimizer(optimizer, eta=0.1, clip_norm=0.5), seed)
        assert first_difference(compare_traces(ours, theirs, network, rule)) is None


def test_a_bound_has_the_shape_of_its_quantity():
    network = define_network([6, 5, 4])
    optimizer, ours, theirs = two_traces(network, define_optimizer("adam", eta=0.1))
    bounds = step_bounds(network, optimizer, ours, theirs)
    assert list(bounds) == list(ours)
    assert {name: np.shape(bound) for name, bound in bounds.items()} == {name: np.shape(x) for name, x in ours.items()}
    assert bounds["A0"].max() == 0
    assert all((bounds[name] > 0).all() for name in bounds if name not in ("A0", "step_count"))


def test_the_bound_of_a_product_by_hand():
    # one layer, one sample, W = (2 3), A = (5, 7), b = 0: both programs within gamma_(2 + 1 + 3) (10 + 21) of 31
    network = define_network([2, 1], output_activation="linear")
    W, b, X, Y = [np.array([[2.0, 3.0]])], [np.zeros(1)], np.array([[5.0], [7.0]]), np.zeros((1, 1))
    trace = trace_step(network, define_optimizer(), W, b, X, Y, {}, get_arithmetic("exact"))
    bound = step_bounds(network, define_optimizer(), trace, trace)["Z1"]
    assert bound[0, 0] == pytest.approx(2 * gamma_bound(6) * 31, rel=2e-3)


def test_measured_differences_are_passed_on():
    network = define_network([6, 5, 4])
    optimizer, ours, theirs = two_traces(network)
    theirs["A1"] = theirs["A1"] + 1e-3
    bounds = step_bounds(network, optimizer, ours, theirs)
    assert (bounds["Z2"] >= 1e-3 * np.abs(ours.inputs["W2"]).sum(axis=1, keepdims=True)).all()
    assert bounds["Z1"].max() < 1e-12


def test_a_derivative_may_jump_only_where_both_sides_are_possible():
    jump = ball_step(Ball(np.array([1e-17, 1.0, 0.0, -1e-17]), np.array([2e-17, 2e-17, 0.0, 1e-18])), 0.0, 1.0)
    assert list(jump.value) == [1, 1, 0, 0]
    assert list(jump.radius) == [1, 0, 0, 0]


def test_operations_whose_radius_has_no_limit():
    wide = Ball(np.array([1.0]), np.array([2.0]))
    with np.errstate(all="ignore"):
        assert ball_divide(wide, wide).radius[0] == np.inf
        assert ball_log(wide).radius[0] == np.inf
    assert ball_sqrt(wide).radius[0] == pytest.approx(1.0)  # from 0 to the square root of 3


@pytest.mark.parametrize(
    "quantity", ["Z1", "A1", "Z2", "A2", "loss", "delta2", "dW2", "db2", "delta1", "dW1", "db1", "W1_new"]
)
def test_a_wrong_digit_is_found_and_named(quantity):
    network = define_network([6, 5, 4], "tanh")
    optimizer, ours, theirs = two_traces(network)
    theirs[quantity] = theirs[quantity] * (1 + 1e-11)
    assert first_difference(compare_traces(ours, theirs, network, optimizer)).quantity == quantity


def test_overflow_in_the_same_place_agrees_and_nothing_else_does():
    network = define_network([2, 2], output_activation="linear")
    _, b, _, Y = draw([2, 2], 1)
    X = np.full((2, 1), 1e308)
    state = {}
    trace = trace_step(
        network, define_optimizer(), [np.array([[10.0, 0.0], [1.0, 1e-300]])], b, X, Y, state, get_arithmetic("fast")
    )
    assert np.isinf(trace["Z1"][0, 0])
    assert first_difference(compare_traces(trace, Trace(trace, trace.inputs), network, define_optimizer())) is None
    other = Trace(trace | {"Z1": np.array([[1e308], trace["Z1"][1]])}, trace.inputs)
    assert first_difference(compare_traces(trace, other, network, define_optimizer())).problem == "Inf against 1e+308"


def test_a_missing_or_misshapen_input_bounds_nothing():
    network = define_network([6, 5, 4])
    optimizer, ours, theirs = two_traces(network, samples=7)
    theirs["A1"] = theirs["A1"].T
    assert np.isnan(step_bounds(network, optimizer, ours, theirs)["Z2"]).all()
    assert first_difference(compare_traces(ours, theirs, network, optimizer)).problem == "shape 5 × 7 against 7 × 5"
    del theirs["A1"]
    assert np.isnan(step_bounds(network, optimizer, ours, theirs)["Z2"]).all()


def test_bounds_need_to_know_the_start():
    network = define_network([6, 5, 4])
    optimizer, ours, theirs = two_traces(network)
    with pytest.raises(InputError, match="that the first trace started from, and it has none"):
        step_bounds(network, optimizer, dict(ours), dict(theirs))
    given = step_bounds(network, optimizer, dict(ours), dict(theirs), ours.inputs, theirs.inputs)
    assert all(
        np.array_equal(given[name], bound) for name, bound in step_bounds(network, optimizer, ours, theirs).items()
    )


def test_gamma():
    assert gamma_bound(1) == pytest.approx(UNIT_ROUNDOFF)
    assert gamma_bound(1000) > 1000 * UNIT_ROUNDOFF


def test_a_word_added_to_a_registry_is_judged_by_an_estimate(monkeypatch):
    softsign = Activation(
        lambda Z, network, arithmetic: Z / (1 + np.abs(Z)), lambda Z, A, *rest: 1 / (1 + np.abs(Z)) ** 2
    )
    monkeypatch.setitem(ACTIVATIONS, "softsign", softsign)
    monkeypatch.setitem(LOSSES, "quartic", Loss(lambda A, Y, *rest: (A - Y) ** 4, lambda A, Y, *rest: 4 * (A - Y) ** 3))
    rule = UpdateRule(lambda w, g, memory, eta, *rest: (w - eta * np.tanh(g), [memory[0] + g]), memory=("seen",))
    monkeypatch.setitem(OPTIMIZERS, "bounded", rule)
    network = define_network([6, 5, 4], "softsign", loss="quartic")
    for seed in range(5):
        optimizer, ours, theirs = two_traces(network, define_optimizer("bounded"), seed)
        assert first_difference(compare_traces(ours, theirs, network, optimizer)) is None
    for quantity in ("A1", "loss", "delta2", "delta1", "W1_new", "W1_seen"):
        wrong = Trace(theirs | {quantity: theirs[quantity] * (1 + 1e-9)}, theirs.inputs)
        assert first_difference(compare_traces(ours, wrong, network, optimizer)).quantity == quantity


def test_a_gradient_that_is_noise_has_a_finite_bound():
    # the gradients of both programs are roundings of zero far above adagrad's epsilon
    network, optimizer = define_network([1, 1], output_activation="linear"), define_optimizer("adagrad")
    inputs = {"W1": np.ones((1, 1)), "b1": np.zeros(1), "Y": np.zeros((1, 1)), "W1_accumulator": np.zeros((1, 1))}
    ours, theirs = (Trace({"dW1": np.full((1, 1), g), "W1_new": np.ones((1, 1))}, inputs) for g in (1e-7, -2e-7))
    assert np.isfinite(step_bounds(network, optimizer, ours, theirs)["W1_new"]).all()
