"""What candidates for a further centre would leave."""

import numpy as np
from numba import cuda

from .. import F32, F64, Rows
from ._compile import THREADS, blocks, fma, kernel, transfers


def potentials(x: Rows, candidates: F32, sqdist: F32, left: F32) -> F64:
    """``min(sqdist[i], |x[i] - c|**2)`` and sums over the rows: `framesift_kernels.cpu.potentials`, bit for bit.

    Parameters
    ----------
    x : (n, d) uint8, float16 or float32, C-contiguous
    candidates : (t, d) float32
    sqdist : (n,) float32
        Squared distance of each row to the nearest centre there is.
    left : (n, t) float32, written
        What it would be with the candidate.

    All here or on the GPU.

    Returns
    -------
    (t,) float64
        NumPy array; added in the order of the rows.

    Notes
    -----
    Written for GPUs, run in Numba's simulator, never on a GPU so far. One thread adds up a candidate's n numbers, for
    their order: meant for some thousand rows.
    """
    n, d = x.shape
    t = len(candidates)
    totals = np.zeros(t, np.float64)
    if n and t:
        with transfers() as arrays:
            found = arrays.write(left)
            _left[blocks(n * t), THREADS](
                arrays.read(x), arrays.read(candidates), arrays.read(sqdist), n, d, t, found
            )
            _add_up[blocks(t), THREADS](found, n, t, arrays.write(totals))
    return totals


@kernel
def _left(
    x: Rows,  # IN  (n, d)
    candidates: F32,  # IN  (t, d)
    sqdist: F32,  # IN  (n,)
    n: int,
    d: int,
    t: int,
    left: F32,  # OUT  (n, t)
) -> None:
    """Neighbouring threads have neighbouring candidates of a row."""
    for e in range(cuda.grid(1), n * t, cuda.gridsize(1)):
        i, c = e // t, e % t
        total = np.float32(0)
        for j in range(d):
            diff = np.float32(x[i, j]) - candidates[c, j]
            total = fma(diff, diff, total)
        left[i, c] = min(sqdist[i], total)


@kernel
def _add_up(
    left: F32,  # IN  (n, t)
    n: int,
    t: int,
    totals: F64,  # OUT  (t,)
) -> None:
    for c in range(cuda.grid(1), t, cuda.gridsize(1)):
        total = np.float64(0)
        for i in range(n):
            total += np.float64(left[i, c])
        totals[c] = total
