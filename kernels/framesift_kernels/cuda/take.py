"""Some of the rows."""

from typing import Any, cast

import numpy as np
from numba import cuda

from .. import I64, Rows
from ._compile import THREADS, blocks, empty, kernel, transfers


def take(x: Rows, rows: I64) -> Rows:
    """Gather rows.

    Parameters
    ----------
    x : (n, d) uint8, float16 or float32, C-contiguous
        Here or on the GPU.
    rows : (m,) integers, 0 <= rows < n
        In any order.

    Returns
    -------
    (m, d) on the GPU, of the type of *x*

    Notes
    -----
    Written for GPUs, run in Numba's simulator, never on a GPU so far.
    """
    m, d = len(rows), x.shape[1]
    found = empty((m, d), x.dtype)
    if m and d:
        with transfers() as arrays:
            _take[blocks(m * d), THREADS](
                arrays.read(x), arrays.read(np.asarray(rows, np.int64)), m, d, found
            )
    return cast(Rows, found)


@kernel
def _take(
    x: Rows,  # IN  (n, d)
    rows: I64,  # IN  (m,)
    m: int,
    d: int,
    found: Any,  # OUT  (m, d)
) -> None:
    for e in range(cuda.grid(1), m * d, cuda.gridsize(1)):
        found[e // d, e % d] = x[rows[e // d], e % d]
