"""The slips of the hand that one statement may hold, undone: every small change of its text that is worth trying.

Read off the text, not off what names mean: another operator, a neighbour's variable, an index off by one, a transpose,
a factor or an index too many or too few, two statements in the wrong order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from nnparity.diagnosis.run import PICKS

LEXER = {
    "Python": re.compile(
        r"""(?P<comment>\#[^\n]*)|(?P<string>[rbuf]*("{3}.*?"{3}|'{3}.*?'{3}|"(\\.|[^"\\\n])*"|'(\\.|[^'\\\n])*'))"""
        r"""|(?P<number>(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?)|(?P<name>[^\W\d]\w*)"""
        r"""|(?P<operator>\*\*=?|//=?|[-+*/@%]=|->|[<>=!]=|[-+*/@%<>=()\[\]{},.:~&|^])""",
        re.S,
    ),
    "R": re.compile(
        r"""(?P<comment>\#[^\n]*)|(?P<string>"(\\.|[^"\\])*"|'(\\.|[^'\\])*')"""
        r"""|(?P<number>(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?L?)|(?P<name>[^\W\d_][\w.]*|\.[^\W\d][\w.]*)"""
        r"""|(?P<operator>%[^%\n]*%|<<-|<-|->|<=|>=|==|!=|&&|\|\||::|\|>|[-+*/^<>=!&|~?:$@()\[\]{},;])""",
    ),
}
WORDS = {
    "Python": {"and", "or", "not", "in", "is", "if", "else", "for", "while", "def", "return", "lambda", "None", "True",
               "False", "self", "class", "import", "from", "as", "with", "yield", "pass", "np", "numpy", "math"},
    "R": {"if", "else", "for", "while", "repeat", "function", "return", "in", "TRUE", "FALSE", "NULL", "next", "break",
          "NA", "T", "F", "Inf"},
}  # fmt: skip

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

ASSIGNMENTS = ("=", "<-", "<<-", "+=", "-=", "*=", "/=")
#: Kinds of nodes that stand for a statement with its whole expression; what an operation is that calls a function.
STATEMENTS = ("assign", "return", "expr")
FUNCTION = re.compile(r"[\w.:$@]*[^\W\d][\w.]*")
ELEMENTWISE = ("+", "-", "*", "/")
ARITHMETIC = ("+", "-", "*", "/", "^", "**", "@", "%*%")
FLIPS = {"TRUE": "FALSE", "FALSE": "TRUE", "True": "False", "False": "True", "T": "F", "F": "T"}

CERTAIN, LIKELY, POSSIBLE, FAR = -1.5, 0.0, 1.5, 3.5
UNLIKE = 3.0  # shapes differ
UNFIT = 0.5  # the same, where what stands there does not fit either: a step stops at it, or it is recycled
LONGEST_PHRASE = 24  # characters of an expression that is tried in the place of another
SHORTEST_REPEATED = 6  # characters of an expression that is looked for inside of others


#: What expressions were worth: text → shapes, axes of length one left out; {()} is a number.
Shapes = dict[str, frozenset[tuple[int, ...]]]
NUMBER: frozenset[tuple[int, ...]] = frozenset({()})


@dataclass(frozen=True)
class Token:
    """A piece of source text from start to end."""

    start: int
    end: int
    text: str
    kind: str  # name, attribute, function, keyword, number, string, operator


@dataclass(frozen=True)
class Change:
    """Text from start to end replaced; `cost` orders them, the likeliest slips first; `slip` is an id or None."""

    start: int
    end: int
    new: str
    cost: float
    slip: str | None = None

    def apply(self, text: str) -> str:
        return text[: self.start] + self.new + text[self.end :]


@dataclass(frozen=True)
class Part:
    """An expression of a statement: its place in the text, its operator, its parts, and whether it is an array."""

    start: int
    end: int
    op: str | None
    kind: str
    parts: tuple[Part, ...]
    shapes: frozenset[tuple[int, ...]]  # of what it was worth, axes of length one left out

    @property
    def call(self) -> bool:
        """It calls a function; a statement whose whole expression does, too."""
        calls = self.kind in STATEMENTS and self.op not in PICKS and FUNCTION.fullmatch(self.op or "")
        return self.kind == "call" or bool(calls)

    @property
    def index(self) -> bool:
        """It picks something out of its first part."""
        return self.kind == "index" or (self.kind in STATEMENTS and self.op in PICKS)

    @property
    def array(self) -> bool:
        return any(self.shapes)

    @property
    def matrix(self) -> bool:
        return any(len(shape) == 2 for shape in self.shapes)


def tokens_of(text: str, language: str) -> list[Token]:
    """The tokens of a text, comments left out."""
    found: list[Token] = []
    for match in LEXER[language].finditer(text):
        kind = match.lastgroup or ""
        for name in ("comment", "string", "number", "name", "operator"):
            if match.group(name) is not None:
                kind = name
        if kind != "comment":
            found.append(Token(match.start(), match.end(), match.group(), kind))
    return [_in_context(found, k, language) for k in range(len(found))]


