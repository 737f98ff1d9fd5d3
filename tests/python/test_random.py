"""R's stream in Python, held against digits that R printed, and what both streams say to bad input."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from nnparity import random as streams
from nnparity.checks import InputError


def hexes(values):
    return [value.hex() for value in values.tolist()]


def test_r_stream_gives_the_digits_that_r_prints_after_set_seed_42():
    # Rscript -e 'set.seed(42); sprintf("%a", runif(3)); sprintf("%a", rnorm(3)); sprintf("%a", rexp(3)); sample(10); …'
    state = streams.r_set_seed(42)
    assert hexes(streams.r_runif(state, 3)) == ["0x1.d461752e00000p-1", "0x1.dfc8593c00000p-1", "0x1.2501c32000000p-2"]
    assert hexes(streams.r_rnorm(state, 3)) == ["0x1.e97065b7e5fc9p-1", "0x1.884591f013ad3p-5", "-0x1.1ac70768e9e37p+0"]
    assert hexes(streams.r_rexp(state, 3)) == ["0x1.a3f9016800000p-2", "0x1.310c8dd938162p+0", "0x1.6e027467a39efp-1"]
    assert streams.r_sample(state, 10).tolist() == [9, 5, 6, 4, 2, 8, 3, 7, 1, 10]
    assert streams.r_sample_int(state, 6, 8, replace=True).tolist() == [3, 4, 5, 5, 5, 4, 2, 4]
    assert streams.r_sample_int(state, 3, 5, replace=True, prob=[0.5, 0.3, 0.2]).tolist() == [2, 1, 3, 1, 1]
    assert hexes(streams.r_runif(state, 1)) == ["0x1.d02e0f4a00000p-1"]
    assert streams.r_get_state(state)[:4].tolist() == [10403, 39, -1577024373, 1699409082]


def test_numpy_stream_is_numpys_own():
    state, theirs = streams.numpy_set_seed(3), np.random.RandomState(3)
    x = np.arange(12.0).reshape(6, 2)
    before = x.copy()
    np.testing.assert_array_equal(streams.numpy_randn(state, (2, 3)), theirs.randn(2, 3))
    np.testing.assert_array_equal(streams.numpy_random_sample(state, 5), theirs.random_sample(5))
    np.testing.assert_array_equal(streams.numpy_permutation(state, 9), theirs.permutation(9))
    np.testing.assert_array_equal(streams.numpy_permutation(state, x), theirs.permutation(x))
    shuffled = x.copy()
    theirs.shuffle(shuffled)
    np.testing.assert_array_equal(streams.numpy_shuffle(state, x), shuffled)
    np.testing.assert_array_equal(streams.numpy_randint(state, 4, size=7), theirs.randint(4, size=7))
    np.testing.assert_array_equal(streams.numpy_randint(state, -4, 9, (2, 2)), theirs.randint(-4, 9, (2, 2)))
    np.testing.assert_array_equal(x, before)


def test_draws_in_pieces_are_the_draws_at_once():
    whole, pieces = streams.r_set_seed(8), streams.r_set_seed(8)
    for draw in (streams.r_runif, streams.r_rnorm, streams.r_rexp):
        together = draw(whole, 2000)
        np.testing.assert_array_equal(together, np.concatenate([draw(pieces, n) for n in (1, 0, 623, 1, 624, 751)]))
        np.testing.assert_array_equal(streams.r_get_state(whole), streams.r_get_state(pieces))


def test_state_goes_out_and_comes_back_at_every_position():
    state = streams.r_set_seed(-5)
    for _ in range(700):
        copy = streams.r_from_state(streams.r_get_state(state))
        np.testing.assert_array_equal(streams.r_runif(copy, 3), state.look(3) / 2**32)
        streams.r_runif(state, 1)


def test_sample_takes_the_elements_of_a_vector_and_leaves_it_alone():
    letters = np.array(["a", "b", "c"])
    drawn = streams.r_sample(streams.r_set_seed(1), letters)
    assert sorted(drawn.tolist()) == ["a", "b", "c"]
    assert letters.tolist() == ["a", "b", "c"]
    assert streams.r_sample(streams.r_set_seed(1), [7]).tolist() == [7]


def shuffled_one_by_one(state, n, size):
    """R's own way: draw a place among those that remain, take what lies there, move the last one into the gap."""
    remain, taken = list(range(1, n + 1)), []
    for _ in range(size):
        place = int(streams.r_sample_int(state, len(remain), 1, replace=True)[0]) - 1
        taken.append(remain[place])
        remain[place] = remain[-1]
        remain.pop()
    return taken


