"""Loss functions: value and derivative, and the stable forms where a logarithm meets the exponential of an activation.

Adding a loss is one entry in LOSSES.  The value of a network's loss is the mean over the samples, plus the penalties on
its weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nnparity.activations import activation_parts, chain_backprop, chain_values, column_max, logistic, softmax_shift
from nnparity.arithmetic import Arithmetic, Array, get_arithmetic, select
from nnparity.checks import check_matrix, describe, stop_input

if TYPE_CHECKING:
    from nnparity.network import NetworkDefinition


@dataclass(frozen=True)
class Loss:
    """One loss C_i of a sample with outputs a and targets y, n_L units.

    Attributes
    ----------
    value : callable (A, Y, network, arithmetic)
        The terms of C_i, n_L × m; C_i is their sum over units.
    gradient : callable (A, Y, network, arithmetic)
        ∂C_i/∂a, n_L × m.
    above, below : float
        Outputs must lie strictly between them.
    """

    value: Callable[[Array, Array, NetworkDefinition, Arithmetic], Array]
    gradient: Callable[[Array, Array, NetworkDefinition, Arithmetic], Array]
    above: float = -np.inf
    below: float = np.inf


@dataclass(frozen=True)
class StablePair:
    """A loss and an output activation taken together, from Z, so that no logarithm of a rounded output is taken.

    Attributes
    ----------
    value : callable (Z, Y, arithmetic)
        The terms of C_i, n_L × m.
    delta : callable (Z, A, Y, arithmetic)
        ∂C_i/∂z, n_L × m.
    """

    value: Callable[[Array, Array, Arithmetic], Array]
    delta: Callable[[Array, Array, Array, Arithmetic], Array]


def quadratic_value(A: Array, Y: Array, network: NetworkDefinition, arithmetic: Arithmetic) -> Array:
    """C_i = 1/2 Σ (a − y)² (Nielsen, equation 6)."""
    R = A - Y
    return 0.5 * (R * R)


def quadratic_gradient(A: Array, Y: Array, network: NetworkDefinition, arithmetic: Arithmetic) -> Array:
    """∂C_i/∂a = a − y."""
    return A - Y


def mean_squared_error_value(A: Array, Y: Array, network: NetworkDefinition, arithmetic: Arithmetic) -> Array:
    """C_i = Σ (a − y)² / n."""
    R = A - Y
    return R * R / A.shape[0]


def mean_squared_error_gradient(A: Array, Y: Array, network: NetworkDefinition, arithmetic: Arithmetic) -> Array:
    """∂C_i/∂a = 2 (a − y) / n."""
    return 2.0 * (A - Y) / A.shape[0]


def mean_absolute_error_value(A: Array, Y: Array, network: NetworkDefinition, arithmetic: Arithmetic) -> Array:
    """C_i = Σ |a − y| / n."""
    return np.abs(A - Y) / A.shape[0]


def mean_absolute_error_gradient(A: Array, Y: Array, network: NetworkDefinition, arithmetic: Arithmetic) -> Array:
    """∂C_i/∂a = sign(a − y) / n, with sign(0) = 0."""
    return np.sign(A - Y) / A.shape[0]


def huber_value(A: Array, Y: Array, network: NetworkDefinition, arithmetic: Arithmetic) -> Array:
    """C_i = Σ h(a − y) / n with h(r) = r²/2 for |r| ≤ δ, else δ (|r| − δ/2) (Huber 1964)."""
    R = A - Y
    size = np.abs(R)
    far = network.huber_delta * (size - 0.5 * network.huber_delta)
    return select(size > network.huber_delta, far, 0.5 * (R * R)) / A.shape[0]


def huber_gradient(A: Array, Y: Array, network: NetworkDefinition, arithmetic: Arithmetic) -> Array:
    """∂C_i/∂a = r / n for |r| ≤ δ, else δ sign(r) / n, with r = a − y."""
    R = A - Y
    return select(np.abs(R) > network.huber_delta, network.huber_delta * np.sign(R), R) / A.shape[0]


def binary_cross_entropy_value(A: Array, Y: Array, network: NetworkDefinition, arithmetic: Arithmetic) -> Array:
    """C_i = −Σ [y ln a + (1 − y) ln(1 − a)] (Nielsen, equation 63)."""
    return -(Y * arithmetic.log(A) + (1.0 - Y) * arithmetic.log1p(-A))


def binary_cross_entropy_gradient(A: Array, Y: Array, network: NetworkDefinition, arithmetic: Arithmetic) -> Array:
    """∂C_i/∂a = (1 − y)/(1 − a) − y/a."""
    return (1.0 - Y) / (1.0 - A) - Y / A


def categorical_cross_entropy_value(A: Array, Y: Array, network: NetworkDefinition, arithmetic: Arithmetic) -> Array:
    """C_i = −Σ y ln a (Bishop, equation 5.24)."""
    return -(Y * arithmetic.log(A))


def categorical_cross_entropy_gradient(A: Array, Y: Array, network: NetworkDefinition, arithmetic: Arithmetic) -> Array:
    """∂C_i/∂a = −y / a."""
    return -(Y / A)


LOSSES: dict[str, Loss] = {
    "quadratic": Loss(quadratic_value, quadratic_gradient),
    "mean_squared_error": Loss(mean_squared_error_value, mean_squared_error_gradient),
    "mean_absolute_error": Loss(mean_absolute_error_value, mean_absolute_error_gradient),
    "huber": Loss(huber_value, huber_gradient),
    "binary_cross_entropy": Loss(binary_cross_entropy_value, binary_cross_entropy_gradient, above=0.0, below=1.0),
    "categorical_cross_entropy": Loss(categorical_cross_entropy_value, categorical_cross_entropy_gradient, above=0.0),
}


def weigh(Y: Array, terms: Array) -> Array:
    """Y ⊙ terms, with 0 · Inf = 0: what has no weight does not count."""
    return select(Y == 0, 0.0, Y * terms)


def log_sum(shifted: Array, arithmetic: Arithmetic) -> Array:
    """ln Σ_k e^(z_k − max z) of each column, out of z − max z: ln(1 + the rest) keeps its digits for a tiny rest."""
    peak = shifted == 0
    peaks = select(peak, 1.0, 0.0)
    rest = select(peak, 0.0, arithmetic.exp(shifted))
    return arithmetic.log1p((arithmetic.col_sums(peaks) - 1.0) + arithmetic.col_sums(rest))


def softmax_categorical_value(Z: Array, Y: Array, arithmetic: Arithmetic) -> Array:
    """−y ln a = y (ln Σ_k e^(z_k − max z) − (z − max z))."""
    shifted = softmax_shift(Z)
    return weigh(Y, log_sum(shifted, arithmetic) - shifted)


def softmax_categorical_delta(Z: Array, A: Array, Y: Array, arithmetic: Arithmetic) -> Array:
    """∂C_i/∂z = a Σ_k y_k − y, which is a − y for targets that sum to 1 (Bishop, section 5.2)."""
    return A * arithmetic.col_sums(Y) - Y


def sigmoid_binary_value(Z: Array, Y: Array, arithmetic: Arithmetic) -> Array:
    """−y ln σ(z) − (1 − y) ln σ(−z) = |z| (1 − y for z ≥ 0, else y) + ln(1 + e^−|z|)."""
    size = np.abs(Z)
    return weigh(select(Z >= 0, 1.0 - Y, Y), size) + arithmetic.log1p(arithmetic.exp(-size))


def sigmoid_binary_delta(Z: Array, A: Array, Y: Array, arithmetic: Arithmetic) -> Array:
    """∂C_i/∂z = a − y (Nielsen, equation 68)."""
    return A - Y


def sigmoid_categorical_value(Z: Array, Y: Array, arithmetic: Arithmetic) -> Array:
    """−y ln σ(z) = y (max(−z, 0) + ln(1 + e^−|z|))."""
    return weigh(Y, select(Z < 0, -Z, 0.0) + arithmetic.log1p(arithmetic.exp(-np.abs(Z))))


def sigmoid_categorical_delta(Z: Array, A: Array, Y: Array, arithmetic: Arithmetic) -> Array:
    """∂C_i/∂z = −y σ(−z)."""
    return -(Y * logistic(-Z, arithmetic))


# Below this z, ln(1 + e^z) is e^z, and its logarithm z, to the last bit.
SOFTPLUS_TAIL = -37.0


def softplus_categorical_value(Z: Array, Y: Array, arithmetic: Arithmetic) -> Array:
    """−y ln a with a = ln(1 + e^z), whose logarithm is z in the lower tail."""
    A = select(Z > 0, Z, 0.0) + arithmetic.log1p(arithmetic.exp(-np.abs(Z)))
    return -weigh(Y, select(Z < SOFTPLUS_TAIL, Z, arithmetic.log(A)))


def softplus_categorical_delta(Z: Array, A: Array, Y: Array, arithmetic: Arithmetic) -> Array:
    """∂C_i/∂z = −y σ(z)/a, and σ(z)/a is 1 in the lower tail."""
    return -(Y * select(Z < SOFTPLUS_TAIL, 1.0, logistic(Z, arithmetic) / A))


def softmax_without(Z: Array, k: int, arithmetic: Arithmetic) -> tuple[Array, Array, Array]:
    """Softmax over the units other than k: max z and ln Σ e^(z − max z) of each sample, and its values (0 in row k)."""
    others = Z.copy()
    others[k, :] = -np.inf
    shifted = softmax_shift(others)
    E = arithmetic.exp(shifted)
    return column_max(others), log_sum(shifted, arithmetic), E / arithmetic.col_sums(E)


def softmax_binary_value(Z: Array, Y: Array, arithmetic: Arithmetic) -> Array:
    """−y ln a − (1 − y) ln(1 − a), where 1 − a_k is what softmax gives to the units other than k."""
    shifted, top = softmax_shift(Z), column_max(Z)
    whole = log_sum(shifted, arithmetic)
    A = arithmetic.exp(shifted - whole)
    terms = weigh(Y, whole - shifted)
    for k in range(Z.shape[0]):
        top_without, sum_without, _ = softmax_without(Z, k, arithmetic)
        # ln(1 - a_k) = ln sum_(j != k) e^z_j - ln sum_j e^z_j; for small a_k, log1p keeps the digits
        small = arithmetic.log1p(-select(A[k, :] < 0.5, A[k, :], 0.0))
        complement = select(A[k, :] < 0.5, small, (top_without - top) + (sum_without - whole))
        terms[k, :] = terms[k, :] - weigh(1.0 - Y[k, :], complement)
    return terms


def softmax_binary_delta(Z: Array, A: Array, Y: Array, arithmetic: Arithmetic) -> Array:
    """∂C_i/∂z_j = n a_j − y_j − Σ_(k≠j) (1 − y_k) p_jk, with p_jk the softmax over the units other than k."""
    delta = A.shape[0] * A - Y
    for k in range(Z.shape[0]):
        delta = delta - (1.0 - Y[k, :]) * softmax_without(Z, k, arithmetic)[2]
    return delta


# Where an output activation's logarithm has a form in Z that neither overflows nor loses digits.
STABLE_PAIRS: dict[str, dict[str, StablePair]] = {
    "binary_cross_entropy": {
        "sigmoid": StablePair(sigmoid_binary_value, sigmoid_binary_delta),
        "softmax": StablePair(softmax_binary_value, softmax_binary_delta),
    },
    "categorical_cross_entropy": {
        "sigmoid": StablePair(sigmoid_categorical_value, sigmoid_categorical_delta),
        "softplus": StablePair(softplus_categorical_value, softplus_categorical_delta),
        "softmax": StablePair(softmax_categorical_value, softmax_categorical_delta),
    },
}


def stable_pair(network: NetworkDefinition) -> StablePair | None:
    """The stable form of the network's loss and the last part of its output activation, or None where it needs none."""
    last = activation_parts(network.activations[-1])[-1]
    if last == "softmax" and network.sizes[-1] == 1:
        return None  # the softmax of one unit is always 1: 1 - a has no logarithm
    return STABLE_PAIRS.get(network.loss, {}).get(last)


