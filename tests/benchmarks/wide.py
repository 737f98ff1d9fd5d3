"""A deep and wide network, 784-512-512-10 at batch 128: an epoch over its matrix products alone.

    .venv/bin/python tests/benchmarks/wide.py [--data DIR] [--rounds N]
"""

import argparse
import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import statistics  # noqa: E402 (threads first)
import time  # noqa: E402

import numpy as np  # noqa: E402
from contestants import digits  # noqa: E402

from nnparity import define_network, define_optimizer, define_training, initialize_parameters  # noqa: E402
from nnparity.training import begin_training, train_epoch  # noqa: E402

SIZES, BATCH = [784, 512, 512, 10], 128


def products(W, X):
    """The seconds of the products of an epoch, on batches that lie in order."""
    delta = [np.ones((n, BATCH)) for n in SIZES[1:]]
    started = time.process_time()
    for first in range(0, X.shape[1] - BATCH + 1, BATCH):
        A = [X[:, first : first + BATCH]]
        for weights in W:
            A.append(weights @ A[-1])
        for k in reversed(range(len(W))):
            delta[k] @ A[k].T
            if k > 0:
                W[k].T @ delta[k]
    return time.process_time() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    data = digits(options.data)
    whole = data[0].shape[0] // BATCH * BATCH
    X, Y = data[0][:whole].T, np.ascontiguousarray(data[1][:whole]).T
    network, optimizer = define_network(SIZES), define_optimizer("sgd", 0.5)
    W, b = initialize_parameters(network, "normal_scaled", 1)
    state, plan = begin_training(network, optimizer, W, b), define_training(epochs=1, batch=BATCH)
    ratios = []
    for _ in range(options.rounds):
        alone = products(W, X)
        started = time.process_time()
        train_epoch(network, optimizer, plan, state, X, Y)
        ratios.append((time.process_time() - started) / alone)
    print(f"784-512-512-10, batch {BATCH}: {min(ratios):.2f} {statistics.median(ratios):.2f} {max(ratios):.2f} times "
          "its products (min median max)")  # fmt: skip


if __name__ == "__main__":
    main()
