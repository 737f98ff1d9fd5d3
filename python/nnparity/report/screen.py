"""The report of a diagnosis on the screen: verdict first, then each finding with its source, then what was verified."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from rich.cells import cell_len, chop_cells
from rich.console import Console
from rich.text import Text

from nnparity.diagnosis.sources import Source, find_source, read_sources
from nnparity.report import words
from nnparity.report.ledger import Ledger
from nnparity.report.page import worst_of

#: verdict or kind of finding → its colour.
COLOURS = {
    "ok": "green",
    "bug": "red",
    "crash": "red",
    "unexplained": "magenta",
    "declaration": "yellow",
    "convention": "cyan",
}
#: Source lines shown around a finding, and of a long statement.
CONTEXT, MOST_LINES = 2, 12
#: Columns that a report uses at most, and those of a row's name.
WIDEST, NAME = 110, 16

#: Signs of the book's notation → what stands for them on a screen that knows no Unicode.
PLAIN = str.maketrans(
    {
        "−": "-",
        "·": "*",
        "η": "eta",
        "Σ": "sum ",
        "⊙": "(*)",
        "ᵀ": "'",
        "′": "'",
        "½": "1/2 ",
        "δ": "delta",
        "×": "x",
        "–": "-",
        "•": "-",
        "…": "...",
        "≤": "<=",
        "≥": ">=",
        "∂": "d",
        "²": "^2",
        "³": "^3",
        "▸": ">",
        "│": "|",
        "→": "->",
        "↳": ">",
        "✓": "+",
        **{sign: f"^{k}" if k == 1 else str(k) for k, sign in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹") if sign not in "²³"},
    }
)


def show(diagnosis: Any, console: Console | None = None, show_output: bool = False) -> None:
    """Print a diagnosis.

    Parameters
    ----------
    diagnosis : nnparity.diagnosis.diagnose.Diagnosis
    console : rich.console.Console, optional
        Where to print; the standard output at the terminal's width, unless given. What is piped has neither colours
        nor line breaks of its own.
    show_output : bool
        Also what the candidate printed.
    """
    console = console or terminal(sys.stdout)
    folds = console.is_terminal
    width = min(console.width, WIDEST) if folds else 10**6
    plain = not (console.encoding or "utf-8").lower().startswith("utf")
    for line in report_lines(diagnosis, width, show_output):
        if plain:
            line = _plain(line)
        line.rstrip()
        console.print(line, soft_wrap=True, highlight=False, markup=False)


def terminal(stream: TextIO) -> Console:
    """A console on a stream, as wide as the terminal really is."""
    return Console(file=stream, highlight=False, width=shutil.get_terminal_size((80, 24)).columns)


def report_lines(diagnosis: Any, width: int, show_output: bool = False) -> Iterator[Text]:
    """Yield the lines of the report, none longer than `width` columns as far as words allow."""
    report, details = diagnosis.report, diagnosis.details
    colour = "green" if report["verdict"] == "convention" else COLOURS[report["verdict"]]
    head = f"{report['verdict'].upper()}  "
    yield Text.assemble(
        (head, f"bold {colour}"), f"{words.printable(report['candidate'])}: {words.verdict_sentence(report)}"
    )
    yield from folded("  ".join(f"{name} {word}" for name, word in words.network_words(report)), width, style="dim")
    sources = read_sources(details.get("files", {}))
    conclusion, objects = details.get("conclusion"), details.get("findings", [])
    ledger = Ledger(conclusion, objects) if conclusion is not None and objects else None
    for number, finding in enumerate(report["findings"]):
        worst = worst_of(objects[number] if number < len(objects) else None, ledger, report["language"])
        yield Text()
        yield from finding_lines(number + 1, finding, sources, worst, width)
    yield Text()
    if report["verified"]:
        yield from folded(" ".join(report["verified"]), width, Text("Verified  ", style="green"))
    for key, title in words.REMARKS.items():
        for remark in report.get(key) or ():
            yield from folded(remark, width, Text(f"{title}: ", style="dim"), indent=2)
    yield from _listed("What one step cannot show, the likeliest first:", report.get("next"), width)
    yield from _listed("On your data:", report.get("data"), width)
    if show_output and details.get("recording") is not None:
        yield Text()
        yield Text("What the candidate printed:", style="bold")
        for line in words.printable(details["recording"].stdout).split("\n"):
            yield Text(line, style="dim")


def finding_lines(
    number: int, finding: dict[str, Any], sources: list[Source], worst: Any, width: int
) -> Iterator[Text]:
    """Yield one finding: name and place, the source with the line marked, what it computes and should, the proof."""
    colour = COLOURS[finding["kind"]]
    inside = f" in {finding['function']}()" if finding["function"] else ""
    facts = ", ".join(word for word in (finding["kind"], finding["phase"], finding["quantity"]) if word)
    yield Text.assemble(
        (f"{number}. {finding['id'] or finding['kind']}", f"bold {colour}"),
        "  ",
        (words.printable(words.place_words(finding)), "bold"),
        inside,
        "  ",
        (facts, "dim"),
    )
    yield from source_lines(finding, sources, width)
    crash, convention = finding["kind"] == "crash", finding["kind"] == "convention"
    rows = [
        ("stops" if crash else "computes", finding["computes"], colour),
        ("expected" if crash else "the book" if convention else "should compute", finding["expected"], "green"),
        ("fix", finding["fix"], ""),
        ("evidence", words.evidence_words(finding, worst), ""),
        ("proof", words.proof_words(finding).removeprefix("proved: "), ""),
        ("or", "; ".join(map(str, finding["ties"])), ""),
    ]
    for name, text, style in rows:
        if text:
            yield from folded(words.printable(text), width, Text(f"   {name:<{NAME}}", style="dim"), style=style)


def source_lines(finding: dict[str, Any], sources: list[Source], width: int) -> Iterator[Text]:
    """Yield the lines around a finding; those of its statement are marked, and the others cut where the screen ends."""
    source = find_source(sources, finding["file"], finding["cell"])
    first, last = finding["line"], finding["end_line"] or finding["line"]
    if source is None or not first:
        for line in (finding["code"] or "").split("\n"):
            if line.strip():
                yield Text("   " + words.printable(line))
        return
    shown = range(max(1, first - CONTEXT), min(len(source.lines), last + CONTEXT) + 1)
    if len(shown) > MOST_LINES + 2 * CONTEXT:
        shown = shown[:MOST_LINES]
    for n in shown:
        text, hit = words.printable(source.lines[n - 1].rstrip()), first <= n <= last
        if not hit and cell_len(text) > width - 12:
            text = chop_cells(text, max(8, width - 13))[0] + "…"
        yield Text.assemble(
            ("   ▸" if hit else "    ", "bold red"), (f"{n:5d}  ", "dim"), (text, "bold" if hit else "dim")
        )
    if shown and shown[-1] < last:
        yield Text(f"    … to line {last}", style="dim")


def folded(
    text: str, width: int, head: Text | None = None, style: str = "", indent: int | None = None
) -> Iterator[Text]:
    """Yield `head` and the text behind it, folded at `width` columns; later lines stand under the first."""
    head = head if head is not None else Text()
    margin = cell_len(head.plain) if indent is None else indent
    room, line = max(width - cell_len(head.plain), 20), ""
    lines = []
    for word in text.split(" "):
        if line and cell_len(line) + 1 + cell_len(word) > room:
            lines.append(line)
            line, room = word, max(width - margin, 20)
        else:
            line = f"{line} {word}" if line else word
    for k, part in enumerate([*lines, line]):
        yield Text.assemble(head if k == 0 else " " * margin, (part, style))


def _listed(title: str, items: list[str] | None, width: int) -> Iterator[Text]:
    if items:
        yield Text()
        yield Text(title)
        for item in items:
            yield from folded(item, width, Text("  • "))


def _plain(line: Text) -> Text:
    """The same line in ASCII."""
    return Text(line.plain.translate(PLAIN).encode("ascii", "replace").decode("ascii"))
