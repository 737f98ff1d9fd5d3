"""`as_step` turns each common layout into the same step, and says in words what does not fit."""

import numpy as np
import pytest

from nnparity.diagnosis.as_step import as_step, words_of

RNG = np.random.default_rng(3)
W = [RNG.normal(size=(6, 4)), RNG.normal(size=(3, 6))]
B = [RNG.normal(size=6), RNG.normal(size=3)]
X, Y = RNG.normal(size=(4, 7)), RNG.random((3, 7))
ETA = 0.5


def gradients(W, b, X, Y):
    """Mean gradients of the quadratic loss of a tanh network, one column per sample."""
    A = [X]
    for w, v in zip(W, b, strict=True):
        A.append(np.tanh(w @ A[-1] + v[:, None]))
    delta, dW, db = A[-1] - Y, [], []
    for l in reversed(range(len(W))):
        delta = delta * (1 - A[l + 1] ** 2)
        dW.insert(0, delta @ A[l].T / X.shape[1])
        db.insert(0, delta.mean(axis=1))
        delta = W[l].T @ delta
    return dW, db


DW, DB = gradients(W, B, X, Y)
EXPECTED = [w - ETA * g for w, g in zip(W, DW, strict=True)], [v - ETA * g for v, g in zip(B, DB, strict=True)]


def check(step):
    W_new, b_new = step([w.copy() for w in W], [v.copy() for v in B], X.copy(), Y.copy(), ETA)
    for new, wanted in zip([*W_new, *b_new], [*EXPECTED[0], *EXPECTED[1]], strict=True):
        assert new.shape == wanted.shape
        np.testing.assert_allclose(new, wanted, rtol=1e-12)


def update(W, b, dW, db, eta):
    return [w - eta * g for w, g in zip(W, dW, strict=True)], [v - eta * g for v, g in zip(b, db, strict=True)]


def test_the_textbook_layout_needs_no_words():
    check(as_step(lambda W, b, X, Y, eta: update(W, b, *gradients(W, b, X, Y), eta)))


@pytest.mark.parametrize("shape", ["vector", "column", "row"])
@pytest.mark.parametrize("weights", ["out_by_in", "in_by_out"])
@pytest.mark.parametrize("samples", ["rows", "columns"])
def test_every_orientation(samples, weights, shape):
    def f(X, Y, W1, b1, W2, b2, lr):
        back = (lambda w: w) if weights == "out_by_in" else (lambda w: w.T)
        assert b1.shape == {"vector": (6,), "column": (6, 1), "row": (1, 6)}[shape]
        if samples == "rows":
            X, Y = X.T, Y.T
        new, off = update(
            [back(W1), back(W2)],
            [b1.ravel(), b2.ravel()],
            *gradients([back(W1), back(W2)], [b1.ravel(), b2.ravel()], X, Y),
            lr,
        )
        return back(new[0]), off[0].reshape(b1.shape), back(new[1]), off[1].reshape(b2.shape), 0.25

    check(as_step(f, "X, Y, W1, b1, W2, b2, lr=eta", samples=samples, weights=weights, bias_shape=shape))


@pytest.mark.parametrize("place", ["first_row", "last_row", "first_column", "last_column"])
def test_a_bias_folded_into_the_weights(place):
    weights = "in_by_out" if place.endswith("row") else "out_by_in"

    def apart(T):
        T = T if place.endswith("row") else T.T
        return (T[1:].T, T[0]) if place.startswith("first") else (T[:-1].T, T[-1])

    def together(w, v):
        T = np.vstack([v, w.T] if place.startswith("first") else [w.T, v])
        return T if place.endswith("row") else T.T

    def f(thetas, X, Y, eta):
        parts = [apart(T) for T in thetas]
        pair = update(
            [p[0] for p in parts],
            [p[1] for p in parts],
            *gradients([p[0] for p in parts], [p[1] for p in parts], X, Y),
            eta,
        )
        return [together(w, v) for w, v in zip(*pair, strict=True)]

    check(as_step(f, "W, X, Y, eta", weights=weights, bias=place))


@pytest.mark.parametrize("form", ["dict", "backwards", "biases first", "interleaved"])
def test_gradients_in_any_order(form):
    def f(parameters, X, Y):
        dW, db = gradients([parameters["W1"], parameters["W2"]], [parameters["b1"][:, 0], parameters["b2"][:, 0]], X, Y)
        return {
            "dict": {"dW2": dW[1], "db2": db[1][:, None], "dW1": dW[0], "db1": db[0][:, None]},
            "backwards": (dW[::-1], db[::-1]),
            "biases first": (db, dW),
            "interleaved": [dW[0], db[0], dW[1], db[1]],
        }[form]

    check(as_step(f, "parameters, X, Y", bias_shape="column", returns="gradients"))


