"""The recorder of Python candidates changes nothing that a candidate computes, and sees everything that it computes."""

import json
import textwrap

import numpy as np
import pytest

from nnparity.diagnosis import recording as rec

RNG = np.random.default_rng(7)
W = [RNG.normal(size=(6, 4)), RNG.normal(size=(3, 6))]
B = [RNG.normal(size=6), RNG.normal(size=3)]
X, Y = RNG.normal(size=(4, 7)), RNG.random((3, 7))
ETA = 0.5


def write(folder, source, name="net.py"):
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(textwrap.dedent(source), encoding="utf-8")
    return file


def record(folder, source, adapter=None, name="net.py", load=None, **options):
    candidate = write(folder, source, name)
    with rec.CandidateProcess(timeout=20) as process:
        process.load(candidate, write(folder, adapter, "adapter.py") if adapter else None, **(load or {}))
        recording = process.run_twice(W, B, X, Y, ETA, **options)
    assert recording.reordered == 0
    return recording


def texts(recording, kind=None):
    """What was recorded, as (text, value), in order."""
    return [
        (recording.nodes[e.node].text, recording.values[e.ref])
        for e in recording.events
        if kind is None or recording.nodes[e.node].kind == kind
    ]


def value_of(recording, text, occ=1, path="", kind=None):
    return next(
        recording.values[e.ref]
        for e in recording.events
        if recording.nodes[e.node].text == text
        and e.occ == occ
        and e.path == path
        and (kind is None or recording.nodes[e.node].kind == kind)
    )


def node_of(recording, text, kind=None):
    return next(n for n in recording.nodes.values() if n.text == text and (kind is None or n.kind == kind))


