"""Data come in through here: from files of whatever format, checked, as one row per observation and labels as classes.

Every file that cannot be used is turned away in one sentence with its place; nothing is guessed about missing values.
"""

import csv
import gzip
import io
import math
import re
import zlib
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nnparity import _resources
from nnparity.checks import describe, stop_input
from nnparity.generators import make_clusters, make_image, make_spiral, make_xor
from nnparity.random import r_sample_int, r_set_seed


@dataclass(frozen=True)
class Dataset:
    """Observations and what is known about them.

    Parameters
    ----------
    X : array, shape (n, features): one row per observation.
    y : int array, shape (n,): the class of each observation, as a place in `classes`, from 0;
        or float array, shape (n,) or (n, outputs), when `classes` is None.
    classes : the names of the classes in their order (numbers by size, text by code point), or None.
    features : the names of the columns of X, or None.
    name : where the data come from.
    """

    X: NDArray[np.float64]
    y: NDArray[Any]
    classes: tuple[str, ...] | None
    features: tuple[str, ...] | None
    name: str

    def __repr__(self) -> str:
        kind = "numbers to predict" if self.classes is None else f"{len(self.classes)} classes"
        return f"<{self.name}: {self.X.shape[0]} observations of {self.X.shape[1]} features, {kind}>"


def load_data(path: str | Path, labels: str | Path | None = None) -> Dataset:
    """Load whatever is at `path`, told by its content: the door of ``--data PATH``.

    Parameters
    ----------
    path : a CSV file, an IDX file of images, a folder with an IDX pair, Nielsen's ``mnist.pkl.gz`` (its training part),
        each gzipped or not; or a word of `DATASETS` (digits, clusters, spiral, image, xor) where no such file is.
    labels : the IDX file of the labels, when it does not lie beside the images under their name.

    Raises
    ------
    InputError
        If there is nothing, or nothing that can be read.
    """
    if str(path) in DATASETS and not Path(path).exists():
        return DATASETS[str(path)]()
    kind = "idx" if Path(path).is_dir() else _kind_of(_read_bytes(path, 8))
    if labels is not None and kind != "idx":
        stop_input(f"{path}: a file of labels goes with an IDX file of images, which this is not")
    if kind == "idx":
        return load_idx(path, labels)
    return load_pickle(path)[0] if kind == "pickle" else load_csv(path)


def load_digits(scale: bool = True) -> Dataset:
    """Load the 1797 handwritten digits of 8 × 8 pixels that ship with the package.

    Parameters
    ----------
    scale : pixels from 0 to 1 (divided by 16, exactly); otherwise the whole numbers 0 to 16 of the file.

    Returns
    -------
    Dataset with X 1797 × 64, row by row of the image, and the classes 0 to 9.

    Notes
    -----
    Alpaydin and Kaynak (1998), UCI Machine Learning Repository, CC BY 4.0; see ``fixtures/data/README.md``.
    """
    data = load_csv(_resources.data_dir() / "digits.csv.gz", label="digit")
    return Dataset(data.X / 16 if scale else data.X, data.y, data.classes, data.features, "digits")


def load_idx(path: str | Path, labels: str | Path | None = None, scale: bool = True) -> Dataset:
    """Load images and labels in MNIST's IDX form, gzipped or not.

    Parameters
    ----------
    path : the file of the images, or a folder with a pair (``*images*`` and ``*labels*``; the pair ``train…`` where
        there are several).
    labels : the file of the labels; the one beside the images under their name, unless given.
    scale : unsigned bytes become 0 to 1 (divided by 255); otherwise the numbers stay as they are.

    Returns
    -------
    Dataset with one image per row, its pixels row by row, and the classes "0" to the largest label.
    """
    images, labels = _idx_pair(Path(path), None if labels is None else Path(labels))
    pixels = _read_idx(images)
    codes = _read_idx(labels)
    if pixels.ndim < 2:
        stop_input(f"{images}: expected an IDX file of images (at least 2 dimensions), not one of labels (1 dimension)")
    if codes.ndim != 1:
        stop_input(f"{labels}: expected an IDX file of labels (1 dimension), not {codes.ndim} dimensions")
    if pixels.shape[0] != codes.shape[0]:
        stop_input(f"{images} and {labels}: expected as many labels as images, {pixels.shape[0]}, not {codes.shape[0]}")
    if pixels.size == 0:
        stop_input(f"{images}: expected at least one image, not {' x '.join(map(str, pixels.shape))}")
    if codes.dtype.kind == "f" or codes.min() < 0:
        stop_input(f"{labels}: expected labels that are whole numbers of at least 0, not {describe(codes.min())}")
    X = pixels.reshape(pixels.shape[0], -1).astype(np.float64)
    if not np.isfinite(X).all():
        stop_input(f"{images}: expected finite numbers only")
    if scale and pixels.dtype == np.uint8:
        X /= 255
    classes = tuple(str(k) for k in range(int(codes.max()) + 1))
    return Dataset(X, codes.astype(np.int64), classes, None, images.name)


