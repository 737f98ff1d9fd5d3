"""Z and A of a layer: the right formula of each, and what is written in its place."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnparity.diagnosis.textbook.formula import (
    OUTPUT,
    Formula,
    activation_slope,
    activation_value,
    quiet,
    recycled,
    softmax_over,
)


@quiet
def forward_sums(
    W: list, b: list, A: dict, Z: dict, layer: int, no_bias: bool, one: float = 1.0
) -> Iterator[Formula]:
    """Z[l] = W[l] A[l-1] + b[l]   (Nielsen, eq. 25), and what is written instead; `one`: f(1) of the layer before."""
    w, a = W[layer - 1], A[layer - 1]
    n, m = w.shape[0], a.shape[1]
    bias = b[layer - 1][:, None]
    product = w @ a
    before = f"A{layer - 1}"
    if no_bias:
        yield Formula(None, f"W{layer}·{before}", product, right=True)
    else:
        yield Formula(None, f"W{layer}·{before} + b{layer}", product + bias, right=True)
        yield Formula("bias-missing", f"W{layer}·{before}", product, omits=True)
        yield Formula("bias-sign", f"W{layer}·{before} − b{layer}", product - bias)
        yield Formula(
            "r-recycling",
            f"W{layer}·{before} + b{layer} recycled down the samples",
            product + recycled(b[layer - 1], m, n).T,
        )
        yield Formula(
            "r-recycling",
            f"W{layer}·{before} + b{layer} recycled along rows",
            product + np.resize(b[layer - 1], (n, m)),
        )
        yield Formula(
            "accumulator-not-reset",
            f"running sums of W{layer}·{before} over the units, + b{layer}",
            np.cumsum(product, axis=0) + bias,
        )
        yield Formula(
            "accumulator-not-reset",
            f"running sums of W{layer}·{before} + b{layer} over the units",
            np.cumsum(product + bias, axis=0),
        )
        for k, words in ((0, "first"), (-1, "last")):
            if w.shape[1] > 1:
                less = np.delete(w, k, axis=1) @ np.delete(a, k, axis=0)
                yield Formula(None, f"W{layer}·{before} without its {words} input + b{layer}", less + bias)
        if w.shape[1] > 1:  # the one of the bias, in one matrix with the weights, at the other end of the inputs
            ahead = w[:, :1] + w[:, 1:] @ a[:-1] + bias * a[-1]
            behind = bias * a[0] + w[:, :-1] @ a[1:] + w[:, -1:]
            ones = np.ones((1, m))
            for words, value, inputs in (("in front", ahead, (ones, a)), ("behind", behind, (a, ones))):
                text = f"[W{layer}, b{layer}]·{before} with the one {words} of it"
                yield Formula(None, text, value, parts=(np.vstack(inputs),))
        for count, words in ((w.shape[1], f"n{layer - 1}"), (m, "m")):
            if count > 1:
                yield Formula("wrong-count", f"(1/{words})·W{layer}·{before} + b{layer}", product / count + bias)
        if one != 1:
            changed = np.full((1, m), one)
            yield Formula(None, f"W{layer}·{before} + f(1)·b{layer}, for the constant input of the bias went through f",
                          product + one * bias, parts=tuple(np.vstack(pair) for sign in (1, -1) for pair in
                                      ([a, sign * changed], [sign * changed, a])))  # fmt: skip
        yield Formula(None, f"W{layer}·{before} + 2·b{layer}", product + 2 * bias)
        yield Formula(None, f"(W{layer}·{before})·b{layer}", product * bias)
        yield Formula("bias-missing", f"W{layer}·{before} + mean(b{layer})", product + bias.mean())
        yield Formula("bias-missing", f"W{layer}·{before} + Σb{layer}", product + bias.sum())
        yield Formula("bias-missing", f"W{layer}·{before} + b{layer}[1]", product + bias[0])
        yield Formula("bias-missing", f"W{layer}·{before} + 1", product + 1)
        for other, vector in enumerate(b, start=1):
            if other != layer and np.any(vector):
                if vector.size == n:
                    yield Formula("wrong-layer", f"W{layer}·{before} + b{other}", product + vector[:, None])
                else:
                    text = f"W{layer}·{before} + b{other}"
                    yield Formula("wrong-layer", text, product + np.resize(vector, n)[:, None])
                    if n % vector.size:  # R goes on from column to column
                        yield Formula("wrong-layer", text, product + recycled(vector, n, m))
    extra = 0 if no_bias else bias
    if no_bias:
        yield Formula("accumulator-not-reset", f"running sums of W{layer}·{before} over the units",
                      np.cumsum(product, axis=0))  # fmt: skip
    if layer - 1 in Z:  # a sum that is not begun anew after the layer before
        yield Formula("accumulator-not-reset", f"sums of W{layer}·{before} that go on from Z{layer - 1}",
                      Z[layer - 1][-1:] + np.cumsum(product + extra, axis=0))  # fmt: skip
    if w.shape[0] == w.shape[1]:
        yield Formula("transposed", f"W{layer}ᵀ·{before} + b{layer}", w.T @ a + extra)
        if a.shape == w.shape:
            yield Formula("r-elementwise-for-matmul", f"W{layer} ⊙ {before} + b{layer}", w * a + extra)
    for other, weights in enumerate(W, start=1):
        if other != layer and weights.shape == w.shape:
            yield Formula("wrong-layer", f"W{other}·{before} + b{layer}", weights @ a + extra)
        if other != layer and weights.shape == w.shape[::-1]:
            yield Formula("wrong-layer", f"W{other}ᵀ·{before} + b{layer}", weights.T @ a + extra)
    for other, signal in A.items():
        if other < layer - 1 and signal.shape[0] == a.shape[0]:
            yield Formula("wrong-layer", f"W{layer}·A{other} + b{layer}", w @ signal + extra, used=(signal,))
    if layer - 1 in Z and not np.array_equal(Z[layer - 1], a):
        yield Formula(
            "wrong-layer", f"W{layer}·Z{layer - 1} + b{layer}", w @ Z[layer - 1] + extra, used=(Z[layer - 1],)
        )
    if min(w.shape) > 1:
        byrow = "r-byrow" if w.shape[0] != w.shape[1] else "transposed"
        for read, filled in (("F", "C"), ("C", "F")):
            yield Formula(
                byrow,
                f"(W{layer} filled the other way)·{before} + b{layer}",
                w.ravel(order=read).reshape(w.shape, order=filled) @ a + extra,
            )
    if a.shape == w.shape and w.shape[0] != w.shape[1]:
        yield Formula("r-elementwise-for-matmul", f"W{layer} ⊙ {before} + b{layer}", w * a + extra)


@quiet
def forward_activations(
    Z: np.ndarray, layer: int, wanted: str, known: bool, last: bool, slope: float, bias: np.ndarray | None = None
):
    """A[l] = f(Z[l]); another registered activation is a declaration, the rest are mistakes."""
    z = f"Z{layer}"
    names = [wanted, *[name for name in OUTPUT if name != wanted]]
    for name in names:
        value = activation_value(name, Z, slope)
        option = {"output_activation" if last else "activation": name}
        if name == wanted:
            yield Formula(None, f"{name}({z})", value, right=True, declares={})
        elif name == "linear":
            yield Formula(None, z, value, omits=True, right=not known and last, declares=option)
        else:
            yield Formula(None, f"{name}({z})", value, right=not known, declares=option)
    if bias is not None and np.any(bias):  # a bracket that is closed too early
        late = activation_value(wanted, Z - bias[:, None], slope) + bias[:, None]
        yield Formula("bias-missing", f"{wanted}({z} − b{layer}) + b{layer}", late)
    S = softmax_over(Z, 0)
    E = np.exp(Z)
    yield from _softmax_departures(Z, z, S)
    yield Formula(None, f"exp({z} − max), not normalised", np.exp(Z - Z.max(axis=0)))
    yield Formula(None, f"exp({z}) / Σ {z}", E / Z.sum(axis=0))
    yield Formula("softmax-twice", f"softmax(softmax({z}))", softmax_over(S, 0))
    for inner in ("sigmoid", "relu", "tanh"):
        chained = f"{inner}+softmax"
        option = {"output_activation" if last else "activation": chained}
        yield Formula(
            None,
            f"softmax({inner}({z}))",
            softmax_over(activation_value(inner, Z), 0),
            right=not known and last,
            declares=option,
        )
        if inner != "relu":
            outer = activation_value(inner, activation_value(inner, Z))
            yield Formula(None, f"{inner}({inner}({z}))", outer)
    yield Formula(None, f"exp({z})", E)
    yield Formula(None, f"sigmoid(−{z})", activation_value("sigmoid", -Z))
    yield Formula(None, f"1 / (1 + exp({z}))", activation_value("sigmoid", -Z))
    yield Formula(None, f"min(0, {z})", np.minimum(Z, 0), parts=((Z >= 0).astype(float),))
    yield Formula(None, f"|{z}|", np.abs(Z))
    yield Formula("r-pmax-dimension", f"max(0, {z}), one number", np.full(Z.shape, max(0.0, float(Z.max()))))
    yield Formula(None, f"[{z} > 0]", (Z > 0).astype(float))
    yield Formula(None, f"tanh({z}/2)", np.tanh(Z / 2))
    yield Formula(None, f"tanh(2·{z})", np.tanh(2 * Z))
    yield Formula(None, f"exp(−{z})", np.exp(-Z))
    yield Formula(None, f"1 + exp(−{z})", 1 + np.exp(-Z))
    yield Formula(None, f"1 / (1 − exp(−{z}))", 1 / (1 - np.exp(-Z)))
    yield Formula(None, f"exp({z}) / (1 − exp({z}))", E / (1 - E))
    for name in ("sigmoid", "tanh", "relu"):
        yield Formula(None, f"{name}′({z})", activation_slope(name, Z))


def _softmax_departures(Z: np.ndarray, z: str, right: np.ndarray) -> Iterator[Formula]:
    """exp(Z − shift) / norm with the shift or the norm taken over the wrong axis, or recycled by R."""
    n, m = Z.shape
    shifts = [
        ("", np.zeros_like(Z)),
        (" − max", np.broadcast_to(Z.max(axis=0), Z.shape)),
        (" − max of each unit", np.broadcast_to(Z.max(axis=1, keepdims=True), Z.shape)),
        (" − max of each unit, recycled", recycled(Z.max(axis=1), m, n).T),
        (" − max, recycled", recycled(Z.max(axis=0), n, m)),
    ]
    for shift, amount in shifts:
        E = np.exp(Z - amount)
        norms = [
            ("Σ", np.broadcast_to(E.sum(axis=0), Z.shape), ()),
            ("Σ over the samples", np.broadcast_to(E.sum(axis=1, keepdims=True), Z.shape), (1,)),
            ("Σ over the whole matrix", np.full(Z.shape, E.sum()), (None,)),
            ("Σ, recycled", recycled(E.sum(axis=0), n, m), ()),
            ("Σ over the samples, recycled", recycled(E.sum(axis=1), m, n).T, ()),
            ("its maximum", np.broadcast_to(E.max(axis=0), Z.shape), ()),
        ]
        for words, norm, axes in norms:
            value = E / norm
            if not np.allclose(value, right, rtol=1e-9, atol=0):
                shifted = (Z - amount,) if "each unit" in shift or "recycled" in shift else ()
                # The quotient is the same for every constant that is taken from all of Z; its norm is not.
                sums = [np.exp(Z - c).sum(axis=axis) for axis in axes if not shifted for c in (0.0, Z.max())]
                yield Formula("softmax-axis", f"exp({z}{shift}) / {words}", value, parts=(*shifted, *sums))
