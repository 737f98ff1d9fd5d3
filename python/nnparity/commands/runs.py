"""What the commands that run a network share: from options to data and a start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from nnparity.arithmetic import Array
from nnparity.checks import InputError, check_count
from nnparity.commands.options import apply

HIDDEN = 30  # units of the hidden layer where --sizes is not given
DRAWN = 100  # samples drawn where there are no data


def run_options(steps: int | None = None) -> Callable:
    """Return the run options of DESIGN."""
    return apply([
        click.option("--data", metavar="PATH", help="A CSV, an IDX file, a folder with an IDX pair, or a data set."),
        click.option("--labels", type=click.Path(path_type=Path), help="IDX file of the labels."),
        click.option("--epochs", default=1, show_default=True, help="Passes over the data."),
        click.option("--steps", type=int, default=steps, help="Take that many steps, whatever --epochs says."),
        click.option("--init", default="normal", show_default=True, metavar="WORD", help="How the weights begin."),
        click.option("--optimizer", default="sgd", show_default=True, metavar="WORD", help="Update rule."),
        click.option("--l1", default=0.0, show_default=True, help="Penalty on |W|."),
        click.option("--l2", default=0.0, show_default=True, help="Penalty on W²/2."),
        click.option("--clip-norm", type=float, help="Largest norm of the whole gradient."),
        click.option("--arithmetic", default="fast", show_default=True, metavar="fast|exact",
                     help="BLAS, judged by rounding bounds, or one fixed order, judged by bits."),
        click.option("--exact", is_flag=True, help="The same as --arithmetic exact."),
    ])  # fmt: skip


@dataclass(frozen=True)
class Run:
    """What a command runs.

    Attributes
    ----------
    start : nnparity.sides.Start
    X, Y : training data, one column per sample.
    test : X and Y of the held-out samples, or None.
    batch : samples in a step.
    name : the data in words.
    """

    start: Any
    X: Array
    Y: Array
    test: tuple[Array, Array] | None
    batch: int
    name: str


def prepare(options: Mapping[str, Any], drawn_samples: int | None = None) -> Run:
    """Load or draw the data and define the network.

    Parameters
    ----------
    options : of `network_options` and `run_options`, by name; `test`, samples to hold out, may be among them.
    drawn_samples : drawn from the seed where there are no data; None: the shipped digits where the sizes fit.
    """
    from nnparity.arithmetic import get_arithmetic
    from nnparity.network import define_network
    from nnparity.optimizers import define_optimizer
    from nnparity.sides import Start, draw_data

    for option in ("batch", "epochs", "steps"):  # before anything is printed
        if options.get(option) is not None:
            check_count(options[option], f"--{option}")
    sizes = list(options["sizes"] or ())
    data = None
    if options["data"] is not None:
        data = _load(options["data"], options["labels"])
    elif drawn_samples is None and (not sizes or (sizes[0], sizes[-1]) == (64, 10)):
        data = _load("digits", None)
    if data is not None:
        X, Y, name, classes = data
        sizes = sizes or [X.shape[0], HIDDEN, Y.shape[0]]
        if sizes[0] != X.shape[0] or sizes[-1] != Y.shape[0]:
            raise InputError(
                f"--sizes must begin with {X.shape[0]} and end with {Y.shape[0]} for these data "
                f"({name}), not {','.join(map(str, sizes))}"
            )
    network = define_network(
        sizes, activation=options["activation"], output_activation=options["output_activation"], loss=options["loss"],
        slope=options["slope"], no_bias=options["no_bias"] or (), l1=options["l1"], l2=options["l2"],
    )  # fmt: skip
    arithmetic = get_arithmetic("exact" if options["exact"] else options["arithmetic"]).name
    optimizer = define_optimizer(options["optimizer"], eta=options["eta"], clip_norm=options["clip_norm"])
    start = Start(network, optimizer, options["init"], options["seed"], arithmetic)
    if data is None:
        samples = drawn_samples or max(DRAWN, options["batch"])
        X, Y = draw_data(start, samples)
        return Run(start, X, Y, None, options["batch"], f"{samples} samples drawn from seed {options['seed']}")
    n = X.shape[1]
    held = options.get("test")
    held = (n // 5 if held is None else held) if classes else 0
    if not 0 <= held < n:
        raise InputError(f"--test must be from 0 to {n - 1}, the number of samples less one, not {held}")
    cut = n - held
    test = (X[:, cut:], Y[:, cut:]) if held else None
    split = f"{cut:,} for training" + (f", {held:,} for the test" if held else "")
    return Run(start, X[:, :cut], Y[:, :cut], test, options["batch"], f"{name}, {split}")


def _load(path: str, labels: Path | None) -> tuple[Array, Array, str, bool]:
    from nnparity.datasets import load_data, one_hot

    data = load_data(path, labels)
    if data.classes is None:
        y = np.asarray(data.y, float)
        return data.X.T, y.reshape(len(y), -1).T, data.name, False
    return data.X.T, one_hot(data.y, data.classes).T, data.name, True
