"""The network: shapes, a worked example, and gradients against complex-step differences of a naive network."""

import itertools

import numpy as np
import pytest

from nnparity.activations import ACTIVATIONS
from nnparity.checks import InputError
from nnparity.losses import LOSSES, loss_value
from nnparity.network import backward, define_network, forward, gradient_step
from nnparity.optimizers import define_optimizer, initial_state

# The oracle: textbook formulas over complex numbers, no stable forms, no backpropagation.
NAIVE_ACTIVATIONS = {
    "linear": lambda z, n: z,
    "sigmoid": lambda z, n: 1 / (1 + np.exp(-z)),
    "tanh": lambda z, n: np.tanh(z),
    "relu": lambda z, n: np.where(z.real > 0, z, 0),
    "leaky_relu": lambda z, n: np.where(z.real > 0, z, n.slope * z),
    "elu": lambda z, n: np.where(z.real > 0, z, n.elu_alpha * (np.exp(z) - 1)),
    "softplus": lambda z, n: np.log(1 + np.exp(z)),
    "gelu": lambda z, n: z / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))),
    "silu": lambda z, n: z / (1 + np.exp(-z)),
    "softmax": lambda z, n: np.exp(z) / np.exp(z).sum(axis=0),
}
NAIVE_LOSSES = {
    "quadratic": lambda a, y, n: (a - y) ** 2 / 2,
    "mean_squared_error": lambda a, y, n: (a - y) ** 2 / len(a),
    "mean_absolute_error": lambda a, y, n: (a - y) * np.sign((a - y).real) / len(a),
    "huber": lambda a, y, n: np.where(
        np.abs((a - y).real) <= n.huber_delta,
        (a - y) ** 2 / 2,
        n.huber_delta * ((a - y) * np.sign((a - y).real) - n.huber_delta / 2),
    )
    / len(a),
    "binary_cross_entropy": lambda a, y, n: -(y * np.log(a) + (1 - y) * np.log(1 - a)),
    "categorical_cross_entropy": lambda a, y, n: -y * np.log(a),
}


def naive_loss(network, parameters, X, Y):
    """C of textbook formulas; parameters are W1, b1, W2, …."""
    A, C = X.astype(complex), 0.0
    for k, word in enumerate(network.activations):
        W, b = parameters[2 * k], parameters[2 * k + 1]
        A = W @ A + b[:, np.newaxis]
        for part in word.split("+"):
            A = NAIVE_ACTIVATIONS[part](A, network)
        C += network.l1 * (W * np.sign(W.real)).sum() + network.l2 / 2 * (W**2).sum()
    return NAIVE_LOSSES[network.loss](A, Y, network).sum() / X.shape[1] + C


def complex_step_gradients(network, W, b, X, Y):
    """∂C/∂w = Im C(w + ih)/h, to rounding error, for each single parameter (Squire and Trapp 1998)."""
    h = 1e-100
    parameters = [np.array(p, complex) for pair in zip(W, b, strict=True) for p in pair]
    gradients = []
    for parameter in parameters:
        gradient = np.zeros(parameter.shape)
        for place in np.ndindex(parameter.shape):
            parameter[place] += 1j * h
            gradient[place] = naive_loss(network, parameters, X, Y).imag / h
            parameter[place] -= 1j * h
        gradients.append(gradient)
    return gradients[0::2], gradients[1::2]


def draw(network, m, rng, scale=1.0):
    W = [scale * rng.standard_normal((n, n_in)) for n_in, n in itertools.pairwise(network.sizes)]
    b = [rng.standard_normal(n) * (k not in network.no_bias) for k, n in enumerate(network.sizes[1:], start=1)]
    return W, b, rng.standard_normal((network.sizes[0], m)), rng.random((network.sizes[-1], m))


OUTPUTS = [*ACTIVATIONS, "relu+softmax", "tanh+sigmoid", "silu+softplus"]


