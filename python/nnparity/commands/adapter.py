"""nnparity adapter: read somebody's network, list its functions, and write the adapter that diagnose needs."""

from __future__ import annotations

from pathlib import Path

import click

from nnparity.commands.options import network_options


@click.command("adapter", short_help="Write the adapter that diagnose needs.")
@click.argument("candidate", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Where to write it; beside the candidate, unless given.")
@network_options("4,6,3", None, None, None, 7, 0.5)
@click.option("--functions-only", is_flag=True, default=None, help="Take the candidate's definitions, not its actions.")
@click.option("--timeout", default=60.0, show_default=True, help="Seconds that loading may take.")
def command(candidate, out, sizes, activation, output_activation, loss, slope, batch, eta, seed, no_bias,
            functions_only, timeout):
    """List the functions of CANDIDATE (R or Python) and write an adapter beside it.

    Common layouts are tried by running them; where one works the adapter is complete, otherwise it is a form to fill
    in.  No file is overwritten.
    """
    from nnparity.diagnosis.diagnose import Options
    from nnparity.diagnosis.scaffold import write_adapter

    options = Options(
        sizes, activation, output_activation, loss, slope, batch, eta, seed, no_bias, functions_only, timeout
    )
    path, scaffold = write_adapter(candidate, out, options)
    if scaffold.functions:
        click.echo(f"{candidate.name} offers:")
    for function in scaffold.functions:
        kind = "class" if function.is_class else "function"
        click.echo(f"  {kind} {function.name}({', '.join(function.args)})  line {function.line}")
    click.echo()
    click.echo(scaffold.says)
    click.echo(f"Written to {path}.")
    return 0
