"""Where a value is put into a list, as it is: of a layer's errors, of its deltas, of its biases' gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnparity.diagnosis.labels import Label
from nnparity.diagnosis.run import Run, base_name


class Lists:
    """Follows values into the lists of one recorded run."""

    def __init__(self, run: Run, labels: dict[int, Label]):
        self.run, self.labels = run, labels

    def put_among_deltas(self, refs: set[int], event, consumer, departure):
        """The statement that put the value, as it is, into a list that holds the right delta of another layer."""
        if not departure.quantity.startswith("delta"):
            return None
        having = [one for ref in refs for one in self.run.by_ref.get(ref, ())]
        for one in sorted(having, key=lambda one: one.seq):
            if not event.seq <= one.seq < consumer.seq or self.run.node(one).file == self.run.adapter:
                continue
            statement, into = self.run.statement(one), self._put_into(one)
            if into is None or not self._holds_deltas(into, one.frame, departure.layer):
                continue
            if statement is self.run.statement(event):
                return event
            if statement.kind != "expr" and statement.op not in (None, "list"):
                continue
            copies = [other for ref in refs for other in self.run.by_ref.get(ref, ()) if self.run.is_copy(other)]
            named = [other for other in copies if event.seq < other.seq < one.seq and other.frame == one.frame
                     and self.run.statement(other).target == self._put_name(statement)]  # fmt: skip
            return named[0] if named else one
        return None

    def put_beside(self, refs: set[int], before: int, layer: int):
        """The last statement that put a value into a list of which the layer's delta was not made."""
        deltas = [one for one in self.run.events if (label := self.labels.get(one.ref)) is not None and label.right
                  and label.quantity == f"delta{layer}"]  # fmt: skip
        read = {base_name(self.run.node(inner).text) for one in deltas for operand in self.run.operands(one)
                for inner in (operand, *self.run.operands(operand))}  # fmt: skip
        puts = [one for ref in refs for one in self.run.by_ref.get(ref, ()) if one.seq < before and
                self.run.node(one).file != self.run.adapter and self._put_into(one) not in {None, *read}]  # fmt: skip
        return max(puts, key=lambda one: one.seq, default=None)

    def _put_into(self, event) -> str | None:
        """The name of the list into which a statement puts a value, as a list of its own or as a further element."""
        node, statement = self.run.node(event), self.run.statement(event)
        if statement.kind == "expr":
            base, _, put = statement.text.partition(".append(")
            return base if put.removesuffix(")") == node.text else None
        target = statement.target or ""
        element = statement.op == "list" or base_name(target) != target.strip()
        return base_name(target) if element and node.kind in ("assign", "after") else None

    @staticmethod
    def _put_name(statement) -> str:
        """The name that a statement puts into a list, where it is one."""
        return statement.text.partition(".append(")[2].removesuffix(")") or statement.text.strip("[]")

    def _holds_deltas(self, base: str, frame: int, layer: int) -> bool:
        """A right delta of another layer was put into the list, too."""
        puts = [one for one in self.run.by_frame.get(frame, ()) if self._put_into(one) == base]
        labels = [label for one in puts if (label := self.labels.get(one.ref)) is not None and label.right]
        return any(label.quantity.startswith("delta") and label.quantity != f"delta{layer}" for label in labels)

    def copied_by_number(self, event):
        """The statement that puts each number of a vector, as it is, into a place of its own."""
        copies = self._by_number(event, lambda one: one.seq > event.seq and self._copies(one))
        return min(copies, key=lambda one: one.seq, default=None)

    def appended_by_number(self, event):
        """The statement that appended each number, as it is, to the list which an event gives back."""
        puts = self._by_number(event, lambda one: one.seq < event.seq and self.run.statement(one).kind == "expr"
                               and self._put_into(one) is not None)  # fmt: skip
        return max(puts, key=lambda one: one.seq, default=None)

    def _by_number(self, event, fits: Callable[[Any], bool]) -> list:
        """Of the candidate's expressions that had each number of a vector, in events that fit: the first event."""
        whole = self.run.elementwise(self.run.value(event).ravel(), fits)
        return [one for one in whole if self.run.node(one).file != self.run.adapter]

    def _copies(self, event) -> bool:
        return self.run.node(event).kind in ("assign", "after") and self.run.is_copy(event)
