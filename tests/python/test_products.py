"""Products taken in pieces are the whole product, and the pieces stay within what BLAS takes as it is."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, strategies as st

from nnparity import products

LAYOUTS = {
    "both along the inner dimension": (np.ascontiguousarray, np.asfortranarray),
    "both by row": (np.ascontiguousarray, np.ascontiguousarray),
    "the first by column": (np.asfortranarray, np.ascontiguousarray),
}
PIECES = {
    # n, K, m, layout -> widths, none for the whole: 784-30-10 at batch 10, 100 and 1000, forward and backward, and
    # where it does not pay
    (30, 784, 10, "both along the inner dimension"): [],
    (30, 784, 100, "both along the inner dimension"): [34, 34, 32],
    (30, 784, 1000, "both along the inner dimension"): [40] * 25,
    (10, 784, 1000, "both along the inner dimension"): [112] * 8 + [104],
    (100, 784, 100, "both along the inner dimension"): [12] * 8 + [4],
    (128, 784, 256, "both along the inner dimension"): [],
    (50, 50, 1000, "both along the inner dimension"): [],
    (512, 784, 128, "both along the inner dimension"): [],
    (30, 100, 784, "both by row"): [262, 262, 260],
    (30, 1000, 784, "both by row"): [],
    (512, 512, 12, "the first by column"): [],
}  # fmt: skip


@pytest.fixture(autouse=True)
def such_a_processor(monkeypatch):
    monkeypatch.setattr(products, "has_small_products", lambda: True)


def factors(n, K, m, layout):
    rng = np.random.default_rng(n + K + m)
    left, right = LAYOUTS[layout]
    return left(rng.standard_normal((n, K))), right(rng.standard_normal((K, m)))


@pytest.mark.parametrize(("n", "K", "m", "layout"), PIECES)
def test_pieces_of_the_usual_networks(n, K, m, layout):
    pieces = products.product_pieces(*factors(n, K, m, layout))
    assert [piece.stop - piece.start for piece in pieces] == PIECES[n, K, m, layout]


@given(
    n=st.integers(1, 60), K=st.integers(1, 900), m=st.integers(1, 300), layout=st.sampled_from(sorted(LAYOUTS)),
)  # fmt: skip
def test_pieces_follow_each_other_and_stay_within(n, K, m, layout):
    A, B = factors(n, K, m, layout)
    pieces = products.product_pieces(A, B)
    if pieces:
        assert [column for piece in pieces for column in range(m)[piece]] == list(range(m))
        widest = max(piece.stop - piece.start for piece in pieces)
        assert n * K * widest <= 1_000_000
        assert layout != "both along the inner dimension" or n * widest <= 1200
    whole, product = A @ B, products.fast_matmul(A, B)
    assert product.shape == (n, m)
    # |fl(AB) - AB| <= gamma_K |A||B| for either (Higham, equation 3.13), so they are at most twice that apart.
    u = 2.0**-53
    assert (np.abs(product - whole) <= 2.01 * K * u / (1 - K * u) * (np.abs(A) @ np.abs(B))).all()


def test_a_piece_is_its_own_columns():
    A, B = factors(30, 784, 100, "both along the inner dimension")
    product = products.fast_matmul(A, B)
    for i, j in [(0, 0), (29, 33), (3, 34), (0, 67), (1, 68), (29, 99)]:
        exact = sum(Fraction(a) * Fraction(b) for a, b in zip(A[i].tolist(), B[:, j].tolist(), strict=True))
        size = math.fsum(np.abs(A[i]) * np.abs(B[:, j]))
        assert abs(Fraction(float(product[i, j])) - exact) <= Fraction(785 * 2.0**-53 * size)


def test_elsewhere_a_product_is_taken_whole(monkeypatch):
    monkeypatch.setattr(products, "has_small_products", lambda: False)
    assert products.product_pieces(*factors(30, 784, 100, "both along the inner dimension")) == []


def test_what_is_no_matrix_of_doubles_is_multiplied_as_ever():
    A = np.arange(30 * 784).reshape(30, 784)
    B = np.asfortranarray(np.arange(784 * 100).reshape(784, 100))
    assert len(products.product_pieces(A, B)) == 3
    product = products.fast_matmul(A, B)
    assert product.dtype == A.dtype
    assert np.array_equal(product, A @ B)
    assert np.array_equal(products.fast_matmul(A, B[:, 0]), A @ B[:, 0])
    assert products.fast_matmul(A[:0], B).shape == (0, 100)


ONE = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "8"}


@pytest.mark.parametrize(
    ("features", "blas", "variables", "expected"),
    [
        (["AVX2", "AVX512_SKX"], "scipy-openblas", ONE, True),
        (["X86_V3", "X86_V4"], "openblas64", ONE, True),
        (["X86_V4"], "scipy-openblas", {"OPENBLAS_NUM_THREADS": "0", "OMP_NUM_THREADS": "1"}, True),
        (["X86_V4"], "scipy-openblas", {**ONE, "OPENBLAS_CORETYPE": "SkylakeX"}, True),
        (["X86_V4"], "scipy-openblas", {**ONE, "OPENBLAS_CORETYPE": "Haswell"}, False),
        (["X86_V4"], "scipy-openblas", {"OMP_NUM_THREADS": "2"}, False),
        (["X86_V4"], "scipy-openblas", {}, False),
        (["X86_V3"], "scipy-openblas", ONE, False),
        (["ASIMD"], "scipy-openblas", ONE, False),
        (["X86_V4"], "mkl-dynamic-lp64", ONE, False),
        (None, None, ONE, False),
    ],
)
def test_what_numpy_and_the_environment_say_decides(monkeypatch, features, blas, variables, expected):
    known = {"Build Dependencies": {"blas": {"name": blas}}, "SIMD Extensions": {"found": features}}
    monkeypatch.undo()
    monkeypatch.setattr(np, "show_config", lambda mode: {} if blas is None else known)
    monkeypatch.setattr(products.os, "sched_getaffinity", lambda process: {0, 1}, raising=False)
    for name in (*products.THREADS, "OPENBLAS_CORETYPE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    products.has_small_products.cache_clear()
    assert products.has_small_products() is expected
    products.has_small_products.cache_clear()


def test_without_a_variable_all_cores_count_that_may_be_used(monkeypatch):
    for name in products.THREADS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(products.os, "sched_getaffinity", lambda process: {3}, raising=False)
    assert products.thread_count() == 1
    monkeypatch.delattr(products.os, "sched_getaffinity")
    monkeypatch.setattr(products.os, "cpu_count", lambda: 6)
    assert products.thread_count() == 6
