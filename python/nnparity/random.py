"""R's random numbers in Python and NumPy's legacy ones in R, bit for bit: one seed means the same network in both.

Two streams, both over the Mersenne twister MT19937 (Matsumoto and Nishimura, 1998):

- ``r_*`` draw what R (3.6 and later) draws after ``set.seed``: the kinds Mersenne-Twister, Inversion and Rejection;
- ``numpy_*`` draw what ``numpy.random.RandomState`` draws.

The values are those of the stream's own language in both: ``r_sample`` counts from 1, ``numpy_permutation`` from 0.
A state changes with every draw from it; nothing else does: neither NumPy's global state nor the caller's arrays.
"""

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nnparity.checks import check_count, check_number, describe, stop_input

Doubles: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]

KEY_LENGTH = 624  # words of state of MT19937
RANDOM_SEED_KIND = 10403  # R's code for Rejection (1), Inversion (04) and Mersenne-Twister (03), .Random.seed[1]
SEED_LIMIT = 2**31 - 1  # R's set.seed takes what an R integer holds; -2^31 is its NA
LARGEST_WHOLE = 2**53  # whole numbers up to here are exact in a double, which is all that R has


# --- R's stream ------------------------------------------------------------------------------------------------------


class RStream:
    """The state of one R stream: MT19937's key and position, read ahead of in blocks.

    Parameters
    ----------
    key : array of 624 words (uint32).
    position : how many words of the key's block are used up, 1 to 624.
    """

    def __init__(self, key: NDArray[np.uint32], position: int) -> None:
        self._generator = np.random.MT19937(0)  # stands after the last word of _ahead
        self._generator.state = {"bit_generator": "MT19937", "state": {"key": key, "pos": position}}
        self._start = self._generator.state  # before the first word of _ahead
        self._ahead: Integers = np.empty(0, np.int64)
        self._used = 0

    def look(self, count: int) -> Integers:
        """Return the next `count` 32-bit words without using them up."""
        if self._used + count > self._ahead.size:
            self._rewind()
            self._ahead = self._generator.random_raw(max(count, KEY_LENGTH)).view(np.int64)
        return self._ahead[self._used : self._used + count]

    def skip(self, count: int) -> None:
        """Use up `count` words that `look` has shown."""
        self._used += count

    def take(self, count: int) -> Integers:
        """Return the next `count` words and use them up."""
        words = self.look(count)
        self.skip(count)
        return words

    def key_and_position(self) -> tuple[NDArray[np.uint32], int]:
        """Return MT19937's state as it is at the next word."""
        self._rewind()
        state = self._generator.state["state"]
        return state["key"], int(state["pos"])

    def _rewind(self) -> None:
        """Forget what was read ahead, so that the generator, too, stands at the next word."""
        if self._ahead.size:
            self._generator.state = self._start
            self._generator.random_raw(self._used, output=False)
            self._start = self._generator.state
            self._ahead, self._used = np.empty(0, np.int64), 0


def r_set_seed(seed: int) -> RStream:
    """Return the state of R's stream after ``set.seed(seed)``.

    Parameters
    ----------
    seed : whole number, −(2³¹ − 1) to 2³¹ − 1.

    Raises
    ------
    InputError
        If `seed` is none.

    Notes
    -----
    R's ``RNG.c``: the seed is scrambled 50 times by the congruential generator s ← 69069 s + 1 (mod 2³²), the next 625
    values are written over position and key, and the position is then set to 624, "all used up".
    """
    seed = _check_whole(seed, "seed", -SEED_LIMIT, SEED_LIMIT)
    key = np.empty(KEY_LENGTH, np.uint32)
    for j in range(-51, KEY_LENGTH):
        seed = (69069 * seed + 1) % 2**32
        if j >= 0:
            key[j] = seed
    return RStream(key, KEY_LENGTH)


def r_get_state(state: RStream) -> NDArray[np.int32]:
    """Return the state as R's ``.Random.seed``: 626 integers, the kind, the position and the key.

    Assign it to ``.Random.seed`` in R's global environment and R goes on where this stream stands.
    A word 2³¹ is −2³¹ here, which R prints as NA and uses rightly.
    """
    _check_stream(state)
    key, position = state.key_and_position()
    return np.concatenate([np.array([RANDOM_SEED_KIND, position], np.int32), key.view(np.int32)])


