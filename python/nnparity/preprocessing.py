"""What happens to data at the door, kept with the model: inputs scaled, classes turned into rows of 0 with one 1.

Data have one row per observation here.  Sums are taken in the exact arithmetic's order, so that both languages scale
alike.  Adding a scaling is one entry in SCALINGS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnparity.activations import activation_parts
from nnparity.arithmetic import Array, exact_col_sums, get_arithmetic
from nnparity.checks import check_finite, check_matrix, check_word, describe, stop_input
from nnparity.datasets import is_decimal, look_like_classes
from nnparity.metrics import classify
from nnparity.network import NetworkDefinition

# --- inputs ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scaling:
    """x' = (x − shift) / width for each feature; made by `fit_scaling`.

    Attributes
    ----------
    name : a word of SCALINGS.
    shift, width : one value for each feature; empty for "none".
    """

    name: str
    shift: Array
    width: Array


def unit_scaling(X: Array) -> tuple[Array, Array]:
    """To [0, 1]: shift = min x, width = max x − min x (1 for a feature that does not vary)."""
    low = X.min(axis=0)
    return low, positive_or_one(X.max(axis=0) - low)


def standard_scaling(X: Array) -> tuple[Array, Array]:
    """To mean 0 and variance 1: shift = x̄, width = √(Σ (x − x̄)²/n) (1 for a feature that does not vary)."""
    mean = exact_col_sums(X) / X.shape[0]
    centred = X - mean
    return mean, positive_or_one(np.sqrt(exact_col_sums(centred * centred) / X.shape[0]))


def positive_or_one(width: Array) -> Array:
    """The widths, with 1 for those that are 0."""
    return np.where(width > 0, width, 1.0)


SCALINGS: dict[str, Callable[[Array], tuple[Array, Array]]] = {
    "none": lambda X: (np.empty(0), np.empty(0)),
    "unit": unit_scaling,
    "standard": standard_scaling,
}


def fit_scaling(name: str, X: Array) -> Scaling:
    """Scaling of that name, measured on the training data.

    Parameters
    ----------
    name : "none", "unit" (to [0, 1]) or "standard" (to mean 0 and variance 1).
    X : n × p, one row per observation.
    """
    return Scaling(name, *SCALINGS[check_word(name, SCALINGS, "scaling")](X))


def apply_scaling(scaling: Scaling, X: Array) -> Array:
    """(x − shift) / width for each feature of X, n × p."""
    return X if scaling.name == "none" else (X - scaling.shift) / scaling.width


# The |z| beyond which a sigmoid's derivative is below 0.0004, a thousandth of its largest; tanh's at half of it.
SATURATED = 8.0
SATURATING = ("sigmoid", "tanh", "softmax")
RAW_RANGE = 16.0


def saturation_warning(network: NetworkDefinition, W: Sequence[Array], b: Sequence[Array], X: Array) -> str | None:
    """A sentence about inputs so large that the first layer's units start saturated and cannot learn, or None.

    Parameters
    ----------
    network, W, b : as training begins.
    X : n × n₀, the inputs as the network will see them, one row per observation; the first 100 are looked at.
    """
    first = activation_parts(network.activations[0])[0]
    largest = float(np.abs(X[:100]).max())
    if first not in SATURATING or largest <= RAW_RANGE:
        return None
    Z = get_arithmetic("fast").matmul(W[0], X[:100].T) + b[0][:, np.newaxis]
    share = float((np.abs(Z) > SATURATED).sum() / Z.size)
    if share < 0.25:
        return None
    return (
        f"the inputs reach {largest:.6g}, and {100 * share:.0f} % of the first layer's {first} units start saturated: "
        "their gradient is almost 0 and they will hardly learn; scaling = 'unit' brings the inputs to [0, 1]"
    )


# --- targets ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Targets:
    """What is predicted; made by `fit_targets`.

    Attributes
    ----------
    classes : names of the classes in their order; empty for numbers.
    numeric : whether the classes' names are numbers.
    units : outputs of the network.
    """

    classes: tuple[str, ...]
    numeric: bool
    units: int


TASKS = ("auto", "classes", "numbers")


def fit_targets(y: Any, task: str = "auto", one_unit: bool = False) -> Targets:
    """Classes or numbers, and how many outputs they need.

    Parameters
    ----------
    y : one label or number per observation, or a matrix of numbers with one row per observation.
    task : "classes", "numbers", or "auto": text, logical values and categories are classes; whole numbers are where
        they are at most 100 and begin with 0 or 1 (or are −1 and 1); others are numbers.
    one_unit : whether two classes share one output, the probability of the second.

    Raises
    ------
    InputError
        `y` is neither, has missing values, or has one class only.
    """
    check_word(task, TASKS, "task")
    values, words = label_values(y)
    if words is None:
        if values.ndim == 2:
            if task == "classes":
                stop_input(f"y must be one label for each observation, not {describe(values)}")
            return Targets((), True, values.shape[1])
        distinct = np.unique(values)
        if task == "numbers" or (task == "auto" and not look_like_classes(distinct)):
            return Targets((), True, 1)
        words = tuple(f"{value:.15g}" for value in distinct.tolist())
        numeric = True
    else:
        if task == "numbers":
            stop_input("y must be numbers for task 'numbers', not text or categories")
        numeric = np.asarray(y).dtype.kind in "iuf"  # categories that are numbers
    if len(words) < 2:
        stop_input(f"y must hold at least two classes, not only {', '.join(words)}")
    return Targets(words, numeric, 1 if one_unit and len(words) == 2 else len(words))


def label_values(y: Any) -> tuple[NDArray[Any], tuple[str, ...] | None]:
    """Labels as an array of text with the classes' names in order, or numbers with None."""
    categories = getattr(getattr(y, "cat", y), "categories", None)
    values = np.asarray(y)
    if values.ndim not in (1, 2) or values.size == 0:
        stop_input(f"y must hold a label or a row of numbers for each observation, not {describe(y)}")
    if values.dtype.kind in "iuf":
        if categories is None:
            numbers = values.astype(np.float64)
            check_finite(numbers if numbers.ndim == 2 else numbers[:, np.newaxis], "y")
            return numbers, None
    elif values.ndim == 2 or any(label is None or label != label for label in values.tolist()):
        stop_input("y must hold one label for each observation and no missing ones")
    text = np.array([label_text(label) for label in values.tolist()])
    known = sort_labels(set(text.tolist())) if categories is None else [label_text(word) for word in categories]
    return text, tuple(known)


