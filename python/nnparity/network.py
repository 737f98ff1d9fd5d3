"""The network itself: its definition, the way forward, the way back, and one step of gradient descent.

Notation is Nielsen's, with one column per sample: X n₀ × m, Y n_L × m, W[l] n_l × n_{l−1}, b[l] n_l.
Python's lists begin at 0: W[0] is W1, Z[0] is Z1, delta[0] is delta1, and A[0] is X.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnparity.activations import activate, backprop_activation, check_activation
from nnparity.arithmetic import Arithmetic, Array, get_arithmetic
from nnparity.checks import check_count, check_matrix, check_number, check_vector, check_word, stop_input
from nnparity.losses import LOSSES, loss_value, output_delta
from nnparity.optimizers import Optimizer, State, apply_update


@dataclass(frozen=True)
class NetworkDefinition:
    """What a network is, without its weights; made by `define_network`.

    Attributes
    ----------
    sizes : widths n_0, …, n_L.
    activations : one word per layer, hidden layers first, output layer last.
    loss : a word of LOSSES.
    slope, huber_delta, elu_alpha : constants of leaky_relu, huber and elu.
    no_bias : numbers of the layers without bias (1 is the first after the input).
    l1, l2 : penalties λ₁ and λ₂ on the weights.
    """

    sizes: tuple[int, ...]
    activations: tuple[str, ...]
    loss: str
    slope: float
    huber_delta: float
    elu_alpha: float
    no_bias: tuple[int, ...]
    l1: float
    l2: float


def define_network(
    sizes: Sequence[int],
    activation: str | Sequence[str] = "sigmoid",
    output_activation: str = "sigmoid",
    loss: str = "quadratic",
    slope: float = 0.01,
    huber_delta: float = 1.0,
    elu_alpha: float = 1.0,
    no_bias: Sequence[int] = (),
    l1: float = 0.0,
    l2: float = 0.0,
) -> NetworkDefinition:
    """A network's definition, checked.

    Parameters
    ----------
    sizes : widths of the layers, inputs first, outputs last; two of them make a network without hidden layers.
    activation : activation of the hidden layers: one word, or one per hidden layer; "relu+tanh" is a composition.
    output_activation : activation of the output layer.
    loss : a word of LOSSES.
    slope : slope of leaky_relu below zero.
    huber_delta : where huber turns from square to line, above 0.
    elu_alpha : elu's limit −α for z → −∞.
    no_bias : numbers of the layers that have no bias; theirs stays zero.
    l1, l2 : penalties λ₁ Σ|W| + (λ₂/2) Σ W², at least 0.

    Raises
    ------
    InputError
        A word is unknown, or a number is outside its range.
    """
    if isinstance(sizes, str) or not isinstance(sizes, Sequence | np.ndarray) or len(sizes) < 2:
        stop_input("sizes must hold at least two widths, those of the inputs and of the outputs")
    widths = tuple(check_count(size, f"sizes[{k}]") for k, size in enumerate(sizes, start=1))
    layers = len(widths) - 1
    hidden = [activation] * (layers - 1) if isinstance(activation, str) else list(activation)
    if len(hidden) == 1:
        hidden = hidden * (layers - 1)
    if len(hidden) != layers - 1:
        stop_input(
            f"activation must be one word or one for each of the {layers - 1} hidden layers, not {len(hidden)} words"
        )
    for word in [activation] if isinstance(activation, str) else hidden:
        check_activation(word, "activation")
    check_activation(output_activation, "output_activation")
    check_word(loss, LOSSES, "loss")
    no_bias = tuple(sorted({check_count(layer, "no_bias") for layer in no_bias}))
    if no_bias and no_bias[-1] > layers:
        stop_input(f"no_bias must hold layer numbers from 1 to {layers}, not {no_bias[-1]}")
    return NetworkDefinition(
        sizes=widths,
        activations=(*hidden, output_activation),
        loss=loss,
        slope=check_number(slope, "slope"),
        huber_delta=check_number(huber_delta, "huber_delta", above=0.0),
        elu_alpha=check_number(elu_alpha, "elu_alpha"),
        no_bias=no_bias,
        l1=check_number(l1, "l1", at_least=0.0),
        l2=check_number(l2, "l2", at_least=0.0),
    )


def check_parameters(network: NetworkDefinition, W: Sequence[Any], b: Sequence[Any]) -> tuple[list[Array], list[Array]]:
    """Weights and biases as lists of double arrays whose shapes are the network's; otherwise InputError."""
    layers = len(network.sizes) - 1
    if len(W) != layers or len(b) != layers:
        stop_input(f"W and b must hold one entry for each of the {layers} layers, not {len(W)} and {len(b)}")
    weights = [check_matrix(W[k], f"W{k + 1}", network.sizes[k + 1], network.sizes[k]) for k in range(layers)]
    biases = [check_vector(b[k], f"b{k + 1}", network.sizes[k + 1]) for k in range(layers)]
    return weights, biases


