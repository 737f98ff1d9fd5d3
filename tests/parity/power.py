"""Judge evaluations of the same networks against each other: honest ratios, and what parity makes of a change."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from evaluate import Case, Change, Result, blas_builds, orders, run_python, run_r

from nnparity.checks import InputError
from nnparity.compare import QuantityDifference, compare_quantity, compare_traces
from nnparity.network import define_network
from nnparity.optimizers import define_optimizer
from nnparity.rounding import UNIT_ROUNDOFF
from nnparity.trace import Trace


@dataclass
class Verdict:
    """What the parity test says of a change.

    Attributes
    ----------
    change : Change
    named : names of the first wrong quantity, one for each network that was rejected
    ratio : the largest evidence ratio at a first wrong quantity
    largest : the largest ratio of any quantity before a first wrong one
    stopped : messages of networks that did not come to their end
    """

    change: Change
    named: list[str] = field(default_factory=list)
    ratio: float = 0.0
    largest: float = 0.0
    stopped: list[str] = field(default_factory=list)

    @property
    def rejected(self) -> bool:
        return bool(self.named or self.stopped)

    @property
    def well_named(self) -> bool:
        """Whether a first wrong quantity was named, and each time the right one."""
        return bool(self.named) and all(re.fullmatch(self.change.first, name) for name in self.named)


def differences(case: Case, ours: Sequence[Trace], theirs: Sequence[Trace]) -> Iterator[QuantityDifference]:
    """Every quantity of every step of two evaluations, in order of computation; drawn parameters come first."""
    network, optimizer = define_network(**case.network), define_optimizer(**case.optimizer)
    for name, drawn in ours[0].items():
        # one seed gives the same draws in both languages; 16 roundings of the largest are what scaling may cost
        bound = np.full(np.shape(drawn), 16 * UNIT_ROUNDOFF * np.abs(drawn).max(initial=0.0))
        yield compare_quantity(name, drawn, theirs[0].get(name), bound)
    for step in range(1, max(len(ours), len(theirs))):
        pair = [traces[step] if step < len(traces) else Trace() for traces in (ours, theirs)]
        yield from compare_traces(*pair, network, optimizer).values()


def judge(change: Change, cases: Sequence[Case], healthy: Sequence[Result], changed: Sequence[Result]) -> Verdict:
    """Hold a changed evaluation of all cases against a healthy one."""
    verdict = Verdict(change)
    for case, ours, theirs in zip(cases, healthy, changed, strict=True):
        assert not isinstance(ours, str), ours
        if isinstance(theirs, str):
            verdict.stopped.append(theirs)
            continue
        for difference in differences(case, ours, theirs):
            if not difference.agrees:
                verdict.named.append(difference.quantity)
                verdict.ratio = max(verdict.ratio, difference.ratio)
                break
            verdict.largest = max(verdict.largest, difference.ratio)
    return verdict


def judge_changes(changes: Sequence[Change], cases: Sequence[Case], folder: Path) -> list[Verdict]:
    """Hold each change of either language against the other, healthy language."""
    in_r = [change for change in changes if change.language == "r"]
    from_r = run_r(cases, folder, changes=in_r)
    from_python = run_python(cases)
    changed = dict(zip(in_r, from_r[1:], strict=True))
    return [
        judge(change, cases, from_python, changed[change])
        if change.language == "r"
        else judge(change, cases, from_r[0], run_python(cases, change=change))
        for change in changes
    ]


@dataclass
class Honest:
    """Ratios of honest evaluations.

    Attributes
    ----------
    ways : names of the orders
    networks, values : numbers of what was compared
    ratios : largest ratio of each pair of traces, by kind of quantity, in which anything differed
    growth : largest relative difference at the end, by number of the step
    rejected : differences that went beyond the bound
    """

    ways: list[str]
    networks: int = 0
    values: int = 0
    ratios: dict[str, list[float]] = field(default_factory=dict)
    growth: dict[int, list[float]] = field(default_factory=dict)
    rejected: list[str] = field(default_factory=list)

    @property
    def largest(self) -> float:
        return max(max(ratios) for ratios in self.ratios.values())

    def medians(self) -> dict[str, float]:
        """The median ratio of each kind of quantity."""
        return {kind: float(np.median(ratios)) for kind, ratios in sorted(self.ratios.items())}


def kind_of(quantity: str) -> str:
    """A quantity without its layer: dW, W_new, b_velocity."""
    return re.sub(r"\d+", "", quantity)


def sweep_honest(cases: Sequence[Case], folder: Path, with_r: bool = True) -> Honest:
    """Evaluate every case in every order and hold each against NumPy's BLAS.

    Cases that an order stops at (an output that rounds out of the loss's domain) are left out of all orders.
    """
    honest = Honest([])
    for first in range(0, len(cases), CHUNK):
        add_cases(honest, cases[first : first + CHUNK], folder, with_r)
    return honest


# So many networks are evaluated in every way before the traces are dropped.
CHUNK = 300


def add_cases(honest: Honest, cases: Sequence[Case], folder: Path, with_r: bool) -> None:
    """Evaluate some cases in every order and count them."""
    results = {name: run_python(cases, way) for name, way in orders().items()}
    if with_r:
        for name, path in blas_builds().items():
            results[f"R {name}"] = run_r(cases, folder, blas=path)[0]
        results["R exact"] = run_r(cases, folder, "exact")[0]
        results["R long double"] = run_r(cases, folder, "internal")[0]
    honest.ways = list(results)
    base = results.pop("fast")
    for number, case in enumerate(cases):
        ways = {name: result[number] for name, result in results.items()}
        ours = base[number]
        stopped = [result for result in (ours, *ways.values()) if isinstance(result, str)]
        if stopped:
            assert all(InputError.__name__ in text or "is defined for outputs" in text for text in stopped), stopped
            continue
        honest.networks += 1
        for name, theirs in ways.items():
            add_differences(honest, name, case, ours, theirs)


def add_differences(honest: Honest, way: str, case: Case, ours: Sequence[Trace], theirs: Sequence[Trace]) -> None:
    """Count one evaluation of one case."""
    step = 0
    for d in differences(case, ours, theirs):
        step += d.quantity == "A0"
        honest.values += d.count
        if d.max_abs > 0 and step:
            honest.ratios.setdefault(kind_of(d.quantity), []).append(d.ratio)
            if kind_of(d.quantity) == "W_new":
                honest.growth.setdefault(step, []).append(d.max_rel)
        if not d.agrees:
            honest.rejected.append(f"{way}: {d} in {case.network} {case.optimizer}")
