"""What a recorded run consists of, and how a child's response is read into it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nnparity.diagnosis.header import Header

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Node:
    """One expression of the candidate's source; lines and columns are 1-based, ends inclusive.

    `kind` is what the value is to its statement (assign, after, return, cond, expr) or, inside one, what the expression
    is (name, index, call, constant); `op` the operator or callee; `arg` the place among the parent's arguments; `text`
    the expression's source; `target` the left side of an assignment; `fun` the function around it; `stmt` the root of
    its statement, which alone has the statement's source in `code`.
    """

    id: int
    parent: int
    stmt: int
    file: str
    cell: int | None
    line: int
    end_line: int
    col: int
    end_col: int
    kind: str
    op: str | None
    arg: int | None
    text: str
    target: str | None
    fun: str | None
    code: str | None = None
    keyword: str | None = None
    children: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Frame:
    """One call of one of the candidate's functions; 0 is the top, 1 the call of `step`."""

    id: int
    parent: int
    fun: str | None
    file: str | None
    line: int | None
    call_node: int | None


class Event(NamedTuple):
    """A node got a value: `ref` names it in `Recording.values`; `path` is the leaf of a list, `occ` counts from 1."""

    seq: int
    node: int
    frame: int
    occ: int
    path: str
    ref: int
    alt: str | None = None


class Meta(NamedTuple):
    """What the candidate's language says of a value: its class (`kind`), its dress (matrix, scalar, list …)."""

    dim: tuple[int, ...]
    kind: str
    dtype: str
    container: str


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the candidate, or a class with its constructor's arguments; `optional`: those with defaults."""

    name: str
    args: tuple[str, ...]
    file: str | None
    line: int | None
    optional: tuple[str, ...] = ()
    is_class: bool = False
    is_method: bool = False


@dataclass(frozen=True, slots=True)
class Operand:
    """What stood in an expression that failed: its text, node and value (a ref, or None if it was no number)."""

    text: str
    node: int | None
    ref: int | None


@dataclass(frozen=True, slots=True)
class Failure:
    """Where and why a run stopped: kind is error, quit, timeout or crash."""

    kind: str
    message: str
    node: int | None = None
    stmt: int | None = None
    frame: int | None = None
    file: str | None = None
    cell: int | None = None
    line: int | None = None
    end_line: int | None = None
    code: str | None = None
    call: str | None = None
    operands: tuple[Operand, ...] = ()


@dataclass(slots=True)
class Loaded:
    """A candidate that has a step: its functions, nodes and files (name as reported → path of the untouched file)."""

    candidate: Path
    adapter: Path | None
    language: str
    functions: list[Function]
    files: dict[str, Path]
    nodes: dict[int, Node]
    header: Header
    stdout: str = ""
    seconds: float = 0.0


@dataclass(slots=True)
class Recording:
    """One run of `step`: what every expression was worth, in order, and what came back.

    Attributes
    ----------
    status : ok, error, quit, timeout, crash or bad_result; `error` has the place unless it is ok
    W, b : the arrays `step` returned, in the candidate's own shapes (None unless the status is ok)
    values, meta : ref → float64 array in its natural shape; ref → Meta
    reordered : how far the result lies from that without recording, relative to its largest number: 0, or the last bits
        where a sum is taken in an order that changes from run to run
    truncated : recording stopped early, at `max_events` or `max_bytes`; the step itself ran on
    refused : the injections that did not fit, each with its reason
    same : the arguments were left as they were (False: changed in place; None: not known)
    """

    status: str
    nodes: dict[int, Node]
    frames: dict[int, Frame] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    values: dict[int, Array] = field(default_factory=dict)
    meta: dict[int, Meta] = field(default_factory=dict)
    W: list[Array] | None = None
    b: list[Array] | None = None
    error: Failure | None = None
    stdout: str = ""
    reordered: float = 0.0
    truncated: bool = False
    refused: list[dict[str, Any]] = field(default_factory=list)
    same: bool | None = None
    seconds: float = 0.0

    @property
    def message(self) -> str:
        """The candidate's own words for what went wrong, or nothing."""
        return self.error.message if self.error else ""


class Injection(NamedTuple):
    """Put `array` in the place of what `node` is worth at its occ-th evaluation (0: every), in the leaf at `path`."""

    node: int
    occ: int
    path: str
    array: ArrayLike


class Watch(NamedTuple):
    """Evaluate another expression where and when `node` is evaluated; its value comes back as an event with `alt`."""

    node: int
    occ: int
    text: str


