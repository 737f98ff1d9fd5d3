"""Activation functions: value, derivative and the way back through them, each in a form that holds up at z = ±1000.

Adding one is one entry in ACTIVATIONS.  Words joined by "+" make a composition, applied from left to right:
`relu+softmax` is softmax(relu(z)).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nnparity.arithmetic import Arithmetic, Array, get_arithmetic, select
from nnparity.checks import check_matrix, check_word, stop_input

if TYPE_CHECKING:
    from nnparity.network import NetworkDefinition


@dataclass(frozen=True)
class Activation:
    """One activation function f of a layer, n units × m samples.

    Attributes
    ----------
    value : callable (Z, network, arithmetic)
        A = f(Z).
    derivative : callable (Z, A, network, arithmetic), or None
        f′(Z) elementwise; None where a unit's output depends on the other units too.
    backprop : callable (Z, A, dA, network, arithmetic), or None
        Only where `derivative` is None: ∂C_i/∂z out of dA = ∂C_i/∂a, through the whole Jacobian.
    """

    value: Callable[[Array, NetworkDefinition, Arithmetic], Array]
    derivative: Callable[[Array, Array, NetworkDefinition, Arithmetic], Array] | None
    backprop: Callable[[Array, Array, Array, NetworkDefinition, Arithmetic], Array] | None = None


def linear_value(Z: Array, network: NetworkDefinition, arithmetic: Arithmetic) -> Array:
    """a = z."""
    return Z.copy()


def linear_derivative(Z: Array, A: Array, network: NetworkDefinition, arithmetic: Arithmetic) -> Array:
    """a' = 1."""
    return np.ones(Z.shape)


# In e a a, e^-z is held here (z = -693): where it overflows and a is 0, Inf * 0 would be no number.
LARGEST_EXPONENTIAL = 2.0**1000


def logistic(Z: Array, arithmetic: Arithmetic) -> Array:
    """σ(z) = 1/(1 + e⁻ᶻ), 0 where the exponential overflows (Nielsen, equation 3)."""
    return 1.0 / (1.0 + arithmetic.exp(-Z))


def logistic_derivative(Z: Array, arithmetic: Arithmetic) -> Array:
    """σ′(z) = e⁻ᶻ a a with a = σ(z).  The usual a(1 − a) is the same, but loses all digits where a rounds to 1."""
    E = arithmetic.exp(-Z)
    A = 1.0 / (1.0 + E)
    return np.minimum(E, LARGEST_EXPONENTIAL) * A * A


def sigmoid_value(Z: Array, network: NetworkDefinition, arithmetic: Arithmetic) -> Array:
    """a = 1 / (1 + e^-z)."""
    return logistic(Z, arithmetic)


def sigmoid_derivative(Z: Array, A: Array, network: NetworkDefinition, arithmetic: Arithmetic) -> Array:
    """a' = a (1 - a)."""
    return logistic_derivative(Z, arithmetic)


def tanh_value(Z: Array, network: NetworkDefinition, arithmetic: Arithmetic) -> Array:
    """a = tanh z."""
    return arithmetic.tanh(Z)


def tanh_derivative(Z: Array, A: Array, network: NetworkDefinition, arithmetic: Arithmetic) -> Array:
    """a' = 1 - a^2 = 4 e / (1 + e)^2 with e = exp(-2|z|), which keeps its digits where a rounds to 1."""
    E = arithmetic.exp(-2.0 * np.abs(Z))
    return 4.0 * E / ((1.0 + E) * (1.0 + E))


def relu_value(Z: Array, network: NetworkDefinition, arithmetic: Arithmetic) -> Array:
    """a = max(z, 0)."""
    return select(Z < 0, 0.0, Z)


def relu_derivative(Z: Array, A: Array, network: NetworkDefinition, arithmetic: Arithmetic) -> Array:
    """a' = 1 where z > 0, else 0 (0 at z = 0)."""
    return select(Z > 0, 1.0, 0.0)


def leaky_relu_value(Z: Array, network: NetworkDefinition, arithmetic: Arithmetic) -> Array:
    """a = z where z > 0, else slope z."""
    return select(Z > 0, Z, network.slope * Z)


def leaky_relu_derivative(Z: Array, A: Array, network: NetworkDefinition, arithmetic: Arithmetic) -> Array:
    """a' = 1 where z > 0, else slope (slope at z = 0)."""
    return select(Z > 0, 1.0, network.slope)


