"""What each quantity of a gradient step should be, and the mistakes that people make in its place.

Every quantity of the design's vocabulary has one *right* formula and a list of *departures*: formulas that hand-written
networks are known to compute instead, each with the id under which it is reported.  All of them are evaluated on the
values that the candidate really used, so that a second mistake is seen behind the first one.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from nnparity import activations, losses
from nnparity.arithmetic import get_arithmetic
from nnparity.checks import InputError
from nnparity.network import define_network

FAST = get_arithmetic("fast")

#: Activations that a candidate may turn out to use, the commonest first.
ELEMENTWISE = ["sigmoid", "tanh", "relu", "leaky_relu", "linear", "elu", "softplus", "gelu", "silu"]
OUTPUT = [*ELEMENTWISE[:3], "softmax", *ELEMENTWISE[3:]]
LOSSES = [
    "quadratic",
    "categorical_cross_entropy",
    "binary_cross_entropy",
    "mean_squared_error",
    "mean_absolute_error",
    "huber",
]


#: Small numbers in the divisions of a loss that show in its derivative; still smaller ones drown in rounding.
EPSILONS = (1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10)


@dataclass(frozen=True)
class Formula:
    """One way to compute a quantity: the right one (`id` is None and `right`) or a departure from it."""

    id: str | None
    text: str
    value: np.ndarray
    right: bool = False
    omits: bool = False  # the value is a legitimate intermediate, used where more was due
    parts: tuple = ()  # wrong intermediate values that lead to it, innermost first
    used: tuple = ()  # the operand that stands in another's place
    declares: dict = field(default_factory=dict)  # the network options under which it would be right
    epsilon: float = 0.0  # the small number that keeps a division by zero away
    factors: tuple = ()  # of a gradient: the delta, and for dW the signal, n × m each


def quiet(function):
    """Departures are evaluated far from where they make sense; what overflows is simply not found."""

    @functools.wraps(function)
    def silent(*args, **kwargs):
        with np.errstate(all="ignore"):
            result = function(*args, **kwargs)
            return iter(list(result)) if inspect.isgenerator(result) else result

    return silent


@quiet
def activation_value(name: str, Z: np.ndarray, slope: float = 0.01) -> np.ndarray:
    """A = f(Z), shape (n, m); the reference's own formula."""
    return activations.activate(name, Z, _network_for(name, Z.shape[0], slope), FAST)


@quiet
def activation_slope(name: str, Z: np.ndarray, slope: float = 0.01) -> np.ndarray:
    """f'(Z) element by element, shape (n, m); for softmax the diagonal s(1 - s) of its Jacobian."""
    if name.split("+")[-1] == "softmax":
        A = activation_value(name, Z, slope)
        return A * (1 - A)
    network = _network_for(name, Z.shape[0], slope)
    A = activations.activate(name, Z, network, FAST)
    return activations.backprop_activation(name, Z, A, np.ones_like(Z), network, FAST)


def _network_for(name: str, n: int, slope: float):
    return define_network((n, n), output_activation=name, slope=slope)


@quiet
def delta_of(loss: str, output: str, Z: np.ndarray, A: np.ndarray, Y: np.ndarray, slope: float) -> np.ndarray | None:
    """dC_i/dz[L] of a loss and an output activation; None where the loss is not defined for these outputs."""
    network = define_network((1, Z.shape[0]), output_activation=output, loss=loss, slope=slope)
    try:
        return losses.output_delta(network, Z, A, Y, FAST)
    except (InputError, FloatingPointError, ZeroDivisionError):
        return None


@quiet
def loss_slope(loss: str, A: np.ndarray, Y: np.ndarray) -> np.ndarray | None:
    """dC_i/da[L], None where undefined."""
    network = define_network((1, A.shape[0]), loss=loss)
    try:
        return losses.loss_gradient(network, A, Y, FAST)
    except (InputError, FloatingPointError, ZeroDivisionError):
        return None


@quiet
def guarded_delta(loss: str, output: str, Z: np.ndarray, A: np.ndarray, Y: np.ndarray, epsilon: float, slope: float):
    """delta[L] of a cross-entropy whose divisions are kept from zero by an epsilon; None for other losses."""
    if loss == "binary_cross_entropy":
        gradient = (1 - Y) / (1 - A + epsilon) - Y / (A + epsilon)
    elif loss == "categorical_cross_entropy":
        gradient = -Y / (A + epsilon)
    else:
        return None
    if output.split("+")[-1] == "softmax":
        return A * (gradient - (gradient * A).sum(axis=0))
    return gradient * activation_slope(output, Z, slope)


def softmax_over(Z: np.ndarray, axis: int | None) -> np.ndarray:
    """Softmax over that axis, or over everything."""
    E = np.exp(Z - Z.max())
    return E / E.sum(axis=axis, keepdims=axis is not None)


