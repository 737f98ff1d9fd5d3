"""nnparity workload: one of the classics, trained and drawn."""

from __future__ import annotations

from typing import Any

import click

from nnparity.commands.tables import Row, table_options

OPTIONS: tuple[Row, ...] = (
    ("--data", "text", "DIR", "", "Folder of MNIST's IDX pair."),
    ("--out", "text", "DIR", "", "Folder for the picture NAME.png."),
    ("--epochs", "count", "N", "", "Instead of the workload's own."),
    ("--seed", "count", "N", "1", "Seed of everything random."),
    ("--exact", "flag", "", "", "Arithmetic that gives the same bits in R and in Python."),
)


class WorkloadCommand(click.Command):
    """Its help lists the workloads, read only when it is asked for."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from nnparity.workloads import WORKLOADS

        with formatter.section("Workloads"):
            formatter.write_dl([(name, workload.title) for name, workload in WORKLOADS.items()])


@click.command("workload", cls=WorkloadCommand, short_help="Train one of the classics.")
@click.argument("name")
@table_options(OPTIONS)
def command(name: str, **options: Any) -> int:
    """Train one of the classics and say what was reached."""
    from nnparity.workloads import run_workload, workload_lines

    arithmetic = "exact" if options["exact"] else "fast"
    reached = run_workload(name, options["data"], options["out"], options["epochs"], arithmetic, options["seed"])
    click.echo("\n".join(workload_lines(name, reached)))
    return 0
