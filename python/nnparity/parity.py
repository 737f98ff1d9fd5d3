"""The parity run: both languages train the same network in lockstep, and every quantity of every step is compared.

Each language draws its own weights and shuffles from the seed (compared, too), keeps its own parameters and
takes its own steps.  A step is judged given the inputs that each language had (`bounds`), so that a difference is
blamed on the quantity that made it; how the difference of the parameters grows over the run is reported, not judged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from nnparity.arithmetic import Array, get_arithmetic
from nnparity.bridge import Bridge, open_bridge
from nnparity.checks import check_count, check_finite, check_matrix, stop_input
from nnparity.compare import (
    QuantityDifference,
    compare_quantity,
    compare_traces,
    element_place,
    first_difference,
    unmeasurable,
)
from nnparity.course import CoursePoint, course_of_step
from nnparity.metrics import accuracy
from nnparity.network import NetworkDefinition
from nnparity.optimizers import Optimizer, define_optimizer
from nnparity.running_comparison import RunningComparison
from nnparity.sides import PythonSide, RSide, Side, Start
from nnparity.stretches import LANGUAGES, Outcome, Stretch, plan_stretches, run_stretches, timed
from nnparity.trace import Trace

if TYPE_CHECKING:
    import pandas


# --- the result -------------------------------------------------------------------------------------------------------


@dataclass
class QuantitySummary:
    """How one quantity fared over the whole run.

    Attributes
    ----------
    quantity : its name in the trace.
    count : values compared.
    max_abs, max_rel, max_ulp : the largest differences met.
    ratio : the largest evidence ratio |difference| / rounding bound; NaN in exact arithmetic, which allows none.
    """

    quantity: str
    count: int = 0
    max_abs: float = 0.0
    max_rel: float = 0.0
    max_ulp: float = 0.0
    ratio: float = 0.0

    def take(self, difference: QuantityDifference) -> None:
        """Add the comparison of one step."""
        self.count += difference.count
        self.max_abs = max(self.max_abs, difference.max_abs)
        self.max_rel = max(self.max_rel, difference.max_rel)
        self.max_ulp = max(self.max_ulp, difference.max_ulp)
        self.ratio = max(self.ratio, difference.ratio) if difference.ratio == difference.ratio else self.ratio


@dataclass(frozen=True)
class ParityDifference:
    """The first difference of a run.

    Attributes
    ----------
    epoch, step : where, from 1; step 0 is the start: parameters, shuffles.
    quantity : the quantity's name.
    place_python, place_r : the element in each language's own syntax.
    value_python, value_r : its values; `hex_python`, `hex_r` the same in hexadecimal.
    ulp, ratio : how far apart, and |difference| / rounding bound.
    problem : what cannot be measured as a distance, or "".
    names : what the two values come from.
    """

    epoch: int
    step: int
    quantity: str
    place_python: str
    place_r: str
    value_python: float
    value_r: float
    hex_python: str
    hex_r: str
    max_abs: float
    ulp: float
    ratio: float
    problem: str
    names: tuple[str, str] = LANGUAGES

    def __str__(self) -> str:
        where = f"step {self.step} (epoch {self.epoch})" if self.step else "the start"
        if self.problem and math.isnan(self.value_python) and math.isnan(self.value_r):
            return f"{self.quantity} differs at {where}: {self.problem}"
        ratio = "" if math.isnan(self.ratio) else f", {self.ratio:.3g} times what rounding can cause"
        return (
            f"{self.quantity} differs at {where}: "
            f"{self.place_python} = {self.value_python!r} ({self.hex_python}) in {self.names[0]}, "
            f"{self.place_r} = {self.value_r!r} ({self.hex_r}) in {self.names[1]}{ratio}"
        )


@dataclass
class ParityResult:
    """What a parity run found.

    Attributes
    ----------
    start : what was run.
    bridge, why, about : the transport's word, why it was used, and which R.
    steps, epochs : taken.
    table : quantity → `QuantitySummary`, in order of computation.
    difference : the first one, or None.
    stopped : the sentence with which both languages ended the run alike, or "".
    course : the points of `course` for every step, or None where they were not asked for.
    growth : at steps 1, 2, 5, 10, …: (step, largest difference of a parameter relative to the largest of its array).
    accuracy : language → share of right classes on the test data; empty where outputs are no classes.
    seconds : "Python", "R" and "comparison" → time spent there.
    names : what was compared with what.
    """

    start: Start
    bridge: str
    why: str
    about: str
    steps: int = 0
    epochs: int = 0
    table: dict[str, QuantitySummary] = field(default_factory=dict)
    difference: ParityDifference | None = None
    stopped: str = ""
    course: list[CoursePoint] | None = None
    growth: list[tuple[int, float]] = field(default_factory=list)
    accuracy: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys((*LANGUAGES, "comparison"), 0.0))
    names: tuple[str, str] = LANGUAGES

    @property
    def agrees(self) -> bool:
        """Whether no difference was found."""
        return self.difference is None

    @property
    def values(self) -> int:
        """How many values were compared."""
        return sum(row.count for row in self.table.values())

    @property
    def max_ulp(self) -> float:
        """The largest difference in ulps."""
        return max((row.max_ulp for row in self.table.values()), default=0.0)

    @property
    def ratio(self) -> float:
        """The largest evidence ratio."""
        return max((row.ratio for row in self.table.values()), default=0.0)

    def frame(self) -> pandas.DataFrame:
        """The table by quantity as a data frame."""
        import pandas

        return pandas.DataFrame([asdict(row) for row in self.table.values()])

    def as_dict(self) -> dict[str, Any]:
        """The result as plain values, for JSON."""
        start = self.start
        return {
            "format": 1,
            "agrees": self.agrees,
            "network": asdict(start.network),
            "optimizer": {"name": start.optimizer.name, "eta": start.optimizer.eta,
                          "clip_norm": start.optimizer.clip_norm, **start.optimizer.hyper},
            "init": start.init, "seed": start.seed, "arithmetic": start.arithmetic,
            "bridge": self.bridge, "why": self.why, "r": self.about,
            "steps": self.steps, "epochs": self.epochs, "values": self.values,
            "max_ulp": self.max_ulp, "evidence_ratio": self.ratio,
            "quantities": [asdict(row) for row in self.table.values()],
            "difference": None if self.difference is None else asdict(self.difference),
            "stopped": self.stopped or None,
            "growth": [{"step": step, "relative": value} for step, value in self.growth],
            "accuracy": self.accuracy, "seconds": self.seconds,
        }  # fmt: skip


# --- the run ----------------------------------------------------------------------------------------------------------


def run_parity(
    start: Start,
    X: Array,
    Y: Array,
    batch: int = 10,
    epochs: int = 1,
    steps: int | None = None,
    shuffle: bool = True,
    test: tuple[Array, Array] | None = None,
    bridge: str | Bridge = "auto",
    on_step: Callable[[int, int], None] | None = None,
    course: bool = False,
) -> ParityResult:
    """Train in both languages in lockstep, until the end or the first difference.

    Parameters
    ----------
    start : the network and how it is trained.
    X, Y : n₀ × n and n_L × n, one column per sample.
    batch : samples in a step; the last one of an epoch may be shorter.
    epochs, steps : how long; `steps` ends the run earlier, or, alone, goes on through as many epochs as it needs.
    shuffle : take the samples of each epoch in an order drawn from the seed; otherwise as they stand.
    test : X, Y of held-out samples for the accuracy.
    bridge : a word of `open_bridge`, or an open bridge.
    on_step : called with the number of the step that was compared and the number of all.
    course : note how far the two sides lie apart at every step, in fast arithmetic; it takes longer.

    Returns
    -------
    ParityResult

    Raises
    ------
    InputError
        The data do not fit the network, or R is not there.
    """
    network = start.network
    X, Y = check_data(network, X, Y)
    n = X.shape[1]
    batch, epochs = check_count(batch, "batch"), check_count(epochs, "epochs")
    if batch > n:
        stop_input(f"batch must be at most the number of samples, {n}, not {batch}")
    total = epochs * -(-n // batch) if steps is None else check_count(steps, "steps")
    owned = isinstance(bridge, str)
    line = open_bridge(bridge) if isinstance(bridge, str) else bridge
    try:
        sides: tuple[Side, Side] = (PythonSide(), RSide(line))
        result = ParityResult(start, line.name, line.why, line.about, course=[] if course else None)
        _lockstep(sides, result, X, Y, batch, total, shuffle, on_step)
        if test is not None and result.agrees and not result.stopped and network.sizes[-1] >= 1:
            for language, side in both(sides):
                result.accuracy[language] = accuracy(side.outputs(test[0]), test[1])
    finally:
        if owned:
            line.close()
    return result


def both(sides: Sequence[Any]) -> Iterable[tuple[str, Any]]:
    """The two sides, each after its language's name."""
    return zip(LANGUAGES, sides, strict=True)


