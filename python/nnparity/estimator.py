"""The door for data analysis: Network takes arrays or data frames, one row per observation, as scikit-learn does."""

from __future__ import annotations

import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnparity.checks import stop_input
from nnparity.model import (
    Model,
    describe_model,
    evaluate_model,
    model_inputs,
    model_targets,
    predict_outputs,
    prepare_model,
    train_model,
)  # fmt: skip
from nnparity.model_file import load_model, save_model
from nnparity.preprocessing import decode_targets, saturation_warning
from nnparity.training import TrainingState, final_parameters


class Network:
    """A network that fits, predicts, evaluates, traces, saves and loads.

    Parameters
    ----------
    **options : those of `nnparity.model.prepare_model` after X and y, with the same defaults: hidden, activation,
        output_activation, loss, eta, epochs, batch, …

    Attributes
    ----------
    model : the `Model` behind it, or None before `fit`.

    Examples
    --------
    >>> from nnparity import Network, make_clusters
    >>> X, y, _ = make_clusters(classes=2, n=100)
    >>> network = Network(hidden=8, activation="tanh", eta=1.0, epochs=40).fit(X, y)
    >>> network.score(X, y) > 0.97
    True
    """

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.model: Model | None = None

    def fit(
        self,
        X: Any,
        y: Any,
        validation: tuple[Any, Any] | None = None,
        epochs: int | None = None,
        verbose: bool = False,
    ) -> Network:
        """Train from new first weights; Ctrl-C ends it and leaves the epochs that were complete.

        Parameters
        ----------
        X : n × p, numbers.
        y : n labels or numbers, or n rows of numbers.
        validation : X and y of data that are not trained on.
        epochs : instead of the option.
        verbose : a progress bar on the error stream.
        """
        self.model = prepare_model(X, y, **self.options)
        state = self.model.state
        sentence = saturation_warning(self.model.network, state.W, state.b, model_inputs(self.model, X).T)
        if sentence is not None:
            warnings.warn(sentence, stacklevel=2)
        return self.resume(X, y, validation, epochs, verbose)

    def resume(
        self,
        X: Any,
        y: Any,
        validation: tuple[Any, Any] | None = None,
        epochs: int | None = None,
        verbose: bool = False,
    ) -> Network:
        """Train on from where `fit`, or the file, left off, to `epochs` in all: the same bits as without a stop."""
        model = self._fitted()
        total = model.plan.epochs if epochs is None else epochs

        def on_epoch(state: TrainingState) -> None:
            self.model = replace(model, state=state)
            if verbose:
                show_progress(state, total)

        self.model = train_model(model, X, y, validation, epochs, on_epoch)
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Labels as they came in, or numbers: n, or n × n_L for several numbers."""
        return decode_targets(self._fitted().targets, self.outputs(X))

    def outputs(self, X: Any) -> NDArray[np.float64]:
        """The network's outputs, n × n_L."""
        return predict_outputs(self._fitted(), X)

    def evaluate(self, X: Any, y: Any) -> dict[str, float]:
        """Loss, and accuracy (and top-5) or RMSE and R²."""
        return evaluate_model(self._fitted(), X, y)

    def score(self, X: Any, y: Any) -> float:
        """Accuracy for classes, R² for numbers."""
        values = self.evaluate(X, y)
        return values["accuracy"] if "accuracy" in values else values["r_squared"]

    def trace(self, X: Any, y: Any) -> dict[str, Any]:
        """Every quantity of one training step on these data as one batch, as `trace_step` gives them."""
        from nnparity.trace import trace_step

        model = self._fitted()
        W, b = final_parameters(model.plan, model.state)
        inputs = model_inputs(model, X)
        targets = model_targets(model, y, inputs.shape[1])
        return trace_step(
            model.network, model.optimizer, W, b, inputs, targets, model.state.optimizer_state, model.arithmetic
        )

    @property
    def history(self) -> Any:
        """A pandas DataFrame: epoch, eta, loss, metric, validation_loss, validation_metric, seconds of each epoch."""
        import pandas as pd

        return pd.DataFrame(self._fitted().state.history)

    def save(self, path: str | Path) -> None:
        """Write the model, its training state included, to a text file that both languages read."""
        save_model(self._fitted(), path)

    @classmethod
    def load(cls, path: str | Path) -> Network:
        """Read what `save`, or save_model in R, has written."""
        network = cls()
        network.model = load_model(path)
        return network

    def __repr__(self) -> str:
        if self.model is None:
            return f"Network({', '.join(f'{name}={value!r}' for name, value in self.options.items())})"
        return "\n".join(describe_model(self.model))

    def _fitted(self) -> Model:
        if self.model is None:
            stop_input("the network must be fitted or loaded first: call fit(X, y) or Network.load(path)")
        return self.model


def show_progress(state: TrainingState, total: int) -> None:
    """One line that is written over after each epoch, with the loss and the metric."""
    row = state.history[-1]
    done = round(30 * state.epoch / total)
    line = f"\r|{'=' * done}{' ' * (30 - done)}| {state.epoch}/{total}  loss {row['loss']:.6g}"
    if not np.isnan(row["validation_loss"]):
        line += f"  validation {row['validation_metric']:.6g}"
    end = "\n" if state.stopped or state.epoch >= total else ""
    print(line, end=end, file=sys.stderr, flush=True)
