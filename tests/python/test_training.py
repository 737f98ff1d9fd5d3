"""Training: epochs in R's order, schedules, early stopping, resuming bit for bit, Ctrl-C, divergence."""

from dataclasses import replace

import numpy as np
import pytest

from nnparity import (
    InputError,
    begin_training,
    define_network,
    define_optimizer,
    define_training,
    forward,
    gradient_step,
    initialize_parameters,
    load_digits,
    loss_value,
    one_hot,
    r_runif,
    r_sample_int,
    r_set_seed,
    train_epoch,
    train_network,
    training as module,
)  # fmt: skip
from nnparity.dropout import draw_masks, dropout_backward, dropout_forward
from nnparity.training import MONITORS, SCHEDULES, scheduled_eta

DIGITS = load_digits()
X, Y = DIGITS.X[:83].T, one_hot(DIGITS.y[:83], 10).T
HELD = (DIGITS.X[83:120].T, one_hot(DIGITS.y[83:120], 10).T)
NETWORK = define_network([64, 8, 10], "tanh", "softmax", "categorical_cross_entropy")


def begin(network=NETWORK, optimizer=None, seed=2):
    return begin_training(
        network, optimizer or define_optimizer(), *initialize_parameters(network, "normal_scaled", 1), seed
    )


def train(plan, optimizer=None, state=None, validation=HELD, network=NETWORK, **options):
    optimizer = optimizer or define_optimizer()
    return train_network(network, optimizer, plan, state or begin(network, optimizer), X, Y, validation, **options)


def same_state(a, b):
    def plain(history):
        return [{name: value for name, value in row.items() if name != "seconds"} for row in history]

    arrays = zip([*a.W, *a.b, *a.best_W, *a.best_b], [*b.W, *b.b, *b.best_W, *b.best_b], strict=True)
    return (
        all(ours.tobytes() == theirs.tobytes() for ours, theirs in arrays)
        and repr(plain(a.history)) == repr(plain(b.history))
        and np.array_equal(a.random_seed, b.random_seed)
        and a.optimizer_state.keys() == b.optimizer_state.keys()
        and all(np.array_equal(a.optimizer_state[name], b.optimizer_state[name]) for name in a.optimizer_state)
        and (a.epoch, a.best_epoch, a.halvings, a.halved) == (b.epoch, b.best_epoch, b.halvings, b.halved)
    )


def test_an_epoch_is_steps_in_rs_order():
    """By hand: sample.int(83), batches of 10, the last of 3."""
    plan, optimizer = define_training(epochs=1, batch=10), define_optimizer("adam", 0.01)
    state = begin(optimizer=optimizer)
    order = r_sample_int(r_set_seed(2), 83) - 1
    W, b, memory = state.W, state.b, state.optimizer_state
    losses = []
    for first in range(0, 83, 10):
        batch = order[first : first + 10]
        W, b, memory, loss = gradient_step(NETWORK, optimizer, W, b, X[:, batch], Y[:, batch], memory, "exact")
        losses.append(loss * batch.size)
    after, loss, _ = train_epoch(NETWORK, optimizer, plan, state, X, Y, "exact")
    assert all(np.array_equal(ours, theirs) for ours, theirs in zip(after.W, W, strict=True))
    assert loss == pytest.approx(sum(losses) / 83, rel=1e-12)


def test_history_and_end():
    state = train(define_training(epochs=3, batch=20))
    assert [row["epoch"] for row in state.history] == [1, 2, 3]
    assert state.stopped == "epochs"
    last = state.history[-1]
    Z, A = forward(NETWORK, state.W, state.b, HELD[0])
    assert last["validation_loss"] == loss_value(NETWORK, state.W, Z, A, HELD[1])
    assert last["loss"] < state.history[0]["loss"]
    assert last["seconds"] > 0


@pytest.mark.parametrize("optimizer", [("sgd", 0.5), ("adam", 0.01), ("momentum", 0.1)])
@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_resuming_is_never_having_stopped(optimizer, dropout):
    optimizer = define_optimizer(*optimizer)
    plan = define_training(epochs=5, batch=10, dropout=dropout, schedule="halving", wait=1, patience=4)
    whole = train(plan, optimizer)
    parts = train(replace(plan, epochs=2), optimizer)
    assert parts.stopped == "epochs"
    parts = train(plan, optimizer, parts)
    assert same_state(whole, parts)


def test_ctrl_c_leaves_the_last_complete_epoch(monkeypatch):
    plan = define_training(epochs=6, batch=10)
    whole = train(plan)
    calls = []
    step = module.fast_batches

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return step(*arguments)

    monkeypatch.setattr(module, "fast_step_applies", lambda *arguments: True)
    monkeypatch.setattr(module, "fast_batches", interrupted)
    state = train(plan)
    assert (state.stopped, state.epoch, len(state.history)) == ("interrupted", 3, 3)
    monkeypatch.undo()
    assert same_state(train(plan, state=state), whole)


