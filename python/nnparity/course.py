"""The course of a run: how far the two sides lie apart at each step, by group of quantities, and how far they may.

The run's table keeps the largest figures of all; a picture shows how they come about.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nnparity.bounds import step_bounds
from nnparity.network import NetworkDefinition
from nnparity.optimizers import Optimizer
from nnparity.trace import SCALARS, Trace

#: Group → the quantities' letters, in order of computation.
GROUPS: dict[str, tuple[str, ...]] = {
    "Z": ("Z",),
    "A": ("A",),
    "loss": ("loss",),
    "delta": ("delta",),
    "dW, db": ("dW", "db"),
    "W, b": ("W_new", "b_new"),
}


class CoursePoint(NamedTuple):
    """The element of a group whose two values lie furthest apart at one step.

    Attributes
    ----------
    step : from 1.
    group, quantity : of GROUPS, and the quantity of the element.
    difference : how far apart.
    bound : how far apart rounding can drive them there.
    """

    step: int
    group: str
    quantity: str
    difference: float
    bound: float


def course_of_step(
    step: int, ours: Trace, theirs: Trace, network: NetworkDefinition, optimizer: Optimizer
) -> list[CoursePoint]:
    """One point for each group.

    Parameters
    ----------
    step : its number.
    ours, theirs : the step's traces; a quantity that one of them lacks or that has no distance has no point.
    network, optimizer : from `define_network` and `define_optimizer`.
    """
    furthest: dict[str, CoursePoint] = {}
    with np.errstate(all="ignore"):
        bounds = step_bounds(network, optimizer, ours, theirs)
        for quantity, bound in bounds.items():
            group = group_of(quantity)
            if group is None or quantity not in theirs or np.shape(theirs[quantity]) != np.shape(ours[quantity]):
                continue
            distance = np.abs(np.asarray(ours[quantity]) - theirs[quantity])
            place = np.unravel_index(int(np.argmax(distance)), distance.shape)
            point = CoursePoint(step, group, quantity, float(distance[place]), float(bound[place]))
            known = furthest.get(group)
            if np.isfinite(point.difference) and (known is None or point.difference > known.difference):
                furthest[group] = point
    return [furthest[group] for group in GROUPS if group in furthest]


def group_of(quantity: str) -> str | None:
    """The group of a quantity; None where it has none: the optimizer's memory."""
    name, _, suffix = quantity.partition("_")
    letters = quantity if quantity in SCALARS else name.rstrip("0123456789") + (f"_{suffix}" if suffix else "")
    return next((group for group, members in GROUPS.items() if letters in members), None)
