"""Commands out of tables, a row for each option, the same in R/commands.R: both languages take and teach the same.

A row is option, kind, what stands for its value in the help, default, help.  Kinds: text, number, count, counts
(numbers separated by commas), words (separated by commas), flag.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from nnparity.checks import describe, stop_input

Row = tuple[str, str, str, str, str]


def one_number(text: str, option: str) -> float:
    """A number as the user types it."""
    from nnparity.datasets import is_decimal

    if not is_decimal(text.strip()):
        stop_input(f"{option} must be a number, not {describe(text)}")
    return float(text)


def one_count(text: str, option: str) -> int:
    """A whole number as the user types it."""
    value = one_number(text, option)
    if value in (float("inf"), -float("inf")) or value != int(value):
        stop_input(f"{option} must be a whole number, not {describe(text)}")
    return int(value)


def parts_of(text: str) -> list[str]:
    """The parts between the commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


KINDS: dict[str, Callable[[str, str], Any]] = {
    "text": lambda text, option: text,
    "number": one_number,
    "count": one_count,
    "counts": lambda text, option: [one_count(part, option) for part in parts_of(text)],
    "words": lambda text, option: parts_of(text),
}


def read_option(text: str | None, kind: str, option: str) -> Any:
    """The option's value, None where it was not given and has no default."""
    return None if text is None else KINDS[kind](text, option)


def table_options(rows: tuple[Row, ...]) -> Callable[[Callable], Callable]:
    """One decorator out of a table of options."""

    def decorate(function: Callable) -> Callable:
        for option, kind, stands_for, default, text in reversed(rows):
            if kind == "flag":
                function = click.option(option, is_flag=True, help=text)(function)
                continue
            shown = f"{text}  [default: {default}]" if default else text
            function = click.option(
                option, metavar=stands_for, default=default or None, help=shown,
                callback=lambda context, parameter, value, kind=kind, option=option: read_option(value, kind, option),
            )(function)  # fmt: skip
        return function

    return decorate
