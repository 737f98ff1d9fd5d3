"""An expression of a statement in another's place: brackets, arguments, transposes, something too much or forgotten."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from nnparity.diagnosis.slip_text import FAR, LIKELY, NUMBER, POSSIBLE, Change, Part, Surroundings, every_part
from nnparity.diagnosis.slips_of_tokens import OPERATORS

ARITHMETIC = ("+", "-", "*", "/", "^", "**", "@", "%*%")
SHORTEST_REPEATED = 6  # characters of an expression that is looked for inside of others


def of_parts(text: str, parts: list[Part], around: Surroundings) -> Iterator[Change]:
    """Changes of the expressions of a statement."""
    for part in every_part(parts):
        if len(part.parts) == 2 and part.op == ":":  # L:1 for 1:L
            one, other = (text[end.start : end.end] for end in part.parts)
            yield Change(part.start, part.end, f"{other}:{one}", LIKELY + 0.5)
        elif len(part.parts) == 2 and not part.index and part.op in OPERATORS:
            yield from _of_two(text, part)
            yield from _of_reach(text, part)
        elif part.call or part.index:
            yield from _undone(text, part)
            yield from _of_argument(text, part)
        if part.call or (part.op or "") in ("list", "tuple"):
            yield from _exchanged(text, part)
        if part.matrix:
            yield from _turned(text, part, around.language)
        yield from _replaced(text, part, around)
    for root in parts:
        for inner in every_part([root]):
            if inner.array and inner.kind != "constant":
                yield from _with_more(text, inner, around, 0.0 if inner is root or inner in root.parts else POSSIBLE)


def _of_two(text: str, part: Part) -> Iterator[Change]:
    """Of an operation on two operands: one of them alone, the two exchanged, brackets."""
    one, other = part.parts
    if one.end > other.start:
        return
    left, between, right = text[one.start : one.end], text[one.end : other.start], text[other.start : other.end]
    head, tail = text[part.start : one.start], text[other.end : part.end]
    yield Change(part.start, part.end, head + left + tail, LIKELY + 0.3 if other.kind == "constant" else POSSIBLE)
    if part.op != "-":
        yield Change(part.start, part.end, head + right + tail, POSSIBLE)
    lists = part.op == "+" and "[" in (left[:1], right[:1])  # of Python, which puts the one behind the other
    if part.op in ("-", "/", "%*%", "@", "//", "<", ">") or lists:
        cost = LIKELY + 0.8 if part.op == "-" else LIKELY
        yield Change(part.start, part.end, head + right + between + left + tail, cost)
    yield from _of_brackets(text, part)


def _of_brackets(text: str, part: Part) -> Iterator[Change]:
    """a * b - c for a * (b - c), and a - b / c for (a - b) / c: the brackets that were forgotten."""
    left, right = part.parts
    if len(left.parts) == 2 and left.op in ARITHMETIC and text[left.start] != "(" and left.kind == "expr":
        inner = left.parts[1]
        yield Change(inner.start, part.end, f"({text[inner.start : part.end]})", LIKELY + 0.5)
    if len(right.parts) == 2 and right.op in ARITHMETIC and text[right.start] != "(" and right.kind == "expr":
        inner = right.parts[0]
        yield Change(part.start, inner.end, f"({text[part.start : inner.end]})", LIKELY + 0.5)


def _of_reach(text: str, part: Part) -> Iterator[Change]:
    """(a + b) * c without its brackets; f(a) - b as f(a - b): a bracket that is closed too late, or too early."""
    for inner in part.parts:
        own = text[inner.start : inner.end]
        wrapped = own[:1] + own[-1:] == "()"
        if (wrapped or (text[inner.start - 1 : inner.start], text[inner.end : inner.end + 1]) == ("(", ")")) and (
            inner.op in ("+", "-", "*", "/", "(")
        ):
            at = (inner.start, inner.end) if wrapped else (inner.start - 1, inner.end + 1)
            yield Change(*at, own[1:-1] if wrapped else own, LIKELY + 0.5)
    left, right = part.parts
    if left.call and len(left.parts) == 1 and text[left.end - 1] == ")" and left.end <= right.start:
        behind = text[left.end : part.end]
        yield Change(left.end - 1, part.end, f"{behind})", LIKELY + 0.7)


def _of_argument(text: str, part: Part) -> Iterator[Change]:
    """f(a - b) as f(a) - b, in the statement's own brackets or without: a bracket that is closed too late."""
    inner = part.parts[0] if part.call and len(part.parts) == 1 else None
    if inner is None or len(inner.parts) != 2 or inner.op not in ARITHMETIC or text[part.end - 1] != ")":
        return
    left, right = inner.parts
    if left.end <= right.start and inner.end <= part.end - 1:
        yield Change(left.end, part.end, f"){text[left.end : inner.end]}", LIKELY + 0.7)


