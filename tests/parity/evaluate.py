"""Evaluations of the same networks in many ways: other orders of summation, the other language, changed sources."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "python"))

import golden  # noqa: E402 (a helper beside the Python tests)

from nnparity.arithmetic import Arithmetic, get_arithmetic  # noqa: E402
from nnparity.trace import Trace  # noqa: E402

PACKAGE = ROOT / "python" / "nnparity"
REFERENCE = [
    "checks",
    "arithmetic",
    "random",
    "activations",
    "losses",
    "initializers",
    "optimizers",
    "network",
    "trace",
]


@dataclass
class Case:
    """One network with its numbers, as both languages take it."""

    network: dict[str, Any]
    optimizer: dict[str, Any]
    W: list[np.ndarray]
    b: list[np.ndarray]
    X: np.ndarray
    Y: np.ndarray
    steps: int
    init: str = ""
    seed: int = 1


@dataclass(frozen=True)
class Change:
    """One text in place of another in one source file of the reference, where it stands exactly once.

    Attributes
    ----------
    language : "python" or "r"
    file : the module's name without ending
    name : what it is; for faults an id of the catalogue of mistakes and a word
    old, new : the two texts
    first : regular expression of the quantity that it makes wrong first
    """

    language: str
    file: str
    name: str
    old: str
    new: str
    first: str = ""


# A result: one trace per step behind the drawn parameters, or what went wrong.
Result = list[Trace] | str


# --- cases ------------------------------------------------------------------------------------------------------------


def golden_cases() -> list[Case]:
    """The golden networks: every word of every registry, penalties, clipping, square and saturated layers."""
    cases = []
    for name in golden.NAMES:
        case = golden.read_golden(golden.FOLDER / f"{name}.csv")
        start, layers = case.traces[0].inputs, range(1, len(case.network.sizes))
        network = {
            "sizes": list(case.network.sizes), "activation": list(case.network.activations[:-1]) or "sigmoid",
            "output_activation": case.network.activations[-1], "loss": case.network.loss, "slope": case.network.slope,
            "huber_delta": case.network.huber_delta, "elu_alpha": case.network.elu_alpha,
            "no_bias": list(case.network.no_bias), "l1": case.network.l1, "l2": case.network.l2,
        }  # fmt: skip
        optimizer = {"name": case.optimizer.name, "eta": case.optimizer.eta}
        if case.optimizer.clip_norm is not None:
            optimizer["clip_norm"] = case.optimizer.clip_norm
        W, b = [start[f"W{l}"] for l in layers], [start[f"b{l}"] for l in layers]
        cases.append(
            Case(
                network,
                optimizer,
                W,
                b,
                case.traces[0]["A0"],
                start["Y"],
                len(case.traces),
                case.header["init"],
                int(case.header["seed"]),
            )
        )
    return cases


def random_cases(count: int, seed: int = 1) -> list[Case]:
    """Random networks of depth 0 to 4, widths 1 to 9, batches 1 to 20, over all words, constants and rules."""
    from nnparity.activations import ACTIVATIONS
    from nnparity.losses import LOSSES
    from nnparity.optimizers import OPTIMIZERS

    rng = np.random.default_rng(seed)
    hidden = [*ACTIVATIONS, "softplus+tanh", "sigmoid+relu"]
    positive = ["sigmoid", "softmax", "relu+softmax", "tanh+sigmoid", "sigmoid+linear"]
    cases = []
    while len(cases) < count:
        depth = int(rng.integers(0, 5))
        sizes = [int(n) for n in rng.integers(1, 10, depth + 2)]
        loss = str(rng.choice(list(LOSSES)))
        outputs = [*ACTIVATIONS, "relu+softmax", "tanh+sigmoid"]
        if loss.endswith("entropy"):
            outputs = positive + (["softplus"] if loss.startswith("categorical") else [])
        output = str(rng.choice(outputs))
        if output.endswith("softmax"):
            sizes[-1] = int(rng.integers(2, 9))
        m, scale = int(rng.integers(1, 21)), float(rng.choice([0.3, 1.0, 3.0]))
        Y = rng.random((sizes[-1], m))
        if loss == "categorical_cross_entropy":
            Y = np.eye(sizes[-1])[:, rng.integers(0, sizes[-1], m)]
        network = {
            "sizes": sizes, "activation": [str(rng.choice(hidden)) for _ in range(depth)] or "sigmoid",
            "output_activation": output, "loss": loss, "slope": float(rng.choice([0.01, 0.3])),
            "huber_delta": float(rng.choice([1.0, 0.3])), "elu_alpha": float(rng.choice([1.0, 0.5])),
            "no_bias": [1] if rng.random() < 0.1 else [],
            "l1": float(rng.choice([0.0, 0.0, 0.01])), "l2": float(rng.choice([0.0, 0.0, 0.05])),
        }  # fmt: skip
        optimizer = {"name": str(rng.choice(list(OPTIMIZERS))), "eta": float(rng.choice([0.01, 0.1]))}
        if rng.random() < 0.2:
            optimizer["clip_norm"] = 0.5
        W = [rng.normal(size=(b, a)) * scale / np.sqrt(a) for a, b in pairwise(sizes)]
        b = [rng.normal(size=n) for n in sizes[1:]]
        for layer in network["no_bias"]:
            b[layer - 1] = np.zeros(sizes[layer])
        cases.append(Case(network, optimizer, W, b, rng.normal(size=(sizes[0], m)), Y, int(rng.integers(1, 4))))
    return cases


# --- orders of evaluation ---------------------------------------------------------------------------------------------


def products(A, B) -> np.ndarray:
    """a_ik b_kj, with k first: K x n x m."""
    return A.T[:, :, np.newaxis] * B[:, np.newaxis, :]


def summing(name: str, total: Callable[[np.ndarray], np.ndarray], kind: type = np.float64) -> Arithmetic:
    """An arithmetic whose every sum is taken by `total`, over the first axis, of numbers of that kind."""

    def cast(x) -> np.ndarray:
        return np.asarray(x, dtype=kind)

    def back(x) -> np.ndarray:
        return np.asarray(x, dtype=np.float64)

    def matmul(A, B):
        return back(total(products(cast(A), cast(B))))

    fast = get_arithmetic("fast")
    return replace(
        fast,
        name=name,
        matmul=matmul,
        crossprod=lambda A, B: matmul(A.T, B),
        tcrossprod=lambda A, B: matmul(A, B.T),
        row_sums=lambda A: back(total(cast(A).T)),
        col_sums=lambda A: back(total(cast(A))),
        total=lambda x: float(back(total(cast(np.ravel(x))))),
        **(
            {} if kind is np.float64 else {f: (lambda g: lambda x: back(g(cast(x))))(getattr(np, f)) for f in FUNCTIONS}
        ),
    )


FUNCTIONS = ("exp", "expm1", "log", "log1p", "tanh")


def one_by_one(terms: np.ndarray) -> np.ndarray:
    """The sum in the order of the index."""
    total = np.zeros(terms.shape[1:], dtype=terms.dtype)
    for term in terms:
        total = total + term
    return total


def halves(terms: np.ndarray) -> np.ndarray:
    """Pairwise: the sum of the sums of both halves."""
    n = len(terms)
    return terms[0] if n == 1 else halves(terms[: n // 2]) + halves(terms[n // 2 :])


def worst_libm(seed: int) -> Arithmetic:
    """Elementary functions that are up to 4 units in the last place wrong, at random: the worst that is assumed."""
    rng = np.random.default_rng(seed)

    def wrong(function):
        def elementwise(x):
            with np.errstate(all="ignore"):
                y = np.asarray(function(x))
                return y * (1.0 + rng.integers(-8, 9, y.shape) * 2.0**-53)

        return elementwise

    return replace(get_arithmetic("fast"), name="libm", **{f: wrong(getattr(np, f)) for f in FUNCTIONS})


def per_sample(fast: Arithmetic) -> Arithmetic:
    """One sample at a time, as in a book's loop: gradients accumulate sample by sample."""

    def outer(A, B):
        total = np.zeros((A.shape[0], B.shape[0]))
        for i in range(A.shape[1]):
            total = total + np.outer(A[:, i], B[:, i])
        return total

    def columns(multiply):
        return lambda A, B: np.stack([multiply(A, B[:, i]) for i in range(B.shape[1])], axis=1)

    return replace(
        fast,
        name="per sample",
        matmul=columns(lambda A, x: A @ x),
        crossprod=columns(lambda A, x: A.T @ x),
        tcrossprod=outer,
        row_sums=lambda A: one_by_one(A.T),
    )


