"""What other shapes show: batches of 1, 2 and 3, other depths, equal and distinct widths, a second call in a row."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnparity.checks import InputError
from nnparity.diagnosis import textbook as book
from nnparity.diagnosis.matching import proportion
from nnparity.diagnosis.probe import Probe, make_probe

LOOSE = 1e-6


def other_shapes(session, state, compare: bool) -> list[str]:
    """One sentence for each shape in which the candidate stops or, with `compare`, leaves the textbook.

    `state` is the account of the probe so far; comparing makes sense where that found nothing wrong.
    """
    lines = []
    for words, sizes, batch in _shapes(session.options):
        no_bias = session.no_bias if len(sizes) == len(session.options.sizes) else ()
        real = session.probe().Y.min() < 0
        probe = make_probe(
            sizes, batch, session.options.eta, session.options.seed, no_bias, "real" if real else "classes"
        )
        outcome = _outcome(session, probe, state if compare else None)
        if outcome:
            lines.append(f"{words}: {outcome}")
    return lines


def _shapes(options) -> Iterator[tuple[str, tuple[int, ...], int]]:
    sizes = tuple(options.sizes)
    for batch in (1, 2, 3):
        if batch != options.batch:
            yield f"a batch of {batch}", sizes, batch
    deeper = (*sizes[:-1], _unlike(sizes), sizes[-1])
    yield f"one more hidden layer ({','.join(map(str, deeper))})", deeper, options.batch
    if len(sizes) > 3:
        fewer = (*sizes[:-2], sizes[-1])
        yield f"one hidden layer less ({','.join(map(str, fewer))})", fewer, options.batch
    if len(set(sizes)) < len(sizes):
        distinct = (*tuple(size + 2 * place for place, size in enumerate(sizes[:-1])), sizes[-1] + 1)
        yield f"distinct widths ({','.join(map(str, distinct))})", distinct, options.batch


def _unlike(sizes: tuple[int, ...]) -> int:
    return next(width for width in range(5, 5 + len(sizes) + 1) if width not in sizes)


def _outcome(session, probe: Probe, state) -> str | None:
    recording = session.run(probe, record=False)
    if recording.status == "bad_result":
        return "step returns something of another shape; it may be meant for one depth only"
    if recording.status != "ok":
        error = recording.error
        place = f" at {error.file}:{error.line}" if error is not None and error.line else ""
        return f"stops{place} ({' '.join(str(recording.message).split())})"
    try:
        W_new, b_new = session.returned(probe, recording)
    except InputError:
        return "step returns arrays of another shape; it may be meant for one shape only"
    expected = expected_step(probe, state) if state is not None else None
    if expected is None:
        return None
    wrong = []
    for letter, old, new, gradient in (("W", probe.W, W_new, expected[0]), ("b", probe.b, b_new, expected[1])):
        for layer, (before, after, slope) in enumerate(zip(old, new, gradient, strict=False), start=1):
            if (letter == "b" and layer in session.no_bias) or not np.any(slope):
                continue
            change = before - after
            if change.size == 1:
                fits = np.any(change) and np.sign(change.ravel()[0]) == np.sign(slope.ravel()[0])
            else:
                factor = proportion(change, slope, LOOSE) if np.any(change) else None
                fits = factor is not None and factor > 0
            if not fits:
                wrong.append(f"{letter}{layer}_new")
    return f"{', '.join(wrong)} differ{'s' if len(wrong) == 1 else ''} from the textbook" if wrong else None


def expected_step(probe: Probe, state) -> tuple[list[np.ndarray], list[np.ndarray]] | None:
    """dW and db of the textbook for the activations and the loss that the candidate was found to use."""
    L = len(probe.W)
    hidden = state.activations[0] if len(state.activations) > 1 else "sigmoid"
    names = (
        [*state.activations[:-1], state.activations[-1]]
        if len(state.activations) == L
        else [hidden] * (L - 1) + [state.activations[-1]]
    )
    A, Z = [probe.X], []
    for w, v, name in zip(probe.W, probe.b, names, strict=False):
        Z.append(w @ A[-1] + v[:, None])
        A.append(book.activation_value(name, Z[-1]))
    delta = book.delta_of(state.loss, names[-1], Z[-1], A[-1], probe.Y, 0.01)
    if delta is None:
        return None
    dW: list[np.ndarray] = []
    db: list[np.ndarray] = []
    m = probe.X.shape[1]
    for layer in range(L - 1, -1, -1):
        dW.insert(0, delta @ A[layer].T / m)
        db.insert(0, delta.mean(axis=1))
        if layer:
            delta = probe.W[layer].T @ delta * book.activation_slope(names[layer - 1], Z[layer - 1])
    return dW, db


def second_call(session, probe: Probe, W_new: list[np.ndarray], b_new: list[np.ndarray]) -> float | str | None:
    """The factor by which a second call in a row, with the same arguments, changes the parameters more than the first.

    None where both calls do the same; a sentence where they differ otherwise.
    """
    again = session.run(probe, record=False, rehearse=1)
    if again.status != "ok":
        return f"a second call in a row stops ({again.message})"
    try:
        W_again, b_again = session.returned(probe, again)
    except InputError:
        return None
    factors = []
    for old, first, second in zip([*probe.W, *probe.b], [*W_new, *b_new], [*W_again, *b_again], strict=False):
        change, change_again = first - old, second - old
        if np.any(change):
            factors.append(proportion(change_again, change, LOOSE))
    known = [factor for factor in factors if factor is not None]
    if len(known) == len(factors) and known and np.ptp(known) <= LOOSE * abs(known[0]):
        return None if abs(known[0] - 1) <= LOOSE else float(known[0])
    return (
        "a second call in a row with the same arguments gives another update: something is kept between the calls "
        "(momentum, gradient sums that are not reset, a moving average)"
    )
