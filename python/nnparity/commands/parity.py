"""nnparity parity: both languages in lockstep, every quantity of every step compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nnparity.checks import InputError
from nnparity.commands.options import network_options
from nnparity.commands.runs import prepare, run_options


@click.command("parity", short_help="Run the network in Python and in R in lockstep.")
@network_options(None, "sigmoid", "sigmoid", "quadratic", 10, 3.0)
@run_options()
@click.option("--test", type=int, metavar="N", help="Hold out the last N samples; a fifth unless given.")
@click.option("--bridge", default="auto", show_default=True, metavar="auto|rpy2|Rscript", help="How R is reached.")
@click.option("--cases", is_flag=True, help="Run the whole matrix: activations, losses, optimizers, depths.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the result as JSON.")
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE", help="Draw the differences: .png, .pdf, .svg.")
def command(cases: bool, bridge: str, json_file: Path | None, plot: Path | None, **options: Any) -> int:
    """Train in Python and in R in lockstep and compare every quantity of every step, element by element.

    Without options: 64-30-10 on the handwritten digits that ship with nnparity, one epoch.  Each language draws its own
    weights and shuffles from the seed, and keeps its own parameters.  The run ends at the first difference, with exit
    status 1.

    \b
      nnparity parity --exact                         every bit must be the same
      nnparity parity --data mnist/ --epochs 5        a folder with an IDX pair
      nnparity parity --sizes 4,6,3 --activation relu --optimizer adam --eta 0.01
      nnparity parity --plot course.png               each step's differences beside what rounding can cause
      nnparity parity --cases                         every activation, loss, optimizer, depth
    """
    if json_file is not None and not json_file.parent.is_dir():
        raise InputError(f"--json must name a file in a folder that exists, not {json_file}")
    if plot is not None and (cases or options["exact"] or options["arithmetic"] == "exact"):
        raise InputError("--plot draws one run in fast arithmetic, without --cases or --exact, where no bit may differ")
    return _run_cases(options, bridge, json_file) if cases else _run_one(options, bridge, json_file, plot)


def _run_one(options: dict[str, Any], bridge: str, json_file: Path | None, plot: Path | None) -> int:
    from rich.console import Console

    from nnparity.bridge import open_bridge
    from nnparity.parity import run_parity
    from nnparity.report import lockstep

    if plot is not None:
        from nnparity.plots import save_picture
        from nnparity.report.course_picture import check_picture, plot_course

        check_picture(plot)
    run = prepare(options)
    console = Console(highlight=False, soft_wrap=True)
    with open_bridge(bridge) as line:
        lockstep.show_opening(console, run.start, line.why, line.about, run.name)
        with _bar(console) as on_step:
            result = run_parity(
                run.start, run.X, run.Y, run.batch, options["epochs"], options["steps"], test=run.test, bridge=line,
                on_step=on_step, course=plot is not None,
            )  # fmt: skip
    lockstep.show_result(console, result, 0 if run.test is None else run.test[0].shape[1])
    write_json(json_file, result.as_dict())
    if plot is not None:
        save_picture(plot_course(result), plot, dots=150)
    return 1 if not result.agrees else 2 if result.stopped else 0


def _run_cases(options: dict[str, Any], bridge: str, json_file: Path | None) -> int:
    from dataclasses import asdict

    from rich.console import Console

    from nnparity.arithmetic import get_arithmetic
    from nnparity.bridge import open_bridge
    from nnparity.cases import all_cases, run_cases
    from nnparity.report import lockstep

    arithmetic = get_arithmetic("exact" if options["exact"] else options["arithmetic"]).name
    console = Console(highlight=False, soft_wrap=True)
    with open_bridge(bridge) as line, _bar(console, "networks") as on_case:
        console.print(f"[dim]{line.about}. {line.why}.[/]")
        result = run_cases(all_cases(arithmetic), line, on_case)
    lockstep.show_cases(console, result, arithmetic)
    failures = [failure.as_dict() for failure in result.failures]
    write_json(json_file, {"format": 1, "arithmetic": arithmetic, **asdict(result), "failures": failures})
    return 1 if result.failures else 0


class _bar:
    """A progress bar on a terminal; elsewhere nothing, so that a log stays short."""

    def __init__(self, console: Any, what: str = "steps") -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (BarColumn(), MofNCompleteColumn(), TextColumn(what), TimeRemainingColumn())
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._progress.add_task(what, total=None)

    def __enter__(self) -> Any:
        self._progress.start()
        return lambda done, total: self._progress.update(self._task, completed=done, total=total)

    def __exit__(self, *error: object) -> None:
        self._progress.stop()


def write_json(path: Path | None, result: dict[str, Any]) -> None:
    """Write a result whole or not at all; without a path, nothing."""
    if path is None:
        return
    import json

    from nnparity.trace import write_text_atomically

    write_text_atomically(path, json.dumps(_plain(result), indent=1, ensure_ascii=False) + "\n")


def _plain(value: Any) -> Any:
    """JSON has neither NaN nor Inf: they become the words of the trace file."""
    import math

    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "Inf" if value > 0 else "-Inf"
    return value