# Every snippet defines work(W, b, X, Y, eta); recorded, it must return what it returns unrecorded, bit for bit.
STYLES = {
    "views": """
        def work(W, b, X, Y, eta):
            V = W[0].copy()
            row = V[1]
            row += 1
            V[:, ::2] *= 3
            V[V < 0] = 0
            V[[0, 2], 1:3] -= np.ones((2, 2))
            return V
        """,
    "swap": """
        def work(W, b, X, Y, eta):
            a, c = W[0][0].copy(), W[0][1].copy()
            a, c = c, a
            x = [1, 2, 3]
            i, x[i] = 1, 9
            x[0], x[2] = x[2], x[0]
            (p, q), *rest = (a, c), 5, 6
            return np.concatenate([p, q - 2 * a, x, rest])
        """,
    "chain": """
        def work(W, b, X, Y, eta):
            p = q = np.zeros(3)
            p += 1
            d = {}
            d['x'] = z = d['y'] = q * 2
            z[0] = 7
            return d['x'] + d['y'] + q
        """,
    "walrus": """
        def work(W, b, X, Y, eta):
            total, n = 0, 5
            while (n := n - 1) > 0:
                total += n
            return np.array([y for x in b[0] if (y := x * 2) > 0]).sum() + total
        """,
    "lambdas": """
        ACT = {'sigmoid': lambda z: 1 / (1 + np.exp(-z)), 'lin': (lambda z, k=2: k * z)}
        def work(W, b, X, Y, eta):
            fs = [lambda x, i=i: x + i for i in range(3)]
            return sum(f(ACT['sigmoid'](W[0])) for f in fs) + (lambda v: v ** 2)(ACT['lin'](2))
        """,
    "closure": """
        def outer(W):
            count = 0
            def inner(x):
                nonlocal count
                count += x
                return W * count
            return inner
        def work(W, b, X, Y, eta):
            f = outer(W[0])
            f(1.5)
            return f(2)
        """,
    "generator": """
        def batches(X, k):
            got = None
            for i in range(0, X.shape[1], k):
                got = yield X[:, i:i + k]
                if got:
                    yield X * got
        def chained(X):
            yield from batches(X, 2)
        def work(W, b, X, Y, eta):
            g = batches(X, 3)
            first = next(g)
            return first.sum() + g.send(2.0).sum() + sum(x.sum() for x in chained(X))
        """,
    "recursion": """
        def back(W, a, l):
            if l == len(W):
                return a
            return back(W, np.tanh(W[l] @ a), l + 1)
        def work(W, b, X, Y, eta):
            return back(W, X, 0)
        """,
    "decorators": """
        import functools
        def logged(times=1):
            def wrap(f):
                @functools.wraps(f)
                def inner(*args, **kw):
                    return times * f(*args, **kw)
                return inner
            return wrap
        @functools.lru_cache(maxsize=None)
        def fact(n):
            return 1 if n < 2 else n * fact(n - 1)
        @logged(times=3)
        def f(x, *, k=1):
            return x * k
        def work(W, b, X, Y, eta):
            return f(W[0], k=fact(4))
        """,
    "dataclasses": """
        from dataclasses import dataclass, field
        from typing import NamedTuple
        @dataclass
        class Layer:
            W: np.ndarray
            b: np.ndarray = None
            cache: dict = field(default_factory=dict)
            def __post_init__(self):
                self.cache['n'] = self.W.shape[0]
        @dataclass(frozen=True, slots=True)
        class Point:
            x: float
            y: float = 2.0
        class Pair(NamedTuple):
            u: float
            v: float = 3.0
        def work(W, b, X, Y, eta):
            layer = Layer(W[0])
            layer.W -= 1
            p, q = Point(1.0), Pair(2.0)
            u, v = q
            return layer.W * layer.cache['n'] + p.x + p.y + u + v
        """,
    "classes": """
        class Base:
            scale = 2.0
            __slots__ = ('_w', 'k')
            def __init__(self, w, *a, **k):
                self._w = w
                self.k = 1
            @property
            def w(self):
                self.k += 1
                return self._w
            @w.setter
            def w(self, new):
                self._w = new + 1
            @staticmethod
            def s(x): return x + 1
            @classmethod
            def make(cls, w): return cls(w)
            def __call__(self, x): return self._w @ x
        class Net(Base):
            def __init__(self, w):
                super().__init__(w)
                self.__hidden = w
            def __hide(self): return self.__hidden
            def run(self):
                self.w -= 2
                self.w = self.w * 2
                return self.__hide() + self.w + self.s(self.k) + type(self).scale
            def __getitem__(self, i): return self._w[i]
            def __matmul__(self, o): return self._w @ o
        def work(W, b, X, Y, eta):
            net = Net.make(W[0].copy())
            r = net.run()
            return r + net[0] + (net @ X).sum() + net(X).mean()
        """,
    "globals": """
        counter, store = 0, []
        params = {'eta': 0.1}
        def bump():
            global counter, fresh
            counter += 1
            fresh = counter * 2
            store.append(counter)
            params['eta'] *= 2
        def work(W, b, X, Y, eta):
            bump(); bump()
            return np.array([counter, fresh, len(store), params['eta'], globals()['counter']])
        """,
    "numpy_in_place": """
        def work(W, b, X, Y, eta):
            V = W[0].copy(); U = np.empty_like(V)
            np.multiply(V, 2, out=U)
            np.add.at(U, (np.array([0, 0, 1]), 1), 1.0)
            U.fill(3) if False else None
            np.copyto(V, U)
            np.fill_diagonal(V, 0)
            V.sort(axis=0)
            V.T[0] += 5
            V.flat[3] = 9
            V.shape = (4, 6)
            return V @ U
        """,
    "einsum": """
        def work(W, b, X, Y, eta):
            z = np.einsum('ij,jk->ik', W[0], X) + b[0][:, None]
            p = np.einsum('ik,jk->ij', np.maximum(0, z), X, optimize=True)
            return p + np.tensordot(z, X, axes=([1], [1])) + np.outer(b[0], X[:, 0])
        """,
    "control": """
        def work(W, b, X, Y, eta):
            out = 0.0
            for i, (x, y) in enumerate(zip(X.T, Y.T)):
                if i == 2: continue
                elif i > 5: break
                out += x.sum() if y[0] > 0.5 else -x.sum()
            else:
                out = -1
            try:
                out += 1 / 0
            except ZeroDivisionError as e:
                out += 2
            else:
                out = 0
            finally:
                out *= 2
            with np.errstate(divide='ignore') as s, np.errstate(over='ignore'):
                out += 1
            match X.shape:
                case (4, m) if m > 5: out += m
                case _: out = 0
            assert out == out, "message"
            del x
            return out
        """,
    "short_circuits": """
        log = []
        def note(k):
            log.append(k)
            return k > 0
        def work(W, b, X, Y, eta):
            a = note(-1) and note(2)
            c = note(3) or note(4)
            d = 0 < len(log) < 9 < note(5)
            e = note(6) if note(-7) else note(8)
            return np.array(log + [a, c, d, e], dtype=float)
        """,
    "order": """
        log = []
        def f(k, v=1):
            log.append(k)
            return v
        def work(W, b, X, Y, eta):
            d = {0: 5.0, 1: 6.0}
            d[f(2, 0)] = f(1)
            d[f(3, 1)] += f(4)
            x = [[0, 0], [0, 0]]
            x[f(5, 0)][f(6, 1)] += f(7)
            x[f(9, 1)][f(10, 0)] = f(8)
            f(11) + f(12) * f(13)
            dict(a=f(14), b=f(15)); {f(16): f(17)}
            np.array([f(18), f(19)])[f(20, 0)]
            return np.array(log, dtype=float)
        """,
    "pure_lists": """
        import math, random
        def dot(a, b): return sum(x * y for x, y in zip(a, b))
        def work(W, b, X, Y, eta):
            w = [[float(v) for v in row] for row in W[0]]
            out = []
            for row in w:
                out.append(math.tanh(dot(row, X[:, 0].tolist())))
            for i in range(len(w)):
                for j in range(len(w[0])):
                    w[i][j] -= 0.5 * out[i] * X[j, 0]
            w[0][1:3] = [1.0, 2.0]
            random.shuffle(out)
            return np.array(w) + np.array(out)[:, None] + random.random()
        """,
    "functional": """
        from functools import reduce, partial
        import operator
        def layer(w, a): return np.tanh(w @ a)
        def work(W, b, X, Y, eta):
            out = reduce(lambda a, w: layer(w, a), W, X)
            more = list(map(partial(layer, W[0]), [X, X * 2]))
            some = sorted(b[0], key=lambda v: -v)
            v = np.vectorize(lambda t: max(t, 0.0))(out)
            a = np.apply_along_axis(lambda r: r / r.sum(), 0, np.abs(out))
            return out + v + a + reduce(operator.add, more).sum() + some[0]
        """,
    "reflection": '''
        def work(W, b, X, Y, eta):
            """A docstring,
            in two lines."""
            import inspect
            k = 3
            names = sorted(locals())
            value = eval("k + 1")
            exec("j = k * 2")
            space = {}
            exec("def g(x):\\n    return x * 2", space)
            depth = work.__code__.co_argcount + len(work.__doc__) + len(inspect.signature(work).parameters)
            text = f"{k + 1:>{k}} {W[0].sum():.3f} {'a' if k else 'b'}"
            found = callable(globals().get("work"))
            return np.array([len(names), value, space["g"](4), depth, len(text), found], dtype=float)
        ''',
    "strings": '''
        TABLE = """1 2 3
        4 5 6 — ü
        """
        def work(W, b, X, Y, eta):
            "doc"; m = np.array(TABLE.replace('— ü', '').split(), dtype=float).reshape(2, 3); ü = m * 2
            s = ("%d" % 5) + 'x' \\
                'y'
            n = {"ä": ü[0,
                        1]}["ä"]
            return m.T @ ü + len(s) + n
        ''',
    "matrix_class": """
        def work(W, b, X, Y, eta):
            M = np.matrix(W[0])
            return np.asarray(M * X) + np.asarray(M.T.I)[:1, :1] + M.A.sum()
        """,
    "float32": """
        def work(W, b, X, Y, eta):
            w = W[0].astype(np.float32)
            w -= np.float32(0.1) * (w @ X.astype('f4')).sum(1, keepdims=True)
            return w
        """,
    "autograd": """
        class Value:
            def __init__(self, data, children=()):
                self.data, self.grad, self._prev, self._backward = data, 0.0, set(children), lambda: None
            def __add__(self, other):
                other = other if isinstance(other, Value) else Value(other)
                out = Value(self.data + other.data, (self, other))
                def _backward():
                    self.grad += out.grad
                    other.grad += out.grad
                out._backward = _backward
                return out
            def __mul__(self, other):
                other = other if isinstance(other, Value) else Value(other)
                out = Value(self.data * other.data, (self, other))
                def _backward():
                    self.grad += other.data * out.grad
                    other.grad += self.data * out.grad
                out._backward = _backward
                return out
            __radd__, __rmul__ = __add__, __mul__
        def work(W, b, X, Y, eta):
            a, c = Value(W[0][0, 0]), Value(2.0)
            d = a * c + 3 * a
            d.grad = 1.0
            order = []
            def visit(v):
                for child in v._prev: visit(child)
                order.append(v)
            visit(d)
            for v in reversed(order): v._backward()
            return np.array([d.data, a.grad, c.grad])
        """,
    "pandas": """
        pd = __import__('pandas')
        def work(W, b, X, Y, eta):
            frame = pd.DataFrame(X.T, columns=list('abcd'))
            frame['e'] = frame.a * 2
            frame.loc[0, 'a'] = 5
            frame -= frame.mean()
            total = 0.0
            for i, row in frame.iterrows():
                total += row['b'] * row.e
            return frame.to_numpy().T @ frame.values + total
        """,
    "asynchronous": """
        import asyncio
        async def half(x):
            await asyncio.sleep(0)
            return x / 2
        async def steps(x):
            for i in range(2):
                yield await half(x) * i
        async def main(x):
            out = 0
            async for v in steps(x):
                out = out + v
            return out + sum(await asyncio.gather(half(x), half(2 * x)))
        def work(W, b, X, Y, eta):
            return asyncio.run(main(W[0]))
        """,
    "object_arrays": """
        def work(W, b, X, Y, eta):
            P = np.empty(2, dtype=object)
            P[0], P[1] = W[0].copy(), W[1].copy()
            P -= 0.5 * P
            P[0][2] = 1
            return P[1] @ P[0]
        """,
    "random": """
        def work(W, b, X, Y, eta):
            import random
            order = np.random.permutation(X.shape[1])
            mask = np.random.rand(*W[0].shape) < 0.5
            return (W[0] * mask) @ X[:, order] + random.gauss(0, 1)
        """,
    "side_effects": """
        log = []
        class Loud:
            def __init__(self): object.__setattr__(self, 'd', {})
            def __getitem__(self, k): log.append(1); return self.d.get(k, np.ones(2))
            def __setitem__(self, k, v): log.append(2); self.d[k] = v
            def __getattr__(self, k): log.append(3); return np.ones(2)
            def __setattr__(self, k, v): log.append(4)
            def __len__(self): log.append(5); return 2
            def __iter__(self): log.append(6); return iter([1.0, 2.0])
            def __bool__(self): log.append(7); return True
            def __eq__(self, o): log.append(8); return False
            __hash__ = None
        class Dict(dict):
            def __missing__(self, k): log.append(9); return np.zeros(2)
            def __getitem__(self, k): log.append(10); return super().__getitem__(k)
            def items(self): log.append(11); return super().items()
        class List(list):
            def __getitem__(self, k): log.append(12); return super().__getitem__(k)
            def __iter__(self): log.append(13); return super().__iter__()
        def work(W, b, X, Y, eta):
            x, d, l = Loud(), Dict(), List([np.ones(2), 3.0])
            x[0] += 1; x.a += 2; x.b = x[1]; x[0][1] = 5; p = x
            d['a'] += 1; d['a'][0] = 2; q = d; q['b'], r = 1, d
            l[0] += 1; l[1] = 7; s = l; t = [l, d, x]
            print(x if False else '')
            return np.array(log, dtype=float)
        """,
    "augmented": """
        class Box:
            __slots__ = ('v', 'w')
        def work(W, b, X, Y, eta):
            box = Box(); box.v = W[0].copy(); box.w = 3
            alias = box.v
            box.v -= 1; box.w **= 2
            n, t, s = 5, (1, 2), 'a'
            n //= 2; t += (3,); s *= 3; n |= 8; n <<= 1
            rows = [[1, 2], [3, 4]]; rows += [[5, 6]]; rows[0] += [7]; rows[1][0] @= M()
            return alias.sum() + box.w + n + len(t) + len(s) + len(rows[0]) + rows[1][0]
        class M:
            def __rmatmul__(self, o): return o * 10
        """,
    "semicolons": """
        def work(W, b, X, Y, eta): z = W[0] @ X; z -= 1; return z if z.any() else None
        """,
}


