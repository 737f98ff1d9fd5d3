"""Traces are compared element by element; what has no distance is a difference.  (R: tests/r/test_compare.R)"""

import math

import numpy as np
import pytest

from nnparity.compare import compare_quantity, compare_traces, element_place, first_difference, ulp_distance
from nnparity.trace import Trace

A = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])


def moved(row, col, value):
    B = A.copy()
    B[row, col] = value
    return B


def test_equal_values_agree():
    difference = compare_quantity("W2_new", A, A.copy())
    assert difference.agrees
    assert (difference.count, difference.max_abs, difference.max_rel, difference.max_ulp) == (6, 0, 0, 0)


def test_the_worst_element_is_measured_and_placed():
    difference = compare_quantity("dW2", A, moved(2, 0, 5.0 + 2.0**-50), bound=np.full(A.shape, 2.0**-51))
    assert not difference.agrees
    assert difference.max_abs == 2.0**-50
    assert difference.max_rel == 2.0**-50 / (5.0 + 2.0**-50)
    assert difference.max_ulp == 1
    assert difference.ratio == 2
    assert difference.place == "dW[1][2, 0]"
    assert (difference.value_a, difference.value_b) == (5.0, 5.0 + 2.0**-50)


def test_within_the_bound_is_rounding():
    assert compare_quantity("dW2", A, moved(2, 0, 5.0 + 2.0**-50), bound=np.full(A.shape, 2.0**-50)).agrees


def test_the_worst_is_the_worst_by_the_bound_not_by_size():
    B = moved(0, 0, 1.0 + 1e-9)
    B[2, 1] = 6.0 + 1e-6
    bound = np.full(A.shape, 1.0)
    bound[0, 0] = 1e-12
    assert compare_quantity("Z1", A, B, bound).place == "Z[0][0, 0]"


@pytest.mark.parametrize(
    ("a", "b", "problem"),
    [
        (A, A.T, "shape 3 × 2 against 2 × 3"),
        (A, A[:, 0], "shape 3 × 2 against 3"),
        (A, moved(1, 1, math.nan), "4 against NaN"),
        (A, moved(1, 1, math.inf), "4 against Inf"),
        (moved(1, 1, -math.inf), moved(1, 1, math.inf), "-Inf against Inf"),
        (A, None, "missing in the second trace"),
        (None, A, "missing in the first trace"),
    ],
)
@pytest.mark.parametrize("bound", [None, np.full((3, 2), 1e300)])
def test_what_has_no_distance_is_a_difference(a, b, problem, bound):
    difference = compare_quantity("Z1", a, b, bound)
    assert not difference.agrees
    assert difference.problem == problem


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_the_same_undefined_value_is_no_difference(value):
    assert compare_quantity("Z1", moved(0, 1, value), moved(0, 1, value), arithmetic="exact").agrees
    assert not compare_quantity("loss", 1.0, math.nan).agrees
    assert compare_quantity("loss", math.nan, math.nan).agrees


def test_the_sign_of_zero_counts_in_exact_arithmetic_only():
    a, b = np.array([[0.0]]), np.array([[-0.0]])
    assert compare_quantity("Z1", a, b).agrees
    difference = compare_quantity("Z1", a, b, arithmetic="exact")
    assert not difference.agrees
    assert difference.problem == "the sign of zero differs"


def test_an_infinite_bound_bounds_nothing():
    for bound in (math.inf, math.nan):
        assert not compare_quantity("Z1", A, moved(0, 0, 1.5), np.full(A.shape, bound)).agrees


@pytest.mark.parametrize(
    ("a", "b", "ulps"),
    [
        (1.0, 1.0 + 2.0**-52, 1),
        (1.0, 1.0 - 2.0**-53, 0.5),
        (5e-324, 0.0, 1),
        (-5e-324, 5e-324, 2),
        (1e300, 1e300, 0),
        (1.7976931348623157e308, 1.7976931348623155e308, 1),
        (1.0, math.inf, math.inf),
        (2.0**-1022, 2.0**-1022 - 2.0**-1074, 1),
    ],
)
def test_ulps(a, b, ulps):
    assert ulp_distance(np.array([a]), np.array([b]))[0] == ulps


@pytest.mark.parametrize(
    ("quantity", "index", "place"),
    [
        ("W2_new", (2, 0), "W_new[1][2, 0]"),
        ("A0", (2, 0), "A[0][2, 0]"),
        ("A2", (0, 1), "A[2][0, 1]"),
        ("Z1", (0, 1), "Z[0][0, 1]"),
        ("b1_new", (3,), "b_new[0][3]"),
        ("delta12", (0, 1), "delta[11][0, 1]"),
        ("W1_velocity", (0, 1), "W_velocity[0][0, 1]"),
        ("loss", (), "loss"),
        ("step_count", (), "step_count"),
    ],
)
def test_places(quantity, index, place):
    assert element_place(quantity, index) == place


def test_the_first_difference_in_order_of_computation():
    a = Trace({"Z1": A, "A1": A, "loss": 1.0})
    b = Trace({"Z1": A, "A1": moved(0, 0, 7.0), "loss": 2.0, "dW1": A})
    comparison = compare_traces(a, b)
    assert list(comparison) == ["Z1", "A1", "loss", "dW1"]
    assert first_difference(comparison).quantity == "A1"
    assert first_difference(compare_traces(a, a)) is None
    assert comparison["dW1"].problem == "missing in the first trace"
