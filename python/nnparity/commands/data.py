"""Data for the commands: labels as the user wrote them, columns by the model's names, files written whole."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from nnparity.checks import describe, stop_input
from nnparity.datasets import Dataset, is_decimal, is_table, load_csv, load_data, load_features, split_data
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
    numbers = [float(name) for name in classes if is_decimal(name)]
    return np.array(numbers if [label_text(value) for value in numbers] == list(classes) else classes)


def named_table(X: Any, features: tuple[str, ...] | None) -> Any:
    """A data frame where the columns have names that differ, else the matrix."""
    if features is None or len(set(features)) < len(features):
        return X
    import pandas as pd

    return pd.DataFrame(X, columns=list(features))


def load_labelled(
    path: str, labels: str | None = None, label: str = "auto", task: str = "auto", model: Model | None = None
) -> Labelled:
    """Whatever is at the path, with its labels.

    `label` is the column of a CSV file, `task` what labels are, `model` whose columns and classes they are.
    """
    return labelled(load_any(path, labels, label, task, model))


def load_any(
    path: str, labels: str | None = None, label: str = "auto", task: str = "auto", model: Model | None = None
) -> Dataset:
    """A data set; a label's column, or a task that asks for another reading, makes it a CSV file."""
    inputs, known = ((), ()) if model is None else (model.features, model.targets.classes)
    read = partial(load_csv, path, label_place(label), inputs=inputs, known=known)
    data = load_data(path, labels) if label == "auto" and (labels is not None or not is_table(path)) else read()
    if task != "auto" and (data.classes is None) == (task == "classes"):
        return read(classes=task == "classes")
    return data


def label_place(label: str) -> str | int:
    """The label's column as `load_csv` takes it: digits are a number."""
    return int(label) if label.isdecimal() else label


def model_task(model: Model) -> str:
    """What the model's labels are."""
    return "classes" if model.targets.classes else "numbers"


def split_validation(
    sample: Labelled, validation: str | None, label: str, task: str
) -> tuple[Labelled, Labelled | None]:
    """The part for training, and what is held out: a share or a number of the rows, or another file."""
    if validation is None:
        return sample, None
    if os.path.exists(validation):
        return sample, load_labelled(validation, None, label, task)
    count = float(validation) if is_decimal(validation.strip()) else math.nan
    rows = sample.data.X.shape[0]
    held = math.floor(rows * count) if 0 < count < 1 else count
    if not math.isfinite(held) or held != int(held) or not 0 < held < rows:
        stop_input(
            f"--validation must be a share below 1, a number of rows below {rows}, or a file, "
            f"not {describe(validation)}"
        )
    first, rest = split_data(sample.data, rows - int(held))
    return with_all_classes(first), with_all_classes(rest)


def with_all_classes(part: Dataset) -> Labelled:
    """A part of a data set, its labels categories: the classes of the whole are its classes, as R's factors have it."""
    if part.classes is None:
        return labelled(part)
    import pandas as pd

    labels = pd.Categorical.from_codes(part.y, categories=plain_classes(part.classes))
    return Labelled(part, named_table(part.X, part.features), labels)


def load_inputs(path: str, model: Model, labels: str | None = None, label: str = "auto") -> Any:
    """Inputs for a model, with or without labels beside them."""
    known = model.features, model.targets.classes
    data = load_features(path, model.network.sizes[0], *known, label_place(label), labels)
    return named_table(data.X, data.features)