def test_equal_layers_keep_their_order():
    W = [RNG.normal(size=(3, 3)) for _ in range(3)]
    b = [RNG.normal(size=3) for _ in range(3)]
    forwards = as_step(lambda flat: flat, "flat")(W, b, W[0], W[0], 0.1)
    np.testing.assert_array_equal(forwards[0], W)
    np.testing.assert_array_equal(forwards[1], b)


@pytest.mark.parametrize(("samples", "shape"), [("one", (4,)), ("one_column", (4, 1)), ("one_row", (1, 4))])
@pytest.mark.parametrize("returns", ["gradients", "parameters"])
def test_one_sample_at_a_time(samples, shape, returns):
    def f(x, y, pairs):
        assert x.shape == shape
        W, b = [w for w, _ in pairs], [v for _, v in pairs]
        found = gradients(W, b, x.reshape(-1, 1), y.reshape(-1, 1))
        return found if returns == "gradients" else update(W, b, *found, ETA)

    check(as_step(f, "X, Y, pairs", samples=samples, returns=returns))


def test_a_flat_vector():
    def cost(theta, X, Y):
        W = [theta[:24].reshape(6, 4), theta[30:48].reshape(3, 6)]
        dW, db = gradients(W, [theta[24:30], theta[48:]], X, Y)
        return 0.1, np.concatenate([a.ravel() for a in (dW[0], db[0], dW[1], db[1])])

    check(as_step(lambda *given: cost(*given)[1], "theta, X, Y", returns="gradients"))


def test_an_object_that_keeps_its_parameters():
    class Network:
        def __init__(self, sizes):
            assert sizes == [4, 6, 3]
            self.weights = self.biases = None

        def update_batch(self, batch, eta):
            X, Y = (np.hstack(part) for part in zip(*batch, strict=True))
            b = [v.ravel() for v in self.biases]
            self.weights, b = update(self.weights, b, *gradients(self.weights, b, X, Y), eta)
            self.biases = [v.reshape(-1, 1) for v in b]

    slots = {"weights": "W", "biases": "b"}
    check(
        as_step(
            "update_batch",
            "batch, eta",
            samples="one_column",
            bias_shape="column",
            returns="holder",
            holder=Network,
            slots=slots,
        )
    )

    def back(net, X, Y):
        return gradients(net.weights, [v.ravel() for v in net.biases], X, Y)

    check(as_step(back, "X, Y", bias_shape="column", returns="gradients", holder=Network, slots=slots))


def test_no_bias_at_all():
    new, b = as_step(lambda W, X: W, "W, X", bias="none")(W, B, X, Y, ETA)
    np.testing.assert_array_equal(new[0], W[0])
    np.testing.assert_array_equal(b[0], B[0])


def test_the_arguments_are_never_changed():
    keep = [w.copy() for w in W]

    def f(W, X):
        for w in W:
            w += 1
        X[:] = 0
        return W, [np.zeros(6), np.zeros(3)]

    as_step(f, "W, X")(W, B, X, Y, ETA)
    np.testing.assert_array_equal(W[0], keep[0])
    assert X.any()


@pytest.mark.parametrize(
    ("f", "options", "words"),
    [
        (None, {"samples": "col"}, "samples must be one of columns, rows"),
        (None, {"bias": "first_row"}, 'goes with weights="in_by_out"'),
        (None, {"returns": "holder"}, "needs a holder"),
        (lambda *_: ([w.T for w in W], B), {}, "swapped"),
        (lambda *_: None, {}, "no array came back"),
        (lambda *_: [W[0], B[0]], {}, "expected parameters with the shapes 6 x 4, 3 x 6"),
        (lambda *_: W, {}, "expected biases of 6, 3 numbers"),
        (lambda *_: W, {"takes": "X, nothing"}, "takes knows W, b"),
        (lambda *_: W, {"takes": "W3"}, "there are 2 layers"),
    ],
)
def test_what_does_not_fit_is_said_in_words(f, options, words):
    with pytest.raises(ValueError, match=r"as_step: ") as caught:
        as_step(f, **options)(W, B, X, Y, ETA)
    assert words in str(caught.value)


def test_constants_and_names_in_takes():
    assert words_of("X, lr=eta, [1, 2], verbose=False") == [
        (None, "X"),
        ("lr", "eta"),
        (None, "[1, 2]"),
        ("verbose", "False"),
    ]
    seen = {}

    def f(W, b, sizes, k, verbose, m):
        seen.update(sizes=sizes, k=k, verbose=verbose, m=m)
        return W, b

    as_step(f, "W, b, sizes, [1, 2], verbose=None, m=m")(W, B, X, Y, ETA)
    assert seen == {"sizes": [4, 6, 3], "k": [1, 2], "verbose": None, "m": 7}