def load_csv(
    path: str | Path, label: str | int | None = "auto", header: str | bool = "auto", classes: str | bool = "auto",
    inputs: Sequence[str] = (), known: Sequence[str] = (),
) -> Dataset:  # fmt: skip
    """Load a table of numbers with one column of labels, gzipped or not.

    Parameters
    ----------
    path : the file. Commas, semicolons or tabs separate (the most frequent in the first line); blank lines do not
        count.
    label : the label's column: its name, its number from 1, "first" or "last". "auto" takes the column named label,
        class, target, digit, species or y; else the only one with text in the first row; else the last, or the first
        where the last is constant. None: there is no label, and y has no columns.
    header : whether the first line names the columns. "auto": it does if a column has no number there and one below.
    classes : whether labels are classes. "auto": text is; whole numbers are where they are at most 100 and begin
        with 0 or 1 (or are −1 and 1); others are numbers to predict.
    inputs : names of the columns of X, in their order; where the file has them all, the others are left out, and none
        of these is the label that "auto" takes.
    known : the classes there are: of the last column and the first, "auto" takes the one that holds nothing else.

    Returns
    -------
    Dataset

    Raises
    ------
    InputError
        If there are no data, a row has another number of columns, or anything but the label is no finite number.

    Notes
    -----
    A first column whose name is empty holds the row names that R's ``write.csv`` and pandas' ``to_csv`` write, and is
    left out.
    """
    rows = _csv_rows(path)
    start = list(islice(rows, 2))
    names = start[0][1] if _has_header(start, header) else None
    body = start[1:] if names is not None else start
    if not body:
        stop_input(f"{path}: expected at least one row of data, not a header alone")
    width = len(start[0][1])
    columns = [j for j in range(width) if names is None or j > 0 or names[0] != ""]
    if len(columns) < 2 and label is not None:
        stop_input(f"{path}: expected at least two columns, features and a label, not {len(columns)}")
    _check_width(path, body[0], width)
    wanted = _columns_of(inputs, names, columns)
    if label == "auto" and len(wanted) == len(columns):
        stop_input(f"{path}: expected a column of labels beside the {len(inputs)} of training")
    free = [j for j in columns if j not in wanted] if label == "auto" else columns
    candidates = [] if label is None else _label_columns(path, label, names, free, body[0][1], known if wanted else ())

    sure = [j for j in wanted or columns if j not in candidates]
    lines: list[int] = []
    texts: dict[int, list[str]] = {j: [] for j in candidates}
    values = array("d")
    for line, fields in chain(body, rows):
        _check_width(path, (line, fields), width)
        lines.append(line)
        for j in candidates:
            texts[j].append(fields[j])
        values.extend(_numbers(path, line, fields, sure, names))

    X = np.frombuffer(values).reshape(len(lines), len(sure))
    if label is None:
        return Dataset(X, np.empty((len(lines), 0)), None, _names_at(names, sure), Path(path).name)
    labels_at = _decide(candidates, texts, known)
    for j in candidates:  # undecided until now, and no label: numbers after all
        if j != labels_at and not wanted:
            column = [_numbers(path, line, {j: text}, [j], names) for line, text in zip(lines, texts[j], strict=True)]
            X = np.insert(X, 0 if j == columns[0] else X.shape[1], np.array(column)[:, 0], axis=1)
    y, words = _labels(path, texts[labels_at], lines, classes)
    features = _names_at(names, wanted or columns, labels_at)
    return Dataset(X, y, words, features, Path(path).name)


