"""What lockstep costs: an epoch in both languages with every quantity compared, against the two trainings alone.

    .venv/bin/python tests/benchmarks/lockstep.py [--data PATH] [--batch N] [--epochs N] [--rounds N]

Seconds are of the processor, R's included where it is embedded, so that other work on the machine counts little; ratios
are taken within a round.
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


def python_epoch(start, X, Y, batch):
    """Take the epoch's steps in Python, untraced."""
    side = PythonSide()
    side.begin(start)
    side.data(X, Y)
    side.shuffle()
    W, b, state, arithmetic = side.W, side.b, side.state, get_arithmetic("fast")
    began = time.process_time()
    for first in range(0, X.shape[1], batch):
        columns = side.order[first : first + batch] - 1
        X_batch, Y_batch = take_columns(X, columns), take_columns(Y, columns)
        W, b, state, _ = gradient_step(start.network, start.optimizer, W, b, X_batch, Y_batch, state, arithmetic)
    return time.process_time() - began


def r_epoch(start, X, Y, batch, bridge):
    """Take the epoch's steps in the embedded R, untraced."""
    side = RSide(bridge)
    side.begin(start)
    side.data(X, Y)
    side.shuffle()
    began = time.process_time()
    bridge.ask("train", batch=batch)
    return time.process_time() - began


def lockstep(start, X, Y, batch, epochs, bridge):
    """Run both in lockstep."""
    began = time.process_time()
    assert run_parity(start, X, Y, batch=batch, epochs=epochs, bridge=bridge).agrees
    return (time.process_time() - began) / epochs


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
    python, r, both, _ = np.median(rounds, axis=0)
    ratios = [ratio for *_, ratio in rounds]
    print(f"batch {options.batch}: Python {python:.3f} s, R {r:.3f} s, lockstep {both:.3f} s an epoch: "
          f"{min(ratios):.2f} {np.median(ratios):.2f} {max(ratios):.2f} times the sum (min median max)")  # fmt: skip


if __name__ == "__main__":
    main()
