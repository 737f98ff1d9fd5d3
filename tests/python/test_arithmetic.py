"""The two arithmetics: what exact arithmetic fixes, and where both must be IEEE."""

import math

import numpy as np
import pytest

from nnparity.arithmetic import ARITHMETICS, fold, get_arithmetic, raise_to, select
from nnparity.checks import InputError


def test_fold_adds_the_last_half_onto_the_first():
    # five terms: (1st + 4th), (2nd + 5th), 3rd; then (.. + 3rd), ..; then the rest. 2^53 + 1 is lost, 2^53 + 2 is not.
    big = 2.0**53
    assert fold(np.array([1.0, 1.0, 1.0, 0.0, big]))[()] == ((1.0 + 0.0) + 1.0) + (1.0 + big)
    assert fold(np.array([[big, 1.0], [1.0, 2.0], [1.0, 3.0]])).tolist() == [(big + 1.0) + 1.0, 6.0]


def test_exact_products_are_those_of_single_numbers():
    rng = np.random.default_rng(1)
    exact = get_arithmetic("exact")
    for n, K, m in [(1, 1, 1), (1, 7, 1), (3, 5, 4), (2, 784, 3), (70, 33, 50)]:
        A, B = rng.standard_normal((n, K)), rng.standard_normal((K, m))
        product = exact.matmul(A, B)
        for i, j in [(0, 0), (n - 1, m - 1)]:
            assert product[i, j] == fold(np.array([A[i, k] * B[k, j] for k in range(K)]))
        assert np.array_equal(exact.crossprod(np.ascontiguousarray(A.T), B), product)
        assert np.array_equal(exact.tcrossprod(A, np.asfortranarray(B.T)), product)
        assert np.array_equal(exact.matmul(B.T, A.T), product.T)
        np.testing.assert_allclose(product, A @ B, rtol=0, atol=1e-12 * K)


def test_sums_run_over_samples_units_and_all():
    A = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    for arithmetic in ARITHMETICS.values():
        assert arithmetic.row_sums(A).tolist() == [6.0, 15.0]
        assert arithmetic.col_sums(A).tolist() == [5.0, 7.0, 9.0]
        assert arithmetic.total(A) == 21.0
    assert A.tolist() == [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_functions_overflow_to_infinity_and_keep_nan():
    x = np.array([[1000.0, -1000.0, 0.0], [-0.0, math.nan, math.inf]])
    for arithmetic in ARITHMETICS.values():
        assert arithmetic.exp(x)[0].tolist() == [math.inf, 0.0, 1.0]
        assert arithmetic.log(x)[0, [0, 2]].tolist() == [math.log(1000.0), -math.inf]
        assert np.isnan(arithmetic.log(x)[0, 1])
        assert arithmetic.log1p(np.array([-1.0, 0.0])).tolist() == [-math.inf, 0.0]
        assert arithmetic.expm1(x)[0].tolist() == [math.inf, -1.0, 0.0]
        assert arithmetic.tanh(x)[0].tolist() == [1.0, -1.0, 0.0]
        for function in (arithmetic.exp, arithmetic.log, arithmetic.log1p, arithmetic.expm1, arithmetic.tanh):
            assert np.isnan(function(x)[1, 1])


def test_select_takes_no_for_nan():
    Z = np.array([[1.0, math.nan], [-1.0, 0.0]])
    assert select(Z > 0, 1.0, 0.0).tolist() == [[1.0, 0.0], [0.0, 0.0]]
    assert select(Z > 0, Z, -Z)[1].tolist() == [1.0, 0.0]


def test_raise_to_squares_by_one_product():
    assert raise_to(0.999, 2.0) == 0.999 * 0.999
    assert raise_to(0.9, 1.0) == 0.9


def test_an_unknown_arithmetic_is_named():
    with pytest.raises(InputError) as error:
        get_arithmetic("exakt")
    assert str(error.value) == "arithmetic must be one of fast, exact, not 'exakt'; did you mean 'exact'?"
    assert get_arithmetic(get_arithmetic("exact")).name == "exact"
