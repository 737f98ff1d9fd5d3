"""A finding: one root cause, where it stands, what is computed there and what should be; and which findings are one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

#: Mistakes of the routine as a whole: the statements for W and for b are one finding.
ONE_CAUSE = {"update-lost", "updated-parameters-as-gradient", "batch-lost", "sequential-update", "shuffle-unpaired"}
UNIT = 2.0**-53
#: How a fix ends that a changed line has proved.
MENDED = "every returned parameter is right."
KINDS = ("crash", "bug", "unexplained", "declaration", "convention")


@dataclass
class Finding:
    """One root cause; the fields of the report's JSON, and what the proof needs."""

    id: str | None
    kind: str
    phase: str
    quantity: str
    layer: int | None
    computes: str
    expected: str
    event: Any = None
    factor: float | None = None
    evidence: float | None = None
    proved: bool = False
    ties: list = field(default_factory=list)
    fix: str = ""
    place: dict = field(default_factory=dict)
    departures: list = field(default_factory=list)
    layers: list[int] = field(default_factory=list)
    covers: list[str] = field(default_factory=list)  # the returned parameters that it explains
    statement: int | None = None  # the node of the statement, where no event of it was recorded
    mended: str = ""  # the line with which every returned parameter is right

    def as_dict(self) -> dict:
        empty = {"file": None, "cell": None, "line": None, "end_line": None, "function": None, "code": None}
        return {
            "id": self.id,
            "kind": self.kind,
            "phase": self.phase,
            "quantity": self.quantity,
            "layer": self.layer,
            **{key: self.place.get(key) for key in empty},
            "computes": self.computes,
            "expected": self.expected,
            "factor": self.factor,
            "evidence": self.evidence,
            "proved": self.proved,
            "ties": self.ties,
            "fix": f"{self.fix} With `{self.mended}` {MENDED}" if self.mended else self.fix,
        }


def evidence_of(value: np.ndarray, right: np.ndarray, terms: int) -> float | None:
    """|difference| over the rounding bound γ_n |right|, at its worst element (Higham, ch. 3)."""
    if np.shape(value) != np.shape(right) or not np.all(np.isfinite(value)):
        return None
    n = terms + 4
    gamma = n * UNIT / (1 - n * UNIT)
    scale = max(float(np.max(np.abs(right))), float(np.max(np.abs(value))), 1e-300)
    return float(np.max(np.abs(value - right)) / (gamma * scale))


def update_text(name: str, layer: int) -> str:
    """What plain gradient descent makes of a parameter."""
    letter = name[0]
    return f"{letter}{layer} − η·d{letter}{layer}"


def merged(findings: list[Finding]) -> list[Finding]:
    """One statement in a loop over layers is one finding; so is one cause on W and b.

    It is told by the layer that comes first, backward the last one, wherever the statement stands that is to blame.
    """
    kept: list[Finding] = []
    findings = sorted(findings, key=lambda f: f.event.seq if f.event is not None else float("inf"))
    for finding in findings:
        for place, other in enumerate(kept):
            same_place = finding.place.get("line") is not None and all(
                finding.place.get(k) == other.place.get(k) for k in ("file", "cell", "line")
            )
            one_cause = finding.id in ONE_CAUSE and finding.place.get("function") == other.place.get("function")
            one_cause = one_cause or (finding.id == "batch-lost" and finding.layer == other.layer)
            if finding.kind == other.kind and finding.id == other.id and (same_place or one_cause):
                first, second = other, finding
                if other.phase == finding.phase == "backward" and (finding.layer or 0) > (other.layer or 0):
                    first, second = finding, other
                if finding.id == "batch-lost" and finding.layer == other.layer and finding.quantity.startswith("dW"):
                    first, second = finding, other  # where the last sample's delta stands it is right
                first.layers = sorted({*other.layers, *finding.layers})
                first.departures += second.departures
                first.covers += second.covers
                kept[place] = first
                break
        else:
            kept.append(finding)
    return sorted(kept, key=lambda f: (f.kind == "convention", f.event.seq if f.event is not None else float("inf")))
