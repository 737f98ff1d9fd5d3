"""A value that is right as such, but used where more was due: its way from where it is computed to its use."""

from __future__ import annotations

import numpy as np

from nnparity.diagnosis.labels import Label
from nnparity.diagnosis.lists import Lists
from nnparity.diagnosis.run import PICKS, READS, Run, base_name

#: Operators whose value is their operand's, turned or put into a list, or tells of its shape alone.
HOLDS = {"t", ".T", "T", "list", "tuple", "dict", "dim", "nrow", "ncol", "length", "len", "np.shape", "np.zeros_like",
         "np.ones_like", "np.empty_like"}  # fmt: skip
MATRIX_PRODUCTS = {"@", "%*%", "np.dot", "dot", "np.matmul", "crossprod", "tcrossprod"}


class Handing:
    """Follows values through the names, lists and functions of one recorded run."""

    def __init__(self, run: Run, labels: dict[int, Label], follower):
        self.run, self.labels, self.follower = run, labels, follower
        self.lists = Lists(run, labels)

    def omission(self, event, departure):
        """The use decides: the definition of the name used too early, else the expression that uses the value."""
        hits = departure.seen.hits()
        refs = {hit.ref for hit in hits if abs(abs(hit.factor) - 1) < 1e-9} or {hit.ref for hit in hits}
        refs = refs & {one.ref for one in self.run.by_node[event.node]} or refs  # where a target is zero, a − y is a
        use, scaled = self.use_of(refs, event.seq, departure.quantity), {hit.ref for hit in hits}
        if use is not None and self.run.node(use[0]).file == self.run.adapter:  # which scales it and hands it over
            refs = scaled
            use = self.use_of(refs, event.seq, departure.quantity)
        while use is not None and use[0].ref in scaled - refs and departure.quantity.startswith("delta"):
            refs |= scaled & {one.ref for one in self.run.by_node[use[0].node]}
            use = self.use_of(refs, event.seq, departure.quantity)
        gradient = departure.quantity[:2] in ("dW", "db")
        if use is not None and gradient and self.run.node(use[0]).file == self.run.adapter:
            copy = self.copied(refs, event, None, None)
            if copy is not None:
                return copy
        if use is None:
            copy = self.copied(refs, event, None, None) if gradient else self.lists.copied_by_number(event)
            return copy or event
        consumer, operand = use
        while self.run.node(operand).kind not in READS:  # what only hands on its argument, as a clip that never bites
            inner = next((one for one in self.run.operands(operand) if one.ref in refs), None)
            if inner is None:
                break
            operand = inner
        idle = self.changed_nothing(refs, event, consumer)
        if idle is not None:
            return idle
        beside = self._beside_the_activation(refs, event, consumer, departure)
        if beside is not None:
            return beside
        passed = self._passed_on(refs, event, consumer, departure.formula.id == "bias-missing")
        if departure.formula.id != "bias-missing":  # which belongs to the sum, whatever that is called then
            passed = passed or self.copied(refs, event, consumer, operand)
        passed = self.lists.put_among_deltas(refs, event, consumer, departure) or passed
        if passed is not None:
            return passed
        if self.run.node(operand).kind not in READS:
            return event if departure.formula.id == "bias-missing" and self._had_bias(event, departure) else operand
        definition = self.run.definition(operand)
        if definition is not None and self.run.node(definition).file == self.run.adapter:
            return consumer  # the adapter hands it over as it should
        called = [self.run.nodes[call].stmt for call, _ in self.run.calls_above(event.frame)]
        if definition is not None and departure.formula.id == "bias-missing" and self.run.is_copy(definition):
            return definition if self.run.node(definition).stmt in called else event
        if departure.quantity[:2] in ("dW", "db") and self._is_known(f"delta{departure.layer}"):
            # The delta was there to be used.
            return self.lists.put_beside(refs, consumer.seq, departure.layer) or consumer
        if definition is not None:
            return self._inside(definition, refs) or definition
        for call, frame in self.run.calls_above(operand.frame):  # an argument
            if event.frame == frame:
                for argument in self.run.arguments(call, frame):
                    if argument.ref in refs:
                        if self.run.nodes[call].file == self.run.adapter:
                            return consumer  # the adapter hands it over as it should
                        if self.run.node(argument).kind in READS:
                            origin = self.run.definition(argument)
                            return origin or event
                        return argument
        elsewhere = event.frame != consumer.frame and departure.formula.id != "bias-missing"
        return consumer if elsewhere else event

    def _had_bias(self, event, departure) -> bool:
        """The function that computed a sum without its bias was given the bias, or gets what it needs by itself."""
        given = [self.labels.get(one.ref) for one in self.run.given(event.frame)]
        return not given or any(label is not None and label.quantity == f"b{departure.layer}" for label in given)

    def _is_known(self, quantity: str) -> bool:
        """A right value of a quantity was recorded."""
        return any(label.right and label.quantity == quantity for label in self.labels.values())

    def mask_of_ones(self, departure):
        """Where a factor of a delta was computed from its layer's sum or activation, and came out one everywhere."""
        right, own = departure.right.value, {f"A{departure.layer}", f"Z{departure.layer}"}
        for event in self.run.events:
            node, value = self.run.node(event), self.run.value(event)
            if node.kind in READS or node.op in HOLDS or node.file == self.run.adapter:
                continue
            if value.size in (right.shape[0], right.size) and value.size > 1 and np.all(value == 1):
                labels = [self.labels.get(operand.ref) for operand in self.run.operands(event)]
                if any(label is not None and label.right and label.quantity in own for label in labels):
                    return event
        return None

    def _beside_the_activation(self, refs: set[int], event, consumer, departure):
        """The hand-over in a function defined inside of the one that computed the layer's activation, as in engines."""
        if not departure.quantity.startswith("delta"):
            return None
        name = f"A{departure.layer}"
        for ref in [ref for ref, label in self.labels.items() if label.right and label.text == name]:
            made = self.run.computed(ref)
            forward = self.run.frames.get(made.frame) if made is not None else None
            if made is None or forward is None or forward.fun is None:
                continue
            function = (self.run.node(made).file, self.run.node(made).fun)
            last = max(node.end_line for node in self.run.nodes.values() if (node.file, node.fun) == function)
            inside = {
                id
                for id, frame in self.run.frames.items()
                if frame.file == forward.file and forward.line < (frame.line or 0) < last
            }
            handed = [
                one
                for value in refs
                for one in self.run.by_ref.get(value, ())
                if one.frame in inside and event.seq < one.seq < consumer.seq
            ]
            if handed:
                return max(handed, key=lambda one: one.seq)
        return None

    def changed_nothing(self, refs: set[int], event, consumer):
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

    def _passed_on(self, refs: set[int], event, consumer, returned: bool):
        """A function that only hands on what it was given, between the computation and the use.

        With `returned`, one that gives it back at once, and not one that keeps it.
        """
        for ref in refs:
            for other in self.run.by_ref.get(ref, ()):
                node = self.run.node(other)
                if not event.seq < other.seq < consumer.seq or other.frame == event.frame:
                    continue
                if node.kind not in ("assign", "after", "return") or node.file == self.run.adapter:
                    continue
                if returned and node.kind != "return":
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

    def copied(self, refs: set[int], event, consumer, operand):
        """The assignment that only gave the value another name, from which the use has it; the first of several."""
        node = self.run.node(operand) if operand is not None else None
        if node is not None and node.id in self.run.callers:
            node = operand = None  # what a function of the candidate gave back has its names in there
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
            and self.run.is_copy(other)
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

    def put_as_it_is(self, event, use):
        """The last statement between a value's computation and its use that only puts its name somewhere."""
        puts = []
        for one in self.run.by_ref.get(event.ref, ()):
            node, statement = self.run.node(one), self.run.statement(one)
            if one.seq <= event.seq or (use is not None and one.seq >= use.seq) or one.frame != event.frame:
                continue
            appended = statement.kind == "expr" and statement.text.endswith(f".append({node.text})")
            if appended or (node.kind in ("assign", "after") and statement.op is None and statement.target):
                puts.append(one)
        return max(puts, key=lambda one: one.seq, default=None)

    def named_again(self, event):
        """The assignment, in the function that computed a value, that only gives it another name or another form."""
        mine = self.run.statement(event).target
        again = [
            other
            for other in self.run.by_ref.get(event.ref, ())
            if other.seq > event.seq and other.frame == event.frame and self.run.node(other).kind == "assign"
            and self.run.statement(other).text == mine and self.run.is_copy(other)
        ]  # fmt: skip
        return again[-1] if again else None

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

    def _inside(self, definition, refs):
        """The event, in a function an assignment called, that computed the value; None where it computed it itself."""
        statement = self.run.statement(definition)
        calls = {id for id, node in self.run.nodes.items() if node.stmt == statement.id and node.kind == "call"} | {
            statement.id
        }
        for event in self.run.by_ref.get(definition.ref, ()):
            picks = self.run.node(event).op in PICKS
            if event.seq < definition.seq and self.run.node(event).kind not in READS and not picks:
                for call, frame in self.run.calls_above(event.frame):
                    if call in calls and frame == definition.frame:
                        return event
        return None

    def use_of(self, refs: set[int], after: int, quantity: str):
        """The first expression that takes one of the values as an operand and makes something else of it.

        What makes a right value of it is no such use: an intermediate step, or the delta where a gradient is wrong.
        """
        used_rightly = {f"delta{quantity[2:]}"} if quantity[:2] in ("dW", "db") else {""}
        for event in self.run.events:
            if event.seq <= after or event.ref in refs or self.run.node(event).kind in READS:
                continue
            if event.node in self.run.callers:
                continue
            number = self.run.value(event).size < 2 and self.run.node(event).op not in MATRIX_PRODUCTS
            for operand in self.run.operands(event):
                if number and self.run.value(operand).size > 1:
                    continue
                if operand.ref in refs and self.run.node(event).op not in HOLDS:
                    label = self.labels.get(event.ref)
                    if label is not None and label.right and label.quantity in used_rightly:
                        continue
                    if label is not None and label.text.endswith("²"):
                        continue  # the loss's own
                    return event, operand
        return None

    def beyond_the_loss(self, event, departure):
        """The use, as a delta, of a term of the loss: the term is right where the sum of all of them is taken."""
        if departure.formula.id != "squared-error-as-delta" or self.run.value(event).size < 2:
            return None
        labels = [self.labels.get(operand.ref) for operand in self.run.operands(event)]
        if any(label is not None and "′" in label.text for label in labels):
            return None
        sums = [
            other
            for other in self.run.events
            if other.seq > event.seq and self.run.node(other).kind not in READS and self.run.value(other).size == 1
            and any(operand.ref == event.ref for operand in self.run.operands(other))
        ]  # fmt: skip
        if not sums:
            return None
        again = [one for one in self.run.by_ref[event.ref] if one.seq > sums[0].seq and self.run.computes(one)]
        if again:  # not the loss's own: computed once more, for the delta
            return again[0]
        use = self.use_of({event.ref}, event.seq, departure.quantity)
        return use[0] if use is not None else None

    def _holding(self, signal: np.ndarray) -> set[int]:
        """The values that are a signal, or hold it beside a constant."""
        return {hit.ref for hit in [*self.follower.present(signal).batch, *self.follower.index.inside(signal)]}

    def use_of_part(self, event, signal: np.ndarray):
        """The first product, after an event, of an array that holds a signal, beside a constant perhaps."""
        refs = self._holding(signal)
        for later in self.run.events:
            product = self.run.node(later).op in MATRIX_PRODUCTS and later.seq > event.seq and later.ref not in refs
            if product and any(operand.ref in refs for operand in self.run.operands(later)):
                return later
        return None

    def handed_on(self, event, signal: np.ndarray):
        """The statement that put the wrong signal where a layer's input is read from."""
        refs = self._holding(signal)
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
            and self.run.statement(one).op in (None, *PICKS)
        ]  # fmt: skip
        return max(stores, key=lambda one: one.seq, default=None)

    def unused(self, departure):
        """Of a right value that nothing reads: the one statement that reads what it is made of, else its assignment."""
        wrong = {hit.ref for hit in departure.seen.hits()}
        for hit in self.follower.present(departure.right.value).hits():
            events = self.run.by_ref.get(hit.ref, ())
            made = [one for one in events if self.run.node(one).op and
                    (self.run.node(one).kind in ("assign", "after") or self._thrown_away(one))]  # fmt: skip
            read = any(self.run.node(one).kind in READS for one in events)
            for event in [] if read else made:
                if self._thrown_away(event):
                    return event
                lacking = [operand for operand in self.run.operands(event) if operand.ref in wrong]
                if lacking:
                    names = {self.run.node(one).text for one in lacking if self.run.node(one).kind == "name"}
                    uses = {
                        self.run.node(one).stmt: one
                        for ref in wrong
                        for one in self.run.by_ref.get(ref, ())
                        if one.seq > event.seq and one.frame == event.frame and self.run.node(one).kind == "name"
                        and self.run.node(one).text in names and self.run.node(one).stmt != self.run.node(event).stmt
                    }  # fmt: skip
                    return next(iter(uses.values())) if len(uses) == 1 else event
        return None

    def _thrown_away(self, event) -> bool:
        """The event gave the value of a statement that does nothing with it."""
        statement = self.run.statement(event)
        return statement.kind == "expr" and statement.text == self.run.node(event).text

    def renamed(self, use, refs: set[int]):
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
