"""A little colour for R and Python source: comments, strings, numbers, keywords; nothing is parsed."""

from __future__ import annotations

import re

KEYWORDS = {
    "R": "if else for while repeat function break next in TRUE FALSE NULL NA Inf return library source",
    "Python": "if elif else for while def class return import from as with in not and or is lambda yield try except "
    "finally "
    "raise pass break continue global nonlocal None True False assert del",
}

STRINGS = {
    "R": r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'',
    "Python": r'"""[\s\S]*?(?:"""|\Z)|\'\'\'[\s\S]*?(?:\'\'\'|\Z)|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'',
}


def highlight(lines: list[str], language: str) -> list[list[tuple[str, str]]]:
    """Cut each line into (class, text); the class is "" for plain text, else com, str, num or key.

    Joined again, the texts of a line are the line.
    """
    words = "|".join(KEYWORDS[language].split())
    token = re.compile(
        rf"(?P<com>\#[^\n]*)|(?P<str>{STRINGS[language]})|(?P<key>(?<![\w.$@])(?:{words})(?![\w.]))"
        r"|(?P<num>(?<![\w.])\d+\.?\d*(?:[eE][+-]?\d+)?L?(?!\w))"
    )
    text = "\n".join(lines)
    rows: list[list[tuple[str, str]]] = [[]]

    def add(kind: str, piece: str) -> None:
        for k, part in enumerate(piece.split("\n")):
            if k:
                rows.append([])
            if part:
                rows[-1].append((kind, part))

    end = 0
    for match in token.finditer(text):
        add("", text[end : match.start()])
        add(match.lastgroup or "", match.group())
        end = match.end()
    add("", text[end:])
    return rows
