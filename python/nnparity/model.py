"""A model: a network with all that prediction and further training need, its scaling, classes, optimizer and state.

Data come with one row per observation, as data frames have them; the core sees their transpose.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nnparity.arithmetic import Array, get_arithmetic
from nnparity.checks import check_count, check_finite, check_matrix, stop_input
from nnparity.initializers import initialize_parameters
from nnparity.losses import loss_value
from nnparity.metrics import accuracy, r_squared, rmse, top_k_accuracy
from nnparity.network import NetworkDefinition, define_network, forward
from nnparity.optimizers import Optimizer, define_optimizer
from nnparity.preprocessing import Scaling, Targets, apply_scaling, encode_targets, fit_scaling, fit_targets
from nnparity.random import r_set_seed
from nnparity.training import (
    TrainingPlan,
    TrainingState,
    begin_training,
    define_training,
    final_parameters,
    train_network,
)


@dataclass(frozen=True)
class Model:
    """All that prediction and further training need; made by `prepare_model`.

    Attributes
    ----------
    network, optimizer, plan, state : see `define_network`, `define_optimizer`, `define_training`, `begin_training`.
    scaling, targets : see `fit_scaling` and `fit_targets`.
    features : names of the inputs, or empty.
    arithmetic : "fast" or "exact".
    """

    network: NetworkDefinition
    optimizer: Optimizer
    plan: TrainingPlan
    state: TrainingState
    scaling: Scaling
    targets: Targets
    features: tuple[str, ...]
    arithmetic: str


def prepare_model(
    X: Any,
    y: Any,
    hidden: int | Sequence[int] = 30,
    activation: str | Sequence[str] = "sigmoid",
    output_activation: str | None = None,
    loss: str = "quadratic",
    slope: float = 0.01,
    huber_delta: float = 1.0,
    elu_alpha: float = 1.0,
    no_bias: Sequence[int] = (),
    l1: float = 0.0,
    l2: float = 0.0,
    init: str = "normal_scaled",
    optimizer: str = "sgd",
    eta: float = 0.5,
    clip_norm: float | None = None,
    optimizer_options: Mapping[str, float] | None = None,
    epochs: int = 30,
    batch: int = 10,
    schedule: str = "constant",
    schedule_options: Mapping[str, float] | None = None,
    dropout: float = 0.0,
    patience: int | None = None,
    monitor: str = "loss",
    scaling: str = "none",
    task: str = "auto",
    seed: int = 1,
    arithmetic: str = "fast",
) -> Model:
    """A model before its first epoch, its widths and classes taken from the data.

    Parameters
    ----------
    X : n × p, one row per observation: an array or a data frame of numbers.
    y : n labels or numbers, or n rows of numbers; see `fit_targets`.
    hidden : widths of the hidden layers; empty for none.
    activation, …, l2 : see `define_network`; output_activation None is sigmoid for classes and linear for numbers.
    init : see `initialize_parameters`.
    optimizer, eta, clip_norm, optimizer_options : see `define_optimizer`.
    epochs, …, monitor : see `define_training`.
    scaling : see `fit_scaling`.
    task : see `fit_targets`.
    seed : of one stream for first weights, shuffles and masks, in this order.
    arithmetic : "fast" or "exact".

    Raises
    ------
    InputError
        Data or an option cannot be used.
    """
    table, features = input_table(X)
    targets = fit_targets(y, task, one_unit=loss == "binary_cross_entropy")
    measured = fit_scaling(scaling, table)
    if output_activation is None:
        output_activation = "sigmoid" if targets.classes else "linear"
    hidden = [check_count(width, "hidden") for width in np.ravel(hidden).tolist()]
    network = define_network(
        [table.shape[1], *hidden, targets.units], activation, output_activation, loss, slope, huber_delta, elu_alpha,
        no_bias, l1, l2,
    )  # fmt: skip
    rule = define_optimizer(optimizer, eta, clip_norm, **(optimizer_options or {}))
    metric = "accuracy" if targets.classes else "rmse"
    plan = define_training(epochs, batch, schedule, dropout, patience, monitor, metric, **(schedule_options or {}))
    stream = r_set_seed(seed)
    W, b = initialize_parameters(network, init, stream)
    state = begin_training(network, rule, W, b, stream)
    return Model(network, rule, plan, state, measured, targets, features, get_arithmetic(arithmetic).name)


def input_table(X: Any, features: Sequence[str] = ()) -> tuple[Array, tuple[str, ...]]:
    """Inputs as a matrix of doubles with one row per observation, and the names of its columns (empty if it has none).

    Parameters
    ----------
    X : an array or a data frame.
    features : the columns that are wanted, by name, in this order; for arrays their number has to be right.

    Raises
    ------
    InputError
        A column is missing or holds no numbers, or a value is missing or infinite.
    """
    names = tuple(str(name) for name in X.columns) if hasattr(X, "columns") else ()
    if names and features:
        missing = [name for name in features if name not in names]
        if missing:
            stop_input(f"X must have the columns of training, but '{missing[0]}' is missing")
        X = X[list(features)]
        names = tuple(features)
    for name in names:
        if np.asarray(X[name]).dtype.kind not in "biuf":
            stop_input(f"X must hold numbers only, but column '{name}' holds text or categories")
    table = check_finite(check_matrix(X.to_numpy() if names else X, "X"), "X")
    return np.ascontiguousarray(table), names


def model_inputs(model: Model, X: Any) -> Array:
    """Inputs as the network sees them, n₀ × n."""
    table, _ = input_table(X, model.features)
    check_matrix(table, "X", table.shape[0], model.network.sizes[0])
    return apply_scaling(model.scaling, table).T


def model_targets(model: Model, y: Any, n: int) -> Array:
    """Targets as the network sees them, n_L × n, for n observations."""
    Y = encode_targets(model.targets, y)
    if Y.shape[0] != n:
        stop_input(f"y must hold as many labels as X has rows, {n}, not {Y.shape[0]}")
    return np.ascontiguousarray(Y).T


def train_model(
    model: Model, X: Any, y: Any, validation: tuple[Any, Any] | None = None, epochs: int | None = None,
    on_epoch: Callable[[TrainingState], object] | None = None,
) -> Model:
    """The model after training, from where its state stands.

    Parameters
    ----------
    model : from `prepare_model`, `load_model` or an earlier call.
    X, y : as in `prepare_model`.
    validation : X and y of data that are not trained on.
    epochs : how many in all; the plan's unless given.
    on_epoch : called with the training state after each epoch.
    """
    if epochs is not None:
        model = replace(model, plan=replace(model.plan, epochs=check_count(epochs, "epochs")))
    inputs = model_inputs(model, X)
    targets = model_targets(model, y, inputs.shape[1])
    held = None
    if validation is not None:
        X_held = model_inputs(model, validation[0])
        held = (X_held, model_targets(model, validation[1], X_held.shape[1]))
    state = train_network(
        model.network, model.optimizer, model.plan, model.state, inputs, targets, held, model.arithmetic, on_epoch
    )
    return replace(model, state=state)


def predict_outputs(model: Model, X: Any) -> Array:
    """The network's outputs, n × n_L, one row per observation."""
    W, b = final_parameters(model.plan, model.state)
    _, A = forward(model.network, W, b, model_inputs(model, X), model.arithmetic)
    return A[-1].T


