"""Name the recorded values: each is held against every quantity of the textbook and its usual intermediate steps."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from nnparity.diagnosis import textbook as book
from nnparity.diagnosis.matching import ValueIndex


@dataclass(frozen=True)
class Label:
    """What a recorded value is: `text` in the notation of the book, and whether that is a right value."""

    text: str
    quantity: str
    right: bool
    weight: float  # smaller is the better name


def given_parameters(labels: dict[int, Label], values: dict[int, np.ndarray]) -> dict[str, np.ndarray]:
    """The weights and biases that step was given, by their names, as far as they were recorded."""
    whole: dict[str, np.ndarray] = {}
    for ref, label in labels.items():
        named = label.right and re.fullmatch(r"[Wb]\d+", label.text)
        if named and values[ref].size > np.size(whole.get(label.text, [])):
            whole[label.text] = values[ref]  # a part of it has the same label
    return whole


def numbers_in(arrays: dict[str, np.ndarray]) -> np.ndarray:
    """Every number of some arrays, once."""
    return np.unique(np.concatenate([np.ravel(value) for value in arrays.values()] or [np.empty(0)]))


def factor_text(factor: float, m: int, eta: float, n_out: int, is_gradient: bool = False) -> str | None:
    """A constant in words: '', '−', '2·', '(1/m)·', 'η·' …; None when it is none of the known ones."""
    sign = "−" if factor < 0 else ""
    size = abs(factor)
    words = [  # where two names fit one number, the first is meant
        (1.0, ""),
        (0.5, "½·") if is_gradient else (eta, "η·"),
        (eta, "η·"),
        (eta / m, "(η/m)·"),
        (float(m), "m·"),
        (1.0 / m, "(1/m)·"),
        (2.0, "2·"),
        (0.5, "½·"),
        (2.0 / n_out, "(2/n)·"),
        (1.0 / n_out, "(1/n)·"),
        (float(n_out), "n·"),
        (2.0 / m, "(2/m)·"),
        (1 / eta, "(1/η)·"),
        (2.0 * eta, "2η·"),
        (eta * m, "ηm·"),
        (2 * eta / m, "(2η/m)·"),
        (1.0 / (m * n_out), "(1/(m·n))·"),
        (1.0 / m**2, "(1/m²)·"),
        (2.0 * m, "2m·"),
        (2.0 / (m * n_out), "(2/(m·n))·"),
    ]
    for value, text in words:
        if abs(size - value) <= 1e-9 * value:
            return sign + text
    return None


def vocabulary(state, textbook, W_new=None, b_new=None):
    """Yield (text, quantity, value, right, kind) of all a right program may hold; kind: samples, gradient, plain."""
    t = textbook
    yield "X", "A0", t.X, True, "samples"
    yield "Y", "Y", t.Y, True, "samples"
    for layer in range(1, t.depth + 1):
        yield f"W{layer}", f"W{layer}", t.W[layer - 1], True, "plain"
        yield f"b{layer}", f"b{layer}", t.b[layer - 1], True, "plain"
    wrong = {departure.quantity for departure in state.departures}
    for layer in range(1, t.depth + 1):
        for letter, table in (("Z", state.Z), ("A", state.A), ("delta", state.delta)):
            if layer in table:
                quantity = f"{letter}{layer}"
                used = state.used.get(quantity)
                if quantity in wrong:
                    yield used.text if used else quantity, quantity, table[layer], False, "samples"
                    yield quantity, quantity, state.rights[quantity].value, True, "samples"
                else:
                    yield quantity, quantity, table[layer], True, "samples"
    for layer in range(1, t.depth + 1):
        if layer in state.delta:
            d, a = state.delta[layer], state.A[layer - 1]
            used = state.used.get(f"delta{layer}")
            known = used is None or used.text != "?"
            yield f"dW{layer}", f"dW{layer}", d @ a.T / t.m, known, ("gradient", d, a)
            yield f"db{layer}", f"db{layer}", d.mean(axis=1), known, ("gradient", d, None)
    yield from _updates(state, t)
    yield from _steps(state, t)


def _updates(state, t):
    for layer in range(1, t.depth + 1):
        if layer in state.delta:
            d, a = state.delta[layer], state.A[layer - 1]
            yield f"W{layer}_new", f"W{layer}_new", t.W[layer - 1] - t.eta * d @ a.T / t.m, True, "plain"
            yield f"b{layer}_new", f"b{layer}_new", t.b[layer - 1] - t.eta * d.mean(axis=1), True, "plain"


def _steps(state, t):
    """Intermediate steps of a right program, in the order in which they are likely."""
    L = t.depth
    for layer in range(1, L + 1):
        if layer not in state.Z:
            continue
        z, a = f"Z{layer}", f"A{layer}"
        Z, A = state.Z[layer], state.A[layer]
        name = state.activations[layer - 1]
        yield f"W{layer}·A{layer - 1}", "", t.W[layer - 1] @ state.A[layer - 1], True, "samples"
        yield f"b{layer} of every sample", "", np.repeat(t.b[layer - 1][:, None], t.m, axis=1), True, "plain"
        slope = book.activation_slope(name, Z, t.slope)
        yield f"{name}′({z})", "", slope, True, "samples"
        with np.errstate(all="ignore"):
            base = name.split("+")[-1]
            if base in ("sigmoid", "silu"):
                yield f"exp(−{z})", "", np.exp(-Z), True, "samples"
                yield f"1 + exp(−{z})", "", 1 + np.exp(-Z), True, "samples"
            if base in ("sigmoid", "softmax", "silu"):
                yield f"exp({z})", "", np.exp(Z), True, "samples"
                yield f"1 − {a}", "", 1 - A, True, "samples"
                yield f"1 + exp({z})", "", 1 + np.exp(Z), True, "samples"
            if base == "softmax":
                yield f"{z} − max", "", Z - Z.max(axis=0), True, "samples"
                yield f"exp({z} − max)", "", np.exp(Z - Z.max(axis=0)), True, "samples"
                yield f"exp({z} − max)", "", np.exp(Z - Z.max()), True, "samples"
                yield f"Σ exp({z})", "", np.exp(Z).sum(axis=0), True, "plain"
                yield f"Σ exp({z} − max)", "", np.exp(Z - Z.max(axis=0)).sum(axis=0), True, "plain"
            if base == "tanh":
                yield f"{a}²", "", A**2, True, "samples"
                yield f"exp({z})", "", np.exp(Z), True, "samples"
                yield f"exp(−{z})", "", np.exp(-Z), True, "samples"
                yield f"exp(2·{z})", "", np.exp(2 * Z), True, "samples"
                yield f"exp(−2·{z})", "", np.exp(-2 * Z), True, "samples"
            if base in ("relu", "leaky_relu", "elu"):
                yield f"[{z} > 0]", "", (Z > 0).astype(float), True, "samples"
                yield f"[{z} ≤ 0]", "", (Z <= 0).astype(float), True, "samples"
            if layer == L:
                yield f"{a} − Y", "", A - t.Y, True, "samples"
                yield f"({a} − Y)²", "", (A - t.Y) ** 2, True, "samples"
                yield f"log {a}", "", np.log(A), True, "samples"
                yield f"log(1 − {a})", "", np.log(1 - A), True, "samples"
                yield f"Y·log {a}", "", t.Y * np.log(A), True, "samples"
                yield "1 − Y", "", 1 - t.Y, True, "samples"
                yield f"Y/{a}", "", t.Y / A, True, "samples"
                yield f"{a}(1 − {a})", "", A * (1 - A), True, "samples"
                for loss in book.LOSSES:
                    gradient = book.loss_slope(loss, A, t.Y)
                    if gradient is not None:
                        yield f"∂{loss}/∂{a}", "", gradient, True, "samples"
        if layer + 1 in state.delta:
            back = t.W[layer].T @ state.delta[layer + 1]
            yield f"W{layer + 1}ᵀ·delta{layer + 1}", "", back, True, "samples"


def label_values(state, textbook, index: ValueIndex, orders: Iterable[np.ndarray] = ()) -> dict[int, Label]:
    """The best name of every recorded value that has one; `orders`: permutations in which the samples were taken."""
    labels: dict[int, Label] = {}
    t = textbook
    n_out = t.Y.shape[0]

    def note(hits, text, quantity, right, weight):
        for hit in hits:
            words = factor_text(hit.factor, t.m, t.eta, n_out)
            if words is None:
                if right and quantity.startswith(("W", "b")):
                    continue
                words = f"{hit.factor:.4g}·"
            cost = weight + (0 if words == "" else 0.4) + (0 if hit.layout != "part" else 2)
            known = labels.get(hit.ref)
            if known is None or cost < known.weight:
                shown = text if words == "" else f"{words}{text}"
                labels[hit.ref] = Label(shown, quantity, right, cost)

    for rank, (text, quantity, value, right, kind) in enumerate(vocabulary(state, t)):
        weight = 0.001 * rank + (0 if quantity else 0.5) + (0 if right else 0.2)
        if not np.all(np.isfinite(value)) or (value.size > 1 and np.ptp(value) == 0):
            continue
        parts = text != "Y"  # rows and columns of one-hot targets are all alike
        edges = quantity.startswith("b")
        found = index.find(value, parts=parts, edges=edges)
        if re.fullmatch(r"b\d+", quantity):  # as the edge of a matrix only beside the weights of its layer
            size = value.size + t.W[int(quantity[1:]) - 1].size
            found = [hit for hit in found if hit.layout != "part" or index.size_of(hit.ref) in (value.size, size)]
        note(found, text, quantity, right, weight)
        if parts and value.size > 2:
            beside = [hit for hit in index.inside(value) if hit.exact]
            if min(value.shape) == 1:  # the weights of one unit, and its bias alone
                one_row = quantity.startswith("W")
                beside = [hit for hit in beside if one_row and index.size_of(hit.ref) == value.size + 1]
            note(beside, text, quantity, right, weight)  # beside a bias, though it is there by itself too
            for hits in index.numbers(value):
                note(hits, text, quantity, right, weight + 0.05)
        if kind == "samples" and value.ndim == 2 and value.shape[1] > 1:
            for order in orders:
                note(index.find(value[:, order], parts=parts), text, quantity, right, weight)
            for i in range(value.shape[1]):
                found = index.find(value[:, i], parts=parts)
                if value.shape[0] == 1:  # of a single number any constant is a multiple
                    found = [hit for hit in found if hit.exact]
                note(found, text, quantity, right, weight + 0.05)
        elif isinstance(kind, tuple):
            _, d, a = kind
            running = np.zeros_like(value)
            for i in range(d.shape[1]):
                term = d[:, i] if a is None else np.outer(d[:, i], a[:, i])
                note(index.find(term, parts=True), text, quantity, right, weight + 0.05)
                for hits in index.numbers(term):
                    note(hits, text, quantity, right, weight + 0.05)
                running = running + term
                note(index.find(running, parts=True), f"Σ{text}", quantity, right, weight + 0.1)
    for value, text in (
        *([(t.m, "m"), (1 / t.m, "1/m")] if t.m > 1 else []),
        (t.eta, "η"),
        (t.eta / t.m, "η/m"),
        (-t.eta, "−η"),
        (-t.eta / t.m, "−η/m"),
    ):
        for hit in index.find(np.array(value)):
            if abs(hit.factor - 1) < 1e-12:
                labels.setdefault(hit.ref, Label(text, "", True, 0.0))
    return labels
