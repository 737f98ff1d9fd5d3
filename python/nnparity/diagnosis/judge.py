"""Say which returned parameters are the textbook's: the judge of every change of the source that is tried."""

from __future__ import annotations

from collections import Counter

import numpy as np

from nnparity.diagnosis.matching import proportion
from nnparity.diagnosis.plain import plain_pass

# A returned parameter is the textbook's up to this, relative to its largest element: a small number that keeps a
# division from zero, such as 1e-8, shows in it.
SAME = 1e-6


class Judge:
    """Which returned parameters are the textbook's, up to one constant on all, in a step on the first m samples."""

    def __init__(self, textbook, state, m: int):
        self.textbook, self.m, self.eta = textbook, m, textbook.eta
        self.X, self.Y = textbook.X[:, :m], textbook.Y[:, :m]
        self.gradients = plain_pass(textbook, state, self.X, self.Y).gradients
        n = textbook.Y.shape[0]
        self.constants = [1.0, float(m), 2.0, 0.5, 2.0 * m, m / 2, 1.0 / n, 2.0 / n, float(n)]
        self.names = [
            f"{letter}{layer}"
            for layer in range(1, textbook.depth + 1)
            for letter in "Wb"
            if letter == "W" or layer not in textbook.no_bias
        ]

    def factors(self, parts: list[np.ndarray]) -> dict[str, float]:
        """Parameter → the constant by which its step is the textbook's; parameters that have none are left out."""
        t, found = self.textbook, {}
        gradients = self.gradients
        for name in self.names:
            layer = int(name[1:])
            place, old = (layer - 1, t.W) if name[0] == "W" else (t.depth + layer - 1, t.b)
            if place >= len(parts) or parts[place].size != old[layer - 1].size:
                continue
            new, was = np.asarray(parts[place], float), old[layer - 1]
            if was.ndim == 2 and new.ndim == 2 and new.shape != was.shape:
                continue
            with np.errstate(all="ignore"):
                change, gradient = new.reshape(was.shape) - was, gradients[layer]["Wb".index(name[0])]
            factor = proportion(change, -self.eta * gradient, SAME) if np.all(np.isfinite(change)) else None
            if factor is not None:
                found[name] = factor
        return found

    def settle(self, parts: list[np.ndarray] | None) -> None:
        """Hold to the constant that most parameters have already, to 1 where there is a choice with it."""
        counts = Counter(self._constant(factor) for factor in self.factors(parts or []).values())
        counts.pop(None, None)
        most = [constant for constant, count in counts.items() if count == max(counts.values())]
        self.constants = [1.0] if 1.0 in most else most or self.constants

    def _constant(self, factor: float) -> float | None:
        return next((constant for constant in self.constants if abs(factor - constant) < 1e-6 * constant), None)

    def right(self, parts: list[np.ndarray] | None) -> frozenset[str]:
        """The names of the right parameters of what step returned, W before b; none where it stopped."""
        best: frozenset[str] = frozenset()
        factors = self.factors(parts or [])
        for constant in self.constants:
            fitting = frozenset(name for name, factor in factors.items() if self._constant(factor) == constant)
            best = max(best, fitting, key=len)
        return best

    @property
    def all(self) -> frozenset[str]:
        return frozenset(self.names)


def few_samples(sizes: list[int], m: int) -> int:
    """As few samples as make a sum of a mean, and no width of the network: a step on them takes less time."""
    return next((few for few in range(2, m) if few not in sizes), m)
