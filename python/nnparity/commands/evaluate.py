"""nnparity evaluate: how good a saved network is on data."""

from __future__ import annotations

from typing import Any

import click

from nnparity.commands.tables import Row, table_options
from nnparity.commands.train import DATA_OPTIONS

OPTIONS: tuple[Row, ...] = (
    *DATA_OPTIONS,
    ("--top", "count", "K", "5", "Count a class as found among the K largest outputs."),
    ("--plot", "text", "FILE", "", "Draw the confusion matrix: .png, .pdf or .svg."),
)


@click.command("evaluate", short_help="Measure a saved network on a data set.")
@click.argument("model")
@click.argument("data")
@table_options(OPTIONS)
def command(model: str, data: str, **options: Any) -> int:
    """Measure MODEL, a file of nnparity train in either language, on DATA.

    For classes: loss, accuracy, top-k accuracy and the confusion matrix, whose rows are what an observation is and
    whose columns are what it was taken for.  For numbers: loss, RMSE and R².

    \b
      nnparity evaluate digits.txt digits --plot confusion.png
    """
    from nnparity.checks import stop_input
    from nnparity.commands.data import load_labelled, model_task
    from nnparity.commands.outputs import check_picture_place
    from nnparity.metrics import confusion_matrix
    from nnparity.model import evaluate_model, predict_outputs
    from nnparity.model_file import load_model
    from nnparity.preprocessing import encode_targets

    check_picture_place(options["plot"])
    trained = load_model(model)
    if options["plot"] is not None and not trained.targets.classes:
        stop_input("--plot draws the confusion matrix of classes, and this model predicts numbers")
    sample = load_labelled(data, options["labels"], options["label"], model_task(trained), trained)
    values = evaluate_model(trained, sample.table, sample.labels, options["top"])
    click.echo(f"{sample.data.X.shape[0]} observations")
    for name, value in values.items():
        click.echo(f"{name:<16} {value:.6g}")
    if trained.targets.classes:
        Y = encode_targets(trained.targets, sample.labels)
        counts = confusion_matrix(predict_outputs(trained, sample.table).T, Y.T)
        click.echo("\n".join(["", *confusion_lines(counts, trained.targets.classes)]))
        if options["plot"] is not None:
            from nnparity.plots import plot_confusion, save_picture

            save_picture(plot_confusion(counts, trained.targets.classes), options["plot"])
    return 0


def confusion_lines(counts: Any, classes: tuple[str, ...]) -> list[str]:
    """The confusion matrix as text, in columns of one width."""
    width = max(len(str(counts.max())), *map(len, classes)) + 1
    head = max(map(len, classes))
    lines = [" " * head + "".join(f"{name:>{width}}" for name in classes)]
    for name, row in zip(classes, counts.tolist(), strict=True):
        lines.append(f"{name:<{head}}" + "".join(f"{count:>{width}}" for count in row))
    return lines
