"""Data from files: what is read, and the one sentence for what cannot be."""

import gzip
import io
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from nnparity import datasets
from nnparity.checks import InputError


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def idx(values: np.ndarray, code: int = 0x08, dtype: str = ">u1") -> bytes:
    shape = values.shape
    return bytes([0, 0, code, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + values.astype(dtype).tobytes()


def pair(folder: Path, images: bytes, labels: bytes) -> Path:
    write(folder / "t10k-images-idx3-ubyte", images)
    write(folder / "t10k-labels-idx1-ubyte", labels)
    return folder


def sentence(call, *arguments, **options) -> str:
    with pytest.raises(InputError) as caught:
        call(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- what ships with the package ---


def test_digits_are_the_1797_of_uci():
    digits = datasets.load_digits()
    assert digits.X.shape == (1797, 64)
    assert np.bincount(digits.y).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert digits.classes == tuple("0123456789")
    assert (digits.X.min(), digits.X.max()) == (0, 1)
    whole = datasets.load_digits(scale=False).X
    assert whole.sum() == 561718
    # The first digit, a zero, as scikit-learn's documentation prints it.
    assert whole[0, :16].tolist() == [0, 0, 5, 13, 9, 1, 0, 0, 0, 0, 13, 15, 10, 15, 5, 0]


def test_words_load_the_packages_own_data():
    for word, shape in {
        "digits": (1797, 64), "clusters": (200, 2), "spiral": (800, 2), "image": (40000, 2), "xor": (4, 2),
    }.items():  # fmt: skip
        assert datasets.load_data(word).X.shape == shape


def test_generators_follow_their_seed_and_fill_their_shapes():
    for classes in (2, 3, 6, 10):
        X, y, names = datasets.make_clusters(classes, n=20, seed=4)
        assert X.shape == (20 * classes, 2)
        assert np.bincount(y).tolist() == [20] * classes
        assert len(names) == classes
    assert not np.array_equal(datasets.make_spiral(seed=1)[0], datasets.make_spiral(seed=2)[0])
    X, y, _ = datasets.make_spiral(100)
    assert np.abs(X).max() < 1.05
    distance = np.sqrt(((X[y == 0][:, None] - X[y == 1][None]) ** 2).sum(axis=2))
    assert distance.min() > 0.05
    _, colours, none = datasets.make_image(50)
    assert none is None
    assert colours.shape == (2500, 3)
    assert (colours.min() >= 0, colours.max() <= 1) == (True, True)


# --- IDX ---


def test_idx_pair_by_folder_by_file_gzipped_or_not(tmp_path):
    images = np.arange(24).reshape(2, 3, 4) * 10
    pair(tmp_path, gzip.compress(idx(images)), idx(np.array([3, 1])))
    (tmp_path / "t10k-images-idx3-ubyte").rename(tmp_path / "t10k-images-idx3-ubyte.gz")
    for loaded in (
        datasets.load_data(tmp_path),
        datasets.load_data(tmp_path / "t10k-images-idx3-ubyte.gz"),
        datasets.load_data(tmp_path / "t10k-images-idx3-ubyte.gz", tmp_path / "t10k-labels-idx1-ubyte"),
    ):
        np.testing.assert_array_equal(loaded.X, images.reshape(2, 12) / 255)
        assert loaded.y.tolist() == [3, 1]
        assert loaded.classes == ("0", "1", "2", "3")


@pytest.mark.parametrize(("code", "dtype"), [(0x09, ">i1"), (0x0B, ">i2"), (0x0C, ">i4"), (0x0D, ">f4"), (0x0E, ">f8")])
def test_idx_of_every_type_keeps_its_numbers(tmp_path, code, dtype):
    images = np.array([[[-3, 2]], [[100, -100]]])
    pair(tmp_path, idx(images, code, dtype), idx(np.array([0, 1])))
    assert datasets.load_idx(tmp_path).X.tolist() == [[-3, 2], [100, -100]]


def test_real_mnist_test_digits(root):
    folder = root.parent / "shared" / "data" / "mnist"
    if not folder.is_dir():
        pytest.skip("needs ../shared/data/mnist")
    digits = datasets.load_data(folder)
    assert digits.X.shape == (10000, 784)
    assert np.bincount(digits.y).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert digits.y[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert (digits.X.min(), digits.X.max()) == (0, 1)


# --- tables ---

TABLES = {
    "header, text labels": ("a,b,species\n1,2,x\n3,4,y\n", [[1, 2], [3, 4]], [0, 1], ("x", "y"), ("a", "b")),
    "no header": ("1,2,0\n3,4,1\n", [[1, 2], [3, 4]], [0, 1], ("0", "1"), None),
    "label named, in front": ("label,a\n7,1.5\n0,2.5\n7,3.5\n", [[1.5], [2.5], [3.5]], [1, 0, 1], ("0", "7"), ("a",)),
    "label in front, last constant": ("5,1,0\n0,2,0\n", [[1, 0], [2, 0]], [1, 0], ("0", "5"), None),
    "text label in front": ("x,1\ny,2\n", [[1], [2]], [0, 1], ("x", "y"), None),
    "semicolons and spaces": ("a; b; y\n1; 2; 0\n 3 ;4; 1\n", [[1, 2], [3, 4]], [0, 1], ("0", "1"), ("a", "b")),
    "tabs": ("1\t2\t0\n3\t4\t1\n", [[1, 2], [3, 4]], [0, 1], ("0", "1"), None),
    "write.csv": ('"","a","y"\n"1",1,"p"\n"2",2,"q"\n', [[1], [2]], [0, 1], ("p", "q"), ("a",)),
    "quotes": ('a,y\n1,"p, or q"\n2,"say ""r"""\n', [[1], [2]], [0, 1], ("p, or q", 'say "r"'), ("a",)),
    "Windows, byte order mark, blank lines": (
        "\ufeffa,y\r\n\r\n1,0\r\n2,1\r\n\r\n", [[1], [2]], [0, 1], ("0", "1"), ("a",)),
    "numbers to predict": ("1,0.5\n2,1.25\n", [[1], [2]], [0.5, 1.25], None, None),
    "years to predict": ("1,1990\n2,2001\n", [[1], [2]], [1990, 2001], None, None),
    "plus and minus one": ("1,-1\n2,1\n3,-1\n", [[1], [2], [3]], [0, 1, 0], ("-1", "1"), None),
    "one row": ("1,2,0\n", [[1, 2]], [0], ("0",), None),
    "exponents": ("1e3,-.5E-1,0\n+2.,4,1\n", [[1000, -0.05], [2, 4]], [0, 1], ("0", "1"), None),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLES)
def test_tables(tmp_path, case):
    text, X, y, classes, features = TABLES[case]
    for content in (text.encode(), gzip.compress(text.encode())):
        data = datasets.load_data(write(tmp_path / "table.csv", content))
        np.testing.assert_array_equal(data.X, X)
        assert data.y.tolist() == y
        assert (data.classes, data.features) == (classes, features)


def test_label_header_and_classes_can_be_said(tmp_path):
    path = write(tmp_path / "t.csv", "1,5,10\n2,6,20\n")
    assert datasets.load_csv(path, label="first").X.tolist() == [[5, 10], [6, 20]]
    assert datasets.load_csv(path, label=2).X.tolist() == [[1, 10], [2, 20]]
    assert datasets.load_csv(path).classes is None
    assert datasets.load_csv(path, classes=True).classes == ("10", "20")
    assert datasets.load_csv(path, header=True).features == ("1", "5")
    named = write(tmp_path / "n.csv", "y,z\n0,1\n1,2\n")
    assert datasets.load_csv(named, label="z").y.tolist() == [0, 1]
    assert datasets.load_csv(named, classes=False).y.dtype == float


# --- Nielsen's pickle ---


def nielsen(protocol: int = 2) -> bytes:
    rng = np.random.RandomState(0)
    parts = tuple((rng.rand(n, 4).astype(np.float32), rng.randint(0, 3, n)) for n in (6, 3, 2))
    return pickle.dumps(parts, protocol)


@pytest.mark.parametrize("protocol", [1, 2, 3, 4, 5])
def test_pickle_of_every_protocol(tmp_path, protocol):
    content = nielsen(protocol)
    if protocol < 2:
        content = pickle.dumps(pickle.loads(content), 2)
    training, validation, test = datasets.load_pickle(write(tmp_path / "mnist.pkl.gz", gzip.compress(content)))
    assert [part.X.shape for part in (training, validation, test)] == [(6, 4), (3, 4), (2, 4)]
    np.testing.assert_array_equal(training.X, pickle.loads(content)[0][0].astype(float))
    assert datasets.load_data(tmp_path / "mnist.pkl.gz").X.shape == (6, 4)


def test_pickle_written_by_python_2():
    # What cPickle.dumps(numpy.array([1.5, -2.0]), 2) wrote: names by `c`, bytes as a str of Latin-1.
    from nnparity.unpickle import unpickle_arrays

    content = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85U\x01b\x87Rq\x03"
        b"(K\x01K\x02\x85cnumpy\ndtype\nq\x04U\x02f8K\x00K\x01\x87Rq\x05(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89U\x10" + np.array([1.5, -2.0]).tobytes() + b"tb."
    )
    assert unpickle_arrays(content, "old").tolist() == [1.5, -2.0]


class Evil:
    def __reduce__(self):
        return (Path("/tmp/nnparity-was-here").write_text, ("x",))


@pytest.mark.parametrize("thing", [
    Evil(), [np.zeros(2), Evil()], np.array([Evil()], dtype=object), np.array([{}], dtype=object), print, Path("x"),
    np.array(["a"]), np.zeros(2, dtype="M8[D]"), {"a": np.random.RandomState(0)},
], ids=lambda thing: type(thing).__name__)  # fmt: skip
def test_pickle_builds_nothing_but_arrays(tmp_path, thing):
    path = write(tmp_path / "evil.pkl", pickle.dumps(thing, 2))
    assert "expected a pickle of NumPy arrays alone" in sentence(datasets.load_data, path)
    assert not Path("/tmp/nnparity-was-here").exists()


def test_damaged_pickles(tmp_path):
    whole = nielsen()
    for cut in range(1, len(whole) - 1, 7):
        assert "expected" in sentence(datasets.load_pickle, write(tmp_path / "cut.pkl", whole[:cut]))
    for content in (pickle.dumps(3, 2), pickle.dumps([], 2), pickle.dumps((np.zeros((2, 2)), np.zeros(3)), 2)):
        stream = io.BytesIO(content)
        assert "expected pairs of images" in sentence(datasets.load_pickle, write(tmp_path / "o.pkl", stream.read()))


# --- split and one-hot ---


def test_split_takes_the_first_or_r_sample(tmp_path):
    digits = datasets.load_digits()
    first, rest = datasets.split_data(digits, 1500)
    np.testing.assert_array_equal(np.concatenate([first.X, rest.X]), digits.X)
    assert datasets.split_data(digits, 0.75)[0].X.shape[0] == 1347
    shuffled, _ = datasets.split_data(digits, 10, seed=42)
    # set.seed(42); sample.int(1797, 1797)[1:10]
    order = [561, 321, 1177, 1098, 1252, 1170, 634, 49, 1152, 1327]
    assert shuffled.X.tolist() == digits.X[np.array(order) - 1].tolist()
    for bad in (0, 1797, -1, 1.5, float("nan"), "half", True):
        assert sentence(datasets.split_data, digits, bad).startswith("training must be a fraction below 1")


def test_one_hot():
    assert datasets.one_hot([2, 0], 3).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert datasets.one_hot(np.array([1]), ("no", "yes")).tolist() == [[0, 1]]
    assert sentence(datasets.one_hot, [0, 3], 3) == "y must hold places from 0 to 2 among 3 classes, not 3 (row 2)"
    assert sentence(datasets.one_hot, [0.5], 3).startswith("y must be a vector of whole numbers")


# --- bad input ---


def test_bad_files(tmp_path):
    def of(content: str | bytes, **options) -> str:
        path = write(tmp_path / "f", content)
        said = sentence(datasets.load_csv if options else datasets.load_data, path, **options)
        assert said.startswith(str(path)) or "must be" in said
        return said.removeprefix(str(path))

    assert "there is no such thing" in sentence(datasets.load_data, tmp_path / "missing.csv")
    assert "not a folder" in sentence(datasets.load_csv, tmp_path)
    assert of("") == ": expected at least one row of data, not an empty file"
    assert of("\n \n") == ": expected at least one row of data, not an empty file"
    assert of("a,b,y\n") == ": expected at least one row of data, not a header alone"
    assert of("1,2\n3\n") == ", line 2: expected 2 columns as in the first line, not 1"
    assert of("1,2,0\n\n3,4,1,9\n") == ", line 3: expected 3 columns as in the first line, not 4"
    assert of("1\n2\n") == ": expected at least two columns, features and a label, not 1"
    assert of("a,b,y\n1,2,0\n1,x,1\n") == ", line 3, column 2 (b): expected a finite number, not 'x'"
    assert of("1,2,0\n1,,1\n") == ", line 2, column 2: expected a finite number, not ''"
    for missing in ("NA", "nan", "NaN", "inf", "-Infinity", "1e999", "1_0", "0x10", "1d2", "--1"):
        assert of(f"1,2,0\n1,{missing},1\n") == f", line 2, column 2: expected a finite number, not '{missing}'"
    for missing in ("", "NA", "nan"):
        assert of(f"a,b,y\n1,2,0\n1,2,{missing}\n") == f", line 3: expected a label, not '{missing}'"
    assert of("1,2,a\n1,2,b\n", classes=False) == ", line 1: expected a number as label, not 'a'"
    assert of("a,b\n1,2\n", label="z") == ": expected a column named 'z', but the columns are a, b"
    assert of("1,2\n", label=3) == "label must be a column's name or number from 1 to 2, not 3"
    assert of('1,"2,0\n') == ", line 1: expected quotation marks in pairs, not 1 of them"
    assert of(b"\x89PNG\r\n\x1a\n\0\0") == (
        ": expected a CSV file in UTF-8, an IDX file or a folder with a pair, not another format"
    )
    assert of("1,2,é\n".encode("latin1")).endswith("not another format")
    for damaged in (gzip.compress(b"1,2,0\n" * 999)[:-9], gzip.compress(b"1,2,0\n")[:5], b"\x1f\x8bnothing"):
        assert of(damaged) == ": expected a whole gzip file, not a damaged or truncated one"


def test_bad_idx(tmp_path):
    images, labels = idx(np.zeros((2, 2, 2))), idx(np.array([0, 1]))

    def of(images: bytes, labels: bytes) -> str:
        return sentence(datasets.load_data, pair(tmp_path, images, labels))

    assert "(24 bytes), not 23 bytes" in of(images[:-1], labels)
    assert "(24 bytes), not 25 bytes" in of(images + b"x", labels)
    assert "an unknown number of numbers" in of(images[:9], labels)
    assert "as many labels as images, 2, not 3" in of(images, idx(np.array([0, 1, 1])))
    assert "expected an IDX file of labels (1 dimension), not 3 dimensions" in of(images, images)
    assert "not one of labels" in of(labels, labels)
    assert "at least one image, not 0 x 2 x 2" in of(idx(np.zeros((0, 2, 2))), idx(np.zeros(0)))
    assert "whole numbers of at least 0, not -1" in of(images, idx(np.array([0, -1]), 0x09, ">i1"))
    assert "finite numbers only" in of(idx(np.full((2, 1, 1), np.nan), 0x0E, ">f8"), labels)
    assert "not another format" in of(b"P5 28 28", labels)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    assert "folder with an IDX pair" in sentence(datasets.load_data, tmp_path)
    alone = write(tmp_path / "alone", images)
    assert "expected a file of labels for these images" in sentence(datasets.load_data, alone)
    table = write(tmp_path / "t.csv", "1,0\n")
    assert "goes with an IDX file of images" in sentence(datasets.load_data, table, alone)
