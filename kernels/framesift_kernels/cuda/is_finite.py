"""Whether numbers are numbers."""

import math

import numpy as np
from numba import cuda

from .. import I32, Rows
from ._compile import THREADS, blocks, kernel, transfers


def is_finite(x: Rows) -> bool:
    """Say whether no number is NaN or infinite.

    Parameters
    ----------
    x : (n, d) uint8, float16 or float32, C-contiguous
        Here or on the GPU.

    Notes
    -----
    Written for GPUs, run in Numba's simulator, never on a GPU so far.
    """
    n, d = x.shape
    found = np.zeros(1, np.int32)
    if x.dtype != np.uint8 and n and d:
        with transfers() as arrays:
            _find[blocks(n * d), THREADS](arrays.read(x), n, d, arrays.change(found))
    return not found[0]


@kernel
def _find(
    x: Rows,  # IN  (n, d)
    n: int,
    d: int,
    found: I32,  # INOUT  (1,) 1 if one is not
) -> None:
    for e in range(cuda.grid(1), n * d, cuda.gridsize(1)):
        if not math.isfinite(np.float32(x[e // d, e % d])):
            found[0] = 1  # whoever writes it, writes the same
