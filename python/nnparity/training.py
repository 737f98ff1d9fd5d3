"""Training: epochs of mini-batches in R's own shuffles, from state to state, so that it can stop and go on anywhere.

A state holds all that the next epoch depends on, the random stream included: going on from a saved one gives the same
bits as never having stopped.  An epoch that is interrupted is undone; the state is that of the last one that was
complete.

Adding a schedule is one entry in SCHEDULES:

    name           eta of epoch t + 1, after t                      hyper-parameters
    constant       η                                                none
    step           η factor^⌊t/every⌋                               factor = 0.5, every = 10
    exponential    η factor^t                                       factor = 0.95
    inverse_time   η / (1 + rate t)                                 rate = 0.1
    halving        η / 2^h, h halvings so far: one after every      wait = 5, until = 128
                   `wait` epochs without improvement; below
                   η/until training ends (Nielsen, chapter 3)
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from nnparity.arithmetic import Arithmetic, Array, get_arithmetic, raise_to
from nnparity.checks import check_count, check_matrix, check_number, check_word, stop_input
from nnparity.dropout import draw_masks, dropout_backward, dropout_forward
from nnparity.fast_step import fast_batches, fast_step_applies
from nnparity.losses import loss_value
from nnparity.metrics import METRICS
from nnparity.network import NetworkDefinition, backward, check_parameters, forward
from nnparity.optimizers import Optimizer, State, apply_update, initial_state
from nnparity.random import RStream, r_from_state, r_get_state, r_sample_int, r_set_seed


@dataclass(frozen=True)
class Schedule:
    """How the learning rate goes down.

    Attributes
    ----------
    eta : callable (eta, epochs, halvings, hyper)
        Learning rate of the next epoch, after so many epochs and halvings.
    hyper : dict
        Hyper-parameters with their defaults.
    """

    eta: Callable[[float, float, float, Mapping[str, float]], float]
    hyper: Mapping[str, float] = field(default_factory=dict)


SCHEDULES: dict[str, Schedule] = {
    "constant": Schedule(lambda eta, epochs, halvings, hyper: eta),
    "step": Schedule(
        lambda eta, epochs, halvings, hyper: eta * raise_to(hyper["factor"], epochs // hyper["every"]),
        {"factor": 0.5, "every": 10.0},
    ),
    "exponential": Schedule(
        lambda eta, epochs, halvings, hyper: eta * raise_to(hyper["factor"], epochs), {"factor": 0.95}
    ),
    "inverse_time": Schedule(lambda eta, epochs, halvings, hyper: eta / (1.0 + hyper["rate"] * epochs), {"rate": 0.1}),
    "halving": Schedule(
        lambda eta, epochs, halvings, hyper: eta / raise_to(2.0, halvings), {"wait": 5.0, "until": 128.0}
    ),
}

MONITORS = ("loss", "metric")


@dataclass(frozen=True)
class TrainingPlan:
    """How a network is trained; made by `define_training`.

    Attributes
    ----------
    epochs, batch : passes over the data, and samples in a batch.
    schedule, hyper : a word of SCHEDULES with its hyper-parameters.
    dropout : share of hidden units switched off in each step.
    patience : epochs without improvement after which training stops, or None.
    monitor : what improvement is measured by: "loss" or "metric", on validation data where there are some.
    metric : a word of METRICS.
    """

    epochs: int
    batch: int
    schedule: str
    dropout: float
    patience: int | None
    monitor: str
    metric: str
    hyper: Mapping[str, float]


@dataclass(frozen=True)
class TrainingState:
    """All that the next epoch depends on, and what the last ones brought.

    Attributes
    ----------
    W, b, optimizer_state : parameters and the optimizer's memory.
    random_seed : the stream's state, as R's ``.Random.seed``.
    epoch : complete epochs.
    history : one dict an epoch: epoch, eta, loss, metric, validation_loss, validation_metric, seconds.
    best_value, best_epoch, best_W, best_b : the best epoch by the plan's monitor, and its parameters where patience is
        set.
    halvings : of the learning rate, by the schedule "halving".
    halved : epoch of the last halving.
    stopped : why training ended: "", "epochs", "patience", "rate", "diverged" or "interrupted".
    """

    W: list[Array]
    b: list[Array]
    optimizer_state: State
    random_seed: Any
    epoch: int
    history: list[dict[str, float]]
    best_value: float
    best_epoch: int
    best_W: list[Array]
    best_b: list[Array]
    halvings: int
    halved: int
    stopped: str


def define_training(
    epochs: int = 30,
    batch: int = 10,
    schedule: str = "constant",
    dropout: float = 0.0,
    patience: int | None = None,
    monitor: str = "loss",
    metric: str = "accuracy",
    **hyper: float,
) -> TrainingPlan:
    """A training plan, checked.

    Parameters
    ----------
    epochs : passes over the data.
    batch : samples in a batch; the last one of an epoch may be shorter.
    schedule : a word of SCHEDULES.
    dropout : share of hidden units switched off in each step, at least 0 and below 1.
    patience : stop after that many epochs without improvement, and keep the best epoch's parameters; None: never.
    monitor : "loss" or "metric": what improvement is measured by, on the validation data where there are some.
    metric : a word of METRICS.
    **hyper : hyper-parameters of the schedule, by name; the defaults stand in the table above.

    Raises
    ------
    InputError
        A word is unknown, or a number is outside its range.
    """
    rule = SCHEDULES[check_word(schedule, SCHEDULES, "schedule")]
    values = dict(rule.hyper)
    for word, value in hyper.items():
        if not rule.hyper:
            stop_input(f"schedule {schedule} has no hyper-parameters, not even '{word}'")
        check_word(word, rule.hyper, f"hyper-parameter of {schedule}")
        values[word] = check_number(value, word, above=0.0)
    return TrainingPlan(
        epochs=check_count(epochs, "epochs"),
        batch=check_count(batch, "batch"),
        schedule=schedule,
        dropout=check_number(dropout, "dropout", at_least=0.0, below=1.0),
        patience=None if patience is None else check_count(patience, "patience"),
        monitor=check_word(monitor, MONITORS, "monitor"),
        metric=check_word(metric, METRICS, "metric"),
        hyper=values,
    )


def begin_training(
    network: NetworkDefinition, optimizer: Optimizer, W: Sequence[Array], b: Sequence[Array], seed: Any = 1
) -> TrainingState:
    """The state before the first epoch.

    Parameters
    ----------
    network, optimizer : from `define_network` and `define_optimizer`.
    W, b : from `initialize_parameters`.
    seed : of the shuffles and masks: a whole number, or a stream of `r_set_seed`, from where it stands.
    """
    W, b = check_parameters(network, W, b)
    stream = seed if isinstance(seed, RStream) else r_set_seed(seed)
    return TrainingState(
        W=W, b=b, optimizer_state=initial_state(optimizer, W, b), random_seed=r_get_state(stream), epoch=0, history=[],
        best_value=math.nan, best_epoch=0, best_W=[], best_b=[], halvings=0, halved=0, stopped="",
    )  # fmt: skip


def scheduled_eta(optimizer: Optimizer, plan: TrainingPlan, state: TrainingState) -> float:
    """The learning rate of the state's next epoch."""
    return SCHEDULES[plan.schedule].eta(optimizer.eta, float(state.epoch), float(state.halvings), plan.hyper)


