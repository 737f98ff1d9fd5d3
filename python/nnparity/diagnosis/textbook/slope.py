"""f'(Z), the factor of every delta, and what is written in its place."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnparity.diagnosis.textbook.formula import ELEMENTWISE, Formula, activation_slope, activation_value, quiet


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
            yield Formula("relu-mask-wrong", f"1 above 0, {z} below", np.where(Z > 0, 1.0, Z))
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
        yield Formula("wrong-derivative", f"1 − 2{a}", 1 - 2 * A)
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