@pytest.mark.parametrize("style", STYLES)
def test_the_result_is_bit_for_bit_that_of_the_untouched_source(style, tmp_path):
    # step returns what work computes, twice, to have the shape of a result.
    source = (
        "from __future__ import annotations\nimport numpy as np\n"
        + textwrap.dedent(STYLES[style])
        + "\ndef step(W, b, X, Y, eta):\n    V = np.atleast_1d(np.asarray(work(W, b, X, Y, eta), dtype=float))\n"
        + "    return [V], [V.ravel()]\n"
    )
    if style == "pandas":
        pytest.importorskip("pandas")
    import random
    import sys
    import types

    module = types.ModuleType("plain_candidate")
    sys.modules["plain_candidate"] = module
    exec(compile(source, "plain", "exec", dont_inherit=True), module.__dict__)
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002 (what the child does)
    expected, _ = module.step([w.copy() for w in W], [v.copy() for v in B], X.copy(), Y.copy(), ETA)
    recording = record(tmp_path, source)
    assert recording.status == "ok", recording.error
    assert recording.W[0].shape == expected[0].shape
    assert recording.W[0].tobytes("C") == np.ascontiguousarray(expected[0]).tobytes()
    assert len(recording.events) > 3


NETWORK = """\
import numpy as np


def forward(W, b, X):
    A = [X]
    for w, v in zip(W, b):
        Z = (w @ A[-1]
             + v[:, None])
        A.append(1 / (1 + np.exp(-Z)))
    return A


def step(W, b, X, Y, eta):
    m = X.shape[1]
    A = forward(W, b, X)
    delta = (A[-1] - Y) * A[-1] * (1 - A[-1])
    for l in (1, 0):
        dW, db = delta @ A[l].T / m, delta.mean(axis=1)
        if l: delta = (W[l].T @ delta) * A[l] * (1 - A[l])
        W[l] = W[l] - eta * dW
        b[l] -= eta * db
    return W, b
"""


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return record(tmp_path_factory.mktemp("network"), NETWORK)


