"""What lockstep costs: an epoch in both languages with every quantity compared, against the two trainings alone.

    .venv/bin/python tests/benchmarks/lockstep.py [--data PATH] [--batch N] [--epochs N] [--rounds N]

Twice: by the clock on the wall, where lockstep has a second thread for Python's part and R has the first, each with one
thread of BLAS; and by the processor, whose seconds are those of both threads together.  Ratios are taken within a
round.
"""

import argparse
import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import time  # noqa: E402 (threads first)

import numpy as np  # noqa: E402

from nnparity.arithmetic import get_arithmetic  # noqa: E402
from nnparity.bridge import open_bridge  # noqa: E402
from nnparity.datasets import load_data, one_hot  # noqa: E402
from nnparity.network import define_network, gradient_step  # noqa: E402
from nnparity.optimizers import define_optimizer  # noqa: E402
from nnparity.parity import run_parity  # noqa: E402
from nnparity.sides import PythonSide, RSide, Start  # noqa: E402
from nnparity.training import take_columns  # noqa: E402


def clocks():
    """Return the seconds on the wall and of the processor."""
    return np.array([time.perf_counter(), time.process_time()])


def python_epoch(start, X, Y, batch):
    """Take the epoch's steps in Python, untraced."""
    side = PythonSide()
    side.begin(start)
    side.data(X, Y)
    side.shuffle()
    W, b, state, arithmetic = side.W, side.b, side.state, get_arithmetic("fast")
    began = clocks()
    for first in range(0, X.shape[1], batch):
        columns = side.order[first : first + batch] - 1
        X_batch, Y_batch = take_columns(X, columns), take_columns(Y, columns)
        W, b, state, _ = gradient_step(start.network, start.optimizer, W, b, X_batch, Y_batch, state, arithmetic)
    return clocks() - began


def r_epoch(start, X, Y, batch, bridge):
    """Take the epoch's steps in the embedded R, untraced."""
    side = RSide(bridge)
    side.begin(start)
    side.data(X, Y)
    side.shuffle()
    began = clocks()
    bridge.ask("train", batch=batch)
    return clocks() - began


def lockstep(start, X, Y, batch, epochs, bridge):
    """Run both in lockstep."""
    began = clocks()
    assert run_parity(start, X, Y, batch=batch, epochs=epochs, bridge=bridge).agrees
    return (clocks() - began) / epochs


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="digits")
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    data = load_data(options.data)
    X, Y = data.X.T, one_hot(data.y, data.classes).T
    start = Start(define_network([X.shape[0], 30, Y.shape[0]]), define_optimizer("sgd", 3.0))
    rounds = []
    with open_bridge("rpy2") as bridge:
        lockstep(start, X, Y, options.batch, 1, bridge)  # R compiles its functions when they are first used
        for _ in range(options.rounds):
            python = python_epoch(start, X, Y, options.batch)
            r = r_epoch(start, X, Y, options.batch, bridge)
            both = lockstep(start, X, Y, options.batch, options.epochs, bridge)
            rounds.append((python, r, both, both / (python + r)))
        print(bridge.about)
    medians = np.median(rounds, axis=0)
    ratios = np.array(rounds)[:, 3]
    for k, clock in enumerate(("wall", "processor")):
        python, r, both, ratio = medians[:, k]
        times = f"{ratios[:, k].min():.2f} {ratio:.2f} {ratios[:, k].max():.2f} times the sum (min median max)"
        print(f"batch {options.batch}, {clock}: "
              f"Python {python:.3f} s, R {r:.3f} s, lockstep {both:.3f} s an epoch: {times}")  # fmt: skip


if __name__ == "__main__":
    main()