def orders() -> dict[str, Arithmetic]:
    """Correct ways to evaluate a network in Python."""
    fast = get_arithmetic("fast")
    ways = [
        fast,
        get_arithmetic("exact"),
        summing("in order", one_by_one),
        summing("reversed", lambda terms: one_by_one(terms[::-1])),
        summing("pairwise", halves),
        per_sample(fast),
        worst_libm(1),
    ]
    if np.finfo(np.longdouble).nmant > 52:
        ways.append(summing("long double", one_by_one, np.longdouble))
    return {way.name: way for way in ways}


# --- Python -----------------------------------------------------------------------------------------------------------


class ChangedLoader(MetaPathFinder, Loader):
    """Imports the reference from texts."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.texts = {f"nnparity.{name}": text for name, text in texts.items()}

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        return spec_from_loader(fullname, self) if fullname in self.texts else None

    def exec_module(self, module: types.ModuleType) -> None:
        exec(compile(self.texts[module.__name__], f"{module.__name__} (changed)", "exec"), module.__dict__)


def changed_text(text: str, change: Change) -> str:
    """The text with the change made in it."""
    places = text.count(change.old)
    assert places == 1, f"{change.name}: stands {places} times in {change.file}, not once: {change.old!r}"
    return text.replace(change.old, change.new)


@contextmanager
def reference(change: Change | None = None) -> Iterator[dict[str, types.ModuleType]]:
    """The modules of the Python reference, fresh, with a change made in one of them."""
    texts = {name: (PACKAGE / f"{name}.py").read_text(encoding="utf-8") for name in REFERENCE}
    if change is not None:
        texts[change.file] = changed_text(texts[change.file], change)
    names = [f"nnparity.{name}" for name in REFERENCE]
    kept = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    finder = ChangedLoader(texts)
    sys.meta_path.insert(0, finder)
    try:
        for name in names:
            __import__(name)
        yield {name: sys.modules[f"nnparity.{name}"] for name in REFERENCE}
    finally:
        sys.meta_path.remove(finder)
        for name in names:
            sys.modules.pop(name, None)
        sys.modules.update(kept)
        package = sys.modules["nnparity"]
        for name, module in kept.items():
            setattr(package, name.rpartition(".")[2], module)


def run_python(cases: Sequence[Case], arithmetic: Any = "fast", change: Change | None = None) -> list[Result]:
    """Trace every case, with a change if one is given."""
    with reference(change) as modules:
        if isinstance(arithmetic, Arithmetic):  # of the fresh module's class, which is another object
            fields = {name: getattr(arithmetic, name) for name in Arithmetic.__dataclass_fields__}
            arithmetic = modules["arithmetic"].Arithmetic(**fields)
        return [trace_case(modules, case, arithmetic) for case in cases]


def trace_case(modules: dict[str, types.ModuleType], case: Case, arithmetic: Any) -> Result:
    """One case's traces, the first of which holds the drawn parameters; a change may make anything go wrong."""
    try:
        network = modules["network"].define_network(**case.network)
        optimizer = modules["optimizers"].define_optimizer(**case.optimizer)
        drawn = Trace()
        if case.init:
            W, b = modules["initializers"].initialize_parameters(network, case.init, case.seed)
            for l in range(1, len(W) + 1):
                drawn[f"W{l}"], drawn[f"b{l}"] = W[l - 1], b[l - 1]
        traces = [drawn]
        W, b = case.W, case.b
        state = modules["optimizers"].initial_state(optimizer, W, b)
        for _ in range(case.steps):
            trace = modules["trace"].trace_step(network, optimizer, W, b, case.X, case.Y, state, arithmetic)
            traces.append(Trace(trace, trace.inputs))
            W = [trace[f"W{l}_new"] for l in range(1, len(W) + 1)]
            b = [trace[f"b{l}_new"] for l in range(1, len(b) + 1)]
            state = {name: trace[name] for name in state}
        return traces
    except Exception as error:
        return f"{type(error).__name__}: {error}"


