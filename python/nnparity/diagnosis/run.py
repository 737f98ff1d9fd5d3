"""One recorded run as a graph: which expression gave which value, from which operands, in which call."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

import numpy as np

#: Kinds of nodes that only pass a value on.
READS = {"name", "index", "constant"}
#: Operators that pick one of several values.
PICKS = {"[[", "[", "$", "slot", "[]", "."}
#: Functions that call another one for each element.
APPLIES = {"apply", "sapply", "lapply", "vapply", "mapply", "Map", "Reduce", "outer", "map", "np.vectorize",
           "np.apply_along_axis"}  # fmt: skip
#: Functions that find a value by the name it has.
LOOKS_UP = {"get", "mget", "get0", "getattr"}
#: Elements of an array that is searched for a number.
MOST_NUMBERS = 2000
STATEMENTS = {"assign", "return", "expr", "after"}


def base_name(target: str | None) -> str:
    """The name that stands before the element or the component of an assignment's target."""
    return re.split(r"[\[$@]", target or "")[0].strip()


def grouped(events: Iterable, key: Callable[[Any], Any]) -> dict[Any, list]:
    """Events by what they share, each group in their order."""
    table = defaultdict(list)
    for event in events:
        table[key(event)].append(event)
    return table


class Run:
    """A recording with the look-ups that blame and explanation need.

    Parameters
    ----------
    recording : Recording
        What the candidate's process reported: nodes, frames, events in order of evaluation, values.
    """

    def __init__(self, recording, adapter: str | None = None, functions: dict[str, tuple[str, ...]] | None = None):
        self.recording = recording
        self.adapter = adapter
        self.functions = functions or {}  # the arguments of the candidate's functions, by name
        self.nodes = recording.nodes
        self.frames = recording.frames
        self.values = recording.values
        self.events = sorted(recording.events, key=lambda event: event.seq)
        self.live: set[int] = set()  # the events that went into the returned parameters, once that is known

    @cached_property
    def by_ref(self) -> dict[int, list]:
        return grouped(self.events, lambda event: event.ref)

    @cached_property
    def by_node(self) -> dict[int, list]:
        return grouped(self.events, lambda event: event.node)

    @cached_property
    def by_frame_node(self) -> dict[tuple[int, int], list]:
        return grouped(self.events, lambda event: (event.frame, event.node))

    @cached_property
    def by_target(self) -> dict[tuple[str, int], list]:
        """The events of assignments to a name, or to elements of it, in one call of its function."""
        table = defaultdict(list)
        for event in self.events:
            if self.node(event).kind in ("assign", "after"):
                table[base_name(self.statement(event).target), event.frame].append(event)
        return table

    @cached_property
    def children(self) -> dict[int, list[int]]:
        table = defaultdict(list)
        for node in self.nodes.values():
            if node.parent and node.parent in self.nodes and node.kind != "after":
                table[node.parent].append(node.id)
        for ids in table.values():
            ids.sort(key=lambda id: (self.nodes[id].arg or 0, id))
        return table

    def node(self, event):
        return self.nodes[event.node]

    def statement(self, event):
        """The statement node in which an event happened."""
        node = self.nodes[event.node]
        return self.nodes.get(node.stmt, node)

    @staticmethod
    def place(statement) -> dict:
        """Where a statement stands, as a finding says it."""
        return {
            "file": statement.file,
            "cell": statement.cell,
            "line": statement.line,
            "end_line": statement.end_line,
            "function": statement.fun,
            "code": statement.code or statement.text,
        }

    def operand(self, event, child: int):
        """The value that child expression `child` had when `event` was evaluated."""
        best = None
        for candidate in self.by_frame_node.get((event.frame, child), ()):
            if candidate.seq < event.seq and (best is None or candidate.seq > best.seq):
                best = candidate
        return best

    def put(self, event) -> list:
        """What an assignment to a part of its target, or in its place, put there; nothing of other events."""
        root = self.operand(event, self.node(event).stmt) if self.node(event).kind == "after" else None
        return [root] if root is not None else []

    def operands(self, event) -> list:
        found = []
        for child in self.children.get(event.node, ()):
            value = self.operand(event, child)
            if value is not None:
                found.append(value)
        filled = re.search(r"\bout\s*=\s*([\w.]+)", self.node(event).text)
        if filled:  # what stood in the array that takes the result has no part in it
            takes = [one for one in found if self.node(one).text == filled[1]]
            found = [one for one in found if one not in takes[-1:]]
        return found

    def given_back(self, event) -> list:
        """What the function last gave back that an expression of the apply family calls for each element."""
        if self.node(event).op not in APPLIES:
            return []
        returns = map(self.returned_from, self.called_from.get((event.node, event.frame), ()))
        return [one for one in returns if one is not None and one.seq < event.seq][-1:]

    def handed_to_setter(self, event):
        """Of an argument that a function only stores: the call that handed it over."""
        while True:
            statement, call = self.statement(event), self.call_of(event.frame)
            stores = statement.kind == "assign" and statement.op is None and "[" in (statement.target or "")
            own = not statement.text.isidentifier() or self.by_target.get((statement.text, event.frame))
            loops = any(
                node.kind == "cond" and statement.text in re.split(r"\W+", node.target or "")
                for node in self.nodes.values() if (node.file, node.fun) == (statement.file, statement.fun)
            )  # fmt: skip
            if not stores or own or loops or self.goes_on(statement.id):
                return event
            if call is None or self.nodes[call[0]].file == self.adapter:
                return event
            event = event._replace(node=call[0], frame=call[1])

    def returned_from(self, frame: int):
        """The last return of a call; None where none was recorded."""
        returns = [one for one in self.by_frame.get(frame, ()) if self.node(one).kind == "return"]
        return returns[-1] if returns else None

    @cached_property
    def called_from(self) -> dict[tuple[int, int], list[int]]:
        """The frames that an expression, in one call of its function, opened."""
        table = defaultdict(list)
        for id, frame in self.frames.items():
            table[frame.call_node, frame.parent].append(id)
        return table

    @cached_property
    def by_frame(self) -> dict[int, list]:
        return grouped(self.events, lambda event: event.frame)

    def producer(self, ref: int):
        """The first event that had this very value: where it was computed."""
        events = self.by_ref.get(ref, ())
        for event in events:
            if self.node(event).kind not in READS:
                return event
        return events[0] if events else None

    def stored(self, number: float):
        """The first event of the candidate's whose value holds a number among others, as lists of rows do."""
        events = [
            event
            for ref, value in self.values.items()
            if 1 < value.size <= MOST_NUMBERS and np.any(value == number)
            for event in [self.computed(ref)]
            if event is not None and self.node(event).file != self.adapter
        ]
        return min(events, key=lambda event: event.seq, default=None)

    @cached_property
    def _by_value(self) -> dict[bytes, list[int]]:
        """Where a number or a vector was recorded, by what it is."""
        table = defaultdict(list)
        for ref, value in self.values.items():
            if value.ndim < 2 or value.size == 1:
                table[value.tobytes()].append(ref)
        return table

    def elementwise(self, value: np.ndarray, fits: Callable[[Any], bool]) -> list:
        """Of the expressions that had each element of an array, in events that fit: the event of the first element."""
        made: dict[int, dict[int, Any]] = {}
        for k, element in enumerate(value if 1 < value.size <= MOST_NUMBERS and len(value) > 1 else ()):
            for ref in self._by_value.get(element.tobytes(), []):
                for one in self.by_ref.get(ref, ()):
                    if fits(one):
                        made.setdefault(one.node, {})[k] = one
        return [elements[0] for elements in made.values() if len(elements) == len(value)]

    def filled_by(self, event):
        """Of a list that a statement only gives another name: the expression that computed its elements one by one."""
        value, node = self.value(event), self.node(event)
        if node.kind == "after" or node.op not in (None, "tuple", "list") or not 1 < value.size <= MOST_NUMBERS:
            return None
        named = node.kind == "assign" and node.op is None
        before = [one for one in self.by_ref[event.ref] if named and self._computes_before(one, event)]
        if before and not any(one.seq in self.live for one in before):  # put into a list that is not seen being read
            return before[-1]
        whole = self.elementwise(value, lambda one: self._computes_before(one, event))
        return max(whole, key=lambda one: one.seq, default=None)

    def _computes_before(self, one, event) -> bool:
        return self.computes(one) and one.frame == event.frame and one.seq < event.seq

    def computes(self, event) -> bool:
        """An operation gave the value: it was not only read, named or kept."""
        return self.node(event).kind not in READS and self.node(event).op is not None

    def computed(self, ref: int):
        """The innermost event that computed a value: neither a read nor the whole statement around a computation."""
        events = [
            event
            for event in self.by_ref.get(ref, ())
            if self.node(event).kind not in READS and self.node(event).op not in LOOKS_UP
        ]
        own = [event for event in events if self.node(event).file != self.adapter]
        live = [event for event in own if event.seq in self.live]
        return (live or own or events or [None])[0]

    def handed_in(self, event) -> bool:
        """The adapter computed that value; the candidate only gave it a name."""
        first = next((one for one in self.by_ref[event.ref] if self.node(one).kind not in READS), event)
        return self.node(event).op is None and first is not event and self.node(first).file == self.adapter

    def picked_from(self, ref: int):
        """The event that computed the value out of which this one was only ever picked, beside a constant perhaps."""
        event = next(iter(self.by_ref.get(ref, ())), None)
        while event is not None and self.node(event).kind == "index":
            whole = next(iter(self.operands(event)), None)
            if whole is None or not self._holds(whole, event):  # the index: the array itself was not recorded
                stored = self.by_target.get((base_name(self.node(event).text), event.frame), ())
                before = [one for one in stored if one.seq < event.seq and self._holds(one, event)]
                return before[-1] if before else self._made_by_number(event)
            made = self.computed(whole.ref)
            if made is not None:
                return made if made.seq < event.seq else None
            event = whole
        return None

    def _made_by_number(self, event):
        """The one expression that computed every element of a vector, which was put together where nothing shows."""
        vector = np.atleast_1d(self.value(event))
        whole = self.elementwise(vector, lambda one: one.seq < event.seq and self.computes(one))
        return max(whole, key=lambda one: one.seq, default=None)

    def _holds(self, whole, part) -> bool:
        return bool(np.isin(self.value(part), self.value(whole)).all())

    def computed_before(self, ref: int, seq: int):
        """The last event before another one that computed a value anew, as that of a buffer filled again and again."""
        for event in reversed(self.by_ref.get(ref, ())):
            node = self.node(event)
            reads = node.kind in READS or node.op is None or node.op in PICKS | LOOKS_UP or node.op.startswith(".")
            called = node.id in self.callers or (node.op or "").rpartition(".")[2] in self.functions
            if event.seq >= seq or reads or node.file == self.adapter or called:
                continue
            if not any(operand.ref == ref for operand in self.operands(event)):
                return event
        return self.computed(ref)

    def definition(self, read):
        """The assignment that gave a name its value when it was read; None for an argument or a global."""
        text = self.node(read).text
        best = None
        for event in self.by_ref.get(read.ref, ()):
            if event.seq >= read.seq or self.node(event).kind not in ("assign", "after"):
                continue
            statement = self.statement(event)
            if statement.target == text and event.frame == read.frame:
                best = event
        if best is None:
            for event in self.by_ref.get(read.ref, ()):
                if event.seq < read.seq and self.statement(event).target == text and self.node(event).kind == "assign":
                    best = event
        return best

    def call_of(self, frame: int):
        """The event-like place from which a frame was called: (node, frame) or None at the top."""
        record = self.frames.get(frame)
        if record is None or not record.call_node or record.call_node not in self.nodes:
            return None
        return record.call_node, record.parent

    def calls_above(self, frame: int) -> list[tuple[int, int]]:
        chain: list[tuple[int, int]] = []
        while (call := self.call_of(frame)) is not None and len(chain) < 60:
            chain.append(call)
            frame = call[1]
        return chain

    def asked_by(self, event):
        """What the call gave, in the candidate, of the function in which an event happened; None without one."""
        call = self.call_of(event.frame)
        if call is None or self.nodes[call[0]].file == self.adapter:
            return None
        return next((one for one in self.by_frame_node.get((call[1], call[0]), ()) if one.seq > event.seq), None)

    def arguments(self, call_node: int, frame: int) -> list:
        """The argument values of a call, as far as they were recorded."""
        children = self.children.get(call_node, ())
        return [event for child in children for event in self.by_frame_node.get((frame, child), ())]

    def given(self, frame: int) -> list:
        """The argument values of the call that opened a frame, all elements of a list; in an apply, its element."""
        call, inside = self.call_of(frame), self.by_frame.get(frame)
        if call is None or not inside:
            return []
        if self.nodes[call[0]].op in APPLIES:
            formals = self.functions.get(self.frames[frame].fun or "", ())
            return [one for one in self.by_frame[frame]
                    if self.node(one).kind == "name" and self.node(one).text in formals]  # fmt: skip
        found = []
        for child in self.children.get(call[0], ()):
            found += self._elements(call[1], child, inside[-1].seq)  # R evaluates an argument when it is first read
        return found

    @cached_property
    def callers(self) -> set[int]:
        """The expressions that called a function of the candidate."""
        return {frame.call_node for frame in self.frames.values() if frame.call_node}

    def goes_on(self, statement: int) -> bool:
        """Whether a statement goes on from what its target holds: adds to it, takes away, multiplies or divides."""
        return any(node.stmt == statement and node.op in ("+=", "-=", "*=", "/=") for node in self.nodes.values())

    def is_copy(self, event) -> bool:
        """The statement assigns what another name, or an element of it, holds."""
        statement = self.statement(event)
        goes_on = self.goes_on(statement.id)
        return bool(statement.target) and not goes_on and (statement.op is None or statement.op in PICKS)

    def elements(self, event) -> list:
        """The operands of an event, all elements of a list."""
        found = []
        for child in self.children.get(event.node, ()):
            found += self._elements(event.frame, child, event.seq)
        return found

    def _elements(self, frame: int, child: int, before: int) -> list:
        """What an expression last gave before some event: of a list, whose elements follow each other, all."""
        events = self.by_frame_node.get((frame, child), ())
        end = bisect_left(events, before, key=lambda one: one.seq)
        first = max(end - 1, 0)
        while first > 0 and events[first].seq - events[first - 1].seq == 1:
            first -= 1
        return list(events[first:end])

    def value(self, event) -> np.ndarray:
        return self.values[event.ref]