def recycled(vector: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """R's recycling of a vector down the columns of a rows x columns matrix."""
    return np.resize(vector, rows * columns).reshape((rows, columns), order="F")


@quiet
def forward_sums(W: list, b: list, A: dict, Z: dict, layer: int, no_bias: bool) -> Iterator[Formula]:
    """Z[l] = W[l] A[l-1] + b[l]   (Nielsen, eq. 25), and what is written instead."""
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
            for words, value in (("in front", ahead), ("behind", behind)):
                yield Formula(None, f"[W{layer}, b{layer}]·{before} with the one {words} of it", value)
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
                    yield Formula(
                        "wrong-layer", f"W{layer}·{before} + b{other}", product + np.resize(vector, n)[:, None]
                    )
    extra = 0 if no_bias else bias
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
def forward_activations(Z: np.ndarray, layer: int, wanted: str, known: bool, last: bool, slope: float):
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
    S = softmax_over(Z, 0)
    E = np.exp(Z)
    yield from _softmax_departures(Z, z, S)
    yield Formula(None, f"exp({z} − max), not normalised", np.exp(Z - Z.max(axis=0)))
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
    yield Formula(None, f"min(0, {z})", np.minimum(Z, 0))
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
            ("Σ", np.broadcast_to(E.sum(axis=0), Z.shape)),
            ("Σ over the samples", np.broadcast_to(E.sum(axis=1, keepdims=True), Z.shape)),
            ("Σ over the whole matrix", np.full(Z.shape, E.sum())),
            ("Σ, recycled", recycled(E.sum(axis=0), n, m)),
            ("Σ over the samples, recycled", recycled(E.sum(axis=1), m, n).T),
            ("its maximum", np.broadcast_to(E.max(axis=0), Z.shape)),
        ]
        for words, norm in norms:
            value = E / norm
            if not np.allclose(value, right, rtol=1e-9, atol=0):
                shifted = (Z - amount,) if "each unit" in shift or "recycled" in shift else ()
                yield Formula("softmax-axis", f"exp({z}{shift}) / {words}", value, parts=shifted)


