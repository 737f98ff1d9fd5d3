"""train, predict, evaluate, plot and workload from the command line: what they write, say and refuse."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from nnparity import InputError, load_model
from nnparity.cli import group
from nnparity.workloads import WORKLOADS, run_workload


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
