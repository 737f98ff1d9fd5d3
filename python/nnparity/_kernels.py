"""R's OpenBLAS takes the kernels that NumPy's has chosen: on a processor newer than it, it takes its slowest.

Debian's OpenBLAS 0.3.21 falls back to SSE2 (Prescott) there, at half of the speed or less (docs/speed.md).  A variable
of the environment, set before R loads its BLAS, names better ones; where it is set already, it stays, and where
`threadpoolctl` is not installed nothing is done.
"""

import os

VARIABLE = "OPENBLAS_CORETYPE"


def same_kernels() -> dict[str, str]:
    """What to add to the environment in which R is started; nothing stays in that of this process and its children."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return {}
    chosen = [one.get("architecture") for one in threadpool_info() if one.get("internal_api") == "openblas"]
    return {VARIABLE: chosen[0]} if chosen and chosen[0] and VARIABLE not in os.environ else {}
