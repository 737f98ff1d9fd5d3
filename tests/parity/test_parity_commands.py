"""The commands parity, trace and compare as a person meets them: what they print, exit status, sentences."""

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from nnparity.trace import read_trace

R_DOOR = Path(__file__).resolve().parent.parent.parent / "R" / "nnparity.R"


def nnparity(*words, **options):
    command = [sys.executable, "-m", "nnparity", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **options)


def rscript(*words, **options):
    command = ["Rscript", "--vanilla", str(R_DOOR), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **options)


# --- parity ----------------------------------------------------------------------------------------------------------


def test_without_options_the_digits_table_and_accuracy(tmp_path):
    done = nnparity("parity", "--json", tmp_path / "a.json")
    assert done.returncode == 0, done.stderr
    assert "64-30-10" in done.stdout
    assert "W2_new" in done.stdout
    assert "evidence ratio" in done.stdout
    assert "Accuracy on 359 held-out samples: Python" in done.stdout
    assert "SAME 919,314 values compared" in done.stdout
    result = json.loads((tmp_path / "a.json").read_text())
    assert result["agrees"]
    assert result["steps"] == 144
    assert result["accuracy"]["Python"] == result["accuracy"]["R"] > 0.5
    assert {row["quantity"] for row in result["quantities"]} >= {"W1", "order", "A0", "delta1", "b2_new"}
    assert result["seconds"]["R"] > 0


