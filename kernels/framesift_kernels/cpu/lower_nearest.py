"""Nearest of a growing set of centres, many of them at once."""

import numpy as np

from .. import F32, I32, I64, Rows


def lower_nearest(x: Rows, rows: I64, centers: F32, first: int, sqdist: F32, nearest: I32) -> None:
    """Take ``centers[first:]`` into account for some rows: ``sqdist[i] = min(sqdist[i], |x[i] - c|**2)``.

    Parameters
    ----------
    x : (n, d) uint8, float16 or float32, C-contiguous
    rows : (m,) int64
        Rows of *x* to bring up to date.
    centers : (k, d) float32, C-contiguous
    first : int
        Centres before it are known already. One of those taken into account again changes nothing.
    sqdist : (n,) float32
        Lowered in place; a negative one stays.
    nearest : (n,) int32
        Number of the centre at that distance, the lowest on a tie. Where nothing is nearer it stays.

    Notes
    -----
    Distances are chains of FMAs, as in `assign`. O(m (k - first) d).
    """
    from ._rows import bits, lower_packed, scratch
    from ._vector import WIDTH

    numbers = np.arange(first, len(centers), dtype=np.int32)
    packed = np.empty((-(-len(numbers) // WIDTH), centers.shape[1], WIDTH), np.float32)
    work = scratch(x.shape[1])
    pair_rows = np.empty(WIDTH, np.int64)
    lower_packed(bits(x), rows, centers, numbers, sqdist, nearest, packed, pair_rows, *work)
