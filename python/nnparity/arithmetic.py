"""Two ways to compute the same network: `fast` leaves products and sums to BLAS, `exact` fixes the order of them all.

Why exact arithmetic is the same in every bit in R and in Python: IEEE 754 defines +, -, *, / and sqrt of two doubles
to the last bit, so elementwise expressions agree already.  What languages and libraries choose for themselves is the
order of a sum, and exp, log, tanh.  Here every sum is the same balanced tree of elementwise additions (`fold`), in
plain double, and elementary functions come one element at a time from the platform's libm, which R calls too.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnparity.checks import check_word
from nnparity.products import fast_matmul

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Arithmetic:
    """The operations whose result depends on who computes them; all else is elementwise +, -, *, / and sqrt.

    Attributes
    ----------
    name : str
        "fast" or "exact".
    matmul, crossprod, tcrossprod : callable
        A B, Aᵀ B and A Bᵀ of two matrices.
    row_sums, col_sums : callable
        Sums along each row of an n × m matrix (n values, over samples) and down each column (m values, over units).
    total : callable
        The sum of all elements, one number; matrices are read by column.
    exp, expm1, log, log1p, tanh : callable
        Elementwise.  Infinite and undefined results are Inf and NaN, without error or warning.
    """

    name: str
    matmul: Callable[[Array, Array], Array]
    crossprod: Callable[[Array, Array], Array]
    tcrossprod: Callable[[Array, Array], Array]
    row_sums: Callable[[Array], Array]
    col_sums: Callable[[Array], Array]
    total: Callable[[Array], float]
    exp: Callable[[Array], Array]
    expm1: Callable[[Array], Array]
    log: Callable[[Array], Array]
    log1p: Callable[[Array], Array]
    tanh: Callable[[Array], Array]


def fold(terms: Array) -> Array:
    """Sum along the first axis in one fixed order.

    While k terms remain, the last ⌊k/2⌋ are added onto the first ⌊k/2⌋: a tree of depth ⌈log₂ k⌉, so that the rounding
    error grows with log₂ k and not with k (Higham, Accuracy and Stability of Numerical Algorithms, section 4.2).

    Parameters
    ----------
    terms : array, k × …; it is used as working space.

    Returns
    -------
    array without the first axis
    """
    count = terms.shape[0]
    while count > 1:
        half = count // 2
        kept = count - half
        terms[:half] += terms[kept:count]
        count = kept
    return terms[0].copy()


# Products are expanded this many values at a time, to stay in the processor's cache; the result does not depend on it.
BLOCK_VALUES = 65536


def exact_matmul(A: Array, B: Array) -> Array:
    """A B, the products a_ik b_kj rounded one by one and summed over k by `fold`: n × K times K × m gives n × m."""
    (n, K), m = A.shape, B.shape[1]
    product = np.empty((n, m))
    step = max(1, BLOCK_VALUES // (n * K))
    left = np.ascontiguousarray(A.T)[:, np.newaxis, :]
    for first in range(0, m, step):
        # terms: K × columns × n
        terms = left * B[:, first : first + step, np.newaxis]
        product[:, first : first + step] = fold(terms).T
    return product


def exact_crossprod(A: Array, B: Array) -> Array:
    """Aᵀ B, summed as `exact_matmul` does."""
    return exact_matmul(A.T, B)


def exact_tcrossprod(A: Array, B: Array) -> Array:
    """A Bᵀ, summed as `exact_matmul` does."""
    return exact_matmul(A, B.T)


def exact_row_sums(A: Array) -> Array:
    """Σ_j a_ij by `fold`: one value for each row."""
    return fold(A.T.copy())


def exact_col_sums(A: Array) -> Array:
    """Σ_i a_ij by `fold`: one value for each column."""
    return fold(A.copy())


def exact_total(x: Array) -> float:
    """The sum of all elements by `fold`, a matrix read by column."""
    return float(fold(x.flatten(order="F")))


def libm(
    function: Callable[[float], float], overflow: float, outside: Callable[[float], float]
) -> Callable[[Array], Array]:
    """An elementwise function out of one of libm's, with IEEE results where Python's math module raises.

    Parameters
    ----------
    function : a function of `math`.
    overflow : the value where it raises OverflowError.
    outside : the value, for an argument, where it raises ValueError.
    """

    def one(value: float) -> float:
        try:
            return function(value)
        except OverflowError:
            return overflow
        except ValueError:
            return outside(value)

    def elementwise(x: Array) -> Array:
        x = np.asarray(x, dtype=float)
        return np.fromiter(map(one, x.ravel().tolist()), dtype=float, count=x.size).reshape(x.shape)

    return elementwise


def raise_to(base: float, exponent: float) -> float:
    """base to the exponent, two numbers, as R's `^`: libm's pow, but a square is one product."""
    return base * base if exponent == 2 else math.pow(base, exponent)


def select(condition: Any, yes: Any, no: Any) -> Array:
    """`yes` where the condition holds, `no` elsewhere (also where the condition compares with NaN), elementwise."""
    return np.where(condition, yes, no)


ARITHMETICS: dict[str, Arithmetic] = {
    "fast": Arithmetic(
        name="fast",
        matmul=fast_matmul,
        crossprod=lambda A, B: fast_matmul(A.T, B),
        tcrossprod=lambda A, B: fast_matmul(A, B.T),
        row_sums=lambda A: A @ np.ones(A.shape[1]),
        col_sums=lambda A: A.sum(axis=0),
        total=lambda x: float(x.sum()),
        exp=np.exp,
        expm1=np.expm1,
        log=np.log,
        log1p=np.log1p,
        tanh=np.tanh,
    ),
    "exact": Arithmetic(
        name="exact",
        matmul=exact_matmul,
        crossprod=exact_crossprod,
        tcrossprod=exact_tcrossprod,
        row_sums=exact_row_sums,
        col_sums=exact_col_sums,
        total=exact_total,
        exp=libm(math.exp, math.inf, lambda x: math.nan),
        expm1=libm(math.expm1, math.inf, lambda x: math.nan),
        log=libm(math.log, math.inf, lambda x: -math.inf if x == 0 else math.nan),
        log1p=libm(math.log1p, math.inf, lambda x: -math.inf if x == -1 else math.nan),
        tanh=libm(math.tanh, math.inf, lambda x: math.nan),
    ),
}


def get_arithmetic(name: str | Arithmetic = "fast") -> Arithmetic:
    """The arithmetic of that name; an arithmetic object is returned as it is.

    Parameters
    ----------
    name : "fast" (BLAS, vectorised functions) or "exact" (one fixed order, libm; the same bits in R and Python).

    Raises
    ------
    InputError
        The name is neither.
    """
    if isinstance(name, Arithmetic):
        return name
    return ARITHMETICS[check_word(name, ARITHMETICS, "arithmetic")]
