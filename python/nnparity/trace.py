"""A trace keeps every quantity of a gradient step in order of computation, so that two networks can be compared."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from nnparity.checks import stop_input
from nnparity.files import write_lines_whole
from nnparity.losses import loss_value
from nnparity.network import backward, forward
from nnparity.optimizers import apply_update

if TYPE_CHECKING:
    import pandas

TRACE_MAGIC = "# nnparity trace 1"
TRACE_COLUMNS = "step,quantity,row,col,value"
QUANTITY_PATTERN = r"[A-Za-z][A-Za-z0-9_.]*"
NUMBER_PATTERN = r"NaN|-?Inf|[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_LINE = re.compile(rf"([0-9]+),({QUANTITY_PATTERN}),([0-9]+),([0-9]+),({NUMBER_PATTERN})")
_VECTOR = re.compile(r"d?b[0-9]+(_.*)?")
SCALARS = ("loss", "step_count")


class Trace(dict[str, Any]):
    """Quantity name -> array, in order of computation.

    Attributes
    ----------
    inputs : dict
        What the step was computed from, by the same names: ``W1``, ``b1``, …, ``Y`` and the optimizer's state before
        the step. The rounding bounds are taken given these.
    """

    def __init__(self, quantities: Mapping[str, Any] | None = None, inputs: Mapping[str, Any] | None = None) -> None:
        super().__init__(quantities or {})
        self.inputs: dict[str, Any] = dict(inputs or {})


def trace_step(network, optimizer, W, b, X, Y, state, arithmetic="fast") -> Trace:
    """One gradient step, with every quantity it computes.

    Parameters
    ----------
    network, optimizer : definitions
        From ``define_network`` and ``define_optimizer``.
    W, b : list of arrays
        ``W[l]`` (n_l, n_{l-1}), ``b[l]`` (n_l,).
    X, Y : arrays
        (n_0, m) and (n_L, m), one column per sample.
    state : optimizer state before the step
    arithmetic : "fast", "exact", or the object of ``get_arithmetic``

    Returns
    -------
    Trace
        ``A0, Z1, A1, …, ZL, AL, loss, deltaL, dWL, dbL, …, delta1, dW1, db1, W1_new, b1_new, …`` and the optimizer's
        state after the step (``W1_velocity`` …).
    """
    Z, A = forward(network, W, b, X, arithmetic)
    loss = loss_value(network, W, Z, A, Y, arithmetic)
    delta, dW, db = backward(network, W, Z, A, Y, arithmetic)
    W_new, b_new, state_new = apply_update(optimizer, W, b, dW, db, state, arithmetic)
    return Trace(
        name_quantities(Z, A, loss, delta, dW, db, W_new, b_new, state_new),
        inputs=name_inputs(W, b, Y, state),
    )


def name_quantities(Z, A, loss, delta, dW, db, W_new, b_new, state_new) -> dict[str, Any]:
    """The quantities of one step by name, in order of computation."""
    layers = range(1, len(Z) + 1)
    quantities: dict[str, Any] = {"A0": A[0]}
    for l in layers:
        quantities[f"Z{l}"] = Z[l - 1]
        quantities[f"A{l}"] = A[l]
    quantities["loss"] = loss
    for l in reversed(layers):
        quantities[f"delta{l}"] = delta[l - 1]
        quantities[f"dW{l}"] = dW[l - 1]
        quantities[f"db{l}"] = db[l - 1]
    for l in layers:
        quantities[f"W{l}_new"] = W_new[l - 1]
        quantities[f"b{l}_new"] = b_new[l - 1]
    quantities.update(state_new)
    return quantities


def name_inputs(W, b, Y, state) -> dict[str, Any]:
    """What a step starts from, by name: ``W1, b1, …, Y`` and the optimizer's state."""
    inputs: dict[str, Any] = {}
    for l in range(1, len(W) + 1):
        inputs[f"W{l}"] = W[l - 1]
        inputs[f"b{l}"] = b[l - 1]
    inputs["Y"] = Y
    inputs.update(state)
    return inputs


def trace_table(traces) -> pandas.DataFrame:
    """Traces as a data frame: one row per element, column by column.

    Parameters
    ----------
    traces : Trace or sequence of Trace
        One trace per step.

    Returns
    -------
    pandas.DataFrame
        Columns ``step, quantity, row, col, value``; step, row and col count from 1.
    """
    import pandas

    columns: dict[str, list[Any]] = {name: [] for name in TRACE_COLUMNS.split(",")}
    for step, trace in enumerate(as_steps(traces), start=1):
        for quantity, value in trace.items():
            array = as_matrix(value)
            rows, cols = array.shape
            columns["step"].append(np.full(array.size, step))
            columns["quantity"].append(np.full(array.size, quantity, dtype=object))
            columns["row"].append(np.tile(np.arange(1, rows + 1), cols))
            columns["col"].append(np.repeat(np.arange(1, cols + 1), rows))
            columns["value"].append(array.ravel(order="F"))
    return pandas.DataFrame({name: np.concatenate(parts) if parts else [] for name, parts in columns.items()})