def r_from_state(random_seed: ArrayLike) -> RStream:
    """Return the stream that goes on where R's ``.Random.seed`` stands.

    Parameters
    ----------
    random_seed : 626 integers, as R holds them in ``.Random.seed``.

    Raises
    ------
    InputError
        If it is not the state of R's default generators.
    """
    values = np.asarray(random_seed)
    whole = values.ndim == 1 and values.size == 2 + KEY_LENGTH and values.dtype.kind in "iu"
    if not (whole and values[0] == RANDOM_SEED_KIND and 1 <= values[1] <= KEY_LENGTH and values[2:].any()):
        stop_input(
            "random_seed must be the .Random.seed of R's default generators (626 integers, the first 10403), "
            f"not {describe(random_seed)}"
        )
    return RStream(values[2:].astype(np.int64).astype(np.uint32), int(values[1]))


def r_runif(state: RStream, n: int, min: float = 0.0, max: float = 1.0) -> Doubles:
    """Draw R's ``runif(n, min, max)``.

    Parameters
    ----------
    state : from `r_set_seed` or `r_from_state`; moves on by n words (none when `min` is `max`, as in R).
    n : how many.
    min, max : the limits.

    Returns
    -------
    array, shape (n,)
    """
    _check_stream(state)
    n = check_count(n, "n", at_least=0)
    low = check_number(min, "min")
    high = check_number(max, "max", at_least=low)
    if low == high:
        return np.full(n, low)
    # min + (max − min) u
    return low + (high - low) * _uniforms(state.take(n))


def r_rnorm(state: RStream, n: int, mean: float = 0.0, sd: float = 1.0) -> Doubles:
    """Draw R's ``rnorm(n, mean, sd)``, by inversion.

    Parameters
    ----------
    state : moves on by 2n words (none when `sd` is 0, as in R).
    n : how many.
    mean, sd : mean and standard deviation.

    Returns
    -------
    array, shape (n,)
    """
    _check_stream(state)
    n = check_count(n, "n", at_least=0)
    mean = check_number(mean, "mean")
    sd = check_number(sd, "sd", at_least=0)
    if sd == 0:
        return np.full(n, mean)
    words = state.take(2 * n)
    # u = (⌊2²⁷ u₁⌋ + u₂) / 2²⁷,   x = mean + sd · Φ⁻¹(u)
    u = ((words[0::2] >> 5) + _uniforms(words[1::2])) / 134217728.0
    return mean + sd * _normal_quantile(u)


def r_rexp(state: RStream, n: int, rate: float = 1.0) -> Doubles:
    """Draw R's ``rexp(n, rate)``: algorithm SA of Ahrens and Dieter (1972).

    Parameters
    ----------
    state : moves on by one word a draw, or by 2 + i where the draw needs a minimum of i + 1 uniforms.
    n : how many.
    rate : 1 / mean.

    Returns
    -------
    array, shape (n,)
    """
    _check_stream(state)
    n = check_count(n, "n", at_least=0)
    rate = check_number(rate, "rate", above=0)
    draws = np.empty(n)
    done = 0
    while done < n:
        first, counts, words = _exponential_starts(state, n - done)
        u = _uniforms(words)
        block = _exponentials(u, first, counts)
        state.skip(int(first[-1] + counts[-1]))
        draws[done : done + first.size] = block
        done += first.size
    return (1.0 / rate) * draws


def r_sample_int(
    state: RStream, n: int, size: int | None = None, replace: bool = False, prob: ArrayLike | None = None
) -> Integers:
    """Draw R's ``sample.int(n, size, replace, prob)``: whole numbers from 1 to n.

    Parameters
    ----------
    state : moves on by as many words as R uses.
    n : the largest number.
    size : how many; n unless given: a permutation.
    replace : whether a number may come again.
    prob : weights, shape (n,); equal unless given.

    Returns
    -------
    array of int, shape (size,)

    Raises
    ------
    InputError
        If `size` exceeds `n` without replacement, or the weights are not n finite numbers ≥ 0, enough of them above 0.
    """
    _check_stream(state)
    n = _check_whole(n, "n", 1, LARGEST_WHOLE)
    size = n if size is None else check_count(size, "size", at_least=0)
    if not replace and size > n:
        stop_input(f"size must be at most n, {n}, without replacement, not {size}")
    if prob is not None:
        return _sample_weighted(state, _check_weights(prob, n, size, replace), size, replace)
    if replace or size < 2:
        return _indices(state, n, size) + 1
    if n > 1e7 and size <= n / 2:
        return _sample_distinct(state, n, size)
    return _sample_shrinking(state, n, size)


