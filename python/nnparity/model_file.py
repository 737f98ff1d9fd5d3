r"""A model as a text file that both languages read without loss and without executing anything.

The first line is ``nnparity model 1``; each other line holds one entry, its four parts separated by tabs:

    name    kind (number or text)    dimensions (30x784, 10; a matrix by column)    values, separated by tabs

Numbers have 17 significant digits, which give every double back; ``NaN``, ``Inf`` and ``-Inf`` are what they are.  In
text, a backslash, a tab and a line feed are written ``\\``, ``\t`` and ``\n``.  The file is written beside its place
and then moved there: whoever looks sees the old one or the new one, never half of it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nnparity.arithmetic import get_arithmetic
from nnparity.checks import InputError, check_count, check_word, stop_input
from nnparity.files import stop_unwritten, write_lines_whole
from nnparity.model import Model
from nnparity.network import check_parameters, define_network
from nnparity.optimizers import define_optimizer, initial_state
from nnparity.preprocessing import SCALINGS, Scaling, Targets
from nnparity.random import r_from_state
from nnparity.training import TrainingState, define_training

MODEL_FILE_HEADER = "nnparity model 1"
HISTORY_COLUMNS = ("epoch", "eta", "loss", "metric", "validation_loss", "validation_metric", "seconds")

Entries = dict[str, Any]  # name -> array of numbers (1-D or 2-D), or list of text


def save_model(model: Model, path: str | Path) -> None:
    """Write a model, its training state included.

    Parameters
    ----------
    model : from `prepare_model`, `train_model` or `load_model`.
    path : the file; an old one is replaced.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    write_entries(model_entries(model), path)


def load_model(path: str | Path) -> Model:
    """Read a model that `save_model` of either language has written.

    Raises
    ------
    InputError
        The file is missing, is something else, or is damaged; the sentence says where.
    """
    entries = read_entries(path)
    try:
        return entries_model(entries)
    except InputError as error:
        stop_input(f"{path}: {error}")


def model_entries(model: Model) -> Entries:
    """What is written of a model, by name and in this order."""
    network, optimizer, plan, state = model.network, model.optimizer, model.plan, model.state
    entries: Entries = {
        "sizes": np.array(network.sizes, float),
        "activations": list(network.activations),
        "loss": [network.loss],
        "constants": np.array([network.slope, network.huber_delta, network.elu_alpha, network.l1, network.l2]),
        "no_bias": np.array(network.no_bias, float),
        "optimizer": [optimizer.name],
        "eta": np.array([optimizer.eta]),
        "clip_norm": optional_number(optimizer.clip_norm),
        **{f"optimizer.{name}": np.array([value]) for name, value in optimizer.hyper.items()},
        "epochs": np.array([plan.epochs], float),
        "batch": np.array([plan.batch], float),
        "schedule": [plan.schedule],
        "dropout": np.array([plan.dropout]),
        "patience": optional_number(plan.patience),
        "monitor": [plan.monitor],
        "metric": [plan.metric],
        **{f"schedule.{name}": np.array([value]) for name, value in plan.hyper.items()},
        "scaling": [model.scaling.name],
        "scaling.shift": model.scaling.shift,
        "scaling.width": model.scaling.width,
        "classes": list(model.targets.classes),
        "classes.numeric": np.array([float(model.targets.numeric)]),
        "features": list(model.features),
        "arithmetic": [model.arithmetic],
    }
    entries |= parameter_entries("", state.W, state.b)
    memory = state.optimizer_state
    entries |= {f"state.{name}": np.atleast_1d(np.asarray(value, float)) for name, value in memory.items()}
    entries |= {
        "random_seed": np.asarray(state.random_seed, float),
        "progress": np.array([state.epoch, state.best_value, state.best_epoch, state.halvings, state.halved], float),
        "stopped": [state.stopped],
    }
    entries |= {f"history.{name}": np.array([row[name] for row in state.history]) for name in HISTORY_COLUMNS}
    return entries | parameter_entries("best.", state.best_W, state.best_b)


def parameter_entries(prefix: str, W: Sequence[Any], b: Sequence[Any]) -> Entries:
    """W1, b1, W2, … by name."""
    entries: Entries = {}
    for layer, (weights, biases) in enumerate(zip(W, b, strict=True), start=1):
        entries[f"{prefix}W{layer}"] = weights
        entries[f"{prefix}b{layer}"] = biases
    return entries