def test_statements_carry_their_lines_text_and_function(network):
    node = node_of(network, "(w @ A[-1]\n             + v[:, None])".strip("()"))
    assert (node.kind, node.op, node.target, node.fun, node.line, node.end_line, node.stmt) == (
        "assign",
        "+",
        "Z",
        "forward",
        7,
        8,
        node.id,
    )
    assert node.code == "Z = (w @ A[-1]\n             + v[:, None])"
    assert [network.nodes[k].text for k in node.children] == ["w @ A[-1]", "v[:, None]"]
    product = node_of(network, "w @ A[-1]")
    assert (product.parent, product.arg, product.kind, product.op, product.stmt) == (node.id, 1, "call", "@", node.id)
    assert (product.line, product.col, product.end_col) == (7, 14, 22)


def test_values_are_those_of_the_network(network):
    z1 = W[0] @ X + B[0][:, None]
    np.testing.assert_array_equal(value_of(network, "w @ A[-1]\n             + v[:, None]"), z1)
    a1 = 1 / (1 + np.exp(-z1))
    np.testing.assert_array_equal(value_of(network, "1 / (1 + np.exp(-Z))"), a1)
    delta = value_of(network, "(A[-1] - Y) * A[-1] * (1 - A[-1])", kind="assign")
    np.testing.assert_array_equal(value_of(network, "delta @ A[l].T / m", kind="assign"), delta @ a1.T / 7)
    assert network.W[0].shape == (6, 4)


