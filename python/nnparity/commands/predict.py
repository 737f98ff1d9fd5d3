"""nnparity predict: a saved network's predictions, as CSV."""

from __future__ import annotations

from typing import Any

import click

from nnparity.commands.tables import Row, table_options
from nnparity.commands.train import DATA_OPTIONS

OPTIONS: tuple[Row, ...] = (
    *DATA_OPTIONS,
    ("--out", "text", "FILE", "", "Where the predictions go; the screen unless given."),
    ("--outputs", "flag", "", "", "The network's outputs, too, one column for each."),
)


@click.command("predict", short_help="Predict with a saved network.")
@click.argument("model")
@click.argument("data")
@table_options(OPTIONS)
def command(model: str, data: str, **options: Any) -> int:
    """Predict with MODEL, a file of nnparity train in either language, for the rows of DATA.

    DATA may have a label column; it is left out.  Columns are taken by the names of training where both have names.

    \b
      nnparity predict digits.txt digits --out predictions.csv
    """
    from nnparity.commands.data import load_inputs
    from nnparity.commands.outputs import write_text
    from nnparity.model import predict_outputs
    from nnparity.model_file import load_model
    from nnparity.preprocessing import decode_targets

    trained = load_model(model)
    outputs = predict_outputs(trained, load_inputs(data, trained, options["labels"], options["label"]))
    lines = prediction_lines(trained, decode_targets(trained.targets, outputs), outputs if options["outputs"] else None)
    if options["out"] is not None:
        write_text(lines, options["out"])
    else:
        click.echo("\n".join(lines))
    return 0


def prediction_lines(model: Any, predictions: Any, outputs: Any) -> list[str]:
    """One line for each observation: its number, the prediction, and the outputs where they are asked for."""
    from nnparity.model_file import number_text

    several = predictions.ndim == 2
    units = [f"output{k}" for k in range(1, model.network.sizes[-1] + 1)]
    header = ["row", *(units if several else ["prediction"]), *(units if outputs is not None and not several else [])]
    lines = [",".join(header)]
    for row in range(predictions.shape[0]):
        fields = [str(row + 1)]
        if several:
            fields += map(number_text, predictions[row].tolist())
        elif model.targets.classes:
            fields.append(quoted(str(predictions[row])))
        else:
            fields.append(number_text(float(predictions[row])))
        if outputs is not None and not several:
            fields += map(number_text, outputs[row].tolist())
        lines.append(",".join(fields))
    return lines


def quoted(text: str) -> str:
    """A CSV field, in quotes where it needs them."""
    return '"' + text.replace('"', '""') + '"' if any(sign in text for sign in ',"\n') else text
