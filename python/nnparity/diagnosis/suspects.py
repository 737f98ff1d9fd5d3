"""Order the statements that ran by how suspicious they are: near the blamed one, and with a part in what is wrong."""

from __future__ import annotations

from bisect import bisect_left
from functools import cached_property

import numpy as np

from nnparity.diagnosis.run import MOST_NUMBERS, Run, base_name


class Suspects:
    """The statements of the candidate in one recorded run.

    Parameters
    ----------
    run : Run      labels : ref → Label
    returned : parameter → what step returned of it
    """

    def __init__(self, run: Run, labels, returned: dict[str, np.ndarray]):
        self.run, self.labels, self.returned = run, labels, returned

    def ranked(self, places: list[int], right: frozenset[str]) -> list[tuple[float, int]]:
        """Statements, but those of the adapter, by how suspicious they are.

        Nearest are those blamed, then those around them that hold a value unknown to the textbook.  A statement that
        has a part in a right parameter is less suspicious, one that has none in a wrong parameter hardly at all.
        """
        order: dict[int, int] = {}
        unknown: set[int] = set()
        for event in self.run.events:
            node = self.run.node(event)
            if node.file == self.run.adapter:
                continue
            order.setdefault(node.stmt, len(order))
            label = self.labels.get(event.ref)
            if (label is None or not label.right) and self.run.value(event).size > 1:
                unknown.add(node.stmt)
        parts = {name: self.statements_behind(value) for name, value in self.returned.items()}
        behind_wrong = set().union(*(found for name, found in parts.items() if name not in right))
        behind_right = set().union(*(found for name, found in parts.items() if name in right))
        behind_wrong |= self.beginnings(behind_wrong, order)
        anchors = [order[place] for place in [*places, *self.last_statements(right)] if place in order]
        ranks: dict[int, float] = {}
        for statement, place in order.items():
            near = min((abs(place - here) for here in anchors), default=4)
            ranks[statement] = 1 + min(near, 8) + (0 if statement in unknown else 2)
            ranks[statement] += 2 if statement in behind_right else 0
            if behind_wrong and statement not in behind_wrong:  # what decides whether others run has a part in no value
                ranks[statement] += 2 if self.run.nodes[statement].kind == "cond" else 8
        for rank, place in enumerate(places):
            if place in order:
                ranks[place] = float(rank)
        return sorted((rank, statement) for statement, rank in ranks.items())

    def beginnings(self, statements: set[int], among) -> set[int]:
        """The statements that give a first value to what these statements go on with, as zeros do to a sum."""
        nodes = self.run.nodes
        names = {(nodes[one].fun, base_name(nodes[one].target)) for one in statements if nodes[one].target}
        return {one for one in among if nodes[one].target and (nodes[one].fun, base_name(nodes[one].target)) in names}

    def last_statements(self, right: frozenset[str]) -> list[int]:
        """The statements that computed the wrong parameters; for those that came back as they were, the right ones."""
        found: dict[bool, list[int]] = {True: [], False: []}
        for name, value in self.returned.items():
            events = [
                event
                for ref, known in self.run.values.items()
                if known.size == value.size and np.array_equal(np.ravel(known, order="F"), np.ravel(value, order="F"))
                for event in [self.run.computed(ref)]
                if event is not None and self.run.node(event).file != self.run.adapter
            ]
            if events:
                found[name in right].append(self.run.nodes[min(events, key=lambda event: event.seq).node].stmt)
        return found[False] or found[True]

    def statements_behind(self, value: np.ndarray) -> set[int]:
        """The statements that had a part in a value: from the value back to what it was computed from."""
        run, found = self.run, set()
        waiting = [
            ref
            for ref, known in self.run.values.items()
            if known.size == value.size and np.array_equal(np.ravel(known, order="F"), np.ravel(value, order="F"))
        ]
        if not waiting:
            waiting = [
                ref
                for number in np.ravel(value)[:2]
                for ref, known in run.values.items()
                if known.size <= MOST_NUMBERS and number in known
            ]
        seen = set(waiting)
        looked: set[int] = set()  # events whose statement, in that execution, was looked into from a later one
        while waiting:
            for event in run.by_ref.get(waiting.pop(), ()):
                statement = run.nodes[event.node].stmt
                found.add(statement)
                if event.seq in looked:
                    continue
                for other in self.neighbours(event, statement):
                    looked.add(other.seq)
                    value = run.value(other).ravel()
                    telling = value.size > 1 or (value.size == 1 and float(value[0]) != round(float(value[0]), 3))
                    if other.ref not in seen and telling:
                        seen.add(other.ref)
                        waiting.append(other.ref)
        return found

    def neighbours(self, event, statement: int) -> list:
        """What the same execution of the same statement evaluated before an event."""
        row = self._by_statement.get((event.frame, statement), [])
        place = bisect_left(row, event.seq, key=lambda one: one.seq)
        found: list = []
        for one in reversed(row[max(0, place - 40) : place]):
            if found and one.node == event.node:
                break
            found.append(one)
        return found

    @cached_property
    def _by_statement(self) -> dict[tuple[int, int], list]:
        table: dict[tuple[int, int], list] = {}
        for event in self.run.events:
            table.setdefault((event.frame, self.run.nodes[event.node].stmt), []).append(event)
        return table