def training_step(
    network: NetworkDefinition, optimizer: Optimizer, dropout: float, W: list[Array], b: list[Array], X: Array,
    Y: Array, state: State, stream: RStream, arithmetic: Arithmetic,
) -> tuple[list[Array], list[Array], State, Array, Array]:
    """One step on one batch, with dropout where there is some.

    Returns
    -------
    W, b, state : after the step
    Z_L, A_L : n_L × m, the outputs before it
    """
    if dropout > 0:
        masks = draw_masks(network, dropout, X.shape[1], stream)
        Z, A, D = dropout_forward(network, W, b, X, masks, arithmetic)
        _, dW, db = dropout_backward(network, W, Z, A, D, Y, masks, arithmetic)
    else:
        Z, A = forward(network, W, b, X, arithmetic)
        _, dW, db = backward(network, W, Z, A, Y, arithmetic)
    W, b, state = apply_update(optimizer, W, b, dW, db, state, arithmetic)
    return W, b, state, Z[-1], A[-1]


def run_batches(
    network: NetworkDefinition, optimizer: Optimizer, plan: TrainingPlan, W: list[Array], b: list[Array], X: Array,
    Y_seen: Array, state: State, order: Any, stream: RStream, arithmetic: Arithmetic,
) -> tuple[list[Array], list[Array], State, Array, Array]:
    """One step for each batch, the samples in that order; Y_seen, n_L × n, holds their targets in it already.

    Returns
    -------
    W, b, state : after the last step
    Z_L, A_L : n_L × n, each sample's outputs before its step, in the order of the samples
    """
    n = X.shape[1]
    Z_L = np.empty((n, network.sizes[-1])).T
    A_L = np.empty((n, network.sizes[-1])).T
    for first in range(0, n, plan.batch):
        X_batch = take_columns(X, order[first : first + plan.batch])
        Y_batch = Y_seen[:, first : first + plan.batch]
        W, b, state, Z_batch, A_batch = training_step(
            network, optimizer, plan.dropout, W, b, X_batch, Y_batch, state, stream, arithmetic
        )
        Z_L[:, first : first + plan.batch] = Z_batch
        A_L[:, first : first + plan.batch] = A_batch
    return W, b, state, Z_L, A_L


