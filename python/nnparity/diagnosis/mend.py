"""Look for the one small change of the source with which the whole step is the textbook's: the surest sign of the line.

What is recognised by value may enter a statement too early or too late; a change of one statement that makes every
returned parameter right cannot be wrong about the place.  The changes nearest to the blamed statement are tried first,
within a limit of the processor's time.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from nnparity.diagnosis.catalogue import fix_for
from nnparity.diagnosis.finding import Finding, update_text
from nnparity.diagnosis.first_wrong import first_wrong, layer_of, phase_of
from nnparity.diagnosis.judge import Judge, few_samples
from nnparity.diagnosis.records import Node
from nnparity.diagnosis.run import Run
from nnparity.diagnosis.slip_text import UNFIT, UNLIKE, Change, Part, Shapes, Surroundings
from nnparity.diagnosis.slips import changes
from nnparity.diagnosis.sources import read_sources
from nnparity.diagnosis.suspects import Suspects

CHUNK = 50
RANK = 0.2  # what a statement further away costs a change
LONGEST_PHRASE = 100
MOST_SHAPES = 40
MOST_TRIALS = 1500
FEW_TRIALS = 400  # where every finding has its id and its proof: what confirms or moves one of those is near
#: Mistakes whose value says little of the place, for what goes wrong at one is seen at many, or of what stands there.
ANYWHERE = {"batch-lost", "transposed", "wrong-layer", "shuffle-unpaired", "wrong-count"}
PATIENCE = 2.0  # seconds that may pass for one of the processor, before the search ends
SHARE = 0.75  # of the time for one search, where two may be needed
ODD = 0.7390851332  # of the learning rate, in trials: no slip of a number makes up for it, as 1 − ½ does for ½
A_SLIP = 1.0  # what a change may cost that is a slip of the hand and no more
#: Mistakes that leave a factor out, or put another in its place.
FACTORS = {
    "missing-activation-derivative",
    "activation-as-derivative",
    "derivative-of-activation",
    "wrong-derivative",
    "missing-output-derivative",
    "extra-output-derivative",
    "softmax-jacobian-diagonal",
    "squared-error-as-delta",
}


#: A turned sign, which one more of the many statements behind it would turn back.
SIGNS = {"-", "+", "-=", "+="}

#: A file, and the cell of a notebook.
Key = tuple[str, int | None]
#: What stands in the place of some sources' own text.
Texts = dict[Key, str]

#: Mistakes that do too much, and that something left out elsewhere makes up for.
UNDONE_ANYWHERE = {"extra-output-derivative", "softmax-twice", "squared-error-as-delta"}


@dataclass(frozen=True)
class Mended:
    """A change of one statement, and the parameters that are right with it."""

    statement: int
    change: Change
    texts: Texts  # with the change
    right: frozenset[str]
    line: str  # the changed line or lines


class Mender:
    """Tries changes of a candidate's sources, those of the adapter left alone.

    Parameters
    ----------
    process : CandidateProcess      probe : Probe
    conclusion : Conclusion, of the recorded step
    judge, strict : of a step on a few samples, and on all
    """

    def __init__(self, process, probe, conclusion, judge: Judge, strict: Judge, language: str, seconds: float):
        self.process, self.probe, self.language = process, probe, language
        self.run: Run = conclusion.run
        self.stopped = conclusion.run.recording.status != "ok"  # then what stands there is the wrong shape, perhaps
        self.judge, self.strict = judge, strict
        self.seconds, self.left = seconds, 0.0
        self.start: frozenset[str] = frozenset()  # the parameters that are right as the candidate stands
        new = {"W": conclusion.follower.W_new, "b": conclusion.follower.b_new}
        returned = {name: new[name[0]][int(name[1:]) - 1] for name in judge.names}
        self.sources = {
            (source.file, source.cell): source
            for source in read_sources(process.loaded.files)
            if source.file != self.run.adapter
        }
        self.suspects = Suspects(self.run, conclusion.labels, returned)

    def returned_with(self, trials: list[Texts], judge: Judge) -> list:
        """What step returns, on the judge's samples, with the texts of each trial in the place of the sources' own."""
        p, left = self.probe, max(self.left, 0.1)
        edits = [[(self.sources[key], text) for key, text in texts.items()] for texts in trials]
        returned = self.process.try_texts(p.W, p.b, judge.X, judge.Y, judge.eta, edits, seed=p.seed, seconds=left)
        self.left -= self.process.spent
        return returned

    def right_with(self, trials: list[Texts], judge: Judge) -> list[frozenset[str]]:
        """The right parameters with the texts of each trial in the place of the sources' own."""
        return [judge.right(parts) for parts in self.returned_with(trials, judge)]

    def settle(self) -> None:
        """Settle both judges on a learning rate, the candidate's own where it has one, and on its constant."""
        for judge in (self.judge, self.strict):
            usual = self.returned_with([{}], judge)[0]
            judge.eta *= ODD
            other = self.returned_with([{}], judge)[0]
            if usual is not None and other is not None and all(map(np.array_equal, usual, other)):
                judge.eta /= ODD
            judge.settle(other)

    def search(
        self, places: list[int], base: Texts | None = None, most: int = MOST_TRIALS
    ) -> tuple[list[Mended], Mended | None]:
        """Changes that make more parameters right than are so already, and the first that makes all of them so.

        Parameters
        ----------
        places : the statements blamed, the likeliest first      base : texts that are changed already
        most : trials
        """
        better: list[Mended] = []
        self.left, self.tried = self.seconds, 0
        until = time.monotonic() + PATIENCE * self.seconds
        if base is None:
            self.settle()
        base = base or {}
        start = self.right_with([base], self.judge)[0]
        if not base:
            self.start = start
        queue = sorted(self.candidates(base, places, start), key=lambda item: item[0])
        for first in range(0, len(queue), CHUNK):
            if self.left < 0.05 or self.tried >= most or time.monotonic() > until:
                break
            chunk = queue[first : first + CHUNK]
            trials = [self.changed(base, statement, change) for _, statement, change in chunk]
            self.tried += len(trials)
            rights = self.right_with(trials, self.judge)
            found = [(k, right) for k, right in enumerate(rights) if right > start]
            if not found:
                continue
            strict = self.right_with([trials[k] for k, _ in found], self.strict)
            for (k, right), all_samples in zip(found, strict, strict=True):
                _, statement, change = chunk[k]
                if right == all_samples:
                    line = _line_at(trials[k][self.key(statement)], change)
                    better.append(Mended(statement, change, trials[k], right, line))
            whole = next((mended for mended in better if mended.right == self.judge.all), None)
            if whole is not None:
                return better, whole
        return better, None

    def key(self, statement: int) -> Key:
        """The source in which a statement stands."""
        node = self.run.nodes[statement]
        return node.file, node.cell

    def changed(self, base: Texts, statement: int, change: Change) -> Texts:
        """The texts with a change of a statement."""
        key = self.key(statement)
        return {**base, key: change.apply(base.get(key, self.sources[key].text))}

    def candidates(self, base: Texts, places: list[int], right: frozenset[str]) -> Iterator[tuple[float, int, Change]]:
        """(cost, statement, change) of all changes of all statements that ran."""
        functions = [*self.run.functions, *(name.rpartition(".")[2] for name in self.run.functions)]
        surroundings: dict[tuple, Surroundings] = {}
        texts = {key: base.get(key, source.text) for key, source in self.sources.items()}
        starts = {key: _line_starts(text) for key, text in texts.items()}
        regions = {key: self.regions(key, text) for key, text in texts.items()}
        for rank, statement in self.suspects.ranked(places, right):
            node, key = self.run.nodes[statement], self.key(statement)
            if key not in texts or node.end_line >= len(starts[key]):
                continue
            text, rows = texts[key], starts[key]
            span = (rows[node.line - 1], rows[node.end_line] - 1)
            region = regions[key].get(node.fun, (1, len(rows) - 1))
            if (key, region) not in surroundings:
                first, last = rows[region[0] - 1], rows[min(region[1], len(rows) - 1)]
                shapes, phrases = self.shapes(node, {"name"}), self.shapes(node, {"index", "call", "expr"})
                surroundings[key, region] = Surroundings(text, first, last, self.language, functions, shapes, phrases,
                                                         UNFIT if self.stopped else UNLIKE)  # fmt: skip
            parts = [part for part in [self.part(statement, text, rows)] if part is not None]
            for change in changes(text, span, parts, surroundings[key, region]):
                yield change.cost + RANK * rank, statement, change

    def regions(self, key: Key, text: str) -> dict[str | None, tuple[int, int]]:
        """The lines of each function: from the header above its first statement to its last."""
        lines = text.split("\n")
        found: dict[str | None, tuple[int, int]] = {}
        for node in self.run.nodes.values():
            if (node.file, node.cell) == key and node.fun is not None:
                low, high = found.get(node.fun, (node.line, node.end_line))
                found[node.fun] = (min(low, node.line), max(high, node.end_line))
        header = re.compile(r"\bdef\b|\bfunction\s*\(|\blambda\b|\\\(")
        for name, (low, high) in list(found.items()):
            first = next((k for k in range(low, max(low - 12, 0), -1) if header.search(lines[k - 1])), low)
            found[name] = (first, high)
        return found

    def part(self, id: int, text: str, starts: list[int]) -> Part | None:
        """A node with its parts, where the text at its place is what was recorded."""
        node = self.run.nodes[id]
        if node.end_line >= len(starts):
            return None
        start, end = starts[node.line - 1] + node.col - 1, starts[node.end_line - 1] + node.end_col
        inner = tuple(
            part
            for child in self.run.children.get(id, ())
            if self.run.nodes[child].stmt == node.stmt
            for part in [self.part(child, text, starts)]
            if part is not None
        )
        if node.id == node.stmt:  # a statement stands for its whole lines; its value is found in the text
            found = _spread(node.text).search(text, starts[node.line - 1], starts[node.end_line]) if node.text else None
            if found is None:
                return inner[0] if len(inner) == 1 else None
            start, end = found.span()
        if text[start:end] != node.text and not _spread(node.text).fullmatch(text, start, end):
            return inner[0] if len(inner) == 1 else None
        return Part(start, end, node.op, node.kind, inner, self.shapes_of(self.run.by_node.get(id, ())))

    def shapes_of(self, events) -> frozenset[tuple[int, ...]]:
        """The shapes of the values of events, axes of length one left out."""
        return frozenset(np.squeeze(self.run.value(event)).shape for event in events[:MOST_SHAPES])

    def shapes(self, here: Node, kinds: set[str]) -> Shapes:
        """What expressions of a statement's function, and what stands behind `self.` anywhere, were worth."""
        found: dict[str, set] = {}
        for id, events in self.run.by_node.items():
            node = self.run.nodes[id]
            near = (node.file, node.fun) == (here.file, here.fun) or node.text.startswith("self.")
            if node.kind in kinds and near and len(node.text) <= LONGEST_PHRASE:
                found.setdefault(node.text, set()).update(self.shapes_of(events))
        return {text: frozenset(shapes) for text, shapes in found.items()}


