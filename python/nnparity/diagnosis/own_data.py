"""Run the candidate's own step on the person's data beside the reference's, and say what holds learning up there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnparity.activations import activation_parts
from nnparity.checks import InputError, stop_input
from nnparity.datasets import Dataset, load_data, one_hot
from nnparity.initializers import initialize_parameters
from nnparity.losses import loss_value
from nnparity.network import NetworkDefinition, define_network, forward, gradient_step
from nnparity.optimizers import define_optimizer, initial_state

Array = NDArray[np.float64]

#: Mini-batches that are run, and those of them whose loss is shown.
STEPS, SHOWN = 20, (1, 2, 5, 10, 20)
#: Samples that saturation and dead units are counted on.
MOST_SAMPLES = 2000
#: A unit is saturated where its slope is below this share of the steepest.
FLAT = 0.02
#: |ΔW| / |W| of one step: below, a layer stands still; above, it is thrown about.
SLOW, FAST = 1e-5, 0.3
#: Relative difference of parameters up to which two courses are the same: rounding, and its growth over the steps.
SAME = 1e-6
#: Activations with two flat ends, and those with one, by the steepest slope of each.
STEEPEST = {"sigmoid": 0.25, "tanh": 1.0}
RECTIFIERS = ("relu",)


@dataclass(frozen=True)
class Course:
    """What some steps on some batches came to.

    Parameters
    ----------
    losses : the loss of each batch before its step, by the reference's formula; NaN where it is not defined.
    changes : |ΔW| / |W| of the first step, one for each layer.
    W, b : the parameters after each step.
    stopped : why it ended early, or nothing.
    """

    losses: list[float]
    changes: list[float]
    W: list[list[Array]]
    b: list[list[Array]]
    stopped: str = ""


# -- the door ---


def report_on_data(
    process: Any,
    path: str | Path | Dataset,
    network: dict[str, Any],
    options: Any,
    no_bias: Sequence[int] | None = None,
) -> list[str]:
    """What the report says under "On your data".

    Parameters
    ----------
    process : nnparity.diagnosis.recording.CandidateProcess
        With the candidate loaded.
    path : a file of `load_data`, or a Dataset.
    network : the report's "network": sizes, activation, output_activation, loss.
    options : nnparity.diagnosis.diagnose.Options
        batch, eta, seed and slope are used.
    no_bias : the layers without a bias; those of the options, unless given.

    Raises
    ------
    InputError
        If the file cannot be used.
    """
    data = path if isinstance(path, Dataset) else load_data(path)
    definition = network_for(data, network, options, options.no_bias if no_bias is None else no_bias)
    X, Y = columns(data, definition.sizes[-1])
    return [*describe_data(data, X), *on_data(process, X, Y, definition, options)]


def network_for(data: Dataset, network: dict[str, Any], options: Any, no_bias: Sequence[int] = ()) -> NetworkDefinition:
    """The candidate's network with the widths of the data at both ends; its hidden layers stay as they are."""
    sizes = tuple(network["sizes"])
    outputs = sizes[-1] if data.classes is None else len(data.classes)
    if data.classes is None:
        outputs = 1 if data.y.ndim == 1 else data.y.shape[1]
    elif outputs == 2 and sizes[-1] == 1:
        outputs = 1
    return define_network(
        (data.X.shape[1], *sizes[1:-1], outputs),
        tuple(network["activation"]),
        network["output_activation"],
        network["loss"],
        slope=options.slope,
        no_bias=tuple(no_bias),
    )


def columns(data: Dataset, outputs: int) -> tuple[Array, Array]:
    """X n₀ × n and Y n_L × n, one column per observation; classes one-hot, or 0 and 1 for a single output."""
    X = np.ascontiguousarray(data.X.T)
    if data.classes is None:
        return X, np.atleast_2d(np.asarray(data.y, dtype=float).T)
    if outputs == 1:
        return X, data.y.astype(float)[np.newaxis, :]
    if outputs != len(data.classes):
        stop_input(f"{data.name} has {len(data.classes)} classes, which takes as many outputs, not {outputs}")
    return X, one_hot(data.y, data.classes).T


