"""The command that writes an adapter, and the adapter that it wrote."""

import pytest

from nnparity.cli import main

NETWORK = """
import numpy as np

def sig(u):
    return 1 / (1 + np.exp(-u))

def train_step(X, Y, Ws, bs, lr):
    a = [X]
    for w, v in zip(Ws, bs):
        a.append(sig(a[-1] @ w + v))
    d = (a[-1] - Y) * a[-1] * (1 - a[-1])
    new_w, new_b = [], []
    for k in range(len(Ws) - 1, -1, -1):
        back = d @ Ws[k].T * a[k] * (1 - a[k])
        new_w.insert(0, Ws[k] - lr * a[k].T @ d / len(X))
        new_b.insert(0, bs[k] - lr * d.mean(axis=0))
        d = back
    return new_w, new_b
"""


def run(*arguments):
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return ended.value.code


def test_what_it_writes_is_an_adapter_and_is_never_overwritten(tmp_path, capsys):
    candidate = tmp_path / "rows.py"
    candidate.write_text(NETWORK)
    assert run("adapter", candidate) == 0
    told = capsys.readouterr().out
    assert "function train_step(X, Y, Ws, bs, lr)  line 7" in told
    adapter = tmp_path / "rows.adapter.py"
    written = adapter.read_text()
    assert "as_step(train_step" in written
    assert run("adapter", candidate) == 2
    assert adapter.read_text() == written
    assert run("diagnose", candidate, "--adapter", adapter) == 0
    assert "Your backprop is right." in capsys.readouterr().out
