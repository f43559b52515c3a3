"""Nearest centre of every row."""

import numpy as np

from .. import F32, I32, Rows


def assign(x: Rows, centers: F32) -> tuple[I32, F32]:
    """Find the nearest centre of every row.

    Parameters
    ----------
    x : (n, d) uint8, float16 or float32, C-contiguous
    centers : (k, d) float32

    Returns
    -------
    labels : (n,) int32
        Index of the nearest centre; the lowest index on a tie; -1 if there are no centres.
    sqdist : (n,) float32
        Squared distance to it; infinity if there are no centres.

    Notes
    -----
    A distance is one chain of fused multiply-adds in float32, ``s = fma(x[j] - c[j], x[j] - c[j], s)`` for
    ``j = 0, 1, ..., d - 1``: it does not depend on the tiles, on threads, or on the width of vectors.
    SIMD lanes are centres. O(n k d); scratch: two copies of the centres.
    """
    from ._lloyd import aligned, assign_and_sum, workspace
    from ._rows import bits

    labels, sqdist = np.empty(len(x), np.int32), np.empty(len(x), np.float32)
    sums, counts = np.empty((0, x.shape[1])), np.empty(0, np.int64)
    work = workspace(len(centers), *x.shape)
    assign_and_sum(bits(x), aligned(centers), labels, sqdist, sums, counts, *work)
    return labels, sqdist
