"""The report of a diagnosis on the screen: verdict first, then each finding with its source, then what was verified."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

VERDICTS = {
    "ok": ("green", "Your backprop is right."),
    "convention": ("green", "Your backprop is right, up to a constant factor."),
    "declaration": ("yellow", "The code is another network than the declared one."),
    "unexplained": ("red", "Something is wrong that no known mistake explains."),
    "bug": ("red", "A bug."),
    "crash": ("red", "The step stops before it is done."),
}
KIND = {"bug": "red", "crash": "red", "unexplained": "magenta", "declaration": "yellow", "convention": "cyan"}
CONTEXT = 2  # source lines shown around a finding


def show(diagnosis, console: Console | None = None, show_output: bool = False) -> None:
    """Print a diagnosis.

    Parameters
    ----------
    diagnosis : nnparity.diagnosis.diagnose.Diagnosis
    console : rich.console.Console, optional
    show_output : bool
        Also what the candidate printed.
    """
    console = console or Console(highlight=False, soft_wrap=True)
    report = diagnosis.report
    colour, words = VERDICTS[report["verdict"]]
    bugs = [finding for finding in report["findings"] if finding["kind"] in ("bug", "unexplained", "declaration", "crash")]
    if report["verdict"] == "bug" and len(bugs) > 1:
        words = f"{len(bugs)} bugs."
    console.print(f"[bold {colour}]{report['verdict'].upper()}[/]  {escape(report['candidate'])}: {words}")
    console.print(f"[dim]{escape(_network(report))}[/]")
    sources = read_sources(diagnosis.details.get("files", {}))
    for number, finding in enumerate(report["findings"], start=1):
        console.print()
        _finding(console, number, finding, sources)
    console.print()
    if report["verified"]:
        console.print(Text("Verified: ", style="green") + Text(" ".join(report["verified"])))
    for title, key in (("Not to be seen by this probe", "blind_spots"), ("Beyond this probe", "beyond")):
        for line in report[key]:
            console.print(f"[dim]{title}:[/] {escape(line)}")
    if report["verdict"] in ("ok", "convention") and report.get("next"):
        console.print()
        console.print("What one step cannot show, the likeliest first:")
        for line in report["next"]:
            console.print(Padding(Text(f"• {line}"), (0, 0, 0, 2)))
    for line in report.get("data", []):
        console.print(escape(line))
    if show_output and diagnosis.details.get("recording") is not None:
        console.rule("what the candidate printed")
        console.print(escape(diagnosis.details["recording"].stdout), style="dim")


def _network(report: dict) -> str:
    network = report["network"]
    hidden = ",".join(dict.fromkeys(network["activation"])) or "none"
    inferred = f"  (inferred: {', '.join(network['inferred'])})" if network["inferred"] else ""
    return (f"sizes {','.join(map(str, network['sizes']))}  hidden {hidden}  output {network['output_activation']}  "
            f"loss {network['loss']}{inferred}")


def _finding(console: Console, number: int, finding: dict, sources: dict[str, list[str]]) -> None:
    colour = KIND[finding["kind"]]
    place = finding["file"] or "?"
    if finding["cell"]:
        place += f", cell {finding['cell']}"
    if finding["line"]:
        place += f":{finding['line']}"
        if finding["end_line"] and finding["end_line"] != finding["line"]:
            place += f"-{finding['end_line']}"
    name = finding["id"] or finding["kind"]
    inside = f" in {finding['function']}()" if finding["function"] else ""
    console.print(f"[bold {colour}]{number}. {escape(name)}[/]  [bold]{escape(place)}[/]{escape(inside)}  "
                  f"[dim]{finding['kind']}, {finding['phase']}, {escape(finding['quantity'] or '')}[/]")
    _source(console, finding, sources)
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="dim")
    rows.add_column()
    if finding["kind"] == "crash":
        rows.add_row("stops", escape(finding["computes"]))
        rows.add_row("expected", escape(finding["expected"]))
    elif finding["kind"] != "convention":
        rows.add_row("computes", f"[{colour}]{escape(finding['computes'])}[/]")
        rows.add_row("should compute", f"[green]{escape(finding['expected'])}[/]")
    rows.add_row("fix", escape(finding["fix"]))
    if finding["evidence"] is not None:
        worst = finding.get("worst")
        rows.add_row("evidence", f"|difference| is {finding['evidence']:.2g} times the rounding bound" + (f"; worst at {escape(worst)}" if worst else ""))
    if finding["kind"] in ("bug", "declaration", "unexplained"):
        proof = "with the right value put in, this difference is gone" if finding["proved"] else "not proved by repair"
        rows.add_row("proof", proof)
    if finding["ties"]:
        rows.add_row("or", escape("; ".join(map(str, finding["ties"]))))
    console.print(Padding(rows, (0, 0, 0, 3)))


def _source(console: Console, finding: dict, sources: dict[str, list[str]]) -> None:
    lines = sources.get(f"{finding['file']}#{finding['cell']}") or sources.get(finding["file"] or "")
    first, last = finding["line"], finding["end_line"] or finding["line"]
    if not lines or not first:
        if finding["code"]:
            console.print(Padding(escape(finding["code"]), (0, 0, 0, 3)))
        return
    for number in range(max(1, first - CONTEXT), min(len(lines), last + CONTEXT) + 1):
        hit = first <= number <= last
        mark = "[bold red]>[/]" if hit else " "
        text = escape(lines[number - 1].rstrip())
        console.print(f"   {mark} [dim]{number:4d}[/]  {text if hit else f'[dim]{text}[/]'}")


def read_sources(files: dict[str, Path]) -> dict[str, list[str]]:
    """Source lines by the name under which findings report a file; notebooks by `name#cell`."""
    sources: dict[str, list[str]] = {}
    for name, path in files.items():
        text = Path(path).read_text(encoding="utf-8", errors="replace")
        if str(path).endswith(".ipynb"):
            import json

            cells = [cell for cell in json.loads(text)["cells"] if cell.get("cell_type") == "code"]
            for number, cell in enumerate(cells, start=1):
                source = cell.get("source", "")
                sources[f"{name}#{number}"] = ("".join(source) if isinstance(source, list) else source).splitlines()
        else:
            sources[name] = text.splitlines()
    return sources