@pytest.mark.parametrize("arithmetic", ["fast", "exact"])
@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_are_complex_step_differences_of_the_loss(loss, arithmetic):
    rng = np.random.default_rng(3)
    hidden = itertools.cycle(OUTPUTS)
    checked = 0
    for output in OUTPUTS:
        settings = {"slope": 0.2, "huber_delta": 0.4, "elu_alpha": 1.3, "l1": 0.01, "l2": 0.02, "no_bias": [2]}
        network = define_network([3, 4, 2, 3], [next(hidden), next(hidden)], output, loss, **settings)
        W, b, X, Y = draw(network, 5, rng)
        if "cross_entropy" in loss and output not in ("sigmoid", "softmax", "relu+softmax", "tanh+sigmoid"):
            W[-1], b[-1] = np.abs(W[-1]) * 0.05, np.full(3, 0.5)  # outputs near 1/2, inside the domain
        Z, A = forward(network, W, b, X, arithmetic)
        try:
            delta, dW, db = backward(network, W, Z, A, Y, arithmetic)
        except InputError:
            continue
        naive_dW, naive_db = complex_step_gradients(network, W, b, X, Y)
        np.testing.assert_allclose(loss_value(network, W, Z, A, Y, arithmetic), naive_loss(
            network, [p for pair in zip(W, b, strict=True) for p in pair], X, Y).real, rtol=1e-12)  # fmt: skip
        for k in range(3):
            scale = max(np.abs(naive_dW[k]).max(), np.abs(naive_db[k]).max(), 1e-3)
            np.testing.assert_allclose(dW[k], naive_dW[k], rtol=0, atol=1e-12 * scale, err_msg=f"{output} dW{k + 1}")
            if k + 1 in network.no_bias:
                assert not db[k].any()
            else:
                where = f"{output} db{k + 1}"
                np.testing.assert_allclose(db[k], naive_db[k], rtol=0, atol=1e-12 * scale, err_msg=where)
        assert [d.shape for d in delta] == [(4, 5), (2, 5), (3, 5)]
        checked += 1
    assert checked >= 12


def test_a_step_worked_out_by_hand():
    # One input, one hidden relu unit, one linear output, two samples, quadratic loss, eta = 0.5.
    #   x = 1, -1      z1 = 2x + 1 = 3, -1     a1 = 3, 0     a2 = z2 = 4 a1 - 2 = 10, -2     y = 8, 0
    #   C = 1/2 (2² + 2²) / 2 = 2              delta2 = 2, -2
    #   dW2 = (2·3 + -2·0)/2 = 3               db2 = (2 - 2)/2 = 0
    #   delta1 = 4·2·1, 4·(-2)·0 = 8, 0        dW1 = (8·1 + 0)/2 = 4       db1 = 4
    network = define_network([1, 1, 1], "relu", "linear")
    W, b = [np.array([[2.0]]), np.array([[4.0]])], [np.array([1.0]), np.array([-2.0])]
    X, Y = np.array([[1.0, -1.0]]), np.array([[8.0, 0.0]])
    for arithmetic in ("fast", "exact"):
        Z, A = forward(network, W, b, X, arithmetic)
        assert [z.tolist() for z in Z] == [[[3.0, -1.0]], [[10.0, -2.0]]]
        assert [a.tolist() for a in A] == [[[1.0, -1.0]], [[3.0, 0.0]], [[10.0, -2.0]]]
        delta, dW, db = backward(network, W, Z, A, Y, arithmetic)
        assert [d.tolist() for d in delta] == [[[8.0, 0.0]], [[2.0, -2.0]]]
        assert [g.tolist() for g in dW] == [[[4.0]], [[3.0]]]
        assert [g.tolist() for g in db] == [[4.0], [0.0]]
        W_new, b_new, state, loss = gradient_step(network, define_optimizer(), W, b, X, Y, {}, arithmetic)
        assert loss == 2.0
        assert [w.tolist() for w in W_new] == [[[0.0]], [[2.5]]]
        assert [v.tolist() for v in b_new] == [[-1.0], [-2.0]]
        assert state == {}
    assert W[0][0, 0] == 2.0


def test_any_depth_and_width():
    rng = np.random.default_rng(4)
    for sizes in ([1, 1], [5, 2], [1, 1, 1], [3, 1, 4], [2] * 10):
        network = define_network(sizes, "tanh", "softmax", "categorical_cross_entropy")
        W, b, X, Y = draw(network, 1, rng)
        optimizer = define_optimizer("adam")
        W_new, b_new, state, loss = gradient_step(network, optimizer, W, b, X, Y, initial_state(optimizer, W, b))
        assert [w.shape for w in W_new] == [w.shape for w in W]
        assert [v.shape for v in b_new] == [v.shape for v in b]
        assert np.isfinite(loss)
        assert state["step_count"] == 1


