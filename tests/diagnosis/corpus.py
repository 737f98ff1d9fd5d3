"""The corpus of hand-written networks, and how often a diagnosis of them is right.

    python tests/diagnosis/corpus.py                        every network
    python tests/diagnosis/corpus.py --language python      one language
    python tests/diagnosis/corpus.py planar_week3 no_numpy  these

The truth stands in fixtures/networks/truth_*.csv, one row a network. Several acceptable answers are separated by `|`;
lines are `88`, `88-90`, in a notebook `cell:line`, in a file that the network sources `parts/slopes.R:9`; the id
`none`, or nothing, stands for what is outside the catalogue.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NETWORKS = Path(__file__).resolve().parents[2] / "fixtures" / "networks"

#: Kinds of finding that say "this network is not right".
ACCUSATIONS = ("crash", "bug", "unexplained", "declaration")

#: What a network of each verdict may be accused of without that being a false alarm.
INNOCENT = ("ok", "convention")

#: What is asked of each report, as far as it arises.
QUESTIONS = ("verdict", "line", "quantity", "id", "both")

#: Command line option → keyword of `diagnose`, and how its text is read.
OPTIONS = {
    "--sizes": ("sizes", lambda text: tuple(int(width) for width in text.split(","))),
    "--activation": ("activation", lambda text: tuple(text.split(",")) if "," in text else text),
    "--output-activation": ("output_activation", str),
    "--loss": ("loss", str),
    "--slope": ("slope", float),
    "--batch": ("batch", int),
    "--eta": ("eta", float),
    "--seed": ("seed", int),
    "--no-bias": ("no_bias", lambda text: tuple(int(layer) for layer in text.split(","))),
}


@dataclass(frozen=True)
class Span:
    """Lines first to last of the candidate, of one cell of it, or of a file that it sources."""

    first: int
    last: int
    cell: int | None = None
    file: str | None = None

    @classmethod
    def read(cls, text: str) -> Span:
        match = re.fullmatch(r"(?:(\d+):|(\D[^:]*):)?(\d+)(?:-(\d+))?", text.strip())
        if match is None:
            raise ValueError(f"lines must read 88, 88-90, 3:5-7 or parts/slopes.R:9, not {text!r}")
        cell, file, first, last = match.groups()
        return cls(int(first), int(last or first), int(cell) if cell else None, file)

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"

    def meets(self, finding: dict[str, Any], candidate: Path) -> bool:
        """Whether the finding's statement and these lines have a line in common."""
        line = finding.get("line")
        if line is None or self.cell != finding.get("cell"):
            return False
        if Path(finding.get("file") or "").name != Path(self.file or candidate).name:
            return False
        return self.first <= (finding.get("end_line") or line) and line <= self.last


@dataclass(frozen=True)
class Want:
    """One finding that an expert would expect: acceptable lines, quantities and ids."""

    spans: tuple[Span, ...]
    quantities: tuple[str, ...]
    ids: tuple[str | None, ...]

    def __str__(self) -> str:
        return " ".join("|".join(map(str, words)) for words in (self.spans, self.quantities, self.ids))

    def line_right(self, finding: dict[str, Any], case: Case) -> bool:
        return any(span.meets(finding, case.candidate) for span in self.spans)

    def quantity_right(self, finding: dict[str, Any]) -> bool:
        return finding.get("quantity") in self.quantities

    def id_right(self, finding: dict[str, Any]) -> bool:
        return "id" in finding and finding["id"] in self.ids

    def answered_by(self, finding: dict[str, Any], case: Case) -> bool:
        return self.line_right(finding, case) and (self.id_right(finding) or self.quantity_right(finding))


@dataclass(frozen=True)
class Case:
    """One network of the corpus and the truth about it."""

    name: str
    language: str
    candidate: Path
    adapter: Path | None
    options: str
    verdict: str
    wants: tuple[Want, ...]
    style: str
    note: str

    def network(self) -> dict[str, Any]:
        """The declared network as keyword arguments of `diagnose`."""
        words = self.options.split()
        if len(words) % 2:
            raise ValueError(f"{self.name}: every option needs one value, not {self.options!r}")
        return {OPTIONS[key][0]: OPTIONS[key][1](value) for key, value in zip(words[::2], words[1::2], strict=True)}


def read_truth(networks: Path = NETWORKS, languages: Sequence[str] = ("python", "r")) -> list[Case]:
    """Return the cases of every truth table that is there."""
    cases = []
    for language in languages:
        table = networks / f"truth_{language}.csv"
        if table.exists():
            with table.open(encoding="utf-8", newline="") as rows:
                cases += [_case(row, language, networks) for row in csv.DictReader(rows)]
    return cases


def _case(row: dict[str, str], language: str, networks: Path) -> Case:
    wants = tuple(
        Want(tuple(Span.read(text) for text in _split(row[f"lines{k}"])), _split(row[f"quantity{k}"]),
             tuple(None if word.strip() in ("", "none") else word.strip() for word in row[f"id{k}"].split("|")))
        for k in (1, 2) if row[f"lines{k}"]
    )
    adapter = _path(row["adapter"], language, networks) if row["adapter"] else None
    return Case(row["name"], language, _path(row["file"], language, networks), adapter, row["options"],
                row["verdict"], wants, row["style"], row["note"])


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split("|") if part.strip())


def _path(text: str, language: str, networks: Path) -> Path:
    below = networks / text
    return below if below.exists() else networks / language / text


