"""nnparity compare: two trace files, element by element."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nnparity.commands.options import network_options
from nnparity.commands.parity import write_json
from nnparity.commands.runs import prepare, run_options

UNKNOWN = (
    "No rounding bounds: the traces do not start from the weights and data of these options (give those that trace "
    "had); only equal bits agree."
)


@click.command("compare", short_help="Compare two trace files element by element.")
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@network_options(None, "sigmoid", "sigmoid", "quadratic", None, 0.5)
@run_options()
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the result as JSON.")
def command(first: Path, second: Path, json_file: Path | None, **options: Any) -> int:
    """Compare two trace files element by element; exit status 1 at a difference.

    What rounding can cause is allowed, as far as the run is known: give the options that `nnparity trace` had.  With
    --exact every bit must be the same.  Widths and batch are read off the first trace unless given.
    """
    from rich.console import Console

    from nnparity.report import lockstep
    from nnparity.trace import read_trace
    from nnparity.traced_runs import compare_runs, inputs_of_traces

    traces = read_trace(first), read_trace(second)
    sizes, samples = _shape(traces[0])
    if options["data"] is None:
        options["batch"] = options["batch"] or samples
    options["batch"] = options["batch"] or 7
    run = prepare({**options, "sizes": options["sizes"] or sizes}, drawn_samples=options["batch"])
    shuffle = options["data"] is not None
    inputs = [inputs_of_traces(part, run.start, run.X, run.Y, run.batch, shuffle) for part in traces]
    result = compare_runs(*traces, run.start, inputs, (str(first), str(second)))
    console = Console(highlight=False, soft_wrap=True)
    if None in inputs and run.start.arithmetic == "fast":
        console.print(f"[dim]{UNKNOWN}[/]")
    lockstep.show_result(console, result)
    write_json(json_file, result.as_dict())
    return 0 if result.agrees else 1


def _shape(traces: list[Any]) -> tuple[list[int], int]:
    """Widths and batch, as the first step shows them."""
    import numpy as np

    step = traces[0] if traces else {}
    activities = [name for name in step if name.startswith("A") and name[1:].isdigit()]
    shapes = [np.shape(step[name]) for name in sorted(activities, key=lambda name: int(name[1:]))]
    if len(shapes) < 2:
        return [1, 1], 1
    return [shape[0] for shape in shapes], shapes[0][1] if len(shapes[0]) > 1 else 1
