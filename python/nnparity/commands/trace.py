"""nnparity trace: every quantity of a run in a file that any language can read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nnparity.checks import check_count, check_word
from nnparity.commands.options import network_options
from nnparity.commands.runs import prepare, run_options


@click.command("trace", short_help="Write every quantity of a run to a CSV file.")
@network_options("4,6,3", "sigmoid", "sigmoid", "quadratic", 7, 0.5)
@run_options(steps=1)
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Where to; the screen unless given.")
@click.option("--language", default="python", show_default=True, metavar="python|r", help="Which twin computes.")
@click.option("--bridge", default="auto", show_default=True, metavar="auto|rpy2|Rscript", help="How R is reached.")
def command(output: Path | None, language: str, bridge: str, **options: Any) -> int:
    """Write every quantity of every step: first line `# nnparity trace 1`, then CSV step,quantity,row,col,value.

    Steps, rows and columns count from 1, values stand column by column with 17 digits.  Without --data a batch is drawn
    from the seed after the weights, and every step uses it.  `Rscript R/nnparity.R trace` takes the same options.

    \b
      nnparity trace --sizes 4,6,3 --output a.csv
      nnparity compare a.csv b.csv
    """
    from nnparity.bridge import open_bridge
    from nnparity.sides import PythonSide, RSide
    from nnparity.trace import write_trace
    from nnparity.traced_runs import trace_run

    check_word(language, ("python", "r"), "--language")
    run = prepare(options, drawn_samples=options["batch"])
    steps, shuffle = check_count(options["steps"], "steps"), options["data"] is not None
    arguments = (run.start, run.X, run.Y, run.batch, steps, shuffle)
    if language == "python":
        traces = trace_run(PythonSide(), *arguments)
    else:
        with open_bridge(bridge) as line:
            traces = trace_run(RSide(line), *arguments)
    if output is not None:
        write_trace(output, traces)
        return 0
    _print(traces)
    return 0


def _print(traces: Any) -> None:
    import tempfile

    from nnparity.trace import write_trace

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.csv"
        write_trace(path, traces)
        click.echo(path.read_text(encoding="utf-8"), nl=False)