def _in_context(tokens: list[Token], k: int, language: str) -> Token:
    token = tokens[k]
    if token.kind != "name" or token.text in WORDS[language]:
        return token if token.kind != "name" else Token(token.start, token.end, token.text, "word")
    before = tokens[k - 1].text if k else ""
    after = tokens[k + 1].text if k + 1 < len(tokens) else ""
    kind = "name"
    if before in (("$", "@") if language == "R" else (".",)):
        kind = "method" if after == "(" else "attribute"
    elif after == "(":
        kind = "function"
    elif after == "=" and before in ("(", ","):
        kind = "keyword"
    return Token(token.start, token.end, token.text, kind)


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


class Surroundings:
    """What a statement could have been written with instead: the names around it."""

    def __init__(
        self, text: str, first: int, last: int, language: str, functions: Iterable[str],
        shapes: Shapes,
        phrases: Shapes,
        unlike: float = UNLIKE,
    ):  # fmt: skip
        self.cost_of_unlike = unlike
        self.shapes, self.longer = shapes, list(phrases)
        self.phrases = {phrase: held for phrase, held in phrases.items() if len(phrase) <= LONGEST_PHRASE}
        taken = [phrase[: phrase.rindex("[")] for phrase, held in self.phrases.items()
                 if held == NUMBER and phrase.endswith("]") and not phrase.endswith("]]")]  # fmt: skip
        named = [name for name, held in shapes.items() if any(len(shape) == 1 for shape in held)]
        self.vectors = _distinct([*taken, *named])  # of which one element may be meant
        inside = tokens_of(text[first:last], language)
        everywhere = tokens_of(text, language)
        self.language = language
        self.holders = _distinct(one.text for one, other in pairwise(inside) if other.text in (".", "$", "@")
                                 and (one.kind == "name" or one.text == "self"))  # fmt: skip
        self.assigned = {one.text for one, other in pairwise(inside) if other.text in ("<-", "=", "<<-")}
        self.names = _distinct(token.text for token in inside if token.kind == "name")
        held = [token.text for token in everywhere if token.kind == "attribute"]
        named_in_lists = [token.text for token in everywhere if token.kind == "keyword"]
        self.attributes = _distinct([*held, *named_in_lists])
        called = [token.text for token in everywhere if token.kind == "function"]
        self.functions = _distinct(name for name in [*functions, *called] if name in set(functions))
        self.numbers = _distinct(token.text for token in everywhere if token.kind == "number")
        self.methods = _distinct(token.text for token in everywhere if token.kind == "method")
        self.strings = _distinct(token.text for token in everywhere if token.kind == "string" and len(token.text) < 18)

    def unlike(self, shapes: frozenset, other: str) -> float:
        """What it costs that a name never holds anything of the shapes of what it would stand for."""
        held = self.shapes.get(other, frozenset())
        return self.cost_of_unlike if shapes and held and not shapes & held else 0.0


def _distinct(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))


def changes(text: str, span: tuple[int, int], parts: list[Part], around: Surroundings) -> Iterator[Change]:
    """Every change of the statement at `span`, each once."""
    seen: set[tuple[int, int, str]] = set()
    first, last = span
    language = around.language
    tokens = [Token(t.start + first, t.end + first, t.text, t.kind) for t in tokens_of(text[first:last], language)]
    for change in (
        *_of_tokens(text, tokens, around, _misfits(parts)), *_of_loop(text, span, language),
        *_of_parts(text, parts, around), *_kept(text, tokens, parts, language),
        *_held(text, tokens, around), *_shared(text, tokens, parts, language),
        *_of_order(text, span), *_throughout(text, tokens, around),
        *_left_out(text, span, language),
    ):  # fmt: skip
        key = (change.start, change.end, change.new)
        if key not in seen and text[change.start : change.end] != change.new:
            seen.add(key)
            yield change


def _misfits(parts: list[Part]) -> list[Part]:
    """The operations on two arrays of different shapes, one of which is recycled: either may be the wrong one."""
    of_two = [part for part in _all(parts) if part.op in ELEMENTWISE and len(part.parts) == 2]
    arrays = [part for part in of_two if part.parts[0].array and part.parts[1].array]
    return [part for part in arrays if not part.parts[0].shapes & part.parts[1].shapes]


