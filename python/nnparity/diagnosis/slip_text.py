"""What a statement's text is made of, and what could have been written instead: tokens, parts, the names around."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
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
#: Kinds of nodes that stand for a statement with its whole expression; what an operation is that calls a function.
STATEMENTS = ("assign", "return", "expr")
FUNCTION = re.compile(r"[\w.:$@]*[^\W\d][\w.]*")
ASSIGNMENTS = ("=", "<-", "<<-", "+=", "-=", "*=", "/=")

#: What a change costs: the cheapest are tried first.
CERTAIN, LIKELY, POSSIBLE, FAR = -1.5, 0.0, 1.5, 3.5
UNLIKE = 3.0  # shapes differ
UNFIT = 0.5  # the same, where what stands there does not fit either: a step stops at it, or it is recycled
LONGEST_PHRASE = 24  # characters of an expression that is tried in the place of another

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
        self.vectors = distinct([*taken, *named])  # of which one element may be meant
        inside = tokens_of(text[first:last], language)
        everywhere = tokens_of(text, language)
        self.language = language
        self.holders = distinct(one.text for one, other in pairwise(inside) if other.text in (".", "$", "@")
                                 and (one.kind == "name" or one.text == "self"))  # fmt: skip
        self.assigned = {one.text for one, other in pairwise(inside) if other.text in ("<-", "=", "<<-")}
        self.names = distinct(token.text for token in inside if token.kind == "name")
        held = [token.text for token in everywhere if token.kind == "attribute"]
        named_in_lists = [token.text for token in everywhere if token.kind == "keyword"]
        self.attributes = distinct([*held, *named_in_lists])
        called = [token.text for token in everywhere if token.kind == "function"]
        self.functions = distinct(name for name in [*functions, *called] if name in set(functions))
        self.numbers = distinct(token.text for token in everywhere if token.kind == "number")
        self.methods = distinct(token.text for token in everywhere if token.kind == "method")
        self.strings = distinct(token.text for token in everywhere if token.kind == "string" and len(token.text) < 18)

    def unlike(self, shapes: frozenset, other: str) -> float:
        """What it costs that a name never holds anything of the shapes of what it would stand for."""
        held = self.shapes.get(other, frozenset())
        return self.cost_of_unlike if shapes and held and not shapes & held else 0.0


def distinct(words: Iterable[str]) -> list[str]:
    """Words in their order, each once."""
    return list(dict.fromkeys(words))


def every_part(parts: Iterable[Part]) -> Iterator[Part]:
    """The parts and all that they are made of."""
    for part in parts:
        yield part
        yield from every_part(part.parts)
