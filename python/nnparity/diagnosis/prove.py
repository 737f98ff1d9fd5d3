"""Prove a finding by repair: put the right values in where the wrong ones were computed, run again, and see it gone."""

from __future__ import annotations

import numpy as np

from nnparity.diagnosis import textbook as book
from nnparity.diagnosis.finding import Finding
from nnparity.diagnosis.follow import Seen
from nnparity.diagnosis.matching import normal_form
from nnparity.diagnosis.run import Run


def adapt(right: np.ndarray, recorded: np.ndarray, wrong: np.ndarray, factor: float) -> np.ndarray | None:
    """`right` in the layout in which `wrong` was recorded: transposed, flattened or scaled as it was there."""
    shape = recorded.shape
    value, here = normal_form(recorded), normal_form(wrong)
    there = normal_form(right).reshape(here.shape) if normal_form(right).size == here.size else None
    if there is None or value.size != here.size:
        return None
    if value.shape == here.shape and np.allclose(value, factor * here, rtol=1e-6, atol=0):
        return (factor * there).reshape(shape, order="A" if there.ndim < 2 else "C")
    if value.ndim == 2 and here.ndim == 2 and value.shape == here.shape[::-1]:
        return (factor * there.T).reshape(shape)
    if value.ndim == 1 and here.ndim == 2:
        if np.allclose(value, factor * here.ravel(order="F"), rtol=1e-6, atol=0):
            return factor * there.ravel(order="F")
        return factor * there.ravel()
    return (factor * there).reshape(shape) if value.shape == here.shape else None


def repaired(finding: Finding, textbook, state) -> dict[str, np.ndarray]:
    """The right values of a finding's quantities when all are put right: each from the repaired ones before it."""
    wanted = {departure.quantity for departure in finding.departures}
    if len(wanted) < 2:
        return {}
    new, values = state.branch(0.0), {}
    L = textbook.depth

    def choose(quantity: str, formulas) -> np.ndarray:
        used = state.used.get(quantity)
        text = state.rights[quantity].text if quantity in wanted else used.text
        value = next((formula.value for formula in formulas if formula.text == text), used.value)
        if quantity in wanted:
            values[quantity] = value
        return value

    for layer in range(1, L + 1):
        name, known = state.activations[layer - 1], True
        new.Z[layer] = choose(
            f"Z{layer}", book.forward_sums(textbook.W, textbook.b, new.A, new.Z, layer, layer in textbook.no_bias)
        )
        new.A[layer] = choose(
            f"A{layer}",
            book.forward_activations(
                new.Z[layer], layer, name, known, layer == L, textbook.slope, textbook.b[layer - 1]
            ),
        )
    for layer in range(L, 0, -1):
        formulas = book.output_deltas(new, textbook) if layer == L else book.hidden_deltas(new, textbook, layer, {})
        new.delta[layer] = choose(f"delta{layer}", formulas)
    return values


def injections(finding: Finding, run: Run, textbook, follower, state) -> list[tuple]:
    """(node, occurrence, path, array) that repair one finding wherever its wrong values were computed."""
    found: dict[tuple[int, int, str], np.ndarray] = {}

    def put(event, array):
        if array is not None and np.size(array) == run.value(event).size:
            found.setdefault((event.node, event.occ, event.path), array)

    rights = repaired(finding, textbook, state)
    for departure in finding.departures:
        if departure.quantity.startswith(("dW", "db")):
            continue
        seen: Seen = departure.seen
        wrong, right = departure.formula.value, rights.get(departure.quantity, departure.right.value)
        if departure.formula.text == "?" and departure.quantity.startswith("delta"):
            right = right * _scale_above(departure, run, state, finding.departures)
        for hit in seen.batch:
            event = _origin(run, hit.ref, finding)
            if event is not None:
                put(event, adapt(right, run.value(event), wrong, hit.factor))
        for i, hits in seen.samples:
            for hit in hits:
                event = _origin(run, hit.ref, finding)
                if event is not None and hit.layout == "number":
                    unit = np.argmin(np.abs(hit.factor * wrong[:, i] - run.value(event)))
                    put(event, np.reshape(hit.factor * right[unit, i], run.value(event).shape))
                elif event is not None:
                    put(event, adapt(right[:, i], run.value(event), wrong[:, i], hit.factor))
    if not found:
        for name in finding.covers:
            if name in state.updates:
                letter, layer = name[0], state.updates[name].layer
                new = (follower.W_new if letter == "W" else follower.b_new)[layer - 1]
                old = (textbook.W if letter == "W" else textbook.b)[layer - 1]
                right = old - textbook.eta * state.rights[f"d{letter}{layer}"].value
                for hit in follower.index.find(new, parts=True):
                    if abs(hit.factor - 1) < 1e-9:
                        event = run.computed(hit.ref)
                        if event is not None:
                            put(event, adapt(right, run.value(event), new, 1.0))
    return [(node, occ, path, array) for (node, occ, path), array in found.items()]


def _scale_above(departure, run: Run, state, unknown) -> float:
    """The constant that the delta of the layer above last had before a wrong delta was computed from it; 1 for none.

    Of a delta above that is among the unknown ones, it is the constant of the one above that.
    """
    above, hits = state.seen.get(f"delta{departure.layer + 1}"), departure.seen.hits()
    firsts = [event.seq for hit in hits if (event := run.computed(hit.ref)) is not None]
    if not above or not firsts:
        return 1.0
    higher = [one for one in unknown if one.quantity == f"delta{departure.layer + 1}" and one.formula.text == "?"]
    if higher:
        return _scale_above(higher[0], run, state, unknown)
    made = [(run.computed(hit.ref), hit.factor) for hit in above.hits()]
    before = [(event.seq, factor) for event, factor in made if event is not None and event.seq < min(firsts)]
    return max(before, default=(0, 1.0))[1]


def _origin(run: Run, ref: int, finding: Finding):
    """Where to put the right value: the statement blamed, if the value passes there, else where it was computed."""
    blamed = run.statement(finding.event).id if finding.event is not None else None
    for event in run.by_ref.get(ref, ()):
        if run.node(event).stmt == blamed and run.node(event).kind in ("assign", "return"):
            return event
    return run.computed(ref)