@quiet
def slopes(
    name: str, Z: np.ndarray, A: np.ndarray, layer: int, slope: float, others: dict[int, tuple]
) -> Iterator[Formula]:
    """f'(Z[l]) and the factors that stand in its place in delta; `others` holds (Z, A) of the layers of equal width."""
    z, a = f"Z{layer}", f"A{layer}"
    right = activation_slope(name, Z, slope)
    yield Formula(None, f"{name}′({z})", right, right=True)
    base = name.split("+")[-1]
    if not np.allclose(A, activation_value(name, Z, slope), rtol=1e-9):  # f' from the output, where that is not f(z)
        from_output = {"sigmoid": A * (1 - A), "tanh": 1 - A**2, "relu": (A > 0).astype(float)}.get(base)
        if from_output is not None:
            yield Formula(None, f"{name}′ from {a}", from_output, right=True)
        yield Formula(None, f"{name}′({a})", activation_slope(name, A, slope), right=True)
    missing = "missing-activation-derivative"
    if base in ("relu", "leaky_relu", "elu"):
        flat = np.where(Z > 0, 1.0, 0.0)
        yield Formula("relu-mask-wrong", f"[{z} < 0]", (Z < 0).astype(float))
        if base == "relu":
            yield Formula("relu-mask-wrong", "all ones (no mask)", np.ones_like(Z), omits=True)
        else:
            yield Formula(missing, "1", np.ones_like(Z), omits=True)
            yield Formula("relu-mask-wrong", f"[{z} > 0]", flat)
            yield Formula("relu-mask-wrong", f"[{z} < 0] + slope·[{z} > 0]", np.where(Z < 0, 1.0, slope))
            yield Formula("relu-mask-wrong", f"slope everywhere below 0, {z} above", np.where(Z > 0, Z, slope))
            yield Formula("relu-mask-wrong", f"1 above 0, slope·{z} below", np.where(Z > 0, 1.0, slope * Z))
    else:
        yield Formula(missing, "1", np.ones_like(Z), omits=True)
    yield Formula("derivative-of-activation", f"{name}′({a})", activation_slope(name, A, slope))
    yield Formula("activation-as-derivative", a, A)
    yield Formula("activation-as-derivative", z, Z)
    yield Formula("activation-as-derivative", f"{name}({a})", activation_value(name, A, slope))
    if base == "tanh":
        yield Formula("derivative-of-activation", f"1 − {z}²", 1 - Z**2)
        yield Formula("wrong-derivative", f"1 − {a}", 1 - A)
        yield Formula("wrong-derivative", f"1 + {a}²", 1 + A**2)
        yield Formula("wrong-derivative", f"(1 − {a})²", (1 - A) ** 2)
        yield Formula("wrong-derivative", f"{a}² − 1", A**2 - 1)
        yield Formula("activation-as-derivative", f"{a}²", A**2)
    if base in ("sigmoid", "softmax"):
        yield Formula("derivative-of-activation", f"{z}(1 − {z})", Z * (1 - Z))
        yield Formula("wrong-derivative", f"1 − {a}", 1 - A)
        yield Formula("wrong-derivative", f"{a}(1 + {a})", A * (1 + A))
        yield Formula("wrong-derivative", f"{a}²(1 − {a})", A**2 * (1 - A))
        yield Formula("wrong-derivative", f"{a}(1 − {a}²)", A * (1 - A**2))
        yield Formula("wrong-derivative", f"{a} − 1", A - 1)
        yield Formula("wrong-derivative", f"{z}(1 − {a})", Z * (1 - A))
        yield Formula("wrong-derivative", f"{a}(1 − {z})", A * (1 - Z))
        yield Formula("wrong-derivative", f"{a}²", A**2)
    yield Formula(None, f"{name}′({z})²", right**2)
    for other in ELEMENTWISE:
        if other != name and other != "linear":
            yield Formula("wrong-derivative", f"{other}′({z})", activation_slope(other, Z, slope))
            by_output = activation_slope(other, A, slope)
            if np.ptp(by_output) > 0:  # of a rectifier's outputs it is 1 for some: then no factor at all is meant
                yield Formula("derivative-of-activation", f"{other}′({a})", by_output)
    yield Formula("wrong-derivative", f"{a}(1 − {a})", A * (1 - A))
    yield Formula("wrong-derivative", f"1 − {a}²", 1 - A**2)
    for number, (Zo, Ao) in others.items():
        if number != layer and Zo.shape == Z.shape:
            yield Formula("wrong-layer", f"{name}′(Z{number})", activation_slope(name, Zo, slope))
            yield Formula("wrong-layer", f"A{number}(1 − A{number})", Ao * (1 - Ao))
            yield Formula("wrong-layer", f"1 − A{number}²", 1 - Ao**2)
        elif number != layer and Zo.shape[0] == 1:
            one = np.broadcast_to(activation_slope(name, Zo, slope), Z.shape)
            yield Formula("wrong-layer", f"{name}′(Z{number}), one number per sample", one)


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
    ones = np.ones_like(A)
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
    if name == "relu":
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
    inner = (error * right_slope).sum(axis=0)
    yield Formula(
        "r-vector-orientation" if textbook.language == "R" else "np-broadcast",
        f"({a} − {y}) · {name}′(Z{L}), one number per sample",
        np.broadcast_to(inner, A.shape),
        parts=(inner, *inner),
    )
    squared = error**2
    for factor in (Formula(None, "1", ones), *[f for f in factors if f.right]):
        tail = "" if factor.text == "1" else f" ⊙ {factor.text}"
        yield Formula("squared-error-as-delta", f"({a} − {y})²{tail}", squared * factor.value, parts=(squared,))
        yield Formula(
            "squared-error-as-delta",
            f"½Σ({a} − {y})² per sample{tail}",
            np.broadcast_to(squared.sum(axis=0), A.shape) * factor.value,
        )
        yield Formula(None, f"|{a} − {y}|{tail}", np.abs(error) * factor.value)
        yield Formula(None, f"({a} + {y}){tail}", (A + Y) * factor.value, parts=(A + Y,))
        yield Formula(None, f"{a}{tail}", A * factor.value)
        yield Formula(None, f"{y}{tail}", Y * factor.value)
        diagonal = "softmax-jacobian-diagonal" if name.endswith("softmax") and factor.right else None
        yield Formula(diagonal, f"−({y}/{a}){tail}", -Y / A * factor.value, parts=(Y / A,))
        yield Formula(
            None, f"({a} − {y})/({a}(1 − {a})){tail}", error / (A * (1 - A)) * factor.value, omits=factor.text == "1"
        )
        yield Formula(None, f"({y}/{a} + (1 − {y})/(1 − {a})){tail}", (Y / A + (1 - Y) / (1 - A)) * factor.value)
        yield Formula(
            "label-encoding",
            f"({a} − {y} shifted by one class){tail}",
            (A - np.roll(Y, 1, axis=0)) * factor.value,
            parts=(np.roll(Y, 1, axis=0),),
        )
        yield Formula(
            "label-encoding",
            f"({a} − {y} shifted by one class){tail}",
            (A - np.roll(Y, -1, axis=0)) * factor.value,
            parts=(np.roll(Y, -1, axis=0),),
        )
        yield Formula(
            "label-encoding",
            f"({a} − {y} with classes shifted){tail}",
            (A - _dropped(Y, 1)) * factor.value,
            parts=(_dropped(Y, 1),),
        )
        yield Formula(
            "label-encoding",
            f"({a} − {y} with classes shifted){tail}",
            (A - _dropped(Y, -1)) * factor.value,
            parts=(_dropped(Y, -1),),
        )
        yield Formula(
            "shuffle-unpaired",
            f"({a} − {y} of the sample before){tail}",
            (A - np.roll(Y, 1, axis=1)) * factor.value,
            parts=(np.roll(Y, 1, axis=1),),
        )
        yield Formula(
            "shuffle-unpaired",
            f"({a} − {y} of the sample behind){tail}",
            (A - np.roll(Y, -1, axis=1)) * factor.value,
            parts=(np.roll(Y, -1, axis=1),),
        )
        yield Formula(
            "shuffle-unpaired", f"({a} − {y} in reverse){tail}", (A - Y[:, ::-1]) * factor.value, parts=(Y[:, ::-1],)
        )
        yield Formula("wrong-layer", f"(Z{L} − {y}){tail}", (Z - Y) * factor.value, parts=(Z - Y,))
        yield Formula(
            None,
            f"mean error of the batch{tail}",
            np.broadcast_to(error.mean(axis=1, keepdims=True), A.shape) * factor.value,
        )
        yield Formula(
            None, f"error summed over the units{tail}", np.broadcast_to(error.sum(axis=0), A.shape) * factor.value
        )


