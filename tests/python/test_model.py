"""Models: data at the door, scaling, classes, the file and what damages it, the estimator."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from nnparity import (
    InputError,
    Network,
    confusion_matrix,
    evaluate_model,
    load_digits,
    load_model,
    make_clusters,
    predict_outputs,
    prepare_model,
    r_squared,
    rmse,
    save_model,
    top_k_accuracy,
    train_model,
)  # fmt: skip
from nnparity.model import ENDINGS, describe_model, ending_note
from nnparity.model_file import HISTORY_COLUMNS
from nnparity.preprocessing import (
    apply_scaling,
    decode_targets,
    encode_targets,
    fit_scaling,
    fit_targets,
    saturation_warning,
    sort_labels,
)  # fmt: skip

DIGITS = load_digits()
X, Y = DIGITS.X[:90], DIGITS.y[:90]
CLUSTERS = make_clusters(3, 40)
ETA = "eta\tnumber\t1\t0.5"  # a line of a model's file


def small(**options):
    return prepare_model(X, Y, hidden=7, epochs=2, **options)


# --- preprocessing ---------------------------------------------------------------------------------------------------


def test_unit_scaling():
    table = np.array([[1.0, 5.0, 2.0], [3.0, 5.0, -2.0], [2.0, 5.0, 0.0]])
    scaled = apply_scaling(fit_scaling("unit", table), table)
    assert scaled.tolist() == [[0, 0, 1], [1, 0, 0], [0.5, 0, 0.5]]


def test_standard_scaling():
    table = np.random.default_rng(1).normal(3, 5, size=(200, 4))
    scaled = apply_scaling(fit_scaling("standard", table), table)
    assert scaled.mean(axis=0) == pytest.approx(np.zeros(4), abs=1e-14)
    assert scaled.std(axis=0) == pytest.approx(np.ones(4))


LABELS = {
    "whole numbers": ([0, 2, 1, 2], ("0", "1", "2"), [0, 2, 1, 2]),
    "floats that are whole": ([1.0, 10.0, 2.0, 2.0], ("1", "2", "10"), [0, 2, 1, 1]),
    "text by code point": (["b", "B", "a", "ä"], ("B", "a", "b", "ä"), [2, 0, 1, 3]),
    "text of numbers by size": (["10", "9", "9", "10"], ("9", "10"), [1, 0, 0, 1]),
    "logical": ([True, False, True, True], ("FALSE", "TRUE"), [1, 0, 1, 1]),
    "categories": (pd.Categorical(["x", "y", "x", "y"], ["y", "x"]), ("y", "x"), [1, 0, 1, 0]),
    "categories of numbers": (pd.Categorical([10.0, 2.0, 2.0, 10.0], [2.0, 10.0]), ("2", "10"), [1, 0, 0, 1]),
    "series of categories": (pd.Series(["u", "v", "u", "v"], dtype="category"), ("u", "v"), [0, 1, 0, 1]),
    "series of text": (pd.Series(["u", "v", "u", "v"]), ("u", "v"), [0, 1, 0, 1]),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels(kind):
    labels, classes, places = LABELS[kind]
    targets = fit_targets(labels)
    assert targets.classes == classes
    rows = encode_targets(targets, labels)
    assert rows.shape == (4, len(classes))
    assert rows.argmax(axis=1).tolist() == places
    assert rows.sum() == 4
    assert [str(label) for label in decode_targets(targets, rows).tolist()] == [classes[place] for place in places]


def test_numbers_stay_numbers():
    for y in ([0.5, 1.5, 2.0], [2, 3, 4], [[1, 2], [3, 4], [5, 6]]):
        targets = fit_targets(y)
        assert targets.classes == ()
        assert np.array_equal(decode_targets(targets, encode_targets(targets, y)), np.asarray(y, float))
    assert fit_targets([0, 1, 2], "numbers").classes == ()
    assert fit_targets([0.5, 1.5], "classes").classes == ("0.5", "1.5")


def test_one_unit_for_two_classes():
    targets = fit_targets(["no", "yes", "no"], one_unit=True)
    assert encode_targets(targets, ["no", "yes", "no"]).tolist() == [[0], [1], [0]]
    assert decode_targets(targets, np.array([[0.4], [0.6], [0.5]])).tolist() == ["no", "yes", "no"]


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (["a", "a"], "at least two classes, not only a"),
        (["a", None], "no missing ones"),
        ([1.0, np.nan], "finite numbers only, not NaN"),
        ([], "y must hold a label"),
        ([["a", "b"]], "one label for each observation"),
    ],
)
def test_bad_labels(y, message):
    with pytest.raises(InputError, match=message):
        fit_targets(y)


def test_unknown_class():
    with pytest.raises(InputError, match=r"must hold the classes of training \(a, b\), not 'c'"):
        encode_targets(fit_targets(["a", "b"]), ["a", "c"])


def test_sort_labels():
    assert sort_labels({"10", "9", "-1"}) == ["-1", "9", "10"]
    assert sort_labels({"10", "9", "x"}) == ["10", "9", "x"]
    assert sort_labels({"10_1", "9_1"}) == ["10_1", "9_1"]
    assert sort_labels({"0x10", "9", "inf"}) == ["0x10", "9", "inf"]


def test_raw_pixels_are_warned_of():
    pixels = np.round(X * 255)
    model = prepare_model(pixels, Y)
    sentence = saturation_warning(model.network, model.state.W, model.state.b, pixels)
    assert "reach 255" in sentence
    assert "scaling = 'unit'" in sentence
    assert saturation_warning(model.network, model.state.W, model.state.b, X) is None
    relu = prepare_model(pixels, Y, activation="relu")
    assert saturation_warning(relu.network, relu.state.W, relu.state.b, pixels) is None
    with pytest.warns(UserWarning, match="hardly learn"):
        Network(hidden=3, epochs=1).fit(pixels, Y)


# --- metrics ---------------------------------------------------------------------------------------------------------


def test_metrics_by_hand():
    A = np.array([[0.7, 0.2, 0.1, 0.5], [0.2, 0.5, 0.3, 0.5], [0.1, 0.3, 0.6, 0.0]])
    T = np.eye(3)[[0, 1, 0, 1]].T
    assert confusion_matrix(A, T).tolist() == [[1, 0, 1], [1, 1, 0], [0, 0, 0]]
    assert [top_k_accuracy(A, T, k) for k in (1, 2, 3)] == [0.5, 0.75, 1.0]
    one, is_second = np.array([[0.7, 0.2, 0.6, 0.5]]), np.array([[1.0, 1.0, 0.0, 0.0]])
    assert [top_k_accuracy(one, is_second, k) for k in (1, 2)] == [0.5, 1.0]
    y, a = np.array([[1.0, 2.0, 3.0]]), np.array([[1.0, 2.0, 5.0]])
    assert rmse(a, y) == pytest.approx((4 / 3) ** 0.5)
    assert r_squared(a, y) == pytest.approx(1 - 4 / 2)
    assert np.isnan(r_squared(a, np.ones((1, 3))))


# --- the model and its file ------------------------------------------------------------------------------------------


def test_file_gives_every_bit_back(tmp_path):
    for k, options in enumerate((
        {}, {"optimizer": "adam", "eta": 0.01, "patience": 1},
        {"scaling": "standard", "clip_norm": 1.0, "no_bias": [1]},
        {"hidden": [], "schedule": "step", "schedule_options": {"every": 3}}, {"dropout": 0.5, "arithmetic": "exact"},
    )):  # fmt: skip
        options = {"hidden": 7, "epochs": 2, **options}
        model = train_model(prepare_model(X, Y, **options), X, Y, (X, Y))
        first, second = tmp_path / f"{k}a.txt", tmp_path / f"{k}b.txt"
        save_model(model, first)
        read = load_model(first)
        save_model(read, second)
        assert first.read_bytes() == second.read_bytes()
        assert np.array_equal(predict_outputs(read, X), predict_outputs(model, X))
        assert (read.network, read.optimizer, read.plan) == (model.network, model.optimizer, model.plan)
        on = train_model(read, X, Y, (X, Y), epochs=4)
        whole = train_model(prepare_model(X, Y, **{**options, "epochs": 4}), X, Y, (X, Y))
        if model.state.stopped == "epochs":
            assert all(np.array_equal(a, b) for a, b in zip(on.state.W, whole.state.W, strict=True))


def test_class_names_of_every_kind_come_back(tmp_path):
    names = np.array(["a\tb", "c\nd", "e\\tf", "", 'g"h,', "ü\\"])
    model = prepare_model(X[:60], np.tile(names, 10), hidden=2)
    save_model(model, tmp_path / "m.txt")
    assert load_model(tmp_path / "m.txt").targets == model.targets


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: "", "whose first line is 'nnparity model 1'"),
        (lambda text: text.replace("nnparity model 1", "nnparity model 2"), "whose first line is"),
        (lambda text: text[: len(text) // 2], "expected"),
        (lambda text: text.replace(ETA, "eta\tnumber\t1\t__import__('os')"), "line 8: expected numbers"),
        (lambda text: text.replace(ETA, "eta\tnumber\t2\t0.5"), "line 8: expected a name"),
        (lambda text: text.replace(ETA, "eta\tnumber\t1\t-1"), "eta must be one finite number above 0"),
        (lambda text: text.replace("loss\ttext\t1\tquadratic", "loss\ttext\t1\tquadratix"), "did you mean 'quadratic'"),
        (lambda text: text.replace("number\t626\t10403", "number\t626\t1"), "random_seed must be"),
        (lambda text: text.replace("number\t3\t64\t7", "number\t3\t64\t8"), "W1 must be 8 x 64, not 7 x 64"),
        (lambda text: text.replace("\nW2\t", "\nV2\t"), "expected an entry W2 of numbers"),
    ],
)  # fmt: skip
def test_damaged_files(tmp_path, change, message):
    path = tmp_path / "m.txt"
    save_model(small(), path)
    path.write_text(change(path.read_text()))
    with pytest.raises(InputError, match=message):
        load_model(path)


def set_entry(text, name, line):
    return re.sub(rf"^{re.escape(name)}\t.*$", lambda found: f"{name}\t{line}", text, flags=re.MULTILINE)


ONE_WORD = ("loss", "optimizer", "schedule", "monitor", "metric", "scaling", "arithmetic", "stopped")
HISTORY = [f"history.{name}" for name in HISTORY_COLUMNS]
DAMAGED_ENTRIES = {
    "activations": ("text\t0", "expected 2 words in activations, found 0"),
    **{name: ("text\t0", f"expected 1 words in {name}, found 0") for name in ONE_WORD},
    **{name: ("number\t1\t1", f"expected 2 numbers in {name}, found 1") for name in HISTORY},
    **{f"{name} ": ("number\t3\t1\t2\t3", f"expected 2 numbers in {name}, found 3") for name in HISTORY},
    "progress": ("number\t5\tNaN\t1\t1\t0\t0", "progress[1] must be a whole number of at least 0, not NaN"),
    "progress ": ("number\t5\t2\t1\tInf\t0\t0", "progress[3] must be a whole number of at least 0, not Inf"),
    "scaling ": ("text\t1\tzzz", "scaling must be one of none, unit, standard, not 'zzz'"),
    "scaling.shift": ("number\t1\t0", "expected 0 numbers in scaling.shift, found 1"),
    "arithmetic ": ("text\t1\texakt", "arithmetic must be one of fast, exact, not 'exakt'; did you mean 'exact'?"),
    "classes": ("text\t1\ta", "expected 10 words in classes, found 1"),
    "features": ("text\t1\ta", "expected 64 words in features, found 1"),
    "constants": ("number\t1x4\t1\t1\t1\t1", "expected 5 numbers in constants, found 4"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED_ENTRIES)
def test_damaged_entries(tmp_path, name):
    line, message = DAMAGED_ENTRIES[name]
    path = tmp_path / "m.txt"
    save_model(train_model(small(), X, Y), path)
    path.write_text(set_entry(path.read_text(), name.strip(), line))
    with pytest.raises(InputError) as refused:
        load_model(path)
    assert str(refused.value) == f"{path}: {message}"


def test_places_that_are_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d.csv").write_text("")
    for path in ("", ".", "d.csv/x"):
        with pytest.raises(InputError, match="expected a place to write to, but"):
            save_model(small(), path)
    assert [path.name for path in tmp_path.iterdir()] == ["d.csv"]


def test_parameters_are_counted_without_absent_biases():
    points, classes, _ = CLUSTERS
    counts = {(): 27, (1,): 23, (2,): 24, (1, 2): 20}
    for no_bias, count in counts.items():
        model = prepare_model(points, classes, hidden=4, no_bias=no_bias)
        assert f"; {count} parameters" in describe_model(model)[0]


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        load_model(tmp_path / "no.txt")
    with pytest.raises(InputError, match="expected a place to write to"):
        save_model(small(), tmp_path / "no" / "m.txt")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("patience", [None, 3])
@pytest.mark.parametrize("stopped", ENDINGS)
def test_the_last_line_says_why_training_ended(stopped, patience):
    model = small(patience=patience)
    model = replace(model, state=replace(model.state, stopped=stopped))
    assert len(ending_note(model)) == 1
    assert ending_note(model)[0] in describe_model(model)
    assert "{" not in ending_note(model)[0]


# --- the estimator ---------------------------------------------------------------------------------------------------


def test_network_of_arrays():
    points, classes, _ = CLUSTERS
    network = Network(hidden=[8], activation="tanh", eta=1.0, epochs=120).fit(points, classes, (points, classes))
    assert network.score(points, classes) > 0.94
    assert network.predict(points).dtype.kind == "i"
    assert list(network.history.columns) == [
        "epoch", "eta", "loss", "metric", "validation_loss", "validation_metric", "seconds",
    ]  # fmt: skip
    assert "2-8-3 network" in repr(network)
    trace = network.trace(points[:5], classes[:5])
    assert trace["W1"].shape == (8, 2) if "W1" in trace else trace["Z1"].shape == (8, 5)


def test_network_of_data_frames():
    points, classes, _ = CLUSTERS
    frame = pd.DataFrame(points, columns=["east", "north"])
    network = Network(hidden=4, epochs=2).fit(frame, pd.Series(classes))
    swapped = frame[["north", "east"]].assign(other="x")
    assert np.array_equal(network.outputs(frame), network.outputs(swapped))
    assert np.array_equal(network.outputs(frame), network.outputs(points))
    with pytest.raises(InputError, match="'north' is missing"):
        network.predict(frame[["east"]])
    with pytest.raises(InputError, match="column 'east' holds text"):
        Network().fit(frame.assign(east="x"), classes)


def test_regression():
    x = np.linspace(-1, 1, 80)[:, np.newaxis]
    network = Network(hidden=8, activation="tanh", eta=0.3, epochs=300, scaling="standard").fit(x, x[:, 0] ** 2)
    assert network.score(x, x[:, 0] ** 2) > 0.95
    assert network.predict(x).shape == (80,)
    assert set(network.evaluate(x, x[:, 0] ** 2)) == {"loss", "rmse", "r_squared"}


def test_save_and_load_an_estimator(tmp_path):
    network = Network(hidden=3, epochs=1).fit(X, Y)
    network.save(tmp_path / "n.txt")
    read = Network.load(tmp_path / "n.txt").resume(X, Y, epochs=2)
    assert np.array_equal(read.outputs(X), Network(hidden=3, epochs=2).fit(X, Y).outputs(X))


def test_unfitted():
    with pytest.raises(InputError, match="fitted or loaded first"):
        Network().predict(X)


def test_wrong_lengths():
    with pytest.raises(InputError, match="as many labels as X has rows, 90, not 89"):
        Network().fit(X, Y[:-1])
    with pytest.raises(InputError, match="X must be 90 x 64, not 90 x 63"):
        predict_outputs(small(), X[:, 1:])


def test_evaluation_uses_the_best_parameters():
    model = train_model(small(patience=1), X, Y)
    worse = replace(model, state=replace(model.state, W=[weights * 0 for weights in model.state.W]))
    assert evaluate_model(worse, X, Y) == evaluate_model(model, X, Y)