def r_sample(
    state: RStream, x: Any, size: int | None = None, replace: bool = False, prob: ArrayLike | None = None
) -> NDArray[Any]:
    """Draw R's ``sample(x, size, replace, prob)``: from 1 to x when x is a number, from the elements of x otherwise.

    Parameters
    ----------
    state : moves on as with `r_sample_int`.
    x : whole number of at least 1, or a sequence (a sequence of one is itself here; in R it counts as its number).
    size, replace, prob : as in `r_sample_int`.

    Returns
    -------
    array, shape (size,)
    """
    if np.ndim(x) == 0:
        return r_sample_int(state, _check_whole(x, "x", 1, LARGEST_WHOLE), size, replace, prob)
    values = np.asarray(x)
    if values.ndim != 1 or values.size == 0:
        stop_input(f"x must be a whole number of at least 1 or a vector with elements, not {describe(x)}")
    return values[r_sample_int(state, values.size, size, replace, prob) - 1]


# --- NumPy's legacy stream -------------------------------------------------------------------------------------------


def numpy_set_seed(seed: int) -> np.random.RandomState:
    """Return the state of NumPy's legacy stream after ``numpy.random.seed(seed)``: a RandomState.

    Parameters
    ----------
    seed : whole number, 0 to 2³² − 1.
    """
    return np.random.RandomState(_check_whole(seed, "seed", 0, 2**32 - 1))


def numpy_get_state(state: np.random.RandomState) -> tuple[str, NDArray[np.uint32], int, int, float]:
    """Return the state as ``RandomState.get_state()`` does: name, key, position, has_gauss, cached_gaussian."""
    _check_numpy_stream(state)
    name, key, position, has_gauss, cached = state.get_state(legacy=True)
    return str(name), np.asarray(key, np.uint32), int(position), int(has_gauss), float(cached)


def numpy_from_state(values: Sequence[Any]) -> np.random.RandomState:
    """Return the stream that goes on where ``RandomState.get_state()`` stood.

    Parameters
    ----------
    values : "MT19937", key (624 words), position (1 to 624), has_gauss (0 or 1), cached_gaussian.

    Raises
    ------
    InputError
        If they are something else.
    """
    values = list(values)
    key = np.asarray(values[1]) if len(values) == 5 else np.empty(0)
    whole = key.shape == (KEY_LENGTH,) and key.dtype.kind in "iuf" and bool(((key >= 0) & (key < 2**32)).all())
    if not (whole and values[0] == "MT19937" and 1 <= values[2] <= KEY_LENGTH and values[3] in (0, 1)):
        stop_input(
            "values must be what RandomState.get_state() gives (the name MT19937, a key of 624 words, "
            f"a position from 1 to 624, has_gauss and cached_gaussian), not {describe(values)}"
        )
    state = np.random.RandomState(0)
    state.set_state(("MT19937", key.astype(np.uint32), int(values[2]), int(values[3]), float(values[4])))
    return state


def numpy_random_sample(state: np.random.RandomState, size: int | Sequence[int]) -> Doubles:
    """Draw ``numpy.random.random_sample(size)``: uniform on [0, 1), 53 bits from two words.

    Parameters
    ----------
    state : from `numpy_set_seed` or `numpy_from_state`.
    size : how many, or the shape; filled row by row.
    """
    _check_numpy_stream(state)
    return state.random_sample(_check_size(size))


def numpy_randn(state: np.random.RandomState, size: int | Sequence[int]) -> Doubles:
    """Draw ``numpy.random.randn(*size)``: Marsaglia's polar method, the second value of a pair kept for the next draw.

    Parameters
    ----------
    state : from `numpy_set_seed` or `numpy_from_state`.
    size : how many, or the shape; filled row by row.
    """
    _check_numpy_stream(state)
    return state.standard_normal(_check_size(size))


def numpy_permutation(state: np.random.RandomState, x: Any) -> NDArray[Any]:
    """Draw ``numpy.random.permutation(x)``: of 0 to x − 1 when x is a number, of x's elements or rows otherwise."""
    if np.ndim(x) == 0:
        x = np.arange(check_count(x, "x"), dtype=np.int64)
    return numpy_shuffle(state, x)


