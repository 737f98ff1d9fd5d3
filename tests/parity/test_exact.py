"""Exact arithmetic: R and Python agree in every bit of every quantity, over all words of all registries and depths."""

import itertools
import math
import shutil
import subprocess
import timeit
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnparity.activations import ACTIVATIONS
from nnparity.arithmetic import get_arithmetic
from nnparity.checks import InputError
from nnparity.initializers import INITIALIZERS, initialize_parameters
from nnparity.losses import LOSSES
from nnparity.network import define_network, gradient_step
from nnparity.optimizers import OPTIMIZERS, define_optimizer, initial_state
from nnparity.trace import trace_step

pytestmark = pytest.mark.skipif(shutil.which("Rscript") is None, reason="needs Rscript")

WORKER = Path(__file__).with_name("exact_worker.R")
COMPOSITIONS = ["relu+softmax", "tanh+sigmoid", "softplus+tanh+linear", "softmax+relu"]


@dataclass
class Case:
    """One network, its numbers, and how many steps to take."""

    network: dict[str, Any]
    optimizer: dict[str, Any]
    W: list[np.ndarray]
    b: list[np.ndarray]
    X: np.ndarray
    Y: np.ndarray
    steps: int = 2
    results: list[tuple[int, str, np.ndarray | str]] = field(default_factory=list)


def as_r(value: Any) -> str:
    """A value as R code that gives the same bits."""
    if isinstance(value, dict):
        return f"list({', '.join(f'{name} = {as_r(entry)}' for name, entry in value.items())})"
    if isinstance(value, list | tuple):
        return f"c({', '.join(map(as_r, value))})"
    return f"'{value}'" if isinstance(value, str) else float(value).hex()


def draw_case(rng: np.random.Generator, activation: Any, output: str, loss: str, optimizer: str, depth: int) -> Case:
    """A random network: widths 1 to 6, batch 1 to 9, with penalties, clipping and a layer without bias now and then."""
    sizes = [int(width) for width in rng.integers(1, 7, depth + 2)]
    if output.endswith("softmax"):
        sizes[-1] = int(rng.integers(2, 7))
    m = int(rng.integers(1, 10))
    scale = float(rng.choice([0.3, 1.0, 3.0, 30.0]))
    network = {
        "sizes": sizes, "activation": activation, "output_activation": output, "loss": loss,
        "slope": float(rng.choice([0.01, 0.3])), "huber_delta": float(rng.choice([1.0, 0.37])),
        "elu_alpha": float(rng.choice([1.0, 1.7])), "no_bias": [1] if rng.random() < 0.2 else [],
        "l1": float(rng.choice([0.0, 0.013])), "l2": float(rng.choice([0.0, 0.07])),
    }  # fmt: skip
    settings: dict[str, Any] = {"name": optimizer, "eta": float(rng.choice([0.5, 0.013]))}
    if rng.random() < 0.3:
        settings["clip_norm"] = 0.1
    W = [scale * rng.standard_normal((sizes[k + 1], sizes[k])) for k in range(depth + 1)]
    b = [rng.standard_normal(width) for width in sizes[1:]]
    X = rng.standard_normal((sizes[0], m)) * np.where(rng.random((sizes[0], m)) < 0.1, 0.0, 1.0)
    if loss == "categorical_cross_entropy":
        Y = np.eye(sizes[-1])[:, rng.integers(0, sizes[-1], m)]
    else:
        Y = rng.random((sizes[-1], m))
    return Case(network, settings, W, b, X, np.asfortranarray(Y), steps=int(rng.integers(1, 4)))