def test_a_tuple_assignment_is_one_assignment_for_each_target(network):
    first, second = node_of(network, "delta @ A[l].T / m"), node_of(network, "delta.mean(axis=1)")
    assert (first.kind, first.target, second.kind, second.target) == ("assign", "dW", "assign", "db")
    assert first.code == second.code == "dW, db = delta @ A[l].T / m, delta.mean(axis=1)"


def test_an_in_place_operator_shows_what_was_read_added_and_left(network):
    after = next(n for n in network.nodes.values() if n.kind == "after" and n.op == "-=")
    old, right = (network.nodes[k] for k in after.children)
    assert (old.text, right.text, right.kind, after.stmt) == ("b[l]", "eta * db", "assign", right.id)
    values = {e.node: network.values[e.ref] for e in network.events if e.occ == 1}
    np.testing.assert_array_equal(values[after.id], values[old.id] - values[right.id])


def test_frames_know_their_caller(network):
    assert [(f.fun, f.parent) for f in network.frames.values()] == [("step", 0), ("forward", 1)]
    assert network.nodes[network.frames[2].call_node].text == "forward(W, b, X)"
    assert network.frames[2].line == 4


def test_children_come_before_parents_and_occurrences_count(network):
    last = {}
    for e in network.events:
        if e.path == "":
            assert e.occ == last.get(e.node, 0) + 1
            last[e.node] = e.occ
    for node in network.nodes.values():
        if node.parent and node.kind == "call" and node.id in last and node.parent in last:
            mine = [e.seq for e in network.events if e.node == node.id]
            parents = [e.seq for e in network.events if e.node == node.parent]
            assert mine[0] < parents[0]


def test_an_injected_value_takes_the_place_of_the_computed_one(tmp_path):
    candidate = write(tmp_path, NETWORK)
    with rec.CandidateProcess() as process:
        loaded = process.load(candidate)
        node = next(n for n in loaded.nodes.values() if n.target == "dW")
        zero = process.run(W, B, X, Y, ETA, inject=[(node.id, 0, "", np.zeros((1, 1)))])
        assert "expected" in zero.refused[0]["message"]
        one = process.run(W, B, X, Y, ETA, inject=[(node.id, 2, "", np.zeros((6, 4)))])
        np.testing.assert_array_equal(one.W[0], W[0])
        assert not np.array_equal(one.W[1], W[1])
        after = next(n for n in loaded.nodes.values() if n.kind == "after" and n.op == "-=")
        two = process.run(W, B, X, Y, ETA, inject=[(after.id, 1, "", np.arange(3.0))])
        np.testing.assert_array_equal(two.b[1], np.arange(3.0))
        silent = process.run(W, B, X, Y, ETA, inject=[(after.id, 1, "", np.arange(3.0))], record=False)
        np.testing.assert_array_equal(silent.b[1], np.arange(3.0))
        assert not silent.events
        leaf = next(n for n in loaded.nodes.values() if n.kind == "return" and n.fun == "step")
        three = process.run(W, B, X, Y, ETA, inject=[(leaf.id, 1, "[0][1]", np.ones((3, 6)))])
        np.testing.assert_array_equal(three.W[1], np.ones((3, 6)))


