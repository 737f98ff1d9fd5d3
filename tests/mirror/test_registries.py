"""The registries hold the same words in the same order, with the same default hyper-parameters."""

import subprocess

import pytest

import nnparity

REGISTRIES = [name for name in nnparity.__all__ if name.isupper()]

R_REGISTRIES = """
source("R/nnparity.R")
for (registry in commandArgs(TRUE)) {
  for (word in names(get(registry))) {
    hyper <- if (registry %in% c("OPTIMIZERS", "SCHEDULES")) get(registry)[[word]]$hyper
    cat(registry, word, sprintf("%s=%.17g", names(hyper), unlist(hyper)), "\\n")
  }
}
"""


@pytest.fixture(scope="module")
def r_registries(root):
    command = ["Rscript", "--vanilla", "-e", R_REGISTRIES, *REGISTRIES]
    lines = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.splitlines()
    registries: dict[str, dict[str, dict[str, float]]] = {}
    for registry, word, *hyper in map(str.split, lines):
        values = {name: float(value) for name, value in (pair.split("=") for pair in hyper)}
        registries.setdefault(registry, {})[word] = values
    return registries


@pytest.mark.parametrize("registry", REGISTRIES)
def test_same_words_in_the_same_order(r_registries, registry):
    assert list(getattr(nnparity, registry)) == list(r_registries[registry])


@pytest.mark.parametrize("registry", ["OPTIMIZERS", "SCHEDULES"])
def test_same_hyperparameters(r_registries, registry):
    assert {word: dict(rule.hyper) for word, rule in getattr(nnparity, registry).items()} == r_registries[registry]
