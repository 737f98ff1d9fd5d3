"""The probe leaves no unit that is live, or dead, for every sample, whatever the hidden layers bend by."""

import numpy as np
import pytest

from nnparity.diagnosis.probe import make_probe


@pytest.mark.parametrize("sizes", [[4, 6, 3], [4, 6, 5, 3], [4, 6, 5, 1], [2, 3, 1]], ids=str)
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("bend", [np.tanh, lambda z: np.maximum(z, 0)], ids=["tanh", "relu"])
def test_every_unit_is_live_for_some_samples_and_dead_for_others(sizes, seed, bend):
    probe = make_probe(sizes, 7, 0.5, seed)
    signal = probe.X
    for weights, biases in zip(probe.W, probe.b, strict=True):
        sums = weights @ signal + biases[:, None]
        live = (sums > 0).sum(axis=1)
        assert live.min() > 0
        assert live.max() < 7
        signal = bend(sums)