def on_data(process: Any, X: Array, Y: Array, network_definition: NetworkDefinition, options: Any) -> list[str]:
    """Run the candidate's step on mini-batches of the data, beside the reference's from the same weights.

    Parameters
    ----------
    process : nnparity.diagnosis.recording.CandidateProcess
        With the candidate loaded.
    X : n₀ × n        Y : n_L × n
    network_definition : the network, with the data's widths.
    options : batch, eta and seed are used.

    Returns
    -------
    list of str
        Sentences, in order: units, gradients, losses, and what they come to.
    """
    W, b = starting_weights(network_definition, options.seed)
    batches = mini_batches(X.shape[1], min(options.batch, X.shape[1]), STEPS, options.seed)
    lines = [*units(network_definition, W, b, X[:, :MOST_SAMPLES])]
    theirs = candidate_course(process, network_definition, W, b, X, Y, batches, options)
    ours = reference_course(network_definition, W, b, X, Y, batches, options.eta)
    lines += gradient_scale(theirs, network_definition)
    factor = common_factor(theirs, ours, W, b)
    if factor is not None:
        lines.append(
            f"All your gradients carry the factor {factor:.6g}: the reference goes beside them at {factor:.6g}·η."
        )
        ours = reference_course(network_definition, W, b, X, Y, batches, factor * options.eta)
    lines += losses_beside(theirs, ours)
    lines += conclusion(theirs, ours, network_definition, (W, b, X, Y), batches, options.eta)
    return lines


# -- the data ---


def describe_data(data: Dataset, X: Array) -> list[str]:
    """Size, scale and class balance of the data."""
    lines = [f"{data.name}: {X.shape[1]} observations of {X.shape[0]} inputs" + _outputs_words(data) + "."]
    return [*lines, *input_scale(X), *class_balance(data)]


def _outputs_words(data: Dataset) -> str:
    return ", numbers to predict" if data.classes is None else f", {len(data.classes)} classes"


def input_scale(X: Array) -> Iterator[str]:
    """unscaled-input, and columns that say nothing."""
    low, high = float(X.min()), float(X.max())
    widths = X.max(axis=1) - X.min(axis=1)
    if max(-low, high) > 10:
        ends = f"Inputs run from {low:.4g} to {high:.4g}: "
        whole = low >= 0 and high <= 255 and np.all(np.round(X) == X) and high > 100
        yield ends + (
            "divide them by 255." if whole else "subtract each column's mean and divide by its standard deviation."
        )
    live = widths[widths > 0]
    if live.size and live.max() > 100 * live.min() and max(-low, high) <= 10:
        yield f"Inputs differ in scale by a factor of {live.max() / live.min():.2g}: standardise the columns."
    still = int(np.sum(widths == 0))
    if still:
        yield f"{still} of {X.shape[0]} inputs never change."


def class_balance(data: Dataset) -> Iterator[str]:
    """How often each class occurs; a frequent one makes a constant answer look good."""
    if data.classes is None:
        middle, spread = float(np.mean(data.y)), float(np.std(data.y))
        if abs(middle) > 5 or spread > 5:
            yield f"Targets have mean {middle:.3g} and standard deviation {spread:.3g}: standardise them."
        return
    counts = np.bincount(data.y, minlength=len(data.classes))
    absent = [word for word, count in zip(data.classes, counts, strict=True) if count == 0]
    if absent:
        yield f"No observation is of class {', '.join(absent[:5])}{' …' if len(absent) > 5 else ''}."
    most, least = int(counts.argmax()), int(counts.argmin())
    share = counts[most] / counts.sum()
    if counts[most] > 3 * max(counts[least], 1):
        yield (
            f"Classes are unbalanced: {data.classes[most]!r} is {share:.0%} of the observations, "
            "so always answering it is right that "
            f"often; {data.classes[least]!r} is {counts[least] / counts.sum():.1%}."
        )
    else:
        yield f"Classes are balanced: {counts.min()} to {counts.max()} observations of each."


# -- the start ---


def starting_weights(network: NetworkDefinition, seed: int) -> tuple[list[Array], list[Array]]:
    """He's weights where the first hidden layer is rectified, Glorot's otherwise; biases of zero."""
    rectified = network.activations[0].split("+")[0] in ("relu", "leaky_relu", "elu", "gelu", "silu")
    return initialize_parameters(network, "he_normal" if rectified else "glorot_uniform", seed)


def mini_batches(n: int, size: int, count: int, seed: int) -> list[NDArray[np.int64]]:
    """`count` batches of `size` places among n, from one shuffled epoch after the other."""
    stream = np.random.default_rng(seed)
    order: list[int] = []
    batches = []
    for _ in range(count):
        while len(order) < size:
            order += stream.permutation(n).tolist()
        batches.append(np.array(order[:size]))
        order = order[size:]
    return batches


# -- units ---


