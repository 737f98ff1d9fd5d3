"""The comparison of a parity run as it goes on: what `compare_traces` says of each step, at a fraction of its price.

A run reports the largest figures it met, not those of every step.  So the elements that could neither fail nor raise a
figure are passed over in a few sweeps, and the rest, mostly none, are taken exactly: the table is the same to the last
bit, and a test holds both together.  A step is only ever accepted here; where one is not, `compare_traces` decides.
What is measured of the new parameters is kept for the next step, which starts from them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nnparity.arithmetic import Array
from nnparity.bounds import (
    SAFETY,
    UNDERFLOW,
    Step,
    activation_ball,
    computed,
    optimizer_balls,
    quantity_radius,
    quantity_shape,
    started,
)
from nnparity.compare import largest_ulp, relative_difference, ulp_distance
from nnparity.network import NetworkDefinition
from nnparity.optimizers import Optimizer
from nnparity.rounding import UNIT_ROUNDOFF, Measured, ball_around, gamma_bound
from nnparity.trace import SCALARS, Trace

# What a sweep decides by may be off by a few roundings; an element so close to its limit is taken exactly.
LOW = 1.0 - 2.0**-40
# Where more elements of a quantity than this would have to be taken exactly, the plain comparison is sooner done.
MANY = 1024

Places = tuple[NDArray[np.intp], ...]
NOWHERE: Places = (np.empty(0, np.intp),)


class Figures(Protocol):
    """What a run keeps of one quantity: `parity.QuantitySummary`."""

    count: int
    max_abs: float
    max_rel: float
    max_ulp: float
    ratio: float


class Found:
    """One step's figures of one quantity, as far as they are larger than those before."""

    def __init__(self, count: int, max_abs: float = 0.0) -> None:
        self.count, self.max_abs = count, max_abs
        self.max_rel = self.max_ulp = self.ratio = 0.0


