"""train, predict, evaluate, plot and workload from the command line: what they write, say and refuse."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from nnparity import InputError, load_model
from nnparity.cli import group
from nnparity.commands.data import load_labelled
from nnparity.workloads import WORKLOADS, run_workload

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*words):
        result = CliRunner().invoke(group, [str(word) for word in words], standalone_mode=False)
        if result.exception is not None:
            raise result.exception
        return result.output

    return call


@pytest.fixture
def trained(run):
    run(
        "train", "clusters", "--hidden", "6", "--activation", "tanh", "--eta", "1", "--epochs", "20", "--model", "c.txt"
    )
    return "c.txt"


def test_train_writes_model_history_and_picture(run, tmp_path):
    text = run(
        "train", "digits", "--epochs", 2, "--validation", "0.2", "--history", "h.csv", "--plot", "h.png", "--quiet"
    )
    assert "64-30-10 network" in text
    assert "validation: loss" in text
    assert load_model("model.txt").state.epoch == 2
    history = pd.read_csv("h.csv")
    assert history["epoch"].tolist() == [1, 2]
    assert history["validation_metric"].notna().all()
    assert (tmp_path / "h.png").read_bytes()[:4] == b"\x89PNG"


def test_resume_goes_on(run):
    run("train", "clusters", "--epochs", 4, "--model", "whole.txt", "--quiet")
    run("train", "clusters", "--epochs", 2, "--model", "part.txt", "--quiet")
    run("train", "clusters", "--resume", "part.txt", "--epochs", 4, "--model", "part.txt", "--quiet")
    whole, part = load_model("whole.txt"), load_model("part.txt")
    assert all(np.array_equal(a, b) for a, b in zip(whole.state.W, part.state.W, strict=True))


def test_sizes_and_arithmetic(run):
    run("train", "clusters", "--sizes", "2,5,4,2", "--epochs", 1, "--arithmetic", "exact", "--model", "s.txt")
    assert load_model("s.txt").network.sizes == (2, 5, 4, 2)
    assert load_model("s.txt").arithmetic == "exact"
    with pytest.raises(InputError, match="--sizes must be 2,5,2 for these data, not 3,5,2"):
        run("train", "clusters", "--sizes", "3,5,2", "--quiet")
    with pytest.raises(InputError, match="--epochs must be more than the 1 that the model has done, not 1"):
        run("train", "clusters", "--resume", "s.txt", "--epochs", 1, "--quiet")


def test_predict_and_evaluate(run, trained, tmp_path):
    lines = run("predict", trained, "clusters", "--outputs").splitlines()
    assert lines[0] == "row,prediction,output1,output2"
    assert len(lines) == 201
    run("predict", trained, "clusters", "--out", "p.csv")
    assert pd.read_csv("p.csv")["prediction"].isin([1, 2]).all()
    text = run("evaluate", trained, "clusters", "--plot", "c.svg")
    assert "200 observations" in text
    assert "accuracy" in text
    assert (tmp_path / "c.svg").read_text().startswith("<?xml")


@pytest.mark.parametrize("what", ["history", "confusion", "regions"])
def test_pictures(run, trained, tmp_path, what):
    run("plot", what, trained, "p.pdf", "--data", "clusters")
    assert (tmp_path / "p.pdf").read_bytes()[:4] == b"%PDF"


def test_unlabelled_csv(run, tmp_path):
    rng = np.random.default_rng(1)
    table = pd.DataFrame(rng.normal(size=(20, 3)).round(3), columns=["a", "b", "c"])
    table.assign(kind=np.where(table["a"] > 0, "up", "down")).to_csv("t.csv", index=False)
    run("train", "t.csv", "--epochs", 2, "--quiet")
    labelled = run("predict", "model.txt", "t.csv")
    table.to_csv("bare.csv", index=False)
    assert run("predict", "model.txt", "bare.csv") == labelled


ROWS = ((0.1, 0.2), (0.3, 0.4))
# What a table for a model of x1 and x2 may look like beside the plain one: its header, and how a row is written.
TABLES = {
    "x1,x2": "{0},{1}",
    "x2,x1": "{1},{0}",
    "x2,more,x1": "{1},5,{0}",
    "id,x2,kind,x1": "q,{1},1,{0}",
    "x1,x2,k": "{0},{1},1",
    "y,x1,x2": "1,{0},{1}",
    "": "{0},{1}",
    "-": "{0},{1},1",
    "--": "1,{0},{1}",
}


@pytest.mark.parametrize("header", TABLES)
def test_the_columns_of_training_are_found_in_a_table(run, tmp_path, header):
    lines = [f"0.{i},0.3,0\n1.{i},0.9,1\n0.3,1.{i},2" for i in range(1, 10)]
    (tmp_path / "t.csv").write_text("\n".join(["x1,x2,kind", *lines]) + "\n")
    run("train", "t.csv", "--epochs", 5, "--quiet", "--hidden", 3)
    (tmp_path / "plain.csv").write_text("x1,x2,kind\n" + "".join(f"{a},{b},{k}\n" for k, (a, b) in enumerate(ROWS)))
    plain = run("predict", "model.txt", "plain.csv", "--outputs")
    names = [header] if header.strip("-") else []
    (tmp_path / "new.csv").write_text("\n".join([*names, *(TABLES[header].format(*row) for row in ROWS)]) + "\n")
    assert run("predict", "model.txt", "new.csv", "--outputs") == plain
    if "1" in TABLES[header].replace("{1}", "").split(","):
        assert "accuracy         0" in run("evaluate", "model.txt", "new.csv", "--top", 1)


def test_a_table_that_lacks_a_column_of_training_or_all_labels(run, tmp_path):
    (tmp_path / "t.csv").write_text("x1,x2,kind\n1,2,a\n3,4,b\n2,1,a\n")
    (tmp_path / "lacks.csv").write_text("x1,zz\n1,2\n3,4\n")
    (tmp_path / "bare.csv").write_text("x2,x1\n1,2\n3,4\n")
    run("train", "t.csv", "--epochs", 1, "--quiet")
    with pytest.raises(InputError, match=r"lacks\.csv: expected the columns of training, but 'x2' is missing"):
        run("predict", "model.txt", "lacks.csv")
    with pytest.raises(InputError, match=r"bare\.csv: expected a column of labels beside the 2 of training"):
        run("evaluate", "model.txt", "bare.csv")


def test_one_input_without_labels(run, tmp_path):
    (tmp_path / "t.csv").write_text("x,y\n1,2.5\n2,3.5\n3,4.25\n")
    for name, text in (("named.csv", "x\n1\n2\n3\n"), ("unnamed.csv", "1\n2\n3\n")):
        (tmp_path / name).write_text(text)
    run("train", "t.csv", "--epochs", 1, "--quiet")
    asked = [run("predict", "model.txt", name) for name in ("t.csv", "named.csv", "unnamed.csv")]
    assert asked[1:] == asked[:1] * 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "digits", "--eta", "x"], "--eta must be a number, not 'x'"),
        (["train", "digits", "--batch", "1.5"], "--batch must be a whole number"),
        (["train", "digits", "--validation", "2"], None),
        (["train", "digits", "--validation", "5000"], "--validation must be a share below 1"),
        (["train", "digits", "--task", "clases"], "did you mean 'classes'"),
        (["train", "no.csv"], "no.csv"),
        (["train", "digits", "--resume", "no.txt"], "no.txt"),
        (["train", "digits", "--epochs", "1", "--quiet", "--model", "no/m.txt"], "no/m.txt: expected a place"),
        (["plot", "histroy", "c.txt", "x.png"], "did you mean 'history'"),
        (["plot", "history", "c.txt", "x.bmp"], "the ending of x.bmp must be one of png, pdf, svg"),
        (["plot", "regions", "c.txt", "x.png"], "give --data"),
        (["predict", "c.txt", "digits"], "200"),
        (["workload", "spirl"], "did you mean 'spiral'"),
        (["workload", "nielsen-30"], "give --data"),
        (["workload", "spiral", "--out", "nowhere"], "nowhere: expected a folder for the picture, found none"),
    ],
)
def test_refusals(run, trained, words, message):
    if message is None:
        run(*words, "--epochs", 1, "--quiet")
        return
    with pytest.raises(InputError) as refused:
        run(*words)
    if message != "200":
        assert message in str(refused.value)


# --- what is turned away before it costs a training ------------------------------------------------------------------


@pytest.fixture
def sorted_rows(run, tmp_path):
    rng = np.random.default_rng(1)
    kinds = np.repeat([0, 1, 2], 20)
    table = pd.DataFrame({"a": rng.normal(kinds).round(3), "b": rng.normal(-kinds).round(3)})
    table.assign(kind=[f"s{kind}" for kind in kinds]).to_csv(tmp_path / "words.csv", index=False)
    table.assign(kind=kinds).to_csv(tmp_path / "numbers.csv", index=False)
    table.assign(kind=kinds)[:40].to_csv(tmp_path / "two.csv", index=False)
    table.assign(y=table["a"] - table["b"]).to_csv(tmp_path / "sums.csv", index=False)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "nofile.csv", "", "60", "0", "1.5", "-1", "0.001"])
def test_validation_that_is_none(run, sorted_rows, value):
    with pytest.raises(InputError) as refused:
        run("train", "words.csv", "--validation", value)
    wanted = "a share below 1, a number of rows below 60, or a file"
    assert str(refused.value) == f"--validation must be {wanted}, not '{value}'"


@pytest.mark.parametrize("data", ["words.csv", "numbers.csv"])
@pytest.mark.parametrize("validation", ["0.4", "25"])
def test_classes_are_those_of_the_whole_file(run, sorted_rows, data, validation):
    words = ["train", data, "--epochs", 2, "--hidden", 4, "--exact", "--quiet", "--validation", validation]
    run(*words, "--model", "p.txt")
    assert load_model("p.txt").network.sizes == (2, 4, 3)
    r = [str(word) for word in [*words, "--model", "r.txt"]]
    subprocess.run(["Rscript", str(ROOT / "R" / "nnparity.R"), *r], check=True, capture_output=True)
    ours, theirs = (
        [line for line in Path(name).read_text().splitlines() if not line.startswith("history.seconds")]
        for name in ("p.txt", "r.txt")
    )
    assert ours == theirs


@pytest.mark.parametrize(
    ("option", "path", "message"),
    [
        ("--model", "", "'': expected a place to write to, but it is none"),
        ("--model", ".", ".: expected a place to write to, but is a directory"),
        ("--model", "words.csv/x", "words.csv/x: expected a place to write to, but not a directory"),
        ("--model", "no/m.txt", "no/m.txt: expected a place to write to, but no such file or directory"),
        ("--history", "no/h.csv", "no/h.csv: expected a place to write to, but no such file or directory"),
        ("--history", ".", ".: expected a place to write to, but is a directory"),
        ("--plot", "z.gif", "the ending of z.gif must be one of png, pdf, svg, not 'gif'"),
        ("--plot", ".png", "the ending of .png must be one of png, pdf, svg, not ''"),
        ("--plot", "", "the ending of  must be one of png, pdf, svg, not ''"),
        ("--plot", "no/z.png", "no/z.png: expected a place to write to, but no such file or directory"),
    ],
)
def test_places_are_looked_at_before_the_training(run, sorted_rows, monkeypatch, option, path, message):
    monkeypatch.setattr("nnparity.model.train_model", lambda *_: pytest.fail("trained for nothing"))
    with pytest.raises(InputError) as refused:
        run("train", "words.csv", "--quiet", option, path)
    assert message in str(refused.value)
    assert not Path("model.txt").exists()


def test_a_place_that_may_not_be_written_to(run, tmp_path, monkeypatch):
    (tmp_path / "m.txt").write_text("")
    monkeypatch.setattr("os.access", lambda path, mode: str(path).endswith("m.txt"))
    with pytest.raises(InputError, match=r"m\.txt: expected a place to write to, but permission denied"):
        run("train", "xor", "--model", str(tmp_path / "m.txt"))


def test_pictures_need_matplotlib_before_the_training(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setattr("nnparity.model.train_model", lambda *_: pytest.fail("trained for nothing"))
    with pytest.raises(InputError, match="pictures need matplotlib"):
        run("train", "xor", "--quiet", "--plot", "x.png")


def test_evaluate_refuses_a_picture_before_it_prints(run, sorted_rows, trained, capsys):
    words = ["evaluate", trained, "clusters", "--plot", "c.gif"]
    result = CliRunner().invoke(group, words, standalone_mode=False)
    assert "the ending of c.gif must be one of png, pdf, svg" in str(result.exception)
    assert result.output == ""
    run("train", "sums.csv", "--task", "numbers", "--epochs", 1, "--quiet", "--model", "n.txt")
    with pytest.raises(InputError, match="--plot draws the confusion matrix of classes, and this model predicts numb"):
        run("evaluate", "n.txt", "sums.csv", "--plot", "c.png")


def test_top_of_a_single_output(run, sorted_rows):
    run("train", "two.csv", "--loss", "binary_cross_entropy", "--epochs", 3, "--quiet", "--model", "b.txt")
    values = dict(line.split() for line in run("evaluate", "b.txt", "two.csv", "--top", 1).splitlines()[1:4])
    assert values["top_1_accuracy"] == values["accuracy"]
    assert "top_" not in run("evaluate", "b.txt", "two.csv", "--top", 2)


def test_exit_status_2():
    command = [sys.executable, "-m", "nnparity.workloads", "spirl"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("nnparity: workload must be one of")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["xor", "clusters-6", "autoencoder"])
def test_workloads(name, tmp_path):
    reached = run_workload(name, out=str(tmp_path))
    measure, goal = WORKLOADS[name].measure, WORKLOADS[name].goal
    assert reached[measure] <= goal if measure == "rmse" else reached[measure] >= goal
    assert (tmp_path / f"{name}.png").stat().st_size > 1000


def test_what_is_written_is_written_whole(run, trained, tmp_path):
    (tmp_path / "kept.csv").write_text("kept")
    (tmp_path / "link.csv").symlink_to("kept.csv")
    run("predict", trained, "clusters", "--out", "link.csv")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "kept.csv").read_text().startswith("row,prediction\n1,")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no such device here")
@pytest.mark.parametrize("words", [["predict", "c.txt", "clusters", "--out"], ["train", "clusters", "--model"],
                                   ["train", "clusters", "--history"]])  # fmt: skip
def test_a_device_is_written_to_and_stays(run, trained, words):
    options = ["--epochs", 1, "--quiet"] if words[0] == "train" else []
    run(*words, "/dev/null", *options)
    with pytest.raises(InputError, match="/dev/full: expected a place to write to, but no space left on device"):
        run(*words, "/dev/full", *options)
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


def test_places_by_name_where_the_order_differs_and_row_names_are_no_input(run, tmp_path):
    (tmp_path / "named.csv").write_text("x1,x2,kind\n1,2,a\n3,4,b\n2,1,a\n")
    (tmp_path / "turned.csv").write_text("x2,kind,x1\n2,a,1\n4,b,3\n1,a,2\n")
    run("train", "named.csv", "--epochs", 1, "--quiet")
    sample = load_labelled("turned.csv", model=load_model("model.txt"))
    assert sample.data.X.tolist() == [[1, 2], [3, 4], [2, 1]]
    (tmp_path / "unnamed.csv").write_text("1,2,0\n3,4,1\n2,1,0\n")
    (tmp_path / "rows.csv").write_text(",a,b\nr1,1,2\nr2,3,4\nr3,2,1\n")
    run("train", "unnamed.csv", "--epochs", 1, "--quiet")
    assert run("predict", "model.txt", "rows.csv") == run("predict", "model.txt", "unnamed.csv")
