"""What each of some candidates would save."""

import numpy as np
from numba import cuda

from .. import F32, F64, I64
from ._compile import SIMULATED, THREADS, add, blocks, kernel, multiply, transfers

_LANES = 16  # of the CPU's sums: their order is part of the result
_SHARING = 2 if SIMULATED else _LANES
"""Threads that share a candidate: each has every so many lanes."""
_CANDIDATES = THREADS // _SHARING
_SUMS = (_CANDIDATES, _LANES)


def cost_gains(costs: F32, rows: I64, near: F32, weights: F32) -> F64:
    """Sum ``weights[i] * max(0, near[i] - costs[row, i])`` for each of *rows*: `framesift_kernels.cpu.cost_gains`.

    Parameters
    ----------
    costs : (m, n) float32, C-contiguous, n a multiple of 16
    rows : (b,) int64
        Rows of *costs*.
    near : (n,) float32
        Cost of each client as it is.
    weights : (n,) float32

    All here or on the GPU.

    Returns
    -------
    (b,) float64
        NumPy array, bit for bit the CPU's: sixteen sums side by side, and the second half of them added to the first
        until one is left.

    Notes
    -----
    Written for GPUs, run in Numba's simulator, never on a GPU so far. Sixteen threads have a candidate, and read 64
    bytes of its costs side by side.
    """
    b = len(rows)
    gains = np.zeros(b)
    if b:
        with transfers() as arrays:
            _gains[blocks(b, _CANDIDATES), THREADS](
                arrays.read(costs),
                arrays.read(rows),
                b,
                costs.shape[1],
                arrays.read(near),
                arrays.read(weights),
                arrays.write(gains),
            )
    return gains


@kernel
def _gains(
    costs: F32,  # IN  (m, n)
    rows: I64,  # IN  (b,)
    b: int,
    n: int,
    near: F32,  # IN  (n,)
    weights: F32,  # IN  (n,)
    gains: F64,  # OUT  (b,)
) -> None:
    sums = cuda.shared.array(_SUMS, np.float64)
    which, t = cuda.threadIdx.x // _SHARING, cuda.threadIdx.x % _SHARING
    for start in range(cuda.blockIdx.x * _CANDIDATES, b, cuda.gridDim.x * _CANDIDATES):
        at = start + which
        cuda.syncthreads()
        if at < b:
            row = rows[at]
            for lane in range(t, _LANES, _SHARING):
                total = np.float64(0)
                for i in range(lane, n, _LANES):
                    diff = np.float64(near[i]) - np.float64(costs[row, i])
                    if diff > 0:
                        total = add(total, multiply(diff, np.float64(weights[i])))
                sums[which, lane] = total
        cuda.syncthreads()
        if at < b and t == 0:
            half = _LANES // 2
            while half:
                for lane in range(half):
                    sums[which, lane] = add(sums[which, lane], sums[which, lane + half])
                half //= 2
            gains[at] = sums[which, 0]
