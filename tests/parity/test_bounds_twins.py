"""Both languages compute the same rounding bounds from the same traces."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import evaluate  # a helper beside the tests, which are no package

from nnparity.bounds import step_bounds
from nnparity.network import define_network
from nnparity.optimizers import define_optimizer
from nnparity.trace import read_trace

pytestmark = pytest.mark.skipif(shutil.which("Rscript") is None, reason="needs Rscript")
WORKER = Path(__file__).with_name("bounds_worker.R")


def test_bounds_are_the_same(tmp_path):
    cases = evaluate.golden_cases()
    fast = evaluate.run_r(cases, tmp_path, "fast")[0]
    exact = evaluate.run_r(cases, tmp_path, "exact")[0]
    subprocess.run(["Rscript", "--vanilla", str(WORKER), str(evaluate.ROOT), str(tmp_path)], check=True)
    for number, case in enumerate(cases):
        network, optimizer = define_network(**case.network), define_optimizer(**case.optimizer)
        ours = step_bounds(network, optimizer, fast[number][1], exact[number][1])
        (theirs,) = read_trace(tmp_path / f"{number + 1}.csv")
        assert list(ours) == list(theirs)
        for quantity, bound in ours.items():
            a, b = np.ravel(bound, order="F"), np.ravel(theirs[quantity], order="F")
            # the bounds themselves are rounded, most of all where they are small beside what they are made of
            np.testing.assert_allclose(a, b, rtol=1e-9, err_msg=f"{quantity} of {evaluate.golden.NAMES[number]}")
