"""Traces of a whole run of one language, and the comparison of two such runs out of files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nnparity.arithmetic import Array
from nnparity.compare import compare_traces, unmeasurable
from nnparity.parity import ParityResult, check_data, describe_difference, take_comparison
from nnparity.sides import PythonSide, Side, Start
from nnparity.trace import Trace
from nnparity.training import take_columns


def trace_run(
    side: Side, start: Start, X: Array, Y: Array, batch: int, steps: int, shuffle: bool = True
) -> list[Trace]:
    """The traces of one language's run.

    Parameters
    ----------
    side : `PythonSide` or `RSide`.
    start, X, Y, batch, shuffle : as in `run_parity`.
    steps : how many.
    """
    X, Y = check_data(start.network, X, Y)
    side.begin(start)
    side.data(X, Y)
    traces = []
    for k in range(steps):
        first, last = _place(side, X.shape[1], batch, k, shuffle)
        traces += side.steps([(first, last)])
    return traces


def _place(side: Side, n: int, batch: int, k: int, shuffle: bool) -> tuple[int, int]:
    # First and last sample of step k (from 0); a new epoch begins with its shuffle.
    at = k % -(-n // batch) * batch
    if at == 0 and shuffle:
        side.shuffle()
    return at + 1, min(at + batch, n)


def inputs_of_traces(
    traces: Sequence[Mapping[str, Any]], start: Start, X: Array, Y: Array, batch: int, shuffle: bool = True
) -> list[dict[str, Any]] | None:
    """What each step of a traced run was computed from, when the run is the one that `start` describes; otherwise None.

    The seed's samples are the witnesses: where a trace has them in A0, its weights were drawn before them.
    """
    side = PythonSide()
    parameters = dict(side.begin(start))
    side.data(X, Y)
    inputs = []
    for k, trace in enumerate(traces):
        first, last = _place(side, X.shape[1], batch, k, shuffle)
        columns = side.order[first - 1 : last] - 1
        if not np.array_equal(trace.get("A0", ()), take_columns(X, columns)):
            return None
        inputs.append({**parameters, "Y": take_columns(Y, columns)})
        parameters = {name: trace.get(f"{name}_new", trace.get(name)) for name in parameters}
    return inputs


def compare_runs(
    first: Sequence[Trace], second: Sequence[Trace], start: Start, inputs: Sequence[Sequence[dict[str, Any]] | None],
    names: tuple[str, str],
) -> ParityResult:  # fmt: skip
    """Compare the traces of two runs, step by step until the first difference.

    Parameters
    ----------
    first, second : one trace a step.
    start : what was run; its arithmetic says what is allowed.
    inputs : of `inputs_of_traces`, for each run; without them no rounding bound is known and only equal bits agree.
    names : of the two, for the report.
    """
    result = ParityResult(start, "", "", "", names=names)
    known = inputs[0] is not None and inputs[1] is not None
    for k, (a, b) in enumerate(zip(first, second, strict=False)):
        result.steps = result.epochs = k + 1
        given = (inputs[0][k], inputs[1][k]) if inputs[0] is not None and inputs[1] is not None else (None, None)
        network = start.network if known else None
        comparison = compare_traces(a, b, network, start.optimizer, start.arithmetic, *given)
        if not take_comparison(result, k + 1, comparison, a, b):
            return result
    if len(first) != len(second):
        wrong = unmeasurable("step", f"{len(first)} steps against {len(second)}")
        result.difference = describe_difference(result, result.steps + 1, wrong, None, None)
    return result
