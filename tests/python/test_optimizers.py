"""Update rules against their published equations, step by step in single numbers; clipping; names and defaults."""

import math

import numpy as np
import pytest

from nnparity.checks import InputError
from nnparity.optimizers import OPTIMIZERS, apply_update, define_optimizer, initial_state

GRADIENTS = [0.7, -0.2, 0.05, 0.0, 1.3]


def run(optimizer, w, gradients, is_weight=True):
    """W1 (or b1) after each gradient, a single number."""
    W, b = [np.array([[w]])], [np.array([w])]
    state = initial_state(optimizer, W, b)
    path = []
    for g in gradients:
        W, b, state = apply_update(optimizer, W, b, [np.array([[g]])], [np.array([g])], state)
        path.append(float(W[0][0, 0] if is_weight else b[0][0]))
    return path, state


def published(
    name, w, gradients, eta, mu=0.9, rho=0.99, beta1=0.9, beta2=0.999, epsilon=1e-8, decay=0.01, is_weight=True
):
    """The same, straight from the papers' equations."""
    v = m = s = 0.0
    path = []
    for t, g in enumerate(gradients, start=1):
        if name == "sgd":
            w = w - eta * g
        elif name == "momentum":
            v = mu * v - eta * g
            w = w + v
        elif name == "nesterov":
            v = mu * v - eta * g
            w = w + mu * v - eta * g
        elif name == "adagrad":
            s = s + g**2
            w = w - eta * g / (math.sqrt(s) + 1e-10)
        elif name == "rmsprop":
            s = rho * s + (1 - rho) * g**2
            w = w - eta * g / (math.sqrt(s) + epsilon)
        else:
            if name == "adamw" and is_weight:
                w = w - eta * decay * w
            m = beta1 * m + (1 - beta1) * g
            s = beta2 * s + (1 - beta2) * g**2
            w = w - eta * (m / (1 - beta1**t)) / (math.sqrt(s / (1 - beta2**t)) + epsilon)
        path.append(w)
    return path


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_are_those_of_the_published_equations(name):
    optimizer = define_optimizer(name, eta=0.1)
    for is_weight in (True, False):
        expected = published(name, 0.4, GRADIENTS, 0.1, is_weight=is_weight)
        assert run(optimizer, 0.4, GRADIENTS, is_weight)[0] == pytest.approx(expected, rel=1e-13)


def test_hyper_parameters_are_taken():
    cases = {
        "momentum": {"momentum": 0.5}, "nesterov": {"momentum": 0.5}, "rmsprop": {"rho": 0.5, "epsilon": 0.1},
        "adam": {"beta1": 0.5, "beta2": 0.6, "epsilon": 0.1}, "adamw": {"weight_decay": 0.3},
    }  # fmt: skip
    words = {"momentum": "mu", "weight_decay": "decay"}
    for name, hyper in cases.items():
        expected = published(name, 0.4, GRADIENTS, 0.1, **{words.get(word, word): x for word, x in hyper.items()})
        assert run(define_optimizer(name, 0.1, **hyper), 0.4, GRADIENTS)[0] == pytest.approx(expected, rel=1e-13)


