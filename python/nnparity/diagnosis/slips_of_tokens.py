"""A word or a sign of a statement in another's place: an operator, a name, a number, the first for the last."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from nnparity.diagnosis.slip_text import (
    ASSIGNMENTS,
    CERTAIN,
    LIKELY,
    NUMBER,
    POSSIBLE,
    UNFIT,
    UNLIKE,
    Change,
    Part,
    Surroundings,
    Token,
    every_part,
)  # fmt: skip

#: operator → what may have been meant
OPERATORS = {
    "+": ("-", "*"), "-": ("+", "*", "/"), "*": ("/", "+", "-"), "/": ("*", "-"), "//": ("/",), "%/%": ("/",),
    "%*%": ("*", "%o%"), "@": ("*",), "%o%": ("%*%",), "**": ("*",), "^": ("*",), "<": (">", "<=", ">="),
    ">": ("<", ">=", "<="), "<=": ("<", ">=", ">"), ">=": (">", "<=", "<"), "==": ("!=",), "!=": ("==",),
    "-=": ("+=", "="), "+=": ("-=", "="), "*=": ("/=", "+="), "/=": ("*=",), "<-": ("<<-",), "<<-": ("<-",),
    "&": ("|",), "|": ("&",), "&&": ("||",), "||": ("&&",),
}  # fmt: skip
MATRIX_PRODUCT = {"Python": "@", "R": "%*%"}
#: Functions of the language that are taken for each other.
FAMILIES = (
    ("sum", "mean", "max", "min", "prod"), ("colSums", "rowSums", "colMeans", "rowMeans"),
    ("sum", "colSums", "rowSums"), ("mean", "colMeans", "rowMeans"),
    ("pmax", "pmin", "max", "min"), ("maximum", "minimum", "max", "min", "fmax"), ("abs", "sign", "sqrt", "square"),
    ("exp", "log", "log1p", "expm1", "log2", "log10", "tanh", "cosh", "sinh"),
    ("crossprod", "tcrossprod", "outer", "dot", "inner"), ("cbind", "rbind"), ("nrow", "ncol", "length", "NROW"),
    ("which.max", "which.min"), ("argmax", "argmin"), ("rev", "c"), ("reversed", "list"), ("vstack", "hstack"),
    ("zeros", "ones"), ("zeros_like", "ones_like"), ("dot", "multiply", "matmul", "outer"), ("seq_len", "seq_along"),
    ("floor", "round", "ceiling"), ("head", "tail"), ("cumsum", "sum"),
)  # fmt: skip
ELEMENTWISE = ("+", "-", "*", "/")
FLIPS = {"TRUE": "FALSE", "FALSE": "TRUE", "True": "False", "False": "True", "T": "F", "F": "T"}


def likeness(one: str, other: str) -> float:
    """How easily one name is written for another: 0 (one letter apart) to 1."""
    if one.lower() == other.lower():
        return 0.0
    if len(one) == len(other):
        apart = sum(a != b for a, b in zip(one, other, strict=True))
        if apart == 1:
            return 0.0
    bare = re.sub(r"[\d_.]", "", one.lower()), re.sub(r"[\d_.]", "", other.lower())
    if bare[0] == bare[1]:
        return 0.1
    shared = len(set(_pairs(one)) & set(_pairs(other)))
    return 1.0 - 2 * shared / max(1, len(_pairs(one)) + len(_pairs(other)))


def _pairs(word: str) -> list[str]:
    word = word.lower()
    return [word[k : k + 2] for k in range(len(word) - 1)] or [word]


def _misfits(parts: list[Part]) -> list[Part]:
    """The operations on two arrays of different shapes, one of which is recycled: either may be the wrong one."""
    of_two = [part for part in every_part(parts) if part.op in ELEMENTWISE and len(part.parts) == 2]
    arrays = [part for part in of_two if part.parts[0].array and part.parts[1].array]
    return [part for part in arrays if not part.parts[0].shapes & part.parts[1].shapes]


def of_tokens(text: str, tokens: list[Token], parts: list[Part], around: Surroundings) -> Iterator[Change]:
    """Changes of single words and signs of a statement."""
    language, misfits = around.language, _misfits(parts)
    for k, token in enumerate(tokens):
        before = tokens[k - 1].text if k else ""
        after = tokens[k + 1].text if k + 1 < len(tokens) else ""
        at = (token.start, token.end)
        if token.kind == "operator":
            yield from _of_operator(text, tokens, k, around)
            if language == "Python":
                yield from _of_slice(tokens, k)
        elif token.kind == "number":
            yield from _of_number(token, before, after)
            if token.text in ("0", "0.0", "0L"):
                elements = ("[-1]", "[0]") if language == "Python" else ("[1]", "[length({})]")
                for place, vector in enumerate(around.vectors[:8]):
                    for element in elements:
                        yield Change(*at, vector + element.format(vector), LIKELY + 0.7 + 0.1 * place)
            for place, number in enumerate(around.numbers[:12]):
                yield Change(*at, number, POSSIBLE + 0.05 * place)
            for place, name in enumerate(name for name in around.names if around.shapes.get(name) == NUMBER):
                yield Change(*at, name, POSSIBLE + 0.1 * place)
                yield Change(*at, f"-{name}", POSSIBLE + 0.5 + 0.1 * place)
        elif token.kind == "word" and token.text in FLIPS:
            yield Change(*at, FLIPS[token.text], LIKELY)
        elif token.kind == "string":
            if token.text[1:-1] in ("C", "F"):
                yield Change(*at, token.text[0] + ("F" if token.text[1] == "C" else "C") + token.text[0], LIKELY)
            yield from named(at, token.text, around.strings, 8)
        elif token.kind == "attribute":
            yield from named(at, token.text, around.attributes, 12)
        elif token.kind == "method":
            yield from named(at, token.text, around.methods, 6)
            yield from _of_family(at, token.text)
        elif token.kind == "function":
            yield from named(at, token.text, around.functions, 12)
            yield from _of_family(at, token.text)
        elif token.kind == "name":
            yield from _of_family(at, token.text)  # a function that is handed over
            if around.shapes.get(token.text) == NUMBER:
                counted = after in ("]", "]]", ")", ",", ":") or before in ("[", "[[", ":")
                for step in ("- 1", "+ 1"):
                    yield Change(*at, f"({token.text} {step})", LIKELY + 0.3 if counted else POSSIBLE + 1)
            target = POSSIBLE if after in ASSIGNMENTS or (after in ("[", "[[", "$") and k == 0) else 0.0
            handed = tokens[k - 2].text.strip("\"'") if before in ("=", ":") and k > 1 else ""  # the z of f(z = …)
            if handed == token.text:
                target = UNLIKE
            for change in named(at, token.text, around.names, 30):
                unlike = around.unlike(around.shapes.get(token.text, frozenset()), change.new)
                if unlike and any(part.start <= token.start < part.end for part in misfits):
                    unlike = UNFIT
                cost = LIKELY if change.new == handed else change.cost + unlike + target
                yield replace(change, cost=cost)
        elif token.kind == "keyword":
            end = next((k for k in range(k, len(tokens)) if tokens[k].text in (",", ")")), None)
            if end is not None and before == ",":
                yield Change(tokens[tokens.index(token) - 1].start, tokens[end].start, "", POSSIBLE)


def _of_operator(text: str, tokens: list[Token], k: int, around: Surroundings) -> Iterator[Change]:
    language = around.language
    token = tokens[k]
    counted = k + 1 < len(tokens) and tokens[k + 1].kind == "number"  # then rather the number than the sign is too much
    for other in OPERATORS.get(token.text, ()):
        local = "r-copy-semantics" if (token.text, other) == ("<-", "<<-") else None
        cost = LIKELY + (0.5 if counted else 0.0)
        if local and k > 1 and tokens[1].text in ("[", "[[", "$", "@") and tokens[0].text not in around.assigned:
            cost = CERTAIN  # it changes a part of what this function never made: a copy
        yield Change(token.start, token.end, other, cost, local)
    if token.text == "*":
        yield Change(token.start, token.end, MATRIX_PRODUCT[language], LIKELY, "r-elementwise-for-matmul")
    if (token.text == "-" and k and tokens[k - 1].text in "([,=*/:") or (
        token.text == "-" and k and (tokens[k - 1].text in ("<-", "return", "%*%", "@"))
    ):
        yield Change(token.start, token.end, "", LIKELY)
    open_brackets = sum((t.text in "([{") - (t.text in ")]}") for t in tokens[:k])
    if token.text == "=" and language == "Python" and not open_brackets:
        yield Change(token.start, token.end, "+=", POSSIBLE, "accumulator-not-reset")
        if k + 1 < len(tokens) and tokens[k + 1].text == "-":
            yield Change(token.start, tokens[k + 1].end, "-=", LIKELY + 0.5)
    if token.text in ("=", "<-", "<<-", "-=", "+=", "(", "["):
        yield Change(token.end, token.end, " -", POSSIBLE + 0.5)
    if token.text in ("<-", "<<-", "=") and language == "R" and not open_brackets:
        target = text[tokens[0].start : token.start].strip()
        if tokens[0].kind != "word":
            yield Change(token.end, token.end, f" {target} +", POSSIBLE, "accumulator-not-reset")


def _of_slice(tokens: list[Token], k: int) -> Iterator[Change]:
    """The first for the last: [0] and [-1], [1:] and [:-1]; in R [1] or [-1], and which end is left out."""

    def text(n: int) -> str:
        return tokens[n].text if 0 <= n < len(tokens) else ""

    if text(k) == "[" and text(k + 1) == "1" and text(k + 2) == ":" and text(k + 3) in ("]", ","):
        yield Change(tokens[k + 1].start, tokens[k + 2].end, ":-1", LIKELY)
    elif text(k) == "[" and text(k + 1) == ":" and text(k + 2) == "-" and text(k + 3) == "1":
        yield Change(tokens[k + 1].start, tokens[k + 3].end, "1:", LIKELY)
    elif text(k) == "[" and text(k + 1) == "0" and text(k + 2) in ("]", ","):
        yield Change(tokens[k + 1].start, tokens[k + 1].end, "-1", LIKELY)
    elif text(k) == "[" and text(k + 1) == "-" and text(k + 2) == "1" and text(k + 3) in ("]", ","):
        yield Change(tokens[k + 1].start, tokens[k + 2].end, "0", LIKELY)


def _of_number(token: Token, before: str, after: str) -> Iterator[Change]:
    whole = re.fullmatch(r"(\d+)(L?)", token.text)
    if whole:
        n = int(whole[1])
        for near in (n + 1, n - 1, 0, 1, 2):
            if near >= 0 and near != n:
                cost = LIKELY if abs(near - n) == 1 else POSSIBLE
                idle = 0.4 if near == 0 and before in ("+", "-") else 0.0  # then rather the term is too much
                yield Change(token.start, token.end, f"{near}{whole[2]}", cost + idle)
        if before in ("[", "[[", "(", ",", ":", "="):
            yield Change(token.start, token.end, "-1" if n == 0 else f"-{token.text}", LIKELY)
    for other in ("1", "2", "0.5", "0"):
        yield Change(token.start, token.end, other, POSSIBLE)


def named(at: tuple[int, int], word: str, others: list[str], most: int) -> Iterator[Change]:
    """Other words in the place of one, the most alike first."""
    ranked = sorted((other for other in others if other != word), key=lambda other: likeness(word, other))
    for place, other in enumerate(ranked[:most]):
        alike = likeness(word, other)
        cost = LIKELY + 0.2 * place if alike <= 0.1 else POSSIBLE + 0.05 * place
        digits = re.sub(r"\d", "", word) == re.sub(r"\d", "", other)
        yield Change(*at, other, cost, "wrong-layer" if digits else None)


def _of_family(at: tuple[int, int], word: str) -> Iterator[Change]:
    for family in FAMILIES:
        if word in family:
            for other in family:
                if other != word:
                    yield Change(*at, other, LIKELY + 0.2)
