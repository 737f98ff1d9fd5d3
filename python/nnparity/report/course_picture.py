"""The course of a parity run as a picture: every group of quantities on one logarithmic axis, against its bound."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nnparity.checks import stop_input
from nnparity.course import GROUPS, CoursePoint
from nnparity.parity import ParityResult
from nnparity.plots import COLOURS, FORMATS, new_figure, plain_axes
from nnparity.report.lockstep import describe_start

#: A longer run is drawn by so many stretches of steps, each by the step that comes nearest to its bound.
STRETCHES = 250
TITLES = {
    "Z": "Z, weighted sums",
    "A": "A, activations",
    "loss": "loss",
    "delta": "delta, errors",
    "dW, db": "dW and db, gradients",
    "W, b": "W and b after the step",
}
DIFFERENCE, BOUND, BEYOND, INK, FAINT = COLOURS[0], "#8a8a8a", COLOURS[1], "#222222", "#666666"


def check_picture(path: Path) -> None:
    """InputError where the picture could not be drawn after the run: matplotlib, the ending, the folder."""
    if path.suffix.removeprefix(".").lower() not in FORMATS:
        given = str(path) if path.name else ""  # a Path makes "." of nothing
        stop_input(f"--plot must name a file that ends in .{', .'.join(FORMATS)}, not {given!r}")
    if not path.parent.is_dir():
        stop_input(f"--plot must name a file in a folder that exists, not {path}")
    new_figure()


def plot_course(result: ParityResult) -> Any:
    """A panel for each group: the largest difference of each step, and what rounding can cause at that element.

    Parameters
    ----------
    result : of `run_parity` with ``course=True``.
    """
    figure = new_figure(10, 6.2)
    panels = figure.subplots(2, 3, sharex=True, sharey=True).ravel()
    course = [point for point in result.course or [] if math.isfinite(point.bound)]
    sizes = [size for point in course for size in (point.difference, point.bound) if size > 0] or [1.0]
    bottom, top = min(sizes) / 3, 3 * max(sizes)
    for axes, group in zip(panels, GROUPS, strict=True):
        draw_group(axes, thin([point for point in course if point.group == group]), bottom)
        axes.set_title(TITLES[group], fontsize=10, loc="left", color=INK)
        axes.set_yscale("log")
        axes.set_ylim(bottom, top)
        axes.grid(axis="y", color="#e6e6e6", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.tick_params(labelsize=8, colors=FAINT)
        plain_axes(axes)
    for axes in panels[3:]:
        axes.set_xlabel("step", fontsize=9, color=FAINT)
    for axes in panels[::3]:
        axes.set_ylabel("|Python − R|", fontsize=9, color=FAINT)
    lines = [figure_line(DIFFERENCE), figure_line(BOUND)]
    words = ["largest difference of a step", "what rounding can cause at that element"]
    figure.legend(lines, words, loc="outside upper right", ncols=2, frameon=False, fontsize=8.5, labelcolor=INK)
    figure.suptitle(verdict(result), x=0.01, ha="left", fontsize=12, color=INK)
    figure.supxlabel(f"{describe_start(result.start)}.  {result.about}", x=0.01, ha="left", fontsize=8, color=FAINT)
    return figure


def figure_line(colour: str) -> Any:
    """A line for the legend."""
    from matplotlib.lines import Line2D

    return Line2D([], [], color=colour, linewidth=1.4)


def verdict(result: ParityResult) -> str:
    """The picture's title."""
    if result.difference is not None:
        return f"{result.difference.quantity} differs at step {result.difference.step:,}"
    return "No difference is larger than rounding can make it"


def draw_group(axes: Any, points: Sequence[CoursePoint], bottom: float) -> None:
    """One group's differences over the room that rounding has, and in another colour what lies beyond it."""
    steps = np.array([point.step for point in points], float)
    differences = np.array([point.difference for point in points])
    bounds = np.array([point.bound for point in points])
    beyond = differences > bounds
    differences = np.where(differences > 0, differences, np.nan)  # where nothing differs, there is nothing to draw
    dots = {"marker": "o", "markersize": 2.5} if len(points) < 60 or np.isnan(differences).any() else {}
    axes.fill_between(steps, bottom, bounds, color=BOUND, alpha=0.12, linewidth=0)
    axes.plot(steps, bounds, color=BOUND, linewidth=1.0)
    axes.plot(steps, differences, color=DIFFERENCE, linewidth=1.1, **dots)
    axes.plot(steps[beyond], differences[beyond], "o", color=BEYOND, markersize=7, zorder=3)


def thin(points: Sequence[CoursePoint]) -> list[CoursePoint]:
    """At most STRETCHES of the points: of neighbours the one that comes nearest to its bound."""
    if len(points) <= STRETCHES:
        return list(points)
    stretches = np.array_split(np.arange(len(points)), STRETCHES)
    return [max((points[i] for i in part), key=lambda point: point.difference / point.bound) for part in stretches]