class RunningComparison:
    """Accepts the steps of one run in fast arithmetic.

    Parameters
    ----------
    network, optimizer : from `define_network` and `define_optimizer`.
    X : n₀ × n, the data; where they are nowhere negative they are their own size.
    """

    def __init__(self, network: NetworkDefinition, optimizer: Optimizer, X: Array) -> None:
        self._network, self._optimizer = network, optimizer
        self._nowhere_negative = bool(X.min() >= 0)
        self._shapes: dict[tuple[str, int], tuple[int, ...]] = {}
        self._kept: dict[str, tuple[Any, Any, Measured]] = {}  # parameter -> the two values and what was measured
        self._plain_sgd = optimizer.name == "sgd" and optimizer.clip_norm is None

    def accept(self, ours: Trace, theirs: Trace, table: Mapping[str, Figures]) -> bool:
        """Add a step to the run's table if both traces agree; False, and nothing added, where that is not certain.

        Parameters
        ----------
        ours, theirs : traces with their inputs.
        table : quantity → its figures so far; a quantity that is not there yet is not accepted.
        """
        if list(ours) != list(theirs) or not all(name in table for name in ours):
            return False
        step = self._begin(ours, theirs)
        found = []
        with np.errstate(all="ignore"):
            for name in ours:
                figures = self._accept_quantity(step, name, table[name])
                if figures is None:
                    return False
                found.append(figures)
        for name, figures in zip(ours, found, strict=True):
            row = table[name]
            row.count += figures.count
            row.max_abs = max(row.max_abs, figures.max_abs)
            row.max_rel = max(row.max_rel, figures.max_rel)
            row.max_ulp = max(row.max_ulp, figures.max_ulp)
            row.ratio = max(row.ratio, figures.ratio)
        self._keep(step)
        return True

    def _begin(self, ours: Trace, theirs: Trace) -> Step:
        samples, layers = np.shape(ours.inputs["Y"])[1], len(self._network.sizes) - 1
        step = Step(self._network, self._optimizer, (ours, theirs), (ours.inputs, theirs.inputs), samples, layers)
        for name, (mine, other, measured) in self._kept.items():
            if ours.inputs.get(name) is mine and theirs.inputs.get(name) is other:
                step.measured[name, True] = measured
        return step

    def _keep(self, step: Step) -> None:
        # What the step left behind is what the next one starts from: W1_new as W1, W1_velocity as itself.
        ours, theirs = step.traces
        self._kept = {}
        for name in step.inputs[0]:
            new = f"{name}_new" if f"{name}_new" in ours else name
            if (new, False) in step.measured:
                self._kept[name] = (ours[new], theirs[new], step.measured[new, False])

    def _accept_quantity(self, step: Step, name: str, row: Figures) -> Found | None:
        a, b = step.traces[0][name], step.traces[1][name]
        if name in SCALARS:
            return accept_number(step, name, float(a), float(b))
        if not (isinstance(a, np.ndarray) and a.shape == np.shape(b) == self._shape(name, step.samples)):
            return None
        if name == "A0":
            # The same samples: equal, or a fault.
            step.measured[name, False] = Measured(a, a if self._nowhere_negative else np.abs(a), None)
            return Found(a.size) if bool((a == b).all()) else None
        moved, size = np.subtract(a, b), np.abs(a)
        np.abs(moved, moved)
        found = Found(a.size, float(np.maximum.reduce(moved, axis=None)))
        step.measured[name, False] = Measured(a, size, moved if found.max_abs > 0 else None)
        if found.max_abs == 0:
            return found
        # The relative difference is at most |a - b| / |a|, and 2^53 times that in ulps.
        beyond = places_beyond(moved, size, min(row.max_rel, row.max_ulp * UNIT_ROUNDOFF))
        if beyond is None or not math.isfinite(found.max_abs):
            return None
        if beyond[0].size:
            x, y = a[beyond], b[beyond]
            relative = relative_difference(x, y, moved[beyond])
            found.max_rel = float(relative.max())
            found.max_ulp = largest_ulp(x, y, relative, found.max_rel)
        ratio = self._raised_ratio(step, name, moved, row.ratio)
        if ratio is None or not ratio <= 1:
            return None
        found.ratio = ratio
        return found

    def _raised_ratio(self, step: Step, name: str, moved: Array, largest: float) -> float | None:
        """The largest |a − b| / bound of the elements where it may exceed the largest so far; 0 where there are none.

        The bound is twice the radius and a little more.  None where it cannot be told.
        """
        limit = 2.0 * SAFETY * min(largest, 1.0)
        least = self._least_radius(step, name)
        if least is not None:
            beyond = places_beyond(moved, least, limit)
            radius = None if beyond is None or not beyond[0].size else self._radius_at(step, name, beyond)
        else:
            whole = quantity_radius(step, name)
            if whole is None or not math.isfinite(float(np.add.reduce(whole, axis=None))):
                return None
            beyond = places_beyond(moved, whole, limit)
            radius = None if beyond is None or not beyond[0].size else whole[beyond]
        if beyond is None or radius is None:
            return None if beyond is None else 0.0
        return float((moved[beyond] / (2.0 * SAFETY * radius + UNDERFLOW)).max())

    def _shape(self, name: str, samples: int) -> tuple[int, ...]:
        if (name, samples) not in self._shapes:
            self._shapes[name, samples] = quantity_shape(name, self._network, samples)
        return self._shapes[name, samples]

    def _least_radius(self, step: Step, name: str) -> Array | float | None:
        """What the radius is at least, where that is sooner said than the radius itself; else None."""
        if name.endswith("_new") and self._plain_sgd:
            # w - eta g: |dw| + eta |dg|, and two roundings of w
            p, g = started(step, name.removesuffix("_new")), computed(step, f"d{name.removesuffix('_new')}")
            least = (2.0 * UNIT_ROUNDOFF * LOW) * p.size
            for x, factor in ((p, LOW), (g, LOW * abs(self._optimizer.eta))):
                if x.moved is not None:
                    least += factor * x.moved
            return least
        if name[0] == "A" and self._network.activations[int(name[1:]) - 1] in LEAST_ROUNDINGS:
            return LOW * gamma_bound(LEAST_ROUNDINGS[self._network.activations[int(name[1:]) - 1]])
        return None

    def _radius_at(self, step: Step, name: str, places: Places) -> Array:
        """The radius at some elements, as `bounds` computes it for all."""
        if name[0] == "A":
            Z = ball_around(measured_at(computed(step, f"Z{name[1:]}"), places))
            return activation_ball(self._network.activations[int(name[1:]) - 1], Z, self._network).radius
        parameter = name.removesuffix("_new")
        measured = started(step, parameter), computed(step, f"d{parameter}")
        p, g = (ball_around(measured_at(x, places)) for x in measured)
        return optimizer_balls(self._optimizer, p, g, [], 0.0, parameter.startswith("W"))[0].radius


# The roundings of 1 that the ball of an activation has, whatever its argument (`rounding`).
LEAST_ROUNDINGS = {"sigmoid": 16, "tanh": 32}


def measured_at(x: Measured, places: Places) -> Measured:
    """Some elements of what was measured."""
    return Measured(x.value[places], x.size[places], None if x.moved is None else x.moved[places])


def accept_number(step: Step, name: str, a: float, b: float) -> Found | None:
    """The figures of the loss, or of a count that must be the same."""
    found = Found(1, abs(a - b))
    if a == b:
        return found
    radius = quantity_radius(step, name)
    if radius is None or not math.isfinite(found.max_abs):
        return None
    x, y = np.asarray(a), np.asarray(b)
    found.max_rel = float(relative_difference(x, y, np.asarray(found.max_abs)))
    found.max_ulp = float(ulp_distance(x, y))
    found.ratio = float(found.max_abs / (2.0 * SAFETY * radius + UNDERFLOW))
    return found if found.ratio <= 1 and math.isfinite(float(radius)) else None


def places_beyond(moved: Array, scale: Array | float, limit: float) -> Places | None:
    """Where a distance exceeds the limit in units of the scale, or may do so; None where that is too often to matter.

    The distance is divided by the limit, for the scale times the limit may underflow.
    """
    if not limit > 0:
        return None
    mask = moved * (1.0 / (limit * LOW)) > scale
    count = np.count_nonzero(mask)
    if count == 0:
        return NOWHERE
    return np.unravel_index(np.flatnonzero(mask), mask.shape) if count <= MANY else None