def _of_tokens(text: str, tokens: list[Token], around: Surroundings, misfits: list[Part]) -> Iterator[Change]:
    language = around.language
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
            yield from _named(at, token.text, around.strings, 8)
        elif token.kind == "attribute":
            yield from _named(at, token.text, around.attributes, 12)
        elif token.kind == "method":
            yield from _named(at, token.text, around.methods, 6)
            yield from _of_family(at, token.text)
        elif token.kind == "function":
            yield from _named(at, token.text, around.functions, 12)
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
            for change in _named(at, token.text, around.names, 30):
                unlike = around.unlike(around.shapes.get(token.text, frozenset()), change.new)
                if unlike and any(part.start <= token.start < part.end for part in misfits):
                    unlike = UNFIT
                cost = LIKELY if change.new == handed else change.cost + unlike + target
                yield replace(change, cost=cost)
        elif token.kind == "keyword":
            end = next((k for k in range(k, len(tokens)) if tokens[k].text in (",", ")")), None)
            if end is not None and before == ",":
                yield Change(tokens[tokens.index(token) - 1].start, tokens[end].start, "", POSSIBLE)


def _of_loop(text: str, span: tuple[int, int], language: str) -> Iterator[Change]:
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


def _throughout(text: str, tokens: list[Token], around: Surroundings) -> Iterator[Change]:
    """A name, or an attribute, that stands several times in a statement, replaced wherever it does."""
    start = next((k for k, token in enumerate(tokens) if token.text in ASSIGNMENTS), -1) + 1
    words = [(token.kind, token.text) for token in tokens[start:] if token.kind in ("name", "attribute")]
    for kind, word in dict.fromkeys(word for word in words if words.count(word) > 1):
        places = [token for token in tokens[start:] if (token.kind, token.text) == (kind, word)]
        first, last = places[0].start, places[-1].end
        for change in _named((first, last), word, around.names if kind == "name" else around.attributes, 8):
            new = "".join(
                text[before.end : token.start] + change.new for before, token in pairwise(places)
            )  # fmt: skip
            unlike = around.unlike(around.shapes.get(word, frozenset()), change.new)
            yield replace(change, new=change.new + new, cost=change.cost + unlike + 0.3)


def _left_out(text: str, span: tuple[int, int], language: str) -> Iterator[Change]:
    """A statement too many."""
    own = text[slice(*span)]
    head = own[: len(own) - len(own.lstrip())]
    if not own.rstrip().endswith((":", "{")):
        yield Change(*span, head + ("pass" if language == "Python" else "NULL"), POSSIBLE)


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


def _named(at: tuple[int, int], word: str, others: list[str], most: int) -> Iterator[Change]:
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


def _of_parts(text: str, parts: list[Part], around: Surroundings) -> Iterator[Change]:
    for part in _all(parts):
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
        for inner in _all([root]):
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


def _shared(text: str, tokens: list[Token], parts: list[Part], language: str) -> Iterator[Change]:
    """A second name for an array of Python's, where a copy of it may be meant."""
    assigns = language == "Python" and any(token.text == "=" for token in tokens[1:])
    for root in parts if assigns else ():
        if root.array and root.end == tokens[-1].end and re.fullmatch(r"[\w.]+", text[root.start : root.end]):
            yield Change(root.end, root.end, ".copy()", LIKELY + 0.5, "np-alias")


def _held(text: str, tokens: list[Token], around: Surroundings) -> Iterator[Change]:
    """A local name where an element of a list, or an attribute of an object, has the same one: nn$W for W, self.W."""
    if len(tokens) < 2 or tokens[0].kind != "name" or tokens[1].text not in ASSIGNMENTS:
        return
    name, sign = tokens[0].text, "." if around.language == "Python" else "$"
    for holder in around.holders if name in around.attributes else ():
        yield Change(tokens[0].start, tokens[0].end, f"{holder}{sign}{name}", LIKELY + 0.3, "update-lost")


def _kept(text: str, tokens: list[Token], parts: list[Part], language: str) -> Iterator[Change]:
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
                    kept = f"{text[inner.start : inner.end]} {'=' if language == 'Python' else '<-'} "
                    yield Change(call.start, call.start, kept, LIKELY + 0.5, "update-lost")


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


def _of_brackets(text: str, part: Part) -> Iterator[Change]:
    """a * b - c for a * (b - c), and a - b / c for (a - b) / c: the brackets that were forgotten."""
    left, right = part.parts
    if len(left.parts) == 2 and left.op in ARITHMETIC and text[left.start] != "(" and left.kind == "expr":
        inner = left.parts[1]
        yield Change(inner.start, part.end, f"({text[inner.start : part.end]})", LIKELY + 0.5)
    if len(right.parts) == 2 and right.op in ARITHMETIC and text[right.start] != "(" and right.kind == "expr":
        inner = right.parts[0]
        yield Change(part.start, inner.end, f"({text[part.start : inner.end]})", LIKELY + 0.5)


def _all(parts: Iterable[Part]) -> Iterator[Part]:
    for part in parts:
        yield part
        yield from _all(part.parts)


def _of_order(text: str, span: tuple[int, int]) -> Iterator[Change]:
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