def test_the_course_is_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    done = nnparity("parity", "--sizes", "4,6,3", "--steps", 5, "--plot", "course.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "course.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--plot", "course.bmp"], "--plot must name a file that ends in .png, .pdf, .svg, not 'course.bmp'"),
        (["--plot", ""], "--plot must name a file that ends in .png, .pdf, .svg, not ''"),
        (["--batch", "0"], "--batch must be a whole number of at least 1, not 0"),
        (["--plot", "nowhere/course.png"], "--plot must name a file in a folder that exists, not nowhere/course.png"),
        (["--plot", "course.png", "--exact"], "--plot draws one run in fast arithmetic"),
        (["--plot", "course.png", "--cases"], "--plot draws one run in fast arithmetic"),
    ],
)
def test_what_cannot_be_run_or_drawn_is_said_before_anything_is_printed(tmp_path, words, sentence):
    done = nnparity("parity", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert done.stdout == ""


def test_a_picture_needs_matplotlib(tmp_path):
    (tmp_path / "matplotlib.py").write_text("raise ImportError('none here')\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = nnparity("parity", "--plot", tmp_path / "course.png", env=os.environ | {"PYTHONPATH": path})
    assert done.returncode == 2
    assert "pictures need matplotlib, which is not installed: pip install 'nnparity[plots]'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_exact_says_zero_ulp_over_both_transports():
    for transport in ("rpy2", "Rscript"):
        words = ["--exact", "--sizes", "4,6,3", "--steps", 5, "--optimizer", "adam", "--bridge", transport]
        done = nnparity("parity", *words)
        assert done.returncode == 0, done.stderr
        assert "values compared, 0 ulp" in done.stdout
        assert ("Bridge: R inside" if transport == "rpy2" else "Bridge: Rscript beside") in done.stdout


def test_a_difference_ends_the_run_with_status_1(tmp_path):
    """A sitecustomize plants a fault in Python's twin alone."""
    (tmp_path / "sitecustomize.py").write_text(
        "import nnparity.losses as losses, nnparity.network as network\n"
        "right = losses.output_delta\n"
        "network.output_delta = lambda *arguments: right(*arguments) * (1 + 2**-30)\n"
    )
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    for words in ([], ["--exact"]):
        done = nnparity("parity", "--sizes", "4,6,3", *words, env={**os.environ, "PYTHONPATH": path})
        assert done.returncode == 1, done.stderr
        assert "DIFFERENT delta2 differs at step 1 (epoch 1): delta[1][" in done.stdout
        assert "0x" in done.stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--sizes", "63,10", "--data", "digits"], "--sizes must begin with 64 and end with 10"),
        (["--activation", "sigmod"], "did you mean 'sigmoid'"),
        (["--loss", "crossentropy"], "loss must be one of"),
        (["--optimizer", "adamm"], "did you mean 'adam'"),
        (["--init", "norml"], "init must be one of"),
        (["--eta", "-1"], "eta must be one finite number above 0"),
        (["--eta", "nan"], "eta must be one finite number above 0"),
        (["--batch", "0"], "batch must be a whole number of at least 1"),
        (["--batch", "99999"], "batch must be at most the number of samples, 1438"),
        (["--epochs", "0"], "epochs must be a whole number of at least 1"),
        (["--steps", "-2"], "steps must be a whole number of at least 1"),
        (["--arithmetic", "quick"], "arithmetic must be one of fast, exact"),
        (["--bridge", "pipe"], "bridge must be one of auto, rpy2, Rscript"),
        (["--data", "no-such-file.csv"], "no-such-file.csv"),
        (["--test", "5000"], "--test must be from 0 to 1796"),
        (["--sizes", "4,x"], "--sizes must be whole numbers"),
        (["--json", "no-such-folder/a.json"], "--json must name a file in a folder that exists"),
        (["--seed", "99999999999"], "seed must be"),
        (["--no-bias", "9"], "no_bias must hold layer numbers from 1 to 2"),
        (["--clip-norm", "0"], "clip_norm must be one finite number above 0"),
        (["--epochs", "two"], "'two' is not a valid integer"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(monkeypatch, capsys, words, sentence):
    from nnparity import cli

    with pytest.raises(SystemExit) as end:
        cli.main(["parity", *words])
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert "Traceback" not in error


def write_idx(path, array):
    array = np.asarray(array, np.uint8)
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    with gzip.open(path, "wb") as file:
        file.write(header + array.tobytes())


def test_idx_pairs_and_csv_files_can_be_the_data(tmp_path):
    rng = np.random.default_rng(3)
    write_idx(tmp_path / "t10k-images-idx3-ubyte.gz", rng.integers(0, 256, (60, 4, 4)))
    write_idx(tmp_path / "t10k-labels-idx1-ubyte.gz", np.arange(60) % 3)
    done = nnparity("parity", "--data", tmp_path, "--epochs", 2)
    assert done.returncode == 0, done.stderr
    assert "16-30-3" in done.stdout
    table = tmp_path / "table.csv"
    rows = [f"{x:.3f},{y:.3f},{x + y:.3f}" for x, y in rng.random((40, 2))]
    table.write_text("\n".join(["x,y,sum", *rows]) + "\n")
    done = nnparity("parity", "--data", table, "--output-activation", "linear", "--eta", "0.1")
    assert done.returncode == 0, done.stderr
    assert "2-30-1" in done.stdout
    assert "Accuracy" not in done.stdout


def test_a_loss_outside_its_domain_in_both_languages_is_status_2():
    words = ["--sizes", "4,3", "--output-activation", "linear", "--loss", "categorical_cross_entropy"]
    done = nnparity("parity", *words)
    assert done.returncode == 2
    assert "STOPPED Both languages stop at step" in done.stdout


def test_an_r_that_ends_in_mid_run_is_one_sentence(monkeypatch, capsys):
    from nnparity import cli
    from nnparity.sides import RSide

    monkeypatch.setattr(RSide, "shuffle", lambda side: side.bridge.evaluate("quit(status = 4)"))
    with pytest.raises(SystemExit) as end:
        cli.main(["parity", "--bridge", "Rscript", "--steps", "2"])
    assert end.value.code == 2
    assert capsys.readouterr().err.strip() == "nnparity: Rscript stopped with status 4: no word"


@pytest.mark.parametrize("transport", ["rpy2", "Rscript"])
def test_ctrl_c_ends_the_run_soon(transport):
    if transport == "rpy2":
        pytest.importorskip("rpy2.rinterface")
    words = ["parity", "--sizes", "64,30,10", "--epochs", "100000", "--bridge", transport]
    command = [sys.executable, "-u", "-m", "nnparity", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        for line in run.stdout:
            if line.startswith("Bridge:"):
                break
        time.sleep(2)  # steps are being taken
        run.send_signal(signal.SIGINT)
        try:
            said = run.communicate(timeout=60)[1]
        finally:
            run.kill()
    assert run.returncode == 130
    assert said.strip() == "nnparity: interrupted."


# --- trace and compare -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def traces(tmp_path_factory):
    folder = tmp_path_factory.mktemp("traces")
    options = ["--steps", "3", "--optimizer", "momentum"]
    assert nnparity("trace", *options, "--output", folder / "python.csv").returncode == 0
    assert nnparity("trace", *options, "--language", "r", "--output", folder / "bridge.csv").returncode == 0
    assert rscript("trace", *options, "--output", folder / "r.csv").returncode == 0
    return folder, options


def test_the_trace_is_the_vocabulary(traces):
    steps = read_trace(traces[0] / "python.csv")
    assert len(steps) == 3
    assert list(steps[0]) == [
        "A0", "Z1", "A1", "Z2", "A2", "loss", "delta2", "dW2", "db2", "delta1", "dW1", "db1",
        "W1_new", "b1_new", "W2_new", "b2_new", "W1_velocity", "b1_velocity", "W2_velocity", "b2_velocity",
    ]  # fmt: skip


def test_r_s_own_door_writes_what_the_bridge_does(traces):
    assert (traces[0] / "r.csv").read_bytes() == (traces[0] / "bridge.csv").read_bytes()


def test_exact_traces_are_the_same_bytes(tmp_path):
    ours = nnparity("trace", "--exact", "--loss", "categorical_cross_entropy", "--output-activation", "softmax").stdout
    theirs = rscript("trace", "--exact", "--loss", "categorical_cross_entropy", "--output-activation", "softmax").stdout
    assert ours.startswith("# nnparity trace 1\nstep,quantity,row,col,value\n1,A0,1,1,")
    assert ours == theirs


@pytest.mark.parametrize("door", [nnparity, rscript])
def test_compare_judges_by_rounding(traces, door):
    folder, options = traces
    done = door("compare", folder / "python.csv", folder / "r.csv", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SAME" in done.stdout
    assert "evidence ratio" in done.stdout


@pytest.mark.parametrize("door", [nnparity, rscript])
def test_compare_finds_a_changed_value(traces, tmp_path, door):
    folder, options = traces
    lines = (folder / "r.csv").read_text().splitlines(keepends=True)
    at = next(k for k, line in enumerate(lines) if line.startswith("2,dW1,3,2,"))
    lines[at] = "2,dW1,3,2,0.5\n"
    (tmp_path / "changed.csv").write_text("".join(lines))
    done = door("compare", folder / "python.csv", tmp_path / "changed.csv", *options)
    assert done.returncode == 1
    assert "DIFFERENT dW1 differs at step 2" in done.stdout
    assert ("dW[0][2, 1]" if door is nnparity else "dW[[1]][3, 2]") in done.stdout


@pytest.mark.parametrize("door", [nnparity, rscript])
def test_compare_without_the_run_s_options_says_so(traces, door):
    folder, _ = traces
    done = door("compare", folder / "python.csv", folder / "r.csv", "--seed", 7)
    assert done.returncode == 1
    assert "No rounding bounds" in done.stdout
    assert door("compare", folder / "r.csv", folder / "r.csv", "--seed", 7).returncode == 0


@pytest.mark.parametrize("door", [nnparity, rscript])
@pytest.mark.parametrize("text", ["", "no trace\n", "# nnparity trace 1\nstep,quantity,row,col,value\n1,A0,1,1,x\n"])
def test_a_damaged_trace_is_one_sentence(traces, tmp_path, door, text):
    (tmp_path / "bad.csv").write_text(text)
    done = door("compare", tmp_path / "bad.csv", traces[0] / "r.csv")
    assert done.returncode == 2
    assert "bad.csv" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("door", [nnparity, rscript])
def test_traces_of_different_length_differ(traces, tmp_path, door):
    folder, options = traces
    lines = (folder / "r.csv").read_text().splitlines(keepends=True)
    (tmp_path / "short.csv").write_text("".join(line for line in lines if not line.startswith("3,")))
    done = door("compare", folder / "r.csv", tmp_path / "short.csv", *options)
    assert done.returncode == 1
    assert "3 steps against 2" in done.stdout


# --- R's door --------------------------------------------------------------------------------------------------------


def test_r_s_door_knows_its_commands():
    assert "compare" in rscript("--help").stdout
    done = rscript("tracee")
    assert (done.returncode, done.stderr.strip()) == (2, "nnparity: no such command: tracee; did you mean trace?")
    assert "--clip-norm" in rscript("trace", "--help").stdout


def test_r_s_door_without_python_offers_check_step(tmp_path):
    empty = {"PATH": "/usr/bin:/bin", "NNPARITY_PYTHON": ""}
    code = (
        "source(commandArgs(TRUE)[1]); has_nnparity <- function(python) FALSE; "
        "Sys.setenv(PATH = ''); quit(status = main(c('diagnose', 'port.R')))"
    )
    command = ["Rscript", "--vanilla", "-e", code, str(R_DOOR)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, **empty})
    assert done.returncode == 2, done.stderr
    assert "pip install nnparity" in done.stderr
    assert "check_step(step, sizes)" in done.stderr
