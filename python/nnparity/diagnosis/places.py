"""Where things happen in a run: the event that returned a parameter, lost it, turned its sign or scaled it."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np

from nnparity.diagnosis.blame import Blamer
from nnparity.diagnosis.finding import Finding
from nnparity.diagnosis.follow import Departure, Follower, State, Textbook, Update
from nnparity.diagnosis.run import PICKS, READS, Run, base_name

#: Operators that only pass on what is there.
COPIES = {None, "list", "tuple", "c", *PICKS}


class Places:
    """Look-ups of one account; each gives an event of the recorded run, or None where nothing shows the place."""

    def __init__(self, run: Run, state: State, follower: Follower, textbook: Textbook, blamer: Blamer):
        self.run, self.state, self.follower, self.textbook, self.blamer = run, state, follower, textbook, blamer

    def turned_by_apply(self, event):
        """The apply() of R that handed back the transpose of what it was given, among the operands of an expression."""
        if event is None or self.textbook.language != "R":
            return None
        operands = self.run.operands(event)
        for operand in [*operands, *[inner for one in operands for inner in self.run.operands(one)]]:
            source = self.run.computed(operand.ref)
            if source is not None and self.run.node(source).op in ("apply", "sapply", "vapply"):
                return source
        return None

    def index_zero(self, event) -> bool:
        """An assignment to the element 0 of an array, which R ignores without a word."""
        statement = self.run.statement(event)
        if self.textbook.language != "R" or self.run.node(event).kind != "after":
            return False
        place = re.fullmatch(r"[\w.$]+\[\s*([^][,]+?)\s*\]", statement.target or "")
        reads = [one for one in self.run.by_frame[event.frame] if one.seq < event.seq and place is not None
                 and self.run.node(one).text == place[1]]  # fmt: skip
        index = self.run.value(reads[-1]) if reads else np.ones(1)
        return index.size == 1 and not np.any(index)

    def first_update(self, layer: int):
        """The first parameter that was updated before this layer's gradient was taken."""
        events = [self.returned("W", k) for k in range(1, self.textbook.depth + 1) if k != layer]
        known = [event for event in events if event is not None]
        return min(known, key=lambda event: event.seq) if known else None

    def short_loop(self, departure: Departure):
        """The range or condition of a loop that leaves samples out."""
        weights = next((u.weights for u in self.state.updates.values() if u.weights is not None), None)
        if weights is None:
            return None
        used = np.flatnonzero(weights)
        if used.size < 2:
            return None
        for event in self.run.events:
            value = self.run.value(event)
            one_each = value.ndim == 1 and value.size == used.size < weights.size
            if one_each and (np.array_equal(value, used) or np.array_equal(value, used + 1)):
                return event
        for node, events in self.run.by_node.items():
            if (
                (
                    self.run.nodes[node].kind == "cond"
                    and len(events) == used.size + 1
                    and self.run.value(events[-1]).size == 1
                )
                and float(self.run.value(events[-1])) == 0.0
                and self.run.nodes[node].file != self.run.adapter
            ):
                return events[0]
        return None

    def unrolled(self, departure: Departure, event):
        """Of a gradient that lies the other way in one long vector: the last statement that had it as a matrix."""
        if event is not None and self.run.value(event).ndim > 1:
            return event
        value = departure.right.value
        refs = {hit.ref for hit in [*self.follower.present(value).batch, *self.follower.index.inside(value)]}
        made = [one for ref in refs if self.run.values[ref].ndim > 1 for one in self.run.by_ref[ref]]
        own = [one for one in made if self.run.node(one).file != self.run.adapter]
        return max(own, key=lambda one: one.seq, default=event)

    def fallback(self, departure: Departure):
        """Nobody saw the wrong value: walk back from the returned parameter to the first value nothing explains."""
        if departure.quantity[0] in "ZA":
            return None
        letter = "b" if departure.quantity.startswith("db") else "W"
        event = self.returned(letter, departure.layer)
        return self.blamer.trail.first_unlabelled(event) if event is not None else None

    def returned(self, letter: str, layer: int):
        """The event that computed the returned W[l] or b[l]."""
        new = (self.follower.W_new if letter == "W" else self.follower.b_new)[layer - 1]
        if np.array_equal(new, (self.textbook.W if letter == "W" else self.textbook.b)[layer - 1]):
            return None
        events = []
        for hit in self.follower.index.find(new, parts=True, edges=new.ndim == 1):
            if abs(hit.factor - 1) < 1e-9:
                first = self.run.computed(hit.ref)
                if first is not None:
                    events.append(first)
        best = min(events, key=lambda event: event.seq) if events else None
        if best is None or self.run.node(best).file == self.run.adapter:
            stepped = self.stepped(letter, layer)
            return stepped or self.returned_inside(new) or self.returned_number(new) or best
        return best

    def returned_by_candidate(self, letter: str, layer: int):
        """The same; where the adapter computed it, what the candidate handed over for that."""
        event = self.returned(letter, layer)
        if event is not None and self.run.node(event).file == self.run.adapter:
            return self.out_of_adapter(event)
        return event

    def stepped(self, letter: str, layer: int):
        """The event that took the step of one sample, where the adapter takes the mean of all samples' steps."""
        t, update = self.textbook, self.state.updates.get(f"{letter}{layer}_new")
        if update is None or update.formula is None or not update.formula.right or t.m == 1:
            return None
        old, delta = (t.W if letter == "W" else t.b)[layer - 1], self.state.delta[layer]
        last = np.outer(delta[:, -1], self.state.A[layer - 1][:, -1]) if letter == "W" else delta[:, -1]
        new = update.keep * old + update.rate * last
        hits = self.follower.index.find(new, parts=True, edges=letter == "b") or self.follower.index.inside(new)
        events = [self.run.computed(hit.ref) for hit in hits if abs(hit.factor - 1) < 1e-9]
        own = [one for one in events if one is not None and self.run.node(one).file != self.run.adapter]
        return min(own, key=lambda one: one.seq, default=None)

    def out_of_adapter(self, event, lost: bool = False):
        """What the candidate handed to an expression of the adapter's; None where the adapter itself takes the step.

        With `lost`, a parameter that came back as it was is no sign of that.
        """
        waiting, seen = [event], set()
        handed, mixed = None, False
        while waiting:
            current = waiting.pop(0)
            same = [one for one in self.run.elements(current) if one.ref == current.ref and one.seq < current.seq]
            for operand in same or self.run.operands(current) or self.run.put(current):
                maker = self.run.computed(operand.ref)
                label = self.blamer.labels.get(operand.ref)
                computes = self.run.node(current).op in ("-", "+", "*", "-=", "+=", "Map", "mapply")
                computes = computes and len(self.run.operands(current)) > 1
                if computes and label is not None and label.right and re.fullmatch(r"[Wb]\d+", label.quantity):
                    mixed = True  # the adapter itself takes the step
                if operand.ref in seen:
                    continue
                seen.add(operand.ref)
                if maker is not None and any(inner.ref == operand.ref for inner in self.run.operands(maker)):
                    maker = None  # a list of what is there already
                maker = maker or self._turned(operand)
                if maker is None:
                    waiting.append(operand)  # what was picked out of something
                    continue
                if self.run.node(maker).file == self.run.adapter:
                    waiting.append(maker)
                elif self.run.value(operand).size > 1:
                    if label is None or not label.right:
                        return maker
                    handed = handed or maker
        if handed is None:  # lists of rows: by their numbers
            numbers = [float(self.run.values[ref].ravel()[0]) for ref in seen if self.run.values[ref].size > 1]
            made = [self.run.computed(hit.ref) for number in numbers
                    for hit in self.follower.index.find(np.array(number)) if hit.exact]  # fmt: skip
            stored = [found for found in [*map(self.run.stored, numbers), *made]
                      if found is not None and self.run.node(found).file != self.run.adapter]  # fmt: skip
            handed = max(stored, key=lambda found: found.seq, default=None)
        return None if mixed and not lost else handed

    def _turned(self, operand):
        """The event of the candidate that computed a value which is read transposed."""
        value = self.run.value(operand)
        hits = self.follower.index.find(value) if value.size > 2 else []
        events = [self.run.computed(hit.ref) for hit in hits if hit.exact]
        own = [one for one in events if one is not None and self.run.node(one).file != self.run.adapter]
        return max(own, key=lambda one: one.seq, default=None)

    def returned_inside(self, new: np.ndarray):
        """The event that computed a matrix of weights and biases of which the returned array is a part."""
        events = []
        for hit in self.follower.index.inside(new):
            event = self.run.computed(hit.ref) if abs(hit.factor - 1) < 1e-9 else None
            if event is not None and self.run.node(event).file != self.run.adapter:
                events.append(event)
        return min(events, key=lambda event: event.seq) if events else None

    def returned_number(self, new: np.ndarray):
        """The event that computed one number of a returned array, in code that works number by number."""
        for number in new.ravel()[:3]:
            for hit in self.follower.index.find(np.array(number)):
                event = self.run.computed(hit.ref) if abs(hit.factor - 1) < 1e-12 else None
                if event is not None and self.run.node(event).file != self.run.adapter:
                    return event
        return self.run.stored(float(new.ravel()[0]))

    def scaled_event(self, quantity: str, ratio: float, common: float | None = None):
        """What first gave a gradient its factor; with or without η and the `common` one that all of them have."""
        seen = self.state.seen.get(quantity)
        if seen is None:
            return None
        hits = [*seen.batch, *self.follower.index.inside(self.state.rights[quantity].value)]
        for scale in (ratio,) if common is None else (ratio * common, ratio, ratio * common * self.textbook.eta):
            near = [hit for hit in hits if abs(abs(hit.factor / scale) - 1) < 1e-4]
            if near:
                return self.blamer.makers.earliest(near)
        return None

    def spoiled(self, quantity: str, ratio: float, common: float):
        """The first product that gives a factor to a gradient that had been right until then, with or without η."""
        seen = self.state.seen.get(quantity)
        factors = {hit.ref: abs(hit.factor / common) for hit in seen.batch} if seen is not None else {}
        near = lambda factor, value: abs(factor / value - 1) < 1e-4  # noqa: E731
        due = (1.0, self.textbook.eta)
        right = {ref for ref, factor in factors.items() if any(near(factor, value) for value in due)}
        wrong = [self.run.computed(ref) for ref, factor in factors.items()
                 if ref not in right and any(near(factor, abs(ratio) * value) for value in due)]  # fmt: skip
        made = [one for one in wrong if one and any(operand.ref in right for operand in self.run.operands(one))]
        return min(made, key=lambda one: one.seq, default=None)

    def beside_the_division(self, summed, update: Update, names: list[str], ratio: float, common: float):
        """Of a sum that should be divided: the statement that answers to the one that divides another parameter's sum.

        Where that also takes the sum, or is the other's update, it is the one that does so here; else it is the next
        assignment of the sum as it is.
        """
        for other in self.state.updates.values():
            seen = self.state.seen.get(f"d{other.quantity[0]}{other.layer}")
            if other.quantity in names or seen is None:
                continue
            scales = [(self.run.computed(hit.ref), abs(hit.factor / common)) for hit in seen.batch]
            sums = [event for event, scale in scales if abs(scale / ratio - 1) < 1e-4]
            means = [event for event, scale in scales if abs(scale - 1) < 1e-4]
            taken = self.returned(other.quantity[0], other.layer)
            made = {self.run.statement(mean).id for mean in means if mean is not None}
            inside = self.follower.index.inside(self.state.rights[f"d{other.quantity[0]}{other.layer}"].value)
            together = any(hit.ref == summed.ref for hit in inside)  # one matrix holds both sums
            if not together and any(self.run.statement(one).id in made for one in sums if one is not None):
                return summed
            if not any(sums) or not any(means) or taken is None:
                continue
            if self.run.node(taken).file == self.run.adapter:
                mine = self.state.seen.get(f"d{update.quantity[0]}{update.layer}")
                return self._stored_beside(means, mine, ratio * common) if mine is not None else None
            mine = self.returned(update.quantity[0], update.layer)
            if self.run.statement(taken).id in made or mine is None:
                return mine
            beside = [one for one in self.run.by_ref.get(summed.ref, ()) if self.run.statement(one).id in made]
            if beside:  # one statement takes the mean of the one and hands the other on
                return beside[0]
            if self.run.statement(mine) is self.run.statement(summed):
                return None
            again = [
                one
                for one in self.run.by_ref.get(summed.ref, ())
                if one.seq > summed.seq and self.run.node(one).kind == "assign" and self.run.node(one).op in COPIES
                and self.run.statement(one) is not self.run.statement(summed)
                and self.run.node(one).file != self.run.adapter
            ]  # fmt: skip
            return again[-1] if again else None
        return None

    def named_last(self, event):
        """The last assignment of the candidate's that only gave a computed value another name, or another place."""
        if event is None:
            return None
        inside = [hit.ref for hit in self.follower.index.inside(self.run.value(event)) if hit.exact]
        first = self.run.by_ref[event.ref][0].seq if not inside else 0
        copies = [one for ref in (event.ref, *inside) for one in self.run.by_ref[ref] if one.seq > first
                  and self.run.is_copy(one) and self.run.node(one).kind in ("assign", "after")
                  and self.run.node(one).file != self.run.adapter]  # fmt: skip
        named = [one for one in copies if self.run.statement(one).op is None]
        return max(named or copies, key=lambda one: one.seq, default=None)

    def _stored_beside(self, means: list, seen, scale: float):
        """The statement that stores, as it is, what another one of the same function divides before it is stored."""
        frames = {mean.frame for mean in means if mean is not None}
        refs = {hit.ref for hit in seen.batch if abs(abs(hit.factor) / scale - 1) < 1e-4}
        stores = [one for ref in refs for one in self.run.by_ref[ref] if one.frame in frames and self.run.is_copy(one)
                  and self.run.node(one).kind in ("assign", "after")]  # fmt: skip
        return max(stores, key=lambda one: one.seq, default=None)

    def folded(self, update: Update):
        """The gradient of a layer whose bias is a weight of a constant input, and that input's sign differs."""
        seen = self.state.seen.get(f"db{update.layer}")
        parts = [hit for hit in (seen.batch if seen else []) if hit.layout == "part"]
        events = [
            e
            for hit in parts
            if (e := self.run.computed(hit.ref)) is not None and self.run.node(e).file != self.run.adapter
        ]
        return min(events, key=lambda e: e.seq) if events else None

    def gradient_turned(self, names: list[str]):
        for name in names:
            seen = self.state.seen.get(f"d{name[0]}{self.state.updates[name].layer}")
            if seen is None:
                continue
            turned = [hit for hit in seen.hits() if hit.factor < 0]
            delta = self.state.seen.get(f"delta{self.state.updates[name].layer}")
            taken = self.returned(name[0], self.state.updates[name].layer)
            by_adapter = taken is not None and self.run.node(taken).file == self.run.adapter
            kept = delta and all(hit.factor < 0 for hit in delta.hits())
            if (kept or self._turned_alike(names)) and not by_adapter:
                continue  # it came turned: what stands behind it takes that into account or does not
            if by_adapter and {name[0] for name in names} == {"b"} and self._turned_alike(names):
                after = self.out_of_adapter(taken, lost=True)  # what is right of W turns here
                if after is not None:
                    return after
            if turned and not [hit for hit in seen.hits() if hit.factor > 0]:
                first = self.blamer.makers.earliest(turned)
                if first is not None:
                    return first
        return None

    def _turned_alike(self, names: list[str]) -> bool:
        """The gradient of another parameter, whose update is right, is turned wherever it was seen."""
        for other in self.state.updates.values():
            if other.quantity in names or other.rate >= 0:
                continue
            delta, signal = self.state.delta[other.layer], self.state.A[other.layer - 1]
            first = np.outer(delta[:, 0], signal[:, 0]) if other.quantity[0] == "W" else delta[:, 0]
            hits = [*self.follower.present(other.right.value).hits(), *self.follower.index.find(first)]
            if hits and all(hit.factor < 0 for hit in hits):
                return True
        return False

    def call_for_others(self, update: Update):
        """The call, in the candidate, of the function that updates the other layers."""
        others = [other for other in self.state.updates.values() if other.layer != update.layer and other.rate]
        events = [self.returned(other.quantity[0], other.layer) for other in others]
        own = [event for event in events if event is not None and self.run.node(event).file != self.run.adapter]
        if len({event.frame for event in own}) == 1 < len({other.layer for other in others}):
            return None  # one call updates them all
        for event in events:
            call = self.run.call_of(event.frame) if event is not None else None
            if event is None or call is None or self.run.nodes[call[0]].file == self.run.adapter:
                continue
            if self.run.node(event).file != self.run.adapter:
                return event._replace(node=call[0], frame=call[1])
        return None

    def update_of_others(self, update: Update):
        """The one statement that updates several other parameters, and should update this one too.

        Where it updates an element that a loop counts, the loop is what leaves this layer out.
        """
        counts: Counter = Counter()
        events, alike = {}, None
        for other in self.state.updates.values():
            if other is not update and other.rate != 0:
                event = self.returned_by_candidate(other.quantity[0], other.layer)
                if event is not None:
                    counts[event.node] += 1
                    events[event.node] = event
                    by_index = re.search(r"\[+\s*[^\W\d]", self.run.statement(event).target or "")
                    alike = event if by_index and other.quantity[0] == update.quantity[0] else alike
        node, count = max(counts.items(), key=lambda item: item[1], default=(None, 0))
        loop = self._loop_of(alike) if alike is not None else None
        return loop or (events[node] if count > 1 else alike)

    def _loop_of(self, event):
        """The head of the loop that counts the element to which a statement assigns."""
        words = set(re.split(r"\W+", self.run.statement(event).target or "")[1:])
        heads = [one for one in self.run.by_frame[event.frame] if one.seq < event.seq
                 and self.run.node(one).kind == "cond" and self.run.node(one).target in words]  # fmt: skip
        return max(heads, key=lambda one: one.seq, default=None)

    def discarded(self, event):
        """The call, as a statement of its own, of a function that changes its copy of an argument."""
        statement = self.run.statement(event)
        base = re.split(r"[\[$@.]", statement.target or "")[0].strip()
        later = [one for one in self.run.by_ref.get(event.ref, ()) if one.frame != event.frame and one.seq > event.seq
                 and self.run.node(one).file != self.run.adapter]  # fmt: skip
        if later and any(self.run.node(one).kind == "return" and one.frame == event.frame
                         for one in self.run.by_ref.get(event.ref, ())):  # fmt: skip
            return later[-1]
        arguments = self.run.functions.get(statement.fun or "")
        if arguments is None:  # a method's, of which only what it read is known
            arguments = tuple(self.run.node(one).text for one in self.run.events
                              if one.frame == event.frame and one.seq < event.seq)  # fmt: skip
        if base not in arguments:
            return None  # the function was meant to change what is outside it
        for call, frame in self.run.calls_above(event.frame):
            node = self.run.nodes[call]
            if node.kind == "expr" and node.stmt == call and node.file != self.run.adapter:
                return event._replace(node=call, frame=frame)
        return None

    def kept_locally(self):
        """An assignment that goes on with a name, in a call of a function, and nothing reads it there: a local copy."""
        for event in reversed(self.run.events):
            node, frame = self.run.node(event), self.run.frames.get(event.frame)
            if node.kind != "assign" or node.file == self.run.adapter or frame is None or frame.fun is None:
                continue
            target = self.run.statement(event).target or ""
            same = [one for one in self.run.by_frame.get(event.frame, ())
                    if self.run.node(one).kind in ("name", "return") and self.run.node(one).text == target]  # fmt: skip
            local = [one for one in self.run.by_target.get((target, event.frame), ()) if one.seq < event.seq
                     and self.run.node(one).stmt != node.stmt]  # fmt: skip
            into_itself = any(self.run.node(one).stmt == node.stmt for one in same)
            if into_itself and not local and all(one.seq < event.seq for one in same):
                return event
        return self._changed_copy() if self.textbook.language == "R" else None

    def _changed_copy(self):
        """The last assignment to an element of a list that nothing reads thereafter: in R it is a copy of its own."""
        for (base, frame), stores in self.run.by_target.items():
            changes = [one for one in stores if self.run.statement(one).target != base]
            record = self.run.frames.get(frame)
            if not changes or record is None or record.fun is None or record.file == self.run.adapter:
                continue
            own = {self.run.statement(one).target for one in changes}
            begun = [one for one in stores if self.run.statement(one).target == base]
            around = lambda node: self.run.nodes.get(node.parent or -1, node)  # noqa: E731
            reads = [one for one in self.run.by_frame[frame] if base_name(self.run.node(one).text) == base
                     and not own & {self.run.node(one).text, around(self.run.node(one)).text}
                     and self.run.node(one).kind in READS | {"return", "assign", "expr"}]  # fmt: skip
            kept = [one for one in reads for change in changes if change.seq < one.seq
                    and not any(change.seq < start.seq < one.seq for start in begun)]  # fmt: skip
            if begun and not kept:
                return changes[-1]
        return None

    def summed_away(self, layer: int):
        """Where a delta whose units add up to nothing, as softmax' do, was summed over the units, too."""
        if np.max(np.abs(self.state.delta[layer].sum(axis=0))) > 1e-9:
            return None
        for event in self.run.events:
            value = self.run.value(event)
            if value.size != 1 or abs(float(value.ravel()[0])) > 1e-9 or self.run.node(event).kind in READS:
                continue
            several = [one for one in self.run.operands(event) if self.run.value(one).size > 1]
            labels = [self.blamer.labels.get(one.ref) for one in several]
            if any(label is not None and label.right and label.quantity == f"delta{layer}" for label in labels):
                return event
        return None

    def all_zero(self, layer: int):
        """Where a delta of this layer became zero everywhere, while its textbook value is not."""
        right = self.state.rights[f"delta{layer}"].value
        for event in self.run.events:
            value = self.run.value(event)
            if value.size in (right.size, right.shape[0]) and value.size > 1 and not np.any(value):
                node = self.run.node(event)
                if node.kind not in ("after", "assign", "return", "expr", "call") or node.file == self.run.adapter:
                    continue
                if node.kind == "return" and event.path:  # one of several, perhaps as it began
                    continue
                made_here = any(np.any(self.run.value(operand)) for operand in self.run.operands(event))
                if (made_here or node.kind == "after") and self.after_forward(event) and not self._filled(event):
                    return event
        return None

    def copied_delta(self, layers: list[int]):
        """The assignment of a layer's delta once more, element by element, as the gradient of its biases."""
        for number in layers:
            for ref in {hit.ref for hit in self.follower.present(self.state.delta[number]).hits()}:
                own = [one for one in self.run.by_ref.get(ref, ()) if self.run.node(one).file != self.run.adapter]
                for one in own[1:]:
                    node = self.run.node(one)
                    made = node.kind == "assign" and node.op not in COPIES and node.id not in self.run.callers
                    if (made or node.kind == "after") and one.frame == own[0].frame and self.run.value(one).size > 1:
                        return one
        return None

    def _filled(self, event) -> bool:
        """The statement makes an array of zeros into which numbers are put thereafter."""
        target = base_name(self.run.statement(event).target)
        later = self.run.by_target.get((target, event.frame), ())
        return any(one.seq > event.seq and np.any(self.run.value(one)) for one in later)

    def after_forward(self, event) -> bool:
        seen = self.state.seen.get(f"A{self.textbook.depth}")
        firsts = [e.seq for hit in (seen.hits() if seen else []) if (e := self.run.computed(hit.ref)) is not None]
        return bool(firsts) and event.seq > min(firsts)

    def kept_as_it_was(self, old: np.ndarray, gradient):
        """The last assignment of the old value, after its gradient, that is not the adapter's."""
        best, taken = None, gradient.seq if gradient is not None else 0
        for hit in self.follower.index.find(old):
            if abs(hit.factor - 1) > 1e-9:
                continue
            for event in self.run.by_ref.get(hit.ref, ()):
                node = self.run.node(event)
                if node.kind not in ("assign", "after") or node.file == self.run.adapter or event.seq < taken:
                    continue
                if event.path and node.op not in COPIES:  # one of many that a function gave back
                    continue
                if self.after_forward(self.run.by_node[event.node][0]):  # what ran before it sets the network up
                    best = event if best is None or event.seq > best.seq else best
        return best

    def changed_values(self, old: np.ndarray, update: Update) -> list[int]:
        """Recorded values of the form old + c·gradient, of the batch or a sample: an update computed and then lost."""
        t = self.textbook
        delta, signal = self.state.delta[update.layer], self.state.A[update.layer - 1]
        samples = [np.outer(delta[:, i], signal[:, i]) if old.ndim == 2 else delta[:, i] for i in (0, t.m - 1)]
        found = []
        for gradient in (update.right.value, *samples):
            for factor in [1.0, t.m, 1.0 / t.m, 2.0, 0.5, 2.0 / t.Y.shape[0]]:
                for sign in (1, -1):
                    changed = old - sign * factor * t.eta * gradient
                    for hit in self.follower.index.find(changed, parts=True, edges=old.ndim == 1):
                        if abs(hit.factor - 1) < 1e-9:
                            found.append(hit.ref)
        return found

    def first_gradient(self, letter: str, layer: int):
        seen = self.state.seen.get(f"d{letter}{layer}")
        events = [e for hit in (seen.hits() if seen else []) if (e := self.run.computed(hit.ref)) is not None]
        return max(events, key=lambda e: e.seq) if events else None

    def nearest(self, finding: Finding):
        """No value shows the place: the candidate's last statement that touches the quantity, or its last at all."""
        digits = str(finding.layer or "")
        for wanted in (finding.quantity, f"d{finding.quantity[:1]}{digits}", f"delta{digits}"):
            seen = self.state.seen.get(wanted)
            events = [
                e
                for hit in (seen.hits() if seen else [])
                if (e := self.run.computed(hit.ref)) is not None and self.run.node(e).file != self.run.adapter
            ]
            if events:
                return max(events, key=lambda e: e.seq)
        own = [
            e
            for e in self.run.events
            if self.run.node(e).file != self.run.adapter and self.run.node(e).kind in ("assign", "after", "return")
        ]
        return own[-1] if own else (self.run.events[-1] if self.run.events else None)