@pytest.mark.parametrize(
    ("line", "path", "array", "expected"),
    [
        ("V = [0.5, 1.5]", "", [1.0, 2.0], [1.0, 2.0]),
        ("V = 2", "", [3.0], 3),
        ("V = 2", "", [3.5], 3.5),
        ("V = X[:2, :2] > 0", "", [1, 0, 0, 1], [[True, False], [False, True]]),
        ("V = {'W': [np.zeros(2)], 'n': 1}['W'][0]", "", [1.0, 2.0], [1.0, 2.0]),
        ("V = [[1.0, 2.0], [3.0, 4.0]]", "", [1, 2, 3, 4], [[1.0, 3.0], [2.0, 4.0]]),
        ("V = (np.zeros(2), 5.0)", "[0]", [1.0, 2.0], [1.0, 2.0]),
        ("V = np.float32(1) * np.ones(2, 'f4')", "", [1.5, 2.5], [1.5, 2.5]),
    ],
)
def test_injection_keeps_the_dress_of_the_value(tmp_path, line, path, array, expected):
    source = f"import numpy as np\ndef step(W, b, X, Y, eta):\n    {line}\n    print(repr(V))\n    return W, b\n"
    with rec.CandidateProcess() as process:
        loaded = process.load(write(tmp_path, source))
        node = next(n for n in loaded.nodes.values() if n.target == "V" and n.kind == "assign")
        recording = process.run(W, B, X, Y, ETA, inject=[(node.id, 1, path, np.array(array, dtype=float))])
    assert recording.refused == []
    shown = recording.values[
        next(e.ref for e in recording.events if recording.nodes[e.node].text == "V" and e.path == path)
    ]
    np.testing.assert_array_equal(shown, np.asarray(expected, dtype=float))
    kind = {"V = 2": "3" if expected == 3 else "3.5"}.get(line, "")
    assert kind in recording.stdout
    assert ("float32" in recording.stdout) == ("float32" in line)


def test_a_watched_expression_is_evaluated_where_its_node_is(tmp_path):
    with rec.CandidateProcess() as process:
        loaded = process.load(write(tmp_path, NETWORK))
        node = next(n for n in loaded.nodes.values() if n.target == "Z")
        recording = process.run(W, B, X, Y, ETA, watch=[(node.id, 2, "A[-1].T @ w.T + v"), (node.id, 0, "nothing")])
    (event,) = [e for e in recording.events if e.alt]
    assert event.alt == "A[-1].T @ w.T + v"
    np.testing.assert_allclose(
        recording.values[event.ref].T, value_of(recording, "w @ A[-1]\n             + v[:, None]", occ=2)
    )


def test_objects_lists_and_dicts_show_their_leaves(tmp_path):
    recording = record(
        tmp_path,
        """
        import numpy as np
        class Layer:
            def __init__(self, W, b): self.W, self.b = W, [b]
        def step(W, b, X, Y, eta):
            layers = [Layer(w, v) for w, v in zip(W, b)]
            table = {'W1': W[0], 'more': {'b': b}, 2: (1.0, 'x')}
            plain = [[1, 2], [3, 4]]
            return [l.W for l in layers], [l.b[0] for l in layers]
        """,
    )
    paths = {
        (recording.nodes[e.node].target, e.path) for e in recording.events if recording.nodes[e.node].kind == "assign"
    }
    assert {
        ("layers", "[1].W"),
        ("layers", "[0].b[0]"),
        ("table", "['W1']"),
        ("table", "['more']['b'][1]"),
        ("table", "[2][0]"),
    } <= paths
    ref = next(e.ref for e in recording.events if recording.nodes[e.node].target == "plain")
    assert recording.meta[ref].container == "list"
    np.testing.assert_array_equal(recording.values[ref], [[1, 2], [3, 4]])


def test_stores_into_parts_show_the_whole_array(tmp_path):
    recording = record(
        tmp_path,
        """
        import numpy as np
        class Net: pass
        def step(W, b, X, Y, eta):
            net = Net()
            net.W = [w * 0 for w in W]
            net.W[0][1, :] = 5
            rows = [[0.0, 0.0], [0.0, 0.0]]
            rows[1][0] = 3.0
            sums = {}
            sums['a'] = X
            (sums['b'], net.k), z = (X + 1, 2.0), 3
            np.add.at(net.W[1], (0, 0), 9.0)
            net.W[0].fill(7)
            p, q = map(np.copy, (X, Y))
            return W, b
        """,
    )
    after = {}
    for e in recording.events:
        if recording.nodes[e.node].kind == "after":
            after[recording.nodes[e.node].text] = recording.values[e.ref]
    assert after["net.W[0][1, :]"].shape == (6, 4)
    assert after["net.W[0][1, :]"][1, 0] == 5
    np.testing.assert_array_equal(after["rows[1][0]"], [[0, 0], [3, 0]])
    np.testing.assert_array_equal(after["sums['a']"], X)
    np.testing.assert_array_equal(after["sums['b']"], X + 1)
    assert after["net.W[1]"][0, 0] == 9
    assert after["net.W[0]"][0, 0] == 7
    np.testing.assert_array_equal(after["q"], Y)
    assert after["net.k"] == 2


