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
    SIMD lanes are centres. O(n k d); scratch: a copy of the centres and 8 bytes a row.
    """
    from ._rows import bits, lower, pack

    labels = np.full(len(x), min(len(centers), 1) - 1, np.int32)
    sqdist = np.full(len(x), np.inf, np.float32)
    numbers = np.arange(len(centers), dtype=np.int32)
    lower(bits(x), np.arange(len(x)), pack(centers), numbers, sqdist, labels)
    return labels, sqdist
