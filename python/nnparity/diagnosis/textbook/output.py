"""delta of the output layer: the declared loss, other losses, and products of an error and a factor gone wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from nnparity.diagnosis.matching import proportion
from nnparity.diagnosis.textbook.formula import (
    EPSILONS,
    LOSSES,
    Formula,
    activation_slope,
    delta_of,
    guarded_delta,
    loss_slope,
    quiet,
)
from nnparity.diagnosis.textbook.slope import slopes


@quiet
def output_deltas(state, textbook) -> Iterator[Formula]:
    """delta[L] = dC_i/dz[L] (Nielsen, BP1): the declared loss, other losses, and error × factor products gone wrong."""
    L = textbook.depth
    Z, A, Y = state.Z[L], state.A[L], textbook.Y
    name = state.activations[L - 1]
    loss = textbook.loss
    a, y = f"A{L}", "Y"
    slope = textbook.slope
    known = textbook.loss_declared
    right = delta_of(loss, name, Z, A, Y, slope)
    names = [loss, *[other for other in LOSSES if other != loss]]
    pair = {("softmax", "categorical_cross_entropy"), ("sigmoid", "binary_cross_entropy")}
    cancels = (name.split("+")[-1], loss) in pair
    for other in names:
        value = delta_of(other, name, Z, A, Y, slope)
        if value is None:
            continue
        if other == loss:
            yield Formula(None, delta_text(other, name, L), value, right=True)
        elif right is None or not _proportional(value, right):
            kind = None
            if known and not cancels and _proportional(value, A - Y):
                kind = "missing-output-derivative"
            elif known and cancels and _proportional(value, (A - Y) * activation_slope(name, Z, slope)):
                kind = "extra-output-derivative"
            yield Formula(
                kind,
                delta_text(other, name, L),
                value,
                right=not known,
                declares={"loss": other},
                omits=kind == "missing-output-derivative",
            )
    for other in names if not known else [loss]:
        for epsilon in EPSILONS:
            value = guarded_delta(other, name, Z, A, Y, epsilon, slope)
            if value is not None:
                yield Formula(None, f"{delta_text(other, name, L)}, with {epsilon:g} in its divisions", value,
                              right=True, declares={"loss": other}, epsilon=epsilon)  # fmt: skip
    error = A - Y
    factors = list(slopes(name, Z, A, L, slope, {k: (state.Z[k], state.A[k]) for k in state.Z}))
    if name != "linear":
        yield Formula(
            "extra-output-derivative" if cancels else "missing-output-derivative", f"{a} − {y}", error, omits=True
        )
    for factor in factors:
        if factor.right:
            identity = (
                "extra-output-derivative"
                if cancels
                else ("softmax-jacobian-diagonal" if name.endswith("softmax") else None)
            )
            by_output = factor is not factors[0] and loss == "quadratic" and not cancels  # right for that A
            text = f"({a} − {y}) ⊙ {factor.text}"
            yield Formula(None if by_output else identity, text, error * factor.value, right=by_output)
        elif not factor.omits:
            yield Formula(factor.id, f"({a} − {y}) ⊙ {factor.text}", error * factor.value, parts=(factor.value,))
    gradient = loss_slope(loss, A, Y) if right is not None and not name.endswith("softmax") else None
    if gradient is not None and not _proportional(gradient, error):
        yield Formula(
            "missing-output-derivative" if name != "linear" else None, f"∂{loss}/∂{a}", gradient, omits=True
        )
        for factor in factors:
            if not factor.right and not factor.omits:
                text = f"∂{loss}/∂{a} ⊙ {factor.text}"
                yield Formula(factor.id, text, gradient * factor.value, parts=(factor.value,))
    if name.partition("+")[0] == "relu":
        yield Formula("relu-mask-wrong", f"[{a} − {y} > 0] as mask", error * (error > 0))
        yield Formula("relu-mask-wrong", f"[{a} − {y} < 0] as mask", error * (error < 0))
    yield Formula(None, f"({a} − {y}) ⊙ {name}′ of {name}′", error * activation_slope(name, activation_slope(name, Z)))
    if textbook.language == "Python" and name in ("sigmoid", "tanh"):
        changed = error * (1 - error) if name == "sigmoid" else 1 - error**2
        yield Formula(
            "np-alias",
            f"({a} − {y}) ⊙ {name}′ of ({a} − {y}), for {a} was overwritten",
            error * changed,
            parts=(error,),
        )
    for order, targets, recorded in textbook.target_orders:
        value = delta_of(loss, name, Z, A, targets, slope)
        if value is not None:
            yield Formula(
                "shuffle-unpaired", f"delta{L} with {y} in another order than X ({order})", value, parts=(recorded,)
            )
    right_slope = activation_slope(name, Z, slope)
    if name != "linear" and not name.endswith("softmax"):
        yield Formula(None, f"{name}′(Z{L}) alone", right_slope, omits=True, alone=True)
    inner = (error * right_slope).sum(axis=0)
    yield Formula(
        "r-vector-orientation" if textbook.language == "R" else "np-broadcast",
        f"({a} − {y}) · {name}′(Z{L}), one number per sample",
        np.broadcast_to(inner, A.shape),
        parts=(inner, *inner),
    )
    squared = error**2
    for tail, through in _ways(name, A, L, [factor for factor in factors if factor.right]):
        yield Formula("squared-error-as-delta", f"({a} − {y})²{tail}", through(squared), parts=(squared,))
        yield Formula(
            "squared-error-as-delta",
            f"½Σ({a} − {y})² per sample{tail}",
            through(np.broadcast_to(squared.sum(axis=0), A.shape)),
        )
        crossed = -Y * np.log(A) - (1 - Y) * np.log(1 - A)
        yield Formula(None, f"the terms of binary_cross_entropy{tail}", through(crossed), parts=(crossed,))
        yield Formula(None, f"−{y} ln {a}{tail}", through(-Y * np.log(A)))
        yield Formula(None, f"|{a} − {y}|{tail}", through(np.abs(error)))
        yield Formula(None, f"({a} + {y}){tail}", through(A + Y), parts=(A + Y,))
        yield Formula(None, f"{a}{tail}", through(A))
        yield Formula(None, f"{y}{tail}", through(Y))
        identity = "softmax-jacobian-diagonal" if name.endswith("softmax") and "⊙" in tail else None
        if name.endswith("softmax") and loss == "categorical_cross_entropy" and not tail:  # the slope of the loss alone
            identity = "missing-output-derivative"
        yield Formula(identity, f"−({y}/{a}){tail}", through(-Y / A), parts=(Y / A,))
        yield Formula(None, f"({a} − {y})/({a}(1 − {a})){tail}", through(error / (A * (1 - A))), omits=not tail)
        yield Formula(None, f"({y}/{a} + (1 − {y})/(1 − {a})){tail}", through(Y / A + (1 - Y) / (1 - A)))
        for id, words, targets in (
            ("label-encoding", "shifted by one class", np.roll(Y, 1, axis=0)),
            ("label-encoding", "shifted by one class", np.roll(Y, -1, axis=0)),
            ("label-encoding", "with classes shifted", _dropped(Y, 1)),
            ("label-encoding", "with classes shifted", _dropped(Y, -1)),
            ("shuffle-unpaired", "of the sample before", np.roll(Y, 1, axis=1)),
            ("shuffle-unpaired", "of the sample behind", np.roll(Y, -1, axis=1)),
            ("shuffle-unpaired", "in reverse", Y[:, ::-1]),
            ("batch-lost", "of the first sample", np.broadcast_to(Y[:, :1], Y.shape)),
            ("batch-lost", "of the last sample", np.broadcast_to(Y[:, -1:], Y.shape)),
        ):
            yield Formula(id, f"({a} − {y} {words}){tail}", through(A - targets), parts=(targets,))
        yield Formula("wrong-layer", f"(Z{L} − {y}){tail}", through(Z - Y), parts=(Z - Y,), used=(Z,))
        mean = np.broadcast_to(error.mean(axis=1, keepdims=True), A.shape)
        yield Formula(None, f"mean error of the batch{tail}", through(mean))
        summed = np.broadcast_to(error.sum(axis=0), A.shape)
        yield Formula(None, f"error summed over the units{tail}", through(summed))


def _ways(name: str, A: np.ndarray, layer: int, factors: list[Formula]) -> Iterator[tuple[str, Callable]]:
    """From an error to delta[L]: (words, function); as it is, times the slope, and through the Jacobian of softmax."""
    yield "", lambda error: error
    for factor in factors:
        yield f" ⊙ {factor.text}", lambda error, slope=factor.value: error * slope
    if name == "softmax":  # J = diag(a) − a·aᵀ of every sample
        yield f", through J(softmax at Z{layer})", lambda error: A * (error - (error * A).sum(axis=0))


def _dropped(Y: np.ndarray, by: int) -> np.ndarray:
    shifted = np.zeros_like(Y)
    if by > 0:
        shifted[1:] = Y[:-1]
    else:
        shifted[:-1] = Y[1:]
    return shifted


def _proportional(value: np.ndarray, other: np.ndarray) -> bool:
    return proportion(value, other) is not None


def delta_text(loss: str, name: str, layer: int) -> str:
    """The right formula of delta[L], in words of the book."""
    a = f"A{layer}"
    if (name, loss) in {("softmax", "categorical_cross_entropy"), ("sigmoid", "binary_cross_entropy")}:
        return f"{a} − Y"
    if name.endswith("softmax"):
        return f"J(softmax at Z{layer})ᵀ · ∂{loss}/∂{a}"
    error = {
        "quadratic": f"({a} − Y)",
        "mean_squared_error": f"(2/n{layer})({a} − Y)",
        "mean_absolute_error": f"sign({a} − Y)/n{layer}",
    }.get(loss, f"∂{loss}/∂{a}")
    return error if name == "linear" else f"{error} ⊙ {name}′(Z{layer})"
