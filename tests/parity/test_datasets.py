"""The same file gives the same numbers in both languages, bit for bit, or the same sentence; generators do, too."""

import gzip
import json
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nnparity import datasets
from nnparity.checks import InputError

pytestmark = pytest.mark.skipif(shutil.which("Rscript") is None, reason="needs Rscript")

# What R says of each call: a sentence, or the classes, and the numbers into a binary file.
HEAD = """
source("{root}/R/nnparity.R")
out <- file("{folder}/numbers.bin", "wb")
tell <- function(call) {{
  data <- tryCatch(call, nnparity_input_error = function(e) {{ cat(conditionMessage(e), "\\n", sep = ""); NULL }})
  if (is.null(data)) return(invisible())
  classes <- if (is.null(data$classes)) "numbers" else paste(data$classes, collapse = "|")
  cat(paste0("data ", nrow(data$X), " ", ncol(data$X), " ", classes, "\\n"))
  y <- if (is.factor(data$y)) as.integer(data$y) - 1 else data$y
  writeBin(as.double(t(data$X)), out)
  writeBin(as.double(if (is.matrix(y)) t(y) else y), out)
}}
"""


@pytest.fixture
def both(root: Path, tmp_path: Path) -> Callable[[list[tuple[str, Callable]]], list[str]]:
    """Run pairs of an R call and its Python twin; hold sentences, classes and numbers against each other."""

    def run(calls: list[tuple[str, Callable]]) -> list[str]:
        script = tmp_path / "calls.R"
        lines = [f"tell({code})" for code, _ in calls]
        code = "\n".join([HEAD.format(root=root, folder=tmp_path), *lines, "close(out)", ""])
        script.write_text(code, encoding="utf-8")
        done = subprocess.run(["Rscript", "--vanilla", str(script)], capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        said = done.stdout.splitlines()
        numbers = np.fromfile(tmp_path / "numbers.bin")
        at = 0
        for theirs, (code, call) in zip(said, calls, strict=True):
            data = outcome(call)
            if isinstance(data, str):
                assert theirs == data, code
                continue
            classes = "numbers" if data.classes is None else "|".join(data.classes)
            assert theirs == f"data {data.X.shape[0]} {data.X.shape[1]} {classes}", code
            for block in (data.X, data.y):
                block = np.asarray(block, float).ravel()
                np.testing.assert_array_equal(block, numbers[at : at + block.size], err_msg=code)
                at += block.size
        assert at == numbers.size
        return said

    return run


def outcome(call: Callable[[], datasets.Dataset]) -> datasets.Dataset | str:
    try:
        return call()
    except InputError as error:
        return str(error)


def test_generators_and_digits(both):
    def made(make: Callable) -> Callable:
        def data() -> datasets.Dataset:
            X, y, classes = make()
            return datasets.Dataset(X, y, classes, None, "")

        return data

    calls = [(f'load_data("{word}")', lambda word=word: datasets.load_data(word)) for word in datasets.DATASETS]
    for seed in (1, 2, -7):
        for classes in (2, 3, 6, 10):
            calls.append((
                f"c(make_clusters({classes}, 150, {seed}))",
                made(lambda classes=classes, seed=seed: datasets.make_clusters(classes, 150, seed)),
            ))  # fmt: skip
        calls.append((f"make_spiral(300, 1.75, {seed})", made(lambda seed=seed: datasets.make_spiral(300, 1.75, seed))))
    calls.append(("make_image(123)", made(lambda: datasets.make_image(123))))
    calls.append((
        'split_data(load_data("digits"), 0.8, seed = 3)$rest',
        lambda: datasets.split_data(datasets.load_digits(), 0.8, seed=3)[1],
    ))  # fmt: skip
    assert all(said.startswith("data") for said in both(calls))


FILES: dict[str, str | bytes] = {
    "header": "a,b,species\n1,2,x\n3,4,y\n",
    "no header": "1,2,0\n3,4,1\n",
    "label in front": "label,a\n7,1.5\n0,2.5\n7,3.5\n",
    "last constant": "5,1,0\n0,2,0\n",
    "text label in front": "x,1\ny,2\n",
    "two texts": "x,1,a\ny,2,b\n",
    "semicolons": "a; b; y\n1; 2; 0\n 3 ;4; 1\n",
    "tabs": "1\t2\t0\n3\t4\t1\n",
    "tab, empty at the end": "1\t2\t\n3\t4\t1\n",
    "write.csv": '"","a","y"\n"1",1,"p"\n"2",2,"q"\n',
    "quotes": 'a,y\n1,"p, or q"\n2,"say ""r"""\n',
    "empty quotes": 'a,b,y\n1,"",x\n2,3,y\n',
    "Windows": "\ufeffa,y\r\n\r\n1,0\r\n2,1\r\n\r\n",
    "old Mac": "a,y\r1,0\r2,1\r",
    "no end of line": "1,0\n2,1",
    "regression": "1,0.5\n2,1.25\n",
    "years": "1,1990\n2,2001\n",
    "signs": "1,-1\n2,1\n3,-1\n",
    "sorted text": "1,b\n2,B\n3,a\n4,é\n5,Z\n6,ab\n",
    "mixed labels": "1,2\n2,x\n3,4\n",
    "labels with a point": "1,1.0\n2,0.0\n",
    "one row": "1,2,0\n",
    "zeros": "-0,0\n-0.0,1\n",
    "empty": "",
    "blank": "\n \n",
    "header alone": "a,b,y\n",
    "short row": "1,2\n3\n",
    "long row": "1,2,0\n\n3,4,1,9\n",
    "one column": "1\n2\n",
    "text": "a,b,y\n1,2,0\n1,x,1\n",
    "trailing comma": "1,2,\n3,4,\n",
    "missing": "1,2,0\n1,,1\n",
    "missing label": "a,b,y\n1,2,0\n1,2,\n",
    "NA label": "a,b,y\n1,2,0\n1,2,NA\n",
    "NA": "1,2,0\n1,NA,1\n",
    "nan": "1,2,0\n1,nan,1\n",
    "Inf": "1,2,0\n1,-inf,1\n",
    "too large": "1,2,0\n1,1e999,1\n",
    "too small": "1,2,0\n1,1e-999,1\n",
    "underscore": "1,2,0\n1,1_0,1\n",
    "hexadecimal": "1,2,0\n1,0x10,1\n",
    "decimal comma": "1;2;0\n1;2,5;1\n",
    "open quote": '1,"2,0\n',
    "PNG": b"\x89PNG\r\n\x1a\n\0\0",
    "Latin-1": "1,2,é\n".encode("latin1"),
    "gzipped": gzip.compress(b"1,2,0\n3,4,1\n"),
    "cut gzip": gzip.compress(b"1,2,0\n" * 999)[:-9],
    "cut gzip header": gzip.compress(b"1,2,0\n")[:5],
    "no gzip": b"\x1f\x8bnothing",
    "a cut IDX": b"\0\0\x08\x03\0\0",
    "prose": "Dear reader, this is\nno table, but two lines, you see\n",
}


def test_every_table_is_the_same_or_draws_the_same_sentence(both, tmp_path):
    calls = []
    for number, content in enumerate(FILES.values()):
        path = tmp_path / f"{number}.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        calls.append((f"load_data({json.dumps(str(path))})", lambda path=path: datasets.load_data(str(path))))
    both(calls)


def test_arguments_of_load_csv(both, tmp_path):
    path = str(tmp_path / "t.csv")
    Path(path).write_text("y,z,2\n0,1,5\n1,2,6\n", encoding="utf-8")
    arguments: list[tuple[str, dict]] = [
        ('label = "first"', {"label": "first"}), ('label = "z"', {"label": "z"}), ("label = 2", {"label": 2}),
        ('label = "none"', {"label": "none"}), ("label = 4", {"label": 4}), ("label = 0", {"label": 0}),
        ("header = TRUE", {"header": True}), ("classes = FALSE", {"classes": False}),
        ('label = "last", classes = TRUE', {"label": "last", "classes": True}), ('header = "yes"', {"header": "yes"}),
        ('classes = "no"', {"classes": "no"}),
    ]  # fmt: skip
    both([
        (f'load_csv("{path}", {code})', lambda options=options: datasets.load_csv(path, **options))
        for code, options in arguments
    ])  # fmt: skip


def idx(values: np.ndarray, code: int = 0x08, dtype: str = ">u1") -> bytes:
    header = bytes([0, 0, code, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    return header + values.astype(dtype).tobytes()


def test_idx_pairs(both, tmp_path):
    images = np.random.RandomState(1).randint(-100, 100, (5, 2, 3))
    whole, labels = idx(np.abs(images)), idx(np.arange(5))
    cases = {
        "bytes": (whole, labels), "gzip": (gzip.compress(whole), gzip.compress(labels)),
        "signed": (idx(images, 0x09, ">i1"), labels), "short": (idx(images * 300, 0x0B, ">i2"), labels),
        "int": (idx(images * 10**6, 0x0C, ">i4"), labels), "float": (idx(images / 7, 0x0D, ">f4"), labels),
        "double": (idx(images / 7, 0x0E, ">f8"), labels), "wide labels": (whole, idx(np.arange(5), 0x0C, ">i4")),
        "cut": (whole[:-1], labels), "long": (whole + b"x", labels), "header": (whole[:9], labels),
        "fewer labels": (whole, idx(np.arange(4))), "images twice": (whole, whole), "labels twice": (labels, labels),
        "no images": (idx(np.zeros((0, 2, 2))), idx(np.zeros(0))), "negative": (whole, idx(-np.arange(5), 0x09, ">i1")),
        "NaN": (idx(np.full((5, 2, 2), np.nan), 0x0E, ">f8"), labels), "other": (b"P5 28 28", labels),
        "other labels": (whole, b"0 1 2 3 4"), "empty": (b"", labels), "cut gzip": (gzip.compress(whole)[:-9], labels),
    }  # fmt: skip
    calls = []
    for name, (first, second) in cases.items():
        folder = tmp_path / name.replace(" ", "_")
        folder.mkdir()
        (folder / "train-images.idx3-ubyte").write_bytes(first)
        (folder / "train-labels.idx1-ubyte").write_bytes(second)
        calls.append((f'load_data("{folder}")', lambda folder=folder: datasets.load_data(str(folder))))
    file, alone, table = tmp_path / "bytes" / "train-images.idx3-ubyte", tmp_path / "alone", tmp_path / "t.csv"
    alone.write_bytes(whole)
    table.write_text("1,0\n", encoding="utf-8")
    label_file = tmp_path / "bytes" / "train-labels.idx1-ubyte"
    for path, given in [
        (file, None), (alone, None), (alone, label_file), (alone, tmp_path / "none"), (label_file, None),
        (tmp_path / "nothing", None), (table, alone), (tmp_path, None), (alone, table),
    ]:  # fmt: skip
        code = f'load_data("{path}")' if given is None else f'load_data("{path}", "{given}")'
        calls.append((
            code, lambda path=path, given=given: datasets.load_data(str(path), None if given is None else str(given)),
        ))  # fmt: skip
    both(calls)


def test_real_digits(both, root):
    folder = root.parent / "shared" / "data" / "mnist"
    if not folder.is_dir():
        pytest.skip("needs ../shared/data/mnist")
    both([(f'load_data("{folder}")', lambda: datasets.load_data(str(folder)))])


def decimals(seed: int, n: int) -> list[str]:
    rng = np.random.RandomState(seed)
    numbers = np.concatenate([rng.uniform(-1, 1, n), 10.0 ** rng.uniform(-320, 308, n), rng.standard_normal(n) * 255])
    places = rng.randint(1, 19, numbers.size)
    return [f"{x:.{digits}g}" for x, digits in zip(numbers.tolist(), places.tolist(), strict=True)]


def check_decimals(both, tmp_path, seed: int, n: int) -> None:
    path = tmp_path / f"decimals{seed}.csv"
    path.write_text("".join(f"{text},{k % 2}\n" for k, text in enumerate(decimals(seed, n))), encoding="utf-8")
    both([(f'load_csv("{path}")', lambda: datasets.load_csv(path))])


def test_decimals_are_read_to_the_last_bit(both, tmp_path):
    check_decimals(both, tmp_path, 1, 5000)


@pytest.mark.prove
def test_a_million_decimals_are_read_to_the_last_bit(both, tmp_path):
    for seed in range(2, 12):
        check_decimals(both, tmp_path, seed, 34000)
