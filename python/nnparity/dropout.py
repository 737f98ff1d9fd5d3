"""Inverted dropout: a step on a network some of whose hidden units are switched off, drawn from R's stream.

What is left is scaled by 1/(1 − p), so that prediction needs no change (Srivastava et al. 2014, section 10).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnparity.activations import activate, backprop_activation
from nnparity.arithmetic import Arithmetic, Array, get_arithmetic, select
from nnparity.losses import output_delta
from nnparity.network import NetworkDefinition
from nnparity.random import RStream, r_runif


def draw_masks(network: NetworkDefinition, dropout: float, m: int, stream: RStream) -> list[Array]:
    """One mask for each hidden layer, n_l × m: 0 with probability p, else 1/(1 − p).

    Parameters
    ----------
    network : from `define_network`.
    dropout : p, at least 0 and below 1.
    m : samples in the batch.
    stream : of `r_set_seed`; moves on by n_l · m words a layer, layer 1 first, each by column.
    """
    masks = []
    for units in network.sizes[1:-1]:
        U = r_runif(stream, units * m).reshape(m, units).T
        masks.append(select(U < dropout, 0.0, 1.0 / (1.0 - dropout)))  # noqa: SIM300 (elementwise)
    return masks


def dropout_forward(
    network: NetworkDefinition, W: Sequence[Array], b: Sequence[Array], X: Array, masks: Sequence[Array],
    arithmetic: str | Arithmetic = "fast",
) -> tuple[list[Array], list[Array], list[Array]]:
    """The way forward with masks: Z[l] = W[l] D[l−1] + b[l], A[l] = f_l(Z[l]), D[l] = A[l] ⊙ mask[l], D[0] = X.

    Returns
    -------
    Z, A, D : lists; A[0] and D[0] are X, the output layer has no mask
    """
    arithmetic = get_arithmetic(arithmetic)
    Z: list[Array] = []
    A: list[Array] = [X]
    D: list[Array] = [X]
    with np.errstate(all="ignore"):
        for k, name in enumerate(network.activations):
            # Z = W D + b
            Z.append(arithmetic.matmul(W[k], D[k]) + b[k][:, np.newaxis])
            # A = f(Z)
            A.append(activate(name, Z[k], network, arithmetic))
            # D = A * mask
            D.append(A[k + 1] * masks[k] if k < len(masks) else A[k + 1])
    return Z, A, D


def dropout_backward(
    network: NetworkDefinition, W: Sequence[Array], Z: Sequence[Array], A: Sequence[Array], D: Sequence[Array],
    Y: Array, masks: Sequence[Array], arithmetic: str | Arithmetic = "fast",
) -> tuple[list[Array], list[Array], list[Array]]:
    """The way back through `dropout_forward`, as `backward`, with dC/dA = mask ⊙ dC/dD.

    Returns
    -------
    delta, dW, db : lists as of `backward`
    """
    arithmetic = get_arithmetic(arithmetic)
    layers = len(network.activations)
    m = Y.shape[1]
    delta: list[Array] = [np.empty(0)] * layers
    dW: list[Array] = [np.empty(0)] * layers
    db: list[Array] = [np.empty(0)] * layers
    with np.errstate(all="ignore"):
        for k in reversed(range(layers)):
            if k == layers - 1:
                delta[k] = output_delta(network, Z[k], A[k + 1], Y, arithmetic)
            else:
                # delta = (mask * W_next' delta_next) * f'(Z)
                dA = masks[k] * arithmetic.crossprod(W[k + 1], delta[k + 1])
                delta[k] = backprop_activation(network.activations[k], Z[k], A[k + 1], dA, network, arithmetic)
            # dW = (1/m) delta D_before'
            share = delta[k] / m
            dW[k] = arithmetic.tcrossprod(share, D[k])
            if network.l1 > 0:
                dW[k] = dW[k] + network.l1 * np.sign(W[k])
            if network.l2 > 0:
                dW[k] = dW[k] + network.l2 * W[k]
            unbiased = k + 1 in network.no_bias
            db[k] = np.zeros(network.sizes[k + 1]) if unbiased else arithmetic.row_sums(share)
    return delta, dW, db