def optional_number(value: float | None) -> Any:
    """One number, or none."""
    return np.array([] if value is None else [value], float)


def entries_model(entries: Entries) -> Model:
    """The model out of its entries, checked as if the user had typed it."""
    slope, huber_delta, elu_alpha, l1, l2 = entry(entries, "constants", 5).tolist()
    sizes = entry(entries, "sizes").tolist()
    activations = text_entry(entries, "activations", max(1, len(sizes) - 1))
    network = define_network(
        sizes, activations[:-1] or "linear", activations[-1], text_entry(entries, "loss", 1)[0],
        slope, huber_delta, elu_alpha, entry(entries, "no_bias").tolist(), l1, l2,
    )  # fmt: skip
    optimizer = define_optimizer(
        text_entry(entries, "optimizer", 1)[0], entry(entries, "eta", 1)[0], first_or_none(entry(entries, "clip_norm")),
        **prefixed_numbers(entries, "optimizer."),
    )  # fmt: skip
    plan = define_training(
        entry(entries, "epochs", 1)[0], entry(entries, "batch", 1)[0], text_entry(entries, "schedule", 1)[0],
        entry(entries, "dropout", 1)[0], first_or_none(entry(entries, "patience")),
        text_entry(entries, "monitor", 1)[0], text_entry(entries, "metric", 1)[0],
        **prefixed_numbers(entries, "schedule."),
    )  # fmt: skip
    W, b = entry_parameters(entries, "", len(sizes) - 1)
    W, b = check_parameters(network, W, b)
    memory = initial_state(optimizer, W, b)
    for name, zeros in memory.items():
        saved = entry(entries, f"state.{name}")
        if np.atleast_1d(zeros).shape != saved.shape:
            stop_input(f"state.{name} must have the shape of its parameter")
        memory[name] = float(saved[0]) if np.ndim(zeros) == 0 else saved
    progress = entry(entries, "progress", 5).tolist()
    epoch, best_epoch, halvings, halved = (check_count(progress[k], f"progress[{k + 1}]", 0) for k in (0, 2, 3, 4))
    columns = [entry(entries, f"history.{name}", epoch).tolist() for name in HISTORY_COLUMNS]
    best = entry_parameters(entries, "best.", len(sizes) - 1) if "best.W1" in entries else ([], [])
    if best[0]:
        check_parameters(network, *best)
    state = TrainingState(
        W=W, b=b, optimizer_state=memory, random_seed=saved_seed(entry(entries, "random_seed")), epoch=epoch,
        history=[dict(zip(HISTORY_COLUMNS, row, strict=True)) for row in zip(*columns, strict=True)],
        best_value=progress[1], best_epoch=best_epoch, best_W=best[0], best_b=best[1], halvings=halvings,
        halved=halved, stopped=text_entry(entries, "stopped", 1)[0],
    )  # fmt: skip
    name = check_word(text_entry(entries, "scaling", 1)[0], SCALINGS, "scaling")
    scaled = 0 if name == "none" else network.sizes[0]
    scaling = Scaling(name, entry(entries, "scaling.shift", scaled), entry(entries, "scaling.width", scaled))
    classes = text_or_none(entries, "classes", max(2, network.sizes[-1]))
    targets = Targets(tuple(classes), bool(entry(entries, "classes.numeric", 1)[0]), network.sizes[-1])
    features = tuple(text_or_none(entries, "features", network.sizes[0]))
    arithmetic = get_arithmetic(text_entry(entries, "arithmetic", 1)[0]).name
    return Model(network, optimizer, plan, state, scaling, targets, features, arithmetic)


def entry(entries: Entries, name: str, size: int | None = None) -> Any:
    """The numbers of that name, `size` of them where it is given; otherwise InputError."""
    if name not in entries or isinstance(entries[name], list):
        stop_input(f"expected an entry {name} of numbers, found none")
    if size is None:
        return entries[name]
    if entries[name].size != size:
        stop_input(f"expected {size} numbers in {name}, found {entries[name].size}")
    return entries[name].ravel(order="F")


