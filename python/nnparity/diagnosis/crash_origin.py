"""Where a step that stops was spoiled before: the operation that lost a shape, the product or the call to blame."""

from __future__ import annotations

from typing import Any

from nnparity.diagnosis.conclude import Conclusion
from nnparity.diagnosis.handing import MATRIX_PRODUCTS

#: Operations of R that are known to lose a shape → the mistake.
LOSES_SHAPE = {
    "apply": "r-apply-transpose",
    "sapply": "r-apply-transpose",
    "vapply": "r-apply-transpose",
    "pmax": "r-pmax-dimension",
    "pmin": "r-pmax-dimension",
    "max": "r-pmax-dimension",
    "diag": "r-diag-scalar",
}
#: Products of which one factor was to be turned, or both to be exchanged.
OUTER = {*MATRIX_PRODUCTS, "outer", "np.outer", "%o%"}


def made_by(error, conclusion: Conclusion) -> tuple[str | None, Any]:
    """The mistake by which an operand got its unfit shape, and the event that made it so where one was recorded."""
    run = conclusion.run
    for operand in error.operands:
        if operand.ref is None:
            node = run.nodes.get(operand.node or -1)
            if node is not None and node.kind == "call":
                for other in run.nodes.values():
                    if other.op == "diag" and other.fun and node.op == other.fun:
                        return "r-diag-scalar", None
            continue
        if run.recording.meta[operand.ref].container == "data.frame":
            return "r-data-frame-arithmetic", None
        producer = _lost_shape(operand.ref, conclusion)
        if producer is not None:
            return LOSES_SHAPE[run.node(producer).op], producer
        dropped = _dropped(operand.ref, run)
        if dropped is not None:
            return "r-dropped-dimension", dropped
    if "requires numeric/complex matrix" in str(error.message):
        return "r-data-frame-arithmetic", None
    if "less than one element" in str(error.message):
        return "r-countdown-loop", None
    return None, None


def _lost_shape(ref: int, conclusion: Conclusion, depth: int = 0) -> Any:
    """The event, behind a value or behind the unexplained values it was made from, that lost its shape."""
    run = conclusion.run
    producer = run.computed(ref)
    if producer is None or depth > 4:
        return None
    if (run.node(producer).op or "") in LOSES_SHAPE:
        return producer
    if conclusion.labels.get(ref) is not None:
        return None
    for operand in run.operands(producer):
        if operand.ref != ref and (found := _lost_shape(operand.ref, conclusion, depth + 1)) is not None:
            return found
    return None


def _dropped(ref: int, run) -> Any:
    """The `X[i, ]` or `X[, i]` that cut a vector, or what is the transpose of one, out of a matrix."""
    for event in run.by_ref.get(ref, ()):
        candidates = [event]
        if (run.node(event).op or "") == "t":
            candidates += run.operands(event)
        for candidate in candidates:
            for other in run.by_ref.get(candidate.ref, ()):
                node = run.node(other)
                cut = (node.op or "").strip("`") in ("[", "[]") and "," in node.text and "drop" not in node.text
                if cut and run.value(other).ndim == 1:
                    return other
    return None


def turned_product(error, conclusion: Conclusion) -> Any:
    """The product before, in another statement, that gave a gradient the wrong way round for its update."""
    run = conclusion.run
    for operand in error.operands:
        label = conclusion.labels.get(operand.ref) if operand.ref is not None else None
        if label is None or not label.quantity.startswith("dW"):
            continue
        same = [ref for ref, other in conclusion.labels.items() if other.right and other.quantity == label.quantity]
        made = [one for ref in same for one in run.by_ref.get(ref, ()) if run.node(one).op in OUTER]
        own = [one for one in made if run.node(one).stmt != error.stmt and run.node(one).file != run.adapter]
        if own:
            return run.statement(min(own, key=lambda one: one.seq))
    return None


def asked_for(error, run) -> Any:
    """Of a function that takes what it was given element by element: the statement that gave it what does not fit."""
    node = run.nodes.get(error.node or -1)
    if node is None or node.op not in ("+", "-", "*", "/"):
        return None
    here = [event for event in run.events if run.node(event).stmt == error.stmt]
    call = run.call_of(here[-1].frame) if here else None
    if call is None or run.nodes[call[0]].file == run.adapter:
        return None
    arrays = [operand.ref for operand in error.operands if operand.ref is not None and run.values[operand.ref].size > 1]
    given = {one.ref for one in run.given(here[-1].frame) if run.value(one).size > 1}
    inner = {ref: [one.ref for event in run.by_ref[ref] if event.frame == here[-1].frame
                   for one in run.operands(event)] for ref in arrays}  # fmt: skip
    fits = [ref in given or any(one in given for one in inner[ref]) for ref in arrays]
    return run.nodes[run.nodes[call[0]].stmt] if len(given) > 1 and len(arrays) == 2 and all(fits) else None


def misshapen(error, conclusion: Conclusion) -> Any:
    """The statement before, where an operand of unknown meaning got a shape that no quantity of the network has."""
    run, t = conclusion.run, conclusion.textbook
    signals = {(n, t.m) for n in (t.X.shape[0], *(w.shape[0] for w in t.W))}
    weights = {(n, before + one) for n, before in (w.shape for w in t.W) for one in (0, 1)}  # with that of the bias
    known = signals | weights
    for operand in error.operands:
        shape = run.values[operand.ref].shape if operand.ref is not None else ()
        usual = len(shape) != 2 or 1 in shape or shape in known or shape[::-1] in known
        if usual or conclusion.labels.get(operand.ref) is not None:
            continue
        maker = run.computed(operand.ref)
        origin = conclusion.blamer.trail.first_unlabelled(maker) if maker is not None else None
        if origin is not None and run.node(origin).file != run.adapter and run.node(origin).stmt != error.stmt:
            return run.statement(origin)
    return None
