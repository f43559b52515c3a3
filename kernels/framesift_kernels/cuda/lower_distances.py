"""Distances to the nearest of a growing set of rows."""

from typing import Any

import numpy as np
from numba import cuda

from .. import F32, I64, Rows
from ._compile import SIMULATED, THREADS, blocks, fma, kernel, transfers

_DEPTH = 2 if SIMULATED else 32
_TILE = (THREADS, _DEPTH + 1)  # one more: threads read down the columns, no two from a bank


def lower_distances(x: Rows, row: Rows, sqdist: I64 | F32) -> None:
    """Take another row into account: `framesift_kernels.cpu.lower_distances`, bit for bit.

    Parameters
    ----------
    x : (n, d) uint8 or float32, C-contiguous
    row : (d,) of the same dtype
    sqdist : (n,) int64 for uint8, float32 for float32
        Lowered in place. Exact for uint8; for float32 each distance is one chain of fused multiply-adds.

    All here or on the GPU.

    Notes
    -----
    Written for GPUs, run in Numba's simulator, never on a GPU so far.
    """
    n, d = x.shape
    if n:
        with transfers() as arrays:
            lower = _lower_u8 if x.dtype == np.uint8 else _lower_f32
            lower[blocks(n), THREADS](arrays.read(x), arrays.read(row), n, d, arrays.change(sqdist))


@kernel
def _lower_u8(
    x: Rows,  # IN  (n, d)
    row: Rows,  # IN  (d,)
    n: int,
    d: int,
    sqdist: I64,  # INOUT  (n,)
) -> None:
    tile = cuda.shared.array(_TILE, np.uint8)
    t = cuda.threadIdx.x
    for start in range(cuda.blockIdx.x * THREADS, n, cuda.gridDim.x * THREADS):
        total = np.int64(0)
        for j0 in range(0, d, _DEPTH):
            cuda.syncthreads()
            for e in range(t, THREADS * _DEPTH, THREADS):
                r, j = e // _DEPTH, e % _DEPTH
                if start + r < n and j0 + j < d:
                    tile[r, j] = x[start + r, j0 + j]
            cuda.syncthreads()
            for j in range(min(_DEPTH, d - j0)):
                diff = np.int64(tile[t, j]) - np.int64(row[j0 + j])
                total += diff * diff
        if start + t < n:
            sqdist[start + t] = min(sqdist[start + t], total)


@kernel
def _lower_f32(
    x: Rows,  # IN  (n, d)
    row: Rows,  # IN  (d,)
    n: int,
    d: int,
    sqdist: Any,  # INOUT  (n,) float32
) -> None:
    tile = cuda.shared.array(_TILE, np.float32)
    t = cuda.threadIdx.x
    for start in range(cuda.blockIdx.x * THREADS, n, cuda.gridDim.x * THREADS):
        total = np.float32(0)
        for j0 in range(0, d, _DEPTH):
            cuda.syncthreads()
            for e in range(t, THREADS * _DEPTH, THREADS):
                r, j = e // _DEPTH, e % _DEPTH
                if start + r < n and j0 + j < d:
                    tile[r, j] = x[start + r, j0 + j]
            cuda.syncthreads()
            for j in range(min(_DEPTH, d - j0)):
                diff = tile[t, j] - row[j0 + j]
                total = fma(diff, diff, total)
        if start + t < n:
            sqdist[start + t] = min(sqdist[start + t], total)
