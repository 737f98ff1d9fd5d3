"""Two traces are compared element by element: never by a norm, a mean or a correlation."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from nnparity.arithmetic import get_arithmetic
from nnparity.bounds import step_bounds
from nnparity.rounding import SMALLEST_SUBNORMAL, equal_arrays
from nnparity.trace import format_number

_NAME = re.compile(r"([A-Za-z]+?)([0-9]+)(_[A-Za-z0-9_]+)?")


@dataclass(frozen=True)
class QuantityDifference:
    """How far two values of one quantity lie apart.

    Attributes
    ----------
    quantity : str
        Its name in the trace, such as ``dW2``.
    count : int
        Number of values compared.
    max_abs, max_rel, max_ulp : float
        The largest absolute difference, difference relative to the larger value, and difference in units in the last
        place of the larger value, each over all elements.
    ratio : float
        The evidence ratio: the largest |difference| / rounding bound; NaN where no bound is known.
    place : str
        The worst element in the reader's own syntax, 0-based: ``W[1][2, 0]``.
    value_a, value_b : float
        The two values there.
    problem : str
        What cannot be measured as a distance: shape, NaN, Inf, a missing quantity; empty if there is none.
    agrees : bool
    """

    quantity: str
    count: int
    max_abs: float
    max_rel: float
    max_ulp: float
    ratio: float
    place: str
    value_a: float
    value_b: float
    problem: str
    agrees: bool


def compare_traces(
    a, b, network=None, optimizer=None, arithmetic="fast", inputs_a=None, inputs_b=None
) -> dict[str, QuantityDifference]:
    """Hold two traces of one step against each other, quantity by quantity in order of computation.

    Parameters
    ----------
    a, b : Trace
    network, optimizer : definitions, optional
        Without them no rounding bound is known and only equal values agree.
    arithmetic : {"fast", "exact"} or the object of `get_arithmetic`
        ``fast`` allows what rounding can cause (`step_bounds`), ``exact`` demands the same bits.
    inputs_a, inputs_b : dict, optional
        What each step was computed from (``W1``, ``b1``, …, ``Y``, state); the traces' own unless given.

    Returns
    -------
    dict
        Quantity name -> `QuantityDifference`.
    """
    arithmetic = get_arithmetic(arithmetic).name
    quantities = list(a) + [name for name in b if name not in a]
    bounds: Mapping[str, Any] = {}
    if arithmetic == "fast" and network is not None:
        unequal = [name for name in quantities if not same_values(a.get(name), b.get(name))]
        if unequal:
            bounds = step_bounds(network, optimizer, a, b, inputs_a, inputs_b, quantities=unequal)
    return {name: compare_quantity(name, a.get(name), b.get(name), bounds.get(name), arithmetic) for name in quantities}


def first_difference(comparison) -> QuantityDifference | None:
    """The first quantity, in order of computation, that does not agree; None if all do."""
    return next((difference for difference in comparison.values() if not difference.agrees), None)


def compare_quantity(quantity, a, b, bound=None, arithmetic="fast") -> QuantityDifference:
    """Compare two values of one quantity element by element.

    Parameters
    ----------
    quantity : str
    a, b : array or None
        None where a trace lacks the quantity.
    bound : array, optional
        The largest difference that rounding can cause, element by element; without it only equal values agree.
    arithmetic : {"fast", "exact"}
        With ``exact`` the sign of zero counts too.

    Returns
    -------
    QuantityDifference
    """
    if a is None or b is None:
        return unmeasurable(quantity, f"missing in the {'first' if a is None else 'second'} trace")
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.shape != b.shape:
        return unmeasurable(quantity, f"shape {shape_text(a)} against {shape_text(b)}")
    if equal_arrays(a, b) and (arithmetic != "exact" or a.tobytes() == b.tobytes()):
        return QuantityDifference(quantity, a.size, 0.0, 0.0, 0.0, 0.0, "", np.nan, np.nan, "", True)
    return compare_elements(quantity, a, b, bound, arithmetic)


def compare_elements(quantity, a, b, bound, arithmetic) -> QuantityDifference:
    """Compare two arrays of one shape that are not the same bytes."""
    with np.errstate(all="ignore"):
        difference = np.asarray(np.abs(a - b))
        largest = float(difference.max())
        if not np.isfinite(largest):
            difference[same_elements(a, b)] = 0.0
            difference[np.isnan(difference)] = np.inf
            largest = float(difference.max())
        relative = relative_difference(a, b, difference)
        largest_relative = float(relative.max())
        ratio = None if bound is None else evidence_ratio(difference, bound)
        max_ulp = largest_ulp(a, b, relative, largest_relative)
    evidence = relative if ratio is None else ratio
    if arithmetic == "exact":
        evidence = np.where(sign_of_zero(a, b), SMALLEST_SUBNORMAL, evidence)
    worst = np.unravel_index(int(evidence.argmax()), a.shape)
    x, y, most = float(a[worst]), float(b[worst]), float(evidence[worst])
    agrees = most == 0 if ratio is None else most <= 1
    problem = ""
    if not agrees and not (math.isfinite(x) and math.isfinite(y)):
        problem = f"{format_number(x)} against {format_number(y)}"
    elif not agrees and x == y:
        problem = "the sign of zero differs"
    return QuantityDifference(
        quantity,
        a.size,
        largest,
        largest_relative,
        max_ulp,
        np.nan if ratio is None else most,
        element_place(quantity, worst),
        x,
        y,
        problem,
        agrees,
    )


def sign_of_zero(a, b) -> np.ndarray:
    """Where 0 stands against -0."""
    return (a == 0) & (b == 0) & (np.signbit(a) != np.signbit(b))


def relative_difference(a, b, difference) -> np.ndarray:
    """|a − b| / max(|a|, |b|), element by element; 0 where nothing differs, Inf where the distance is infinite."""
    larger = np.asarray(np.abs(a))
    np.maximum(larger, np.abs(b), out=larger)
    np.maximum(larger, SMALLEST_SUBNORMAL, out=larger)
    relative = np.divide(difference, larger, out=larger)
    if np.isfinite(relative.sum()):
        return relative
    return np.where(np.isfinite(difference), np.nan_to_num(relative), np.inf)


def largest_ulp(a, b, relative, largest) -> float:
    """The largest ulp distance, out of the relative differences: an ulp of a normal x is |x|/2^53 to |x|/2^52."""
    candidates = relative >= 0.5 * largest
    x, y = a[candidates], b[candidates]
    if not math.isfinite(largest) or x.size > 32:
        return float(ulp_distance(a, b).max())
    pairs = [(p, q, max(abs(p), abs(q))) for p, q in zip(x.tolist(), y.tolist(), strict=True)]
    if min(size for _, _, size in pairs) < 2.0**-1022:
        return float(ulp_distance(a, b).max())
    return max(abs(p - q) / math.ulp(size) for p, q, size in pairs)


def evidence_ratio(difference, bound) -> np.ndarray:
    """|difference| / bound, element by element: 0 where nothing differs, Inf where only equality could pass.

    A bound that is not finite bounds nothing (the analysis presupposes that no intermediate result overflows): there
    only equal values pass.
    """
    bound = np.asarray(bound, dtype=np.float64)
    ratio = difference / bound
    if np.isfinite(ratio.sum()) and np.isfinite(bound.max()):
        return ratio
    usable = np.isfinite(bound) & (bound > 0) & np.isfinite(difference)
    return np.where(usable, ratio, np.where(difference > 0, np.inf, 0.0))


def ulp_distance(a, b) -> np.ndarray:
    """|a − b| in units in the last place of the larger of the two; Inf if they differ and one of them is not finite."""
    larger = np.maximum(np.abs(a), np.abs(b))
    finite = np.isfinite(larger)
    exponent = np.frexp(np.where(finite, larger, 1.0))[1]  # 2^(e - 1) <= |x| < 2^e, and its ulp is 2^(e - 53)
    with np.errstate(all="ignore"):
        distance = np.abs(a - b) / np.ldexp(1.0, np.maximum(exponent - 53, -1074))
    return np.where(finite, distance, np.where(same_elements(a, b), 0.0, np.inf))


def element_place(quantity, index) -> str:
    """The element at this 0-based index as Python code, in the notation of lists of layers: ``dW[1][2, 0]``."""
    subscript = f"[{', '.join(str(int(i)) for i in index)}]" if len(index) else ""
    return list_place(quantity) + subscript


@cache
def list_place(quantity) -> str:
    """A quantity as an entry of its list: ``dW[1]``; lists of layers start at layer 1, except A, which starts at A0."""
    match = _NAME.fullmatch(quantity)
    if match is None:
        return quantity
    name, layer, suffix = match[1], int(match[2]), match[3] or ""
    return f"{name}{suffix}[{layer - (name != 'A')}]"


def same_values(a, b) -> bool:
    """Whether two values of a quantity are equal in shape and in every element."""
    return a is not None and b is not None and equal_arrays(np.asarray(a), np.asarray(b))


def same_elements(a, b) -> np.ndarray:
    """Where two arrays are equal, NaN with NaN included."""
    return (a == b) | (np.isnan(a) & np.isnan(b))


def unmeasurable(quantity, problem) -> QuantityDifference:
    """Two values that have no distance."""
    return QuantityDifference(quantity, 0, np.inf, np.inf, np.inf, np.inf, quantity, np.nan, np.nan, problem, False)


def shape_text(array) -> str:
    """The shape of an array in words: ``3 × 2``, ``3``, ``scalar``."""
    return " × ".join(str(n) for n in array.shape) or "scalar"