@lru_cache(maxsize=4096)
def _spread(text: str) -> re.Pattern[str]:
    """An expression however it is spread over lines."""
    return re.compile(r"\s*".join(re.escape(word) for word in re.findall(r"\w+|[^\w\s]", text)))


def _line_starts(text: str) -> list[int]:
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    return starts


def _line_at(text: str, change: Change) -> str:
    first = text.rfind("\n", 0, change.start) + 1
    last = text.find("\n", change.start + len(change.new.rstrip("\n")))
    return " ".join(text[first : last if last >= 0 else len(text)].split())


def mend(process, probe, conclusion, findings: list[Finding], language: str, seconds: float) -> list[Finding]:
    """The findings with their places put right where one change of the source, or one for each bug, mends the step.

    Parameters
    ----------
    findings : what the account of the run says; those that are bugs, unexplained or a crash are looked into
    seconds : for the trials of one search; where there are two bugs, a second one starts from the first one's end
    """
    wanted = [f for f in findings if f.kind in ("bug", "unexplained", "crash") and _statement(f, conclusion.run)]
    if not wanted:
        return findings
    textbook, state, run = conclusion.textbook, conclusion.state, conclusion.run
    sizes = [textbook.X.shape[0], *(w.shape[0] for w in textbook.W)]
    strict, judge = Judge(textbook, state, textbook.m), Judge(textbook, state, few_samples(sizes, textbook.m))
    if not strict.gradients:
        return findings
    if len(wanted) > 1:
        seconds *= SHARE
    mender = Mender(process, probe, conclusion, judge, strict, language, seconds)
    blamed = dict.fromkeys(_statement(finding, run) for finding in wanted)
    callers = dict.fromkeys(caller for finding in wanted for caller in _callers(finding, run)[:1])
    suspected = [place for place in dict.fromkeys((*blamed, *callers)) if place is not None]
    places = [place for place in suspected if mender.key(place) in mender.sources]
    certain = all(finding.id and finding.id not in ANYWHERE and finding.proved for finding in wanted)
    better, whole = mender.search(places, most=FEW_TRIALS if certain else MOST_TRIALS)
    others = [f for f in findings if f not in wanted]
    if whole is not None:
        if far_fetched(wanted, whole, conclusion):
            return findings
        finding = moved(wanted, whole, run)
        if finding.id is None and finding.kind == "bug" and whole.statement not in blamed:
            finding.computes = conclusion.explainer.computes(finding.event)
        if finding.id is None or finding.id == whole.change.slip or whole.statement not in blamed:
            quantity = first_wrong(textbook, state, conclusion.follower, mender.start)
            retell(finding, conclusion, told_by_place(finding, conclusion, whole.statement, quantity))
        return [finding, *others]
    if len(wanted) > 1 and better:
        first = max(better, key=lambda mended: (len(mended.right), mended.statement in blamed))
        _, second = mender.search(places, first.texts)
        if second is not None:
            mine = _nearest(wanted, first, run)
            rest = [finding for finding in wanted if finding is not mine]
            both = [moved([mine], first, run), moved([_nearest(rest, second, run)], second, run)]
            return [*sorted(both, key=lambda finding: finding.place["line"]), *others]
    return findings


