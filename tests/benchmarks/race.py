"""The speed table: everybody runs one epoch in each round, and ratios are taken by round.

python tests/benchmarks/race.py [--data DIR] [--rounds N] [--batches 10,100,1000]
"""

import argparse
import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import statistics  # noqa: E402 (threads first)

from contestants import CONTESTANTS, RSession, digits  # noqa: E402


def race(batch: int, rounds: int, epochs: dict, r: RSession | None) -> dict[str, list[float]]:
    """Return the seconds of every contestant in every round."""
    times: dict[str, list[float]] = {name: [] for name in epochs}
    if r is not None:
        times |= {"R matrix products alone": [], "R nnparity": []}
    for _ in range(rounds):
        for name, epoch in epochs.items():
            times[name].append(epoch(batch))
        if r is not None:
            times["R matrix products alone"].append(r.ask("products", batch))
            times["R nnparity"].append(r.ask("epoch", batch))
    return times


def ratio_text(ours: list[float], base: list[float]) -> str:
    """Return min, median and max of the rounds' ratios."""
    ratios = [a / b for a, b in zip(ours, base, strict=True)]
    return f"{min(ratios):5.2f} {statistics.median(ratios):5.2f} {max(ratios):5.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="folder of MNIST's IDX pair; the shipped digits, enlarged, unless given")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batches", default="10,100,1000")
    options = parser.parse_args()
    data = digits(options.data)
    epochs = {}
    for name, make in CONTESTANTS.items():
        try:
            epochs[name] = make(data)
        except ImportError:
            print(f"{name} is not installed and does not take part")
    r = RSession(options.data)
    print(f"R's BLAS: {r.blas}")
    for batch in map(int, options.batches.split(",")):
        times = race(batch, options.rounds, epochs, r)
        print(f"\nbatch {batch:<29} seconds   to the products         to nnparity (min median max)")
        for name, ours in times.items():
            own = "R matrix products alone" if name.startswith("R ") else "matrix products alone"
            line = f"{name:<35} {statistics.median(ours):7.4f}  {ratio_text(ours, times[own])}"
            print(f"{line}      {ratio_text(ours, times['nnparity'])}")
    times = {what: [r.ask(what, 1) for _ in range(3)] for what in ("nnet", "full_batch")}
    print("\nR, full batches of the small digits, 64-30-10: an iteration of nnet's BFGS to an epoch of nnparity")
    print(f"{'nnet to nnparity':<44}  {ratio_text(times['nnet'], times['full_batch'])}")
    r.close()


if __name__ == "__main__":
    main()
