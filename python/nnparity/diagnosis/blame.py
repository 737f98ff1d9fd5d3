"""From a wrong quantity to the line: the first statement whose operands are right and whose value is not."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np

from nnparity.diagnosis.follow import Seen, State
from nnparity.diagnosis.handing import MATRIX_PRODUCTS, Handing
from nnparity.diagnosis.helpers import is_jacobian
from nnparity.diagnosis.labels import Label
from nnparity.diagnosis.live import live_events
from nnparity.diagnosis.other_layers import OtherLayers
from nnparity.diagnosis.run import PICKS, READS, Run, base_name
from nnparity.diagnosis.stores import Stores
from nnparity.diagnosis.trail import Trail

#: A word in quotation marks.
QUOTED = re.compile(r"""["'](\w+)["']""")


EXPONENTIALS = {"exp", "np.exp", "numpy.exp", "math.exp"}


class Blamer:
    """Points at events of one recorded run."""

    def __init__(self, run: Run, labels: dict[int, Label], follower, state: State):
        self.signals, self.deltas = state.A, state.delta  # by layer, as the candidate has them
        self.seen = state.seen
        self.run, self.labels, self.follower = run, labels, follower
        wrong = frozenset(hit.ref for departure in state.departures for hit in departure.seen.hits())
        self.trail = Trail(run, labels, follower.textbook.Y.shape[0], wrong)
        self.stores = Stores(run, follower)
        self.handing, self.layers = Handing(run, labels, follower), OtherLayers(run, labels)
        new = [follower.index.find(value) for value in (*follower.W_new, *follower.b_new)]
        run.live = live_events(run, {hit.ref for hits in new for hit in hits if hit.exact})

    def events_of(self, seen: Seen) -> list:
        """The computing events of the hits, in order; names, indices and the adapter's copies do not compute."""
        events = []
        for hit in self._likeliest(seen.hits()):
            first = self.run.computed(hit.ref) or self.run.picked_from(hit.ref)
            if first is not None:
                events.append(first)
        own = [event for event in events if self.run.node(event).file != self.run.adapter]
        live = [event for event in own if event.seq in self.run.live]
        events = sorted(live or own or events, key=lambda event: event.seq)
        return self._of_every_sample(seen, events) or events

    def earliest(self, hits):
        """The first event that computed one of the hits, of those that went into the parameters where there are any."""
        events = [event for hit in self.live(hits) if (event := self.run.computed(hit.ref)) is not None]
        return min(events, key=lambda event: event.seq, default=None)

    def live(self, hits: list) -> list:
        """The hits of values that went into the parameters, where there are any."""
        made = [(hit, self.run.computed(hit.ref)) for hit in hits]
        return [hit for hit, event in made if event is not None and event.seq in self.run.live] or hits

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
        values: dict[int, set] = {}
        for i, hits in seen.samples:
            for hit in hits:
                for event in self.run.by_ref.get(hit.ref, ()):
                    if self.run.node(event).kind not in READS and self.run.node(event).file != self.run.adapter:
                        made.setdefault(event.node, {}).setdefault(i, event)
                        values.setdefault(event.node, set()).add((i, hit.ref))  # of code that works number by number

        def covers(node: int) -> tuple[int, int, int]:
            by_sample = made.get(node, {})
            alive = sum(event.seq in self.run.live for event in by_sample.values())
            return alive, len(by_sample), len(values.get(node, ()))

        best = max(made, key=lambda node: (covers(node), -min(one.seq for one in made[node].values())), default=0)
        better = covers(best) > covers(events[0].node)
        return sorted(made[best].values(), key=lambda event: event.seq) if better else []

    def wrong_value(self, departure) -> object | None:
        """The event to blame for a departure that was recognised by its value."""
        formula = departure.formula
        if formula.text == "?":
            events = self.events_of(departure.seen)
            return self.trail.innocent_caller(self.trail.first_unlabelled(events[0])) if events else None
        if formula.id == "shuffle-unpaired":
            apart = self._shuffled_apart(formula.parts[0])
            if apart is not None:
                return apart
        if formula.id == "np-alias" and not formula.parts:
            return self.stores.one_row_repeated(formula.value)
        if formula.id == "np-alias":
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
            if events and self._holds_a_signal(part):
                event = self._of_first_sample(part, events[0])
                f = self.trail.helpers.right_for_its_input(event)
                return self.trail.innocent_caller(event) if f else event
            if events:
                named = self._given_the_name(events[0], departure)
                if named is not None:
                    return named
                twice = formula.id == "derivative-of-activation" and self.trail.helpers.never_right(events[0])
                if twice and not self._overwritten(events[0]):
                    return events[0]
                asked = self._asked_with(events[0], formula)
                if asked is not None:
                    return asked
                other = formula.id == "wrong-derivative"
                event = self._beyond_the_loss(events[0], departure) or self.trail.innocent_caller(events[0], other)
                return self._whole(event, departure)
        events = self.events_of(departure.seen)
        if not events and formula.omits and formula.factors:  # a gradient that was not seen, of a delta left unfinished
            refs = {hit.ref for hit in self.follower.present(formula.factors[0]).hits()}
            return self.handing.lists.put_beside(refs, self.run.events[-1].seq, departure.layer)
        if not events:
            return None
        if formula.omits:
            events[0] = self._picked_for(events[0])
            unused = self.handing.unused(departure)
            if unused is not None:
                return unused
            stacked = self.stores.before_stacking(events[0], departure)
            if stacked is not None:
                departure = replace(departure, seen=stacked)
                events = self.events_of(stacked)
        one_by_one = len(departure.seen.samples) == self.follower.textbook.m
        whole = formula.factors and departure.seen.batch and not one_by_one  # the gradient itself was seen
        if whole:
            events = self.events_of(Seen(departure.seen.batch, (), (), 1.0)) or events
        elif formula.alone:
            last = self.run.returned_from(events[0].frame)
            return self.trail.innocent_caller(last if last is not None and last.ref == events[0].ref else events[0])
        elif formula.omits:
            start = None
            if formula.id == "bias-missing":
                start = self.stores.empty_start(events[0]) or self.stores.stored_from(events[0])
            if departure.quantity[0] == "A" and stacked is None:
                use = self.handing.use_of_part(events[0], formula.value)
                handed = self.handing.handed_on(use, formula.value) if use is not None else None
                handed = handed or self.handing.put_as_it_is(events[0], use)
                handed = handed or self.handing.lists.appended_by_number(events[0])
                handed = handed or self.stores.stacked_for(use, events[0])
                if handed is not None:
                    return handed
                events[0] = self.trail.asked_for(events[0])
            omission = start or self.trail.before_picking(self.handing.omission(events[0], departure), same_name=True)
            if omission is events[0] and departure.quantity[:2] in ("dW", "db"):  # nothing shows the value being used
                summed = self.events_of(Seen(departure.seen.batch, (), (), 1.0))
                omission = next((one for one in summed if self.run.node(one).file != self.run.adapter), omission)
            if departure.quantity[0] == "Z":
                omission = self.trail.asked_for(omission)
            return self.trail.helpers.above_the_engine(omission) if self.run.value(omission).size == 1 else omission
        if departure.quantity.startswith("db") and formula.factors:
            refs = {hit.ref for signal in formula.factors for hit in self.follower.present(signal).hits()}
            copy = self.handing.copied(refs, self._of_delta(departure) or events[0], None, None)
            gradients = self.events_of(Seen(departure.seen.batch, (), departure.seen.sums, 1.0))
            if copy is None and gradients and formula.omits:
                copy = self.handing.lists.put_beside(refs, gradients[0].seq, departure.layer)
            if copy is not None or gradients:
                return copy or gradients[0]
        label = self.labels.get(events[0].ref)
        of_forward = label is not None and label.right and label.quantity[:1] in ("A", "Z", "Y")
        if of_forward and departure.quantity[0] == "d" and formula.id != "batch-lost":
            idle = self.handing.changed_nothing({events[0].ref}, events[0], self.run.events[-1])
            if idle is not None:
                return idle
            return self._wrong_use(events[0], departure) or events[0]
        beyond = self._beyond_the_loss(events[0], departure)
        if beyond is not None:
            return beyond
        helper = self._wrong_matrix(events[0])
        if helper is not None:
            return helper
        if formula.id == "batch-lost" and formula.parts:
            return self._target_taken(events[-1], np.asarray(formula.parts[0])) or events[0]
        if formula.id == "batch-lost":
            beside = self._handed_on_beside_a_sum(departure)
            return (
                beside or self.stores.begun_with_zeros(departure) or self.stores.last_store(departure) or events[0]
            )
        if formula.id == "wrong-layer":
            caller = self.layers.given(events[0], departure)
            if caller is not None:
                return caller
        forward = departure.phase == "forward" and formula.used
        handed = self.handing.handed_on(events[0], formula.used[0]) if forward else None
        if handed is not None:
            return handed
        event = self._below_the_exponential(self.trail.before_picking(events[0]))
        return self._chosen(events[0], departure) or self.trail.innocent_caller(event)

    def _below_the_exponential(self, event):
        """Of e to the power of something that nothing explains: where that was computed."""
        for power in self.run.operands(event)[:1] if self.run.node(event).op in EXPONENTIALS else ():
            made, label = self.run.computed_before(power.ref, event.seq), self.labels.get(power.ref)
            if made is not None and (label is None or label.text.startswith("log A")):  # of the wrong A
                return self.trail.first_unlabelled(made)
        return event

    def _overwritten(self, event) -> bool:
        """A name that the call of a function hands over has another value than was assigned to it: changed in place."""
        for call, frame in self.run.calls_above(event.frame)[:1]:
            for read in self.run.arguments(call, frame):
                named = [one for one in self.run.by_target.get((self.run.node(read).text, frame), ())
                         if one.seq < read.seq and self.run.node(one).kind == "assign"]  # fmt: skip
                if named and named[-1].ref != read.ref:
                    return True
        return False

    def _asked_with(self, event, formula):
        """The call that gave a function the operand in another's place, to take a difference of."""
        refs = {hit.ref for used in formula.used for hit in self.follower.present(used).hits()}
        calls = self.run.calls_above(event.frame)
        if not calls or not any(one.ref in refs for one in self.run.given(event.frame)):
            return None
        call, frame = calls[0]
        if self.run.nodes[call].file == self.run.adapter:
            return None
        return next((one for one in self.run.by_frame_node.get((frame, call), ()) if one.seq > event.seq), None)

    def _handed_on_beside_a_sum(self, departure):
        """Where the statement that sums the other gradient of a layer over the samples reads this one, as it is."""
        other = f"d{'W' if departure.quantity[1] == 'b' else 'b'}{departure.layer}"
        sums = self.seen[other].sums if other in self.seen else ()
        adding = {self.run.node(one).stmt for hit in sums for one in self.run.by_ref[hit.ref]
                  if self.run.node(one).op in ("+", "+=")}  # fmt: skip
        for hit in departure.seen.hits():
            for one in self.run.by_ref[hit.ref]:
                if self.run.node(one).stmt in adding and self.run.node(one).kind in READS:
                    return one
        return None

    def _target_taken(self, event, targets: np.ndarray):
        """The assignment that took the target of one sample, for the error of another one."""
        for id, events in self.run.by_node.items():
            same = all(np.array_equal(self.run.value(one).ravel(), targets[:, 0]) for one in events)
            own = self.run.nodes[id].kind == "assign" and self.run.nodes[id].file != self.run.adapter
            if same and own and len(events) > 1 and events[0].seq < event.seq:
                return events[0]
        return None

    def _whole(self, event, departure):
        """The wrong value itself, where the statement that computed a part of another size gives that value, too."""
        if self.run.value(event).size == departure.formula.value.size or not departure.seen.batch:
            return event
        mine = self.run.statement(event)
        return next((one for one in self.events_of(departure.seen) if self.run.statement(one) is mine), event)

    def asked_by_word(self, event, formula):
        """The call that asked, by a word, for another activation than is meant: its branch is right."""
        if formula.id != "wrong-derivative" and not formula.declares:
            return None
        for call, frame in self.run.calls_above(event.frame):
            node, here = self.run.nodes[call], self.run.node(event)
            if node.file == self.run.adapter:
                break
            above = [one for one in self.run.nodes.values() if one.kind == "cond" and one.line <= here.line
                     and (one.file, one.cell, one.fun) == (here.file, here.cell, here.fun)]  # fmt: skip
            decides = max(above, key=lambda one: one.line, default=None)
            words = set(QUOTED.findall(decides.text)) if decides is not None else set()
            callers = [one for one in self.run.by_frame_node.get((frame, call), ()) if one.seq > event.seq]
            if callers and words & set(QUOTED.findall(node.text)):
                return callers[0]
            if not callers:
                break
            event = callers[0]
        return None

    def _of_delta(self, departure):
        """The first event that computed the right delta of a departure's layer."""
        delta = self.follower.present(self.deltas[departure.layer]) if departure.layer in self.deltas else Seen()
        return next(iter(self.events_of(delta)), None)

    def _picked_for(self, event):
        """Of a part that a function only picks out of what it is given: the call that asked for it."""
        node, call = self.run.node(event), self.run.call_of(event.frame)
        if node.kind != "return" or node.op not in PICKS or call is None:
            return event
        if self.run.nodes[call[0]].file == self.run.adapter:
            return event
        whole = next(iter(self.run.operands(event)), None)
        if whole is None or all(one.ref != whole.ref for one in self.run.given(event.frame)):
            return event
        return next((one for one in self.run.by_frame_node.get((call[1], call[0]), ()) if one.seq > event.seq), event)

    def _beyond_the_loss(self, event, departure):
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
        use = self.handing.use_of({event.ref}, event.seq, departure.quantity)
        return use[0] if use is not None else None

    def _wrong_matrix(self, event):
        """Where the square matrix was computed, unknown to the textbook, by which an expression multiplies.

        A helper that is right for what it is given is not to blame, nor is the true Jacobian of softmax.
        """
        if self.run.node(event).op not in MATRIX_PRODUCTS:
            return None
        for operand in self.run.operands(event):
            shape, source = self.run.value(operand).shape, self.run.computed(operand.ref)
            square = len(shape) == 2 and shape[0] == shape[1] > 1
            if square and self.labels.get(operand.ref) is None and source is not None and source.seq < event.seq:
                helper = source.frame != event.frame and self.trail.helpers.right_for_its_input(source)
                outputs = self.signals[max(self.signals)].T
                right = helper or any(is_jacobian(self.run.value(operand), output) for output in outputs)
                return None if right else source
        return None

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
        refs = {hit.ref for hit in self.follower.present(value).hits()}
        return self.handing.renamed(use, refs) or use if use else None

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

    def _shuffled_apart(self, targets: np.ndarray):
        """The assignment of the targets that follows that of the shuffled inputs, else that of the inputs."""
        inputs = [self.follower.textbook.X[:, order] for order in self.follower.orders]
        shuffled = min((one for X in inputs for one in self._assigned(X)), key=lambda one: one.seq, default=None)
        if shuffled is None:
            return None
        later = [one for one in self._assigned(targets) if one.seq > shuffled.seq]
        return min(later, key=lambda one: one.seq, default=shuffled)

    def _assigned(self, value: np.ndarray) -> list:
        """The candidate's assignments of a value."""
        refs = {hit.ref for hit in self.follower.index.find(value)}
        events = [one for ref in refs for one in self.run.by_ref.get(ref, ()) if self.run.node(one).kind == "assign"]
        return [one for one in events if self.run.node(one).file != self.run.adapter]

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

    def _returned_part(self, part, departure):
        """The return of a helper that hands the wrong factor to the expression which gives the wrong value."""
        refs = {hit.ref for hit in self.follower.present(np.asarray(part)).hits()}
        for event in self.events_of(departure.seen)[:1]:
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

    def _is_textbook(self, part: np.ndarray, departure) -> bool:
        """A wrong part that stands in the right program too (softmax' own a(1 − a), say) says nothing of the place."""
        labels = [self.labels.get(hit.ref) for hit in self.follower.present(part).hits()]
        right = [label for label in labels if label is not None and label.right]
        t, sizes = self.follower.textbook, {f"A{layer}": signal.size for layer, signal in self.signals.items()}
        for layer, (weights, bias) in enumerate(zip(t.W, t.b, strict=True), start=1):
            sizes |= {f"W{layer}": weights.size, f"b{layer}": bias.size}
        whole = [label for label in right if sizes.get(label.quantity, np.size(part)) >= np.size(part)]
        return bool(whole)  # and not only a part of it

    def _of_first_sample(self, part: np.ndarray, event):
        """Of a matrix that a statement only filled row by row: what computed the first row."""
        rows = self.follower.index.find(part[:, 0]) if self.run.node(event).kind == "after" else []
        made = [one for hit in rows if hit.exact and (one := self.run.computed(hit.ref)) is not None]
        return min((one for one in made if one.seq < event.seq), key=lambda one: one.seq, default=event)

    def _holds_a_signal(self, part: np.ndarray) -> bool:
        """A wrong part that is a signal beside a constant: it has the name of the signal, but is another value."""
        return any(signal.size < np.size(part) and signal.shape[1:] == np.shape(part)[1:]
                   and (np.array_equal(part[1:], signal) or np.array_equal(part[:-1], signal))
                   for signal in self.signals.values())  # fmt: skip