def numpy_shuffle(state: np.random.RandomState, x: ArrayLike) -> NDArray[Any]:
    """Return a copy of x in the order into which ``numpy.random.shuffle(x)`` would bring it; a matrix by its rows."""
    _check_numpy_stream(state)
    shuffled = np.array(x)
    if shuffled.ndim == 0:
        stop_input(f"x must be a vector or a matrix, not {describe(x)}")
    state.shuffle(shuffled)
    return shuffled


def numpy_randint(
    state: np.random.RandomState, low: int, high: int | None = None, size: int | Sequence[int] | None = None
) -> Integers:
    """Draw ``numpy.random.randint(low, high, size)``: whole numbers from low to high − 1, by masked rejection.

    Parameters
    ----------
    state : from `numpy_set_seed` or `numpy_from_state`.
    low, high : the limits; from 0 to low − 1 when `high` is not given.
    size : how many (one unless given), or the shape; filled row by row.

    Returns
    -------
    array of int; shape (1,) unless `size` is given
    """
    _check_numpy_stream(state)
    low = _check_whole(low, "low", -LARGEST_WHOLE, LARGEST_WHOLE)
    if high is None:
        low, high = 0, low
    high = _check_whole(high, "high", low + 1, low + LARGEST_WHOLE)
    return state.randint(low, high, _check_size(1 if size is None else size), dtype=np.int64)


# --- how R makes them ------------------------------------------------------------------------------------------------


def _uniforms(words: Integers) -> Doubles:
    # u = word · 2⁻³², and half of 1 / (2³² − 1) for the word 0: R never returns 0 or 1.
    u = words.astype(np.float64) * 2.3283064365386963e-10
    u[u == 0.0] = 0.5 * 2.328306437080797e-10
    return u


# Wichura (1988), algorithm AS 241, PPND16: coefficients of numerator and denominator, highest power first.
_CENTRE = (
    (2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
     13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608),
    (5226.495278852854561, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867,
     5394.1960214247511077, 687.1870074920579083, 42.313330701600911252, 1.0),
)  # fmt: skip
_TAIL = (
    (7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177, 1.27045825245236838258,
     3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734),
    (1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459,
     0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187, 1.0),
)  # fmt: skip
_FAR_TAIL = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784, 0.026532189526576123093,
     0.29656057182850489123, 1.7848265399172913358, 5.4637849111641143699, 6.6579046435011037772),
    (2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4,
     0.0148753612908506148525, 0.13692988092273580531, 0.59983220655588793769, 1.0),
)  # fmt: skip


def _polynomial(coefficients: Sequence[float], r: Doubles) -> Doubles:
    # Horner's rule, one rounding after each product and each sum, as R's C does.
    value = r * coefficients[0]
    for coefficient in coefficients[1:-1]:
        value += coefficient
        value *= r
    value += coefficients[-1]
    return value


def _normal_quantile(p: Doubles) -> Doubles:
    """R's ``qnorm(p)`` for 0 < p ≤ 1."""
    q = p - 0.5
    r = 0.180625 - q * q
    value = q * _polynomial(_CENTRE[0], r) / _polynomial(_CENTRE[1], r)
    outside = np.flatnonzero(np.abs(q) > 0.425)
    if outside.size:
        value[outside] = _tail_quantile(p[outside], q[outside])
    return value


def _tail_quantile(p: Doubles, q: Doubles) -> Doubles:
    lesser = np.where(q < 0, p, 0.5 - p + 0.5)
    # The logarithm is libm's, one by one: NumPy's own differs from R's in the last bit now and then.
    logarithm = [math.log(x) if x > 0 else -math.inf for x in lesser.tolist()]
    r = np.sqrt(-np.array(logarithm, np.float64))
    near, far = r - 1.6, r - 5.0
    with np.errstate(invalid="ignore"):
        value = np.where(
            r <= 5.0,
            _polynomial(_TAIL[0], near) / _polynomial(_TAIL[1], near),
            _polynomial(_FAR_TAIL[0], far) / _polynomial(_FAR_TAIL[1], far),
        )
    value[r == math.inf] = math.inf
    return np.where(q < 0, -value, value)


