"""One thread, set before NumPy and R load their BLAS: products here are small, and threads cost more than they save.

Where the variables are set already, they stay.
"""

import os

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

for _variable in VARIABLES:
    os.environ.setdefault(_variable, "1")