# -- requests and responses ---


class Numbers:
    """The numbers of a request, one array after the other, each by column."""

    def __init__(self) -> None:
        self.parts: list[Array] = []
        self.length = 0

    def add(self, array: ArrayLike) -> str:
        """Append an array and return its entry: kind, rows, columns, offset in numbers."""
        numbers = np.asarray(array, dtype=np.float64)
        offset = self.length
        self.parts.append(numbers.ravel(order="F"))
        self.length += numbers.size
        if numbers.ndim < 2:
            return f"vector\t{numbers.size}\t1\t{offset}"
        rows = numbers.shape[0]
        return f"matrix\t{rows}\t{numbers.size // max(rows, 1)}\t{offset}"

    def problem(self, W: Sequence[ArrayLike], b: Sequence[ArrayLike], X: ArrayLike, Y: ArrayLike) -> list[str]:
        """Append the arguments of a step and return their lines."""
        named = [(f"{name}{i}", array) for name, row in (("W", W), ("b", b)) for i, array in enumerate(row, start=1)]
        return [f"array\t{name}\t{self.add(array)}" for name, array in [*named, ("X", X), ("Y", Y)]]


@dataclass(slots=True)
class Answer:
    """What a child answered to one request, or its fate (quit, crash, timeout) if it did not, in words."""

    items: list[dict[str, Any]]
    numbers: Array
    fate: str
    words: str
    output: str = ""
    fault: str = ""
    seconds: float = 0.0

    def last(self, kind: str) -> dict[str, Any] | None:
        """Return the last item of that kind."""
        return next((item for item in reversed(self.items) if item["t"] == kind), None)


def read_response(text: Path, numbers: Path) -> tuple[list[dict[str, Any]], Array]:
    """Read a response: its JSON lines and its numbers; what a dying child left half-written is left out."""
    lines = [line for line in read_if_there(text).split("\n") if line]
    try:
        items = json.loads("[" + ",".join(lines) + "]")
    except ValueError:
        items = []
        for line in lines:
            with contextlib.suppress(ValueError):
                items.append(json.loads(line))
    raw = numbers.read_bytes() if numbers.exists() else b""
    return items, np.frombuffer(raw[: len(raw) // 8 * 8], dtype="<f8")


def read_values(items: list[dict[str, Any]], numbers: Array) -> tuple[dict[int, Array], dict[int, Meta]]:
    """Return the recorded arrays in their natural shapes, and what the candidate's language says of them."""
    values: dict[int, Array] = {}
    meta: dict[int, Meta] = {}
    for item in items:
        if item["t"] != "value":
            continue
        start, dim = item["offset"], listed(item["dim"])
        values[item["ref"]] = numbers[start : start + item["n"]].reshape(dim, order="F")
        meta[item["ref"]] = Meta(
            tuple(dim),
            item.get("class") or "numeric",
            item.get("dtype") or "float64",
            item.get("container") or "vector",
        )
    return values, meta


def same_outcome(one: Recording, other: Recording) -> bool:
    """Tell whether two runs ended alike: the same status and, bit by bit, the same result."""
    if one.status != other.status:
        return False
    if one.status != "ok":
        return (one.message, one.error and one.error.line) == (
            other.message,
            other.error and other.error.line,
        ) or one.status != "error"
    pairs = [(one.W, other.W), (one.b, other.b)]
    return all(
        x is not None
        and y is not None
        and len(x) == len(y)
        and all(p.shape == q.shape and p.tobytes() == q.tobytes() for p, q in zip(x, y, strict=True))
        for x, y in pairs
    )


def last_bits(one: Recording, other: Recording) -> float:
    """How far the results of two runs lie apart, relative to the largest number of each array; infinity for others."""
    far, parts = 0.0, [[*(run.W or []), *(run.b or [])] for run in (one, other)]
    if one.status != "ok" or other.status != "ok" or len(parts[0]) != len(parts[1]):
        return float("inf")
    for p, q in zip(*parts, strict=True):
        if p.shape != q.shape or not (np.all(np.isfinite(p)) and np.all(np.isfinite(q))):
            return float("inf")
        scale = float(np.max(np.abs(p), initial=0.0))
        if scale > 0:
            far = max(far, float(np.max(np.abs(p - q))) / scale)
    return far


def read_if_there(path: Path) -> str:
    """Return the text of a file, or nothing if there is none."""
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def listed(value: Any) -> list[Any]:
    """Return an array of the response as a list (R has no scalars: an array of one may arrive bare)."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]
