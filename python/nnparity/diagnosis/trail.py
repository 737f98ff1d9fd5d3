"""The way of a wrong value through a run: back through what it was computed from, and up to who called for it."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from nnparity.diagnosis.helpers import Helpers
from nnparity.diagnosis.labels import Label, given_parameters, numbers_in
from nnparity.diagnosis.run import PICKS, Run, base_name


class Trail:
    """Walks through one recorded run."""

    def __init__(self, run: Run, labels: dict[int, Label], classes: int, wrong: frozenset[int]):
        self.run, self.labels = run, labels
        self.helpers = Helpers(run, labels, classes, wrong)

    def first_unlabelled(self, event, limit: int = 400):
        """Walk back through operands that nothing explains, to the first expression whose operands are all known."""
        visited: set[int] = set()
        current = event
        while current is not None and len(visited) < limit:
            if current.ref in visited:
                return current
            visited.add(current.ref)
            sources = self._unlabelled_sources(current, visited)
            if not sources:
                return current
            # In a part of right ones nothing is to be found, and less in what the statement went on from.
            current = min(sources, key=lambda one: self._innocence(one, current))
        return current

    def _unlabelled_sources(self, current, visited: set[int]) -> list:
        """Where the operands of an expression that nothing explains were computed."""
        found = []
        for operand in self._operands_through_calls(current):
            if operand.ref in visited or operand.ref == current.ref:
                continue
            label = self.labels.get(operand.ref)
            value = self.run.value(operand)
            number = self.run.node(current).kind == "after" or self.run.value(current).size == 1
            if (label is not None and label.right) or not self._telling(value, number) or self._all_parameters(value):
                continue
            source = self.run.computed_before(operand.ref, current.seq)
            if source is None and self.run.node(operand).kind == "index":  # picked out of a value
                whole = next(iter(self.run.operands(operand)), None)
                known = self.labels.get(whole.ref) if whole is not None else None
                wrong = whole is not None and (known is None or not known.right)
                if whole is not None and wrong and not self._all_parameters(self.run.value(whole)):
                    source = self.run.computed_before(whole.ref, current.seq)
            if source is None and value.size == 1:
                source = self.run.stored(float(value.ravel()[0]))
            if source is not None and self.run.node(source).file == self.run.adapter != self.run.node(current).file:
                continue
            helper = source is not None and source.frame != current.frame
            if helper and self.helpers.right_for_its_input(source):
                continue
            if source is not None and source.seq < current.seq:
                found.append(source)
        return found

    @cached_property
    def _given(self) -> dict[str, np.ndarray]:
        """The weights and biases that step was given, as far as they were recorded."""
        return given_parameters(self.labels, self.run.values)

    @cached_property
    def _of_one(self) -> list[np.ndarray]:
        """The parameters of each layer, W and b together, and the weights of and to each unit; in order of size."""
        parts = []
        for name, value in self._given.items():
            if name[0] == "W":
                parts += [*value, *value.T] if value.ndim == 2 else []
                parts.append(np.append(value, self._given.get(f"b{name[1:]}", [])))
        return [np.sort(part, axis=None) for part in parts if part.size > 1]

    @cached_property
    def _parameters(self) -> np.ndarray:
        """Every number of the weights and biases that step was given."""
        return numbers_in(self._given)

    def _all_parameters(self, value: np.ndarray) -> bool:
        """The value holds all parameters, as one flat vector does, or those of one layer or unit: right in it."""
        known = self._parameters
        if 0 < known.size <= value.size and np.isin(known, value).all():
            return True
        numbers = np.sort(value, axis=None)
        return any(part.size == numbers.size and np.array_equal(part, numbers) for part in self._of_one)

    def _innocence(self, source, current) -> int:
        """1 for a part of the same statement whose operands are all right, 2 for what its target held, else 0."""
        mine, other = self.run.statement(current), self.run.statement(source)
        if self.run.node(source).kind == "after" and base_name(mine.target) == base_name(other.target):
            return 2
        if mine is not other:
            return 0
        labels = [self.labels.get(operand.ref) for operand in self.run.operands(source)]
        return int(bool(labels) and all(label is not None and label.right for label in labels))

    def _operands_through_calls(self, event):
        """Operands of an expression; of a statement, those of the computation that gave its value."""
        operands = [*self.run.operands(event), *self.run.given_back(event)]
        if self.run.node(event).kind == "after":
            operands = self.run.put(event) or operands
            base = base_name(self.run.statement(event).target)
            mine = self.run.node(event).stmt
            before = [one for one in self.run.by_target.get((base, event.frame), ()) if one.seq < event.seq]
            operands = [*operands, *[one for one in before if self.run.node(one).stmt != mine][-1:]]
        if not operands:
            for other in self.run.by_ref.get(event.ref, ()):
                if other.seq < event.seq and self.run.operands(other):
                    return self.run.operands(other)
        return operands

    @staticmethod
    def _telling(value: np.ndarray, number: bool) -> bool:
        """Whether an operand may carry a fault on: no constant, no 1, 2, 3 …; a single number only into a number."""
        finite = value[np.isfinite(value)]
        if value.ndim == 1 and value.size > 1 and np.array_equal(value, value[0] + np.arange(value.size)):
            return False
        if value.size < 2:
            return number and finite.size == 1 and float(finite.ravel()[0]) != round(float(finite.ravel()[0]), 3)
        return bool(np.ptp(finite) > 0) if finite.size else True

    def innocent_caller(self, event, other_function: bool = False):
        """A helper that is right for what it was given is not to blame: its caller is.

        With `other_function` it is the helper that should be another one, and not what it was given.
        """
        current = event
        for call, frame in self.run.calls_above(event.frame):
            alike, last = self.helpers.right_elsewhere(current), self.run.returned_from(current.frame)
            own = [one.ref for one in self.run.by_frame[current.frame] if self.run.node(one).kind == "return"]
            # What a function computes on its way says nothing of it.
            given_back = current if last is None or current.ref in own else last
            right = self.helpers.right_for_its_input(given_back)
            if not (alike or right):
                break
            callers = [e for e in self.run.by_frame_node.get((frame, call), ()) if e.seq > current.seq]
            if not callers:
                break
            current = callers[0]
            wrong = self._wrong_argument(current) if alike else None
            if wrong is not None:
                return wrong
        if other_function:
            return (self._chosen_function(current) if current is not event else None) or current
        return self._kept_under_a_name(event, current) or current

    def _chosen_function(self, call):
        """Where the function that a call names was chosen among several, in the same call of the function around it."""
        name = self.run.node(call).text.partition("(")[0].strip()
        return next((one for one in self.run.by_frame.get(call.frame, ())
                     if one.seq < call.seq and self.run.statement(one).target == name), None)  # fmt: skip

    def asked_for(self, event):
        """Of a right value out of a function that is called from several places: the call."""
        current = event
        for call, frame in self.run.calls_above(event.frame):
            callers = [one for one in self.run.by_frame_node.get((frame, call), ()) if one.seq > current.seq]
            by_adapter = self.run.nodes[call].file == self.run.adapter
            if not callers or by_adapter or not self.helpers.right_elsewhere(current):
                break
            current = callers[0]
        return current

    def _wrong_argument(self, call):
        """Where the one argument of a call was computed that the textbook does not know; None if there is not one."""
        unknown = {}
        for argument in self.run.operands(call):
            label, source = self.labels.get(argument.ref), self.run.computed_before(argument.ref, call.seq)
            fit = label is not None and label.right and not label.text.endswith("²")  # the squares are the loss's
            if not fit and self.run.value(argument).size > 1 and source is not None:
                unknown[argument.ref] = source
        sources = [source for source in unknown.values() if source.seq < call.seq]
        return self.first_unlabelled(sources[0]) if len(sources) == len(unknown) == 1 else None

    def _kept_under_a_name(self, event, call):
        """Where what a helper was given out of a list was put into that list, or under the helper's name for it.

        What is in a list that other statements read, too, is there by right.  Of a helper that may itself be wrong,
        only the name tells.
        """
        picked = [one for one in self.run.operands(call) if self.run.node(one).kind == "index"]
        same = [one for ref in {one.ref for one in picked} for one in self.run.by_ref.get(ref, ())]
        lists, here = {base_name(self.run.node(one).text) for one in picked}, self.run.node(call).stmt
        indices = [node for node in self.run.nodes.values() if node.kind == "index" and node.stmt != here]
        if any(base_name(node.text) in lists and node.id in self.run.by_node for node in indices):
            return None
        names = {self.run.node(one).text for one in same if one.frame == event.frame != call.frame}
        names |= lists if self.helpers.true_derivative(event) else set()
        copies = [one for one in same if one.seq < call.seq and one.frame != event.frame and self._puts_by(one, names)]
        return max(copies, key=lambda one: one.seq, default=None)

    def _puts_by(self, event, names: set[str]) -> bool:
        """The statement gives a value one of the names, an element of it, or a place at its end."""
        statement = self.run.statement(event)
        if self.run.node(event).kind in ("assign", "after") and statement.op is None:
            return base_name(statement.target) in names
        return statement.kind == "expr" and statement.text.partition(".append(")[0] in names

    def before_picking(self, event, same_name: bool = False):
        """A wrong value that was only taken out of a larger one is wrong where that was computed.

        With `same_name`, only where the larger one had the same name.
        """
        mine = self.labels.get(event.ref)
        while self.run.node(event).op in PICKS:
            operand = next(iter(self.run.operands(event)), None)
            label = self.labels.get(operand.ref) if operand is not None else None
            source = self.run.computed(operand.ref) if operand is not None else None
            if source is None or source.seq >= event.seq:
                break
            if same_name and self.run.statement(event).target != self.run.node(operand).text:
                break
            if label is not None and label.right and (mine is None or label.text != mine.text):
                break
            if self.run.node(source).file == self.run.adapter:
                break
            event = source
        return event
