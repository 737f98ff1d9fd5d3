"""The sentences: what was expected, what came, where, and the nearest right word."""

import math

import numpy as np
import pytest

from nnparity.checks import (
    InputError,
    check_count,
    check_finite,
    check_matrix,
    check_number,
    check_vector,
    check_word,
    describe,
    edit_distance,
    nearest_word,
)
from nnparity.losses import LOSSES


def sentence(call, *arguments, **named):
    with pytest.raises(InputError) as error:
        call(*arguments, **named)
    return str(error.value)


def test_an_input_error_is_a_value_error():
    assert issubclass(InputError, ValueError)


def test_values_are_described():
    assert describe(0.1) == "0.1"
    assert describe(1234567.0) == "1.23457e+06"
    assert describe(-math.inf) == "-Inf"
    assert describe(math.nan) == "NaN"
    assert describe("relu") == "'relu'"
    assert describe(None) == "nothing"
    assert describe(True) == "a logical value"
    assert describe(np.zeros((2, 3))) == "an array of numbers with shape 2 x 3"
    assert describe([1, 2]) == "2 values"


def test_edit_distance_counts_letters():
    assert edit_distance("sigmod", "sigmoid") == 1
    assert edit_distance("kitten", "sitting") == 3
    assert edit_distance("", "abc") == 3


def test_the_nearest_word_is_offered_if_there_is_one():
    words = list(LOSSES)
    assert nearest_word("mse", words) == "mean_squared_error"
    assert nearest_word("BCE", words) == "binary_cross_entropy"
    assert nearest_word("cce", words) == "categorical_cross_entropy"
    assert nearest_word("Huber", words) == "huber"
    assert nearest_word("quadratc", words) == "quadratic"
    assert nearest_word("mean-squared-error", words) == "mean_squared_error"
    assert nearest_word("xyzzy and more of it", words) is None
    refused = sentence(check_word, "qq", ["fast", "exact"], "arithmetic")
    assert refused == "arithmetic must be one of fast, exact, not 'qq'"


def test_numbers():
    assert check_number(3, "eta") == 3.0
    assert sentence(check_number, "x", "eta") == "eta must be one finite number, not 'x'"
    assert sentence(check_number, True, "eta") == "eta must be one finite number, not a logical value"
    refused = sentence(check_number, 1, "eta", above=1, below=2)
    assert refused == "eta must be one finite number above 1 and below 2, not 1"
    assert sentence(check_number, [1, 2], "eta") == "eta must be one finite number, not 2 values"


def test_counts():
    assert check_count(3.0, "epochs") == 3
    assert sentence(check_count, 0, "epochs") == "epochs must be a whole number of at least 1, not 0"
    assert sentence(check_count, 2.5, "epochs") == "epochs must be a whole number of at least 1, not 2.5"
    assert sentence(check_count, None, "epochs") == "epochs must be a whole number of at least 1, not nothing"


def test_matrices_and_vectors():
    assert check_matrix(np.array([[1, 2]]), "X").dtype == float
    assert sentence(check_matrix, np.zeros((2, 3)), "X", rows=3) == "X must be 3 x any, not 2 x 3"
    assert sentence(check_matrix, np.zeros((2, 3)), "X", columns=2) == "X must be any x 2, not 2 x 3"
    assert sentence(check_matrix, "text", "X") == "X must be a matrix of numbers, not 'text'"
    assert sentence(check_vector, np.zeros(2), "b1", 3) == "b1 must be a vector of 3 numbers, not of 2"
    assert sentence(check_vector, "text", "b1", 3) == "b1 must be a vector of 3 numbers, not 'text'"


def test_what_is_not_finite_is_placed():
    matrix = np.zeros((2, 3))
    assert check_finite(matrix, "X") is matrix
    matrix[1, 0], matrix[0, 2] = math.nan, math.inf
    assert sentence(check_finite, matrix, "X") == "X must hold finite numbers only, not NaN (row 2, column 1)"
    matrix[1, 0] = 0
    assert sentence(check_finite, matrix, "X") == "X must hold finite numbers only, not Inf (row 1, column 3)"
