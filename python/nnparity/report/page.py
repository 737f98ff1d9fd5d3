"""The report as one self-contained page: the candidate's source, coloured line by line, values on a click."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from nnparity.diagnosis.sources import Source, find_source, read_sources
from nnparity.report import words
from nnparity.report.highlight import highlight
from nnparity.report.ledger import Ledger, worst_element
from nnparity.report.source_lines import STANDINGS, Leaf, Line, Occurrence, SourceLines, Statement
from nnparity.trace import write_text_atomically

#: Rows and columns of a matrix that the page shows.
MOST_ROWS, MOST_COLUMNS = 16, 12
#: Numbers that a page holds, and characters of source; beyond, values are named but not shown, and lines far from any
#: recorded one are left out.
MOST_NUMBERS = 80_000
MOST_SOURCE = 400_000
#: Lines kept on either side of a recorded one when the source is too long.
AROUND = 40
#: Characters of one source line.
MOST_WIDTH = 600

HERE = Path(__file__).parent


def write(diagnosis: Any, path: str | Path) -> None:
    """Write the page; the file appears whole or not at all.

    Parameters
    ----------
    diagnosis : nnparity.diagnosis.diagnose.Diagnosis
    path : where to write it.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    write_text_atomically(path, render(diagnosis))


def render(diagnosis: Any) -> str:
    """Return the page as HTML."""
    import jinja2

    style, script = (HERE / "page.css").read_text(encoding="utf-8"), (HERE / "page.js").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    page = Page(diagnosis)
    return environment.get_template("page.html").render(
        report=diagnosis.report,
        verdict_sentence=words.verdict_sentence(diagnosis.report),
        network=words.network_words(diagnosis.report),
        remarks=words.REMARKS,
        standings=STANDINGS,
        findings=page.findings(),
        pieces=page.pieces(),
        counts=page.counts(),
        data=page.data(),
        style=style,
        script=script,
        script_digest=digest,
    )


