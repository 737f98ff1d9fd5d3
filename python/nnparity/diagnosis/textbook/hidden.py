"""delta of a hidden layer, and what is written in its place."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnparity import activations
from nnparity.diagnosis.textbook.formula import FAST, Formula, activation_slope, network_for, quiet
from nnparity.diagnosis.textbook.slope import slopes


@quiet
def hidden_deltas(state, textbook, layer: int, new_weights: dict[int, np.ndarray]) -> Iterator[Formula]:
    """delta[l] = (W[l+1]ᵀ delta[l+1]) ⊙ f'(Z[l])   (Nielsen, BP2), and what is written instead."""
    L = textbook.depth
    W = textbook.W
    name = state.activations[layer - 1]
    Z, A = state.Z[layer], state.A[layer]
    d = state.delta[layer + 1]
    w = W[layer]
    others = {k: (state.Z[k], state.A[k]) for k in state.Z}
    backs: list[Formula] = [Formula(None, f"W{layer + 1}ᵀ·delta{layer + 1}", w.T @ d, right=True)]
    if layer + 1 in new_weights and new_weights[layer + 1].shape == w.shape:
        backs.append(
            Formula("stale-weights-in-delta", f"W{layer + 1}_newᵀ·delta{layer + 1}", new_weights[layer + 1].T @ d)
        )
    backs.append(
        Formula(
            "accumulator-not-reset",
            f"running sums of W{layer + 1}ᵀ·delta{layer + 1} over the units",
            np.cumsum(w.T @ d, axis=0),
        )
    )
    step = d @ A.T / textbook.m
    # Code whose own rate is fixed at 1 has its step scaled by whoever calls it.
    for rate in dict.fromkeys((textbook.eta, textbook.m * textbook.eta, 1.0)):
        early = w - rate * step
        if layer + 1 not in new_weights or not np.allclose(early, new_weights[layer + 1], rtol=1e-9):
            backs.append(Formula("stale-weights-in-delta", f"W{layer + 1}_newᵀ·delta{layer + 1}", early.T @ d))
    update = state.updates.get(f"W{layer + 1}_new")
    taken = [-update.rate] if update is not None and update.formula is not None and update.rate < 0 else []
    for rate in dict.fromkeys((textbook.eta, 1.0, *taken)):
        each = np.column_stack([(w - rate * np.outer(d[:, i], A[:, i])).T @ d[:, i] for i in range(d.shape[1])])
        backs.append(Formula("stale-weights-in-delta", f"W{layer + 1}_newᵀ·delta{layer + 1} of each sample", each))
    if layer + 1 not in textbook.no_bias:  # out of one matrix with the biases, the wrong end cut off
        bias = textbook.b[layer][:, np.newaxis]
        for words, kept in (("first", np.hstack([w[:, 1:], bias])), ("last", np.hstack([bias, w[:, :-1]]))):
            text = f"([W{layer + 1}, b{layer + 1}] without its {words} input)ᵀ·delta{layer + 1}"
            backs.append(Formula(None, text, kept.T @ d, parts=(kept,)))
    if w.shape[0] == w.shape[1]:
        backs.append(Formula("transposed", f"W{layer + 1}·delta{layer + 1}", w @ d))
    for other, weights in enumerate(W, start=1):
        if other != layer + 1 and weights.shape == w.shape:
            backs.append(Formula("wrong-layer", f"W{other}ᵀ·delta{layer + 1}", weights.T @ d))
        elif other != layer + 1 and weights.shape[1] == d.shape[0] and weights.shape[0] == w.shape[1]:
            backs.append(Formula("wrong-layer", f"W{other}·delta{layer + 1}", weights @ d))
    for other, delta in state.delta.items():
        if other != layer + 1 and delta.shape[0] == w.shape[0]:
            backs.append(Formula("wrong-layer", f"W{layer + 1}ᵀ·delta{other}", w.T @ delta))
    if d.shape[0] in (1, w.shape[1]):
        backs.append(Formula(None, f"delta{layer + 1}", np.broadcast_to(d, A.shape)))
    if layer + 2 in state.delta:  # as it came down, before the derivative of the layer above
        down = w.T @ (W[layer + 1].T @ state.delta[layer + 2])
        text = f"W{layer + 1}ᵀ·(W{layer + 2}ᵀ·delta{layer + 2})"
        backs.append(Formula("missing-activation-derivative", text, down))
    if textbook.language == "R":
        rows = d * w.sum(axis=1, keepdims=True)
        backs.append(Formula("r-recycling", f"delta{layer + 1} ⊙ the sums of W{layer + 1} over its inputs, recycled",
                             np.column_stack([np.resize(row, w.shape[1]) for row in rows.T]), parts=(rows,)))
    error, words = state.A[L] - textbook.Y, f"(A{L} − Y)"
    for k in range(L, layer, -1):  # handed down as it is, without any derivative
        error, words = textbook.W[k - 1].T @ error, f"W{k}ᵀ·{words}"
    backs.append(Formula("missing-activation-derivative", words, error))
    backs.append(
        Formula(None, f"(Σ over units of delta{layer + 1})·Σ W{layer + 1}", np.outer(w.sum(axis=0), d.sum(axis=0)))
    )
    backs.append(
        Formula(
            None, f"W{layer + 1}ᵀ summed · mean delta", w.T @ np.broadcast_to(d.mean(axis=1, keepdims=True), d.shape)
        )
    )
    factors = list(slopes(name, Z, A, layer, textbook.slope, others))
    for back in backs:
        for factor in factors:
            if back.right and factor.right:
                text = back.text if name == "linear" else f"({back.text}) ⊙ {factor.text}"
                yield Formula(None, text, back.value * factor.value, right=True)
            elif back.right:
                text = back.text if factor.omits else f"({back.text}) ⊙ {factor.text}"
                yield Formula(
                    factor.id,
                    text,
                    back.value * factor.value,
                    omits=factor.omits,
                    parts=() if factor.omits else (factor.value,),
                )
            elif factor.right or factor.omits or back.id == "stale-weights-in-delta":
                parts = back.parts or (back.value,)
                yield Formula(back.id, f"({back.text}) ⊙ {factor.text}", back.value * factor.value, parts=parts)
    if name not in ("linear", "relu") and not name.endswith("softmax"):
        yield Formula(None, f"{name}′(Z{layer}) alone", activation_slope(name, Z, textbook.slope), omits=True,
                      alone=True)  # fmt: skip
    dA = backs[0].value
    if name == "leaky_relu":
        for kept in (dA > 0, dA < 0):  # of code that keeps −delta, too
            mask = np.where(kept, 1.0, textbook.slope)
            yield Formula("relu-mask-wrong", f"(W{layer + 1}ᵀ·delta{layer + 1}) ⊙ its own sign as mask", dA * mask)
    for k, words in ((0, "first"), (-1, "last")):
        if w.shape[0] > 1:
            less = np.delete(w, k, axis=0).T @ np.delete(d, k, axis=0)
            yield Formula(None, f"(W{layer + 1}ᵀ·delta{layer + 1} without its {words} unit) ⊙ {name}′(Z{layer})",
                          less * activation_slope(name, Z, textbook.slope), parts=(less,))  # fmt: skip
            alone = np.outer(w[k], d[k])
            yield Formula(None, f"(W{layer + 1}ᵀ·delta{layer + 1} of its {words} unit alone) ⊙ {name}′(Z{layer})",
                          alone * activation_slope(name, Z, textbook.slope), parts=(alone,))  # fmt: skip
    if name == "relu":
        yield Formula("relu-mask-wrong", f"[W{layer + 1}ᵀ·delta{layer + 1} > 0] as mask", dA * (dA > 0))
        yield Formula("relu-mask-wrong", f"[W{layer + 1}ᵀ·delta{layer + 1} < 0] as mask", dA * (dA < 0))
        yield Formula("relu-mask-wrong", f"[Z{layer} > 0] alone", (Z > 0).astype(float))
        if d.shape[0] in (1, w.shape[1]):
            for kept, sign in ((d > 0, ">"), (d < 0, "<")):
                yield Formula("relu-mask-wrong", f"[delta{layer + 1} {sign} 0] as mask", dA * kept)
    if name.endswith("softmax"):
        J = activations.backprop_activation(
            name, Z, A, backs[0].value, network_for(name, Z.shape[0], textbook.slope), FAST
        )
        yield Formula(None, f"J(softmax)ᵀ·{backs[0].text}", J, right=True)