def test_the_arguments_are_seen_to_be_changed_in_place(tmp_path):
    assert record(tmp_path, "def step(W, b, X, Y, eta):\n    W[0][0, 0] += 1\n    return W, b").same is False
    assert record(tmp_path, "def step(W, b, X, Y, eta):\n    return [w + 1 for w in W], b").same is True


# -- errors ---


def failure(tmp_path, body, **options):
    recording = record(
        tmp_path,
        "import numpy as np\n\ndef step(W, b, X, Y, eta):\n" + textwrap.indent(textwrap.dedent(body), "    "),
        **options,
    )
    assert recording.error is not None
    return recording


def test_a_product_that_does_not_conform_shows_its_operands(tmp_path):
    recording = failure(tmp_path, "a = X\nz = (W[1] @\n     a) + 1\nreturn W, b")
    error = recording.error
    assert (error.kind, error.line, error.end_line, error.call, error.file) == (
        "error",
        5,
        6,
        "W[1] @\n         a",
        "net.py",
    )
    assert error.code == "z = (W[1] @\n         a) + 1"
    assert [(o.text, recording.values[o.ref].shape) for o in error.operands] == [("W[1]", (3, 6)), ("a", (4, 7))]
    assert "matmul" in error.message


@pytest.mark.parametrize(
    ("body", "line", "call", "texts"),
    [
        ("x = np.dot(W[0], Y)", 4, "np.dot(W[0], Y)", ["W[0]", "Y"]),
        ("x = X.dot(Y)", 4, "X.dot(Y)", ["X", "Y"]),
        ("W[0] -= X", 4, "W[0] -= X", ["W[0]", "X"]),
        ("W[0][1, :] = X", 4, "W[0][1, :] = X", ["W[0]", "X"]),
        ("x = [np.dot(w, X) for w in W]", 4, "np.dot(w, X)", ["w", "X"]),
        ("x = W[5]", 4, "W[5]", ["W", "5"]),
        ("f = lambda u: u + Y\nf(X)", 4, "u + Y", ["u", "Y"]),
        ("raise ValueError('no')", 4, None, []),
        ("assert X is None", 4, None, None),
        ("x = undefined + 1", 4, "undefined", []),
        ("x = max(1, np.ones(2), key=lambda v: nothing)", 4, "nothing", []),
    ],
)
def test_errors_name_the_expression(tmp_path, body, line, call, texts):
    error = failure(tmp_path, body + "\nreturn W, b").error
    assert error.line == line
    if call is not None:
        assert error.call == call
    if texts is not None:
        assert [o.text for o in error.operands] == texts


def test_quitting_inside_step_is_a_quit_with_its_line(tmp_path):
    for body in ("import sys; sys.exit(3)", "import os\nos._exit(0)", "quit()", "raise SystemExit"):
        error = failure(tmp_path, "x = 1\n" + body).error
        assert error.kind == "quit"
        assert error.line in (5, 6)


# -- loading ---


def test_modules_beside_the_candidate_are_recorded_under_their_own_names(tmp_path):
    write(
        tmp_path,
        "import numpy as np\nfrom .acts import sigmoid\ndef forward(w, a):\n    return sigmoid(w @ a)\n",
        "parts/layers.py",
    )
    write(tmp_path, "import numpy as np\ndef sigmoid(z):\n    return 1 / (1 + np.exp(-z))\n", "parts/acts.py")
    write(tmp_path, "", "parts/__init__.py")
    write(tmp_path, "ETA = 3.0\ndef scale(x):\n    return x * ETA\n", "helper.py")
    recording = record(
        tmp_path,
        """
        import helper
        from parts.layers import forward
        from .helper import scale
        def step(W, b, X, Y, eta):
            a = forward(W[0], X)
            return [helper.scale(w) for w in W], b
        """,
    )
    assert recording.status == "ok", recording.error
    files = {recording.nodes[e.node].file for e in recording.events}
    assert files == {"net.py", "parts/layers.py", "parts/acts.py", "helper.py"}


def test_an_adapter_may_import_the_candidate(tmp_path):
    recording = record(
        tmp_path,
        "count = 0\ncount += 1\ndef f(w): return w * count\n",
        adapter="import net\nfrom net import f\ndef step(W, b, X, Y, eta):\n    net.count += 1\n"
        "    return [f(w) for w in W], b\n",
    )
    np.testing.assert_array_equal(recording.W[0], W[0] * 2)