def train_epoch(
    network: NetworkDefinition, optimizer: Optimizer, plan: TrainingPlan, state: TrainingState, X: Array, Y: Array,
    arithmetic: str | Arithmetic = "fast", buffered: bool = True,
) -> tuple[TrainingState, float, float]:
    """One epoch: all samples once, in the order of R's ``sample.int(n)``, `plan.batch` at a time.

    Parameters
    ----------
    network, optimizer, plan : from `define_network`, `define_optimizer` (with this epoch's eta) and `define_training`.
    state : from `begin_training` or the last epoch.
    X, Y : n₀ × n and n_L × n, one column per sample.
    buffered : take the steps of `fast_step` where there are some; they give the same bits sooner.

    Returns
    -------
    state : after the epoch, without its row of history
    loss, metric : of all samples, each as its own step found it (with the penalties of the last weights)
    """
    arithmetic = get_arithmetic(arithmetic)
    stream = r_from_state(state.random_seed)
    order = r_sample_int(stream, X.shape[1]) - 1
    Y_seen = take_columns(Y, order)
    memory = state.optimizer_state
    # By row in memory, whoever made them: both steps then ask BLAS for the same products.
    W_start = [np.ascontiguousarray(weights) for weights in state.W]
    if buffered and fast_step_applies(network, optimizer, plan.dropout, arithmetic):
        W, b, Z_L, A_L = fast_batches(network, optimizer, plan.batch, W_start, state.b, X, Y_seen, order)
    else:
        W, b, memory, Z_L, A_L = run_batches(
            network, optimizer, plan, W_start, state.b, X, Y_seen, memory, order, stream, arithmetic
        )
    loss = loss_value(network, W, [Z_L], [A_L], Y_seen, arithmetic)
    metric = METRICS[plan.metric].value(A_L, Y_seen, arithmetic)
    state = replace(
        state, W=W, b=b, optimizer_state=memory, random_seed=r_get_state(stream), epoch=state.epoch + 1, stopped=""
    )
    return state, loss, metric


def take_columns(M: Array, columns: Any) -> Array:
    """Those columns of M, each contiguous in memory as R holds them."""
    return np.take(M.T, columns, axis=0).T


def columns_in_memory(M: Array) -> Array:
    """M with each column contiguous in memory: otherwise `take_columns` would copy all of M for every batch."""
    return np.ascontiguousarray(M.T).T


def measure(
    network: NetworkDefinition, W: Sequence[Array], b: Sequence[Array], X: Array, Y: Array, metric: str = "accuracy",
    arithmetic: str | Arithmetic = "fast",
) -> tuple[float, float]:
    """Loss and metric of a network on data.

    Parameters
    ----------
    X, Y : n₀ × m and n_L × m, one column per sample.
    metric : a word of METRICS.
    """
    arithmetic = get_arithmetic(arithmetic)
    Z, A = forward(network, W, b, X, arithmetic)
    return loss_value(network, W, Z, A, Y, arithmetic), METRICS[metric].value(A[-1], Y, arithmetic)