def check_domain(network: NetworkDefinition, A: Array) -> None:
    """InputError when an output lies outside the loss's domain, naming the first sample, its unit and the value."""
    loss = LOSSES[network.loss]
    if np.isinf(loss.above):
        return
    outputs = A
    wrong = (outputs <= loss.above) | (outputs >= loss.below)
    if wrong.any():
        sample, unit = np.argwhere(wrong.T)[0]
        limits = f"above {loss.above:g}" + ("" if np.isinf(loss.below) else f" and below {loss.below:g}")
        stop_input(
            f"{network.loss} is defined for outputs {limits}, and in sample {sample + 1} "
            f"output unit {unit + 1} is {describe(A[unit, sample])}"
        )


def penalty(network: NetworkDefinition, W: Sequence[Array], arithmetic: Arithmetic) -> float:
    """λ₁ Σ|W| + (λ₂/2) Σ W² over all weights, not biases (Nielsen, equations 87 and 95, without their 1/n)."""
    value = 0.0
    for weights in W:
        if network.l1 > 0:
            value = value + network.l1 * arithmetic.total(np.abs(weights))
        if network.l2 > 0:
            value = value + 0.5 * network.l2 * arithmetic.total(weights * weights)
    return value


def loss_value(
    network: NetworkDefinition, W: Sequence[Array], Z: Sequence[Array], A: Sequence[Array], Y: Array,
    arithmetic: str | Arithmetic = "fast",
) -> float:
    """C = (1/m) Σ_i C_i + λ₁ Σ|W| + (λ₂/2) Σ W².

    Parameters
    ----------
    network : from `define_network`.
    W : list of weights, n_l × n_{l−1}; used by the penalties.
    Z, A : lists of `forward`; the last of each is used.
    Y : n_L × m, targets.
    arithmetic : "fast", "exact", or the object of `get_arithmetic`.

    Raises
    ------
    InputError
        An output lies outside the loss's domain, for example the cross-entropy of an output ≤ 0.
    """
    arithmetic = get_arithmetic(arithmetic)
    Y = check_matrix(Y, "Y", *A[-1].shape)
    pair = stable_pair(network)
    with np.errstate(all="ignore"):
        if pair is None:
            check_domain(network, A[-1])
            terms = LOSSES[network.loss].value(A[-1], Y, network, arithmetic)
        else:
            parts = activation_parts(network.activations[-1])
            terms = pair.value(chain_values(parts[:-1], Z[-1], network, arithmetic)[-1], Y, arithmetic)
        # C = (1/m) sum_i C_i + penalties
        return float(arithmetic.total(arithmetic.col_sums(terms)) / Y.shape[1] + penalty(network, W, arithmetic))


