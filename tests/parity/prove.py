"""One command that prints what the numbers rest on: exact runs, the bound, the truth, and the power of the parity test.

    python tests/parity/prove.py                         everything; minutes
    python tests/parity/prove.py --networks 200          a smaller sweep
    python tests/parity/prove.py --mnist FOLDER          the folder with the MNIST test files, for the long exact run
    python tests/parity/prove.py --only exact,faults     some parts: exact, honest, truth, faults

Exit status 0 if every statement holds, 1 otherwise.
"""

from __future__ import annotations

import argparse
import datetime
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import changes
import evaluate
import golden
import numpy as np
import power

from nnparity.compare import compare_traces, ulp_distance
from nnparity.datasets import load_digits, load_idx, one_hot, split_data
from nnparity.network import define_network
from nnparity.optimizers import define_optimizer
from nnparity.parity import Start, run_parity


def say(holds: bool, text: str) -> bool:
    """Print a statement with whether it holds."""
    print(f"{'  ok ' if holds else 'FAIL '} {text}", flush=True)
    return holds


def exact_run(name: str, data, sizes: list[int], epochs: int, eta: float) -> bool:
    """A training run in both languages in exact arithmetic."""
    started = time.perf_counter()
    start = Start(define_network(sizes), define_optimizer(eta=eta), init="normal_scaled", arithmetic="exact")
    result = run_parity(start, data.X.T, one_hot(data.y, 10).T, batch=10, epochs=epochs)
    seconds = time.perf_counter() - started
    found = f"{result.max_ulp:g} ulp" if result.agrees else str(result.difference)
    run = f"{name}, {'-'.join(map(str, sizes))}, {result.epochs} epochs, {result.steps} steps"
    return say(result.agrees and result.max_ulp == 0, f"{run}: {result.values:,} values, {found} ({seconds:.0f} s)")


def prove_exact(options: argparse.Namespace) -> bool:
    """0 ulp over whole training runs."""
    holds = exact_run("digits", load_digits(), [64, 30, 10], 30, 3.0)
    if options.mnist is None:
        print("  --  no --mnist FOLDER: the run on MNIST is left out")
        return holds
    mnist = load_idx(next(options.mnist.glob("*images-idx3-ubyte*")))
    return exact_run("MNIST", split_data(mnist, 8000)[0], [784, 30, 10], 1, 3.0) and holds


def prove_honest(options: argparse.Namespace) -> bool:
    """Honest roundings stay within a bound that is not vacuous."""
    cases = evaluate.random_cases(round(1.01 * options.networks))  # an output may round out of its loss's domain
    with tempfile.TemporaryDirectory() as folder:
        honest = power.sweep_honest(cases, Path(folder))
    print(f"      {honest.networks} random networks, {len(honest.ways)} ways: {', '.join(honest.ways)}")
    holds = say(honest.networks >= options.networks, f"{honest.networks} networks came to their end in every way")
    holds &= say(not honest.rejected, f"{honest.values:,} values compared, {len(honest.rejected)} beyond the bound")
    holds &= say(honest.largest <= 1, f"largest honest ratio {honest.largest:.3f}")
    medians = honest.medians()
    holds &= say(min(medians.values()) > 1e-4, f"smallest median ratio {min(medians.values()):.2g}")
    print("      medians: " + ", ".join(f"{kind} {ratio:.2g}" for kind, ratio in medians.items()))
    growth = {step: max(differences) for step, differences in sorted(honest.growth.items())}
    print("      largest relative difference of W after step " + ", ".join(f"{k}: {x:.1e}" for k, x in growth.items()))
    for text in honest.rejected[:5]:
        print(f"      {text}")
    return holds


def prove_truth(options: argparse.Namespace) -> bool:
    """Each twin's distance from the golden networks."""
    holds = True
    cases = evaluate.golden_cases()
    goldens = [golden.read_golden(golden.FOLDER / f"{name}.csv") for name in golden.NAMES]
    with tempfile.TemporaryDirectory() as folder:
        for arithmetic in ("fast", "exact"):
            holds &= tell_truth(f"Python {arithmetic}", goldens, evaluate.run_python(cases, arithmetic))
            holds &= tell_truth(f"R {arithmetic}", goldens, evaluate.run_r(cases, Path(folder), arithmetic)[0])
    return holds


