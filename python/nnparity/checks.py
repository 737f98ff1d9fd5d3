"""Every complaint about bad input is made here: one sentence saying what was expected, what came, and where."""

import math
from collections.abc import Iterable
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray


class InputError(ValueError):
    """The caller's input cannot be used; the message is one sentence that says why."""


def stop_input(sentence: str) -> NoReturn:
    """Raise InputError with that sentence (R: a condition of class "nnparity_input_error")."""
    raise InputError(sentence)


def describe(value: Any) -> str:
    """A short name for a value, to follow "not": numbers by six digits, text in quotes, the rest by kind."""
    if value is None:
        return "nothing"
    if isinstance(value, bool | np.bool_):
        return "a logical value"
    if isinstance(value, int | float | np.integer | np.floating):
        return "NaN" if math.isnan(value) else f"{value:.6g}".replace("inf", "Inf")
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, np.ndarray):
        kind = "numbers" if np.issubdtype(value.dtype, np.number) else "text or other things"
        return f"an array of {kind} with shape {' x '.join(map(str, value.shape)) or '()'}"
    if isinstance(value, list | tuple):
        return f"{len(value)} value{'' if len(value) == 1 else 's'}"
    return f"an object of type {type(value).__name__}"


def edit_distance(a: str, b: str) -> int:
    """The number of letters to insert, delete or replace to make a into b (Levenshtein; R: adist)."""
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a, start=1):
        above, row[0] = row[:], i
        for j, other in enumerate(b, start=1):
            row[j] = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (letter != other))
    return row[-1]


def nearest_word(word: str, words: Iterable[str]) -> str | None:
    """The word that was probably meant: the one abbreviated (`mse`), or the nearest by edit distance, or None."""
    words = list(words)
    plain = word.lower().replace("-", "_").replace(" ", "_")
    initials = ["".join(part[0] for part in known.split("_")) for known in words]
    if plain in initials:
        return words[initials.index(plain)]
    distances = [edit_distance(plain, known) for known in words]
    best = min(range(len(words)), key=distances.__getitem__)
    return words[best] if distances[best] <= max(2, len(words[best]) // 2) else None


def check_word(word: Any, words: Iterable[str], what: str) -> str:
    """The word itself when it is one of the words; otherwise InputError, with the nearest right one.

    Parameters
    ----------
    word : what the user typed.
    words : the registry (a dict is read by its keys), or a sequence of words.
    what : what the word stands for, as it begins the sentence.
    """
    if isinstance(word, str) and word in words:
        return word
    words = list(words)
    near = nearest_word(word, words) if isinstance(word, str) else None
    hint = f"; did you mean '{near}'?" if near else ""
    stop_input(f"{what} must be one of {', '.join(words)}, not {describe(word)}{hint}")


def check_number(
    value: Any, what: str, at_least: float = -math.inf, above: float = -math.inf, below: float = math.inf
) -> float:
    """One finite number within the limits, as a float; otherwise InputError."""
    is_number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if is_number and math.isfinite(value) and value >= at_least and value > above and value < below:
        return float(value)
    limits = [
        f"{word} {describe(limit)}"
        for word, limit in (("at least", at_least), ("above", above), ("below", below))
        if math.isfinite(limit)
    ]
    stop_input(f"{what} must be one finite number{' ' if limits else ''}{' and '.join(limits)}, not {describe(value)}")


def check_count(value: Any, what: str, at_least: int = 1) -> int:
    """One whole number not below `at_least`, as an int; otherwise InputError."""
    is_number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if is_number and math.isfinite(value) and value == int(value) and value >= at_least:
        return int(value)
    stop_input(f"{what} must be a whole number of at least {at_least}, not {describe(value)}")


def check_matrix(value: Any, what: str, rows: int | None = None, columns: int | None = None) -> NDArray[np.float64]:
    """A matrix of doubles with that many rows and columns (None: any number above 0); otherwise InputError.

    NaN and Inf pass: the core computes with them as IEEE 754 says.  `check_finite` turns them away at the doors.
    """
    matrix = value
    if not (isinstance(value, np.ndarray) and value.dtype == np.float64):
        try:
            matrix = np.asarray(value)
            matrix = matrix.astype(float) if matrix.dtype.kind in "biuf" else None
        except (TypeError, ValueError):
            matrix = None
    if matrix is None or matrix.ndim != 2:
        stop_input(f"{what} must be a matrix of numbers, not {describe(value)}")
    if matrix.size == 0:
        stop_input(f"{what} must have at least one row and one column, not {matrix.shape[0]} x {matrix.shape[1]}")
    if (rows is not None and matrix.shape[0] != rows) or (columns is not None and matrix.shape[1] != columns):
        expected = f"{'any' if rows is None else rows} x {'any' if columns is None else columns}"
        stop_input(f"{what} must be {expected}, not {matrix.shape[0]} x {matrix.shape[1]}")
    return matrix


def check_vector(value: Any, what: str, size: int) -> NDArray[np.float64]:
    """A vector of `size` doubles (1-D); otherwise InputError."""
    vector = value
    if not (isinstance(value, np.ndarray) and value.dtype == np.float64):
        try:
            vector = np.asarray(value)
            vector = vector.astype(float) if vector.dtype.kind in "biuf" else None
        except (TypeError, ValueError):
            vector = None
    if vector is None or vector.ndim != 1:
        stop_input(f"{what} must be a vector of {size} numbers, not {describe(value)}")
    if vector.size != size:
        stop_input(f"{what} must be a vector of {size} numbers, not of {vector.size}")
    return vector


def check_finite(matrix: NDArray[np.float64], what: str) -> NDArray[np.float64]:
    """The matrix itself when it holds neither NaN nor Inf; otherwise InputError with the first place, by column."""
    with np.errstate(all="ignore"):
        if np.isfinite(matrix.sum()):  # a NaN or Inf would be in the sum; one that overflows is looked through below
            return matrix
    wrong = ~np.isfinite(matrix)
    if wrong.any():
        column, row = np.argwhere(wrong.T)[0]
        value = describe(matrix[row, column])
        stop_input(f"{what} must hold finite numbers only, not {value} (row {row + 1}, column {column + 1})")
    return matrix