def loss_gradient(network: NetworkDefinition, A_L: Array, Y: Array, arithmetic: str | Arithmetic = "fast") -> Array:
    """∂C_i/∂a of each sample's loss with respect to the outputs, n_L × m, without 1/m.

    Raises
    ------
    InputError
        An output lies outside the loss's domain.
    """
    arithmetic = get_arithmetic(arithmetic)
    A_L = check_matrix(A_L, "A_L", rows=network.sizes[-1])
    Y = check_matrix(Y, "Y", *A_L.shape)
    with np.errstate(all="ignore"):
        check_domain(network, A_L)
        return LOSSES[network.loss].gradient(A_L, Y, network, arithmetic)


def output_delta(
    network: NetworkDefinition, Z_L: Array, A_L: Array, Y: Array, arithmetic: str | Arithmetic = "fast"
) -> Array:
    """deltaL = ∂C_i/∂z of the output layer, n_L × m, without 1/m.

    Pairs of STABLE_PAIRS take it directly (A − Y for softmax with categorical and sigmoid with binary cross-entropy);
    all others through ∂C_i/∂a and the activation's derivative or Jacobian.

    Raises
    ------
    InputError
        An output lies outside the loss's domain.
    """
    arithmetic = get_arithmetic(arithmetic)
    Z_L = check_matrix(Z_L, "Z_L", rows=network.sizes[-1])
    A_L = check_matrix(A_L, "A_L", *Z_L.shape)
    Y = check_matrix(Y, "Y", *Z_L.shape)
    parts = activation_parts(network.activations[-1])
    pair = stable_pair(network)
    with np.errstate(all="ignore"):
        values = [Z_L, A_L] if len(parts) == 1 else chain_values(parts, Z_L, network, arithmetic)
        if pair is None:
            dA = loss_gradient(network, A_L, Y, arithmetic)
            return chain_backprop(parts, values, dA, network, arithmetic)
        delta = pair.delta(values[-2], A_L, Y, arithmetic)
        return chain_backprop(parts[:-1], values[:-1], delta, network, arithmetic)