def _one_word(change: Change) -> bool:
    """One name, attribute or element for another."""
    return re.fullmatch(r"[\w.$@]+(\[[^\[\]]*\])*", change.new) is not None


def _callers(finding: Finding, run: Run) -> list[int]:
    """The statements from which the function was called in which a finding stands, the innermost first."""
    calls = run.calls_above(finding.event.frame) if finding.event is not None else ()
    return [run.nodes[call].stmt for call, _ in calls if call in run.nodes]


def _innocent(mended: Mended, conclusion) -> bool:
    """Whether the change lies in a function that gives the true derivative of what it is given."""
    run, fun = conclusion.run, conclusion.run.nodes[mended.statement].fun
    return any(
        conclusion.blamer.trail.helpers.true_derivative(event)
        for event in run.events
        if run.node(event).fun == fun and run.node(event).kind == "return" and fun is not None
    )


def far_fetched(bugs: list[Finding], mended: Mended, conclusion) -> bool:
    """Whether a change elsewhere only undoes what a known mistake does at the place where it was recognised.

    A forgotten factor can be brought in at many places; the place where the value was recognised, and where the right
    value mends the step, is then the better witness, unless the change is a mere slip.  A helper that is given
    another argument by one of its callers is not to blame.
    """
    first, run = bugs[0], conclusion.run
    if _one_word(mended.change) and mended.statement in _callers(first, run):
        return False
    here = _statement(first, run) == mended.statement
    factor = first.id in FACTORS or first.id == "relu-mask-wrong"
    if len(bugs) == 1 and not here and factor and _innocent(mended, conclusion):
        return True
    if len(bugs) > 1 or here or not first.proved:
        return False
    if first.id == "ascent" and mended.change.new.strip() in SIGNS:
        return True
    return first.id in UNDONE_ANYWHERE or (first.id in FACTORS and mended.change.cost > A_SLIP)