def evaluate_model(model: Model, X: Any, y: Any, k: int = 5) -> dict[str, float]:
    """How good the model is on data: loss, then accuracy and top-k accuracy for classes, RMSE and R² for numbers."""
    W, b = final_parameters(model.plan, model.state)
    inputs = model_inputs(model, X)
    Y = model_targets(model, y, inputs.shape[1])
    Z, A = forward(model.network, W, b, inputs, model.arithmetic)
    values = {"loss": loss_value(model.network, W, Z, A, Y, model.arithmetic)}
    if model.targets.classes:
        values["accuracy"] = accuracy(A[-1], Y)
        if len(model.targets.classes) > k:
            values[f"top_{k}_accuracy"] = top_k_accuracy(A[-1], Y, k)
    else:
        values["rmse"] = rmse(A[-1], Y, model.arithmetic)
        values["r_squared"] = r_squared(A[-1], Y, model.arithmetic)
    return values


def describe_model(model: Model) -> list[str]:
    """The model in a few lines of text."""
    network, state = model.network, model.state
    shape = "-".join(str(size) for size in network.sizes)
    fan_in = [n + (layer not in network.no_bias) for layer, n in enumerate(network.sizes[:-1], start=1)]
    parameters = sum(n_in * n_out for n_in, n_out in zip(fan_in, network.sizes[1:], strict=True))
    lines = [
        f"{shape} network, {', '.join(network.activations)}; loss {network.loss}; {parameters} parameters",
        f"{model.optimizer.name}, eta {model.optimizer.eta:.6g}, batches of {model.plan.batch}; "
        f"{state.epoch} epochs trained",
    ]
    if model.targets.classes:
        lines.append(f"classes: {', '.join(model.targets.classes)}")
    if state.history:
        last = state.history[-1]
        text = f"last epoch: loss {last['loss']:.6g}, {model.plan.metric} {last['metric']:.6g}"
        if not math.isnan(last["validation_loss"]):
            text += f"; validation: loss {last['validation_loss']:.6g}"
            text += f", {model.plan.metric} {last['validation_metric']:.6g}"
        lines.append(text)
    return lines + ending_note(model)


ENDINGS = {
    "patience": "stopped early: no improvement for {patience:.0f} epochs; the parameters are those of epoch {best:.0f}",
    "rate": "stopped: the learning rate was halved below its limit",
    "diverged": "stopped: the loss is no longer finite; a smaller eta, or scaled inputs, may help",
    "interrupted": "interrupted after {epoch:.0f} epochs; training can go on from here",
}


def ending_note(model: Model) -> list[str]:
    """Why training ended, where it was not for having done its epochs."""
    if model.state.stopped not in ENDINGS:
        return []
    patience = model.plan.patience or 0
    note = ENDINGS[model.state.stopped]
    return [note.format(patience=patience, best=model.state.best_epoch, epoch=model.state.epoch)]