# --- R ----------------------------------------------------------------------------------------------------------------


def as_r(value: Any) -> str:
    """A value as R code that gives the same bits."""
    if isinstance(value, dict):
        return f"list({', '.join(f'{name} = {as_r(entry)}' for name, entry in value.items())})"
    if isinstance(value, np.ndarray):
        numbers = f"c({', '.join(float(x).hex() for x in value.ravel(order='F'))})"
        return numbers if value.ndim == 1 else f"matrix({numbers}, {value.shape[0]}L, {value.shape[1]}L)"
    if isinstance(value, list | tuple):
        arrays = any(isinstance(entry, np.ndarray) for entry in value)
        return f"{'list' if arrays else 'c'}({', '.join(map(as_r, value))})" if value else "integer()"
    return f'"{value}"' if isinstance(value, str) else float(value).hex()


def run_r(
    cases: Sequence[Case],
    folder: Path,
    arithmetic: str = "fast",
    changes: Sequence[Change] = (),
    blas: str | None = None,
) -> list[list[Result]]:
    """Trace every case in R: with the sources as they are, then with each change.

    Parameters
    ----------
    arithmetic : "fast", "exact", or "internal" for R's own products in long double.
    blas : library of a BLAS to load in place of the default one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    fields = ["network", "optimizer", "W", "b", "X", "Y", "steps", "init", "seed"]
    described = [{name: getattr(case, name) for name in fields} for case in cases]
    for case in described:
        case["init"] = case["init"] or []
    code = ",\n".join(as_r(case) for case in described)
    (folder / "cases.R").write_text(f"list(\n{code}\n)\n", encoding="utf-8")
    with (folder / "changes.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "old", "new"])
        writer.writerows([change.file, change.old, change.new] for change in changes)
    command = [
        "Rscript",
        "--vanilla",
        str(Path(__file__).with_name("trace_worker.R")),
        str(ROOT),
        str(folder),
        arithmetic,
    ]
    environment = dict(os.environ, **({"LD_PRELOAD": blas} if blas else {}))
    subprocess.run(command, check=True, env=environment)
    return read_results(folder, cases, 1 + len(changes))


def read_results(folder: Path, cases: Sequence[Case], runs: int) -> list[list[Result]]:
    """What the worker wrote."""
    values = np.fromfile(folder / "out.bin")
    results: list[list[Any]] = [[[Trace()] for _ in cases] for _ in range(runs)]
    place = 0
    for line in (folder / "out.txt").read_text(encoding="utf-8").splitlines():
        run, number, step, quantity, rest = line.split(" ", 4)
        if quantity == "error":
            results[int(run)][int(number) - 1] = rest
            continue
        rows, columns = map(int, rest.split())
        size = rows * max(columns, 1)
        array: Any = values[place : place + size]
        place += size
        if columns:
            array = array.reshape((rows, columns), order="F")
        elif quantity in ("loss", "step_count") and rows == 1:
            array = float(array[0])
        traces = results[int(run)][int(number) - 1]
        while len(traces) <= int(step):
            traces.append(Trace())
        traces[int(step)][quantity] = array
    for result in results:
        for case, traces in zip(cases, result, strict=True):
            if not isinstance(traces, str):
                add_inputs(case, traces)
    return results


def add_inputs(case: Case, traces: list[Trace]) -> None:
    """What each step of a trace was computed from: the case's start, then what the step before made of it."""
    parameters = {f"W{l}": value for l, value in enumerate(case.W, start=1)}
    parameters |= {f"b{l}": value for l, value in enumerate(case.b, start=1)}
    known = {name for name in traces[1] if "_" in name and not name.endswith("_new")} if len(traces) > 1 else set()
    state = {name: np.zeros_like(traces[1][name]) for name in known}
    for trace in traces[1:]:
        trace.inputs = parameters | {"Y": case.Y} | state
        parameters = {name: trace.get(f"{name}_new") for name in parameters}
        state = {name: trace.get(name) for name in known}


def blas_builds() -> dict[str, str]:
    """The BLAS builds that Debian keeps beside each other, by name."""
    found = sorted(Path("/usr/lib").glob("*-linux-gnu/*/libblas.so.3"))
    return {path.parent.name: str(path) for path in found}
