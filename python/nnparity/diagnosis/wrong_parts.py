"""From a wrong factor to the line: where it was computed, prepared, handed back, or took another's place."""

from __future__ import annotations

import numpy as np

from nnparity.diagnosis.handing import Handing
from nnparity.diagnosis.labels import Label
from nnparity.diagnosis.makers import Makers
from nnparity.diagnosis.run import PICKS, READS, Run, base_name
from nnparity.diagnosis.trail import Trail


class WrongParts:
    """Points at events that gave one of the wrong intermediate values of a departure's formula."""

    def __init__(self, run: Run, labels: dict[int, Label], makers: Makers, trail: Trail, handing: Handing, signals):
        self.run, self.labels, self.makers, self.follower = run, labels, makers, makers.follower
        self.trail, self.handing, self.signals = trail, handing, signals

    def of(self, departure):
        """The event to blame for the innermost wrong part that was seen; None where there is none."""
        for part in map(np.asarray, departure.formula.parts):
            if self._is_textbook(part):
                event = self._returned_part(part, departure) or self._prepared(part, departure)
            else:
                events = self.makers.events_of(self.follower.present(part))
                event = self._computed(part, events[0], departure) if events else None
            if event is not None:
                return event
        return None

    def _computed(self, part: np.ndarray, event, departure):
        """The event to blame for a wrong part that an expression computed."""
        formula, helpers = departure.formula, self.trail.helpers
        if self._holds_a_signal(part):
            event = self._of_first_sample(part, event)
            return self.trail.innocent_caller(event) if helpers.right_for_its_input(event) else event
        named = self._given_the_name(event, departure)
        if named is not None:
            return named
        twice = formula.id == "derivative-of-activation" and helpers.never_right(event)
        if twice and not self._overwritten(event):
            return event
        asked = self._asked_with(event, formula)
        if asked is not None:
            return asked
        other_function = formula.id == "wrong-derivative"
        used = self.handing.beyond_the_loss(event, departure)
        return self._whole(used or self.trail.innocent_caller(event, other_function), departure)

    def _is_textbook(self, part: np.ndarray) -> bool:
        """A wrong part that stands in the right program too (softmax' own a(1 − a), say) says nothing of the place.

        It must be that right value, and not only hold it beside something else.
        """
        labels = [self.labels.get(hit.ref) for hit in self.follower.present(part).hits()]
        right = [label for label in labels if label is not None and label.right]
        t, sizes = self.follower.textbook, {f"A{layer}": signal.size for layer, signal in self.signals.items()}
        for layer, (weights, bias) in enumerate(zip(t.W, t.b, strict=True), start=1):
            sizes |= {f"W{layer}": weights.size, f"b{layer}": bias.size}
        return any(sizes.get(label.quantity, part.size) >= part.size for label in right)

    def _holds_a_signal(self, part: np.ndarray) -> bool:
        """A wrong part that is a signal beside a constant: it has the name of the signal, but is another value."""
        return any(signal.size < part.size and signal.shape[1:] == part.shape[1:]
                   and (np.array_equal(part[1:], signal) or np.array_equal(part[:-1], signal))
                   for signal in self.signals.values())  # fmt: skip

    def _of_first_sample(self, part: np.ndarray, event):
        """Of a matrix that a statement only filled row by row: what computed the first row."""
        rows = self.follower.index.find(part[:, 0]) if self.run.node(event).kind == "after" else []
        made = [one for hit in rows if hit.exact and (one := self.run.computed(hit.ref)) is not None]
        return min((one for one in made if one.seq < event.seq), key=lambda one: one.seq, default=event)

    def _given_the_name(self, event, departure):
        """The assignment that gave the operand in another's place its name, without computing anything."""
        refs = {hit.ref for used in departure.formula.used for hit in self.follower.present(used).hits()}
        texts = {self.labels[ref].text for ref in refs if ref in self.labels}  # of another order of the samples, too
        refs |= {ref for ref, label in self.labels.items() if label.text in texts}
        read = next((one for one in self.run.operands(event) if one.ref in refs), None)
        while read is not None:
            definition, call = self.run.definition(read), self.run.call_of(read.frame)
            if definition is not None:
                own = self.run.node(definition).file != self.run.adapter
                return definition if own and self.run.node(definition).op is None else None
            read = next((one for one in self.run.arguments(*call) if one.ref in refs), None) if call else None
        return None

    def _asked_with(self, event, formula):
        """The call that gave a function the operand in another's place, to take a difference of."""
        refs = {hit.ref for used in formula.used for hit in self.follower.present(used).hits()}
        given = any(one.ref in refs for one in self.run.given(event.frame))
        return self.run.asked_by(event) if given else None

    def _overwritten(self, event) -> bool:
        """A name that the call of a function hands over has another value than was assigned to it: changed in place."""
        for call, frame in self.run.calls_above(event.frame)[:1]:
            for read in self.run.arguments(call, frame):
                named = [one for one in self.run.by_target.get((self.run.node(read).text, frame), ())
                         if one.seq < read.seq and self.run.node(one).kind == "assign"]  # fmt: skip
                if named and named[-1].ref != read.ref:
                    return True
        return False

    def _whole(self, event, departure):
        """The wrong value itself, where the statement that computed a part of another size gives that value, too."""
        if self.run.value(event).size == departure.formula.value.size or not departure.seen.batch:
            return event
        mine = self.run.statement(event)
        return next((one for one in self.makers.events_of(departure.seen) if self.run.statement(one) is mine), event)

    def _returned_part(self, part, departure):
        """The return of a helper that hands the wrong factor to the expression which gives the wrong value."""
        refs = {hit.ref for hit in self.follower.present(part).hits()}
        for event in self.makers.events_of(departure.seen)[:1]:
            for operand in self.run.operands(event):
                if operand.ref in refs and self.run.node(operand).kind in READS:
                    definition, label = self.run.definition(operand), self.labels.get(operand.ref)
                    known = label is not None and label.right and bool(label.quantity)
                    made = self._returned_to(definition) if known else self.run.computed(operand.ref)
                    returned = made is not None and self.run.node(made).kind == "return" and made.frame != event.frame
                    if known and self._read_elsewhere(operand, definition):
                        continue
                    if returned and known and self.trail.helpers.right_elsewhere(made):
                        return definition  # another function is meant
                    if returned and not self.trail.helpers.right_for_its_input(made):
                        return made
                if operand.ref not in refs or self.run.node(operand).kind != "call":
                    continue
                for inner in self.run.by_ref.get(operand.ref, ()):
                    frame = self.run.frames.get(inner.frame)
                    called = frame is not None and frame.call_node == operand.node
                    helpers = self.trail.helpers
                    innocent = helpers.right_elsewhere(inner) or helpers.right_for_its_input(inner)
                    if called and self.run.node(inner).kind == "return" and not innocent:
                        return self._defined_in(inner) or inner
        return None

    def _returned_to(self, definition):
        """What a function gave back to the statement that calls it and keeps its value, which was there before."""
        first = self.run.computed(definition.ref) if definition is not None else None
        if first is None:
            return None
        for one in self.run.by_ref[definition.ref]:
            call = self.run.call_of(one.frame)
            here = call is not None and self.run.nodes[call[0]].stmt == self.run.node(definition).stmt
            again = first.seq < min(inner.seq for inner in self.run.by_frame[one.frame])
            if self.run.node(one).kind == "return" and here and again and one.seq < definition.seq:
                return one
        return None

    def _defined_in(self, event):
        """The last assignment to the name that a function returns, or to elements of it, in that function."""
        name = self.run.node(event).text
        named = [
            one
            for one in self.run.by_ref.get(event.ref, ())
            if one.frame == event.frame and one.seq < event.seq and self.run.node(one).kind in ("assign", "after")
            and base_name(self.run.statement(one).target) == name
        ]  # fmt: skip
        return named[-1] if named else None

    def _prepared(self, part, departure):
        """The assignment that prepared the wrong factor for the expression with the wrong value, for nothing else."""
        refs = {hit.ref for hit in self.follower.present(part).hits()}
        for event in self.makers.events_of(departure.seen)[:1]:
            reads = self.run.operands(event)
            reads += [inner for operand in reads for inner in self.run.operands(operand)]
            for read in reads:
                if read.ref not in refs or self.run.node(read).kind != "name":
                    continue
                definition = self.run.definition(read)
                if definition is None or definition.frame != event.frame:
                    continue
                label, op = self.labels.get(read.ref), self.run.node(definition).op
                if label is not None and label.quantity and op not in PICKS:
                    continue  # where a right quantity is computed is never to blame; where it is picked may be
                if op is None or departure.formula.id == "activation-as-derivative":  # a(1 − a) begins with a
                    continue
                if not self._read_elsewhere(read, definition):
                    return self._got_back(definition) or definition
        return None

    def _got_back(self, definition):
        """Of a value that an assignment gets from a function that only keeps it: what computed it, not for the loss."""
        made = self.run.computed(definition.ref) if self.run.node(definition).id in self.run.callers else None
        if made is None or not self.run.computes(made) or self.run.node(made).id in self.run.callers:
            return None
        return made if made.frame != definition.frame and made.seq in self.run.live else None

    def _read_elsewhere(self, read, definition) -> bool:
        """Another statement, too, reads the name to which a value was assigned."""
        mine = self.run.node(read)
        return definition is not None and any(
            node.kind == "name" and node.text == mine.text and definition.seq < other.seq and node.stmt != mine.stmt
            for other in self.run.by_ref[read.ref]
            for node in [self.run.node(other)]
        )
