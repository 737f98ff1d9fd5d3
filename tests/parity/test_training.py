"""A model trained in R is the model trained in Python, byte for byte of its file, and training goes on across."""

import subprocess
from dataclasses import replace

import numpy as np
import pytest

from nnparity import load_digits, load_model, predict_outputs, prepare_model, save_model, train_model
from nnparity.cli import COMMANDS
from nnparity.commands import evaluate, plot, predict, train, workload
from nnparity.workloads import WORKLOADS

DIGITS = load_digits()
X, Y = DIGITS.X[:60], DIGITS.y[:60]
HELD = (DIGITS.X[60:90], DIGITS.y[60:90])

# Options in both languages' words.
CASES = {
    "plain": {},
    "adam, softmax": {
        "optimizer": "adam",
        "eta": 0.01,
        "output_activation": "softmax",
        "loss": "categorical_cross_entropy",
    },
    "dropout, early stopping": {"dropout": 0.3, "patience": 1, "monitor": "metric"},
    "two layers, penalties": {"hidden": [7, 5], "activation": ["relu", "tanh"], "l1": 0.001, "l2": 0.01},
    "halving": {"schedule": "halving", "schedule_options": {"wait": 1}, "eta": 3.0, "epochs": 5},
    "exponential": {
        "schedule": "exponential",
        "schedule_options": {"factor": 0.7},
        "optimizer": "momentum",
        "eta": 0.1,
    },
    "standard scaling": {"scaling": "standard", "init": "glorot_uniform", "optimizer": "rmsprop", "eta": 0.01},
    "unit scaling, clipping": {"scaling": "unit", "clip_norm": 0.1, "no_bias": [1]},
}

R_SIDE = """
source("R/nnparity.R")
digits <- load_digits()
X <- digits$X[1:60, ]
y <- digits$y[1:60]
held <- list(digits$X[61:90, ], digits$y[61:90])
folder <- commandArgs(trailingOnly = TRUE)[[1]]
for (line in readLines(file.path(folder, "cases.txt"))) {
  parts <- strsplit(line, "\\t", fixed = TRUE)[[1]]
  options <- eval(parse(text = parts[[2]]))
  model <- train_model(do.call(prepare_model, c(list(X, y), options)), X, y, held)
  save_model(model, file.path(folder, paste0(parts[[1]], "_r.txt")))
  python <- load_model(file.path(folder, paste0(parts[[1]], "_python.txt")))
  outputs <- predict_outputs(python, held[[1]])
  cat(sprintf("%.17g", outputs), file = file.path(folder, paste0(parts[[1]], "_outputs.txt")), sep = "\\n")
  python$state$stopped <- ""
  on <- train_model(python, X, y, held, epochs = python$state$epoch + 2)
  save_model(on, file.path(folder, paste0(parts[[1]], "_on_r.txt")))
}
"""


def r_words(value):
    """Write a value as R does."""
    if isinstance(value, dict):
        return "list(" + ", ".join(f"{name} = {r_words(one)}" for name, one in value.items()) + ")"
    if isinstance(value, list):
        return "c(" + ", ".join(map(r_words, value)) + ")"
    return f'"{value}"' if isinstance(value, str) else repr(value)


def options_of(case):
    return {"hidden": 6, "epochs": 3, "arithmetic": "exact", **CASES[case]}


def lines_of(path):
    return [line for line in path.read_text().splitlines() if not line.startswith("history.seconds")]


@pytest.fixture(scope="module")
def folder(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for k, case in enumerate(CASES):
        model = train_model(prepare_model(X, Y, **options_of(case)), X, Y, HELD)
        save_model(model, folder / f"{k}_python.txt")
    cases = [f"{k}\t{r_words(options_of(case))}\n" for k, case in enumerate(CASES)]
    (folder / "cases.txt").write_text("".join(cases))
    subprocess.run(["Rscript", "--vanilla", "-e", R_SIDE, str(folder)], cwd=root, check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("case", CASES)
def test_same_file(folder, case):
    k = list(CASES).index(case)
    assert lines_of(folder / f"{k}_r.txt") == lines_of(folder / f"{k}_python.txt")


@pytest.mark.parametrize("case", CASES)
def test_rs_model_predicts_in_python_and_pythons_in_r(folder, case):
    k = list(CASES).index(case)
    here = predict_outputs(load_model(folder / f"{k}_r.txt"), HELD[0])
    there = np.array(list(map(float, (folder / f"{k}_outputs.txt").read_text().split())))
    assert np.array_equal(here.ravel(order="F"), there)


@pytest.mark.parametrize("case", CASES)
def test_r_goes_on_where_python_stopped(folder, case, tmp_path):
    k = list(CASES).index(case)
    model = load_model(folder / f"{k}_python.txt")
    model = replace(model, state=replace(model.state, stopped=""))
    save_model(train_model(model, X, Y, HELD, epochs=model.state.epoch + 2), tmp_path / "on.txt")
    assert lines_of(folder / f"{k}_on_r.txt") == lines_of(tmp_path / "on.txt")


def test_one_ulp_is_seen(folder, tmp_path):
    """The comparison of files can fail."""
    model = load_model(folder / "0_python.txt")
    W1 = model.state.W[0].copy()
    W1[0, 0] = np.nextafter(W1[0, 0], 9)
    save_model(replace(model, state=replace(model.state, W=[W1, *model.state.W[1:]])), tmp_path / "other.txt")
    assert lines_of(folder / "0_r.txt") != lines_of(tmp_path / "other.txt")


R_TABLES = """
source("R/nnparity.R")
tables <- list(train = TRAIN_OPTIONS, predict = PREDICT_OPTIONS, evaluate = EVALUATE_OPTIONS, plot = PLOT_OPTIONS,
               workload = WORKLOAD_OPTIONS)
for (name in names(tables)) for (row in tables[[name]]) cat(name, row, sep = "\\t", fill = 1e6)
for (name in names(WORKLOADS)) {
  workload <- WORKLOADS[[name]]
  options <- workload$options[order(names(workload$options))]
  shown <- vapply(options, function(value) paste(format(value, digits = 15, trim = TRUE), collapse = " "), "")
  cat("workload", name, workload$title, workload$held_out, workload$measure, workload$goal,
      paste(names(options), shown, collapse = "; "), sep = "\\t", fill = 1e6)
}
"""


def test_same_options_and_workloads(root):
    done = subprocess.run(
        ["Rscript", "--vanilla", "-e", R_TABLES], cwd=root, check=True, capture_output=True, text=True
    )
    there = [tuple(part.strip() for part in line.split("\t")) for line in done.stdout.splitlines()]
    modules = {"train": train, "predict": predict, "evaluate": evaluate, "plot": plot, "workload": workload}
    here = [(name, *row) for name, module in modules.items() for row in module.OPTIONS]
    assert [row for row in there if row[1].startswith("--")] == here
    assert set(modules) <= set(COMMANDS)
    shown = []
    for name, one in WORKLOADS.items():
        options = "; ".join(f"{key} {r_shown(value)}" for key, value in sorted(one.options.items())).strip()
        shown.append(("workload", name, one.title, str(one.held_out), one.measure, f"{one.goal:g}", options))
    assert [row for row in there if not row[1].startswith("--")] == shown


def r_shown(value):
    """Write an option as R's format does."""
    if isinstance(value, list):
        return " ".join(map(r_shown, value))
    return f"{value:.15g}" if isinstance(value, int | float) else value
