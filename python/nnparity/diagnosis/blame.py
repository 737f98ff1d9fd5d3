"""From a wrong quantity to the line: the first statement whose operands are right and whose value is not."""

from __future__ import annotations

import numpy as np

from nnparity.diagnosis import textbook as book
from nnparity.diagnosis.follow import Seen
from nnparity.diagnosis.labels import Label
from nnparity.diagnosis.matching import normal_form, proportion
from nnparity.diagnosis.run import READS, Run


class Blamer:
    """Points at events of one recorded run."""

    def __init__(self, run: Run, labels: dict[int, Label], follower):
        self.run = run
        self.labels = labels
        self.follower = follower

    # -- where a value is computed ----------------------------------------------------------------------------------

    def events_of(self, seen: Seen) -> list:
        """The computing events of the hits, in order; names, indices and the adapter's copies do not compute."""
        events = []
        for hit in seen.hits():
            first = self.run.computed(hit.ref)
            if first is not None:
                events.append(first)
        own = [event for event in events if self.run.node(event).file != self.run.adapter]
        return sorted(own or events, key=lambda event: event.seq)

    def wrong_value(self, departure) -> object | None:
        """The event to blame for a departure that was recognised by its value."""
        formula = departure.formula
        if formula.text == "?":
            events = self.events_of(departure.seen)
            return self.first_unlabelled(events[0]) if events else None
        for part in formula.parts:
            if self._is_textbook(part, departure):
                continue
            events = self.events_of(self.follower.present(np.asarray(part)))
            if events:
                return self._innocent_helper(events[0])
        events = self.events_of(departure.seen)
        if not events:
            return None
        if formula.omits:
            return self._omission(events[0], departure)
        return self._innocent_helper(events[0])

    def _is_textbook(self, part: np.ndarray, departure) -> bool:
        """A wrong part that stands in the right program too (a softmax' own a(1 − a), say) says nothing of the place."""
        return any(
            self.labels.get(hit.ref) is not None and self.labels[hit.ref].right and self.labels[hit.ref].quantity != ""
            for hit in self.follower.present(part).hits()
        )

    # -- a value that is right as such, but used where more was due --------------------------------------------------

    def _omission(self, event, departure):
        """The use decides: the definition of the name that was used too early, else the expression that uses the value."""
        refs = {hit.ref for hit in departure.seen.hits()}
        use = self._use_of(refs, event.seq)
        if use is None:
            return event
        consumer, operand = use
        if self.run.node(operand).kind not in READS:
            return operand
        definition = self.run.definition(operand)
        if definition is not None:
            root = self.run.statement(definition)
            producers = self._inside(definition, refs)
            if producers is not None and self.run.statement(producers).id == root.id:
                return definition
            if producers is None:  # a plain copy
                return definition
            return producers if producers.frame != consumer.frame else definition
        for call, frame in self.run.calls_above(operand.frame):  # an argument
            if event.frame == frame:
                for argument in self.run.arguments(call, frame, consumer.seq):
                    if argument.ref in refs:
                        if self.run.node(argument).kind in READS:
                            origin = self.run.definition(argument)
                            return origin or event
                        return argument
        return consumer if event.frame != consumer.frame else event

    def _inside(self, definition, refs):
        """The event that computed the value of an assignment, if that was more than reading a name."""
        statement = self.run.statement(definition)
        for event in self.run.by_ref.get(definition.ref, ()):
            if event.seq <= definition.seq and self.run.node(event).kind not in READS and event.node != statement.id:
                return event
        node = self.run.node(definition)
        return None if node.kind in READS or (node.op is None and not self.run.children.get(node.id)) else definition

    def _use_of(self, refs: set[int], after: int):
        """The first expression that takes one of the values as an operand and makes something else of it."""
        for event in self.run.events:
            if event.seq <= after or event.ref in refs or self.run.node(event).kind in READS:
                continue
            if self.run.value(event).size < 2:
                continue
            for operand in self.run.operands(event):
                if operand.ref in refs and self.run.node(event).op not in ("t", ".T", "T"):
                    label = self.labels.get(event.ref)
                    if label is not None and label.quantity == "" and label.right:
                        continue
                    return event, operand
        return None

    # -- helpers -----------------------------------------------------------------------------------------------------

    def _innocent_helper(self, event):
        """A helper that is right for what it was given is not to blame: its caller is."""
        current = event
        for call, frame in self.run.calls_above(event.frame):
            if not (self._right_for_its_input(current) or self._right_elsewhere(event)):
                break
            callers = [e for e in self.run.by_frame_node.get((frame, call), ()) if e.seq > current.seq]
            if not callers:
                break
            current = callers[0]
        return current

    def _right_for_its_input(self, event) -> bool:
        """The value is an activation, or the derivative of one, of something that the helper received."""
        value = normal_form(self.run.value(event))
        if value.size < 2:
            return False
        function = self.run.frames.get(event.frame)
        if function is None or function.fun is None:
            return False
        for seen in self._reads(event.frame, event.seq):
            given = normal_form(self.run.value(seen))
            if given.shape != value.shape or self.run.definition(seen) is not None and not self._is_copy(seen):
                continue
            column = given.reshape(given.shape[0], -1)
            for name in book.ELEMENTWISE[1:] if False else ("sigmoid", "tanh", "softplus", "elu", "gelu", "silu", "relu"):
                for known in (book.activation_value(name, column), book.activation_slope(name, column)):
                    if proportion(value.reshape(column.shape), known) is not None:
                        return True
        return False

    def _is_copy(self, read) -> bool:
        definition = self.run.definition(read)
        return definition is not None and not self.run.children.get(self.run.statement(definition).id)

    def _reads(self, frame: int, before: int):
        names = set()
        for event in self.run.events:
            if event.frame == frame and self.run.node(event).kind == "name" and event.ref not in names:
                names.add(event.ref)
                yield event

    def _right_elsewhere(self, event) -> bool:
        """Another call of the same function gave, at the same place, a value that the textbook knows."""
        mine = self.run.frames.get(event.frame)
        if mine is None or mine.fun is None or mine.call_node is None:
            return False
        if self.run.value(event).size < 2:
            return False
        for other in self.run.by_node.get(event.node, ()):
            frame = self.run.frames.get(other.frame)
            if other.frame != event.frame and frame is not None and frame.call_node != mine.call_node:
                label = self.labels.get(other.ref)
                if label is not None and label.right and self.run.value(other).size > 1:
                    return True
        return False

    # -- values of unknown formula ------------------------------------------------------------------------------------

    def first_unlabelled(self, event, limit: int = 400):
        """Walk back through operands that nothing explains, to the first expression whose operands are all known."""
        visited: set[int] = set()
        current = event
        while current is not None and len(visited) < limit:
            if current.ref in visited:
                return current
            visited.add(current.ref)
            deeper = None
            for operand in self._operands_through_calls(current):
                if operand.ref in visited or operand.ref == current.ref:
                    continue
                label = self.labels.get(operand.ref)
                value = self.run.value(operand)
                if (label is not None and label.right) or value.size < 2 or not self._varies(value):
                    continue
                source = self.run.computed(operand.ref)
                if source is not None and source.seq < current.seq:
                    deeper = source
                    break
            if deeper is None:
                return current
            current = deeper
        return current

    def _operands_through_calls(self, event):
        """Operands of an expression; of a statement, those of the computation that gave its value."""
        operands = self.run.operands(event)
        if not operands:
            for other in self.run.by_ref.get(event.ref, ()):
                if other.seq < event.seq and self.run.operands(other):
                    return self.run.operands(other)
        return operands

    @staticmethod
    def _varies(value: np.ndarray) -> bool:
        return bool(np.ptp(value[np.isfinite(value)]) > 0) if np.isfinite(value).any() else True