# q[k−1] = Σ_{i ≤ k} (ln 2)^i / i!, to the digits of R's sexp.c
_EXPONENTIAL_SUMS = np.array([
    0.6931471805599453, 0.9333736875190459, 0.9888777961838675, 0.9984959252914960,
    0.9998292811061389, 0.9999833164100727, 0.9999985691438767, 0.9999998906925558,
    0.9999999924734159, 0.9999999995283275, 0.9999999999728814, 0.9999999999985598,
    0.9999999999999289, 0.9999999999999968, 0.9999999999999999, 1.0000000000000000,
])  # fmt: skip


def _doubled(u: Doubles) -> tuple[Doubles, Doubles]:
    # Double u until it exceeds 1: return it less 1, and the doublings but one. Exact: u = mantissa · 2^e.
    mantissa, exponent = np.frexp(u)
    half = mantissa == 0.5  # a power of two reaches 1 and has to go once more
    return np.where(half, 1.0, 2.0 * mantissa - 1.0), np.where(half, 1 - exponent, -exponent).astype(float)


def _exponential_starts(state: RStream, n: int) -> tuple[Integers, Integers, Integers]:
    # Where in the words ahead each of at most n draws begins, and how many it uses: its first word alone decides that.
    words = state.look(3 * n + 64)
    excess, _ = _doubled(_uniforms(words))
    i = np.searchsorted(_EXPONENTIAL_SUMS, excess, side="left")
    lengths = np.where(i == 0, 1, i + 2)
    steps = lengths.tolist()
    starts: list[int] = []
    at = 0
    while len(starts) < n and at < len(steps) and at + steps[at] <= len(steps):
        starts.append(at)
        at += steps[at]
    first = np.array(starts, np.int64)
    return first, lengths[first], words


def _exponentials(u: Doubles, first: Integers, counts: Integers) -> Doubles:
    excess, doublings = _doubled(u[first])
    ln2 = float(_EXPONENTIAL_SUMS[0])
    # a = ln 2 + ln 2 + …, added one at a time as R does
    a = np.zeros(33)
    for k in range(1, a.size):
        a[k] = a[k - 1] + ln2
    base = a[doublings.astype(np.int64)]
    least = np.full(first.size, np.inf)
    for k in range(1, int(counts.max())):
        within = np.flatnonzero(k < counts)
        least[within] = np.minimum(least[within], u[first[within] + k])
    return np.where(counts == 1, base + excess, base + np.where(counts == 1, 0.0, least) * ln2)


def _bits(n: int) -> int:
    return math.ceil(math.log2(n))


def _tries(words: Integers, bits: int) -> Integers:
    # v = ⌊2¹⁶ u₁⌋, ⌊2¹⁶ u₂⌋, … side by side, the lowest `bits` bits of it
    each = bits // 16 + 1
    pieces = (words >> 16).reshape(-1, each)
    value = pieces[:, 0]
    for k in range(1, each):
        value = (value << 16) | pieces[:, k]
    return value & ((1 << bits) - 1)


def _indices(state: RStream, n: int, size: int) -> Integers:
    """`size` whole numbers from 0 to n − 1: random bits, drawn again while they are n or more."""
    bits = _bits(n)
    each = bits // 16 + 1
    drawn = np.empty(size, np.int64)
    done = 0
    while done < size:
        tries = _tries(state.look((2 * (size - done) + 16) * each), bits)
        good = np.flatnonzero(tries < n)[: size - done]
        if good.size:
            drawn[done : done + good.size] = tries[good]
        done += good.size
        state.skip((int(good[-1]) + 1 if done == size else tries.size) * each)
    return drawn


def _indices_with_uniform(state: RStream, n: int, size: int) -> tuple[Integers, Doubles]:
    """`size` pairs of a whole number from 0 to n − 1 and a uniform drawn after it."""
    each = _bits(n) // 16 + 1
    indices: list[int] = []
    uniform_words: list[int] = []
    while len(indices) < size:
        words = state.look((2 * (size - len(indices)) + 16) * (each + 1))
        # A try may begin at any word, for the uniforms between shift the pace.
        tries = _tries(np.lib.stride_tricks.sliding_window_view(words, each).reshape(-1), _bits(n)).tolist()
        raw = words.tolist()
        at = 0
        while len(indices) < size and at + each < len(raw):
            if tries[at] < n:
                indices.append(tries[at])
                uniform_words.append(raw[at + each])
                at += 1
            at += each
        state.skip(at)
    return np.array(indices, np.int64), _uniforms(np.array(uniform_words, np.int64))