def test_early_stopping_keeps_the_best():
    plan = define_training(epochs=60, batch=5, patience=2, monitor="metric")
    state = train(plan, define_optimizer("sgd", 2.0))
    assert state.stopped == "patience"
    held = [row["validation_metric"] for row in state.history]
    assert state.best_epoch == 1 + int(np.argmax(held))
    assert state.epoch == state.best_epoch + 2
    W, b = module.final_parameters(plan, state)
    assert module.measure(NETWORK, W, b, *HELD)[1] == max(held)
    assert module.final_parameters(replace(plan, patience=None), state)[0] is state.W


def test_divergence_stops():
    network = define_network([64, 10], output_activation="linear")
    state = train(define_training(epochs=50), define_optimizer("sgd", 1e6), network=network)
    assert state.stopped == "diverged"
    assert state.epoch < 50


ETAS = {
    "constant": [8, 8, 8, 8],
    "step": [8, 8, 4, 4],
    "exponential": [8, 4, 2, 1],
    "inverse_time": [8, 4, 8 / 3, 2],
    "halving": [8, 8, 8, 8],
}
HYPER = {"step": {"every": 2}, "exponential": {"factor": 0.5}, "inverse_time": {"rate": 1}}


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_schedules(schedule):
    plan = define_training(schedule=schedule, **HYPER.get(schedule, {}))
    optimizer = define_optimizer("sgd", 8.0)
    state = begin()
    assert [scheduled_eta(optimizer, plan, replace(state, epoch=epoch)) for epoch in range(4)] == ETAS[schedule]


def test_halving_ends_below_its_limit():
    plan = define_training(epochs=100, schedule="halving", wait=1, until=4)
    state = train(plan, define_optimizer("sgd", 3.0))
    etas = [row["eta"] for row in state.history]
    assert set(etas) <= {3.0, 1.5, 0.75}
    assert sorted(etas, reverse=True) == etas
    assert state.stopped == "rate"


def test_masks_are_inverted_and_drawn_by_column():
    masks = draw_masks(define_network([3, 400, 5, 2]), 0.25, 7, r_set_seed(3))
    assert [mask.shape for mask in masks] == [(400, 7), (5, 7)]
    assert set(np.unique(masks[0])) == {0.0, 1 / 0.75}
    assert np.mean(masks[0] == 0) == pytest.approx(0.25, abs=0.03)
    draws = np.where(r_runif(r_set_seed(3), 2800) < 0.25, 0.0, 1 / 0.75)
    assert np.array_equal(draws.reshape(7, 400).T, masks[0])


def test_dropout_gradients_against_differences():
    network = define_network([3, 4, 4, 2], "tanh", "sigmoid", "binary_cross_entropy", l1=0.01, l2=0.1)
    rng = np.random.default_rng(1)
    W, b = initialize_parameters(network, "normal", 4)
    inputs, targets = rng.normal(size=(3, 5)), rng.integers(2, size=(2, 5)).astype(float)
    masks = draw_masks(network, 0.4, 5, r_set_seed(7))

    def loss():
        Z, A, _ = dropout_forward(network, W, b, inputs, masks)
        return loss_value(network, W, Z, A, targets)

    Z, A, D = dropout_forward(network, W, b, inputs, masks)
    _, dW, db = dropout_backward(network, W, Z, A, D, targets, masks)
    h = 1e-6
    for k in range(3):
        for parameter, gradient in ((W[k], dW[k]), (b[k], db[k])):
            for place in np.ndindex(parameter.shape):
                kept = parameter[place]
                parameter[place] = kept + h
                above = loss()
                parameter[place] = kept - h
                below = loss()
                parameter[place] = kept
                assert gradient[place] == pytest.approx((above - below) / (2 * h), rel=1e-5, abs=1e-8)


def test_the_callers_arrays_stay():
    state = begin()
    before = [weights.copy() for weights in state.W]
    train(define_training(epochs=1), state=state)
    assert all(np.array_equal(old, now) for old, now in zip(before, state.W, strict=True))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs must be a whole number of at least 1, not 0"),
        ({"batch": 2.5}, "batch must be a whole number"),
        ({"schedule": "stepp"}, "did you mean 'step'"),
        ({"dropout": 1.0}, "dropout must be one finite number at least 0 and below 1, not 1"),
        ({"patience": 0}, "patience must be a whole number"),
        ({"monitor": "accuracy"}, "monitor must be one of loss, metric"),
        ({"metric": "rsme"}, "did you mean 'rmse'"),
        ({"rate": 1.0}, "schedule constant has no hyper-parameters, not even 'rate'"),
        ({"schedule": "step", "rate": 1.0}, "hyper-parameter of step must be one of factor, every"),
    ],
)
def test_bad_plans(options, message):
    with pytest.raises(InputError, match=message):
        define_training(**options)


def test_monitors_are_columns_of_the_history():
    state = train(define_training(epochs=1))
    assert all(f"validation_{monitor}" in state.history[0] for monitor in MONITORS)
