"""The parity run on the screen: what runs against what, the table by quantity, and the verdict last."""

from __future__ import annotations

import math
import platform

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from nnparity.cases import CasesResult
from nnparity.parity import LANGUAGES, ParityResult
from nnparity.sides import Start

EXPLANATION = "evidence ratio: |difference| / what rounding can cause in this very computation; 1 or less is rounding"


def describe_start(start: Start) -> str:
    """A run in one line: `64-30-10 sigmoid, sigmoid, quadratic; sgd eta 3; normal, seed 1; fast`."""
    network, optimizer = start.network, start.optimizer
    activations = [*dict.fromkeys(network.activations[:-1]), network.activations[-1]]
    extras = [f"{word} {value:g}" for word, value in (("l1", network.l1), ("l2", network.l2)) if value]
    if optimizer.clip_norm is not None:
        extras.append(f"clip {optimizer.clip_norm:g}")
    parts = [
        f"{'-'.join(map(str, network.sizes))} {' '.join(activations)}, {network.loss}",
        f"{optimizer.name} eta {optimizer.eta:g}",
        *extras,
        f"{start.init}, seed {start.seed}",
        f"{start.arithmetic} arithmetic",
    ]
    return "; ".join(parts)


def show_opening(console: Console, start: Start, why: str, about: str, data: str) -> None:
    """What runs against what."""
    console.print(f"[bold]{describe_start(start)}[/]")
    console.print(f"[dim]Data:[/]   {data}")
    console.print(f"[dim]Python:[/] {platform.python_version()}, NumPy {np.__version__}")
    console.print(f"[dim]R:[/]      {about}")
    console.print(f"[dim]Bridge:[/] {why}")


def number(value: float) -> str:
    """A number for the table: 0, three digits, or a dash where there is none."""
    if math.isnan(value):
        return "–"
    return "0" if value == 0 else f"{value:.3g}"


def show_result(console: Console, result: ParityResult, tested: int = 0) -> None:
    """Show table, growth, accuracy and verdict."""
    exact = result.start.arithmetic == "exact"
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("quantity")
    for head in ("values", "max abs", "max rel", "max ulp", *(() if exact else ("evidence ratio",))):
        table.add_column(head, justify="right")
    wrong = result.difference.quantity if result.difference else None
    for row in result.table.values():
        cells = [f"{row.count:,}", number(row.max_abs), number(row.max_rel), number(row.max_ulp)]
        ratio = [] if exact else [number(row.ratio)]
        table.add_row(row.quantity, *cells, *ratio, style="red" if row.quantity == wrong else None)
    console.print(table)
    if not exact:
        console.print(f"[dim]{EXPLANATION}[/]")
    if len(result.growth) > 1 and result.growth[-1][1] > 0:
        points = ", ".join(f"{value:.1e} after step {step:,}" for step, value in _few(result.growth))
        console.print(f"[dim]The parameters drift apart by rounding (relative, not judged): {points}[/]")
    if result.bridge:
        seconds = ", ".join(f"{where} {spent:.1f} s" for where, spent in result.seconds.items())
        console.print(f"[dim]{result.steps:,} steps, {result.epochs} epoch{'s' * (result.epochs != 1)}: {seconds}[/]")
    if result.accuracy:
        shares = ", ".join(f"{language} {100 * result.accuracy[language]:.2f} %" for language in LANGUAGES)
        console.print(f"Accuracy on {tested:,} held-out samples: {shares}")
    console.print(_verdict(result))


def _verdict(result: ParityResult) -> str:
    if result.difference is not None:
        return f"[bold red]DIFFERENT[/] {escape(str(result.difference))}"
    if result.stopped:
        return f"[bold yellow]STOPPED[/] Both languages stop at step {result.steps}: {result.stopped}"
    if result.start.arithmetic == "exact":
        return f"[bold green]SAME[/] {result.values:,} values compared, 0 ulp"
    return f"[bold green]SAME[/] {result.values:,} values compared, largest evidence ratio {number(result.ratio)}"


def _few(growth: list[tuple[int, float]]) -> list[tuple[int, float]]:
    # The first, the last and two between.
    places = sorted({0, len(growth) // 3, 2 * len(growth) // 3, len(growth) - 1})
    return [growth[k] for k in places]


def show_cases(console: Console, result: CasesResult, arithmetic: str) -> None:
    """Show the verdict over the matrix, and each failure."""
    for failure in result.failures[:20]:
        console.print(f"[red]{describe_start(failure.start)}[/]: {escape(str(failure.difference))}")
    if result.turned_away:
        console.print(f"[dim]{result.turned_away} networks left their loss's domain, with the same sentence in both[/]")
    judged = "0 ulp" if arithmetic == "exact" else f"largest evidence ratio {number(result.ratio)}"
    if result.failures:
        console.print(f"[bold red]DIFFERENT[/] {len(result.failures)} of {result.networks:,} networks differ")
    else:
        console.print(f"[bold green]SAME[/] {result.networks:,} networks, {result.values:,} values compared, {judged}")