def elu_value(Z: Array, network: NetworkDefinition, arithmetic: Arithmetic) -> Array:
    """a = z where z > 0, else alpha (e^z - 1)."""
    return select(Z > 0, Z, network.elu_alpha * arithmetic.expm1(-np.abs(Z)))


def elu_derivative(Z: Array, A: Array, network: NetworkDefinition, arithmetic: Arithmetic) -> Array:
    """a' = 1 where z > 0, else alpha e^z."""
    return select(Z > 0, 1.0, network.elu_alpha * arithmetic.exp(-np.abs(Z)))


def softplus_value(Z: Array, network: NetworkDefinition, arithmetic: Arithmetic) -> Array:
    """a = ln(1 + e^z) = max(z, 0) + ln(1 + e^-|z|)."""
    return select(Z > 0, Z, 0.0) + arithmetic.log1p(arithmetic.exp(-np.abs(Z)))


def softplus_derivative(Z: Array, A: Array, network: NetworkDefinition, arithmetic: Arithmetic) -> Array:
    """a' = sigma(z)."""
    return logistic(Z, arithmetic)


# 2 sqrt(2/pi): gelu's tanh form 1/2 z (1 + tanh u) is z sigma(2u) with 2u = GELU_SCALE (z + 0.044715 z^3).
GELU_SCALE = 2.0 * math.sqrt(2.0 / math.pi)
GELU_CUBIC = 0.044715


def gelu_value(Z: Array, network: NetworkDefinition, arithmetic: Arithmetic) -> Array:
    """a = z/2 (1 + tanh u) = z sigma(2u): nothing cancels (Hendrycks and Gimpel, Gaussian Error Linear Units)."""
    return Z * logistic(GELU_SCALE * (Z + GELU_CUBIC * (Z * Z * Z)), arithmetic)


def gelu_derivative(Z: Array, A: Array, network: NetworkDefinition, arithmetic: Arithmetic) -> Array:
    """a' = sigma(2u) + z sigma'(2u) (2u)'."""
    U = GELU_SCALE * (Z + GELU_CUBIC * (Z * Z * Z))
    steepness = logistic_derivative(U, arithmetic)
    slope = Z * (GELU_SCALE * (1.0 + 3.0 * GELU_CUBIC * (Z * Z)))
    return logistic(U, arithmetic) + select(steepness == 0, 0.0, steepness * slope)


def silu_value(Z: Array, network: NetworkDefinition, arithmetic: Arithmetic) -> Array:
    """a = z sigma(z)."""
    return Z * logistic(Z, arithmetic)


def silu_derivative(Z: Array, A: Array, network: NetworkDefinition, arithmetic: Arithmetic) -> Array:
    """a' = sigma(z) + z sigma'(z)."""
    return logistic(Z, arithmetic) + Z * logistic_derivative(Z, arithmetic)


def column_max(Z: Array) -> Array:
    """Return the largest value of each column."""
    return Z.max(axis=0)


def softmax_shift(Z: Array) -> Array:
    """z − max_k z_k in each column, so that the largest exponential is 1."""
    return Z - column_max(Z)


def softmax_value(Z: Array, network: NetworkDefinition, arithmetic: Arithmetic) -> Array:
    """a_j = e^(z_j - max z) / sum_k e^(z_k - max z), each column by itself (Nielsen, equation 78)."""
    E = arithmetic.exp(softmax_shift(Z))
    return E / arithmetic.col_sums(E)


def softmax_backprop(Z: Array, A: Array, dA: Array, network: NetworkDefinition, arithmetic: Arithmetic) -> Array:
    """dC/dz_j = sum_k dC/da_k a_k ([j = k] - a_j) = a_j (dC/da_j - sum_k a_k dC/da_k)."""
    return A * (dA - arithmetic.col_sums(A * dA))


ACTIVATIONS: dict[str, Activation] = {
    "linear": Activation(linear_value, linear_derivative),
    "sigmoid": Activation(sigmoid_value, sigmoid_derivative),
    "tanh": Activation(tanh_value, tanh_derivative),
    "relu": Activation(relu_value, relu_derivative),
    "leaky_relu": Activation(leaky_relu_value, leaky_relu_derivative),
    "elu": Activation(elu_value, elu_derivative),
    "softplus": Activation(softplus_value, softplus_derivative),
    "gelu": Activation(gelu_value, gelu_derivative),
    "silu": Activation(silu_value, silu_derivative),
    "softmax": Activation(softmax_value, None, softmax_backprop),
}


