"""Find a textbook quantity among thousands of recorded values, whatever its layout, sign and scale.

With random inputs two different quantities are never proportional by chance, so a recorded array that is proportional
to a textbook quantity, element by element, *is* that quantity: transposed, flattened, with a bias row around it, or
scaled.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass

import numpy as np

#: Relative difference up to which two values count as the same one.  Rounding of a small network stays below 1e-13; two
#: different continuous random values agree to 1e-9 once in 10^9: the line is drawn half-way on the logarithmic scale.
SAME = 1e-9
#: The same for single precision (unit roundoff 6e-8).
SAME_SINGLE = 2e-4


#: A quantity with more zeros is not recognised by its single numbers: the greatest of each sample may be all there is.
LEAST_NONZERO = 0.4


@dataclass(frozen=True)
class Hit:
    """A recorded value that is `factor` times a quantity."""

    ref: int
    factor: float
    layout: str  # "as is", "transposed", "flattened", "part", "number"

    @property
    def exact(self) -> bool:
        return abs(self.factor - 1.0) <= SAME


def constant_factors(m: int, eta: float, n_out: int) -> list[float]:
    """The constants that hand-written networks put into or leave out of a gradient: 1/m, m, eta, 2, 1/2, n_L."""
    values = []
    for samples in (1.0, float(m), 1.0 / m):
        for rate in (1.0, eta, 1.0 / eta):
            for half in (1.0, 2.0, 0.5):
                for outputs in (1.0, float(n_out), 1.0 / n_out):
                    values.append(samples * rate * half * outputs)
    return sorted(set(values), key=lambda value: abs(np.log(value)))


def normal_form(value: np.ndarray) -> np.ndarray:
    """Drop axes of length one; at most two axes remain for vectors and matrices."""
    return np.squeeze(np.asarray(value, dtype=float))


def parts_of(value: np.ndarray) -> list[np.ndarray]:
    """What is left of an array without its first or last row, column or element: the places where biases are kept."""
    if value.ndim == 2 and value.size <= 100_000:
        rows = [value[1:], value[:-1]] if value.shape[0] > 1 else []
        columns = [value[:, 1:], value[:, :-1]] if value.shape[1] > 1 else []
        return rows + columns
    if value.ndim == 1 and 2 < value.size <= 100_000:
        return [value[1:], value[:-1]]
    if value.ndim == 3 and value.shape[0] <= 64:
        return list(value)
    return []


def edges_of(value: np.ndarray) -> list[np.ndarray]:
    """The outer rows and columns of a matrix: the biases, where they are kept in one matrix with the weights."""
    if value.ndim == 2 and min(value.shape) > 1 and value.size <= 100_000:
        return [value[0], value[-1], value[:, 0], value[:, -1]]
    return []


class ValueIndex:
    """All recorded values of one run, ordered so that a quantity is looked up in logarithmic time."""

    def __init__(self, values: dict[int, np.ndarray], factors: list[float], same: float = SAME):
        self.same = same
        self.factors = factors
        self._signed = np.array([sign * factor for factor in factors for sign in (1.0, -1.0)])
        self._whole: dict[int, list] = {}
        self._part: dict[int, list] = {}
        self._edge: dict[int, list] = {}
        self._sorted: dict[tuple[int, str], tuple[np.ndarray, list]] = {}
        self._cache: dict = {}
        self._by_number: dict = {}
        self._numbers: list[tuple[float, int]] | None = None
        self._sizes = {ref: np.size(raw) for ref, raw in values.items()}
        for ref, raw in values.items():
            value = normal_form(raw)
            if value.size == 0:
                continue
            self._add(self._whole, ref, value)
            for part in parts_of(value):
                self._add(self._part, ref, normal_form(part))
            for edge in edges_of(value):
                self._add(self._edge, ref, edge)

    @staticmethod
    def _add(table: dict[int, list], ref: int, value: np.ndarray) -> None:
        table.setdefault(value.size, []).append((ref, value))

    def _ordered(self, size: int, kind: str):
        key = (size, kind)
        if key not in self._sorted:
            rows = {"whole": self._whole, "part": self._part, "edge": self._edge}[kind].get(size, [])
            rows = [(ref, value) for ref, value in rows if np.all(np.isfinite(value))]
            keys = np.array([_invariant(value, size) for _, value in rows])
            order = np.argsort(keys, kind="stable")
            self._sorted[key] = (keys[order], [rows[i] for i in order])
        return self._sorted[key]

    def inside(self, quantity: np.ndarray) -> list[Hit]:
        """The recorded matrices that contain a quantity beside a bias, whether or not it was recorded by itself."""
        wanted = normal_form(quantity)
        return [*self._search(wanted, "part"), *(self._search(wanted, "edge") if wanted.ndim == 1 else [])]

    def size_of(self, ref: int) -> int:
        """How many elements a recorded value has."""
        return self._sizes[ref]

    def of_size(self, size: int) -> list:
        """(ref, value) of the recorded values with that many elements."""
        return self._whole.get(size, [])

    def find(self, quantity: np.ndarray, parts: bool = False, edges: bool = False, known: bool = False) -> list[Hit]:
        """All recorded values proportional to `quantity`; else, with `parts`, those that contain it beside a bias.

        With `edges`, also the matrices of which it is an outer row or column: the biases of a folded matrix.
        With `known`, the factor must be one that networks put into a gradient: with one output, the gradient of a
        sample is a multiple of its signal.
        """
        wanted = normal_form(quantity)
        key = (wanted.tobytes(), wanted.shape, parts, edges, known)
        if key not in self._cache:
            kinds = ["whole", *(["part"] if parts else []), *(["edge"] if edges else [])]
            hits: list[Hit] = []
            for kind in kinds:
                hits = hits or [hit for hit in self._search(wanted, kind) if not known or self.is_known(hit.factor)]
            self._cache[key] = hits
        return self._cache[key]

    def is_known(self, factor: float) -> bool:
        """Whether a factor is one that networks put into a gradient."""
        return bool(np.any(np.abs(self._signed - factor) <= self.same * np.abs(self._signed)))

    def numbers(self, quantity: np.ndarray) -> list[tuple[Hit, ...]]:
        """Of a quantity that a program handles number by number: the hits of each of its columns, in order.

        Empty unless every number but zero was recorded as a value of its own, all with the same sign.
        """
        columns = normal_form(quantity)
        if columns.ndim != 2:
            columns = columns.reshape(-1, 1)
        key = (columns.tobytes(), columns.shape)
        if key not in self._by_number:
            self._by_number[key] = self._numbers_of(columns)
        return self._by_number[key]

    def _numbers_of(self, columns: np.ndarray) -> list[tuple[Hit, ...]]:
        magnitudes = np.abs(columns[columns != 0])
        if magnitudes.size < LEAST_NONZERO * columns.size or np.ptp(magnitudes) == 0:  # a mask of ones says nothing
            return []
        for sign in (1.0, -1.0):
            found = [tuple(hit for number in column for hit in self._number(sign * number, sign))
                     for column in columns.T if all(self._number(sign * number, sign) for number in column if number)]
            if len(found) == columns.shape[1] and any(found):
                return found
        return []

    def _number(self, number: float, sign: float) -> list[Hit]:
        """The recorded numbers that are this one."""
        if not number or not np.isfinite(number):
            return []
        if self._numbers is None:
            rows = [(float(value), ref) for ref, value in self._whole.get(1, ()) if np.isfinite(value).all()]
            self._numbers = sorted(rows)
        slack = self.same * abs(number)
        low = bisect_left(self._numbers, (number - slack,))
        high = bisect_left(self._numbers, (number + slack, float("inf")))
        return [Hit(ref, sign, "number") for _, ref in self._numbers[low:high]]

    def _search(self, wanted: np.ndarray, kind: str) -> list[Hit]:
        if wanted.size == 0 or not np.all(np.isfinite(wanted)) or not np.any(wanted):
            return []
        keys, rows = self._ordered(wanted.size, kind)
        if not rows:
            return []
        slack = 1e2 * self.same
        hits: dict[int, Hit] = {}
        targets = [_invariant(wanted, wanted.size)]
        if wanted.size <= 2:  # no shape to hold on to: only the known constants count as scale
            targets = [_invariant(factor * wanted, wanted.size) for factor in self.factors]
        for target in targets:
            low = np.searchsorted(keys, target - slack * abs(target), "left")
            high = np.searchsorted(keys, target + slack * abs(target), "right")
            for ref, value in rows[low:high]:
                if ref in hits:
                    continue
                hit = self._same(ref, value, wanted, kind)
                if hit is not None:
                    hits[ref] = hit
        return sorted(hits.values(), key=lambda hit: hit.ref)

    def _same(self, ref: int, value: np.ndarray, wanted: np.ndarray, kind: str) -> Hit | None:
        for layout, form in _layouts(value, wanted):
            factor = proportion(form, wanted, self.same)
            if factor is None:
                continue
            if np.count_nonzero(wanted) <= 2 and not self.is_known(factor):
                continue
            return Hit(ref, factor, layout if kind == "whole" else "part")
        return None


def _invariant(value: np.ndarray, size: int) -> float:
    """A number that transposition, flattening and scale leave alone (for one or two elements: all but the scale)."""
    flat = np.abs(value).ravel()
    if size <= 2:
        return float(flat.sum())
    norm = float(np.sqrt(np.dot(flat, flat)))
    return float(flat.sum()) / norm if norm > 0 else 0.0


def _layouts(value: np.ndarray, wanted: np.ndarray):
    if value.shape == wanted.shape:
        yield "as is", value
    if value.ndim == 2 and wanted.ndim == 2 and value.shape == wanted.shape[::-1]:
        yield "transposed", value.T
    if value.ndim == 1 and wanted.ndim == 2:
        yield "flattened", value.reshape(wanted.shape, order="F")
        yield "flattened", value.reshape(wanted.shape)
    if value.ndim == 2 and wanted.ndim == 1 and value.size == wanted.size:
        yield "flattened", value.ravel(order="F")


def proportion(value: np.ndarray, wanted: np.ndarray, same: float = SAME) -> float | None:
    """The constant c with value = c * wanted, element by element; None if there is none."""
    size = np.abs(wanted)
    place = int(size.argmax())
    scale = size.item(place)
    if scale == 0 or not np.isfinite(value).all():
        return None
    factor = value.item(place) / wanted.item(place)
    if factor == 0 or not math.isfinite(factor * scale):
        return None
    if abs(value.item(0) - factor * wanted.item(0)) > same * abs(factor) * scale:  # most are sent away by the first
        return None
    if np.max(np.abs(value - factor * wanted)) > same * abs(factor) * scale:
        return None
    return factor