def _undone(text: str, part: Part) -> Iterator[Change]:
    """What a function was given, in place of its value; what an index was taken of, in place of the element."""
    own = text[part.start : part.end]
    turned = own.startswith("t(") or own.endswith(".T")
    for inner in part.parts[: 3 if part.call else 1]:
        twice = part.call and len(part.parts) == 1  # a function too many
        cost = LIKELY if turned else LIKELY + 0.6 if twice else POSSIBLE
        yield Change(part.start, part.end, text[inner.start : inner.end], cost, "transposed" if turned else None)


def _exchanged(text: str, part: Part) -> Iterator[Change]:
    """Two neighbouring arguments in the other order."""
    for one, other in pairwise(part.parts):
        between = text[one.end : other.start]
        if one.end <= other.start and "=" not in between:
            swapped = text[other.start : other.end] + between + text[one.start : one.end]
            yield Change(one.start, other.end, swapped, LIKELY + 0.8 if part.call else POSSIBLE)


def _turned(text: str, part: Part, language: str) -> Iterator[Change]:
    """A matrix transposed; likely where that conforms whatever stands beside it."""
    own = text[part.start : part.end]
    held = own if re.fullmatch(r"[\w.\[\]]+", own) else f"({own})"
    turned = f"t({own})" if language == "R" else f"{held}.T"
    square = any(len(shape) == 2 and shape[0] == shape[1] for shape in part.shapes)
    if part.op not in ("t", ".T"):
        yield Change(part.start, part.end, turned, LIKELY + 0.3 if square else POSSIBLE, "transposed")


def _replaced(text: str, part: Part, around: Surroundings) -> Iterator[Change]:
    """An expression's square, or what a name or another expression of the function holds, in its place."""
    own = text[part.start : part.end]
    if part.kind != "constant" and part.shapes:
        power = "^" if around.language == "R" else "**"
        yield Change(part.start, part.end, f"({own}){power}2", POSSIBLE + 1)
    if part.kind not in ("name", "constant") and part.shapes == NUMBER:
        for number in ("1", "2", "0"):
            yield Change(part.start, part.end, number, POSSIBLE + 0.4)
    if part.kind not in ("name", "constant"):
        for place, name in enumerate(around.names[:30]):
            cost = POSSIBLE + 0.5 + 0.05 * place + around.unlike(part.shapes, name)
            yield Change(part.start, part.end, name, cost)
    if part.array and len(own) >= SHORTEST_REPEATED:
        for phrase in [phrase for phrase in around.longer if own in phrase and phrase != own][:4]:
            yield Change(part.start, part.end, phrase, LIKELY + 0.5)
    if part.array:
        alike = [phrase for phrase, shapes in around.phrases.items() if shapes & part.shapes and phrase != own]
        for place, phrase in enumerate(alike[:16]):
            yield Change(part.start, part.end, phrase, POSSIBLE + 0.7 + 0.1 * place)


def _with_more(text: str, part: Part, around: Surroundings, deep: float) -> Iterator[Change]:
    """An expression with a factor, a divisor or a term that was forgotten, or inside of a function that was."""
    here = text[part.start : part.end]
    for place, name in enumerate(around.names[:30]):
        held = around.shapes.get(name)
        if held == NUMBER:
            yield Change(part.start, part.end, f"({here}) / {name}", POSSIBLE + 0.5 + deep + 0.1 * place)
        elif held is None or held & part.shapes:
            for more in (f"* {name}", f"+ {name}", f"* (1 - {name})"):
                yield Change(part.start, part.end, f"({here}) {more}", FAR + deep + 0.03 * place)
    alike = [phrase for phrase, shapes in around.phrases.items() if shapes & part.shapes]
    for place, phrase in enumerate(alike[:16]):
        yield Change(part.start, part.end, f"({here}) * ({phrase})", FAR + deep + 0.05 * place)
    yield Change(part.start, part.end, f"({here}) + 1", FAR + deep)
    for place, name in enumerate(around.functions[:8]):
        yield Change(part.start, part.end, f"{name}({here})", FAR + deep + 0.1 * place)