def test_one_word_serves_all_hidden_layers():
    assert define_network([2, 3, 4, 1], "relu").activations == ("relu", "relu", "sigmoid")
    assert define_network([2, 3, 4, 1], ["relu", "relu+tanh"], "linear").activations == ("relu", "relu+tanh", "linear")
    assert define_network([2, 1]).activations == ("sigmoid",)


def test_a_definition_that_makes_no_sense_is_refused():
    refused = {
        "sizes must hold at least two widths, those of the inputs and of the outputs": {"sizes": [4]},
        "sizes[2] must be a whole number of at least 1, not 2.5": {"sizes": [4, 2.5]},
        "sizes[1] must be a whole number of at least 1, not 0": {"sizes": [0, 2]},
        "activation must be one word or one for each of the 1 hidden layers, not 2 words": {
            "sizes": [4, 3, 2], "activation": ["relu", "tanh"]},
        "loss must be one of quadratic, mean_squared_error, mean_absolute_error, huber, binary_cross_entropy, "
        "categorical_cross_entropy, not 'mse'; did you mean 'mean_squared_error'?": {"sizes": [4, 2], "loss": "mse"},
        "no_bias must hold layer numbers from 1 to 1, not 2": {"sizes": [4, 2], "no_bias": [2]},
        "huber_delta must be one finite number above 0, not 0": {"sizes": [4, 2], "huber_delta": 0},
        "l2 must be one finite number at least 0, not -1": {"sizes": [4, 2], "l2": -1},
        "slope must be one finite number, not NaN": {"sizes": [4, 2], "slope": float("nan")},
    }  # fmt: skip
    for sentence, arguments in refused.items():
        with pytest.raises(InputError) as error:
            define_network(**arguments)
        assert str(error.value) == sentence


def test_shapes_that_are_not_the_networks_are_refused():
    network = define_network([3, 2])
    W, b, X, Y = draw(network, 4, np.random.default_rng(5))
    Z, A = forward(network, W, b, X)
    refused = {
        "X must be 3 x any, not 4 x 3": lambda: forward(network, W, b, X.T),
        "W1 must be 2 x 3, not 3 x 2": lambda: forward(network, [W[0].T], b, X),
        "b1 must be a vector of 2 numbers, not of 3": lambda: forward(network, W, [np.zeros(3)], X),
        "W and b must hold one entry for each of the 1 layers, not 2 and 1": lambda: forward(network, W * 2, b, X),
        "W, Z and A must hold 1, 1 and 2 matrices, not 1, 1 and 1": lambda: backward(network, W, Z, A[1:], Y),
        "Y must be 2 x 4, not 2 x 1": lambda: backward(network, W, Z, A, Y[:, :1]),
        "X must have at least one row and one column, not 3 x 0": lambda: forward(network, W, b, X[:, :0]),
    }
    for sentence, call in refused.items():
        with pytest.raises(InputError) as error:
            call()
        assert str(error.value) == sentence
    with pytest.raises(InputError, match="X must be a matrix of numbers, not"):
        forward(network, W, b, [["a"] * 4] * 3)


def test_the_callers_arrays_stay():
    network = define_network([3, 4, 2], l1=0.1, l2=0.1)
    W, b, X, Y = draw(network, 4, np.random.default_rng(6))
    for name in ("momentum", "adamw"):
        optimizer = define_optimizer(name, clip_norm=0.01)
        state = initial_state(optimizer, W, b)
        kept = [*W, *b, X, Y, *(np.asarray(value) for value in state.values())]
        before = [array.copy() for array in kept]
        for array in (*W, *b, X, Y):
            array.flags.writeable = False
        for arithmetic in ("fast", "exact"):
            gradient_step(network, optimizer, W, b, X, Y, state, arithmetic)
        assert all(np.array_equal(x, y) for x, y in zip(kept, before, strict=True))