def load_features(
    path: str | Path, count: int, inputs: Sequence[str] = (), known: Sequence[str] = (), label: str | int = "auto",
    labels: str | Path | None = None,
) -> Dataset:  # fmt: skip
    """Load what a network is to be asked about, with or without labels beside it.

    Parameters
    ----------
    path, labels : as in `load_data`.
    count : how many features there are: a table of so many columns has no label.
    inputs, known, label : as in `load_csv`; a table with names must have all of `inputs`.

    Returns
    -------
    Dataset whose y, where it has columns, says nothing about what is looked for
    """
    if labels is not None or not is_table(path):
        return load_data(path, labels)
    start = list(islice(_csv_rows(path), 2))
    first = start[0][1]
    names = first if _has_header(start, "auto") else None
    columns = first if names is None or names[0] != "" else names[1:]
    if label == "auto":
        if names is not None and len(set(columns)) == len(columns):
            missing = [name for name in inputs if name not in columns]
            if missing:
                stop_input(f"{path}: expected the columns of training, but '{missing[0]}' is missing")
            if inputs:
                return load_csv(path, None, inputs=inputs)
        if len(columns) == count:
            return load_csv(path, None)
    return load_csv(path, label, inputs=inputs, known=known)


def is_table(path: str | Path) -> bool:
    """Tell whether there is a CSV file at the path, and no word, folder or other format."""
    if Path(path).is_dir() or (str(path) in DATASETS and not Path(path).exists()):
        return False
    return _kind_of(_read_bytes(path, 8)) == "csv"


def load_pickle(path: str | Path) -> tuple[Dataset, ...]:
    """Load Nielsen's ``mnist.pkl.gz``: pairs of images and labels, for training, validation and test.

    Parameters
    ----------
    path : the pickle, gzipped or not, written by Python 2 or 3.

    Returns
    -------
    tuple of Dataset, one for each pair

    Raises
    ------
    InputError
        If it holds anything but tuples, lists and NumPy arrays of numbers: nothing else is ever built from it.
    """
    from nnparity.unpickle import unpickle_arrays

    parts = unpickle_arrays(_read_bytes(path), str(path))
    if isinstance(parts, list | tuple) and len(parts) == 2 and np.ndim(parts[1]) == 1:
        parts = (parts,)
    if not isinstance(parts, list | tuple) or not parts:
        parts = (None,)
    return tuple(_pickled_pair(path, part) for part in parts)


def split_data(data: Dataset, training: float, seed: int | None = None) -> tuple[Dataset, Dataset]:
    """Split observations into a part for training and the rest.

    Parameters
    ----------
    data : the observations.
    training : how many are for training: a whole number, or a fraction below 1 (rounded down).
    seed : take them in the order of R's ``set.seed(seed); sample.int(n)``; as they stand, unless given.

    Returns
    -------
    the first `training` of them, and the rest
    """
    n = data.X.shape[0]
    is_number = isinstance(training, int | float | np.integer | np.floating) and not isinstance(training, bool)
    count = math.floor(n * training) if is_number and 0 < training < 1 else training
    if not (is_number and math.isfinite(count) and count == int(count) and 1 <= count < n):
        stop_input(
            f"training must be a fraction below 1 or a whole number from 1 to {n - 1} (there are {n} observations), "
            f"not {describe(training)}"
        )
    order = np.arange(n) if seed is None else r_sample_int(r_set_seed(seed), n) - 1
    first, rest = (
        Dataset(data.X[rows], data.y[rows], data.classes, data.features, data.name)
        for rows in (order[: int(count)], order[int(count) :])
    )
    return first, rest


