"""How good are the outputs: class accuracy, top-k, confusion matrix, R² and RMSE.

Adding one is one entry in METRICS.  Outputs A and targets Y are n_L × m, one column per sample.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nnparity.arithmetic import Arithmetic, Array, get_arithmetic
from nnparity.checks import check_count


@dataclass(frozen=True)
class Metric:
    """One measure of outputs against targets.

    Attributes
    ----------
    value : callable (A, Y, arithmetic)
        One number.
    larger_is_better : bool
        Whether a larger value means a better network.
    """

    value: Callable[[Array, Array, Arithmetic], float]
    larger_is_better: bool


def classify(A: Array) -> NDArray[np.int64]:
    """The class of each sample: the place, from 0, of its (first) largest output; whether a_1 > 1/2 for one unit."""
    if A.shape[0] == 1:
        return (A[0, :] > 0.5).astype(np.int64)
    return A.argmax(axis=0)


def accuracy(A: Array, Y: Array, arithmetic: str | Arithmetic = "fast") -> float:
    """The share of samples whose class is the target's."""
    return float(np.count_nonzero(classify(A) == classify(Y)) / Y.shape[1])


def top_k_accuracy(A: Array, Y: Array, k: int = 5) -> float:
    """The share of samples whose target class is among the k with the largest outputs.

    Parameters
    ----------
    A, Y : n_L × m, outputs and targets; one unit stands for two classes.
    k : how many; of equal outputs, those of earlier units come first.
    """
    k = check_count(k, "k")
    target = classify(Y)
    if A.shape[0] == 1:  # the class that is not taken comes second
        return float(np.count_nonzero((classify(A) != target) < k) / Y.shape[1])
    own = A[target, np.arange(A.shape[1])]
    before = np.arange(A.shape[0])[:, np.newaxis] < target
    rank = ((own < A) | ((own == A) & before)).sum(axis=0)
    return float(np.count_nonzero(rank < k) / Y.shape[1])


def confusion_matrix(A: Array, Y: Array) -> NDArray[np.int64]:
    """How many samples of each class (rows) were taken for each class (columns).

    Parameters
    ----------
    A, Y : n_L × m, outputs and targets.

    Returns
    -------
    array n_L × n_L; 2 × 2 for one unit
    """
    classes = max(2, Y.shape[0])
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (classify(Y), classify(A)), 1)
    return counts


def rmse(A: Array, Y: Array, arithmetic: str | Arithmetic = "fast") -> float:
    """√(Σ (a − y)² / (n_L m)), the root mean squared error."""
    arithmetic = get_arithmetic(arithmetic)
    R = A - Y
    return float(np.sqrt(arithmetic.total(R * R) / R.size))


def r_squared(A: Array, Y: Array, arithmetic: str | Arithmetic = "fast") -> float:
    """1 − Σ (a − y)² / Σ (y − ȳ)², ȳ each unit's mean target; NaN where the targets do not vary."""
    arithmetic = get_arithmetic(arithmetic)
    R = A - Y
    centred = Y - (arithmetic.row_sums(Y) / Y.shape[1])[:, np.newaxis]
    spread = arithmetic.total(centred * centred)
    return float(1.0 - arithmetic.total(R * R) / spread) if spread > 0 else float("nan")


METRICS: dict[str, Metric] = {
    "accuracy": Metric(accuracy, larger_is_better=True),
    "rmse": Metric(rmse, larger_is_better=False),
    "r_squared": Metric(r_squared, larger_is_better=True),
}
