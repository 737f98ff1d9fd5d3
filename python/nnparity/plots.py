"""Pictures of a training, of what a network takes for what, and of what it sees; drawn with matplotlib, an extra.

Each function draws on axes or a figure and returns it; `save_picture` writes PNG, PDF or SVG.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nnparity.checks import check_word, stop_input
from nnparity.files import replace_file, stop_unwritten
from nnparity.model import Model, predict_outputs

# Okabe and Ito's colours, which colour-blind people tell apart; then four more for ten classes.
COLOURS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999", "#F0E442", "#6A3D9A", "#8C510A",
)  # fmt: skip
FORMATS = ("png", "pdf", "svg")
NOTES = {"png": "Software", "pdf": "CreationDate", "svg": "Date"}  # left out: one model, one file


def new_figure(width: float = 6.0, height: float = 4.0) -> Any:
    """A figure of that many inches, without a window."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        stop_input("pictures need matplotlib, which is not installed: pip install 'nnparity[plots]'")
    return Figure(figsize=(width, height), layout="constrained")


def save_picture(figure: Any, path: str | Path, dots: int = 100) -> None:
    """Write a figure to a file; its ending says in which format.

    Parameters
    ----------
    figure : of one of the functions below.
    path : ends in .png, .pdf or .svg.
    dots : per inch, for PNG.
    """
    ending = Path(path).suffix.removeprefix(".").lower()
    check_word(ending, FORMATS, f"the ending of {path}")
    try:
        replace_file(path, lambda place: figure.savefig(place, dpi=dots, metadata={NOTES[ending]: None}), f".{ending}")
    except OSError as error:
        stop_unwritten(path, error)


def plot_history(history: Sequence[dict[str, float]], metric: str = "accuracy") -> Any:
    """Loss and metric by epoch, of training and, where there are some, of validation data.

    Parameters
    ----------
    history : rows of a training state's history.
    metric : its name, for the axis.
    """
    if not history:
        stop_input("the model must have been trained for at least one epoch, not for none")
    figure = new_figure(8, 3.4)
    epochs = [row["epoch"] for row in history]
    for axes, column, name in zip(figure.subplots(1, 2), ("loss", "metric"), ("loss", metric), strict=True):
        axes.plot(epochs, [row[column] for row in history], color=COLOURS[0], label="training")
        held = [row[f"validation_{column}"] for row in history]
        if not np.isnan(held).all():
            axes.plot(epochs, held, color=COLOURS[1], label="validation")
            axes.legend(frameon=False)
        axes.set_xlabel("epoch")
        axes.set_ylabel(name)
        plain_axes(axes)
    return figure


def plain_axes(axes: Any) -> None:
    """Without the frame's upper and right side."""
    axes.spines[["top", "right"]].set_visible(False)


def plot_confusion(counts: NDArray[np.int64], classes: Sequence[str]) -> Any:
    """The confusion matrix: shares of each true class (row) as shades, counts as numbers.

    Parameters
    ----------
    counts : of `confusion_matrix`.
    classes : their names.
    """
    size = 1.6 + 0.45 * len(classes)
    figure = new_figure(size + 0.4, size)
    axes = figure.subplots()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for i, j in zip(*np.nonzero(counts), strict=True):
        colour = "white" if shares[i, j] > 0.5 else "black"
        axes.text(j, i, str(counts[i, j]), ha="center", va="center", color=colour, fontsize=8)
    axes.set_xticks(range(len(classes)), classes, rotation=0 if max(map(len, classes)) < 4 else 90)
    axes.set_yticks(range(len(classes)), classes)
    axes.set_xlabel("taken for")
    axes.set_ylabel("is")
    return figure


def plot_regions(model: Model, X: ArrayLike, y: ArrayLike, grid: int = 200) -> Any:
    """What a network of two inputs takes each place of the plane for, with the observations.

    Parameters
    ----------
    model : with two inputs and classes.
    X : n × 2.
    y : n classes, as places from 0.
    grid : places along each side.
    """
    if model.network.sizes[0] != 2 or not model.targets.classes:
        inputs = model.network.sizes[0]
        stop_input(f"regions need a network of 2 inputs that predicts classes, not one of {inputs} inputs")
    from matplotlib.colors import ListedColormap

    X, y = np.asarray(X, float), np.asarray(y)
    low, high = X.min(axis=0), X.max(axis=0)
    margin = 0.06 * (high - low)
    margin = np.where(margin > 0, margin, np.maximum(0.5, 1e-4 * np.abs(low)))  # one value alone is given some width
    x1, x2 = (np.linspace(low[j] - margin[j], high[j] + margin[j], grid) for j in (0, 1))
    places = np.column_stack([np.tile(x1, grid), np.repeat(x2, grid)])
    outputs = predict_outputs(model, places)
    taken = (outputs[:, 0] > 0.5).astype(int) if outputs.shape[1] == 1 else outputs.argmax(axis=1)
    figure = new_figure(5, 5)
    axes = figure.subplots()
    colours = ListedColormap(COLOURS[: len(model.targets.classes)])
    limits = {"cmap": colours, "vmin": -0.5, "vmax": len(model.targets.classes) - 0.5}
    extent = (x1[0], x1[-1], x2[0], x2[-1])
    axes.imshow(taken.reshape(grid, grid), origin="lower", extent=extent, alpha=0.35, interpolation="nearest", **limits)
    axes.scatter(X[:, 0], X[:, 1], c=y, s=max(9, 200 / len(y)), edgecolors="white", linewidths=0.3, **limits)
    axes.set_aspect("equal")
    axes.set_xlabel("x1")
    axes.set_ylabel("x2")
    return figure


def plot_images(
    images: ArrayLike, titles: Sequence[str] = (), columns: int = 10, shape: tuple[int, ...] | None = None
) -> Any:
    """Grey or RGB images side by side.

    Parameters
    ----------
    images : one image per row, from 0 (white for grey ones) to 1.
    titles : one above each image.
    columns : images in a line.
    shape : rows and columns of pixels (and 3 for RGB); square and grey unless given.
    """
    images = np.atleast_2d(np.asarray(images, float))
    if shape is None:
        side = round(images.shape[1] ** 0.5)
        shape = (side, side)
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    figure = new_figure(0.9 * columns, (1.15 if titles else 0.95) * rows)
    for k, axes in enumerate(figure.subplots(rows, columns, squeeze=False).ravel()):
        axes.axis("off")
        if k < len(images):
            axes.imshow(np.clip(images[k].reshape(shape), 0, 1), cmap="gray_r", vmin=0, vmax=1)
            if titles:
                axes.set_title(titles[k], fontsize=8, pad=2)
    return figure
