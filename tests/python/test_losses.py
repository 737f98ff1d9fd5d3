"""Losses: values by hand, stable forms at ±1000, and the domain outside which they refuse."""

import math

import numpy as np
import pytest

from nnparity.activations import activate
from nnparity.checks import InputError
from nnparity.losses import loss_gradient, loss_value, output_delta
from nnparity.network import backward, define_network, forward


def value(output, loss, Z, Y, **settings):
    """The loss of one layer whose weighted inputs are Z, and what it was computed from."""
    Z, Y = np.array(Z, float), np.array(Y, float)
    network = define_network([len(Z), len(Z)], output_activation=output, loss=loss, **settings)
    A = activate(output, Z, network)
    return loss_value(network, [np.eye(len(Z))], [Z], [Z, A], Y), network, Z, A, Y


def test_values_by_hand():
    A, Y = [[1.0, 0.5], [3.0, 2.0]], [[0.0, 0.5], [1.0, 5.0]]  # a - y = 1, 0 and 2, -3
    expected = {
        "quadratic": ((1 + 4) / 2 + (0 + 9) / 2) / 2,
        "mean_squared_error": ((1 + 4) / 2 + (0 + 9) / 2) / 2,
        "mean_absolute_error": ((1 + 2) / 2 + (0 + 3) / 2) / 2,
        "huber": ((0.5 + 1.5) / 2 + (0 + 2.5) / 2) / 2,
    }
    for loss, truth in expected.items():
        assert value("linear", loss, A, Y)[0] == truth
    assert value("linear", "huber", A, Y, huber_delta=2)[0] == ((0.5 + 2) / 2 + (0 + 4) / 2) / 2
    half = [[0.5, 0.25]]
    binary, categorical = (math.log(2) - math.log(0.75)) / 2, (math.log(2) + 2 * math.log(4)) / 2
    assert value("linear", "binary_cross_entropy", half, [[1, 0]])[0] == pytest.approx(binary, rel=1e-14)
    assert value("linear", "categorical_cross_entropy", half, [[1, 2]])[0] == pytest.approx(categorical, rel=1e-14)


def test_gradients_by_hand():
    A, Y = np.array([[1.0, 0.5], [3.0, 2.0]]), np.array([[0.0, 0.5], [1.0, 5.0]])
    expected = {
        "quadratic": [[1, 0], [2, -3]],
        "mean_squared_error": [[1, 0], [2, -3]],
        "mean_absolute_error": [[0.5, 0], [0.5, -0.5]],
        "huber": [[0.5, 0], [0.5, -0.5]],
        "categorical_cross_entropy": [[0, -1], [-1 / 3, -2.5]],
    }
    for loss, truth in expected.items():
        network = define_network([1, 2], output_activation="linear", loss=loss)
        assert loss_gradient(network, A, Y).tolist() == truth
    network = define_network([1, 1], loss="binary_cross_entropy")
    assert loss_gradient(network, np.array([[0.5, 0.25]]), np.array([[1.0, 0.0]])).tolist() == [[-2.0, 4 / 3]]


def test_penalties_are_part_of_the_loss_and_of_the_weights_gradient():
    W, b = [np.array([[1.0, -2.0]]), np.array([[0.5]])], [np.array([3.0]), np.array([4.0])]
    X, Y = np.zeros((2, 1)), np.zeros((1, 1))
    plain = define_network([2, 1, 1], "linear", "linear")
    network = define_network([2, 1, 1], "linear", "linear", l1=0.5, l2=0.25)
    for arithmetic in ("fast", "exact"):
        Z, A = forward(plain, W, b, X, arithmetic)
        difference = loss_value(network, W, Z, A, Y, arithmetic) - loss_value(plain, W, Z, A, Y, arithmetic)
        assert difference == 0.5 * 3.5 + 0.125 * 5.25
        _, dW, db = backward(network, W, Z, A, Y, arithmetic)
        _, plain_dW, plain_db = backward(plain, W, Z, A, Y, arithmetic)
        assert (dW[0] - plain_dW[0]).tolist() == [[0.5 + 0.25, -0.5 - 0.5]]
        assert [g.tolist() for g in db] == [g.tolist() for g in plain_db]