def activation_parts(name: str) -> list[str]:
    """The words of a composition in the order in which they are applied: "relu+softmax" gives relu, softmax."""
    return name.split("+")


def check_activation(name: str, what: str = "activation") -> str:
    """The name itself when it is a word of ACTIVATIONS or words joined by "+"; otherwise InputError."""
    if not isinstance(name, str):
        check_word(name, ACTIVATIONS, what)
    for part in activation_parts(name):
        check_word(part, ACTIVATIONS, what)
    return name


def chain_values(parts: list[str], Z: Array, network: NetworkDefinition, arithmetic: Arithmetic) -> list[Array]:
    """Z, then the value after each part of a composition: one array more than there are parts."""
    values = [Z]
    for part in parts:
        values.append(ACTIVATIONS[part].value(values[-1], network, arithmetic))
    return values


def chain_backprop(
    parts: list[str], values: list[Array], dA: Array, network: NetworkDefinition, arithmetic: Arithmetic
) -> Array:
    """∂C_i/∂z out of ∂C_i/∂a, back through the parts of a composition, whose values are those of `chain_values`."""
    for k in reversed(range(len(parts))):
        activation, Z, A = ACTIVATIONS[parts[k]], values[k], values[k + 1]
        if activation.derivative is not None:
            # delta = dC/da * f'(z)
            dA = dA * activation.derivative(Z, A, network, arithmetic)
        elif activation.backprop is not None:
            dA = activation.backprop(Z, A, dA, network, arithmetic)
    return dA


def activate(name: str, Z: Array, network: NetworkDefinition, arithmetic: str | Arithmetic = "fast") -> Array:
    """A = f(Z), the activation of a layer.

    Parameters
    ----------
    name : a word of ACTIVATIONS, or a composition such as "relu+softmax".
    Z : n × m, one column per sample.
    network : where `slope` and `elu_alpha` stand.
    arithmetic : "fast", "exact", or the object of `get_arithmetic`.

    Returns
    -------
    array n × m, never Z itself
    """
    arithmetic = get_arithmetic(arithmetic)
    parts = activation_parts(check_activation(name))
    Z = check_matrix(Z, "Z")
    with np.errstate(all="ignore"):
        return chain_values(parts, Z, network, arithmetic)[-1]


def activation_derivative(
    name: str, Z: Array, A: Array, network: NetworkDefinition, arithmetic: str | Arithmetic = "fast"
) -> Array:
    """f′(Z), n × m, of an elementwise activation or a composition of such; InputError for softmax, which has none."""
    arithmetic = get_arithmetic(arithmetic)
    parts = activation_parts(check_activation(name))
    whole = [part for part in parts if ACTIVATIONS[part].derivative is None]
    if whole:
        stop_input(
            f"activation_derivative needs an elementwise activation, and {whole[0]} has a whole Jacobian: "
            "use backprop_activation"
        )
    Z = check_matrix(Z, "Z")
    A = check_matrix(A, "A", *Z.shape)
    with np.errstate(all="ignore"):
        values = [Z, A] if len(parts) == 1 else chain_values(parts, Z, network, arithmetic)
        return chain_backprop(parts, values, np.ones(Z.shape), network, arithmetic)


def backprop_activation(
    name: str, Z: Array, A: Array, dA: Array, network: NetworkDefinition, arithmetic: str | Arithmetic = "fast"
) -> Array:
    """delta = ∂C_i/∂z out of dA = ∂C_i/∂a: ⊙ f′(Z) for elementwise activations, the whole Jacobian for softmax.

    Parameters
    ----------
    name : a word of ACTIVATIONS, or a composition.
    Z, A : n × m, the layer's weighted inputs and outputs.
    dA : n × m, derivative of each sample's loss with respect to the layer's outputs.

    Returns
    -------
    array n × m
    """
    arithmetic = get_arithmetic(arithmetic)
    parts = activation_parts(check_activation(name))
    Z = check_matrix(Z, "Z")
    A = check_matrix(A, "A", *Z.shape)
    dA = check_matrix(dA, "dA", *Z.shape)
    with np.errstate(all="ignore"):
        values = [Z, A] if len(parts) == 1 else chain_values(parts, Z, network, arithmetic)
        return chain_backprop(parts, values, dA, network, arithmetic)
