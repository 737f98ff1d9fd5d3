"""Initializers: R's stream in the documented order, and the spread that each promises."""

import math

import numpy as np
import pytest

from nnparity.checks import InputError
from nnparity.initializers import INITIALIZERS, initialize_parameters
from nnparity.network import define_network
from nnparity.random import r_rnorm, r_runif, r_set_seed


def test_draws_run_through_w1_by_column_then_b1_then_w2():
    # Rscript -e 'set.seed(42); sprintf("%.17g", rnorm(3))'
    W, b = initialize_parameters(define_network([2, 3, 1]), seed=42)
    assert W[0][:, 0].tolist() == [1.3709584471466685, -0.56469817139608869, 0.36312841133733920]
    stream = r_set_seed(42)
    draws = r_rnorm(stream, 13)
    assert W[0].T.ravel().tolist() == draws[:6].tolist()
    assert b[0].tolist() == draws[6:9].tolist()
    assert W[1].ravel().tolist() == draws[9:12].tolist()
    assert b[1].tolist() == draws[12:].tolist()


def test_layers_without_bias_take_no_draws_for_it():
    W, b = initialize_parameters(define_network([2, 3, 1], no_bias=[1]), seed=42)
    draws = r_rnorm(r_set_seed(42), 10)
    assert b[0].tolist() == [0.0, 0.0, 0.0]
    assert W[1].ravel().tolist() == draws[6:9].tolist()
    assert b[1].tolist() == draws[9:].tolist()


def test_a_stream_moves_on():
    network, stream = define_network([2, 2]), r_set_seed(7)
    drawn = []
    for _ in range(2):
        W, b = initialize_parameters(network, seed=stream)
        drawn += [*W[0].T.ravel(), *b[0]]
    assert drawn == r_rnorm(r_set_seed(7), 12).tolist()


def test_uniform_draws_are_those_of_runif():
    W, b = initialize_parameters(define_network([4, 3]), "glorot_uniform", seed=5)
    limit = math.sqrt(6 / 7)
    assert W[0].T.ravel().tolist() == r_runif(r_set_seed(5), 12, -limit, limit).tolist()
    assert b[0].tolist() == [0.0, 0.0, 0.0]


SPREAD = {  # variance of the weights for n_in = 200, n_out = 100
    "normal": 1, "normal_scaled": 1 / 200, "glorot_uniform": 2 / 300, "glorot_normal": 2 / 300, "he_uniform": 2 / 200,
    "he_normal": 2 / 200, "lecun_uniform": 1 / 200, "lecun_normal": 1 / 200, "zeros": 0, "constant": 0,
}  # fmt: skip


@pytest.mark.parametrize("init", INITIALIZERS)
def test_weights_have_the_promised_spread(init):
    W, b = initialize_parameters(define_network([200, 100]), init, seed=3)
    assert W[0].var() == pytest.approx(SPREAD[init], rel=0.05)
    assert abs(W[0].mean()) < 0.02 or init == "constant"
    assert bool(b[0].any()) == (init in ("normal", "normal_scaled"))
    if init.endswith("uniform"):
        assert np.abs(W[0]).max() <= math.sqrt(3 * SPREAD[init])


def test_constant_weights():
    network = define_network([2, 2])
    assert initialize_parameters(network, "constant")[0][0].tolist() == [[0.1, 0.1], [0.1, 0.1]]
    assert initialize_parameters(network, "constant", constant=-2)[0][0].tolist() == [[-2, -2], [-2, -2]]
    assert not initialize_parameters(network, "zeros")[0][0].any()


def test_bad_words_and_seeds_are_refused():
    network = define_network([2, 2])
    with pytest.raises(InputError) as error:
        initialize_parameters(network, "glorot")
    assert str(error.value).startswith("init must be one of normal, normal_scaled, glorot_uniform")
    for seed in (1.5, None, "a", 2**31):
        with pytest.raises(InputError, match="seed must be"):
            initialize_parameters(network, seed=seed)
    with pytest.raises(InputError, match="constant must be one finite number, not NaN"):
        initialize_parameters(network, "constant", constant=math.nan)
