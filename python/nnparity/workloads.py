"""The classics, each one command with its picture: digits, clusters, a spiral, an image, XOR, an autoencoder.

    python -m nnparity.workloads spiral --out docs/gallery
    Rscript R/nnparity.R workload spiral --out docs/gallery

MNIST is not shipped: --data names the folder of an IDX pair.  Adding a workload is one entry in WORKLOADS.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nnparity.checks import check_word, stop_input
from nnparity.datasets import Dataset, load_data, load_digits, split_data
from nnparity.generators import make_clusters, make_image, make_spiral, make_xor
from nnparity.metrics import classify
from nnparity.model import Model, evaluate_model, predict_outputs, prepare_model, train_model


@dataclass(frozen=True)
class Workload:
    """One experiment.

    Attributes
    ----------
    title : what it is.
    data : callable (path), the data set.
    held_out : rows that are not trained on, the last ones.
    shuffled : whether the rows are put in the order of R's ``set.seed(1); sample.int(n)`` first.
    options : of `prepare_model`.
    measure, goal : what is to be reached: accuracy or psnr at least, rmse at most.
    picture : callable (model, data, held, path); held is the data themselves where nothing is held out.
    """

    title: str
    data: Callable[[str | None], Dataset]
    held_out: int
    options: Mapping[str, Any]
    measure: str
    goal: float
    picture: Callable[[Model, Dataset, Dataset, Path], None]
    shuffled: bool = False


def mnist(path: str | None) -> Dataset:
    """The digits of --data."""
    if path is None:
        stop_input("this workload needs MNIST: give --data, a folder with an IDX pair")
    return load_data(path)


def generated(name: str, made: tuple[Any, Any, Any]) -> Dataset:
    """A generator's data as a data set."""
    X, y, classes = made
    return Dataset(X, y, classes, None, name)


def autoencoder_digits(path: str | None) -> Dataset:
    """The small digits, to be told from themselves."""
    X = load_digits().X
    return Dataset(X, X, None, None, "digits")


def targets_of(data: Dataset) -> Any:
    """Labels as words, or numbers."""
    return data.y if data.classes is None else np.array(data.classes)[data.y]


# --- pictures --------------------------------------------------------------------------------------------------------


def history_picture(model: Model, data: Dataset, held: Dataset, path: Path) -> None:
    """Loss and accuracy by epoch."""
    from nnparity.plots import plot_history, save_picture

    save_picture(plot_history(model.state.history, model.plan.metric), path)


def regions_picture(model: Model, data: Dataset, held: Dataset, path: Path) -> None:
    """Decision regions with the points."""
    from nnparity.plots import plot_regions, save_picture

    save_picture(plot_regions(model, data.X, data.y), path)


def mistakes_picture(model: Model, data: Dataset, held: Dataset, path: Path) -> None:
    """The first 40 held-out digits that are taken for another: what it is, and what for."""
    from nnparity.plots import plot_images, save_picture

    taken = classify(predict_outputs(model, held.X).T)
    wrong = np.flatnonzero(taken != held.y)[:40]
    titles = [f"{held.y[i]}, not {taken[i]}" for i in wrong]
    save_picture(plot_images(held.X[wrong], titles), path)


def image_picture(model: Model, data: Dataset, held: Dataset, path: Path) -> None:
    """The picture, and what the network paints."""
    from nnparity.plots import plot_images, save_picture

    side = round(data.X.shape[0] ** 0.5)
    painted = predict_outputs(model, data.X)
    figure = plot_images(np.stack([data.y.ravel(), painted.ravel()]), ["target", "network"], 2, (side, side, 3))
    figure.set_size_inches(5, 2.7)
    save_picture(figure, path)


def autoencoder_picture(model: Model, data: Dataset, held: Dataset, path: Path) -> None:
    """Held-out digits above what is left of them after 16 numbers."""
    from nnparity.plots import plot_images, save_picture

    some = held.X[:10]
    save_picture(plot_images(np.concatenate([some, predict_outputs(model, some)])), path)


SOFTMAX = {"output_activation": "softmax", "loss": "categorical_cross_entropy"}
NIELSEN = {"eta": 3.0, "batch": 10, "epochs": 30}

