"""The command line: one command a file in `commands/`, imported only when it is called, so that help comes at once."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

import click

import nnparity._threads  # noqa: F401 (before NumPy is loaded)
from nnparity.bridge import BridgeError
from nnparity.checks import InputError

#: command → the module of `nnparity.commands` that holds it, and the line that help shows.
COMMANDS = {
    "diagnose": "Find the line in somebody's own network that is wrong, what it computes and what it should.",
    "adapter": "Read somebody's network and write the adapter that diagnose needs.",
    "parity": "Run the network in Python and in R in lockstep and compare every quantity of every step.",
    "train": "Train a network on a data set and save it with its history.",
    "predict": "Predict with a saved network.",
    "evaluate": "Measure a saved network on a data set.",
    "plot": "Draw a history, a confusion matrix, decision regions.",
    "workload": "Train one of the classics, with a picture of the result.",
    "trace": "Write every quantity of a run to a CSV file that any language can read.",
    "compare": "Compare two trace files element by element.",
}


class LazyGroup(click.Group):
    """A group that imports a command when it is called, not when the group is listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        return importlib.import_module(f"nnparity.commands.{cmd_name}").command

    def resolve_command(self, ctx: click.Context, args: list[str]):
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            ctx.fail(f"No such command: {args[0]}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="nnparity", message="nnparity %(version)s")
def group() -> None:
    """One network, written twice, in Python and in base R, and the tool that uses the pair to find the bug in a third.

    \b
    My own network runs and does not learn:   nnparity diagnose port.R
    Do the two languages agree?               nnparity parity
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; bad input ends in one sentence and exit status 2."""
    try:
        status = group.main(args=list(arguments) if arguments is not None else None, standalone_mode=False)
    except (InputError, BridgeError) as error:
        click.echo(f"nnparity: {error}", err=True)
        status = 2
    except click.exceptions.Abort:
        click.echo("nnparity: interrupted.", err=True)
        status = 130
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    sys.exit(status if isinstance(status, int) else 0)


if __name__ == "__main__":
    main()
