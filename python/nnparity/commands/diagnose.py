"""nnparity diagnose: the report on somebody's own network, on the screen, as JSON and as a page."""

from __future__ import annotations

import os
from pathlib import Path

import click

from nnparity.checks import InputError
from nnparity.commands.options import network_options


@click.command("diagnose", short_help="Find the wrong line in somebody's own network.")
@click.argument("candidate", type=click.Path(path_type=Path))
@click.option("--adapter", type=click.Path(path_type=Path),
              help="File that defines step(W, b, X, Y, eta) with the candidate's functions.")
@network_options("4,6,3", None, None, None, 7, 0.5)
@click.option("--functions-only", is_flag=True, default=None, help="Take the candidate's definitions, not its actions.")
@click.option("--data", type=click.Path(path_type=Path),
              help="Run the candidate's step on your own data as well (CSV, IDX).")
@click.option("--timeout", default=60.0, show_default=True, help="Seconds that loading, and each run, may take.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the report as JSON.")
@click.option("--html", "html_file", type=click.Path(path_type=Path), help="Write the report as one page of its own.")
@click.option("--show-output", is_flag=True, help="Show what the candidate printed.")
@click.option("--check-adapter", is_flag=True, help="Run the adapter once and say what arrived and what came back.")
def command(candidate, adapter, sizes, activation, output_activation, loss, slope, batch, eta, seed, no_bias,
            functions_only, data, timeout, json_file, html_file, show_output, check_adapter):
    """Find the line in CANDIDATE (R or Python) that is wrong, what it computes and what it should.

    CANDIDATE, or the file given by --adapter, defines

    \b
      step(W, b, X, Y, eta)  ->  list(W =, b =)  in R,   (W, b)  in Python

    one gradient-descent step on a batch with one column per sample.  Without --activation, --output-activation or
    --loss the tool infers them (sigmoid, sigmoid and quadratic where nothing tells).
    """
    from nnparity.diagnosis.diagnose import Options, diagnose
    from nnparity.report import screen

    options = Options(
        sizes, activation, output_activation, loss, slope, batch, eta, seed, no_bias, functions_only, timeout
    )
    if check_adapter:
        from nnparity.diagnosis.adapter_check import check_adapter as check

        click.echo(check(candidate, adapter, options))
        return 0
    for option, path in (("--json", json_file), ("--html", html_file)):
        if path is not None:
            check_writable(option, path)
    if data is not None:
        from nnparity.datasets import load_data

        data = load_data(data)  # what cannot be read is said before the work begins
    diagnosis = diagnose(candidate, adapter, options=options, data=data)
    if json_file is not None:
        try:
            diagnosis.write_json(json_file)
        except OSError as error:
            sentence = f"--json must name a file that can be written, not {json_file}: {error.strerror}."
            raise InputError(sentence) from None
    if html_file is not None:
        from nnparity.report import page

        page.write(diagnosis, html_file)
    screen.show(diagnosis, show_output=show_output)
    return diagnosis.exit_status


def check_writable(option: str, path: Path) -> None:
    """Say before the work begins that a report could not be written.

    Raises
    ------
    InputError
    """
    if path.is_dir():
        raise InputError(f"{option} must name a file, not the folder {path}.")
    if not path.parent.is_dir():
        raise InputError(f"{option} must name a file in a folder that exists, not {path}.")
    if not os.access(path.parent, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise InputError(f"{option} must name a file that can be written, not {path}.")