def write_trace(path, traces) -> None:
    """Write traces to a file that R, Python and any third language can read without loss.

    The first line is ``# nnparity trace 1``, then CSV ``step,quantity,row,col,value``: 1-based, column by column,
    values as ``%.17g`` with ``NaN``, ``Inf``, ``-Inf``, ``-0``. The file appears whole or not at all.

    Parameters
    ----------
    path : str or path
    traces : Trace or sequence of Trace
        One trace per step.
    """
    lines = [TRACE_MAGIC, TRACE_COLUMNS]
    for step, trace in enumerate(as_steps(traces), start=1):
        for quantity, value in trace.items():
            array = as_matrix(value)
            lines.extend(
                f"{step},{quantity},{row},{col},{format_number(x)}"
                for col, column in enumerate(array.T.tolist(), start=1)
                for row, x in enumerate(column, start=1)
            )
    write_text_atomically(path, "\n".join(lines) + "\n")


def read_trace(path) -> list[Trace]:
    """Read a trace file.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    list of Trace
        One per step. Biases and their gradients are 1-D, the loss a scalar, everything else a matrix.

    Raises
    ------
    InputError
        If the file is missing, is not a trace, or is damaged; the sentence names the line.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8")
    except OSError as error:
        stop_input(f"trace file must be readable, but '{path}' is not: {error.strerror}")
    except UnicodeDecodeError:
        stop_input(f"'{path}' is not a trace file: it is not text")
    lines = text.replace("\r\n", "\n").split("\n")
    if lines[0] != TRACE_MAGIC:
        stop_input(f"'{path}' is not a trace file: line 1 must be '{TRACE_MAGIC}', not '{lines[0][:60]}'")
    if len(lines) < 2 or lines[1] != TRACE_COLUMNS:
        found = lines[1][:60] if len(lines) > 1 else ""
        stop_input(f"trace file '{path}', line 2: expected '{TRACE_COLUMNS}', found '{found}'")
    if lines[-1] != "":
        stop_input(f"trace file '{path}', line {len(lines)}: the file is truncated, this line has no end")
    return traces_of_lines(path, lines[2:-1])


def traces_of_lines(path, lines) -> list[Trace]:
    """Traces from the element lines of a file; line numbers in errors count from the top of the file."""
    blocks: list[tuple[int, str, int]] = []  # step, quantity, index of its first line
    rows, cols, values = [], [], []
    for i, line in enumerate(lines):
        match = _LINE.fullmatch(line)
        if match is None:
            damaged(path, i, f"expected step,quantity,row,col,value, found '{line[:60]}'")
        step, quantity = int(match[1]), match[2]
        if not blocks or blocks[-1][:2] != (step, quantity):
            blocks.append((step, quantity, i))
        rows.append(int(match[3]))
        cols.append(int(match[4]))
        values.append(float(match[5]))
    traces: list[Trace] = []
    ends = [first for _, _, first in blocks[1:]] + [len(lines)]
    for (step, quantity, first), end in zip(blocks, ends, strict=True):
        if step == len(traces) + 1:
            traces.append(Trace())
        elif step != len(traces) or step == 0:
            damaged(path, first, f"expected step {len(traces) + 1}, found step {step}")
        if quantity in traces[-1]:
            damaged(path, first, f"{quantity} of step {step} stands in two places")
        shape = shape_of_block(path, quantity, rows[first:end], cols[first:end], first)
        traces[-1][quantity] = as_quantity(quantity, np.array(values[first:end]).reshape(shape, order="F"))
    return traces


def shape_of_block(path, quantity, rows, cols, first) -> tuple[int, int]:
    """Rows and columns of a quantity whose elements must stand column by column, without a gap."""
    height = next((i for i, col in enumerate(cols) if col != 1), len(cols)) or 1
    for i, (row, col) in enumerate(zip(rows, cols, strict=True)):
        if (row, col) != (i % height + 1, i // height + 1):
            place = f"row {i % height + 1}, column {i // height + 1} of {quantity}"
            damaged(path, first + i, f"expected {place}, found row {row}, column {col}")
    if len(rows) % height:
        damaged(path, first + len(rows) - 1, f"the last column of {quantity} has {len(rows) % height} of {height} rows")
    return height, len(rows) // height


def damaged(path, index, sentence) -> NoReturn:
    """InputError for the element line with this index (0-based); two header lines stand above it."""
    stop_input(f"trace file '{path}', line {index + 3}: {sentence}")


def as_steps(traces) -> Sequence[Mapping[str, Any]]:
    """One trace is a sequence of one step."""
    return [traces] if isinstance(traces, Mapping) else list(traces)


def as_matrix(value) -> np.ndarray:
    """A scalar as 1 x 1, a vector as one column."""
    array = np.asarray(value, dtype=np.float64)
    return array if array.ndim == 2 else array.reshape(-1, 1)


def as_quantity(quantity, matrix) -> Any:
    """The shape a quantity has in a trace: biases are 1-D, the loss is a scalar, all else is a matrix."""
    if quantity in SCALARS and matrix.size == 1:
        return float(matrix[0, 0])
    if _VECTOR.fullmatch(quantity) and matrix.shape[1] == 1:
        return matrix[:, 0]
    return matrix


def format_number(x) -> str:
    """A double as ``%.17g`` with ``NaN``, ``Inf``, ``-Inf``, ``-0``: text that every language reads back unchanged."""
    if math.isfinite(x):
        return f"{x:.17g}"
    return "NaN" if math.isnan(x) else "Inf" if x > 0 else "-Inf"


def write_text_atomically(path, text) -> None:
    """Write a text file whole or not at all."""
    try:
        write_lines_whole([text.removesuffix("\n")], path)
    except OSError as error:
        stop_input(f"'{path}' must be writable, but it is not: {error.strerror}")