def tell_truth(name: str, goldens: list[golden.Golden], results: list[evaluate.Result]) -> bool:
    """Errors of one twin: in ulps of each value, in ulps of the largest value of its quantity, beside the bound."""
    own, whole, ratio, worst = [], [], 0.0, ""
    for case, traces in zip(goldens, results, strict=True):
        for truth, ours in zip(case.traces, traces[1:], strict=True):
            comparison = compare_traces(ours, truth, case.network, case.optimizer)
            for quantity in comparison:
                a, b = np.ravel(ours[quantity]), np.ravel(truth[quantity])
                own.append(ulp_distance(a, b))
                largest = np.full(a.shape, np.abs(b).max())
                whole.append((np.abs(a - b) / np.spacing(np.maximum(largest, 1e-300))).max())
                if max(whole) == whole[-1]:
                    worst = f"{quantity} of {case.name}"
            ratio = max(ratio, *(difference.ratio for difference in comparison.values()))
    ulps = np.concatenate(own)
    shares = ", ".join(f"{100 * np.mean(ulps <= n):.1f} % within {n}" for n in (1, 4, 64))
    return say(
        ratio <= 1,
        f"{name}: {len(goldens)} golden networks, {ulps.size:,} values; in ulps of the value {shares}; worst error "
        f"{max(whole):.1f} ulps of the largest value of its quantity ({worst}); largest ratio {ratio:.3f}",
    )


def prove_faults(options: argparse.Namespace) -> bool:
    """Every planted fault is rejected and named, every rewrite passes."""
    cases = evaluate.golden_cases()
    equivalent = [change for change, _ in changes.EQUIVALENT]
    with tempfile.TemporaryDirectory() as folder:
        verdicts = power.judge_changes([*changes.FAULTS, *changes.REWRITES, *equivalent], cases, Path(folder))
    by_change = {verdict.change: verdict for verdict in verdicts}
    faults = [by_change[change] for change in changes.FAULTS]
    rewrites = [by_change[change] for change in changes.REWRITES]
    killed, named = sum(v.rejected for v in faults), sum(v.well_named for v in faults)
    holds = say(killed == len(faults), f"mutation score {killed} of {len(faults)} faults rejected")
    holds &= say(named == len(faults), f"{named} of {len(faults)} with the first wrong quantity named")
    least = min(faults, key=lambda v: v.ratio)
    holds &= say(
        least.ratio > 1e6, f"smallest ratio of a fault {least.ratio:.2g} ({least.change.language}: {least.change.name})"
    )
    passed = sum(not v.rejected for v in rewrites)
    largest = max(v.largest for v in rewrites)
    holds &= say(
        passed == len(rewrites), f"{passed} of {len(rewrites)} healthy rewrites pass, largest ratio {largest:.3f}"
    )
    alike = sum(not by_change[change].rejected for change in equivalent)
    holds &= say(alike == len(equivalent), f"{alike} of {len(equivalent)} equivalent faults pass, as their proofs say")
    for verdict in faults:
        if not verdict.well_named:
            print(f"      {verdict.change.language} {verdict.change.name}: {set(verdict.named)} {verdict.stopped[:1]}")
    return holds


PARTS: dict[str, tuple[str, Callable[[argparse.Namespace], bool]]] = {
    "exact": ("Exact arithmetic: R and Python, every value of every step", prove_exact),
    "honest": ("Fast arithmetic: honest roundings and the bound", prove_honest),
    "truth": ("Truth: golden networks from multiple-precision arithmetic", prove_truth),
    "faults": ("The power of the parity test: changes to the sources, one at a time", prove_faults),
}


def main() -> int:
    """Print the parts and say whether every statement holds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=int, default=2000, help="random networks in the sweep of honest roundings")
    parser.add_argument("--mnist", type=Path, help="folder with an MNIST image file and its labels")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, comma-separated")
    options = parser.parse_args()
    print(f"nnparity, {datetime.date.today().isoformat()}")
    results = []
    for part in options.only.split(","):
        title, prove = PARTS[part]
        print(f"\n{title}")
        results.append(prove(options))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