def is_better(plan: TrainingPlan, value: float, best: float) -> bool:
    """Tell whether a value of the plan's monitor is better than the best so far (NaN before there is one)."""
    if plan.monitor == "metric" and METRICS[plan.metric].larger_is_better:
        return value > best or math.isnan(best)
    return value < best or math.isnan(best)


def record_epoch(
    plan: TrainingPlan, state: TrainingState, row: dict[str, float], optimizer: Optimizer
) -> TrainingState:
    """The state with its epoch's row of history, and what follows from it: the best so far, halving, the end."""
    seen = plan.monitor if math.isnan(row["validation_loss"]) else f"validation_{plan.monitor}"
    value = row[seen]
    state = replace(state, history=[*state.history, row])
    if not math.isfinite(row["loss"]):
        return replace(state, stopped="diverged")
    if is_better(plan, value, state.best_value):
        keep = plan.patience is not None
        state = replace(
            state,
            best_value=value,
            best_epoch=state.epoch,
            best_W=state.W if keep else [],
            best_b=state.b if keep else [],
        )
    if plan.schedule == "halving" and state.epoch - max(state.best_epoch, state.halved) >= plan.hyper["wait"]:
        state = replace(state, halvings=state.halvings + 1, halved=state.epoch)
    stopped = "epochs" if state.epoch >= plan.epochs else ""
    if plan.patience is not None and state.epoch - state.best_epoch >= plan.patience:
        stopped = "patience"
    if plan.schedule == "halving" and scheduled_eta(optimizer, plan, state) < optimizer.eta / plan.hyper["until"]:
        stopped = "rate"
    return replace(state, stopped=stopped)


def train_network(
    network: NetworkDefinition, optimizer: Optimizer, plan: TrainingPlan, state: TrainingState, X: Array, Y: Array,
    validation: tuple[Array, Array] | None = None, arithmetic: str | Arithmetic = "fast",
    on_epoch: Callable[[TrainingState], object] | None = None,
) -> TrainingState:
    """Train until the plan's epochs are done, or until it stops by itself or is interrupted (Ctrl-C).

    Parameters
    ----------
    network, optimizer, plan : from `define_network`, `define_optimizer` and `define_training`.
    state : from `begin_training`, or an earlier end, which is gone on from.
    X, Y : n₀ × n and n_L × n, one column per sample.
    validation : X and Y of data that are not trained on.
    arithmetic : "fast", "exact", or the object of `get_arithmetic`.
    on_epoch : called with the state after each epoch.

    Returns
    -------
    state : after the last complete epoch; `stopped` says why it is the last

    Raises
    ------
    InputError
        A shape is not the network's, or an output leaves the loss's domain.
    """
    arithmetic = get_arithmetic(arithmetic)
    X = columns_in_memory(check_matrix(X, "X", rows=network.sizes[0]))
    Y = columns_in_memory(check_matrix(Y, "Y", network.sizes[-1], X.shape[1]))
    if validation is not None:
        X_held = check_matrix(validation[0], "validation X", rows=network.sizes[0])
        Y_held = check_matrix(validation[1], "validation Y", network.sizes[-1], X_held.shape[1])
    try:
        while state.epoch < plan.epochs and state.stopped not in ("patience", "rate", "diverged"):
            started = time.perf_counter()
            eta = scheduled_eta(optimizer, plan, state)
            after, loss, metric = train_epoch(network, replace(optimizer, eta=eta), plan, state, X, Y, arithmetic)
            seconds = time.perf_counter() - started
            held = (math.nan, math.nan)
            if validation is not None:
                held = measure(network, after.W, after.b, X_held, Y_held, plan.metric, arithmetic)
            row = {
                "epoch": float(after.epoch), "eta": eta, "loss": loss, "metric": metric,
                "validation_loss": held[0], "validation_metric": held[1], "seconds": seconds,
            }  # fmt: skip
            state = record_epoch(plan, after, row, optimizer)
            if on_epoch is not None:
                on_epoch(state)
    except KeyboardInterrupt:
        state = replace(state, stopped="interrupted")
    return state


def final_parameters(plan: TrainingPlan, state: TrainingState) -> tuple[list[Array], list[Array]]:
    """The weights and biases to predict with: the best epoch's where patience is set, else the last."""
    if plan.patience is not None and state.best_epoch > 0:
        return state.best_W, state.best_b
    return state.W, state.b
