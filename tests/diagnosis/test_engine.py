"""A network of numbers that remember what they were made of: the engine is not to blame for what it is asked to add."""

import json

import pytest

from nnparity.diagnosis.diagnose import diagnose

pytestmark = pytest.mark.usefixtures("patience")


ENGINE = '''
import math

class Num:
    def __init__(self, data, parents=()):
        self.data, self.grad, self.parents = data, 0.0, set(parents)
        self.pull = lambda: None

    def __add__(self, other):
        other = other if isinstance(other, Num) else Num(other)
        out = Num(self.data + other.data, (self, other))
        def pull():
            self.grad += out.grad
            other.grad += out.grad
        out.pull = pull
        return out

    def __mul__(self, other):
        other = other if isinstance(other, Num) else Num(other)
        out = Num(self.data * other.data, (self, other))
        def pull():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad
        out.pull = pull
        return out

    def bend(self):
        t = math.tanh(self.data)
        out = Num(t, (self,))
        def pull():
            self.grad += (1 - t * t) * out.grad
        out.pull = pull
        return out

    def back(self):
        order, seen = [], set()
        def visit(num):
            if num not in seen:
                seen.add(num)
                for parent in num.parents:
                    visit(parent)
                order.append(num)
        visit(self)
        self.grad = 1.0
        for num in reversed(order):
            num.pull()

    __radd__ = __add__

class Unit:
    def __init__(self, weights, bias):
        self.weights, self.bias = [Num(w) for w in weights], Num(bias)

    def fire(self, x):
        total = self.bias
        for w, v in zip(self.weights, x):
            total = total + w * v
        return total.bend()

def learn(layers, xs, ys, rate):
    loss = Num(0.0)
    for x, y in zip(xs, ys):
        for layer in layers:
            x = [unit.fire(x) for unit in layer]
        for a, t in zip(x, y):
            gap = a + -t
            loss = loss + gap * gap * 0.5
    loss.back()
    for layer in layers:
        for unit in layer:
            for p in unit.weights + [unit.bias]:
                p.data -= rate / len(xs) * p.grad
'''
ADAPTER = """
import numpy as np

def step(W, b, X, Y, eta):
    layers = [[Unit(list(map(float, w)), float(v)) for w, v in zip(*pair)] for pair in zip(W, b)]
    learn(layers, X.T.tolist(), Y.T.tolist(), eta)
    return ([np.array([[w.data for w in unit.weights] for unit in layer]) for layer in layers],
            [np.array([unit.bias.data for unit in layer]) for layer in layers])
"""


def diagnosed(folder, source):
    """The report on a source, as JSON."""
    (folder / "network.py").write_text(source, encoding="utf-8")
    (folder / "adapter.py").write_text(ADAPTER, encoding="utf-8")
    diagnosis = diagnose(
        folder / "network.py", folder / "adapter.py", sizes=[3, 4, 2], activation="tanh", output_activation="tanh",
        loss="quadratic", batch=5,
    )  # fmt: skip
    return json.loads(json.dumps(diagnosis.report))


def test_the_engine_is_right(tmp_path):
    report = diagnosed(tmp_path, ENGINE)
    assert report["verdict"] == "ok"
    assert report["findings"] == []


@pytest.mark.parametrize(
    ("was", "new", "words"),
    [
        ("(1 - t * t) * out.grad", "(1 - t) * out.grad", ["(1 - t) * out.grad"]),
        ("        total = self.bias\n", "        total = Num(0.0)\n", ["Num(0.0)", "total + w * v"]),
        ("unit.weights + [unit.bias]", "unit.weights", ["in unit.weights", "p.data -="]),
        ("p.data -= rate", "p.data += rate", ["p.data += rate"]),
    ],
)  # fmt: skip
def test_the_place_is_named(tmp_path, was, new, words):
    assert ENGINE.count(was) == 1
    source = ENGINE.replace(was, new)
    report = diagnosed(tmp_path, source)
    assert report["verdict"] == "bug"
    line = source.split("\n")[report["findings"][0]["line"] - 1]
    assert any(word in line for word in words), line