def run_python(case: Case) -> None:
    """Trace the case's steps in exact arithmetic; a domain error is a result, too."""
    network, optimizer = define_network(**case.network), define_optimizer(**case.optimizer)
    W, b = case.W, case.b
    state = initial_state(optimizer, W, b)
    for step in range(1, case.steps + 1):
        try:
            trace = trace_step(network, optimizer, W, b, case.X, case.Y, state, get_arithmetic("exact"))
        except InputError as error:
            case.results.append((step, "error", str(error)))
            return
        case.results += [(step, name, np.ravel(np.asarray(value, float), order="F")) for name, value in trace.items()]
        W = [trace[f"W{k + 1}_new"] for k in range(len(W))]
        b = [trace[f"b{k + 1}_new"] for k in range(len(b))]
        state = {name: trace[name] for name in state}


def run_r(cases: list[Case], root: Path, folder: Path, plant: str = "") -> list[tuple[int, int, str, np.ndarray | str]]:
    """The same steps in R; `plant` is R code evaluated before them, to see a difference found."""
    plan = ",\n".join(
        as_r({"network": case.network, "optimizer": case.optimizer, "batch": case.X.shape[1], "steps": case.steps})
        for case in cases
    )
    (folder / "cases.R").write_text(f"{{ {plant}\nlist(\n{plan}\n) }}\n")
    numbers = [
        part.ravel(order="F")
        for case in cases
        for part in (*itertools.chain.from_iterable(zip(case.W, case.b, strict=True)), case.X, case.Y)
    ]
    np.concatenate(numbers).tofile(folder / "data.bin")
    done = subprocess.run(
        ["Rscript", "--vanilla", str(WORKER), str(root), str(folder)], capture_output=True, text=True, timeout=1200
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", done.stderr
    values, at, results = np.fromfile(folder / "out.bin"), 0, []
    for line in (folder / "out.txt").read_text().splitlines():
        case, step, quantity, rest = line.split(" ", 3)
        if quantity == "error":
            results.append((int(case), int(step), quantity, rest))
        else:
            results.append((int(case), int(step), quantity, values[at : at + int(rest)]))
            at += int(rest)
    assert at == values.size
    return results


def same_bits(ours: np.ndarray, theirs: np.ndarray) -> bool:
    """Bit for bit, the sign of zero included; NaN equals NaN whatever its payload."""
    if ours.shape != theirs.shape:
        return False
    nan = np.isnan(ours)
    bits = [values[~nan].view(np.int64) for values in (ours, theirs)]
    return bool(np.array_equal(nan, np.isnan(theirs)) and np.array_equal(*bits))


def differences(cases: list[Case], root: Path, folder: Path, plant: str = "") -> tuple[list[str], int, int]:
    """The first quantity that differs in each case, in hexadecimal; how many values and errors were compared."""
    for case in cases:
        if not case.results:
            run_python(case)
    ours = [(i, *result) for i, case in enumerate(cases, start=1) for result in case.results]
    theirs = run_r(cases, root, folder, plant)
    found, seen, count, errors = [], set(), 0, 0
    for (i, step, name, mine), (j, other_step, other, other_value) in zip(ours, theirs, strict=not plant):
        if (i, step, name) != (j, other_step, other):
            found.append(f"case {i}: step {step} {name} in Python, case {j} step {other_step} {other} in R")
            break
        errors += isinstance(mine, str)
        count += 0 if isinstance(mine, str) else mine.size
        same = mine == other_value if isinstance(mine, str) else same_bits(mine, np.asarray(other_value))
        if same or i in seen:
            continue
        seen.add(i)
        where = f"case {i} {cases[i - 1].network} {cases[i - 1].optimizer}: step {step} {name}"
        if isinstance(mine, str) or isinstance(other_value, str):
            found.append(f"{where}: {mine} / {other_value}")
        else:
            k = next(k for k in range(mine.size) if not same_bits(mine[k : k + 1], other_value[k : k + 1]))
            values = f"{float(mine[k]).hex()} in Python, {float(other_value[k]).hex()} in R"
            found.append(f"{where} element {k + 1}: {values}")
    return found, count, errors


def test_all_activations_losses_optimizers_depths(root, tmp_path, prove):
    rng = np.random.default_rng(20)
    words = [*ACTIVATIONS, *COMPOSITIONS]
    optimizers = itertools.cycle(OPTIMIZERS)
    depths = itertools.cycle(range(9))
    cases = []
    for output, loss in itertools.product(words, LOSSES):
        for _ in range(12 if prove else 3):
            depth = next(depths)
            hidden = [str(rng.choice(words)) for _ in range(depth)] or "sigmoid"
            cases.append(draw_case(rng, hidden, output, loss, next(optimizers), depth))
    found, count, errors = differences(cases, root, tmp_path)
    print(f"{len(cases)} networks, {count} values, {errors} domain errors, {len(found)} differences")
    assert not found, "\n".join(found[:20])
    assert count > 100 * len(cases)
    assert errors < len(cases) / 3


def extreme_case(rng: np.random.Generator, word: str, output: str, scale: float) -> Case:
    """A network whose numbers are too large, too small, or no numbers."""
    sizes = [3, 4, 3]
    finite = [0.0, -0.0, 5e-324, -5e-324, 1e-310, -2e-308, 1e308, -1e308, 1000.0, -1000.0]
    special = np.array([*finite, math.inf, -math.inf, math.nan])
    X = rng.standard_normal((3, 8)) * scale
    X[0, 1:] = rng.choice(special, 7)
    Y = np.eye(3)[:, rng.integers(0, 3, 8)]
    W = [rng.standard_normal((sizes[k + 1], sizes[k])) * scale for k in range(2)]
    W[0][0, 0], W[1][0, 0], W[1][1, 1] = -0.0, 0.0, 5e-324
    network = {"sizes": sizes, "activation": word, "output_activation": output, "l1": 0.1, "no_bias": [2]}
    optimizer = {"name": str(rng.choice(list(OPTIMIZERS))), "eta": 0.5}
    return Case(network, optimizer, W, [np.zeros(4), np.full(3, -0.0)], X, np.asfortranarray(Y))


def test_subnormals_signed_zeros_saturation_and_overflow(root, tmp_path):
    rng = np.random.default_rng(21)
    words = [*ACTIVATIONS, *COMPOSITIONS]
    cases = [
        extreme_case(rng, word, output, scale)
        for word in words
        for output in ["linear", "sigmoid", "softmax"]
        for scale in [1e-200, 1.0, 1000.0, 1e200]
    ]
    # Finite inputs, too: there the whole trace must be finite where the first one is not.
    for case in cases[::2]:
        case.X = np.nan_to_num(case.X, nan=0.0, posinf=1e308, neginf=-1e308)
    found, count, _ = differences(cases, root, tmp_path)
    print(f"{len(cases)} networks, {count} values, {len(found)} differences")
    assert not found, "\n".join(found[:20])


def test_long_runs_with_every_optimizer(root, tmp_path, prove):
    rng = np.random.default_rng(23)
    words = itertools.cycle(ACTIVATIONS)
    cases = []
    for name in OPTIMIZERS:
        network = {
            "sizes": [64, 30, 10], "activation": next(words), "output_activation": "softmax",
            "loss": "categorical_cross_entropy", "l2": 1e-4,
        }  # fmt: skip
        optimizer = {"name": name, "eta": 0.5 if name in ("sgd", "momentum", "nesterov") else 0.01}
        W = [rng.standard_normal((30, 64)) / 8, rng.standard_normal((10, 30)) / 5]
        b = [rng.standard_normal(30), rng.standard_normal(10)]
        X, Y = rng.random((64, 10)), np.asfortranarray(np.eye(10)[:, rng.permutation(10)])
        cases.append(Case(network, optimizer, W, b, X, Y, steps=150 if prove else 15))
    found, count, _ = differences(cases, root, tmp_path)
    print(f"{len(cases)} runs of {cases[0].steps} steps, {count} values, {len(found)} differences")
    assert not found, "\n".join(found)
    for case in cases:
        losses = [values[0] for _, name, values in case.results if name == "loss"]
        assert losses[-1] < losses[0]


COST_IN_R = """
set.seed(1)
network <- define_network(c(784, 30, 10))
start <- initialize_parameters(network)
X <- matrix(runif(7840), 784)
step <- function(arithmetic) {
  gradient_step(network, define_optimizer(), start$W, start$b, X, diag(10), list(), arithmetic)
}
seconds <- function(arithmetic, steps) {
  min(replicate(7, system.time(for (i in seq_len(steps)) step(arithmetic))[["elapsed"]])) / steps
}
cat(seconds("exact", 20) / seconds("fast", 400))
"""


@pytest.mark.prove
def test_exact_arithmetic_costs_at_most_30_times_fast_in_python_and_40_in_r(root):
    rng = np.random.default_rng(24)
    network, optimizer = define_network([784, 30, 10]), define_optimizer()
    W, b = initialize_parameters(network)
    X, Y = rng.random((784, 10)), np.eye(10)

    def seconds(arithmetic, steps):
        return min(
            timeit.repeat(lambda: gradient_step(network, optimizer, W, b, X, Y, {}, arithmetic), number=steps, repeat=7)
        ) / steps  # fmt: skip

    in_python = seconds("exact", 30) / seconds("fast", 300)
    code = f'source("{root}/R/nnparity.R")\n{COST_IN_R}'
    done = subprocess.run(["Rscript", "--vanilla", "-e", code], capture_output=True, text=True, check=True, timeout=600)
    print(f"exact / fast: {in_python:.1f} in Python, {float(done.stdout):.1f} in R")
    assert in_python <= 30
    assert float(done.stdout) <= 40


def test_initializers_draw_the_same_network(root, tmp_path):
    sizes, seeds = [5, 4, 1, 3], [-(2**31 - 1), 0, 1, 42, 2**31 - 1]
    (tmp_path / "draw.R").write_text(
        f'source("{root}/R/nnparity.R")\n'
        f'out <- file("{tmp_path}/out.bin", "wb")\n'
        f"network <- define_network({as_r(sizes)}, no_bias = 2)\n"
        f"for (init in names(INITIALIZERS)) for (seed in {as_r(seeds)}) {{\n"
        "  writeBin(unlist(initialize_parameters(network, init, seed)), out)\n"
        "}\n"
        "close(out)\n"
    )
    subprocess.run(["Rscript", "--vanilla", str(tmp_path / "draw.R")], check=True, timeout=600)
    network = define_network(sizes, no_bias=[2])
    ours = []
    for init, seed in itertools.product(INITIALIZERS, seeds):
        W, b = initialize_parameters(network, init, seed)
        ours += [weights.ravel(order="F") for weights in W] + b
    assert same_bits(np.concatenate(ours), np.fromfile(tmp_path / "out.bin"))


PLANTS = {
    "a derivative": "ACTIVATIONS$sigmoid$derivative <- function(Z, A, network, arithmetic) A * (1 - A)",
    "an order": "ARITHMETICS$exact$row_sums <- function(A) rowSums(A)",
    "a product": "ARITHMETICS$exact$matmul <- function(A, B) A %*% B",
    "a power": "raise_to <- function(base, exponent) base^exponent * (1 - 2^-53)",
    "a cube": (
        "ACTIVATIONS$gelu$value <- function(Z, network, arithmetic) {"
        " Z * logistic(GELU_SCALE * (Z + GELU_CUBIC * Z^3), arithmetic) }"
    ),
}


@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_difference_is_found(root, tmp_path, plant):
    rng = np.random.default_rng(22)
    cases = [draw_case(rng, word, "sigmoid", "quadratic", "adam", 3) for word in ["sigmoid", "gelu"] for _ in range(6)]
    for case in cases:
        case.steps = 3
    assert not differences(cases, root, tmp_path)[0]
    found = differences(cases, root, tmp_path, PLANTS[plant])[0]
    assert found
    assert "in Python" in found[0]