def _shrinking_indices(state: RStream, n: int, size: int) -> Integers:
    """`size` whole numbers, the k-th of them from 0 to n − k; the number of bits falls with n."""
    drawn = np.empty(size, np.int64)
    done = 0
    # About what all the rounds look at, of one or two words a try: reading ahead once costs less than often.
    state.look(int(1.6 * size) * (_bits(n) // 16 + 1) + 256)
    while done < size:
        bits = _bits(n)
        each = bits // 16 + 1
        lowest = max(2 ** (bits - 1) if bits else 0, n - (size - done))  # after that many other bits, or none
        # A share n / 2^bits of the tries is taken: about 2^bits ln(n / lowest) of them until n is the lowest.
        count = int(1.05 * 2**bits * math.log(n / max(lowest, 1))) + 40
        tries = _tries(state.look(count * each), bits)
        taken = _below_shrinking(tries, n, bits)[: n - lowest]
        state.skip(int(taken[-1] + 1 if taken.size == n - lowest else tries.size) * each)
        drawn[done : done + taken.size] = tries[taken]
        done += taken.size
        n -= taken.size
    return drawn


# So many tries are sooner done one by one.
FEW = 500


def _below_shrinking(tries: Integers, n: int, bits: int) -> Integers:
    """Places of the tries, of so many bits, that are below n, n falling by one with each of them."""
    if tries.size <= FEW:
        places = []
        for place, value in enumerate(tries.tolist()):
            if value < n:
                places.append(place)
                n -= 1
        return np.array(places, np.int64)
    # A try is below with probability n / 2^bits, so that n is about n e^(-k / 2^bits) before the k-th.
    below = tries < n * np.exp(np.arange(tries.size) / -(2.0**bits))
    while True:
        # With the right number taken before each try the answer is right; each pass is right for one try more at least.
        again = tries < n - (np.cumsum(below) - below)
        if np.array_equal(again, below):
            return np.flatnonzero(below)
        below = again


def _sample_shrinking(state: RStream, n: int, size: int) -> Integers:
    """R's shuffle: draw t takes what lies at place j_t, and the last of those that remain moves there.

    All draws at once, for 10,000 in a third of the time of a loop: what a place holds follows from the draws that
    moved something there.
    """
    j, t = _shrinking_indices(state, n, size), np.arange(size)
    # The draws, sorted by place and within a place by time: `before` is the draw before at the same place, or −1.
    order = np.lexsort(((j & 0xFFFF).astype(np.uint16), j >> 16))
    place = j[order]
    again = place[1:] == place[:-1]
    before = np.full(size, -1)
    before[order[1:]] = np.where(again, order[:-1], -1)
    # Draw t moves what lies at n − 1 − t, where no later draw goes: the last one that did (−1: none) brought it.
    latest, final = np.full(n, -1), np.flatnonzero(np.append(~again, True))
    latest[place[final]] = order[final]
    source = latest[n - 1 - t]
    # From draw to draw back to the one that moved what lay at its place from the start: at place k, the number k + 1.
    origin = np.where(source < 0, t, source)
    while not np.array_equal(origin, further := origin[origin]):
        origin = further
    return np.where(before < 0, j + 1, (n - origin)[before])


def _sample_distinct(state: RStream, n: int, size: int) -> Integers:
    # For large n: draw, and draw again what was there before (R's hashing version).
    seen: dict[int, None] = {}
    bits = _bits(n)
    each = bits // 16 + 1
    while len(seen) < size:
        used = 0
        for value in _tries(state.look((2 * (size - len(seen)) + 16) * each), bits).tolist():
            used += 1
            if value < n:
                seen[value] = None
                if len(seen) == size:
                    break
        state.skip(used * each)
    return np.array(list(seen), np.int64) + 1


def _sample_weighted(state: RStream, p: Doubles, size: int, replace: bool) -> Integers:
    if not replace:
        return _sample_removing(state, p, size)
    many = np.count_nonzero(p.size * p > 0.1) > 200
    return (_sample_alias if many else _sample_inversion)(state, p, size)


def _sample_inversion(state: RStream, p: Doubles, size: int) -> Integers:
    weights, order = _decreasing(p)
    j = np.searchsorted(np.cumsum(weights)[:-1], _uniforms(state.take(size)), side="left")
    return order[j]


def _sample_removing(state: RStream, p: Doubles, size: int) -> Integers:
    weights, order = _decreasing(p)
    taken = np.empty(size, np.int64)
    mass = 1.0
    for i, u in enumerate(_uniforms(state.take(size)).tolist()):
        j = int(np.searchsorted(np.cumsum(weights[:-1]), mass * u, side="left"))
        taken[i] = order[j]
        mass -= float(weights[j])
        weights, order = np.delete(weights, j), np.delete(order, j)
    return taken


def _sample_alias(state: RStream, p: Doubles, size: int) -> Integers:
    """Walker's alias method (Ripley, 1987), which R uses for more than 200 likely outcomes."""
    n = p.size
    q = (p * n).tolist()
    below = [i for i in range(n) if q[i] < 1.0]
    places = below + [i for i in reversed(range(n)) if not q[i] < 1.0]
    alias = [0] * n
    large = len(below)
    if 0 < large < n:
        for k in range(n - 1):
            i, j = places[k], places[large]
            alias[i] = j
            q[j] += q[i] - 1.0
            if q[j] < 1.0:
                large += 1
            if large >= n:
                break
    # Each draw: an index k by rejection, then one uniform u; k itself if k + u < k + q[k], else its alias.
    index, u = _indices_with_uniform(state, n, size)
    return np.where(index + u < (np.array(q) + np.arange(n))[index], index, np.array(alias, np.int64)[index]) + 1


def _decreasing(p: Doubles) -> tuple[Doubles, Integers]:
    """R's ``revsort``: weights in decreasing order and their places from 1, ties as its heapsort leaves them."""
    a = p.tolist()
    ib = list(range(1, len(a) + 1))
    n = len(a)
    if n <= 1:
        return np.array(a), np.array(ib, np.int64)
    heap, last = n >> 1, n - 1
    while True:
        if heap > 0:
            heap -= 1
            weight, place = a[heap], ib[heap]
        else:
            weight, place = a[last], ib[last]
            a[last], ib[last] = a[0], ib[0]
            last -= 1
            if last == 0:
                a[0], ib[0] = weight, place
                return np.array(a), np.array(ib, np.int64)
        i, j = heap, 2 * heap + 1
        while j <= last:
            if j < last and a[j] > a[j + 1]:
                j += 1
            if not weight > a[j]:
                break
            a[i], ib[i] = a[j], ib[j]
            i, j = j, 2 * j + 1
        a[i], ib[i] = weight, place


# --- bad input -------------------------------------------------------------------------------------------------------


def _check_whole(value: Any, what: str, low: int, high: int) -> int:
    is_number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not (is_number and math.isfinite(value) and value == int(value) and low <= value <= high):
        stop_input(f"{what} must be a whole number from {low} to {high}, not {describe(value)}")
    return int(value)


def _check_stream(state: Any) -> None:
    if not isinstance(state, RStream):
        stop_input(f"state must be a stream of r_set_seed or r_from_state, not {describe(state)}")


def _check_numpy_stream(state: Any) -> None:
    if not isinstance(state, np.random.RandomState):
        stop_input(f"state must be a stream of numpy_set_seed or numpy_from_state, not {describe(state)}")


def _check_size(size: int | Sequence[int]) -> int | tuple[int, ...]:
    if np.ndim(size) == 0:
        return check_count(size, "size", at_least=0)
    return tuple(check_count(length, "size", at_least=0) for length in np.asarray(size).tolist())


def _check_weights(prob: ArrayLike, n: int, size: int, replace: bool) -> Doubles:
    weights = np.asarray(prob)
    if weights.shape != (n,) or weights.dtype.kind not in "iuf":
        stop_input(f"prob must be {n} numbers, one for each outcome, not {describe(prob)}")
    weights = weights.astype(float)
    if not (np.isfinite(weights) & (weights >= 0)).all():
        stop_input("prob must hold finite numbers of at least 0 only")
    positive = int(np.count_nonzero(weights))
    needed = 1 if replace else max(size, 1)
    if positive < needed:
        stop_input(f"prob must have at least {needed} values above 0, not {positive}")
    return weights / np.cumsum(weights)[-1]