def one_hot(y: ArrayLike, classes: Sequence[str] | int) -> NDArray[np.float64]:
    """Turn classes into rows of 0 with one 1.

    Parameters
    ----------
    y : whole numbers, shape (n,): places in `classes`, from 0 (in R a factor, or places from 1).
    classes : the names of the classes, or how many there are.

    Returns
    -------
    array, shape (n, classes)

    Raises
    ------
    InputError
        If a place is out of range.
    """
    count = classes if isinstance(classes, int | np.integer) else len(classes)
    codes = np.asarray(y)
    if codes.ndim != 1 or codes.dtype.kind not in "iu":
        stop_input(f"y must be a vector of whole numbers, not {describe(y)}")
    wrong = np.flatnonzero((codes < 0) | (codes >= count))
    if wrong.size:
        stop_input(
            f"y must hold places from 0 to {count - 1} among {count} classes, "
            f"not {codes[wrong[0]]} (row {wrong[0] + 1})"
        )
    rows = np.zeros((codes.size, count))
    rows[np.arange(codes.size), codes] = 1
    return rows


def _generated(make: Callable[[], Any], name: str) -> Callable[[], Dataset]:
    def load() -> Dataset:
        X, y, classes = make()
        return Dataset(X, y, classes, ("x1", "x2"), name)

    return load


# What `load_data` knows by a word: with the package's own data and the generators' defaults.
DATASETS: dict[str, Callable[[], Dataset]] = {
    "digits": load_digits,
    "clusters": _generated(make_clusters, "clusters"),
    "spiral": _generated(make_spiral, "spiral"),
    "image": _generated(make_image, "image"),
    "xor": _generated(make_xor, "xor"),
}


# --- files -----------------------------------------------------------------------------------------------------------


def _read_bytes(path: str | Path, count: int = -1) -> bytes:
    # The bytes of a file, or its first `count`, unpacked when it is gzipped.
    try:
        with Path(path).open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rb") if packed else Path(path).open("rb") as stream:
            return stream.read(count)
    except FileNotFoundError:
        known = ", ".join(DATASETS)
        stop_input(f"{path}: expected a file, a folder with an IDX pair or one of {known}, but there is no such thing")
    except (EOFError, gzip.BadGzipFile, zlib.error):
        stop_input(f"{path}: expected a whole gzip file, not a damaged or truncated one")
    except IsADirectoryError:
        stop_input(f"{path}: expected a file, not a folder")
    except OSError as error:
        stop_input(f"{path}: expected a file that can be read, but {(error.strerror or 'it cannot').lower()}")


def _kind_of(start: bytes) -> str:
    if start[:2] == b"\0\0" and start[2:3] and start[2] in _IDX_TYPES:
        return "idx"
    return "pickle" if start[:1] == b"\x80" else "csv"