def test_defaults_are_those_of_the_table():
    assert {name: dict(rule.hyper) for name, rule in OPTIMIZERS.items()} == {
        "sgd": {}, "momentum": {"momentum": 0.9}, "nesterov": {"momentum": 0.9}, "adagrad": {"epsilon": 1e-10},
        "rmsprop": {"rho": 0.99, "epsilon": 1e-8}, "adam": {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
        "adamw": {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weight_decay": 0.01},
    }  # fmt: skip


def test_state_is_named_after_its_parameters():
    W, b = [np.zeros((2, 3)), np.zeros((1, 2))], [np.zeros(2), np.zeros(1)]
    names = {name: list(initial_state(define_optimizer(name), W, b)) for name in OPTIMIZERS}
    assert names["sgd"] == []
    assert names["momentum"] == ["W1_velocity", "b1_velocity", "W2_velocity", "b2_velocity"]
    assert names["adagrad"] == ["W1_accumulator", "b1_accumulator", "W2_accumulator", "b2_accumulator"]
    assert names["rmsprop"] == ["W1_v", "b1_v", "W2_v", "b2_v"]
    assert names["adamw"] == ["step_count", "W1_m", "W1_v", "b1_m", "b1_v", "W2_m", "W2_v", "b2_m", "b2_v"]
    for name in OPTIMIZERS:
        optimizer = define_optimizer(name)
        state = initial_state(optimizer, W, b)
        after = apply_update(optimizer, W, b, W, b, state)[2]
        assert list(after) == names[name]
        assert all(np.shape(after[word]) == np.shape(state[word]) for word in state)


def test_clipping_scales_the_whole_gradient_to_the_norm():
    W, b = [np.zeros((1, 2)), np.zeros((1, 1))], [np.zeros(1), np.zeros(1)]
    dW, db = [np.array([[1.0, 2.0]]), np.array([[4.0]])], [np.array([2.0]), np.array([0.0])]  # norm 5
    for arithmetic in ("fast", "exact"):
        clipped = apply_update(define_optimizer(eta=1.0, clip_norm=2.5), W, b, dW, db, {}, arithmetic)
        assert [w.tolist() for w in clipped[0]] == [[[-0.5, -1.0]], [[-2.0]]]
        assert [v.tolist() for v in clipped[1]] == [[-1.0], [0.0]]
        whole = apply_update(define_optimizer(eta=1.0, clip_norm=5), W, b, dW, db, {}, arithmetic)
        assert [w.tolist() for w in whole[0]] == [[[-1.0, -2.0]], [[-4.0]]]


def test_a_zero_gradient_moves_nothing():
    for name in OPTIMIZERS:
        assert run(define_optimizer(name), 0.0, [0.0, 0.0])[0] == [0.0, 0.0]


def test_gradients_and_states_that_do_not_fit_are_refused():
    W, b = [np.zeros((2, 3))], [np.zeros(2)]
    refused = {
        "dW1 must be 2 x 3, not 1 x 3": (define_optimizer(), [np.zeros((1, 3))], b, {}),
        "db1 must be a vector of 2 numbers, not of 1": (define_optimizer(), W, [np.zeros(1)], {}),
        "W, b, dW and db must be equally long, not 1, 1, 2 and 1": (define_optimizer(), W * 2, b, {}),
        "state must hold step_count, as initial_state makes it for adam": (define_optimizer("adam"), W, b, {}),
        "state must hold b1_velocity, as initial_state makes it for momentum": (
            define_optimizer("momentum"), W, b, {"W1_velocity": W[0]}),
    }  # fmt: skip
    for sentence, (optimizer, dW, db, state) in refused.items():
        with pytest.raises(InputError) as error:
            apply_update(optimizer, W, b, dW, db, state)
        assert str(error.value) == sentence


def test_an_optimizer_that_makes_no_sense_is_refused():
    refused = {
        "optimizer must be one of sgd, momentum, nesterov, adagrad, rmsprop, adam, adamw, not 'Adma'; "
        "did you mean 'adam'?": {"name": "Adma"},
        "eta must be one finite number above 0, not -1": {"eta": -1},
        "eta must be one finite number above 0, not Inf": {"eta": math.inf},
        "eta must be one finite number above 0, not '0.5'": {"eta": "0.5"},
        "clip_norm must be one finite number above 0, not 0": {"clip_norm": 0},
        "hyper-parameter of adam must be one of beta1, beta2, epsilon, not 'beta'; did you mean 'beta1'?": {
            "name": "adam", "beta": 0.5},
        "optimizer sgd has no hyper-parameters, not even 'momentum'": {"momentum": 0.9},
        "beta2 must be one finite number at least 0 and below 1, not 1": {"name": "adam", "beta2": 1},
        "weight_decay must be one finite number at least 0, not -0.1": {"name": "adamw", "weight_decay": -0.1},
    }  # fmt: skip
    for sentence, arguments in refused.items():
        with pytest.raises(InputError) as error:
            define_optimizer(**arguments)
        assert str(error.value) == sentence
