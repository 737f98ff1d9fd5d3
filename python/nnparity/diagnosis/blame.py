"""From a wrong quantity to the line: the first statement whose operands are right and whose value is not."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from nnparity.diagnosis.follow import Seen, State
from nnparity.diagnosis.handing import MATRIX_PRODUCTS, Handing
from nnparity.diagnosis.helpers import is_jacobian
from nnparity.diagnosis.labels import Label
from nnparity.diagnosis.live import live_events
from nnparity.diagnosis.makers import Makers
from nnparity.diagnosis.other_layers import OtherLayers
from nnparity.diagnosis.run import PICKS, READS, Run
from nnparity.diagnosis.stores import Stores
from nnparity.diagnosis.trail import Trail
from nnparity.diagnosis.wrong_parts import WrongParts

#: A word in quotation marks.
QUOTED = re.compile(r"""["'](\w+)["']""")
#: e to the power of their argument, element by element.
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
        self.makers = Makers(run, follower)
        self.parts = WrongParts(run, labels, self.makers, self.trail, self.handing, self.signals)
        new = [follower.index.find(value) for value in (*follower.W_new, *follower.b_new)]
        run.live = live_events(run, {hit.ref for hits in new for hit in hits if hit.exact})

    def wrong_value(self, departure) -> object | None:
        """The event to blame for a departure that was recognised by its value."""
        formula = departure.formula
        if formula.text == "?":
            events = self.makers.events_of(departure.seen)
            return self.trail.innocent_caller(self.trail.first_unlabelled(events[0])) if events else None
        if formula.id == "shuffle-unpaired":
            apart = self._shuffled_apart(formula.parts[0])
            if apart is not None:
                return apart
        if formula.id == "np-alias" and not formula.parts:
            return self.stores.one_row_repeated(formula.value)
        if formula.id == "np-alias":
            overwritten = self._overwritten_with(formula.parts[0])
            if overwritten is not None:
                return overwritten
        part = self.parts.of(departure)
        if part is not None:
            return part
        events = self.makers.events_of(departure.seen)
        if not events and formula.omits and formula.factors:  # a gradient that was not seen, of a delta left unfinished
            refs = {hit.ref for hit in self.follower.present(formula.factors[0]).hits()}
            return self.handing.lists.put_beside(refs, self.run.events[-1].seq, departure.layer)
        if not events:
            return None
        one_by_one = len(departure.seen.samples) == self.follower.textbook.m
        whole = formula.factors and departure.seen.batch and not one_by_one  # the gradient itself was seen
        if formula.omits:
            events[0] = self._picked_for(events[0])
            event = self._of_omission(events[0], departure, bool(whole))
            if event is not None:
                return event
        if whole:
            events = self.makers.events_of(Seen(departure.seen.batch, (), (), 1.0)) or events
        if departure.quantity.startswith("db") and formula.factors:
            event = self._of_bias_gradient(events[0], departure)
            if event is not None:
                return event
        return self._of_value(events, departure)

    def _of_omission(self, event, departure, whole: bool):
        """Of a right value, used where more was due: its use; None where a gradient as a `whole` was seen of it."""
        formula = departure.formula
        unused = self.handing.unused(departure)
        if unused is not None:
            return unused
        stacked = self.stores.before_stacking(event, departure)
        if stacked is not None:
            departure = replace(departure, seen=stacked)
            event = self.makers.events_of(stacked)[0]
        elif whole:
            return None
        if formula.alone:
            last = self.run.returned_from(event.frame)
            return self.trail.innocent_caller(last if last is not None and last.ref == event.ref else event)
        start = None
        if formula.id == "bias-missing":
            start = self.stores.empty_start(event) or self.stores.stored_from(event)
        if departure.quantity[0] == "A" and stacked is None:
            use = self.handing.use_of_part(event, formula.value)
            handed = (
                (self.handing.handed_on(use, formula.value) if use is not None else None)
                or self.handing.put_as_it_is(event, use)
                or self.handing.lists.appended_by_number(event)
                or self.stores.stacked_for(use, event)
            )
            if handed is not None:
                return handed
            event = self.trail.asked_for(event)
        omission = start or self.trail.before_picking(self.handing.omission(event, departure), same_name=True)
        if omission is event and departure.quantity[:2] in ("dW", "db"):  # nothing shows the value being used
            summed = self.makers.events_of(Seen(departure.seen.batch, (), (), 1.0))
            omission = next((one for one in summed if self.run.node(one).file != self.run.adapter), omission)
        if departure.quantity[0] == "Z":
            omission = self.trail.asked_for(omission)
        return self.trail.helpers.above_the_engine(omission) if self.run.value(omission).size == 1 else omission

    def _of_bias_gradient(self, event, departure):
        """Of a bias gradient of the wrong signal: where that was handed on, else the sum, as far as seen."""
        formula = departure.formula
        refs = {hit.ref for signal in formula.factors for hit in self.follower.present(signal).hits()}
        copy = self.handing.copied(refs, self._of_delta(departure) or event, None, None)
        gradients = self.makers.events_of(Seen(departure.seen.batch, (), departure.seen.sums, 1.0))
        if copy is None and gradients and formula.omits:
            copy = self.handing.lists.put_beside(refs, gradients[0].seq, departure.layer)
        return copy or next(iter(gradients), None)

    def _of_value(self, events: list, departure):
        """Of a wrong value that the events computed: what made it so."""
        event, formula = events[0], departure.formula
        label = self.labels.get(event.ref)
        of_forward = label is not None and label.right and label.quantity[:1] in ("A", "Z", "Y")
        if of_forward and departure.quantity[0] == "d" and formula.id != "batch-lost":
            idle = self.handing.changed_nothing({event.ref}, event, self.run.events[-1])
            return idle or self._wrong_use(event, departure) or event
        elsewhere = self.handing.beyond_the_loss(event, departure) or self._wrong_matrix(event)
        if elsewhere is not None:
            return elsewhere
        if formula.id == "batch-lost" and formula.parts:
            return self._target_taken(events[-1], np.asarray(formula.parts[0])) or event
        if formula.id == "batch-lost":
            beside = self._handed_on_beside_a_sum(departure)
            return beside or self.stores.begun_with_zeros(departure) or self.stores.last_store(departure) or event
        if formula.id == "wrong-layer":
            caller = self.layers.given(event, departure)
            if caller is not None:
                return caller
        forward = departure.phase == "forward" and formula.used
        handed = self.handing.handed_on(event, formula.used[0]) if forward else None
        if handed is not None:
            return handed
        origin = self._below_the_exponential(self.trail.before_picking(event))
        return self._chosen(event, departure) or self.trail.innocent_caller(origin)

    def _overwritten_with(self, value: np.ndarray):
        """The statement that left a value in an array of Python's which other names hold, too."""
        refs = {hit.ref for hit in self.follower.present(np.asarray(value)).hits()}
        return next((one for one in self.run.events if self.run.node(one).kind == "after" and one.ref in refs), None)

    def _below_the_exponential(self, event):
        """Of e to the power of something that nothing explains: where that was computed."""
        for power in self.run.operands(event)[:1] if self.run.node(event).op in EXPONENTIALS else ():
            made, label = self.run.computed_before(power.ref, event.seq), self.labels.get(power.ref)
            if made is not None and (label is None or label.text.startswith("log A")):  # of the wrong A
                return self.trail.first_unlabelled(made)
        return event

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
        return next(iter(self.makers.events_of(delta)), None)

    def _picked_for(self, event):
        """Of a part that a function only picks out of what it is given: the call that asked for it."""
        node, whole = self.run.node(event), next(iter(self.run.operands(event)), None)
        if whole is None or node.kind != "return" or node.op not in PICKS:
            return event
        if all(one.ref != whole.ref for one in self.run.given(event.frame)):
            return event
        return self.run.asked_by(event) or event

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
        uses = [*self.makers.events_of(self.follower.present(value @ signal.T))]
        uses += self.makers.events_of(self.follower.present(np.outer(value[:, 0], signal[:, 0])))
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