# IDX: two zero bytes, the type, the number of dimensions, each as a big-endian word, then the numbers, big-endian, too.
_IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def _read_idx(path: Path) -> NDArray[Any]:
    content = _read_bytes(path)
    if _kind_of(content) != "idx" or len(content) < 4:
        stop_input(f"{path}: expected an IDX file (two zero bytes, a type and the dimensions), not another format")
    dimensions = content[3]
    shape = np.frombuffer(content[4:], ">u4", min(dimensions, (len(content) - 4) // 4)).astype(int).tolist()
    dtype = np.dtype(_IDX_TYPES[content[2]])
    expected = 4 + 4 * dimensions + math.prod(shape) * dtype.itemsize
    if dimensions == 0 or len(shape) < dimensions or len(content) != expected:
        size = " x ".join(map(str, shape)) if dimensions and len(shape) == dimensions else "an unknown number of"
        stop_input(f"{path}: expected {size} numbers as its header says ({expected} bytes), not {len(content)} bytes")
    return np.frombuffer(content, dtype, offset=4 + 4 * dimensions).reshape(shape)


def _idx_pair(path: Path, labels: Path | None) -> tuple[Path, Path]:
    if path.is_dir():
        pairs = [
            (images, beside)
            for images in sorted(path.iterdir())
            if "images" in images.name and (beside := _labels_beside(images)) is not None
        ]
        if not pairs:
            stop_input(f"{path}: expected a folder with an IDX pair, a file named …images… and one named …labels…")
        pairs.sort(key=lambda pair: not pair[0].name.startswith("train"))
        return pairs[0][0], labels or pairs[0][1]
    beside = labels or _labels_beside(path)
    if beside is None:
        stop_input(f"{path}: expected a file of labels for these images, given as labels or lying beside them")
    return path, beside


def _labels_beside(images: Path) -> Path | None:
    # t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz
    if "images" not in images.name:
        return None
    stem, _, end = images.name.partition("images")
    for name in (f"{stem}labels{end.replace('idx3', 'idx1')}", f"{stem}labels{end}"):
        for candidate in (name, name.removesuffix(".gz"), f"{name}.gz"):
            if (images.parent / candidate).is_file():
                return images.parent / candidate
    return None


def _pickled_pair(path: str | Path, part: Any) -> Dataset:
    pair = part if isinstance(part, list | tuple) and len(part) == 2 else (None, None)
    X, y = (np.asarray(half) if half is not None else np.empty(0) for half in pair)
    whole = y.ndim == 1 and y.dtype.kind in "iu" and X.ndim == 2 and X.dtype.kind in "fiu" and X.shape[0] == y.size > 0
    if not whole:
        stop_input(f"{path}: expected pairs of images (one per row) and whole-number labels, as in mnist.pkl.gz")
    X = X.astype(np.float64)
    if not np.isfinite(X).all() or y.min() < 0:
        stop_input(f"{path}: expected finite pixels and labels of at least 0")
    return Dataset(X, y.astype(np.int64), tuple(str(k) for k in range(int(y.max()) + 1)), None, Path(path).name)


# --- tables ----------------------------------------------------------------------------------------------------------

Row = tuple[int, list[str]]  # the line's number, and its fields

_LABEL_NAMES = ("label", "class", "target", "digit", "species", "y")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)


def is_decimal(text: str) -> bool:
    """Tell whether a text is a decimal number, as R and Python alike read it."""
    return _NUMBER.fullmatch(text) is not None


def _csv_rows(path: str | Path) -> Iterator[Row]:
    # The fields of every line that is not blank, with its number.
    separator = None
    for number, line in _text_lines(path):
        line = line.rstrip("\n")
        if not line.strip(" \t"):
            continue
        separator = separator or max(",;\t", key=line.count)
        if '"' not in line:
            yield number, [field.strip(" \t") for field in line.split(separator)]
        elif line.count('"') % 2:
            stop_input(f"{path}, line {number}: expected quotation marks in pairs, not {line.count(chr(34))} of them")
        else:
            yield number, [field.strip(" \t") for field in next(csv.reader([line], delimiter=separator))]
    if separator is None:
        stop_input(f"{path}: expected at least one row of data, not an empty file")


def _text_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    content = _read_bytes(path)
    try:
        if b"\0" in content:
            raise UnicodeError
        yield from enumerate(io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig"), start=1)
    except UnicodeError:
        stop_input(f"{path}: expected a CSV file in UTF-8, an IDX file or a folder with a pair, not another format")


def _has_header(start: list[Row], header: str | bool) -> bool:
    if isinstance(header, bool):
        return header
    if header != "auto":
        stop_input(f"header must be 'auto', true or false, not {describe(header)}")
    first = start[0][1]
    if len(start) == 1:
        return not any(map(is_decimal, first))
    return any(is_decimal(below) and not is_decimal(above) for above, below in zip(first, start[1][1], strict=False))


def _check_width(path: str | Path, row: Row, width: int) -> None:
    if len(row[1]) != width:
        stop_input(f"{path}, line {row[0]}: expected {width} columns as in the first line, not {len(row[1])}")


def _label_columns(
    path: str | Path, label: str | int, names: list[str] | None, columns: list[int], first: list[str],
    known: Sequence[str],
) -> list[int]:  # fmt: skip
    # The label's column; the first and the last one where only all the rows can tell.
    if label in ("first", "last"):
        return [columns[0] if label == "first" else columns[-1]]
    if isinstance(label, str) and label != "auto":
        if names is None or label not in names:
            known = ", ".join(names or ["unnamed"])
            stop_input(f"{path}: expected a column named '{label}', but the columns are {known}")
        return [names.index(label)]
    if label != "auto":
        number = label if isinstance(label, int | np.integer) and not isinstance(label, bool) else 0
        if number - 1 not in columns:
            stop_input(f"label must be a column's name or number from 1 to {columns[-1] + 1}, not {describe(label)}")
        return [int(number) - 1]
    named = [j for j in columns if names is not None and names[j].lower() in _LABEL_NAMES]
    texts = [j for j in columns if not is_decimal(first[j]) and (not known or first[j] in known)]
    if named or len(texts) == 1:
        return (named or texts)[:1]
    return sorted({columns[0], columns[-1]})


def _columns_of(inputs: Sequence[str], names: list[str] | None, columns: list[int]) -> list[int]:
    # Where the inputs stand; none where the names do not tell.
    there = [] if names is None else [names[j] for j in columns]
    if len(set(there)) < len(there) or not set(inputs) <= set(there):
        return []
    return [columns[there.index(name)] for name in inputs]


def _names_at(names: list[str] | None, columns: list[int], label: int | None = None) -> tuple[str, ...] | None:
    return None if names is None else tuple(names[j] for j in columns if j != label)


def _decide(candidates: list[int], fields: dict[int, list[str]], known: Sequence[str]) -> int:
    # What holds classes that are known is the label; and one that never changes is none: images end in a white pixel
    # where their label comes first.
    last = fields[candidates[-1]]
    holding = [j for j in candidates if {_class_name(field) for field in fields[j]} <= set(known)]
    if len(set(holding)) == 1:
        return holding[0]
    constant = len(last) > 1 and len(set(last)) == 1
    return candidates[0 if constant else -1]


def _class_name(field: str) -> str:
    return f"{float(field):.15g}" if is_decimal(field) else field


def _numbers(
    path: str | Path, line: int, fields: Sequence[str] | Mapping[int, str], at: list[int], names: list[str] | None
) -> list[float]:
    # float() takes more than a number, too: nan, inf, 1_000, digits of other scripts.
    try:
        values = [float(fields[j]) for j in at]
    except ValueError:
        values = [math.nan]
    if all(map(math.isfinite, values)) and not any("_" in fields[j] or not fields[j].isascii() for j in at):
        return values
    wrong = next(j for j in at if not (is_decimal(fields[j]) and math.isfinite(float(fields[j]))))
    name = "" if names is None else f" ({names[wrong]})"
    return stop_input(f"{path}, line {line}, column {wrong + 1}{name}: expected a finite number, not '{fields[wrong]}'")


def _labels(
    path: str | Path, fields: list[str], lines: list[int], classes: str | bool
) -> tuple[NDArray[Any], tuple[str, ...] | None]:
    # Labels as places in the classes, or as numbers to predict.
    if not (isinstance(classes, bool) or classes == "auto"):
        stop_input(f"classes must be 'auto', true or false, not {describe(classes)}")
    for field, line in zip(fields, lines, strict=True):
        if field.lower() in ("", "na", "nan") or (is_decimal(field) and not math.isfinite(float(field))):
            stop_input(f"{path}, line {line}: expected a label, not '{field}'")
        if classes is False and not is_decimal(field):
            stop_input(f"{path}, line {line}: expected a number as label, not '{field}'")
    if not all(map(is_decimal, fields)):
        words = tuple(sorted(set(fields)))
        place = {word: k for k, word in enumerate(words)}
        return np.array([place[field] for field in fields], np.int64), words
    values = np.array([float(field) for field in fields])
    distinct = np.unique(values)
    if classes is True or (classes == "auto" and look_like_classes(distinct)):
        return np.searchsorted(distinct, values).astype(np.int64), tuple(f"{value:.15g}" for value in distinct.tolist())
    return values, None


def look_like_classes(distinct: NDArray[np.float64]) -> bool:
    """Tell whether values, sorted, are names of classes: at most 100 whole numbers from 0 or 1 on, or −1 and 1."""
    whole = bool((distinct == np.floor(distinct)).all()) and distinct.size <= 100
    return whole and (distinct[0] in (0, 1) or distinct.tolist() == [-1, 1])