def units(network: NetworkDefinition, W: Sequence[Array], b: Sequence[Array], X: Array) -> Iterator[str]:
    """Saturated and dead units of the hidden layers at the start."""
    Z, A = forward(network, W, b, X)
    for layer, (z, a, word) in enumerate(zip(Z[:-1], A[1:-1], network.activations[:-1], strict=True), start=1):
        share = saturated_share(z, a, word)
        if share > 0.2:
            flat = f"saturated ({word} at a flat end)"
            yield f"Layer {layer}: {share:.0%} of its outputs are {flat}, so hardly any gradient passes."
        dead = dead_units(a, word)
        if dead:
            yield f"Layer {layer}: {dead} of {a.shape[0]} units are dead: 0 for every observation."


def saturated_share(Z: Array, A: Array, activation: str) -> float:
    """The share of outputs at a flat end: f′(z) below 2 % of its largest value."""
    base = activation_parts(activation)[-1]
    if base not in STEEPEST:
        return 0.0
    slope = A * (1 - A) if base == "sigmoid" else 1 - A**2
    return float(np.mean(slope < FLAT * STEEPEST[base]))


def dead_units(A: Array, activation: str) -> int:
    """How many rectified units are 0 for every sample."""
    return int(np.sum(np.all(A == 0, axis=1))) if activation_parts(activation)[-1] in RECTIFIERS else 0


# -- steps ---


def candidate_course(
    process: Any,
    network: NetworkDefinition,
    W: Sequence[Array],
    b: Sequence[Array],
    X: Array,
    Y: Array,
    batches: Sequence[NDArray[np.int64]],
    options: Any,
) -> Course:
    """The candidate's steps; each starts from the parameters that the last one returned."""
    course = Course([], [], [], [])
    for places in batches:
        course.losses.append(loss_of(network, W, b, X[:, places], Y[:, places]))
        answer = process.run(list(W), list(b), X[:, places], Y[:, places], options.eta, seed=options.seed, record=False)
        stopped = answer.message or answer.status if answer.status != "ok" else ""
        new = shaped(answer.W, answer.b, W, b) if not stopped else None
        if new is None:
            return replace(course, stopped=stopped or "step returned arrays of other shapes")
        if not course.W:
            course.changes.extend(changes(W, new[0]))
        W, b = new
        course.W.append(W)
        course.b.append(b)
        if not all(np.all(np.isfinite(w)) for w in [*W, *b]):
            return replace(course, stopped="the parameters are no longer finite")
    return course


def reference_course(
    network: NetworkDefinition,
    W: Sequence[Array],
    b: Sequence[Array],
    X: Array,
    Y: Array,
    batches: Sequence[NDArray[np.int64]],
    eta: float,
) -> Course:
    """The reference's steps on the same batches from the same weights."""
    course, optimizer = Course([], [], [], []), define_optimizer("sgd", eta)
    state = initial_state(optimizer, W, b)
    for places in batches:
        course.losses.append(loss_of(network, W, b, X[:, places], Y[:, places]))
        try:
            new, b, state, _ = gradient_step(network, optimizer, W, b, X[:, places], Y[:, places], state)
        except InputError as error:
            return replace(course, stopped=str(error))
        if not course.W:
            course.changes.extend(changes(W, new))
        W = new
        course.W.append(list(W))
        course.b.append(list(b))
    return course


def loss_of(network: NetworkDefinition, W: Sequence[Array], b: Sequence[Array], X: Array, Y: Array) -> float:
    """The loss of one batch; NaN where it is not defined."""
    try:
        Z, A = forward(network, W, b, X)
        return float(loss_value(network, W, Z, A, Y))
    except InputError:
        return float("nan")


def shaped(
    W_new: Sequence[Array] | None, b_new: Sequence[Array] | None, W: Sequence[Array], b: Sequence[Array]
) -> tuple[list[Array], list[Array]] | None:
    """What a step returned in the shapes of the contract; None where that cannot be."""
    W_new, b_new = list(W_new or []), list(b_new or [])
    if len(W_new) != len(W) or any(np.shape(new) != np.shape(old) for new, old in zip(W_new, W, strict=True)):
        return None
    b_new += list(b[len(b_new) :])
    if any(np.size(new) != np.size(old) for new, old in zip(b_new, b, strict=False)):
        return None
    return [np.asarray(w, dtype=float) for w in W_new], [np.asarray(v, dtype=float).reshape(-1) for v in b_new]


def changes(W: Sequence[Array], W_new: Sequence[Array]) -> list[float]:
    """|ΔW| / |W| of each layer (Frobenius norms)."""
    return [
        float(np.linalg.norm(new - old) / max(float(np.linalg.norm(old)), 1e-300))
        for old, new in zip(W, W_new, strict=True)
    ]