@given(seed=st.integers(0, 2**31 - 1), n=st.integers(2, 2100), share=st.floats(0, 1))
def test_a_shuffle_at_once_is_the_shuffle_one_by_one(seed, n, share):
    size = max(2, round(share * n))
    at_once, one_by_one = streams.r_set_seed(seed), streams.r_set_seed(seed)
    assert streams.r_sample_int(at_once, n, size).tolist() == shuffled_one_by_one(one_by_one, n, size)
    assert np.array_equal(streams.r_get_state(at_once), streams.r_get_state(one_by_one))


def stream():
    return streams.r_set_seed(1)


def numpy_stream():
    return streams.numpy_set_seed(1)


BAD = {
    "seed text": (
        lambda: streams.r_set_seed("1"),
        "seed must be a whole number from -2147483647 to 2147483647, not '1'",
    ),
    "seed NA": (lambda: streams.r_set_seed(-(2**31)), "seed must be a whole number from"),
    "seed half": (lambda: streams.r_set_seed(0.5), "not 0.5"),
    "seed NaN": (lambda: streams.r_set_seed(float("nan")), "not NaN"),
    "numpy seed": (lambda: streams.numpy_set_seed(-1), "seed must be a whole number from 0 to 4294967295, not -1"),
    "count": (lambda: streams.r_runif(stream(), -1), "n must be a whole number of at least 0, not -1"),
    "limits": (lambda: streams.r_runif(stream(), 1, 3, 2), "max must be one finite number at least 3, not 2"),
    "sd": (lambda: streams.r_rnorm(stream(), 1, 0, -2), "sd must be one finite number at least 0, not -2"),
    "rate": (lambda: streams.r_rexp(stream(), 1, 0), "rate must be one finite number above 0, not 0"),
    "size": (lambda: streams.r_sample(stream(), 3, 4), "size must be at most n, 3, without replacement, not 4"),
    "empty": (lambda: streams.r_sample(stream(), []), "x must be a whole number of at least 1 or a vector"),
    "weights": (
        lambda: streams.r_sample(stream(), 3, prob=[1, 2]),
        "prob must be 3 numbers, one for each outcome, not 2 values",
    ),
    "negative weight": (
        lambda: streams.r_sample(stream(), 2, prob=[1, -2]),
        "prob must hold finite numbers of at least 0 only",
    ),
    "zero weights": (
        lambda: streams.r_sample(stream(), 3, 2, prob=[1, 0, 0]),
        "prob must have at least 2 values above 0, not 1",
    ),
    "random_seed": (lambda: streams.r_from_state([1, 2, 3]), "random_seed must be the .Random.seed of R's"),
    "other generator": (lambda: streams.r_from_state(np.full(626, 10407)), "random_seed must be the .Random.seed"),
    "numpy state": (lambda: streams.numpy_from_state(("PCG64", 1)), "values must be what RandomState.get_state()"),
    "no state": (lambda: streams.r_runif(42, 3), "state must be a stream of r_set_seed or r_from_state, not 42"),
    "no numpy state": (
        lambda: streams.numpy_randn(42, 3),
        "state must be a stream of numpy_set_seed or numpy_from_state, not 42",
    ),
    "high": (lambda: streams.numpy_randint(numpy_stream(), 3, 3), "high must be a whole number from 4 to"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_sentence(case):
    call, sentence = BAD[case]
    with pytest.raises(InputError) as caught:
        call()
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)
