"""Activations: values and derivatives against 50-digit truth from -1000 to 1000, compositions, softmax."""

import numpy as np
import pytest

from nnparity.activations import ACTIVATIONS, activate, activation_derivative, backprop_activation
from nnparity.checks import InputError
from nnparity.network import define_network

NETWORK = define_network([2, 2])

# z, then for each activation its value and derivative at each z, from 2000-digit arithmetic (mpmath) rounded to double.
POINTS = [-1000, -37.5, -3, -0.5, 0.75, 20, 1000]
TRUTH = {
    "linear": ([-1000, -37.5, -3, -0.5, 0.75, 20, 1000], [1, 1, 1, 1, 1, 1, 1]),
    "sigmoid": (
        [
            0, 5.1755550058018682e-17, 0.047425873177566781, 0.37754066879814546, 0.67917869917539297,
            0.99999999793884642, 1,
        ],
        [
            0, 5.1755550058018682e-17, 0.04517665973091213, 0.23500371220159449, 0.21789499376181404,
            2.0611536139418492e-09, 0,
        ],
    ),
    "tanh": (
        [-1, -1, -0.99505475368673046, -0.46211715726000974, 0.6351489523872873, 1, 1],
        [
            0, 1.0714547847232311e-32, 0.0098660371654401904, 0.7864477329659274, 0.59658580828133145,
            1.6993417021166355e-17, 0,
        ],
    ),
    "relu": ([0, 0, 0, 0, 0.75, 20, 1000], [0, 0, 0, 0, 1, 1, 1]),
    "leaky_relu": ([-10, -0.375, -0.03, -0.005, 0.75, 20, 1000], [0.01, 0.01, 0.01, 0.01, 1, 1, 1]),
    "elu": (
        [-1, -1, -0.95021293163213605, -0.39346934028736658, 0.75, 20, 1000],
        [0, 5.1755550058018688e-17, 0.049787068367863944, 0.60653065971263342, 1, 1, 1],
    ),
    "softplus": (
        [
            0, 5.1755550058018682e-17, 0.048587351573742062, 0.47407698418010669, 1.1368710061148999,
            20.000000002061153, 1000,
        ],
        [
            0, 5.1755550058018682e-17, 0.047425873177566781, 0.37754066879814546, 0.67917869917539297,
            0.99999999793884642, 1,
        ],
    ),
    "gelu": (
        [0, 0, -0.0036373920817730191, -0.15428599017485609, 0.57996055516562028, 20, 1000],
        [0, 0, -0.011584166630969728, 0.1326300964653577, 0.99893825613741427, 1, 1],
    ),
    "silu": (
        [
            0, -1.9408331271757007e-15, -0.14227761953270035, -0.18877033439907273, 0.50938402438154473,
            19.999999958776929, 1000,
        ],
        [
            0, -1.8890775771176817e-15, -0.088104106015169617, 0.26003881269734819, 0.84259994449675346,
            1.0000000391619186, 1,
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("arithmetic", ["fast", "exact"])
@pytest.mark.parametrize("name", TRUTH)
def test_value_and_derivative_are_the_truth_from_minus_to_plus_1000(name, arithmetic):
    Z = np.array([POINTS], float)
    A = activate(name, Z, NETWORK, arithmetic)
    np.testing.assert_allclose(A[0], TRUTH[name][0], rtol=2e-15, atol=0)
    slope = activation_derivative(name, Z, A, NETWORK, arithmetic)
    np.testing.assert_allclose(slope[0], TRUTH[name][1], rtol=2e-14, atol=0)


def test_every_activation_has_its_truth():
    assert set(TRUTH) | {"softmax"} == set(ACTIVATIONS)


def test_derivative_at_zero():
    zero = np.array([[0.0, -0.0]])
    expected = {"relu": 0.0, "leaky_relu": 0.3, "elu": 1.7, "sigmoid": 0.25, "tanh": 1.0, "gelu": 0.5, "silu": 0.5}
    network = define_network([2, 2], slope=0.3, elu_alpha=1.7)
    for name, value in expected.items():
        assert activation_derivative(name, zero, zero, network).tolist() == [[value, value]]


def test_softmax_at_1000_and_its_jacobian():
    Z = np.array([[1000.0, -1000.0, 0.0], [999.0, 1000.0, 0.0], [-1000.0, 1000.0, 0.0]])
    for arithmetic in ("fast", "exact"):
        A = activate("softmax", Z, NETWORK, arithmetic)
        expected = [[1 / (1 + np.exp(-1)), 0, 1 / 3], [1 / (1 + np.e), 0.5, 1 / 3], [0, 0.5, 1 / 3]]
        np.testing.assert_allclose(A, expected, rtol=1e-15, atol=0)
        rng = np.random.default_rng(1)
        Z2, dA = rng.standard_normal((4, 3)), rng.standard_normal((4, 3))
        A2 = activate("softmax", Z2, NETWORK, arithmetic)
        for i in range(3):
            jacobian = np.diag(A2[:, i]) - np.outer(A2[:, i], A2[:, i])
            delta = backprop_activation("softmax", Z2, A2, dA, NETWORK, arithmetic)[:, i]
            np.testing.assert_allclose(delta, jacobian.T @ dA[:, i], rtol=0, atol=1e-15)


def test_a_composition_is_applied_from_left_to_right():
    Z = np.array([[1.0, -2.0], [-1.0, 3.0]])
    relu = np.array([[1.0, 0.0], [0.0, 3.0]])
    assert np.array_equal(activate("relu+softmax", Z, NETWORK), activate("softmax", relu, NETWORK))
    A, dA = activate("relu+softmax", Z, NETWORK), np.array([[1.0, 2.0], [3.0, -1.0]])
    delta = backprop_activation("softmax", relu, A, dA, NETWORK) * (Z > 0)
    assert np.array_equal(backprop_activation("relu+softmax", Z, A, dA, NETWORK), delta)
    chain = activate("tanh+sigmoid", Z, NETWORK)
    slope = activation_derivative("tanh+sigmoid", Z, chain, NETWORK)
    step = 1e-6
    central = (activate("tanh+sigmoid", Z + step, NETWORK) - activate("tanh+sigmoid", Z - step, NETWORK)) / (2 * step)
    np.testing.assert_allclose(slope, central, rtol=1e-7)


def test_the_callers_array_stays_and_nan_passes():
    for name in ACTIVATIONS:
        Z = np.array([[1.0, np.nan], [-1.0, 0.5]])
        before = Z.copy()
        A = activate(name, Z, NETWORK)
        A += 1.0
        assert np.array_equal(Z, before, equal_nan=True)
        assert np.isnan(A[0, 1])


def test_bad_names_are_refused_in_one_sentence():
    words = "linear, sigmoid, tanh, relu, leaky_relu, elu, softplus, gelu, silu, softmax"
    Z = np.zeros((1, 1))
    with pytest.raises(InputError) as refused:
        activate("sigmiod", Z, NETWORK)
    assert str(refused.value) == f"activation must be one of {words}, not 'sigmiod'; did you mean 'sigmoid'?"
    for name in ("", "relu+", "+relu", "relu++tanh", "relu softmax", None, 3):
        with pytest.raises(InputError, match="activation must be one of"):
            activate(name, Z, NETWORK)
    with pytest.raises(InputError, match="softmax has a whole Jacobian: use backprop_activation"):
        activation_derivative("relu+softmax", Z, Z, NETWORK)
