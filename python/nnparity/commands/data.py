"""Data for the commands: labels as the user wrote them, columns by the model's names, files written whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nnparity.checks import stop_input
from nnparity.commands.tables import one_number
from nnparity.datasets import Dataset, load_csv, load_data, split_data
from nnparity.model import Model
from nnparity.preprocessing import label_text


@dataclass(frozen=True)
class Labelled:
    """A data set as the doors of `nnparity.model` take it: a table, named where the file names its columns; labels."""

    data: Dataset
    table: Any
    labels: Any


def labelled(data: Dataset) -> Labelled:
    """The table with its names, and the labels as the file has them: classes that are numbers are numbers."""
    labels = data.y if data.classes is None else plain_classes(data.classes)[data.y]
    return Labelled(data, named_table(data.X, data.features), labels)


def plain_classes(classes: tuple[str, ...]) -> Any:
    """The classes as an array: numbers where all their names are."""
    try:
        numbers = np.array([float(name) for name in classes])
    except ValueError:
        return np.array(classes)
    return numbers if [label_text(value) for value in numbers.tolist()] == list(classes) else np.array(classes)


def named_table(X: Any, features: tuple[str, ...] | None) -> Any:
    """A data frame where the columns have names that differ, else the matrix."""
    if features is None or len(set(features)) < len(features):
        return X
    import pandas as pd

    return pd.DataFrame(X, columns=list(features))


def load_labelled(path: str, labels: str | None = None, label: str = "auto", task: str = "auto") -> Labelled:
    """Whatever is at the path, with its labels; `label` is the column of a CSV file, `task` what labels are."""
    return labelled(load_any(path, labels, label, task))


def load_any(path: str, labels: str | None = None, label: str = "auto", task: str = "auto") -> Dataset:
    """A data set; a label's column, or a task that asks for another reading, makes it a CSV file."""
    column: str | int = int(label) if label.isdecimal() else label
    data = load_data(path, labels) if label == "auto" else load_csv(path, label=column)
    if task != "auto" and (data.classes is None) == (task == "classes"):
        return load_csv(path, label=column, classes=task == "classes")
    return data


def model_task(model: Model) -> str:
    """What the model's labels are."""
    return "classes" if model.targets.classes else "numbers"


def split_validation(
    sample: Labelled, validation: str | None, label: str, task: str
) -> tuple[Labelled, Labelled | None]:
    """The part for training, and what is held out: a share or a number of the rows, or another file."""
    if validation is None:
        return sample, None
    if Path(validation).exists():
        return sample, load_labelled(validation, None, label, task)
    count = one_number(validation, "--validation")
    rows = sample.data.X.shape[0]
    held = int(rows * count) if 0 < count < 1 else count
    if held != int(held) or not 0 < held < rows:
        stop_input(f"--validation must be a share below 1, a number of rows below {rows}, or a file, not {validation}")
    first, rest = split_data(sample.data, rows - int(held))
    return labelled(first), labelled(rest)


def load_inputs(path: str, model: Model, labels: str | None = None, label: str = "auto") -> Any:
    """Inputs for a model, with or without a label column beside them."""
    data = load_any(path, labels, label)
    if data.X.shape[1] == model.network.sizes[0] - 1 and label == "auto":
        bare = load_csv(path, label="last", classes=False)
        return np.column_stack([bare.X, bare.y])
    return named_table(data.X, data.features)


def write_lines(lines: list[str], path: str) -> None:
    """Write a text file."""
    try:
        Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    except OSError as error:
        stop_input(f"{path}: expected a place to write to, but {(error.strerror or 'it is none').lower()}")