def sort_labels(labels: Iterable[str]) -> list[str]:
    """Labels in their order: by size where all are decimal numbers, else by code point."""
    labels = sorted(labels)
    return sorted(labels, key=float) if all(map(is_decimal, labels)) else labels


def label_text(label: Any) -> str:
    """A label's name, the same in both languages: numbers by 15 digits, logical values as FALSE and TRUE."""
    if isinstance(label, bool):
        return "TRUE" if label else "FALSE"
    return f"{label:.15g}" if isinstance(label, int | float) else str(label)


def encode_targets(targets: Targets, y: Any) -> Array:
    """Targets as the network's outputs should be: n × units.

    Raises
    ------
    InputError
        A class was not there in training, or a matrix has another number of columns.
    """
    values, words = label_values(y)
    if not targets.classes:
        if words is not None:
            stop_input("y must be numbers, as in training, not text or categories")
        Y = values if values.ndim == 2 else values[:, np.newaxis]
        return check_matrix(Y, "y", Y.shape[0], targets.units)
    labels = [label_text(value) for value in values.tolist()] if words is None else values.tolist()
    place = {name: k for k, name in enumerate(targets.classes)}
    unknown = [label for label in labels if label not in place]
    if unknown:
        stop_input(f"y must hold the classes of training ({', '.join(targets.classes)}), not '{unknown[0]}'")
    codes = np.array([place[label] for label in labels])
    if targets.units == 1:
        return codes[:, np.newaxis].astype(np.float64)
    return (codes[:, np.newaxis] == np.arange(targets.units)).astype(np.float64)


def decode_targets(targets: Targets, outputs: Array) -> NDArray[Any]:
    """Predictions out of outputs, n × units: labels as they came in, or numbers (1-D for one output)."""
    if not targets.classes:
        return outputs[:, 0] if targets.units == 1 else outputs
    codes = classify(outputs.T)
    if not targets.numeric:
        return np.array(targets.classes)[codes]
    numbers = np.array([float(name) for name in targets.classes])[codes]
    return numbers.astype(np.int64) if bool((numbers == np.floor(numbers)).all()) else numbers