def _dropped(Y: np.ndarray, by: int) -> np.ndarray:
    shifted = np.zeros_like(Y)
    if by > 0:
        shifted[1:] = Y[:-1]
    else:
        shifted[:-1] = Y[1:]
    return shifted


def _proportional(value: np.ndarray, other: np.ndarray) -> bool:
    from nnparity.diagnosis.matching import proportion

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
    for rate in dict.fromkeys((textbook.eta, 1.0)):
        each = np.column_stack([(w - rate * np.outer(d[:, i], A[:, i])).T @ d[:, i] for i in range(d.shape[1])])
        backs.append(Formula("stale-weights-in-delta", f"W{layer + 1}_newᵀ·delta{layer + 1} of each sample", each))
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
    if d.shape[0] == w.shape[1]:
        backs.append(Formula(None, f"delta{layer + 1}", d))
    error = state.A[L] - textbook.Y
    if layer == L - 1:
        backs.append(Formula("missing-activation-derivative", f"W{layer + 1}ᵀ·(A{L} − Y)", w.T @ error))
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
                yield Formula(back.id, f"({back.text}) ⊙ {factor.text}", back.value * factor.value, parts=(back.value,))
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
    if name == "relu":
        yield Formula("relu-mask-wrong", f"[W{layer + 1}ᵀ·delta{layer + 1} > 0] as mask", dA * (dA > 0))
        yield Formula("relu-mask-wrong", f"[W{layer + 1}ᵀ·delta{layer + 1} < 0] as mask", dA * (dA < 0))
        yield Formula("relu-mask-wrong", f"[Z{layer} > 0] alone", (Z > 0).astype(float))
    if name.endswith("softmax"):
        J = activations.backprop_activation(
            name, Z, A, backs[0].value, _network_for(name, Z.shape[0], textbook.slope), FAST
        )
        yield Formula(None, f"J(softmax)ᵀ·{backs[0].text}", J, right=True)


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
    for words, signal in ((f"Z{layer}", state.Z[layer]), (f"A{layer}", state.A[layer]), ("Y", textbook.Y)):
        if signal.shape == d.shape:
            yield Formula(None, f"(1/m)·{words}·{before}ᵀ", signal @ a.T / m, factors=(signal, a))
    for sample, words in ((0, "first"), (m - 1, "last")):
        yield Formula(
            "batch-lost", f"{name}·{before}ᵀ of the {words} sample only", np.outer(d[:, sample], a[:, sample])
        )
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
    yield Formula(None, f"(1/m)·|{name}|·{before}ᵀ", np.abs(d) @ a.T / m, factors=(np.abs(d), a))
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


@quiet
def bias_gradients(state, textbook, layer: int) -> Iterator[Formula]:
    """db[l] = (1/m) Σ_i delta[l]_i   (Nielsen, BP3), and what is written instead."""
    d = state.delta[layer]
    n, m = d.shape
    name = f"delta{layer}"
    collapsed = "bias-gradient-collapsed" if textbook.language == "R" else "np-scalar-sum"
    yield Formula(None, f"(1/m)·Σ {name}", d.mean(axis=1), right=True)
    if n > 1:
        yield Formula(
            collapsed,
            f"Σ of all of {name}, one number for every unit",
            np.full(n, d.sum() / m),
            parts=(d.sum() / m, *d.sum(axis=0)),
        )
        yield Formula(
            "bias-gradient-collapsed", f"{name} summed over the units (recycled)", np.resize(d.sum(axis=0), n)
        )
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
