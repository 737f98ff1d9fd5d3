"""Products of matrices as NumPy's BLAS computes them soonest: where small ones are cheaper, a piece at a time.

Before it multiplies, BLAS copies both factors into blocks, which for the few units of these networks costs up to a
third of the product.  On processors with AVX-512, OpenBLAS does without where a product takes 10⁶ multiplications at
most, and, if both factors are contiguous along the inner dimension, has 1,200 elements at most (measured with version
0.3.31: one column beyond either limit, and each column takes 15 to 70 % longer).  So a larger product is taken in
pieces that stay within, unless BLAS may share it among threads.  The pieces are a matter of speed alone; as ever with
BLAS, the last bits depend on the processor and on the number of threads that is asked for.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SMALL_PRODUCT, SMALL_RESULT = 10**6, 1200


# The kernels that do so; an environment may name others.
KERNELS = ("skylakex", "cooperlake", "sapphirerapids")

# Where OpenBLAS looks for its number of threads when it is loaded; without any, it takes all cores it may use.
THREADS = ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS")


def threads_are_given() -> bool:
    """Tell whether the environment says how many threads OpenBLAS is to take."""
    return any(name in os.environ for name in THREADS)


def thread_count() -> int:
    """The threads that OpenBLAS takes, if the environment still is as it was when NumPy was imported."""
    for name in THREADS:
        count = os.environ.get(name, "")
        if count.isdigit() and int(count) > 0:
            return int(count)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def has_small_products() -> bool:
    """Tell whether NumPy's BLAS is an OpenBLAS on one thread that takes small products as they are."""
    about: Any = np.show_config(mode="dicts")
    features = [name for kind in ("baseline", "found") for name in about.get("SIMD Extensions", {}).get(kind, [])]
    wide = any(name.startswith(("AVX512", "X86_V4")) for name in features)
    blas = about.get("Build Dependencies", {}).get("blas", {}).get("name", "")
    kernel = os.environ.get("OPENBLAS_CORETYPE", KERNELS[0]).lower()
    return "openblas" in blas and wide and kernel in KERNELS and thread_count() == 1


def product_pieces(A: Array, B: Array) -> list[slice]:
    """The columns of B to multiply by at a time: equal parts, the last of which may be narrower; none: all at once.

    Parameters
    ----------
    A, B : n × K and K × m.
    """
    if A.ndim != 2 or B.ndim != 2:
        return []
    (n, K), m = A.shape, B.shape[1]
    most = SMALL_PRODUCT // max(n * K, 1)
    # Thin pieces cost more than the copies, and so do cheap or many ones.
    if A.flags.c_contiguous and B.flags.f_contiguous:
        most = min(most, SMALL_RESULT // max(n, 1))
        sooner = most >= 12 and 2 * n * K * most >= SMALL_PRODUCT
    else:
        sooner = most >= 8 and m <= 4 * most
    if not (sooner and most < m and has_small_products()):
        return []
    width = -(-m // -(-m // most))
    return [slice(first, min(first + width, m)) for first in range(0, m, width)]


def fast_matmul(A: Array, B: Array) -> Array:
    """A B by BLAS: n × K times K × m gives n × m."""
    pieces = product_pieces(A, B)
    if not pieces:
        return A @ B
    product = np.empty((A.shape[0], B.shape[1]), np.result_type(A, B))
    for columns in pieces:
        np.matmul(A, B[:, columns], product[:, columns])
    return product
