"""`as_step` of R turns each common layout into the same step, and is the twin of Python's."""

import inspect
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import nnparity.diagnosis
from nnparity.diagnosis.as_step import WORDS, as_step

pytestmark = pytest.mark.skipif(shutil.which("Rscript") is None, reason="needs R")

SOURCE = Path(nnparity.diagnosis.__file__).with_name("as_step.R")


def test_every_layout_becomes_the_same_step():
    checks = Path(__file__).with_name("as_step_checks.R")
    done = subprocess.run(["Rscript", "--vanilla", checks, SOURCE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""


def test_both_languages_take_the_same_arguments_and_words():
    text = SOURCE.read_text()
    (declared,) = re.findall(r"as_step <- function\((.*?)\) \{", text, re.S)
    ours = dict(re.findall(r"(\w+)(?: = (NULL|\"[^\"]*\"))?(?:,|$)", declared))
    theirs = inspect.signature(as_step).parameters
    assert list(ours) == list(theirs)
    for name, default in ours.items():
        expected = theirs[name].default
        assert default == {None: "NULL", inspect.Parameter.empty: ""}.get(expected, f'"{expected}"')
    words = re.findall(
        r"^    (\w+) = (?:function\(given\)|flat|parameters)", text[text.index("words <- list(") :], re.M
    )
    assert words == list(WORDS)