def test_functions_only_takes_definitions_and_not_actions(tmp_path):
    recording = record(
        tmp_path,
        """
        import numpy as np
        import tensorflow as tf
        import tensorflow.keras.layers
        from mnist import load, save as keep
        from torch.nn import Module, functional as F
        try:
            import cupy as xp
        except ImportError:
            import numpy as xp
        SIZES = [4, 6, 3]
        LR = 0.1 * 5
        ACT = {'tanh': (np.tanh, lambda a: 1 - a ** 2)}
        if len(SIZES) > 2:
            DEEP = True
        data = load('nothing')
        more = data.images[0] / 255
        while True: pass
        for i in range(3): raise RuntimeError
        open('nowhere.csv').read()
        @tf.function
        def f(x): return x + 1
        @nowhere.decorated
        def g(x): return f(x)
        class Net(Module):
            def __init__(self): super().__init__()
        net = Net()
        train(net)
        def step(W, b, X, Y, eta):
            assert DEEP and isinstance(net, Net)
            return [g(w) - LR * ACT['tanh'][1](xp.zeros(1)) for w in W], b
        """,
        adapter="# functions_only: true\n",
    )
    assert recording.status == "ok", recording.error
    np.testing.assert_array_equal(recording.W[0], W[0] + 1 - 0.5)


def test_candidate_lines_run_parts_of_a_script_recorded(tmp_path):
    source = """
        import numpy as np
        def act(z):
            return np.tanh(z)
        w = np.zeros((1, 1))
        for epoch in range(100000):
            for i in range(3):
                z = w @ x
                a = act(z)
                if i == 0:
                    w -= 0.1 * (a - y) @ x.T
        print(w)
        """
    recording = record(
        tmp_path,
        source,
        adapter="""\
        # functions_only: true
        def step(W, b, X, Y, eta):
            env = {'w': W[0].copy(), 'x': X, 'y': 0, 'i': 0}
            candidate_lines(8, 11, env)
            return [env['w'], W[1]], b
        """,
    )
    assert recording.status == "ok", recording.error
    np.testing.assert_array_equal(recording.W[0], W[0] - 0.1 * np.tanh(W[0] @ X) @ X.T)
    node = node_of(recording, "w @ x")
    assert (node.file, node.line) == ("net.py", 8)
    assert any(e.node == node.id and e.frame == 1 for e in recording.events)


def test_calls_from_lines_run_again_and_again_are_told_apart(tmp_path):
    source = """
        import numpy as np
        def act(z):
            return np.tanh(z)
        for i in range(3):
            a = act(x)
            o = act(a)
            u = act(o)
        """
    recording = record(
        tmp_path,
        source,
        adapter="""\
        # functions_only: true
        def step(W, b, X, Y, eta):
            for i in range(40):
                env = {'x': X + i}
                candidate_lines(6, 8, env)
            return W, b
        """,
    )
    lines = [recording.nodes[frame.call_node].line for frame in recording.frames.values() if frame.fun == "act"]
    assert lines == [6, 7, 8] * 40


def test_notebooks_run_cell_by_cell(tmp_path):
    cells = [
        ("markdown", "# title"),
        ("code", "%matplotlib inline\n!ls\nfiles = !ls\nimport numpy as np"),
        ("code", "%%bash\nrm -rf everything"),
        ("code", "%%time\ndef forward(w, x):\n    z = w @ x\n    return np.tanh(z)"),
        (
            "code",
            [
                "def step(W, b, X, Y, eta):\n",
                "    a = forward(W[0], X)\n",
                "    k = (7\n",
                "% 4)\n",
                "    return [w * k for w in W], b\n",
            ],
        ),
        ("code", "display(np.zeros(2))\nget_ipython().run_line_magic('time', '')\nprint?"),
    ]
    notebook = {"cells": [{"cell_type": kind, "source": text} for kind, text in cells], "nbformat": 4}
    recording = record(tmp_path, json.dumps(notebook), name="net.ipynb")
    assert recording.status == "ok", recording.error
    node = node_of(recording, "w @ x")
    assert (node.file, node.cell, node.line, node.code) == ("net.ipynb", 4, 3, "z = w @ x")
    np.testing.assert_array_equal(recording.W[1], W[1] * 3)


def test_twenty_thousand_events_are_fast(tmp_path):
    recording = record(
        tmp_path,
        """
        import numpy as np
        def step(W, b, X, Y, eta):
            w = W[0].copy()
            for t in range(2000):
                for j in range(2):
                    w[j] = w[j] - eta * X[:, t % 7]
            return [w, W[1]], b
        """,
    )
    assert len(recording.events) > 20_000
    assert recording.seconds < 3
