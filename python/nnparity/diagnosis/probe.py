"""Choose weights and data that leave a mistake no place to hide: distinct widths, both signs, live and dead units."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Probe:
    """Parameters and one batch: W[l] (n_l, n_{l-1}), b[l] (n_l,), X (n_0, m), Y (n_L, m)."""

    W: list[np.ndarray]
    b: list[np.ndarray]
    X: np.ndarray
    Y: np.ndarray
    eta: float
    seed: int

    @property
    def sizes(self) -> list[int]:
        return [self.X.shape[0], *[w.shape[0] for w in self.W]]


def make_probe(sizes, batch: int, eta: float, seed: int, no_bias=(), targets: str = "classes") -> Probe:
    """Draw until no unit of no layer is close to a kink, and every unit sees both signs.

    Parameters
    ----------
    sizes : sequence of int
        Widths n_0 … n_L.
    batch : int
        Number of samples m.
    targets : {"classes", "real"}
        One-hot targets that show every class in turn (0/1 for a single output), or normal ones.
    """
    best, best_score = None, -1.0
    for attempt in range(200):
        random = np.random.default_rng([seed, attempt])
        W = [
            random.normal(0, 1.0 / np.sqrt(max(1, n_in)) + 0.25, (n_out, n_in))
            for n_in, n_out in itertools.pairwise(sizes)
        ]
        b = [
            np.zeros(n) if layer in no_bias else random.normal(0, 0.4, n) for layer, n in enumerate(sizes[1:], start=1)
        ]
        X = random.normal(0, 1, (sizes[0], batch))
        Y = _targets(random, sizes[-1], batch, targets)
        score = _quality(W, b, X)
        if score > best_score:
            best, best_score = Probe(W, b, X, Y, eta, seed), score
        if score >= 1.0:
            break
    assert best is not None
    return best


def with_near_targets(probe: Probe, outputs: np.ndarray) -> Probe:
    """The probe with targets on both sides of the outputs, half of them near, half further off than Huber's δ = 1.

    The slope of an absolute error is its sign: only where output and target are near does a wrong output show in it.

    Parameters
    ----------
    outputs : n_L × m, those of the textbook's network
    """
    random = np.random.default_rng([probe.seed, 1])
    near = random.uniform(0.03, 0.3, outputs.shape)
    far = random.uniform(1.2, 2.0, outputs.shape)
    half = (np.arange(outputs.size).reshape(outputs.shape) % 2).astype(bool)
    side = random.choice([-1.0, 1.0], outputs.shape)
    return replace(probe, Y=outputs + side * np.where(half, far, near))


def _targets(random, n: int, m: int, targets: str) -> np.ndarray:
    if targets == "real":
        return random.normal(0, 1, (n, m))
    if n == 1:
        return np.array([[float(i % 2) for i in range(m)]])
    classes = np.array([i % n for i in range(m)])
    random.shuffle(classes)
    Y = np.zeros((n, m))
    Y[classes, np.arange(m)] = 1.0
    return Y


def _quality(W, b, X) -> float:
    """1 when every pre-activation is clear of zero and, in a batch, every unit is live for some samples, not all.

    Behind hidden layers of a smooth activation as behind rectifiers, whose own dead units hide what is above them.
    """
    score = 1.0
    for f in (np.tanh, lambda Z: np.maximum(Z, 0.0)):
        A = X
        for w, bias in zip(W, b, strict=False):
            Z = w @ A + bias[:, None]
            if np.min(np.abs(Z)) < 1e-3:
                score -= 0.5
            if X.shape[1] >= 4:
                mixed = ((Z > 0).any(axis=1) & (Z < 0).any(axis=1)).mean()
                score -= 0.4 * (1 - mixed) / len(W)
            A = f(Z)
    return score