def text_entry(entries: Entries, name: str, size: int | None = None) -> list[str]:
    """The text of that name, `size` words of it where it is given; otherwise InputError."""
    if not isinstance(entries.get(name), list):
        stop_input(f"expected an entry {name} of text, found none")
    if size is not None and len(entries[name]) != size:
        stop_input(f"expected {size} words in {name}, found {len(entries[name])}")
    return entries[name]


def text_or_none(entries: Entries, name: str, size: int) -> list[str]:
    """The text of that name, `size` words or none; otherwise InputError."""
    return text_entry(entries, name, size) if text_entry(entries, name) else []


def first_or_none(values: Any) -> Any:
    """The one number, or None where there is none."""
    return float(values.ravel()[0]) if values.size else None


def prefixed_numbers(entries: Entries, prefix: str) -> dict[str, float]:
    """The numbers whose names begin with the prefix, without it."""
    return {name.removeprefix(prefix): float(entry(entries, name, 1)[0]) for name in entries if name.startswith(prefix)}


def entry_parameters(entries: Entries, prefix: str, layers: int) -> tuple[list[Any], list[Any]]:
    """W and b by their names."""
    W, b = ([entry(entries, f"{prefix}{letter}{k}") for k in range(1, layers + 1)] for letter in "Wb")
    return W, b


def saved_seed(values: Any) -> Any:
    """The random stream's state out of numbers; InputError where it is none."""
    seed = values.astype(np.int32)
    r_from_state(seed)
    return seed


# --- the file --------------------------------------------------------------------------------------------------------


def write_entries(entries: Entries, path: str | Path) -> None:
    """Write entries to a file, whole or not at all."""
    lines = [MODEL_FILE_HEADER, *(entry_line(name, value) for name, value in entries.items())]
    try:
        write_lines_whole(lines, path)
    except OSError as error:
        stop_unwritten(path, error)



def entry_line(name: str, value: Any) -> str:
    """One entry as a line."""
    if isinstance(value, list):
        return "\t".join([name, "text", str(len(value)), *map(escape_text, value)])
    size = "x".join(map(str, value.shape))
    return "\t".join([name, "number", size, *map(number_text, value.ravel(order="F").tolist())])


def number_text(value: float) -> str:
    """A double by 17 significant digits, which give it back."""
    if math.isfinite(value):
        return f"{value:.17g}"
    return "NaN" if math.isnan(value) else "Inf" if value > 0 else "-Inf"


def escape_text(text: str) -> str:
    r"""Text without tabs and line feeds: ``\`` becomes ``\\``, a tab ``\t``, a line feed ``\n``."""
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def unescape_text(text: str) -> str:
    """What `escape_text` was given."""
    meaning = {"\\\\": "\\", "\\t": "\t", "\\n": "\n"}
    return re.sub(r"\\[\\tn]", lambda found: meaning[found.group()], text)


def read_entries(path: str | Path) -> Entries:
    """Entries out of a file; a line that is none is an InputError with its number."""
    try:
        lines = Path(path).read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError:
        lines = [""]
    except OSError as error:
        stop_input(f"{path}: expected a model file, but {(error.strerror or 'it cannot be read').lower()}")
    if lines[0] != MODEL_FILE_HEADER:
        stop_input(f"{path}: expected a model file, whose first line is '{MODEL_FILE_HEADER}'")
    entries: Entries = {}
    for number, line in enumerate(lines[1:], start=2):
        if line:
            name, value = parse_entry(line, f"{path}, line {number}")
            entries[name] = value
    return entries


def parse_entry(line: str, place: str) -> tuple[str, Any]:
    """Name and value of a line."""
    name, kind, size, values = (*line.split("\t", 3), "", "", "")[:4]
    fields = values.split("\t") if values or size == "1" else []
    shape = [int(part) for part in size.split("x")] if re.fullmatch(r"[0-9]{1,9}(x[0-9]{1,9})?", size) else [-1]
    if kind not in ("number", "text") or math.prod(shape) != len(fields):
        stop_input(f"{place}: expected a name, number or text, dimensions and as many values, separated by tabs")
    if kind == "text":
        return name, [unescape_text(field) for field in fields]
    try:
        numbers = np.array([float(field) for field in fields], dtype=float)
    except ValueError:
        stop_input(f"{place}: expected numbers only")
    return name, np.ascontiguousarray(numbers.reshape(shape, order="F"))