def forward(
    network: NetworkDefinition, W: Sequence[Array], b: Sequence[Array], X: Array, arithmetic: str | Arithmetic = "fast"
) -> tuple[list[Array], list[Array]]:
    """The way forward: Z[l] = W[l] A[l−1] + b[l], A[l] = f_l(Z[l]) (Nielsen, equation 25).

    Parameters
    ----------
    network : from `define_network`.
    W, b : lists of weights n_l × n_{l−1} and biases n_l.
    X : n₀ × m, one column per sample.
    arithmetic : "fast", "exact", or the object of `get_arithmetic`.

    Returns
    -------
    Z : list, Z[0] is Z1, n_1 × m
    A : list, A[0] is X, A[1] is A1, …

    Raises
    ------
    InputError
        A shape is not the network's.
    """
    arithmetic = get_arithmetic(arithmetic)
    W, b = check_parameters(network, W, b)
    Z: list[Array] = []
    A: list[Array] = [check_matrix(X, "X", rows=network.sizes[0])]
    with np.errstate(all="ignore"):
        for weights, biases, name in zip(W, b, network.activations, strict=True):
            # Z = W A + b
            Z.append(arithmetic.matmul(weights, A[-1]) + biases[:, np.newaxis])
            # A = f(Z)
            A.append(activate(name, Z[-1], network, arithmetic))
    return Z, A


def backward(
    network: NetworkDefinition,
    W: Sequence[Array],
    Z: Sequence[Array],
    A: Sequence[Array],
    Y: Array,
    arithmetic: str | Arithmetic = "fast",
) -> tuple[list[Array], list[Array], list[Array]]:
    """The way back (Nielsen, equations BP1 to BP4), averaged over the samples, with the penalties' share in dW.

    Parameters
    ----------
    network : from `define_network`.
    W : list of weights n_l × n_{l−1}.
    Z, A : lists of `forward`.
    Y : n_L × m, targets.

    Returns
    -------
    delta : list, delta[0] is delta1 = ∂C_i/∂z1, n_1 × m
    dW : list, ∂C/∂W1 first, n_1 × n_0
    db : list, ∂C/∂b1 first, 1-D; zero for layers without bias

    Raises
    ------
    InputError
        A shape is not the network's, or an output lies outside the loss's domain.
    """
    arithmetic = get_arithmetic(arithmetic)
    layers = len(network.sizes) - 1
    if len(W) != layers or len(Z) != layers or len(A) != layers + 1:
        stop_input(
            f"W, Z and A must hold {layers}, {layers} and {layers + 1} matrices, not {len(W)}, {len(Z)} and {len(A)}"
        )
    m = A[0].shape[1]
    Y = check_matrix(Y, "Y", network.sizes[-1], m)
    delta: list[Array] = [np.empty(0)] * layers
    dW: list[Array] = [np.empty(0)] * layers
    db: list[Array] = [np.empty(0)] * layers
    with np.errstate(all="ignore"):
        for k in reversed(range(layers)):
            if k == layers - 1:
                # deltaL = dC_i/da f_L'(ZL)                                                              BP1
                delta[k] = output_delta(network, Z[k], A[k + 1], Y, arithmetic)
            else:
                # delta = (W_next' delta_next) * f'(Z)                                                   BP2
                dA = arithmetic.crossprod(W[k + 1], delta[k + 1])
                delta[k] = backprop_activation(network.activations[k], Z[k], A[k + 1], dA, network, arithmetic)
            # dW = (1/m) delta A_before'                                                                 BP4
            share = delta[k] / m
            dW[k] = arithmetic.tcrossprod(share, A[k])
            if network.l1 > 0:
                dW[k] = dW[k] + network.l1 * np.sign(W[k])
            if network.l2 > 0:
                dW[k] = dW[k] + network.l2 * W[k]
            # db = (1/m) sum_i delta_i                                                                   BP3
            unbiased = k + 1 in network.no_bias
            db[k] = np.zeros(network.sizes[k + 1]) if unbiased else arithmetic.row_sums(share)
    return delta, dW, db


def gradient_step(
    network: NetworkDefinition,
    optimizer: Optimizer,
    W: Sequence[Array],
    b: Sequence[Array],
    X: Array,
    Y: Array,
    state: State,
    arithmetic: str | Arithmetic = "fast",
) -> tuple[list[Array], list[Array], State, float]:
    """One step on one batch: forward, loss, backward, update.

    Parameters
    ----------
    network, optimizer : from `define_network` and `define_optimizer`.
    W, b : lists of weights n_l × n_{l−1} and biases n_l.
    X, Y : n₀ × m and n_L × m, one column per sample.
    state : from `initial_state` or the last step.
    arithmetic : "fast", "exact", or the object of `get_arithmetic`.

    Returns
    -------
    W, b, state : after the step; the caller's stay as they are
    loss : before the step
    """
    arithmetic = get_arithmetic(arithmetic)
    Z, A = forward(network, W, b, X, arithmetic)
    _, dW, db = backward(network, W, Z, A, Y, arithmetic)
    loss = loss_value(network, W, Z, A, Y, arithmetic)
    W, b, state = apply_update(optimizer, W, b, dW, db, state, arithmetic)
    return W, b, state, loss
