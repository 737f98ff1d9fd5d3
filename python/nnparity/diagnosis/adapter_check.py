"""Does the adapter hand over what the candidate expects? One run, in words; swapped rows and columns are its fault."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nnparity.diagnosis import failures
from nnparity.diagnosis.probe import Probe, make_probe
from nnparity.diagnosis.recording import CandidateProcess, Recording

# A step with this rate must come back next to where it started; gradients do not.
TINY = 1e-6


class AdapterProblem(failures.BadResult):
    """The adapter converts wrongly: the message says what arrived, what came back and what to change."""


@dataclass(frozen=True)
class Swap:
    """A way in which an adapter can have rows and columns swapped: its name, and what to swap back."""

    words: str
    samples: bool
    weights: bool

    def applied(self, probe: Probe) -> Probe:
        """Return the probe with the arrays in question transposed."""
        W = [w.T.copy() for w in probe.W] if self.weights else probe.W
        X, Y = (probe.X.T.copy(), probe.Y.T.copy()) if self.samples else (probe.X, probe.Y)
        return Probe(W, probe.b, X, Y, probe.eta, probe.seed)


SWAPS = (
    Swap("X and Y", True, False),
    Swap("the weights", False, True),
    Swap("X, Y and the weights", True, True),
)


def check_adapter(candidate: str | Path, adapter: str | Path | None = None, options: Any = None) -> str:
    """Run an adapter once and say what arrived and what came back.

    Parameters
    ----------
    candidate, adapter : the files, as for a diagnosis
    options : the Options of a diagnosis; None: sizes 4, 6, 3 and seven samples

    Returns
    -------
    report : what step received and returned, in lines

    Raises
    ------
    AdapterProblem
        If the result has a wrong shape, or rows and columns are swapped, or gradients come back instead of parameters.
    CandidateFailure
        If no step is obtained.
    """
    sizes = getattr(options, "sizes", (4, 6, 3))
    timeout, only = getattr(options, "timeout", 60.0), getattr(options, "functions_only", None)
    probe = make_probe(sizes, getattr(options, "batch", 7), TINY, getattr(options, "seed", 1))
    with CandidateProcess(timeout=timeout) as process:
        loaded = process.load(candidate, adapter, functions_only=only)
        no_bias = {*getattr(options, "no_bias", ()), *loaded.header.no_bias}
        whose = Path(adapter).name if adapter else Path(candidate).name
        recording = run(process, probe)
        lines = [f"{whose} defines step for {Path(candidate).name} ({loaded.language}).", "", "What arrived at step:"]
        lines += [f"  {name:<4} {shape(array)}" for name, array in arrived(probe)] + [f"  eta  {probe.eta:g}", ""]
        problem = None
        if recording.status == "ok":
            lines += (
                ["What came back:"] + [f"  {name:<4} {words}" for name, words in came_back(recording, probe)] + [""]
            )
            problem = wrong_shape(recording, probe, no_bias) or not_parameters(recording, probe)
        elif recording.status == "bad_result":
            problem = recording.message
        else:
            problem, note = stopped(process, probe, recording, whose)
            lines += note
        if problem:
            raise AdapterProblem("\n".join([*lines, f"A matter of {whose}, not of the network: {problem}"]))
        if recording.status == "ok":
            lines.append(
                "Shapes and layout agree with the contract: step(W, b, X, Y, eta) returns W and b like those given."
            )
        return "\n".join(lines)


def run(process: CandidateProcess, probe: Probe) -> Recording:
    """Run step on a probe, unrecorded."""
    return process.run(probe.W, probe.b, probe.X, probe.Y, probe.eta, probe.seed, record=False)


def arrived(probe: Probe) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the names and arrays that step is given."""
    for name, arrays in (("W", probe.W), ("b", probe.b)):
        yield from ((f"{name}{l}", array) for l, array in enumerate(arrays, start=1))
    yield "X", probe.X
    yield "Y", probe.Y


def came_back(recording: Recording, probe: Probe) -> Iterator[tuple[str, str]]:
    """Yield the names of what step returned, each with its shape and how far it moved."""
    for name, new, old in (("W", recording.W or [], probe.W), ("b", recording.b or [], probe.b)):
        for l, array in enumerate(new, start=1):
            words = shape(array)
            if l <= len(old) and array.size == old[l - 1].size:
                moved = np.array_equal(array.reshape(old[l - 1].shape), old[l - 1])
                words += ", unchanged" if moved else ", changed"
            yield f"{name}{l}", words


def wrong_shape(recording: Recording, probe: Probe, no_bias: set[int]) -> str | None:
    """Say which array came back in a wrong shape."""
    W_new, b_new = recording.W or [], recording.b or []
    if len(W_new) != len(probe.W):
        return f"{len(W_new)} weight matrices came back where {len(probe.W)} were given."
    for l, (new, old) in enumerate(zip(W_new, probe.W, strict=True), start=1):
        if new.shape != old.shape:
            hint = ": rows and columns are swapped, return its transpose" if new.shape == old.shape[::-1] else ""
            return f"W{l} came back as {shape(new)} where {shape(old)} was given{hint}."
    for l, old in enumerate(probe.b, start=1):
        if l in no_bias:
            continue
        if l > len(b_new):
            return (
                f"b{l} did not come back: {len(b_new)} bias vectors where {len(probe.b)} were given (if the layer has "
                f"none, say so: '# no_bias: {l}')."
            )
        if b_new[l - 1].size != old.size:
            return f"b{l} came back as {shape(b_new[l - 1])} where {old.size} numbers were given."
    return None


def not_parameters(recording: Recording, probe: Probe) -> str | None:
    """Say whether what came back lies far from what was given although the rate is tiny."""
    far = [
        np.max(np.abs(new - old)) > 0.1 * np.max(np.abs(old))
        for new, old in zip(recording.W or [], probe.W, strict=True)
    ]
    if not all(far):
        return None
    return (
        f"with a learning rate of {probe.eta:g} the weights that came back are nowhere near those given; step must "
        "return the new weights, W - eta dW, not gradients, and must start from the W and b that it is given."
    )


def stopped(process: CandidateProcess, probe: Probe, recording: Recording, whose: str) -> tuple[str | None, list[str]]:
    """Explain a step that stopped: if it runs with rows and columns swapped, the adapter swaps them."""
    error = recording.error
    assert error is not None
    place = f"{error.file}, line {error.line}" if error.line else "step"
    note = [f"step stopped ({place}): {error.message}", ""]
    if recording.status == "error":
        for swap in SWAPS:
            other = swap.applied(probe)
            again = run(process, other)
            if again.status == "ok" and not wrong_shape(again, other, set(range(1, len(probe.b) + 1))):
                return (
                    f"rows and columns of {swap.words} are swapped: with them transposed, step runs through and "
                    "returns the right shapes."
                ), note
    if error.file == whose and process.loaded is not None and process.loaded.adapter is not None:
        return f"it stops on its own line {error.line}: {error.message}.", note
    return None, [
        *note,
        "The adapter hands over the right shapes as far as can be told; `nnparity diagnose` explains the stop.",
    ]


def shape(array: np.ndarray) -> str:
    """Write a shape for people."""
    dims = array.shape
    return " x ".join(map(str, dims)) if len(dims) > 1 else f"{dims[0]} numbers" if dims else "one number"
