"""The slips of the hand that one statement may hold, undone: every small change of its text that is worth trying.

Read off the text, not off what names mean: another operator, a neighbour's variable, an index off by one, a transpose,
a factor or an index too many or too few, two statements in the wrong order.
"""

from __future__ import annotations

from collections.abc import Iterator

from nnparity.diagnosis.slip_text import Change, Part, Surroundings, Token, tokens_of
from nnparity.diagnosis.slips_of_parts import of_parts
from nnparity.diagnosis.slips_of_statements import held, kept, left_out, of_loop, of_order, shared, throughout
from nnparity.diagnosis.slips_of_tokens import of_tokens


def changes(text: str, span: tuple[int, int], parts: list[Part], around: Surroundings) -> Iterator[Change]:
    """Every change of the statement at `span`, each once."""
    seen: set[tuple[int, int, str]] = set()
    first, last = span
    language = around.language
    tokens = [Token(t.start + first, t.end + first, t.text, t.kind) for t in tokens_of(text[first:last], language)]
    for change in (
        *of_tokens(text, tokens, parts, around), *of_loop(text, span, language), *of_parts(text, parts, around),
        *kept(text, tokens, parts, language), *held(text, tokens, around), *shared(text, tokens, parts, language),
        *of_order(text, span), *throughout(text, tokens, around), *left_out(text, span, language),
    ):  # fmt: skip
        key = (change.start, change.end, change.new)
        if key not in seen and text[change.start : change.end] != change.new:
            seen.add(key)
            yield change
