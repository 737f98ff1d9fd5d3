"""From a wrong quantity to the line: the first statement whose operands are right and whose value is not."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnparity.diagnosis import textbook as book
from nnparity.diagnosis.follow import Seen
from nnparity.diagnosis.labels import Label
from nnparity.diagnosis.matching import normal_form, proportion
from nnparity.diagnosis.run import PICKS, READS, Run, base_name

#: Functions that only give a value another form.
FORMS = {"matrix", "as.matrix", "array", "as.vector", "as.numeric", "unlist", "t", "T", ".T", "copy", "reshape",
         "np.array", "np.asarray", "np.copy", "np.reshape"}  # fmt: skip


#: Operators whose value is their operand's, turned or put into a list, or tells of its shape alone.
HOLDS = {"t", ".T", "T", "list", "tuple", "dict", "dim", "nrow", "ncol", "length", "len", "np.shape", "np.zeros_like",
         "np.ones_like", "np.empty_like"}  # fmt: skip
#: Calls in the source that make a function one of a general kind, as the addition of a number with a gradient.
ENGINE = 3
SMOOTH = ("sigmoid", "tanh", "softplus", "elu", "gelu", "silu")
MATRIX_PRODUCTS = {"@", "%*%", "np.dot", "dot", "np.matmul", "crossprod", "tcrossprod"}


class Blamer:
    """Points at events of one recorded run."""

    def __init__(self, run: Run, labels: dict[int, Label], follower, signals=None, deltas=None):
        self.signals: dict[int, np.ndarray] = signals or {}
        self.deltas: dict[int, np.ndarray] = deltas or {}
        self.run = run
        self.labels = labels
        self.follower = follower

    # -- where a value is computed ----------------------------------------------------------------------------------

    def events_of(self, seen: Seen) -> list:
        """The computing events of the hits, in order; names, indices and the adapter's copies do not compute."""
        events = []
        for hit in self._likeliest(seen.hits()):
            first = self.run.computed(hit.ref)
            if first is not None:
                events.append(first)
        own = [event for event in events if self.run.node(event).file != self.run.adapter]
        events = sorted(own or events, key=lambda event: event.seq)
        return self._of_every_sample(seen, events) or events

    def _likeliest(self, hits: list) -> list:
        """The hits of the value itself, or with a factor that networks have; else all."""
        return [hit for hit in hits if self.follower.index.is_known(hit.factor)] or hits

    def _of_every_sample(self, seen: Seen, events: list) -> list:
        """The events of the one expression that gave every sample's value, where the first events gave only some.

        Where a target is zero, a − y is a: of some samples another expression has the value too.
        """
        if not seen.samples or not events:
            return []
        made: dict[int, dict[int, Any]] = {}
        for i, hits in seen.samples:
            for hit in hits:
                for event in self.run.by_ref.get(hit.ref, ()):
                    if self.run.node(event).kind not in READS and self.run.node(event).file != self.run.adapter:
                        made.setdefault(event.node, {}).setdefault(i, event)
        first = len(made.get(events[0].node, ()))
        best = max(made.values(), key=lambda by_sample: (len(by_sample), -min(e.seq for e in by_sample.values())),
                   default={})  # fmt: skip
        return sorted(best.values(), key=lambda event: event.seq) if len(best) > first else []

    def wrong_value(self, departure) -> object | None:
        """The event to blame for a departure that was recognised by its value."""
        formula = departure.formula
        if formula.text == "?":
            events = self.events_of(departure.seen)
            return self._innocent_helper(self.first_unlabelled(events[0])) if events else None
        if formula.id == "np-alias" and not formula.parts:
            return self._one_row_repeated(formula.value)
        if formula.id == "np-alias" and formula.parts:
            for event in self.run.events:
                if self.run.node(event).kind == "after" and event.ref in {
                    hit.ref for hit in self.follower.present(np.asarray(formula.parts[0])).hits()
                }:
                    return event
        for part in formula.parts:
            if self._is_textbook(part, departure):
                event = self._returned_part(part, departure) or self._prepared(part, departure)
                if event is not None:
                    return event
                continue
            events = self.events_of(self.follower.present(np.asarray(part)))
            if events:
                return self._beyond_the_loss(events[0], departure) or self._innocent_helper(events[0])
        events = self.events_of(departure.seen)
        if not events:
            return None
        if formula.omits:
            unused = self._unused(departure)
            if unused is not None:
                return unused
        one_by_one = len(departure.seen.samples) == self.follower.textbook.m
        whole = formula.factors and departure.seen.batch and not one_by_one  # the gradient itself was seen
        if whole:
            events = self.events_of(Seen(departure.seen.batch, (), (), 1.0)) or events
        elif formula.omits:
            start = self._empty_start(events[0]) if formula.id == "bias-missing" else None
            if departure.quantity[0] == "A":
                use = self._use_of_part(events[0], formula.value)
                handed = self._handed_on(use, formula.value) if use is not None else None
                if handed is not None:
                    return handed
            omission = start or self._before_picking(self._omission(events[0], departure), same_name=True)
            return self._above_the_engine(omission) if self.run.value(omission).size == 1 else omission
        if departure.quantity.startswith("db") and formula.factors:
            refs = {hit.ref for signal in formula.factors for hit in self.follower.present(signal).hits()}
            copy = self._copied(refs, self._of_delta(departure) or events[0], None, None)
            gradients = self.events_of(Seen(departure.seen.batch, (), departure.seen.sums, 1.0))
            if copy is not None or gradients:
                return copy or gradients[0]
        label = self.labels.get(events[0].ref)
        if label is not None and label.right and label.quantity[:1] in ("A", "Z", "Y") and departure.quantity[0] == "d":
            return self._wrong_use(events[0], departure) or events[0]
        beyond = self._beyond_the_loss(events[0], departure)
        if beyond is not None:
            return beyond
        helper = self._wrong_matrix(events[0])
        if helper is not None:
            return helper
        if formula.id == "batch-lost":
            return self._begun_with_zeros(departure) or self._last_store(departure) or events[0]
        forward = departure.phase == "forward" and formula.used
        handed = self._handed_on(events[0], formula.used[0]) if forward else None
        if handed is not None:
            return handed
        return self._chosen(events[0], departure) or self._innocent_helper(self._before_picking(events[0]))

    def _one_row_repeated(self, value: np.ndarray):
        """The list of zeros that holds one row several times."""
        zeros = [
            event
            for event in self.run.events
            if self.run.node(event).kind == "assign" and self.run.value(event).shape == value.shape
            and not np.any(self.run.value(event)) and self.run.node(event).op == "*"
        ]  # fmt: skip
        return zeros[-1] if zeros else None

    def _unused(self, departure):
        """The assignment of the right value, made of the one that lacks a factor, that nothing reads thereafter."""
        wrong = {hit.ref for hit in departure.seen.hits()}
        for hit in self.follower.present(departure.right.value).hits():
            events = self.run.by_ref.get(hit.ref, ())
            made = [one for one in events if self.run.node(one).kind in ("assign", "after") and self.run.node(one).op]
            read = any(self.run.node(one).kind in READS for one in events)
            for event in [] if read else made:
                if any(operand.ref in wrong for operand in self.run.operands(event)):
                    return event
        return None

    def _of_delta(self, departure):
        """The first event that computed the right delta of a departure's layer."""
        delta = self.follower.present(self.deltas[departure.layer]) if departure.layer in self.deltas else Seen()
        return next(iter(self.events_of(delta)), None)

    def _beyond_the_loss(self, event, departure):
        """The use, as a delta, of a term of the loss: the term is right where the sum of all of them is taken."""
        if departure.formula.id != "squared-error-as-delta" or self.run.value(event).size < 2:
            return None
        labels = [self.labels.get(operand.ref) for operand in self.run.operands(event)]
        if any(label is not None and "′" in label.text for label in labels):
            return None
        summed = any(
            self.run.value(other).size == 1 and any(operand.ref == event.ref for operand in self.run.operands(other))
            for other in self.run.events
            if other.seq > event.seq and self.run.node(other).kind not in READS
        )
        use = self._use_of({event.ref}, event.seq, departure.quantity) if summed else None
        return use[0] if use is not None else None

    def _wrong_matrix(self, event):
        """Where a helper computed the square matrix, unknown to the textbook, by which an expression multiplies.

        A helper that is right for what it is given is not to blame.
        """
        if self.run.node(event).op not in MATRIX_PRODUCTS:
            return None
        for operand in self.run.operands(event):
            shape, source = self.run.value(operand).shape, self.run.computed(operand.ref)
            square = len(shape) == 2 and shape[0] == shape[1] > 1
            if square and self.labels.get(operand.ref) is None and source is not None and source.frame != event.frame:
                return None if self._right_for_its_input(source) else source
        return None

    def _before_picking(self, event, same_name: bool = False):
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

    def _wrong_use(self, event, departure):
        """A right value is not to blame where it was defined: the expression that uses it as something else is."""
        value = departure.formula.value
        signal = self.signals.get(departure.layer - 1)
        if value.ndim != 2 or signal is None or value.shape[1] != signal.shape[1]:
            return None
        uses = [*self.events_of(self.follower.present(value @ signal.T))]
        uses += self.events_of(self.follower.present(np.outer(value[:, 0], signal[:, 0])))
        later = [use for use in uses if use.seq > event.seq]
        use = min(later, key=lambda use: use.seq) if later else None
        return self._renamed(use, {hit.ref for hit in self.follower.present(value).hits()}) or use if use else None

    def _renamed(self, use, refs: set[int]):
        """The assignment that hands a value on, as it is, under the name by which an expression uses it."""
        operands = self.run.operands(use)
        for operand in [*operands, *[inner for one in operands for inner in self.run.operands(one)]]:
            if operand.ref in refs and self.run.node(operand).kind == "name":
                definition = self.run.definition(operand)
                if definition is None:
                    continue
                scaled = any(one.ref in refs for one in self.run.operands(definition))
                if scaled or self.run.node(definition).op is None:
                    return definition
        return None

    def _begun_with_zeros(self, departure):
        """The assignment, once for each sample, to what began as zeros, to which the samples should be added."""
        value, index = departure.formula.value, self.follower.index
        numbers = [hit for column in index.numbers(value) for hit in column]
        for ref in {hit.ref for hit in [*departure.seen.hits(), *index.inside(value), *numbers]}:
            for event in self.run.by_ref.get(ref, ()):
                node, target = self.run.node(event), base_name(self.run.statement(event).target)
                if node.kind not in ("assign", "after") or node.file == self.run.adapter or not target:
                    continue
                again = sum(1 for other in self.run.by_node[event.node] if other.path == event.path)
                if again < self.follower.textbook.m:
                    continue
                begun = any(
                    one.seq < event.seq and one.frame == event.frame and not np.any(self.run.value(one))
                    and base_name(self.run.statement(one).target) == target and self.run.node(one).kind == "assign"
                    for one in self.run.events
                )  # fmt: skip
                if begun:
                    return event
        return None

    def _last_store(self, departure):
        """The statement that stores one sample's gradient where the sum over the samples belongs."""
        best = None
        for hit in departure.seen.hits():
            for event in self.run.by_ref.get(hit.ref, ()):
                node = self.run.node(event)
                if sum(other.path == event.path for other in self.run.by_node[event.node]) < self.follower.textbook.m:
                    continue  # not in the loop over the samples
                if (
                    node.kind not in ("assign", "after")
                    or node.file == self.run.adapter
                    or node.op in ("%*%", "@", "*", "outer")
                ):
                    continue
                if node.kind == "assign" and node.op not in (None, *PICKS, *FORMS) and event.path == "":
                    continue
                if best is None or event.seq > best.seq:
                    best = event
        return best

    def _use_of_part(self, event, signal: np.ndarray):
        """The first product, after an event, of an array that holds a signal, beside a constant perhaps."""
        refs = {hit.ref for hit in [*self.follower.present(signal).batch, *self.follower.index.inside(signal)]}
        for later in self.run.events:
            product = self.run.node(later).op in MATRIX_PRODUCTS and later.seq > event.seq and later.ref not in refs
            if product and any(operand.ref in refs for operand in self.run.operands(later)):
                return later
        return None

    def _handed_on(self, event, signal: np.ndarray):
        """The statement that put the wrong signal where a layer's input is read from."""
        hits = [*self.follower.present(signal).batch, *self.follower.index.inside(signal)]
        refs = {hit.ref for hit in hits}
        operands = self.run.operands(event)
        operands += [inner for operand in operands for inner in self.run.operands(operand)]
        names = {base_name(self.run.node(operand).text) for operand in operands if operand.ref in refs}
        made = min((one.seq for ref in refs for one in self.run.by_ref.get(ref, ())), default=0)
        stores = [
            one
            for ref in refs
            for one in self.run.by_ref.get(ref, ())
            if made < one.seq < event.seq and self.run.node(one).kind in ("assign", "after")
            and self.run.node(one).file != self.run.adapter and base_name(self.run.statement(one).target) in names
            and (self.run.statement(one).op is None or self.run.statement(one).op in PICKS)
        ]  # fmt: skip
        return max(stores, key=lambda one: one.seq, default=None)

    def _chosen(self, event, departure):
        """The statement that put the wrong one of two values into a name whose expression is right for that name."""
        refs = {hit.ref for used in departure.formula.used for hit in self.follower.present(used).hits()}
        reads = [operand for operand in self.run.operands(event) if operand.ref in refs]
        for operand in list(reads):
            reads += [inner for inner in self.run.operands(operand) if inner.ref in refs]
        for read in reads:
            if self.run.node(read).kind != "name":
                continue
            definition = self.run.definition(read)
            if definition is not None and self.run.node(definition).op in ("if", "ifelse", "switch"):
                return definition
        return None

    def _prepared(self, part, departure):
        """The assignment that prepared the wrong factor for the expression with the wrong value, for nothing else."""
        refs = {hit.ref for hit in self.follower.present(np.asarray(part)).hits()}
        for event in self.events_of(departure.seen)[:1]:
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
                if op is None:
                    continue
                text = self.run.node(read).text
                others = [
                    other
                    for other in self.run.by_ref[read.ref]
                    if self.run.node(other).text == text
                    and self.run.node(other).kind == "name"
                    and definition.seq < other.seq < event.seq
                    and self.run.node(other).stmt != self.run.node(read).stmt
                ]
                if not others:
                    return definition
        return None

    def _returned_part(self, part, departure):
        """The return of a helper that hands the wrong factor to the expression which gives the wrong value."""
        refs = {hit.ref for hit in self.follower.present(np.asarray(part)).hits()}
        for event in self.events_of(departure.seen)[:1]:
            for operand in self.run.operands(event):
                if operand.ref not in refs or self.run.node(operand).kind != "call":
                    continue
                for inner in self.run.by_ref.get(operand.ref, ()):
                    frame = self.run.frames.get(inner.frame)
                    called = frame is not None and frame.call_node == operand.node
                    innocent = self._right_elsewhere(inner) or self._right_for_its_input(inner)
                    if called and self.run.node(inner).kind == "return" and not innocent:
                        return self._defined_in(inner) or inner
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

    def _is_textbook(self, part: np.ndarray, departure) -> bool:
        """A wrong part that stands in the right program too (softmax' own a(1 − a), say) says nothing of the place."""
        return any(
            self.labels.get(hit.ref) is not None and self.labels[hit.ref].right
            for hit in self.follower.present(part).hits()
        )

    def _empty_start(self, event):
        """The zero from which a sum goes on number by number: there the bias could have stood."""
        target = self.run.statement(event).target
        if not target or self.run.value(event).size != 1:
            return None
        zeros = [
            one
            for one in self.run.events
            if one.seq < event.seq and one.frame == event.frame and self.run.node(one).kind == "assign"
            and self.run.statement(one).target == target and self.run.value(one).size == 1
            and not np.any(self.run.value(one))
        ]  # fmt: skip
        return zeros[-1] if zeros else None

    # -- a value that is right as such, but used where more was due --------------------------------------------------

    def _omission(self, event, departure):
        """The use decides: the definition of the name used too early, else the expression that uses the value."""
        hits = departure.seen.hits()
        refs = {hit.ref for hit in hits if abs(abs(hit.factor) - 1) < 1e-9} or {hit.ref for hit in hits}
        use = self._use_of(refs, event.seq, departure.quantity)
        if use is None:
            gradient = departure.quantity[:2] in ("dW", "db")
            return (self._copied(refs, event, None, None) if gradient else None) or event
        consumer, operand = use
        while self.run.node(operand).kind not in READS:  # what only hands on its argument, as a clip that never bites
            inner = next((one for one in self.run.operands(operand) if one.ref in refs), None)
            if inner is None:
                break
            operand = inner
        idle = self._changed_nothing(refs, event, consumer)
        if idle is not None:
            return idle
        passed = self._passed_on(refs, event, consumer) or self._copied(refs, event, consumer, operand)
        if passed is not None:
            return passed
        if self.run.node(operand).kind not in READS:
            return operand
        definition = self.run.definition(operand)
        if definition is not None:
            return self._inside(definition, refs) or definition
        for call, frame in self.run.calls_above(operand.frame):  # an argument
            if event.frame == frame:
                for argument in self.run.arguments(call, frame):
                    if argument.ref in refs:
                        if self.run.node(argument).kind in READS:
                            origin = self.run.definition(argument)
                            return origin or event
                        return argument
        return consumer if event.frame != consumer.frame else event

    def _changed_nothing(self, refs: set[int], event, consumer):
        """A partial assignment, between computation and use, that left the value as it was: a mask that never bites."""
        idle = [
            other
            for ref in refs
            for other in self.run.by_ref.get(ref, ())
            if self.run.node(other).kind == "after"
            and event.seq < other.seq < consumer.seq
            and self.run.node(other).file != self.run.adapter
            and self._partial(other)
        ]
        return max(idle, key=lambda other: other.seq) if idle else None

    def _partial(self, event) -> bool:
        """The statement assigns to some elements chosen by a condition."""
        target = self.run.statement(event).target or ""
        base = target.split("[")[0].strip()
        if "[" not in target:
            return False
        return any(
            other.seq < event.seq and self.run.statement(other).target == base
            for other in self.run.by_ref.get(event.ref, ())
        )

    def _passed_on(self, refs: set[int], event, consumer):
        """A function that only hands on what it was given, between the computation and the use."""
        for ref in refs:
            for other in self.run.by_ref.get(ref, ()):
                node = self.run.node(other)
                if not event.seq < other.seq < consumer.seq or other.frame == event.frame:
                    continue
                if node.kind not in ("assign", "after", "return") or node.file == self.run.adapter:
                    continue
                if node.kind == "return":
                    if self.run.children.get(node.id) or "(" in node.text:
                        continue
                elif other.frame == consumer.frame:  # what stores its argument where it is used
                    continue
                frame = self.run.frames.get(other.frame)
                if frame is None:
                    continue
                if any(argument.ref == ref for argument in self.run.given(other.frame)):
                    return other
        return None

    def _copied(self, refs: set[int], event, consumer, operand):
        """The assignment that only gave the value another name, from which the use has it; the first of several."""
        node = self.run.node(operand) if operand is not None else None
        if node is not None and node.kind not in READS:
            return None
        copies = [
            other
            for ref in refs
            for other in self.run.by_ref.get(ref, ())
            if self.run.node(other).kind in ("assign", "after")
            and event.seq < other.seq
            and (consumer is None or other.seq < consumer.seq)
            and self.run.node(other).file != self.run.adapter
            and self.run.statement(other) is not self.run.statement(event)
            and self._is_copy(other)
        ]
        definition = self.run.definition(operand) if node is not None and node.kind == "name" else None
        if node is not None and definition is not None:
            copies = [other for other in copies if other.seq <= definition.seq]
            if not any(self.run.statement(other).target == node.text for other in copies):
                return None
        last = max(copies, key=lambda other: other.seq, default=None)
        while last is not None:
            source = self.run.statement(last).text
            earlier = [other for other in copies if other.seq < last.seq and self.run.statement(other).target == source]
            if not earlier and self._from_elsewhere(refs, source, last):
                earlier = [other for other in copies if other.seq < last.seq]
            if not earlier:
                break
            last = earlier[-1]
        return self._added_as_it_is(refs, last) or last if last is not None else None

    def _added_as_it_is(self, refs: set[int], copy):
        """The statement, after a copy, that adds the copy by its name to a zero: there the factor belongs."""
        name = self.run.statement(copy).target
        for ref in refs:
            for other in self.run.by_ref.get(ref, ()):
                node = self.run.node(other)
                if node.kind == "after" and node.op == "+=" and other.frame == copy.frame and other.seq > copy.seq:
                    code = self.run.statement(other).code or ""
                    if code.partition("+=")[2].strip() == name:
                        return other
        return None

    def _from_elsewhere(self, refs: set[int], source: str, copy) -> bool:
        """The value was taken out of a list into which no assignment of it is seen, as with append."""
        if self.run.statement(copy).op not in PICKS:
            return False
        base = base_name(source)
        stores = [one for ref in refs for one in self.run.by_ref.get(ref, ()) if one.seq < copy.seq]
        return not any((self.run.statement(one).target or "").startswith(base) for one in stores)

    def _is_copy(self, event) -> bool:
        """The statement assigns what another name, or an element of it, holds."""
        statement = self.run.statement(event)
        goes_on = any(node.stmt == statement.id and node.op in ("+=", "-=") for node in self.run.nodes.values())
        return bool(statement.target) and not goes_on and (statement.op is None or statement.op in PICKS)

    def _inside(self, definition, refs):
        """The event, in a function an assignment called, that computed the value; None where it computed it itself."""
        statement = self.run.statement(definition)
        calls = {id for id, node in self.run.nodes.items() if node.stmt == statement.id and node.kind == "call"} | {
            statement.id
        }
        for event in self.run.by_ref.get(definition.ref, ()):
            if event.seq < definition.seq and self.run.node(event).kind not in READS:
                for call, frame in self.run.calls_above(event.frame):
                    if call in calls and frame == definition.frame:
                        return event
        return None

    def _use_of(self, refs: set[int], after: int, quantity: str):
        """The first expression that takes one of the values as an operand and makes something else of it.

        What makes a right value of it is no such use: an intermediate step, or the delta where a gradient is wrong.
        """
        used_rightly = {f"delta{quantity[2:]}"} if quantity[:2] in ("dW", "db") else {""}
        for event in self.run.events:
            if event.seq <= after or event.ref in refs or self.run.node(event).kind in READS:
                continue
            if event.node in self.run.callers:
                continue
            number = self.run.value(event).size < 2
            for operand in self.run.operands(event):
                if number and self.run.value(operand).size > 1:
                    continue
                if operand.ref in refs and self.run.node(event).op not in HOLDS:
                    label = self.labels.get(event.ref)
                    if label is not None and label.right and label.quantity in used_rightly:
                        continue
                    return event, operand
        return None

    # -- helpers -----------------------------------------------------------------------------------------------------

    def _above_the_engine(self, event):
        """What a function that adds any two numbers was asked to add is a matter of its callers."""
        current = event
        while current.frame in self.run.frames:
            mine = self.run.frames[current.frame]
            calls = {frame.call_node for frame in self.run.frames.values() if (frame.fun, frame.file, frame.line)
                     == (mine.fun, mine.file, mine.line)}  # fmt: skip
            call = self.run.call_of(current.frame)
            if call is None or len(calls) < ENGINE:
                break
            later = [one for one in self.run.by_frame_node.get((call[1], call[0]), ()) if one.seq > current.seq]
            if not later:
                break
            current = later[0]
        return current

    def _innocent_helper(self, event):
        """A helper that is right for what it was given is not to blame: its caller is."""
        current = event
        for call, frame in self.run.calls_above(event.frame):
            alike = self._right_elsewhere(current)
            if not (alike or self._right_for_its_input(current)):
                break
            callers = [e for e in self.run.by_frame_node.get((frame, call), ()) if e.seq > current.seq]
            if not callers:
                break
            current = callers[0]
            wrong = self._wrong_argument(current) if alike else None
            if wrong is not None:
                return wrong
        return self._kept_under_a_name(event, current) or current

    def _kept_under_a_name(self, event, call):
        """Where what a helper was given out of a list was put into that list, or under the helper's name for it."""
        picked = [one for one in self.run.operands(call) if self.run.node(one).kind == "index"]
        same = [one for ref in {one.ref for one in picked} for one in self.run.by_ref.get(ref, ())]
        names = {self.run.node(one).text for one in same if one.frame == event.frame != call.frame}
        names |= {base_name(self.run.node(one).text) for one in picked}
        copies = [one for one in same if one.seq < call.seq and one.frame != event.frame and self._puts_by(one, names)]
        return max(copies, key=lambda one: one.seq, default=None)

    def _puts_by(self, event, names: set[str]) -> bool:
        """The statement gives a value one of the names, an element of it, or a place at its end."""
        statement = self.run.statement(event)
        if self.run.node(event).kind in ("assign", "after") and statement.op is None:
            return base_name(statement.target) in names
        return statement.kind == "expr" and statement.text.partition(".append(")[0] in names

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

    def true_derivative(self, event) -> bool:
        """The value is the derivative of an activation at something that the helper received."""
        return self._right_for_its_input(event, by_output=False)

    def _right_for_its_input(self, event, by_output: bool = True) -> bool:
        """The value is an activation, or the derivative of one, of something that the helper received.

        With `by_output`, also the derivative by what the activation gave, or what the activation itself gives.
        """
        value = normal_form(self.run.value(event))
        function = self.run.frames.get(event.frame)
        if function is None or function.fun is None:
            return False
        for seen in self.run.given(event.frame):
            given = normal_form(self.run.value(seen))
            square = value.shape == (given.size, given.size) and given.ndim == 1 and given.size > 1
            if square and _jacobian(value, given):
                return True
            if given.shape != value.shape or value.size == 0 or self._among_others(seen):
                continue
            column = given.reshape(given.shape[0] if given.ndim else 1, -1)
            forms = [book.activation_slope(name, column) for name in SMOOTH]
            if by_output and value.ndim == 2:
                forms += [book.softmax_over(column, 0), book.softmax_over(column, 1)]
            if by_output:
                forms += [column * (1 - column), 1 - column**2, *(book.activation_value(n, column) for n in SMOOTH)]
            for known in forms:
                factor = proportion(value.reshape(column.shape), known)
                if factor is not None and (value.size > 1 or abs(factor - 1) < 1e-12):
                    return True
        return False

    def _among_others(self, argument) -> bool:
        """The argument is a list, and this is one of its elements: they were read one after the other."""
        around = self.run.by_frame_node.get((argument.frame, argument.node), ())
        return any(abs(other.seq - argument.seq) == 1 for other in around)

    def _right_elsewhere(self, event) -> bool:
        """Another call of the same function gave, at the same place, a value that the textbook knows."""
        mine = self.run.frames.get(event.frame)
        if mine is None or mine.fun is None or mine.call_node is None:
            return False
        number = self.run.value(event).size < 2
        calls = set()
        for other in self.run.by_node.get(event.node, ()):
            frame = self.run.frames.get(other.frame)
            if other.frame != event.frame and frame is not None and frame.call_node != mine.call_node:
                label = self.labels.get(other.ref)
                telling = label is not None and label.right and (self.run.value(other).size > 1 or number)
                if telling and (label.quantity or not number):
                    calls.add(frame.call_node)
        return len(calls) >= (2 if number else 1)  # numbers are added and multiplied everywhere

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
                number = self.run.node(current).kind == "after" or self.run.value(current).size == 1
                if (label is not None and label.right) or not self._telling(value, number):
                    continue
                source = self.run.computed_before(operand.ref, current.seq)
                if source is None and value.size == 1:
                    source = self.run.stored(float(value.ravel()[0]))
                if source is not None and self.run.node(source).file == self.run.adapter != self.run.node(current).file:
                    continue
                helper = source is not None and source.frame != current.frame
                if helper and self._right_for_its_input(source):
                    continue
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
        if self.run.node(event).kind == "after":
            root = self.run.operand(event, self.run.node(event).stmt)
            operands = [root] if root is not None else operands
        if not operands:
            for other in self.run.by_ref.get(event.ref, ()):
                if other.seq < event.seq and self.run.operands(other):
                    return self.run.operands(other)
        return operands

    @staticmethod
    def _telling(value: np.ndarray, number: bool) -> bool:
        """Whether an operand may carry a fault on: no constant; a single number only into a number."""
        finite = value[np.isfinite(value)]
        if value.size < 2:
            return number and finite.size == 1 and float(finite.ravel()[0]) != round(float(finite.ravel()[0]), 3)
        return bool(np.ptp(finite) > 0) if finite.size else True


def _jacobian(value: np.ndarray, given: np.ndarray) -> bool:
    """Whether a square matrix is softmax' Jacobian at what was given, or of what softmax gave."""
    return any(
        proportion(value, np.diag(p) - np.outer(p, p)) is not None
        for p in (given, book.activation_value("softmax", given.reshape(-1, 1)).ravel())
    )
