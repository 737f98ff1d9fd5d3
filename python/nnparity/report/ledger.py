"""Hold every recorded value against the right one, so that a reader sees where a run leaves the textbook."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from nnparity.checks import InputError
from nnparity.diagnosis.labels import vocabulary
from nnparity.diagnosis.prove import adapt
from nnparity.network import backward, define_network, forward

#: Relative difference up to which two values count as the same one.
SAME = 1e-9


@dataclass(frozen=True)
class Judgement:
    """What a recorded value is, and what it should have been, in the layout in which it was recorded.

    `right` is None where the value is right, or where the right one is not known in this layout.
    """

    label: str
    ok: bool
    right: np.ndarray | None = None


class Ledger:
    """The values of one recorded run, each with its label and its right counterpart.

    Parameters
    ----------
    conclusion : nnparity.diagnosis.conclude.Conclusion
        A run, the account that follows it, and the labels of its values.
    findings : list of nnparity.diagnosis.conclude.Finding
    """

    def __init__(self, conclusion: Any, findings: list[Any]):
        self.run, self.state, self.book = conclusion.run, conclusion.state, conclusion.textbook
        self.follower, self.labels, self.findings = conclusion.follower, conclusion.labels, findings
        self._roots: dict[int, set[int]] = {}  # id of a finding → the refs of its wrong values

    def judge(self, ref: int) -> Judgement | None:
        """What is known of a recorded value; None where nothing recognised it."""
        if ref in self.wrong:
            text, right = self.wrong[ref]
            return Judgement(text, False, right)
        label = self.labels.get(ref)
        if label is None:
            return None
        return Judgement(label.text, label.right)

    @cached_property
    def wrong(self) -> dict[int, tuple[str, np.ndarray | None]]:
        """ref → label and right value, of every recorded value that is not what the textbook gives."""
        found: dict[int, tuple[str, np.ndarray | None]] = {}
        if all(finding.kind == "convention" for finding in self.findings):
            return found
        for finding in self.findings:  # the roots first: their right value is that of their own operands
            self._from_root(finding, found)
        for text, used, right, kind in self._pairs():
            for ref, recorded_from, right_there, factor in self._copies(used, right, kind):
                label = self.labels.get(ref)
                if ref in found or (label is not None and text not in label.text):
                    continue
                shown = label.text if label is not None else text
                found[ref] = (shown, adapt(right_there, self.run.values[ref], recorded_from, factor))
        return found

    def root(self, finding: Any) -> tuple[np.ndarray, np.ndarray] | None:
        """The recorded and the right value of a root cause, as far as both are known."""
        if finding.kind in ("convention", "crash"):
            return None
        events = [event for event in self._events_of(finding) if event.ref in self.run.values]
        own = [event for event in events if event.ref in self._roots.get(id(finding), ())]
        own += [event for event in events if self.wrong.get(event.ref, ("",))[0] == finding.quantity]
        for event in [*own, *events[:1]]:
            recorded, (_, right) = self.run.values[event.ref], self.wrong.get(event.ref, ("", None))
            if right is not None and recorded.shape == right.shape:
                return recorded, right
        return None

    # -- what the textbook gives for the probe, with nothing wrong before ---

    @cached_property
    def ideal(self) -> Any | None:
        """The state of a run without any mistake; None where the network is not defined throughout."""
        book, state = self.book, self.state
        sizes = (book.X.shape[0], *[w.shape[0] for w in book.W])
        try:
            network = define_network(
                sizes,
                tuple(state.activations[:-1]),
                state.activations[-1],
                state.loss or book.loss,
                slope=book.slope,
                no_bias=book.no_bias,
            )
            Z, A = forward(network, book.W, book.b, book.X)
            delta, _, _ = backward(network, book.W, Z, A, book.Y)
        except (InputError, FloatingPointError):
            return None
        ideal = copy(state)
        ideal.Z = dict(enumerate(Z, start=1))
        ideal.A = dict(enumerate(A))
        ideal.delta = dict(enumerate(delta, start=1))
        ideal.departures = []
        return ideal

    def _pairs(self) -> Iterator[tuple[str, np.ndarray, np.ndarray, Any]]:
        """(text, value as used, right value, kind) of all that a run may hold and that is off."""
        if self.ideal is None:
            return
        # some steps have two forms under one name (the maximum of a sample, or of all): the first goes with the first
        right, of_quantity = {}, {}
        count: Counter[str] = Counter()
        for text, quantity, value, _, _ in vocabulary(self.ideal, self.book):
            right[text, count[text]] = value
            count[text] += 1
            if quantity:
                of_quantity[quantity] = value
        count.clear()
        for text, quantity, value, _, kind in vocabulary(self.state, self.book):
            there = of_quantity[quantity] if quantity in of_quantity else right.get((text, count[text]))
            count[text] += 1
            if there is not None and there.shape == value.shape and not _same(value, there):
                yield text, value, there, kind
        for letter, new, old in (("W", self.follower.W_new, self.book.W), ("b", self.follower.b_new, self.book.b)):
            for layer, (after, before) in enumerate(zip(new, old, strict=False), start=1):
                quantity = f"{letter}{layer}_new"
                there = of_quantity.get(quantity)
                if there is None or not np.all(np.isfinite(after)) or _same(after, there) or _same(after, before):
                    continue
                if not self._is_convention(after - before, there - before):
                    yield quantity, after, there, "plain"

    def _is_convention(self, change: np.ndarray, right: np.ndarray) -> bool:
        """Whether a change is the right one times the constant that a convention names."""
        factors = [finding.factor for finding in self.findings if finding.kind == "convention" and finding.factor]
        return any(_same(change, factor * right) for factor in factors)

    def _copies(self, used: np.ndarray, right: np.ndarray, kind: Any):
        """(ref, value as used, right value, factor) of every copy: whole, by sample, or as a sum so far."""
        index = self.follower.index
        if not np.all(np.isfinite(used)):
            return
        for hit in index.find(used):
            yield hit.ref, used, right, hit.factor
        if kind == "samples" and used.ndim == 2 and used.shape[1] > 1:
            for i in range(used.shape[1]):
                for hit in index.find(used[:, i]):
                    yield hit.ref, used[:, i], right[:, i], hit.factor
        elif isinstance(kind, tuple) and self.ideal is not None:
            _, d, a = kind
            layer = next((k for k, value in self.state.delta.items() if value is d), None)
            if layer is None:
                return
            d_right, a_right = self.ideal.delta[layer], self.ideal.A[layer - 1]
            sums = [np.zeros_like(used), np.zeros_like(used)]
            for i in range(d.shape[1]):
                terms = (
                    [d[:, i], d_right[:, i]]
                    if a is None
                    else [np.outer(d[:, i], a[:, i]), np.outer(d_right[:, i], a_right[:, i])]
                )
                sums = [total + term for total, term in zip(sums, terms, strict=True)]
                for pair in (terms, sums):
                    for hit in index.find(pair[0]):
                        yield hit.ref, pair[0], pair[1], hit.factor

    # -- root causes ---

    def _events_of(self, finding: Any) -> list[Any]:
        """The values that the blamed statement gave, the blamed expression's first."""
        if finding.event is None:
            return []
        statement = self.run.statement(finding.event).id
        rest = [event for event in self.run.events if self.run.node(event).stmt == statement]
        rest.sort(key=lambda event: self.run.node(event).kind not in ("assign", "return"))
        return [finding.event, *rest]

    def _from_root(self, finding: Any, found: dict[int, tuple[str, np.ndarray | None]]) -> None:
        """Right values of what a blamed statement computed: its quantity, or a factor of it."""
        if finding.kind in ("convention", "crash"):
            return
        refs = {event.ref for event in self._events_of(finding)}
        for departure in finding.departures:
            used, right = departure.formula.value, departure.right.value
            if np.shape(used) != np.shape(right) or not np.all(np.isfinite(right)):
                continue
            kind = "samples" if departure.quantity[0] in "ZA" or departure.quantity.startswith("delta") else "plain"
            pairs = [(departure.formula.text, used, right)]
            pairs += [(None, part, counterpart) for part, counterpart in self._parts(departure)]
            for text, wrong, counterpart in pairs:
                for ref, recorded_from, there, factor in self._copies(wrong, counterpart, kind):
                    if ref in refs and ref not in found:
                        label = self.labels.get(ref)
                        shown = text or (label.text if label is not None else "a factor of it")
                        shown = finding.computes if shown == "?" else shown
                        found[ref] = (shown, adapt(there, self.run.values[ref], recorded_from, factor))
                        self._roots.setdefault(id(finding), set()).add(ref)

    def _parts(self, departure: Any) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Wrong factors of a wrong delta, each with its right counterpart: delta = (Wᵀ delta) ⊙ f′(Z)."""
        from nnparity.diagnosis.textbook import activation_slope

        layer, wrong, right = departure.layer, departure.formula.value, departure.right.value
        if not departure.quantity.startswith("delta"):
            return
        slope = activation_slope(self.state.activations[layer - 1], self.state.Z[layer], self.book.slope)
        with np.errstate(all="ignore"):
            back = right / slope
            for part in departure.formula.parts:
                if np.shape(part) != wrong.shape:
                    continue
                other = wrong / part
                for counterpart in (slope, back):
                    if np.all(np.isfinite(counterpart)) and _same(counterpart * other, right):
                        yield part, counterpart


def worst_element(recorded: np.ndarray, right: np.ndarray, language: str) -> dict[str, Any] | None:
    """Where two arrays differ most, its place in the syntax of the candidate's language."""
    if recorded.shape != right.shape or recorded.size == 0:
        return None
    difference = np.abs(recorded - right)
    if not np.any(difference > 0):
        return None
    place = np.unravel_index(int(np.nanargmax(difference)), recorded.shape)
    first = 1 if language == "R" else 0
    at = "[" + ", ".join(str(int(i) + first) for i in place) + "]" if recorded.ndim else ""
    return {"at": at, "value": float(recorded[place]), "right": float(right[place])}


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    if np.shape(a) != np.shape(b):
        return False
    scale = max(float(np.max(np.abs(b), initial=0.0)), 1e-300)
    return bool(np.all(np.abs(a - b) <= SAME * scale))