def _nearest(bugs: list[Finding], mended: Mended, run: Run) -> Finding:
    """The finding that a change mends: the one at its statement, else the one nearest to it in the source."""
    line = run.nodes[mended.statement].line
    here = [finding for finding in bugs if _statement(finding, run) == mended.statement]
    return (here or sorted(bugs, key=lambda finding: abs((finding.place.get("line") or 0) - line)))[0]


def _statement(finding: Finding, run: Run) -> int | None:
    """The node of the statement at which a finding stands."""
    return run.statement(finding.event).id if finding.event is not None else finding.statement


def moved(bugs: list[Finding], mended: Mended, run: Run) -> Finding:
    """The finding that a change proves, at the statement that was changed."""
    statement = run.nodes[mended.statement]
    here = [
        f
        for f in bugs
        if f.place.get("line") is not None
        and f.place["line"] <= statement.end_line
        and statement.line <= (f.place["end_line"] or f.place["line"])
    ]
    finding = (here or bugs)[0]
    if not here:
        if finding.kind == "crash" and "(it stops at" not in finding.computes:
            finding.computes += f" (it stops at line {finding.place['line']})"
        own = run.by_node.get(mended.statement)  # the value of the statement as a whole, where it was recorded
        finding.event = own[0] if own else next(e for e in run.events if run.node(e).stmt == mended.statement)
        finding.place = run.place(statement)
    if finding.kind in ("bug", "unexplained"):
        finding.kind = "bug"
    finding.id = finding.id or mended.change.slip
    if mended.change.slip == "r-copy-semantics" and finding.id == "bias-missing":
        finding.id = mended.change.slip
    if mended.change.slip == "update-lost" and finding.kind == "crash" and not here:
        finding.id = mended.change.slip
    finding.proved = True
    finding.mended = mended.line
    return finding


