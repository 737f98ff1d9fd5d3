"""Which evaluations the returned parameters were made of: what went into the loss's value alone is none of them."""

from __future__ import annotations

from collections.abc import Iterable

from nnparity.diagnosis.run import READS, Run, base_name

#: Kinds of nodes that keep a value, or hand it on to where it is read.
KEEPS = {"assign", "return", "after"}


def live_events(run: Run, returned: Iterable[int]) -> set[int]:
    """The numbers (`seq`) of the events from which the values `returned` were made, as far as the record shows.

    From the end to the beginning: an expression that went into one of them makes its operands live; a value that was
    read makes live whoever assigned, returned or handed it on.
    """
    refs, live = set(returned), set()
    for event in reversed(run.events):
        node = run.node(event)
        handed = node.kind in KEEPS or node.id == node.stmt or node.parent in run.callers
        if event.seq not in live and not (event.ref in refs and (handed or node.kind in READS)):
            continue
        live.add(event.seq)
        refs.add(event.ref)
        if node.id in run.callers:
            continue  # what the function was given counts where it was read there
        operands = run.elements(event)
        if node.kind == "after":
            root = run.operand(event, node.stmt)
            place = base_name(run.statement(event).target), event.frame
            before = [one for one in run.by_target.get(place, ()) if one.seq < event.seq]
            operands += [*([root] if root is not None else []), *before[-1:]]
        for operand in operands:
            live.add(operand.seq)
            refs.add(operand.ref)
    return live
