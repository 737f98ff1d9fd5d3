"""Products of matrices as NumPy's BLAS computes them soonest: where small ones are cheaper, a piece at a time.

Before it multiplies, BLAS copies both factors into blocks, which for the few units of these networks costs as much as
a third of the product.  On processors with AVX-512, OpenBLAS does without where a product takes 10⁶ multiplications at
most, and, if both factors are contiguous along the inner dimension, has 1,200 elements at most (measured with version
0.3.31: an element beyond either limit makes all of them a half dearer).  So a larger product is taken in pieces that
stay within, unless BLAS may share it among threads.  The pieces are a matter of speed alone; as with any BLAS, the last
bits depend on the processor.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SMALL_PRODUCT, SMALL_RESULT = 10**6, 1200


# Where OpenBLAS looks for its number of threads, the first that is set; otherwise it takes all cores.
THREADS = ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS")


@cache
def has_small_products() -> bool:
    """Tell whether NumPy's BLAS is an OpenBLAS on one thread that takes small products as they are."""
    about: Any = np.show_config(mode="dicts")
    features = [name for kind in ("baseline", "found") for name in about.get("SIMD Extensions", {}).get(kind, [])]
    wide = any(name.startswith(("AVX512", "X86_V4")) for name in features)
    blas = about.get("Build Dependencies", {}).get("blas", {}).get("name", "")
    threads = next((os.environ[name] for name in THREADS if os.environ.get(name)), str(os.cpu_count()))
    return "openblas" in blas and wide and threads == "1"


def product_pieces(A: Array, B: Array) -> list[slice]:
    """The columns of B to multiply by at a time: all of them, or equal parts, the last of which may be narrower.

    Parameters
    ----------
    A, B : n × K and K × m.
    """
    (n, K), m = A.shape, B.shape[1]
    most = SMALL_PRODUCT // max(n * K, 1)
    if A.flags.c_contiguous and B.flags.f_contiguous:
        most = min(most, SMALL_RESULT // max(n, 1))
        sooner = most >= 8 and 2 * n * K * most >= SMALL_PRODUCT  # but not in thin pieces, nor in cheap ones
    else:
        sooner = m <= 4 * most
    if not (sooner and most < m and has_small_products()):
        return [slice(0, m)]
    width = -(-m // -(-m // most))
    return [slice(first, min(first + width, m)) for first in range(0, m, width)]


def fast_matmul(A: Array, B: Array) -> Array:
    """A B by BLAS: n × K times K × m gives n × m."""
    pieces = product_pieces(A, B)
    if len(pieces) == 1:
        return A @ B
    product = np.empty((A.shape[0], B.shape[1]))
    for columns in pieces:
        np.matmul(A, B[:, columns], product[:, columns])
    return product
