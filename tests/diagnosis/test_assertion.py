"""A diagnosis as a test, from code and as pytest's fixture."""

import pytest

import nnparity

RIGHT = """
import numpy as np


def step(W, b, X, Y, eta):
    A = 1 / (1 + np.exp(-(W[0] @ X + b[0][:, None])))
    delta = (A - Y) * A * (1 - A)
    return [W[0] - eta * delta @ X.T / X.shape[1]], [b[0] - eta * delta.mean(axis=1)]
"""


def test_what_is_right_passes(tmp_path, assert_diagnosis_ok):
    (tmp_path / "net.py").write_text(RIGHT)
    assert assert_diagnosis_ok(tmp_path / "net.py", sizes=(4, 3)).report["verdict"] == "ok"
    (tmp_path / "net.py").write_text(RIGHT.replace(" / X.shape[1]", "").replace("mean", "sum"))
    assert nnparity.assert_diagnosis_ok(tmp_path / "net.py", sizes=(4, 3)).report["verdict"] == "convention"


def test_what_is_wrong_fails_with_its_line(tmp_path, assert_diagnosis_ok):
    (tmp_path / "net.py").write_text(RIGHT.replace("A * (1 - A)", "A", 1))
    with pytest.raises(AssertionError, match=r"(?s)net.py: bug.*net\.py:7"):
        assert_diagnosis_ok(tmp_path / "net.py", sizes=(4, 3), loss="quadratic", output_activation="sigmoid")