def _lockstep(
    sides: tuple[Side, Side], result: ParityResult, X: Array, Y: Array, batch: int, total: int, shuffle: bool,
    on_step: Callable[[int, int], None] | None,
) -> None:  # fmt: skip
    # What is drawn must be the same bits in any arithmetic.
    begun = [timed(result.seconds, language, side.begin, result.start) for language, side in both(sides)]
    drawn = {name: compare_quantity(name, begun[0][name], begun[1].get(name), None, "exact") for name in begun[0]}
    if not take_comparison(result, 0, drawn, *begun):
        return
    for side in sides:
        side.data(X, Y)
    start = result.start
    running = RunningComparison(start.network, start.optimizer, X) if start.arithmetic == "fast" else None

    plan = plan_stretches(start.network.sizes, X.shape[1], batch, total, shuffle, start.arithmetic)

    def tell(stretch: Stretch, agrees: bool) -> None:
        for step in range(stretch.first, result.steps + agrees):
            if on_step is not None:
                on_step(step, total)

    run_stretches(plan, sides, partial(_compare_stretch, result, running), tell, result.seconds)


def _compare_stretch(result: ParityResult, running: RunningComparison | None, stretch: Stretch) -> bool:
    # False at the first difference, or where both languages stop.
    result.epochs, step = stretch.epoch, stretch.first - 1
    (our_order, our_outcomes), (their_order, their_outcomes) = stretch.taken
    if our_order is not None and their_order is not None:
        order = compare_quantity("order", our_order, their_order, None, "exact")
        if not take_comparison(result, step + 1, {"order": order}, {"order": our_order}, {"order": their_order}):
            return False
    for ours, theirs in zip(our_outcomes, their_outcomes, strict=False):
        step += 1
        result.steps = step
        if not timed(result.seconds, "comparison", _compare_step, result, running, step, ours, theirs):
            return False
    return True


