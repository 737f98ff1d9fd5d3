"""A forward and a backward pass by the book: what a candidate is held against as a whole."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from nnparity.diagnosis import textbook as book


@dataclass
class Plain:
    """The quantities of one pass by layer: n_l × m each of Z, A and delta; gradients holds (dW, db)."""

    Z: dict[int, np.ndarray] = field(default_factory=dict)
    A: dict[int, np.ndarray] = field(default_factory=dict)
    delta: dict[int, np.ndarray] = field(default_factory=dict)
    gradients: dict[int, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)


def plain_pass(t, state, X: np.ndarray, Y: np.ndarray, W=None, b=None) -> Plain:
    """One pass with the activations and the loss of an account; no deltas where the loss has no known derivative.

    Parameters
    ----------
    t : Textbook      state : State
    X, Y : n_0 × m and n_L × m      W, b : other parameters than the probe's
    """
    W, b = t.W if W is None else W, t.b if b is None else b
    p, L = Plain(A={0: X}), t.depth
    for k in range(1, L + 1):
        p.Z[k] = W[k - 1] @ p.A[k - 1] + b[k - 1][:, None]
        p.A[k] = book.activation_value(state.activations[k - 1], p.Z[k], t.slope)
    loss, output = state.loss or t.loss, state.activations[-1]
    delta = book.guarded_delta(loss, output, p.Z[L], p.A[L], Y, state.epsilon, t.slope) if state.epsilon else None
    delta = book.delta_of(loss, output, p.Z[L], p.A[L], Y, t.slope) if delta is None else delta
    for k in range(L, 0, -1):
        if delta is None:
            break
        p.delta[k] = delta
        p.gradients[k] = (delta @ p.A[k - 1].T / X.shape[1], delta.mean(axis=1))
        if k > 1:
            delta = W[k - 1].T @ delta * book.activation_slope(state.activations[k - 2], p.Z[k - 1], t.slope)
    return p
