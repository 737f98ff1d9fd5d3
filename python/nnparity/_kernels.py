"""R's OpenBLAS takes the kernels that NumPy's has chosen: on a processor newer than it, it takes its slowest.

Debian's OpenBLAS 0.3.21 falls back to SSE2 (Prescott) there, at half of the speed or less (docs/speed.md).  A variable
of the environment, set before R loads its BLAS, names better ones; where it is set already, it stays, and where
`threadpoolctl` is not installed nothing is done.
"""

import os

VARIABLE = "OPENBLAS_CORETYPE"


def same_kernels() -> None:
    """Name NumPy's kernels to the OpenBLAS that a later R of this process or of a child loads."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return
    for library in threadpool_info():
        if library.get("internal_api") == "openblas" and library.get("architecture"):
            os.environ.setdefault(VARIABLE, library["architecture"])