def _compare_step(
    result: ParityResult, running: RunningComparison | None, step: int, ours: Outcome, theirs: Outcome
) -> bool:
    if isinstance(ours, Exception):
        raise ours
    if isinstance(theirs, Exception):
        raise theirs
    if isinstance(ours, str) or isinstance(theirs, str):
        if ours == theirs:
            result.stopped = str(ours)
            return False
        words = ["goes on" if isinstance(said, Trace) else f"stops: {said}" for said in (ours, theirs)]
        problem = "; ".join(f"{language} {says}" for language, says in both(words))
        wrong = unmeasurable("loss", problem)
        result.difference = describe_difference(result, step, wrong, None, None)
        return False
    if step in GROWTH_STEPS or step % 1000 == 0:
        result.growth.append((step, parameter_distance(ours, theirs)))
    start = result.start
    if result.course is not None and start.arithmetic == "fast":
        result.course += course_of_step(step, ours, theirs, start.network, start.optimizer)
    if running is not None and running.accept(ours, theirs, result.table):
        return True
    comparison = compare_traces(ours, theirs, start.network, start.optimizer, start.arithmetic)
    return take_comparison(result, step, comparison, ours, theirs)


GROWTH_STEPS = {base * 10**power for base in (1, 2, 5) for power in range(6)}