@dataclass
class Score:
    """How one report compares with the truth; None where a question does not arise."""

    case: Case
    said: str
    verdict: bool
    line: bool | None = None
    quantity: bool | None = None
    id: bool | None = None
    both: bool | None = None
    false_alarms: int = 0
    strays: int = 0


def principal(report: dict[str, Any]) -> dict[str, Any]:
    """The finding that bears the verdict: the first of the verdict's kind, else the first of all, else an empty one."""
    findings = report.get("findings") or [{}]
    return next((finding for finding in findings if finding.get("kind") == report.get("verdict")), findings[0])


def score_case(case: Case, report: dict[str, Any] | None) -> Score:
    """Hold one report against the truth; None stands for a diagnosis that gave no report."""
    if report is None:
        lost = False if case.wants else None
        return Score(case, "no report", False, lost, lost, lost, False if len(case.wants) == 2 else None)
    findings = report.get("findings", [])
    accused = [finding for finding in findings if finding.get("kind") in ACCUSATIONS]
    score = Score(case, report["verdict"], report["verdict"] == case.verdict)
    if case.verdict in INNOCENT:
        # A convention invented for code that has none is a false alarm too: "ok" means no finding at all.
        score.false_alarms = len(findings if case.verdict == "ok" else accused)
    else:
        score.strays = sum(not any(want.line_right(finding, case) for want in case.wants) for finding in accused)
    if case.wants:
        # Of two bugs either may come first.
        first = principal(report)
        want = next((want for want in case.wants if want.line_right(first, case)), case.wants[0])
        score.line, score.quantity = want.line_right(first, case), want.quantity_right(first)
        score.id = want.id_right(first)
    if len(case.wants) == 2:
        score.both = all(any(want.answered_by(finding, case) for finding in findings) for want in case.wants)
    return score


def score(cases: Sequence[Case], reports: Iterable[dict[str, Any] | None]) -> dict[str, Any]:
    """Score the reports of these cases, in the same order.

    Returns
    -------
    dict
        `verdict`, `line`, `quantity`, `id`, `both`: (right, asked) each; `false_alarms`: findings in innocent code;
        `strays`: accusations in broken code that point at none of its bugs; `scores`: one `Score` a case.
    """
    scores = [score_case(case, report) for case, report in zip(cases, reports, strict=True)]
    result: dict[str, Any] = {}
    for question in QUESTIONS:
        answers = [getattr(one, question) for one in scores if getattr(one, question) is not None]
        result[question] = (sum(answers), len(answers))
    result["false_alarms"] = sum(one.false_alarms for one in scores)
    result["strays"] = sum(one.strays for one in scores)
    result["scores"] = scores
    return result


TITLES = {
    "verdict": "verdict right", "line": "line right (first finding)", "quantity": "quantity right", "id": "id right",
    "both": "both bugs found", "false_alarms": "false alarms", "strays": "stray findings",
}


def show(
    result: dict[str, Any], reports: Sequence[dict[str, Any] | None] | None = None, all_cases: bool = False
) -> None:
    """Print the cases that are not entirely right (or all), then the totals."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    cases = Table("network", "truth", "said", "not right", "first finding", "expected")
    for k, one in enumerate(result["scores"]):
        missed = [question for question in QUESTIONS if getattr(one, question) is False]
        missed += ["false alarm"] * bool(one.false_alarms) + ["stray"] * bool(one.strays)
        if not (missed or all_cases):
            continue
        first = principal(reports[k]) if reports is not None and reports[k] else {}
        said = f"{first['line']} {first['quantity']} {first['id']}" if first else ""
        want = one.case.wants[0] if one.case.wants else None
        name = f"{one.case.language}/{one.case.name}"
        cases.add_row(name, one.case.verdict, one.said, Text(", ".join(missed), "bold red"), said, str(want or ""))
    if cases.row_count:
        console.print(cases)
    totals = Table("question", "right", "asked", "share", title=f"{len(result['scores'])} networks")
    for key, title in TITLES.items():
        value = result[key]
        if isinstance(value, tuple):
            right, asked = value
            totals.add_row(title, str(right), str(asked), f"{right / asked:.1%}" if asked else "")
        else:
            totals.add_row(title, str(value), "", "")
    console.print(totals)


def diagnose_case(case: Case, **options: Any) -> dict[str, Any] | None:
    """Return the report on one case, None where the tool gave up (and say so on stderr)."""
    from nnparity.diagnosis.diagnose import diagnose

    try:
        return diagnose(case.candidate, adapter=case.adapter, **{**case.network(), **options}).report
    except Exception as trouble:  # a corpus run goes on: a diagnosis that fails is a wrong answer, not the end
        print(f"{case.name}: {type(trouble).__name__}: {trouble}", file=sys.stderr)
        return None


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="names of networks; all of them unless given")
    parser.add_argument("--language", choices=("python", "r"), action="append")
    parser.add_argument("--all", action="store_true", help="list the networks that are entirely right as well")
    chosen = parser.parse_args(arguments)
    cases = [case for case in read_truth(languages=chosen.language or ("python", "r"))
             if not chosen.names or case.name in chosen.names]
    start = time.perf_counter()
    reports = [diagnose_case(case) for case in cases]
    result = score(cases, reports)
    show(result, reports, all_cases=chosen.all)
    print(f"{time.perf_counter() - start:.1f} s")
    return 0 if result["false_alarms"] == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