# -- words ---


def gradient_scale(course: Course, network: NetworkDefinition) -> Iterator[str]:
    """How far the first step moves each layer."""
    if not course.changes:
        return
    shown = ", ".join(f"W{layer} by {change:.1e} of its size" for layer, change in enumerate(course.changes, start=1))
    yield f"One step moves {shown}; 1e−3 to 1e−2 is usual.".replace("e-", "e−")
    for layer, change in enumerate(course.changes, start=1):
        if change < SLOW:
            yield f"W{layer} hardly moves: its gradient vanishes before it gets there."
        elif change > FAST:
            yield f"W{layer} is thrown about by one step: the learning rate is too large for these inputs."


def losses_beside(theirs: Course, ours: Course) -> Iterator[str]:
    """The loss before some steps, the candidate's and the reference's."""
    for step in SHOWN:
        if step <= max(len(theirs.losses), len(ours.losses)):
            pair = [f"{c.losses[step - 1]:.6g}" if step <= len(c.losses) else "–" for c in (theirs, ours)]
            yield f"step {step:>2}: loss {pair[0]:>9} yours, {pair[1]:>9} reference"


def parting(theirs: Course, ours: Course) -> int | None:
    """The first step after which the two courses differ by more than rounding; None if they stay together."""
    for step, (W, W_ref, b, b_ref) in enumerate(zip(theirs.W, ours.W, theirs.b, ours.b, strict=False), start=1):
        for new, reference in zip([*W, *b], [*W_ref, *b_ref], strict=True):
            scale = max(float(np.max(np.abs(reference), initial=0.0)), 1e-12)
            if not np.all(np.abs(new - reference) <= SAME * scale):
                return step
    return None


def common_factor(theirs: Course, ours: Course, W: Sequence[Array], b: Sequence[Array]) -> float | None:
    """The constant c with ΔW, Δb = c times the reference's at the first step; None if there is none, or if it is 1."""
    if not theirs.W or not ours.W:
        return None
    old = np.concatenate([v.ravel() for v in [*W, *b]])
    new, reference = (np.concatenate([v.ravel() for v in [*c.W[0], *c.b[0]]]) - old for c in (theirs, ours))
    size = float(reference @ reference)
    factor = float(new @ reference) / size if size > 0 else 0.0
    fits = np.all(np.abs(new - factor * reference) <= SAME * abs(factor) * np.max(np.abs(reference), initial=0.0))
    return factor if factor > 0 and abs(factor - 1) > SAME and fits else None


def conclusion(
    theirs: Course,
    ours: Course,
    network: NetworkDefinition,
    start: tuple[list[Array], list[Array], Array, Array],
    batches: Sequence[NDArray[np.int64]],
    eta: float,
) -> Iterator[str]:
    """What the courses come to: does the code differ on these data, and does anything learn here."""
    if theirs.stopped:
        yield f"Your step stopped after {len(theirs.W)} batches: {theirs.stopped}."
    if ours.stopped:
        yield f"The reference's step stopped after {len(ours.W)} batches: {ours.stopped}."
    apart = parting(theirs, ours)
    if apart is not None:
        yield f"Your step and the reference's part after batch {apart}, on the same data from the same weights."
    elif theirs.W and not theirs.stopped:
        count = len(theirs.W)
        yield f"Your step and the reference's agree on all {count} batches: what holds learning up is not the step."
    if ours.W and not learns(ours, network, start):
        rates = [
            rate
            for rate in (eta / 100, eta / 10, eta * 10, eta * 100)
            if learns(reference_course(network, *start, batches, rate), network, start)
        ]
        yield f"The loss does not fall at η = {eta:g}" + (
            f"; it does at {', '.join(f'{rate:g}' for rate in rates)}."
            if rates
            else f" in {len(batches)} batches, nor at rates from η/100 to 100·η; look at inputs, targets and widths."
        )


def learns(course: Course, network: NetworkDefinition, start: tuple[list[Array], list[Array], Array, Array]) -> bool:
    """Whether the loss of the same samples is clearly lower after the course than before it."""
    W, b, X, Y = start
    if course.stopped or not course.W:
        return False
    X, Y = X[:, :MOST_SAMPLES], Y[:, :MOST_SAMPLES]
    before, after = loss_of(network, W, b, X, Y), loss_of(network, course.W[-1], course.b[-1], X, Y)
    return bool(np.isfinite(after) and after < before - 0.01 * abs(before))
