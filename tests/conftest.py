"""What every suite shares: one thread, seeds that do not move, and `--prove` for the long sweeps."""

import os
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# Before NumPy is loaded: a result must not depend on how a BLAS splits the work.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import pytest  # noqa: E402 (see above)
from hypothesis import settings  # noqa: E402

settings.register_profile("test", derandomize=True, deadline=None, max_examples=50)
settings.register_profile("prove", derandomize=False, deadline=None, max_examples=1000)

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--prove", action="store_true", help="run the long sweeps in full, not a seeded sample of them")


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("prove" if config.getoption("--prove") else "test")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--prove"):
        return
    kept = [item for item in items if item.get_closest_marker("prove") is None]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the checkout's folder."""
    return ROOT


@pytest.fixture(scope="session")
def fixtures(root: Path) -> Path:
    """Return the folder of golden files, networks and data."""
    return root / "fixtures"


@pytest.fixture(scope="session")
def prove(request: pytest.FixtureRequest) -> bool:
    """Tell whether the long sweeps run in full."""
    return bool(request.config.getoption("--prove"))


@pytest.fixture(scope="session")
def sweep(prove: bool) -> Callable[..., list[Any]]:
    """Return ``sweep(cases, n, seed=1)``: all the cases under ``--prove``, else a seeded sample of n of them."""

    def choose(cases: Sequence[Any], n: int, seed: int = 1) -> list[Any]:
        cases = list(cases)
        return cases if prove or n >= len(cases) else random.Random(seed).sample(cases, n)

    return choose
