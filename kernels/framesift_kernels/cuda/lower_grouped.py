"""Nearest of a growing set of centres, for rows that lie near the centre they have."""

from typing import Any

import numpy as np
from numba import cuda

from .. import F32, I32, I64, Rows
from ._compile import THREADS, blocks, fma, kernel, transfers
from ._listed import Listed

_TINY = 1e-30  # below this, squares underflow and the relative error has no bound


def lower_grouped(x: Rows, rows: I64, centers: F32, applied: I32, sqdist: F32, nearest: I32) -> int:
    """`lower_nearest`, leaving out centres that the triangle inequality shows to be too far.

    As `framesift_kernels.cpu.lower_grouped`: *sqdist* bit for bit, *nearest* is a centre at that distance.

    Parameters
    ----------
    x : (n, d) uint8, float16 or float32, C-contiguous
        Here or on the GPU.
    rows : (m,) int64
        Rows of *x* to bring up to date, ordered by *nearest*: those of one centre share what is found out about it.
    centers : (k, d) float32, C-contiguous
    applied : (n,) int32
        Centres that *sqdist* of a row accounts for; ``centers[applied[i]:]`` are taken into account.
    sqdist : (n,) float32
        In place.
    nearest : (n,) int32
        In place. Not negative.

    NumPy arrays but *x*.

    Returns
    -------
    int
        Distances that were computed between rows and centres, of the sum of ``k - applied[i]``.

    Notes
    -----
    Written for GPUs, run in Numba's simulator, never on a GPU so far. Elkan 2003, lemma 1, with room for rounding. A
    block has the rows of one centre: some centres at a time are compared with it, and the rows with what is left.
    """
    if not len(rows):
        return 0
    k, d = centers.shape
    starts = np.flatnonzero(np.diff(nearest[rows], prepend=-1))
    oldest = np.minimum.reduceat(applied[rows], starts)
    limits = 4 * np.maximum.reduceat(sqdist[rows], starts).astype(np.float64)
    limits = limits * (1 + 4 * (d + 4) * 2.0**-24) + _TINY
    computed = np.zeros(len(starts), np.int64)
    with transfers() as arrays:
        state = Listed(arrays, rows, sqdist, nearest)
        _lower_groups[blocks(len(starts), 1), THREADS](
            arrays.read(x),
            state.rows,
            arrays.read(np.append(starts, len(rows))),
            arrays.read(oldest),
            arrays.read(limits),
            len(starts),
            arrays.read(centers),
            k,
            d,
            state.sqdist,
            state.nearest,
            arrays.write(computed),
        )
    state.finish()
    return int(computed.sum())


@kernel
def _lower_groups(
    x: Rows,  # IN  (n, d)
    rows: I64,  # IN  (m,)
    starts: I64,  # IN  (groups + 1,)
    oldest: I32,  # IN  (groups,) the first centre that a row of the group has missed
    limits: Any,  # IN  (groups,) float64, squared distance of centres from which on one cannot be nearer
    groups: int,
    centers: F32,  # IN  (k, d)
    k: int,
    d: int,
    sqdist: F32,  # INOUT  (m,)
    nearest: I32,  # INOUT  (m,)
    computed: I64,  # OUT  (groups,)
) -> None:
    far = cuda.shared.array(THREADS, np.int32)
    t = cuda.threadIdx.x
    for group in range(cuda.blockIdx.x, groups, cuda.gridDim.x):
        first, stop = starts[group], starts[group + 1]
        near, pairs = nearest[first], np.int64(0)
        cuda.syncthreads()  # all have read it
        for c0 in range(oldest[group], k, THREADS):
            if c0 + t < k:
                between = np.float32(0)
                for j in range(d):
                    diff = centers[near, j] - centers[c0 + t, j]
                    between = fma(diff, diff, between)
                far[t] = np.float64(between) >= limits[group] and between < np.float32(np.inf)
            cuda.syncthreads()
            for c in range(c0, min(c0 + THREADS, k)):
                if not far[c - c0]:
                    pairs += stop - first
                    for p in range(first + t, stop, THREADS):
                        value = np.float32(0)
                        for j in range(d):
                            diff = np.float32(x[rows[p], j]) - centers[c, j]
                            value = fma(diff, diff, value)
                        if value < sqdist[p]:
                            sqdist[p], nearest[p] = value, np.int32(c)
            cuda.syncthreads()
        if t == 0:
            computed[group] = pairs
