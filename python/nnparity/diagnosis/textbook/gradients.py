"""dW and db of a layer, and what is written in their place."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnparity.diagnosis.textbook.formula import Formula, activation_slope, activation_value, quiet


@quiet
def weight_gradients(state, textbook, layer: int) -> Iterator[Formula]:
    """dW[l] = (1/m) delta[l] A[l-1]ᵀ   (Nielsen, BP4), and what is written instead."""
    d, a = state.delta[layer], state.A[layer - 1]
    m = textbook.m
    W = textbook.W[layer - 1]
    name, before = f"delta{layer}", f"A{layer - 1}"
    yield Formula(None, f"(1/m)·{name}·{before}ᵀ", d @ a.T / m, right=True, factors=(d, a))
    if W.shape[0] == W.shape[1]:
        yield Formula("transposed", f"(1/m)·{before}·{name}ᵀ", a @ d.T / m)
    for other, signal in state.A.items():
        if other != layer - 1 and signal.shape == a.shape:
            yield Formula("wrong-layer", f"(1/m)·{name}·A{other}ᵀ", d @ signal.T / m, used=(signal,),
                          factors=(d, signal))  # fmt: skip
    for other, signal in state.Z.items():
        if signal.shape == a.shape:
            yield Formula("wrong-layer", f"(1/m)·{name}·Z{other}ᵀ", d @ signal.T / m, used=(signal,),
                          factors=(d, signal))  # fmt: skip
    for other, delta in state.delta.items():
        if other != layer and delta.shape == d.shape:
            yield Formula("wrong-layer", f"(1/m)·delta{other}·{before}ᵀ", delta @ a.T / m, factors=(delta, a))
    if min(W.shape) > 1 and W.shape[0] != W.shape[1]:
        gradient = d @ a.T / m
        for order, other in (("F", "C"), ("C", "F")):
            yield Formula(
                "r-byrow",
                f"(1/m)·{name}·{before}ᵀ filled the other way",
                gradient.ravel(order=order).reshape(W.shape, order=other),
            )
        for words, parts in unrolled(d.mean(axis=1), gradient).items():
            yield Formula("r-byrow", f"dW{layer} out of [{words}] filled the other way", parts[0])
    for words, signal in ((f"Z{layer}", state.Z[layer]), (f"A{layer}", state.A[layer]), ("Y", textbook.Y)):
        if signal.shape == d.shape:
            yield Formula(None, f"(1/m)·{words}·{before}ᵀ", signal @ a.T / m, factors=(signal, a))
    for sample, words in ((0, "first"), (m - 1, "last")):
        yield Formula(
            "batch-lost", f"{name}·{before}ᵀ of the {words} sample only", np.outer(d[:, sample], a[:, sample])
        )
        for words_of, left, right in ((name, np.broadcast_to(d[:, [sample]], d.shape), a),
                                      (before, d, np.broadcast_to(a[:, [sample]], a.shape))):  # fmt: skip
            yield Formula(None, f"(1/m)·{name}·{before}ᵀ, {words_of} always of the {words} sample", left @ right.T / m,
                          factors=(left, right))  # fmt: skip
    if W.shape[0] > 1 and textbook.language == "Python":  # [[0.0] * n] * h is one row, h times
        rows = (d @ a.T / m).sum(axis=0)
        yield Formula("np-alias", f"(1/m)·{name}·{before}ᵀ summed over the units, in every row",
                      np.broadcast_to(rows, W.shape))  # fmt: skip
    yield Formula(None, f"mean({name})·mean({before})ᵀ", np.outer(d.mean(axis=1), a.mean(axis=1)))
    yield Formula("weights-for-inputs", f"mean({name}) ⊙ W{layer}", d.mean(axis=1)[:, None] * W)
    if W.shape == d.shape:
        yield Formula("weights-for-inputs", f"{name} ⊙ W{layer}", d * W)
    if W.shape[0] == W.shape[1]:
        yield Formula("weights-for-inputs", f"{name}·{name}ᵀ·W{layer}", d @ d.T @ W)
    yield Formula(None, f"mean({name}), the same for every input", np.broadcast_to(d.mean(axis=1)[:, None], W.shape))
    if state.A[layer].shape == d.shape:
        own, every = d * state.A[layer], np.ones_like(a)
        yield Formula("wrong-layer", f"(1/m)·Σ {name} ⊙ A{layer}, the same for every input", own @ every.T / m,
                      factors=(own, every))  # fmt: skip
    yield Formula(None, f"(1/m)·|{name}|·{before}ᵀ", np.abs(d) @ a.T / m, factors=(np.abs(d), a))
    for kind in dict.fromkeys(state.activations[max(0, layer - 2) : layer]):  # the input, activated once more
        if kind and "softmax" not in kind and kind != "linear":
            again = activation_value(kind, a, textbook.slope)
            yield Formula(None, f"(1/m)·{name}·{kind}({before})ᵀ", d @ again.T / m, factors=(d, again))
    if layer > 1 and "softmax" not in (below := state.activations[layer - 2]) and below != "linear":
        slope = activation_slope(below, state.Z[layer - 1], textbook.slope)
        yield Formula(None, f"(1/m)·{name}·{below}′(Z{layer - 1})ᵀ", d @ slope.T / m, factors=(d, slope))
    yield Formula(None, f"(1/m)·{name}·({before} − 1)ᵀ", d @ (a - 1).T / m, factors=(d, a - 1))
    yield Formula(None, f"(1/m)·{name}·({before}²)ᵀ", d @ (a**2).T / m, factors=(d, a**2))
    if layer == textbook.depth:
        error = state.A[layer] - textbook.Y
        yield Formula("missing-output-derivative", f"(1/m)·(A{layer} − Y)·{before}ᵀ", error @ a.T / m,
                      factors=(error, a), omits=True)  # fmt: skip
    else:
        back = textbook.W[layer].T @ state.delta[layer + 1]
        yield Formula(
            "missing-activation-derivative", f"(1/m)·(W{layer + 1}ᵀ·delta{layer + 1})·{before}ᵀ", back @ a.T / m,
            factors=(back, a), omits=True,
        )  # fmt: skip


def unrolled(db: np.ndarray, dW: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """dW and db out of the matrix of both that was written out by rows and read by columns, or the reverse."""
    found = {}
    for words, at in (("db, dW", 0), ("dW, db", dW.shape[1])):
        both = np.insert(dW, at, db, axis=1)
        by_columns = both.T.ravel().reshape(both.shape)
        by_rows = both.ravel().reshape(both.shape[::-1]).T
        for how, turned in (("", by_columns), (" by rows", by_rows)):
            found[words + how] = np.delete(turned, at, axis=1), turned[:, at]
    return found


def one_number_id(language: str) -> str:
    """The id of a bias gradient that was summed over the units, too."""
    return "bias-gradient-collapsed" if language == "R" else "np-scalar-sum"


@quiet
def bias_gradients(state, textbook, layer: int) -> Iterator[Formula]:
    """db[l] = (1/m) Σ_i delta[l]_i   (Nielsen, BP3), and what is written instead."""
    d = state.delta[layer]
    n, m = d.shape
    name = f"delta{layer}"
    yield Formula(None, f"(1/m)·Σ {name}", d.mean(axis=1), right=True)
    if n > 1:
        yield Formula(
            one_number_id(textbook.language),
            f"Σ of all of {name}, one number for every unit",
            np.full(n, d.sum() / m),
            parts=(d.sum() / m, *d.sum(axis=0)),
        )
        yield Formula(one_number_id(textbook.language), f"mean of all of {name}, one number for every unit",
                      np.full(n, d.mean()), parts=(d.mean(),))  # fmt: skip
        yield Formula(
            "bias-gradient-collapsed", f"{name} summed over the units (recycled)", np.resize(d.sum(axis=0), n)
        )
        for k, words in ((0, "first"), (-1, "last")):
            one = np.broadcast_to(d[[k]], d.shape)
            yield Formula("bias-gradient-collapsed", f"(1/m)·Σ {name} of the {words} unit, for every unit",
                          one.mean(axis=1), factors=(one,))  # fmt: skip
    for sample, words in ((0, "first"), (m - 1, "last")):
        yield Formula("batch-lost", f"{name} of the {words} sample only", d[:, sample])
    for other, delta in state.delta.items():
        if other != layer:
            yield Formula("wrong-layer", f"(1/m)·Σ delta{other}", np.resize(delta.mean(axis=1), n),
                          factors=(delta,) if delta.shape == d.shape else ())  # fmt: skip
    if state.A[layer].shape == d.shape:
        yield Formula(None, f"(1/m)·Σ A{layer}", state.A[layer].mean(axis=1), factors=(state.A[layer],))
        yield Formula(None, f"(1/m)·Σ {name} ⊙ A{layer}", (d * state.A[layer]).mean(axis=1))
    yield Formula("bias-gradient-collapsed", f"one number, the max of {name}", np.full(n, d.max()))
    gradient = d @ state.A[layer - 1].T / m
    if min(gradient.shape) > 1:
        for words, parts in unrolled(d.mean(axis=1), gradient).items():
            yield Formula("r-byrow", f"db{layer} out of [{words}] filled the other way", parts[1])
    b = textbook.b[layer - 1]
    yield Formula(None, f"(1/m)·Σ {name} ⊙ b{layer}", d.mean(axis=1) * b)
    if layer == textbook.depth:
        yield Formula(
            "missing-output-derivative", f"(1/m)·Σ (A{layer} − Y)", (state.A[layer] - textbook.Y).mean(axis=1),
            factors=(state.A[layer] - textbook.Y,), omits=True,
        )  # fmt: skip
    else:
        back = textbook.W[layer].T @ state.delta[layer + 1]
        yield Formula("missing-activation-derivative", f"(1/m)·Σ W{layer + 1}ᵀ·delta{layer + 1}", back.mean(axis=1),
                      factors=(back,), omits=True)  # fmt: skip
        if state.delta[layer + 1].shape[0] == n:
            yield Formula("wrong-layer", f"(1/m)·Σ delta{layer + 1}", state.delta[layer + 1].mean(axis=1))
    for sample in range(1, m - 1):  # samples may be taken in an order of their own
        yield Formula("batch-lost", f"{name} of one sample only", d[:, sample])