def parameter_distance(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> float:
    """The largest |difference| of a new weight or bias, relative to the largest of its array."""
    worst = 0.0
    for name, value in ours.items():
        other = theirs.get(name)
        if name.endswith("_new") and other is not None and np.shape(value) == np.shape(other):
            scale = float(np.max(np.abs(value)))
            worst = max(worst, float(np.max(np.abs(value - other))) / scale if scale > 0 else 0.0)
    return worst


def take_comparison(
    result: ParityResult, step: int, comparison: Mapping[str, QuantityDifference], ours: Mapping[str, Any],
    theirs: Mapping[str, Any],
) -> bool:  # fmt: skip
    """Add one step's comparison to the table; False at the first difference, which is noted."""
    wrong = first_difference(comparison)
    for name, difference in comparison.items():
        if wrong is None or difference.agrees:
            result.table.setdefault(name, QuantitySummary(name)).take(difference)
    if wrong is not None:
        result.table.setdefault(wrong.quantity, QuantitySummary(wrong.quantity)).take(wrong)
        result.difference = describe_difference(result, step, wrong, *_pair((ours, theirs), wrong.quantity))
    return wrong is None


def _pair(mappings: Sequence[Mapping[str, Any]], name: str) -> tuple[Any, Any]:
    return mappings[0].get(name), mappings[1].get(name)


def describe_difference(
    result: ParityResult, step: int, wrong: QuantityDifference, ours: Any, theirs: Any
) -> ParityDifference:
    """A difference with its element: the worst one in fast arithmetic, the first one by column in exact arithmetic."""
    values, index = (wrong.value_a, wrong.value_b), None
    if ours is not None and theirs is not None and np.shape(ours) == np.shape(theirs):
        a, b = np.asarray(ours, float), np.asarray(theirs, float)
        by_bits = result.start.arithmetic == "exact" or step == 0 or wrong.quantity == "order"
        if by_bits:
            unequal = different_bits(a, b).T
            index = tuple(int(i) for i in np.argwhere(unequal)[0][::-1]) if unequal.any() else None
            if index is not None:
                values = float(a[index]), float(b[index])
        else:
            index = next((i for i in np.ndindex(a.shape) if element_place(wrong.quantity, i) == wrong.place), None)
    place_python = wrong.place if index is None else element_place(wrong.quantity, index)
    second_is_r = result.names[1] == LANGUAGES[1] and index is not None
    place_r = r_element_place(wrong.quantity, index or ()) if second_is_r else place_python
    return ParityDifference(
        max(result.epochs, 1) if step else 0, step, wrong.quantity, place_python, place_r, *values,
        float(values[0]).hex(), float(values[1]).hex(), wrong.max_abs, wrong.max_ulp, wrong.ratio, wrong.problem,
        result.names,
    )  # fmt: skip


def different_bits(a: Array, b: Array) -> Array:
    """Where two arrays of one shape differ in a bit; NaN equals NaN."""
    return ~((a == b) & (np.signbit(a) == np.signbit(b)) | np.isnan(a) & np.isnan(b))


def r_element_place(quantity: str, index: Sequence[int]) -> str:
    """The element at this 0-based index as R code, as R's own `element_place` writes it: ``dW[[2]][3, 1]``."""
    subscript = f"[{', '.join(str(int(i) + 1) for i in index)}]" if len(index) else ""
    name, _, suffix = quantity.partition("_")
    letters = name.rstrip("0123456789")
    if letters == name:
        return quantity + subscript
    layer = int(name[len(letters) :]) + (letters == "A")
    return f"{letters}{'_' if suffix else ''}{suffix}[[{layer}]]{subscript}"


# --- the doors --------------------------------------------------------------------------------------------------------


def check_data(network: NetworkDefinition, X: Any, Y: Any) -> tuple[Array, Array]:
    """X n₀ × n and Y n_L × n with finite numbers; otherwise InputError."""
    n_in = network.sizes[0]
    if np.ndim(X) == 2 and np.shape(X)[0] != n_in and np.shape(X)[1] == n_in:
        stop_input(f"X must have one column per sample, {n_in} x any, not {np.shape(X)[0]} x {n_in}: give X.T and Y.T")
    X = check_matrix(X, "X", rows=n_in)
    Y = check_matrix(Y, "Y", rows=network.sizes[-1], columns=X.shape[1])
    return check_finite(X, "X"), check_finite(Y, "Y")


def assert_parity(
    network: NetworkDefinition,
    X: Array,
    Y: Array,
    optimizer: Optimizer | None = None,
    init: str = "normal",
    seed: int = 1,
    W: Sequence[Array] | None = None,
    b: Sequence[Array] | None = None,
    batch: int | None = None,
    epochs: int = 1,
    steps: int | None = None,
    arithmetic: str = "fast",
    bridge: str | Bridge = "auto",
) -> ParityResult:
    """Train in both languages in lockstep and raise AssertionError at the first difference: for a test suite.

    Parameters
    ----------
    network : from `define_network`.
    X, Y : n₀ × n and n_L × n, one column per sample.
    optimizer : from `define_optimizer`; plain gradient descent unless given.
    init, seed : of the weights that each language draws.
    W, b : parameters to start from, given to both.
    batch : samples in a step; all of them unless given.
    epochs, steps, arithmetic, bridge : as in `run_parity`.

    Returns
    -------
    ParityResult

    Raises
    ------
    AssertionError
        The languages differ; the message names step, quantity, element and both values.
    InputError
        The data do not fit the network, or R is not there.
    """
    X, Y = check_data(network, X, Y)
    start = Start(network, define_optimizer() if optimizer is None else optimizer, init, seed,
                  get_arithmetic(arithmetic).name, W, b)  # fmt: skip
    result = run_parity(start, X, Y, X.shape[1] if batch is None else batch, epochs, steps, bridge=bridge)
    if result.difference is not None:
        raise AssertionError(str(result.difference))
    if result.stopped:
        stop_input(result.stopped)
    return result
