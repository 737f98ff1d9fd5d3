"""Which evaluations the returned parameters were made of: what went into the loss's value alone is none of them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from nnparity.diagnosis.run import READS, Run, base_name

#: Kinds of nodes that keep a value, or hand it on to where it is read.
KEEPS = {"assign", "return", "after"}
ENOUGH = 0.2  # of what may have gone into the parameters, where the strict way loses no trail


def live_events(run: Run, returned: Iterable[int]) -> set[int]:
    """The numbers (`seq`) of the events from which the values `returned` were made, as far as the record shows.

    Strictly, a read counts only where what it was read for counts.  Where the record does not show all of that, as of
    an environment that the adapter takes apart, every read of a value that went into the parameters counts.
    """
    refs = set(returned)
    strictly, loosely = _walk(run, refs, strict=True), _walk(run, refs, strict=False)
    return strictly if len(strictly) >= ENOUGH * len(loosely) else loosely


def _walk(run: Run, returned: set[int], strict: bool) -> set[int]:
    """From the end to the beginning: an expression that went into one of the values makes its operands live.

    A value that was read makes live whoever assigned, returned or handed it on.
    """
    read = {base_name(run.node(event).text) for event in run.events if run.node(event).kind in READS}
    refs, live, names = set(returned), set(), set()
    for event in reversed(run.events):
        node = run.node(event)
        target = run.statement(event).target or ""
        unread = node.kind == "assign" and re.fullmatch(r"\w+", target) and target not in names and target in read
        if strict and unread and any(run.computes(one) and one.seq > event.seq for one in run.by_ref[event.ref]):
            continue  # it has the value, but nothing that counts reads it: what computes it once more is meant
        put = run.statement(event).kind == "expr" and node.parent == node.stmt  # into a list, by its append
        handed = node.kind in KEEPS or node.id == node.stmt or node.parent in run.callers or put
        alone = node.kind in READS and not (strict and _is_operand(run, event))
        if event.seq not in live and not (event.ref in refs and (handed or alone)):
            continue
        live.add(event.seq)
        refs.add(event.ref)
        if node.kind in READS or node.kind == "return":
            names.add(base_name(node.text))
        if node.id in run.callers:
            continue  # what the function was given counts where it was read there
        operands = run.elements(event)
        if node.kind == "after":
            place = base_name(run.statement(event).target), event.frame
            before = [one for one in run.by_target.get(place, ()) if one.seq < event.seq]
            operands += [*run.put(event), *before[-1:]]
        for operand in operands:
            live.add(operand.seq)
            refs.add(operand.ref)
            names.update([base_name(run.node(operand).text)] if run.node(operand).kind in READS else [])
    return live


def _is_operand(run: Run, read) -> bool:
    """An expression of which the read is a part was recorded: what that is good for, the read is good for."""
    around = run.by_frame_node.get((read.frame, run.node(read).parent), ())
    return any(one.seq > read.seq for one in around)
