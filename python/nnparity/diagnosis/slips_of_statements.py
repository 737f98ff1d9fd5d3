"""A whole statement: too much, in the wrong order, a loop the other way round, a value that it does not keep."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from nnparity.diagnosis.slip_text import ASSIGNMENTS, LIKELY, POSSIBLE, Change, Part, Surroundings, Token
from nnparity.diagnosis.slips_of_tokens import named


def of_loop(text: str, span: tuple[int, int], language: str) -> Iterator[Change]:
    """A loop that goes the other way round."""
    own = text[slice(*span)]
    header = re.match(r"\s*for\s*\(\s*\w+ in (.+)\)\s*\{?\s*$" if language == "R" else r"\s*for .+ in (.+):\s*$", own)
    if header is None:
        return
    turn, over = ("rev" if language == "R" else "reversed"), header[1]
    at = (span[0] + header.start(1), span[0] + header.end(1))
    if over.startswith(f"{turn}(") and over.endswith(")"):
        yield Change(*at, over[len(turn) + 1 : -1], LIKELY + 0.5)
    elif over.startswith("zip("):
        return
    else:
        yield Change(*at, f"{turn}({over})", LIKELY + 0.5)


def throughout(text: str, tokens: list[Token], around: Surroundings) -> Iterator[Change]:
    """A name, or an attribute, that stands several times in a statement, replaced wherever it does."""
    start = next((k for k, token in enumerate(tokens) if token.text in ASSIGNMENTS), -1) + 1
    words = [(token.kind, token.text) for token in tokens[start:] if token.kind in ("name", "attribute")]
    for kind, word in dict.fromkeys(word for word in words if words.count(word) > 1):
        places = [token for token in tokens[start:] if (token.kind, token.text) == (kind, word)]
        first, last = places[0].start, places[-1].end
        for change in named((first, last), word, around.names if kind == "name" else around.attributes, 8):
            new = "".join(
                text[before.end : token.start] + change.new for before, token in pairwise(places)
            )  # fmt: skip
            unlike = around.unlike(around.shapes.get(word, frozenset()), change.new)
            yield replace(change, new=change.new + new, cost=change.cost + unlike + 0.3)


def left_out(text: str, span: tuple[int, int], language: str) -> Iterator[Change]:
    """A statement too many."""
    own = text[slice(*span)]
    head = own[: len(own) - len(own.lstrip())]
    if not own.rstrip().endswith((":", "{")):
        yield Change(*span, head + ("pass" if language == "Python" else "NULL"), POSSIBLE)


def kept(text: str, tokens: list[Token], parts: list[Part], language: str) -> Iterator[Change]:
    """What a call gave back, and nothing keeps, under the name of one of its arguments."""
    opened = 0
    for token in tokens:
        opened += (token.text in "([{") - (token.text in ")]}")
        if not opened and token.text in ASSIGNMENTS:
            return
    for root in parts:
        call = root.parts[0] if len(root.parts) == 1 and root.parts[0].start == root.start else root
        if call.call and text[call.end - 1] == ")" and tokens and call.start == tokens[0].start:
            for inner in call.parts:
                if inner.kind in ("name", "index"):
                    target = f"{text[inner.start : inner.end]} {'=' if language == 'Python' else '<-'} "
                    yield Change(call.start, call.start, target, LIKELY + 0.5, "update-lost")


def held(text: str, tokens: list[Token], around: Surroundings) -> Iterator[Change]:
    """A local name where an element of a list, or an attribute of an object, has the same one: nn$W for W, self.W."""
    if len(tokens) < 2 or tokens[0].kind != "name" or tokens[1].text not in ASSIGNMENTS:
        return
    name, sign = tokens[0].text, "." if around.language == "Python" else "$"
    for holder in around.holders if name in around.attributes else ():
        yield Change(tokens[0].start, tokens[0].end, f"{holder}{sign}{name}", LIKELY + 0.3, "update-lost")


def shared(text: str, tokens: list[Token], parts: list[Part], language: str) -> Iterator[Change]:
    """A second name for an array of Python's, where a copy of it may be meant."""
    assigns = language == "Python" and any(token.text == "=" for token in tokens[1:])
    for root in parts if assigns else ():
        if root.array and root.end == tokens[-1].end and re.fullmatch(r"[\w.]+", text[root.start : root.end]):
            yield Change(root.end, root.end, ".copy()", LIKELY + 0.5, "np-alias")


def of_order(text: str, span: tuple[int, int]) -> Iterator[Change]:
    """The statement exchanged with a neighbour of the same indentation, or moved behind the next two."""
    lines = text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    here = next((k for k in range(len(lines)) if starts[k] <= span[0] < starts[k + 1]), None)
    if here is None or span[1] > starts[here + 1]:
        return
    depth = _depth(lines[here])
    for below in range(here + 1, min(here + 4, len(lines))):
        if not lines[below].strip():
            continue
        if _depth(lines[below]) != depth or lines[below].strip()[0] in "})":
            break
        moved = "".join(lines[here + 1 : below + 1]) + lines[here]
        yield Change(starts[here], starts[below + 1], moved, POSSIBLE + 0.2 * (below - here))
    for above in range(here - 1, max(here - 4, -1), -1):
        if not lines[above].strip():
            continue
        if _depth(lines[above]) != depth or lines[above].strip()[-1] in "{:(":
            break
        moved = lines[here] + "".join(lines[above:here])
        yield Change(starts[above], starts[here + 1], moved, POSSIBLE + 0.2 * (here - above))


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())
