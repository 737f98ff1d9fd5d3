"""The buffered step gives the bits of the plain one, and is taken only where it covers the case."""

import numpy as np
import pytest

from nnparity import define_network, define_optimizer, define_training, get_arithmetic, initialize_parameters
from nnparity.fast_step import FAST_ACTIVATIONS, FAST_OUTPUTS, fast_step_applies
from nnparity.training import begin_training, train_epoch

RNG = np.random.default_rng(5)


def hard_targets(network, n):
    if network.sizes[-1] > 1:
        return np.eye(network.sizes[-1])[RNG.integers(network.sizes[-1], size=n)].T
    return RNG.integers(2, size=(1, n)).astype(float)


def both_epochs(network, batch, n=47, eta=0.7, Y=None, layout=np.ascontiguousarray):
    X = np.asfortranarray(RNG.normal(size=(network.sizes[0], n)))
    Y = hard_targets(network, n) if Y is None else Y
    optimizer = define_optimizer("sgd", eta)
    plan = define_training(epochs=1, batch=batch)
    assert fast_step_applies(network, optimizer, 0.0, get_arithmetic("fast"))
    W, b = initialize_parameters(network, "normal", 3)
    state = begin_training(network, optimizer, [layout(weights) for weights in W], b, 4)
    before = [weights.copy() for weights in state.W]
    plain = train_epoch(network, optimizer, plan, state, X, Y, buffered=False)
    fast = train_epoch(network, optimizer, plan, state, X, Y, buffered=True)
    assert all(np.array_equal(old, now) for old, now in zip(before, state.W, strict=True))  # the caller's stay
    return plain, fast


def assert_same_bits(plain, fast):
    for letter in ("W", "b"):
        for ours, theirs in zip(getattr(fast[0], letter), getattr(plain[0], letter), strict=True):
            assert ours.tobytes() == theirs.tobytes()
    assert fast[1:] == plain[1:]
    assert np.array_equal(fast[0].random_seed, plain[0].random_seed)


@pytest.mark.parametrize("batch", [1, 2, 10, 47, 100])
@pytest.mark.parametrize(("loss", "output"), FAST_OUTPUTS)
def test_same_bits_for_every_output(loss, output, batch):
    assert_same_bits(*both_epochs(define_network([7, 5, 3], "sigmoid", output, loss), batch, eta=0.01))


@pytest.mark.parametrize("batch", [1, 10])
@pytest.mark.parametrize("activation", FAST_ACTIVATIONS)
def test_same_bits_for_every_hidden_activation(activation, batch):
    network = define_network([6, 5, 4, 3], activation, "sigmoid", no_bias=[2])
    assert_same_bits(*both_epochs(network, batch))


@pytest.mark.parametrize("sizes", [[5, 1], [3, 1, 1], [1, 1], [60, 30, 10], [784, 30, 10]])
def test_same_bits_for_every_shape(sizes):
    for batch in (1, 10):
        assert_same_bits(*both_epochs(define_network(sizes), batch))


def test_same_bits_for_large_batches():
    assert_same_bits(*both_epochs(define_network([20, 5, 3]), batch=600, n=1300))


@pytest.mark.parametrize("batch", [10, 100])
def test_same_bits_for_weights_by_column(batch):
    assert_same_bits(*both_epochs(define_network([784, 30, 10]), batch, n=130, layout=np.asfortranarray))


@pytest.mark.parametrize("batch", [1, 10])
def test_same_bits_for_targets_that_are_shares(batch):
    network = define_network([7, 5, 12], "sigmoid", "softmax", "categorical_cross_entropy")
    assert_same_bits(*both_epochs(network, batch, Y=RNG.dirichlet(np.ones(12), size=47).T))


@pytest.mark.parametrize(
    ("network", "optimizer", "dropout", "arithmetic"),
    [
        ({"l2": 0.1}, {}, 0.0, "fast"),
        ({"activation": "gelu"}, {}, 0.0, "fast"),
        ({"loss": "huber"}, {}, 0.0, "fast"),
        ({}, {"name": "adam"}, 0.0, "fast"),
        ({}, {"clip_norm": 1.0}, 0.0, "fast"),
        ({}, {}, 0.5, "fast"),
        ({}, {}, 0.0, "exact"),
    ],
)
def test_the_plain_step_does_the_rest(network, optimizer, dropout, arithmetic):
    network = define_network([4, 3, 2], **network)
    assert not fast_step_applies(network, define_optimizer(**optimizer), dropout, get_arithmetic(arithmetic))
