"""What an epoch costs, by pytest-benchmark; race.py holds it against peers."""

import pytest
from contestants import CONTESTANTS, digits


@pytest.fixture(scope="module")
def data():
    return digits(None)


@pytest.mark.parametrize("batch", [10, 100, 1000])
@pytest.mark.parametrize("name", ["matrix products alone", "nnparity", "nnparity, plain step"])
def test_epoch(benchmark, data, name, batch):
    epoch = CONTESTANTS[name](data)
    benchmark.pedantic(epoch, args=(batch,), rounds=3, warmup_rounds=1)