@pytest.mark.parametrize("output", ["sigmoid", "softmax", "relu+softmax"])
@pytest.mark.parametrize("loss", ["binary_cross_entropy", "categorical_cross_entropy"])
def test_cross_entropies_at_1000_neither_overflow_nor_clip(loss, output):
    truth = {
        ("binary_cross_entropy", "sigmoid"): 2000.0,
        ("categorical_cross_entropy", "sigmoid"): 1000.0,
        ("binary_cross_entropy", "softmax"): 4000.0,
        ("categorical_cross_entropy", "softmax"): 2000.0,
        ("binary_cross_entropy", "relu+softmax"): 2000.0,
        ("categorical_cross_entropy", "relu+softmax"): 1000.0,
    }
    wrong, network, Z, A, Y = value(output, loss, [[1000.0], [-1000.0]], [[0.0], [1.0]])
    assert wrong == truth[loss, output]
    delta = output_delta(network, Z, A, Y)
    assert np.isfinite(delta).all()
    assert value(output, loss, [[1000.0], [-1000.0]], [[1.0], [0.0]])[0] == 0.0
    if loss == "binary_cross_entropy" or output != "sigmoid":
        n = 2.0 if loss == "binary_cross_entropy" and output != "sigmoid" else 1.0
        assert delta.tolist() == [[n], [-n if output != "relu+softmax" else 0.0]]


def test_small_losses_keep_their_digits():
    # ln(1 + e^-40), which ln(sigmoid(40)) rounds to zero
    tiny = 4.2483542552915889e-18
    assert value("sigmoid", "binary_cross_entropy", [[40.0]], [[1.0]])[0] == tiny
    assert value("sigmoid", "categorical_cross_entropy", [[40.0]], [[1.0]])[0] == tiny
    assert value("softmax", "categorical_cross_entropy", [[40.0], [0.0]], [[1.0], [0.0]])[0] == tiny
    both = value("softmax", "binary_cross_entropy", [[40.0], [0.0]], [[1.0], [0.0]])[0]
    assert both == pytest.approx(2 * tiny, rel=1e-15)
    assert value("softplus", "categorical_cross_entropy", [[-1000.0]], [[1.0]])[0] == 1000.0


def test_softmax_delta_for_targets_that_sum_to_something_else():
    Z, Y = np.array([[0.3], [1.1], [-0.4]]), np.array([[0.5], [2.0], [0.25]])
    network = define_network([1, 3], output_activation="softmax", loss="categorical_cross_entropy")
    A = activate("softmax", Z, network)
    delta, h = output_delta(network, Z, A, Y), 1e-6
    for k in range(3):
        step = np.eye(3)[:, [k]] * h
        central = (
            value("softmax", "categorical_cross_entropy", Z + step, Y)[0]
            - value("softmax", "categorical_cross_entropy", Z - step, Y)[0]
        ) / (2 * h)
        assert delta[k, 0] == pytest.approx(central, abs=1e-8)


def test_outputs_outside_the_domain_are_named():
    Z, Y = [[0.5, 0.5, 0.5], [0.25, 0.5, -0.25]], [[1, 0, 1], [0, 1, 0]]
    sentence = "categorical_cross_entropy is defined for outputs above 0, and in sample 3 output unit 2 is -0.25"
    with pytest.raises(InputError) as error:
        value("linear", "categorical_cross_entropy", Z, Y)
    assert str(error.value) == sentence
    network = define_network([1, 2], output_activation="linear", loss="categorical_cross_entropy")
    for call in (loss_gradient, lambda network, A, Y: output_delta(network, A, A, Y)):
        with pytest.raises(InputError) as error:
            call(network, np.array(Z), np.array(Y, float))
        assert str(error.value) == sentence
    sentence = "binary_cross_entropy is defined for outputs above 0 and below 1, and in sample 1 output unit 1 is 1"
    for output, Z in (("softmax", [[2.0]]), ("linear", [[1.0]]), ("elu", [[1.0]])):
        with pytest.raises(InputError) as error:
            value(output, "binary_cross_entropy", Z, [[0.0]])
        assert str(error.value) == sentence
    with pytest.raises(InputError, match=r"output unit 1 is 0$"):
        value("relu", "categorical_cross_entropy", [[-3.0]], [[0.0]])


def test_targets_of_another_shape_are_refused():
    network, A = define_network([1, 2]), np.full((2, 3), 0.5)
    for call in (
        lambda Y: loss_gradient(network, A, Y),
        lambda Y: output_delta(network, A, A, Y),
        lambda Y: loss_value(network, [np.zeros((2, 1))], [A], [A, A], Y),
    ):
        with pytest.raises(InputError, match="Y must be 2 x 3, not 2 x 1"):
            call(np.zeros((2, 1)))


def test_nan_outputs_give_a_nan_loss_not_an_error():
    for loss in ("quadratic", "binary_cross_entropy", "categorical_cross_entropy"):
        assert math.isnan(value("linear", loss, [[math.nan, 0.5]], [[1.0, 1.0]])[0])
