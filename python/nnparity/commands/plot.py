"""nnparity plot: a picture of a saved network."""

from __future__ import annotations

from typing import Any

import click

from nnparity.commands.tables import Row, table_options
from nnparity.commands.train import DATA_OPTIONS

OPTIONS: tuple[Row, ...] = (
    ("--data", "text", "DATA", "", "The observations, for confusion and regions."),
    *DATA_OPTIONS,
)


@click.command("plot", short_help="Draw a history, a confusion matrix, decision regions.")
@click.argument("what")
@click.argument("model")
@click.argument("file")
@table_options(OPTIONS)
def command(what: str, model: str, file: str, **options: Any) -> int:
    """Draw WHAT of MODEL into FILE, which ends in .png, .pdf or .svg.

    \b
    WHAT is one of
      history     loss and accuracy by epoch
      confusion   which classes are taken for which, on --data
      regions     what each place of the plane is taken for, for networks of two inputs, with the observations of --data

    \b
      nnparity plot history digits.txt history.png
    """
    from nnparity.checks import check_word
    from nnparity.model_file import load_model
    from nnparity.plots import save_picture

    check_word(what, PICTURES, "WHAT")
    save_picture(PICTURES[what](load_model(model), options), file)
    return 0


def history_picture(model: Any, options: dict[str, Any]) -> Any:
    """Loss and metric by epoch."""
    from nnparity.plots import plot_history

    return plot_history(model.state.history, model.plan.metric)


def confusion_picture(model: Any, options: dict[str, Any]) -> Any:
    """The confusion matrix on --data."""
    from nnparity.checks import stop_input
    from nnparity.metrics import confusion_matrix
    from nnparity.model import predict_outputs
    from nnparity.plots import plot_confusion
    from nnparity.preprocessing import encode_targets

    if not model.targets.classes:
        stop_input("a confusion matrix needs a network that predicts classes, not numbers")
    sample = required_data(model, options)
    Y = encode_targets(model.targets, sample.labels)
    return plot_confusion(confusion_matrix(predict_outputs(model, sample.table).T, Y.T), model.targets.classes)


def regions_picture(model: Any, options: dict[str, Any]) -> Any:
    """Decision regions with the observations of --data."""
    from nnparity.plots import plot_regions
    from nnparity.preprocessing import encode_targets

    sample = required_data(model, options)
    Y = encode_targets(model.targets, sample.labels)
    y = Y[:, 0].astype(int) if Y.shape[1] == 1 else Y.argmax(axis=1)
    return plot_regions(model, sample.data.X, y)


def required_data(model: Any, options: dict[str, Any]) -> Any:
    """What --data names."""
    from nnparity.checks import stop_input
    from nnparity.commands.data import load_labelled, model_task

    if options["data"] is None:
        stop_input("this picture needs observations: give --data")
    return load_labelled(options["data"], options["labels"], options["label"], model_task(model), model)


PICTURES = {"history": history_picture, "confusion": confusion_picture, "regions": regions_picture}
