"""What every source line of a recorded run was worth: its standing, its statements, their values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from nnparity.diagnosis.run import STATEMENTS, Run
from nnparity.report.ledger import Judgement, Ledger

#: Standing of a line → the sign and the word by which the page shows it, worst first.
STANDINGS = {
    "wrong": ("✕", "root cause"),
    "convention": ("≈", "a constant factor"),
    "follows": ("↳", "follows from it"),
    "verified": ("✓", "verified"),
    "unrecognised": ("·", "ran, not a quantity of the textbook"),
    "not run": ("○", "not run, or no number"),
}

#: Occurrences of a statement that are kept, and values that an occurrence may have.
MOST_OCCURRENCES = 6
MOST_LEAVES = 8
MOST_LABELS = 3

#: Kinds of nodes inside a statement that are worth a row among its operands.
OPERANDS = {"name", "index", "call", "expr", "cond"}

Place = tuple[str, int | None, int]


@dataclass
class Leaf:
    """One value at one occurrence: a name for it, its ref, and what is known of it."""

    text: str
    ref: int
    judged: Judgement | None


@dataclass
class Occurrence:
    """One evaluation of a statement: what it gave, and what it was made of."""

    number: int
    results: list[Leaf] = field(default_factory=list)
    operands: list[Leaf] = field(default_factory=list)

    @property
    def off(self) -> bool:
        return any(leaf.judged is not None and not leaf.judged.ok for leaf in self.results)


@dataclass
class Statement:
    """One statement of the source and its first occurrences; `total` counts them all."""

    code: str
    function: str | None
    line: int
    end_line: int
    total: int
    occurrences: list[Occurrence]


@dataclass
class Line:
    """One line of the source: its standing, the labels of its values, its statements, and the findings that name it."""

    standing: str
    labels: list[str]
    statements: list[Statement]
    findings: list[int]


class SourceLines:
    """The lines of all recorded files, by (file, cell, line)."""

    def __init__(self, run: Run, ledger: Ledger, findings: list[dict[str, Any]]):
        self.run, self.ledger, self.findings = run, ledger, findings

    @cached_property
    def lines(self) -> dict[Place, Line]:
        """Every line that holds a statement."""
        roots = {node.stmt for node in self.run.nodes.values()}
        statements = [self.run.nodes[id] for id in roots if id in self.run.nodes]
        by_line: dict[Place, list[Any]] = defaultdict(list)
        for node in statements:
            for number in range(node.line, min(node.end_line, node.line + 400) + 1):
                by_line[node.file, node.cell, number].append(node)
        blamed = self._blamed()
        found: dict[Place, Line] = {}
        for place in {*by_line, *blamed}:
            nodes = sorted(by_line.get(place, ()), key=lambda node: (node.line, node.col, node.id))
            shortest = min((node.end_line - node.line for node in nodes), default=0)
            here = [node for node in nodes if node.end_line - node.line == shortest]
            found[place] = self._line(here, blamed.get(place, []))
        return found

    def _blamed(self) -> dict[Place, list[int]]:
        places: dict[Place, list[int]] = defaultdict(list)
        for number, finding in enumerate(self.findings):
            if finding["line"]:
                for line in range(finding["line"], (finding["end_line"] or finding["line"]) + 1):
                    places[finding["file"], finding["cell"], line].append(number)
        return places

    def _line(self, nodes: list[Any], findings: list[int]) -> Line:
        statements = [statement for node in nodes if (statement := self._statements.get(node.id)) is not None]
        judged = [
            leaf.judged for statement in statements for leaf in self._telling(statement) if leaf.judged is not None
        ]
        kinds = {self.findings[number]["kind"] for number in findings}
        if kinds - {"convention"}:
            standing = "wrong"
        elif kinds:
            standing = "convention"
        elif not statements:
            standing = "not run"
        elif any(not one.ok for one in judged):
            standing = "wrong" if any(self._updates_wrongly(statement) for statement in statements) else "follows"
        else:
            standing = "verified" if judged else "unrecognised"
        labels = list(dict.fromkeys(one.label for one in judged))
        return Line(standing, labels[:MOST_LABELS] + (["…"] if len(labels) > MOST_LABELS else []), statements, findings)

    def _updates_wrongly(self, statement: Statement) -> bool:
        """Whether an update goes wrong here, from right operands: a finding names only one of its lines."""
        if not any(finding["phase"] == "update" and finding["kind"] == "bug" for finding in self.findings):
            return False
        return any(
            leaf.judged is not None
            and not leaf.judged.ok
            and leaf.judged.label.endswith("_new")
            and (source := self.run.computed(leaf.ref)) is not None
            and self.run.statement(source).line == statement.line
            and self.run.statement(source).code == statement.code
            and all(operand.judged.ok for operand in occurrence.operands if operand.judged is not None)
            and any(operand.judged is not None for operand in occurrence.operands)
            for occurrence in statement.occurrences
            for leaf in occurrence.results
        )

    @staticmethod
    def _telling(statement: Statement) -> Iterable[Leaf]:
        """What a statement gave; where nothing recognises that, what was computed on the way to it."""
        results = [leaf for occurrence in statement.occurrences for leaf in occurrence.results]
        if any(leaf.judged is not None for leaf in results):
            return results
        names = {leaf.text for leaf in results}
        return [
            leaf
            for occurrence in statement.occurrences
            for leaf in occurrence.operands
            if not leaf.text.isidentifier() and leaf.text not in names
        ]

    # -- statements ---

    @cached_property
    def _statements(self) -> dict[int, Statement]:
        """id of a statement's root → what was recorded of it; statements that did not run are not there."""
        events: dict[int, list[Any]] = defaultdict(list)
        for event in self.run.events:
            if event.alt is None and event.ref in self.run.values:
                events[self.run.node(event).stmt].append(event)
        return {id: self._statement(id, here) for id, here in events.items() if id in self.run.nodes}

    def _statement(self, id: int, events: list[Any]) -> Statement:
        root = self.run.nodes[id]
        occurrences: list[Occurrence] = []
        total = 0
        inner: list[Any] = []
        current = None
        for event in events:
            node = self.run.node(event)
            if not self._is_result(node, root):
                inner.append(event)
                continue
            same = (
                current is not None
                and current[1:] == (event.frame, event.occ)
                and (current[0] == event.node or node.kind == "after")
            )
            current = (event.node, event.frame, event.occ)
            if not same:
                total += 1
                if len(occurrences) < MOST_OCCURRENCES:
                    occurrences.append(Occurrence(total, [], self._operands(inner, event.frame)))
                inner = []
            if total <= MOST_OCCURRENCES and len(occurrences[-1].results) < MOST_LEAVES:
                occurrences[-1].results.append(self._leaf(event, self._name(root, event)))
        if not occurrences and inner:
            total = max(event.occ for event in inner)
            occurrences = [Occurrence(total, [], self._operands(inner, inner[-1].frame))]
        return Statement(root.code or root.text, root.fun, root.line, root.end_line, total, occurrences)

    @staticmethod
    def _is_result(node: Any, root: Any) -> bool:
        return node.kind in ("assign", "return", "after") or (
            node.id == root.id and node.kind in STATEMENTS | {"call", "cond"}
        )

    def _name(self, root: Any, event: Any) -> str:
        node = self.run.node(event)
        text = (
            node.text if node.kind == "after" else node.target or ("returned" if node.kind == "return" else node.text)
        )
        return f"{text}{event.path}" if event.path else text

    def _operands(self, events: list[Any], frame: int) -> list[Leaf]:
        """The latest value of each expression inside the statement, in the order of the source."""
        latest: dict[tuple[str, str], Any] = {}
        for event in events:
            node = self.run.node(event)
            if event.frame == frame and node.kind in OPERANDS:
                latest[node.text, event.path] = event
        leaves = [self._leaf(event, self.run.node(event).text + event.path) for event in latest.values()]
        known = [leaf for leaf in leaves if leaf.judged is not None]
        return (known + [leaf for leaf in leaves if leaf.judged is None])[: 2 * MOST_LEAVES]

    def _leaf(self, event: Any, text: str) -> Leaf:
        return Leaf(text, event.ref, self.ledger.judge(event.ref))
