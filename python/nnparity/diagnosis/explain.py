"""Write a statement's own expression with the textbook's names in place of the person's: `W1 − (η/m)·W1_new`."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from nnparity.diagnosis.labels import Label, given_parameters, numbers_in
from nnparity.diagnosis.run import READS, Run, base_name

ELEMENTWISE = {"*": "⊙", "+": "+", "-": "−", "/": "/", "^": "^", "**": "^"}
LONGEST = 160


class Explainer:
    """Renders expressions of one run with labels."""

    def __init__(self, run: Run, labels: dict[int, Label]):
        self.run = run
        self.labels = labels

    def computes(self, event) -> str:
        """What the expression of `event` computes, its labelled operands under their textbook names."""
        text = self._in_place(event) or self._render(event, top=True, depth=0)
        return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"

    def _in_place(self, event) -> str:
        """What `target += expression` makes of the target; empty where it is no such statement."""
        node = self.run.node(event)
        sign = (node.op or "").removesuffix("=")
        put = self.run.put(event)
        if sign not in ELEMENTWISE or not put:
            return ""
        old = [one for one in self._read_in(event) if self.run.node(one).text == node.text]
        parts = [self._render(old[-1], False, 1) if old else node.text, self._render(put[0], False, 1)]
        glue = f" {ELEMENTWISE[sign]} " if sign in "+-" else ELEMENTWISE[sign]
        return glue.join([parts[0], _wrapped(parts[1]) if sign != "+" else parts[1]])

    def known(self, event) -> bool:
        """Whether every operand of an expression is a right value of the textbook's, a number, or made of such."""
        in_place = self.run.node(event).kind == "after"  # what stood there, and what was put there
        operands = [*self._read_in(event), *self.run.put(event)] if in_place else self.run.operands(event)
        return bool(operands) and all(self._known_operand(operand, 0) for operand in operands)

    def _read_in(self, event) -> list:
        """What the statement of an event had read until then."""
        statement = self.run.node(event).stmt
        return [one for one in self.run.by_frame[event.frame] if one.seq < event.seq
                and self.run.node(one).stmt == statement and self.run.node(one).kind in READS]  # fmt: skip

    def _known_operand(self, operand, depth: int) -> bool:
        label = self.labels.get(operand.ref)
        if label is not None:
            return label.right
        value = self.run.value(operand)
        if self.run.node(operand).kind == "constant" or bool(np.all(value == np.round(value))):  # an index, a label
            return True
        node = self.run.node(operand)
        if node.kind == "index" and np.isin(value, self._given).all():
            return True  # a part of the parameters, be it the wrong one
        inner = [] if node.kind == "name" else self.run.operands(operand)
        if node.kind == "index" and not inner:  # of an array that was not itself recorded here
            stored = self.run.by_target.get((base_name(node.text), operand.frame), ())
            inner = [one for one in stored if one.seq < operand.seq][-1:]
        return depth < 6 and bool(inner) and all(self._known_operand(one, depth + 1) for one in inner)

    @cached_property
    def _given(self) -> np.ndarray:
        """Every number of the weights and biases that step was given."""
        return numbers_in(given_parameters(self.labels, self.run.values))

    def _render(self, event, top: bool, depth: int) -> str:
        node = self.run.node(event)
        label = self.labels.get(event.ref)
        children = self.run.children.get(node.id, [])
        if label is not None and not top:
            return label.text
        if depth > 12 or not children:
            return label.text if label and not top else node.text
        parts = []
        for child in children:
            operand = self.run.operand(event, child)
            parts.append(self._render(operand, False, depth + 1) if operand is not None else self.run.nodes[child].text)
        return self._compose(node, parts, event)

    def _compose(self, node, parts: list[str], event) -> str:
        op = (node.op or "").split("::")[-1]
        name = op.split(".")[-1] if op not in ELEMENTWISE else op
        if node.kind == "index":
            return node.text
        if name in ("%*%", "@", "dot", "matmul") and len(parts) == 2:
            return f"{_wrapped(parts[0])}·{_wrapped(parts[1])}"
        if name == "crossprod" and len(parts) == 2:
            return f"{_wrapped(parts[0])}ᵀ·{_wrapped(parts[1])}"
        if name == "tcrossprod" and len(parts) == 2:
            return f"{_wrapped(parts[0])}·{_wrapped(parts[1])}ᵀ"
        if name in ("t", "T", "transpose") and len(parts) == 1:
            return f"{_wrapped(parts[0])}ᵀ"
        if op in ELEMENTWISE and len(parts) == 2:
            sign = ELEMENTWISE[op]
            if op == "*" and any(value.size == 1 for value in self._values(event)):
                sign = "·"
            if op in ("+", "-"):
                right = _wrapped(parts[1]) if op == "-" else parts[1]
                return f"{parts[0]} {sign} {right}"
            glue = sign if sign in ("·", "^", "/") else f" {sign} "
            return f"{_wrapped(parts[0])}{glue}{_wrapped(parts[1])}"
        if op == "-" and len(parts) == 1:
            return f"−{_wrapped(parts[0])}"
        if parts and (node.kind == "call" or node.op):
            return f"{op.lstrip('.')}({', '.join(parts)})" if op.isidentifier() or "." in op else node.text
        return node.text

    def _values(self, event):
        return [self.run.value(operand) for operand in self.run.operands(event)]


def _wrapped(text: str) -> str:
    if text.startswith("(") and text.endswith(")") and _balanced(text[1:-1]):
        return text
    return f"({text})" if any(sign in text for sign in (" + ", " − ", " ⊙ ", " / ")) else text


def _balanced(text: str) -> bool:
    depth = 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if depth < 0:
            return False
    return depth == 0