class Page:
    """What the template shows, as plain data."""

    def __init__(self, diagnosis: Any):
        self.report, details = diagnosis.report, diagnosis.details
        self.language = self.report["language"]
        self.sources = read_sources(details.get("files", {}))
        conclusion = details.get("conclusion")
        self.ledger = Ledger(conclusion, details.get("findings", [])) if conclusion is not None else None
        self.lines: dict[tuple[str, int | None, int], Line] = {}
        self.run = None
        if self.ledger is not None and conclusion is not None:
            self.run = conclusion.run
            self.lines = SourceLines(conclusion.run, self.ledger, self.report["findings"]).lines
        self.objects = details.get("findings", [])
        self._values: list[dict[str, Any]] = []
        self._places: dict[tuple[int, bool], int] = {}
        self._room = MOST_NUMBERS

    # -- findings ---

    def findings(self) -> list[dict[str, Any]]:
        """The findings with their places, source excerpts, and words for evidence and proof."""
        return [
            {
                **finding,
                "place": words.place_words(finding),
                "key": self._key(finding["file"], finding["cell"], finding["line"]) if finding["line"] else "",
                "excerpt": self._excerpt(finding),
                "evidence_words": words.evidence_words(finding, self.worst(number)),
                "proof_words": words.proof_words(finding),
            }
            for number, finding in enumerate(self.report["findings"])
        ]

    def worst(self, number: int) -> dict[str, Any] | str | None:
        """The worst element of a finding, the finding's own or that of the values recorded at its line."""
        return worst_of(self.objects[number] if number < len(self.objects) else None, self.ledger, self.language)

    def _excerpt(self, finding: dict[str, Any]) -> list[dict[str, Any]]:
        piece = find_source(self.sources, finding["file"], finding["cell"])
        if piece is None or not finding["line"]:
            return []
        first, last = finding["line"], min(finding["end_line"] or finding["line"], finding["line"] + 30)
        rows = self._highlighted(piece)
        return [
            {"number": n, "tokens": rows[n - 1], "hit": first <= n <= last}
            for n in range(max(1, first - 1), min(len(rows), last + 1) + 1)
        ]

    # -- source ---

    def pieces(self) -> list[dict[str, Any]]:
        """The recorded files, the candidate's first; of each line its number, tokens, standing and labels."""
        adapter = self.run.adapter if self.run is not None else None
        order = sorted(self.sources, key=lambda piece: piece.file == adapter)
        long = sum(len(line) for piece in order for line in piece.lines) > MOST_SOURCE
        return [
            {"title": piece.title, "is_adapter": piece.file == adapter, "rows": self._rows(piece, long)}
            for piece in order
            if any(line.strip() for line in piece.lines)
        ]

    def _rows(self, piece: Source, long: bool) -> list[dict[str, Any]]:
        recorded = [n for n in range(1, len(piece.lines) + 1) if (piece.file, piece.cell, n) in self.lines]
        keep = set(range(1, len(piece.lines) + 1))
        if long:
            keep = {k for n in recorded for k in range(n - AROUND, n + AROUND + 1)} & keep
        rows, tokens, skipped = [], self._highlighted(piece), 0
        while tokens and not tokens[-1] and len(tokens) not in recorded:
            tokens.pop()
        for n, row in enumerate(tokens, start=1):
            if n not in keep:
                skipped += 1
                continue
            line = self.lines.get((piece.file, piece.cell, n))
            rows.append(
                {
                    "number": n,
                    "tokens": row,
                    "skipped": skipped,
                    "standing": line.standing if line is not None else "",
                    "hint": self._hint(line, piece.lines[n - 1]) if line is not None else "",
                    "key": self._key(piece.file, piece.cell, n) if line is not None else "",
                }
            )
            skipped = 0
        return rows

    def _hint(self, line: Line, source: str) -> str:
        for number in line.findings:
            finding = self.report["findings"][number]
            return finding["id"] or finding["kind"]
        return ", ".join(label for label in line.labels if label != source.strip())

    @staticmethod
    def _highlighted_text(text: str) -> str:
        text = words.printable(text)
        return text if len(text) <= MOST_WIDTH else text[:MOST_WIDTH] + " …"

    def _highlighted(self, piece: Source) -> list[list[tuple[str, str]]]:
        return highlight([self._highlighted_text(line) for line in piece.lines], self.language)

    def counts(self) -> dict[str, int]:
        """How many lines have each standing."""
        standings = [line.standing for line in self.lines.values()]
        return {standing: standings.count(standing) for standing in STANDINGS if standing in standings}

    # -- values ---

    def data(self) -> dict[str, Any]:
        """What a click shows: the statements of every line, and the values they refer to."""
        worst_first = sorted(self.lines.items(), key=lambda item: list(STANDINGS).index(item[1].standing))
        lines = {self._key(*place): self._line(line) for place, line in worst_first if line.statements or line.findings}
        return {
            "lines": lines,
            "values": self._values,
            "first": 1 if self.language == "R" else 0,
            "language": self.language,
        }

    def _key(self, file: str | None, cell: int | None, line: int | None) -> str:
        places = {(piece.file, piece.cell): k for k, piece in enumerate(self.sources)}
        return f"L{places.get((file or '', cell), 'x')}-{line}"

    def _line(self, line: Line) -> dict[str, Any]:
        return {
            "standing": line.standing,
            "findings": line.findings,
            "statements": [self._statement(statement) for statement in line.statements[:4]],
        }

    def _statement(self, statement: Statement) -> dict[str, Any]:
        return {
            "code": self._highlighted_text(statement.code)[:MOST_WIDTH],
            "function": statement.function,
            "total": statement.total,
            "occurrences": [self._occurrence(occurrence, k) for k, occurrence in enumerate(statement.occurrences)],
        }

    def _occurrence(self, occurrence: Occurrence, k: int) -> dict[str, Any]:
        return {
            "number": occurrence.number,
            "results": [self._leaf(leaf, True) for leaf in occurrence.results],
            "operands": [self._leaf(leaf, False) for leaf in occurrence.operands] if k < 2 else [],
        }

    def _leaf(self, leaf: Leaf, whole: bool) -> dict[str, Any]:
        judged = leaf.judged
        return {
            "text": leaf.text[:80],
            "label": judged.label if judged is not None else None,
            "ok": judged.ok if judged is not None else None,
            "value": self._value(leaf.ref, judged.right if judged is not None else None, whole),
        }

    def _value(self, ref: int, right: np.ndarray | None, whole: bool) -> int:
        """The place of a value in the page's table; operands come with dims, and with numbers if few."""
        key = (ref, whole)
        if key not in self._places:
            self._places[key] = len(self._values)
            self._values.append(self._table(ref, right, whole))
        return self._places[key]

    def _table(self, ref: int, right: np.ndarray | None, whole: bool) -> dict[str, Any]:
        assert self.run is not None
        value = np.asarray(self.run.values[ref])
        meta = self.run.recording.meta.get(ref)
        table: dict[str, Any] = {"dim": list(value.shape), "kind": meta.kind if meta is not None else ""}
        matrix = _matrix(value)
        if not whole and value.size > 3:
            return table
        if right is not None and right.shape == value.shape:
            rows, columns = _window(np.abs(value - right))
            table["worst"] = worst_element(value, right, self.language)
            table["right"] = _rounded(_matrix(np.asarray(right))[rows, columns])
        else:
            rows, columns = _window(None)
        shown = matrix[rows, columns]
        cost = shown.size * (2 if "right" in table else 1)
        if cost > self._room:
            table.pop("right", None)
            table["left_out"] = True
            return table
        self._room -= cost
        table |= {"numbers": _rounded(shown), "size": list(matrix.shape), "from": [rows.start, columns.start]}
        return table


def worst_of(finding: Any, ledger: Ledger | None, language: str) -> dict[str, Any] | str | None:
    """The worst element of a finding: the finding's own, else that of the values recorded where it stands."""
    if finding is None:
        return None
    if getattr(finding, "worst", None):
        return finding.worst
    pair = ledger.root(finding) if ledger is not None else None
    return worst_element(*pair, language) if pair is not None else None


def _matrix(value: np.ndarray) -> np.ndarray:
    """Any value as a matrix: a vector as one row, more axes one under the other."""
    value = np.asarray(value, dtype=float)
    return value.reshape(1, -1) if value.ndim < 2 else value.reshape(-1, value.shape[-1])


def _window(difference: np.ndarray | None) -> tuple[slice, slice]:
    """The rows and columns to show: the first ones, or those around the largest difference."""
    if difference is None or not np.any(difference > 0):
        return slice(0, MOST_ROWS), slice(0, MOST_COLUMNS)
    matrix = _matrix(difference)
    row, column = np.unravel_index(int(np.nanargmax(matrix)), matrix.shape)
    return _around(int(row), MOST_ROWS, matrix.shape[0]), _around(int(column), MOST_COLUMNS, matrix.shape[1])


def _around(place: int, most: int, size: int) -> slice:
    start = max(0, min(place - most // 2, size - most))
    return slice(start, start + most)


def _rounded(matrix: np.ndarray) -> list[list[float | str]]:
    """Numbers to four digits; what JSON does not know, as words."""
    return [[_number(x) for x in row] for row in matrix.tolist()]


def _number(x: float) -> float | str:
    if np.isnan(x):
        return "NaN"
    if np.isinf(x):
        return "Inf" if x > 0 else "−Inf"
    return float(f"{x:.4g}") + 0.0  # without the sign of −0