def told_by_place(finding: Finding, conclusion, statement: int, quantity: str | None) -> str | None:
    """The quantity of a finding as its statement has it: one that updates a parameter misses its new value.

    A turned sign shows in no value but the new ones: before the updates, it is the first delta that it turns.
    """
    if quantity is None or quantity[0] in "ZA":
        return quantity
    places, run, L = conclusion.places, conclusion.run, conclusion.textbook.depth
    for name in [name for layer in range(L, 0, -1) for name in (f"W{layer}", f"b{layer}")]:
        event = places.returned(name[0], int(name[1:]))
        if event is not None and run.node(event).file == run.adapter:
            event = places.out_of_adapter(event)
        if event is not None and run.statement(event).id == statement:
            return quantity if quantity.startswith("delta") or f"{name}_new" not in finding.covers else f"{name}_new"
    return f"delta{max(finding.layers, default=L)}" if finding.id == "ascent" else quantity


def retell(finding: Finding, conclusion, quantity: str | None) -> None:
    """Tell a finding whose place is proved by the quantity that its statement is the first to miss."""
    recognised = finding.id in FACTORS or finding.kind == "crash"
    if finding.id == "accumulator-not-reset" and not (quantity or "").startswith(("dW", "db")):
        finding.id = None
    if quantity is None or quantity == finding.quantity or recognised:
        return
    finding.quantity, finding.layer, finding.phase = quantity, layer_of(quantity), phase_of(quantity)
    right = conclusion.state.rights.get(quantity)
    finding.expected = right.text if right is not None else update_text(quantity, finding.layer)
    finding.computes = conclusion.explainer.computes(finding.event) if finding.event is not None else finding.computes
    finding.fix = fix_for(finding.id, finding.quantity, finding.expected)
