"""Where sums are begun and samples stored or put together, and a gradient holds one sample, or one row, for all."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from nnparity.diagnosis.follow import Seen
from nnparity.diagnosis.run import PICKS, Run, base_name

#: Functions that only give a value another form.
FORMS = {"matrix", "as.matrix", "array", "as.vector", "as.numeric", "unlist", "t", "T", ".T", "copy", "reshape",
         "np.array", "np.asarray", "np.copy", "np.reshape"}  # fmt: skip
#: Functions that put the values of samples together.
STACKS = {"np.vstack", "np.hstack", "np.stack", "np.array", "np.column_stack", "np.c_", "np.r_", "np.row_stack",
          "np.concatenate", "rbind", "cbind", "do.call", "sapply", "vapply", "simplify2array", "array",
          "matrix"}  # fmt: skip


class Stores:
    """Looks for the stores of one recorded run."""

    def __init__(self, run: Run, follower):
        self.run, self.follower = run, follower

    def begun_with_zeros(self, departure):
        """The assignment, once for each sample, to what began as zeros, to which the samples should be added."""
        value, index = departure.formula.value, self.follower.index
        numbers = [hit for column in index.numbers(value) for hit in column]
        for hits in (departure.seen.hits(), index.inside(value), numbers):
            begun = [
                event
                for ref in {hit.ref for hit in hits}
                for event in self.run.by_ref.get(ref, ())
                if self._begun_with_zeros(event)
            ]
            if begun:  # the delta may have begun so, too, before
                return max(begun, key=lambda event: event.seq)
        return None

    def _begun_with_zeros(self, event) -> bool:
        node, target = self.run.node(event), base_name(self.run.statement(event).target)
        if node.kind not in ("assign", "after") or node.file == self.run.adapter or not target:
            return False
        if node.kind == "assign" and self.run.goes_on(node.stmt):  # the value that is added, not the sum
            return False
        return self._for_each_sample(event) and self._zeros.get((target, event.frame), event.seq) < event.seq

    def _for_each_sample(self, event) -> bool:
        """The statement runs at least once for every sample."""
        again = sum(other.path == event.path for other in self.run.by_node[event.node])
        return again >= self.follower.textbook.m

    @cached_property
    def _zeros(self) -> dict[tuple[str, int], int]:
        """When a name, in a call of its function, first got zeros."""
        first: dict[tuple[str, int], int] = {}
        for place, events in self.run.by_target.items():
            for event in events:
                if self.run.node(event).kind == "assign" and not np.any(self.run.value(event)):
                    first.setdefault(place, event.seq)
        return first

    def last_store(self, departure):
        """The statement that stores one sample's gradient where the sum over the samples belongs."""
        stores = []
        for hit in departure.seen.hits():
            for event in self.run.by_ref.get(hit.ref, ()):
                node = self.run.node(event)
                if not self._for_each_sample(event):
                    continue
                if (
                    node.kind not in ("assign", "after")
                    or node.file == self.run.adapter
                    or node.op in ("%*%", "@", "*", "outer")
                ):
                    continue
                if node.kind == "assign" and node.op not in (None, *PICKS, *FORMS) and event.path == "":
                    continue
                stores.append(event)
        inner = [event for event in stores if self.run.node(event).op not in self.run.functions]
        return max(inner or stores, key=lambda event: event.seq, default=None)

    def one_row_repeated(self, value: np.ndarray):
        """The list of zeros that holds one row several times."""
        zeros = [
            event
            for event in self.run.events
            if self.run.value(event).shape in (value.shape, value.T.shape) and not np.any(self.run.value(event))
            and self.run.node(event).op == "*"
        ]  # fmt: skip
        return zeros[-1] if zeros else None

    def empty_start(self, event):
        """The zero from which a sum goes on number by number: there the bias could have stood."""
        target = self.run.statement(event).target
        if not target or self.run.value(event).size != 1:
            return None
        zeros = [
            one
            for one in self.run.events
            if one.seq < event.seq and one.frame == event.frame and self.run.node(one).kind == "assign"
            and self.run.statement(one).target == target and self.run.value(one).size == 1
            and not np.any(self.run.value(one)) and self.run.statement(one) is not self.run.statement(event)
        ]  # fmt: skip
        return zeros[-1] if zeros else None

    def stored_from(self, event):
        """The assignment to the name whose number a statement stores as it is into an array."""
        statement = self.run.statement(event)
        if self.run.node(event).kind != "after" or "[" not in (statement.target or ""):
            return None
        text = (statement.code or "").partition("=" if "<-" not in (statement.code or "") else "<-")[2].strip()
        named = [one for one in self.run.by_target.get((text, event.frame), ()) if one.seq < event.seq]
        return named[-1] if named else None

    def only_stored(self, event, right: bool):
        """The same, where the number is wrong, or the name is read for nothing else: the computation is meant."""
        named = self.stored_from(event)
        if named is None or not right:
            return named
        name, here = self.run.statement(named).target, {self.run.node(event).stmt, self.run.node(named).stmt}
        for one in self.run.events:
            node = self.run.node(one)
            read = (one.frame, node.kind, node.text) == (event.frame, "name", name) and one.seq > named.seq
            if read and node.stmt not in here:
                return None
        return named

    def stacked_for(self, use, event):
        """The statement that put a value, as it is, beside a constant, for a product that takes both."""
        for operand in self.run.operands(use) if use is not None else ():
            made = self.run.computed(operand.ref)
            if made is None or made.seq < event.seq or self.run.node(made).op not in STACKS:
                continue
            if any(self.run.node(one).stmt == self.run.node(made).stmt for one in self.run.by_ref[event.ref]):
                return made
        return None

    def before_stacking(self, event, departure) -> Seen | None:
        """Where the samples' own values were seen, of a value that was only put together from them later."""
        value, index = departure.formula.value, self.follower.index
        if value.ndim != 2 or self.run.node(event).op not in STACKS:
            return None
        samples = [(i, tuple(index.find(value[:, i], parts=True))) for i in range(value.shape[1])]
        made = [hit for _, hits in samples for hit in hits if abs(hit.factor - 1) < 1e-9]
        before = [one for hit in made if (one := self.run.computed(hit.ref)) is not None and one.seq < event.seq]
        return Seen((), tuple(samples), (), 1.0) if len(before) >= value.shape[1] else None
