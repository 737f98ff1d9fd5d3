"""What training needs beside the data: the largest memory at any moment, and how often the data would fit into it.

    .venv/bin/python tests/benchmarks/memory.py [--data DIR]

The goal is twice the data and what one batch needs.  Python's figure is tracemalloc's peak, to which NumPy reports.
R's is `max used` of gc(), with its collector called so often that little garbage counts.
"""

import argparse
import subprocess
import tracemalloc
from pathlib import Path

import numpy as np
from contestants import B0, NETWORK, W0, digits

from nnparity import Network, define_optimizer, define_training
from nnparity.training import begin_training, train_network

BATCHES = (10, 100, 1000)


def peak_of(work):
    """Return the largest number of bytes that were taken at one time during the work."""
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def show(what, batch, peak, data, sizes):
    """Print one line: data and peak over the data, and that without what one batch needs."""
    one_batch = 8 * batch * (sizes[0] + 8 * sum(sizes[1:]))
    ratio, goal = 1 + peak / data, 2 + one_batch / data
    print(f"{what:<42} batch {batch:>5}: {peak / 1e6:6.1f} MB beside the data, {ratio:.2f} times the data in all "
          f"(goal {goal:.2f})")  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data")
    options = parser.parse_args()
    rows, targets = digits(options.data)
    data = rows.nbytes + targets.nbytes
    columns = np.ascontiguousarray(rows.T)
    classes = targets.argmax(axis=1)
    print(f"the data: {data / 1e6:.1f} MB")
    for batch in BATCHES:
        plan = define_training(epochs=2, batch=batch)
        for name, X in (("rows in memory", rows.T), ("columns in memory", columns)):
            for optimizer in (define_optimizer("sgd", 3.0), define_optimizer("adam", 0.01)):
                state = begin_training(NETWORK, optimizer, W0, B0)
                peak = peak_of(lambda o=optimizer, p=plan, s=state, X=X: train_network(NETWORK, o, p, s, X, targets.T))
                show(f"train_network, {optimizer.name}, {name}", batch, peak, data, NETWORK.sizes)
        network = Network(hidden=30, eta=3.0, epochs=2, batch=batch, seed=1)
        show("Network.fit", batch, peak_of(lambda n=network: n.fit(rows, classes)), data, NETWORK.sizes)
    command = ["Rscript", "--vanilla", str(Path(__file__).with_name("memory.R")), options.data or ""]
    lines = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]).stdout
    for line in lines.splitlines():
        what, batch, peak = line.split("\t")
        show(f"R, {what}", int(batch), float(peak), data, NETWORK.sizes)


if __name__ == "__main__":
    main()