WORKLOADS: dict[str, Workload] = {
    "nielsen-30": Workload(
        "Nielsen, chapter 1: MNIST, 784-30-10", mnist, 2000, {**NIELSEN, "hidden": 30}, "accuracy", 0.945,
        mistakes_picture,
    ),
    "nielsen-100": Workload(
        "Nielsen, chapter 1: MNIST, 784-100-10", mnist, 2000, {**NIELSEN, "hidden": 100}, "accuracy", 0.96,
        history_picture,
    ),
    "nielsen-30-normal": Workload(
        "the same, 784-30-10, weights N(0, 1)", mnist, 2000, {**NIELSEN, "hidden": 30, "init": "normal"},
        "accuracy", 0.92, history_picture,
    ),
    "nielsen-100-normal": Workload(
        "the same, 784-100-10, weights N(0, 1)", mnist, 2000, {**NIELSEN, "hidden": 100, "init": "normal"},
        "accuracy", 0.6, history_picture,
    ),
    "numpy-post": Workload(
        "the NumPy post: MNIST, 784-10, batches of 1000, rate 3, 1000 epochs", mnist, 2000,
        {"hidden": [], "eta": 3.0, "batch": 1000, "epochs": 1000}, "accuracy", 0.9, history_picture,
    ),
    "clusters-6": Workload(
        "clusters inside each other, 6 classes, tanh", lambda path: generated("clusters", make_clusters(6, 100)), 0,
        {**SOFTMAX, "hidden": [20, 20], "activation": "tanh", "eta": 0.1, "epochs": 60},
        "accuracy", 0.97, regions_picture,
    ),
    "clusters-10": Workload(
        "clusters inside each other, 10 classes, leaky_relu",
        lambda path: generated("clusters", make_clusters(10, 100)), 0,
        {**SOFTMAX, "hidden": [30, 30], "activation": "leaky_relu", "init": "glorot_normal", "optimizer": "adam",
         "eta": 0.005, "batch": 50, "epochs": 150},
        "accuracy", 0.97, regions_picture,
    ),
    "spiral": Workload(
        "a spiral on its background, three hidden layers of 5", lambda path: generated("spiral", make_spiral()), 0,
        {**SOFTMAX, "hidden": [5, 5, 5], "activation": "tanh", "optimizer": "adam", "eta": 0.01,
         "epochs": 200, "batch": 40},
        "accuracy", 0.95, regions_picture,
    ),
    "kaggle": Workload(
        "MNIST as on Kaggle, hidden 25-20-15-10, a quarter held out", mnist, 2500,
        {**SOFTMAX, "hidden": [25, 20, 15, 10], "activation": "relu", "init": "he_normal", "optimizer": "adam",
         "eta": 0.002, "batch": 50, "epochs": 15},
        "accuracy", 0.9, mistakes_picture,
    ),
    "image": Workload(
        "a picture from its x and y, three hidden layers of 50", lambda path: generated("image", make_image()), 0,
        {"hidden": [50, 50, 50], "activation": "tanh", "output_activation": "sigmoid", "loss": "mean_squared_error",
         "init": "glorot_normal", "optimizer": "adam", "eta": 0.003, "batch": 200, "epochs": 10},
        "psnr", 25.0, image_picture,
    ),
    "xor": Workload(
        "XOR, sigmoid and binary cross-entropy", lambda path: generated("xor", make_xor()), 0,
        {"hidden": 4, "loss": "binary_cross_entropy", "init": "normal", "eta": 2.0, "batch": 4, "epochs": 500},
        "accuracy", 1.0, regions_picture,
    ),
    "digits": Workload(
        "digits 8 x 8, two hidden layers, relu and softmax", lambda path: load_digits(), 360,
        {**SOFTMAX, "hidden": [40, 20], "activation": "relu", "init": "he_normal", "eta": 0.1, "epochs": 40},
        "accuracy", 0.95, mistakes_picture, shuffled=True,
    ),
    "autoencoder": Workload(
        "autoencoder of the digits, 64-16-64", autoencoder_digits, 360,
        {"hidden": 16, "output_activation": "sigmoid", "optimizer": "adam", "eta": 0.01, "batch": 20, "epochs": 60},
        "rmse", 0.15, autoencoder_picture,
    ),
}  # fmt: skip


def run_workload(
    name: str, data: str | None = None, out: str | None = None, epochs: int | None = None, arithmetic: str = "fast",
    seed: int = 1,
) -> dict[str, float]:
    """Train one workload, draw its picture and say what was reached.

    Parameters
    ----------
    name : a word of WORKLOADS.
    data : the folder of MNIST, for those that need it.
    out : the folder for the picture, NAME.png; none unless given.
    epochs : instead of the workload's own.
    arithmetic : "fast" or "exact".
    seed : of first weights and shuffles.

    Returns
    -------
    dict : the workload's measure, its goal, and the seconds of all epochs
    """
    workload = WORKLOADS[check_word(name, WORKLOADS, "workload")]
    if out is not None and not Path(out).is_dir():  # said before the training, not after it
        stop_input(f"{out}: expected a folder for the picture, found none")
    sample = workload.data(data)
    held = sample
    if workload.held_out:
        sample, held = split_data(sample, sample.X.shape[0] - workload.held_out, 1 if workload.shuffled else None)
    options = {**workload.options, "arithmetic": arithmetic, "seed": seed}
    if epochs is not None:
        options["epochs"] = epochs
    model = prepare_model(sample.X, targets_of(sample), **options)
    validation = (held.X, targets_of(held)) if workload.held_out else None
    model = train_model(model, sample.X, targets_of(sample), validation)
    values = evaluate_model(model, held.X, targets_of(held))
    if "rmse" in values:
        # PSNR = 20 log10(1/RMSE) for values from 0 to 1
        values["psnr"] = -20.0 * float(np.log10(values["rmse"]))
    if out is not None:
        workload.picture(model, sample, held, Path(out) / f"{name}.png")
    seconds = sum(row["seconds"] for row in model.state.history)
    return {workload.measure: values[workload.measure], "goal": workload.goal, "seconds": seconds}


def workload_lines(name: str, reached: Mapping[str, float]) -> list[str]:
    """What was reached, in words."""
    workload = WORKLOADS[name]
    value = reached[workload.measure]
    bound = "at most" if workload.measure == "rmse" else "at least"
    good = value <= workload.goal if workload.measure == "rmse" else value >= workload.goal
    return [
        f"{name}: {workload.title}",
        f"{workload.measure} {value:.4f} ({bound} {workload.goal:g}: {'reached' if good else 'not reached'})",
        f"{reached['seconds']:.1f} s of training",
    ]


if __name__ == "__main__":
    from nnparity.cli import main

    main(["workload", *sys.argv[1:]])
