"""A step of Lloyd's iteration."""

import numpy as np

from .. import F32, F64, I32, I64, Rows


def assign_sums(x: Rows, centers: F32, labels: I32, sqdist: F32) -> tuple[F64 | I64, I64]:
    """`assign`, and `cluster_sums` of the labels found, while the rows lie in the cache.

    Parameters
    ----------
    x : (n, d) uint8, float16 or float32, C-contiguous
    centers : (k, d) float32
        At least one.
    labels : (n,) int32
        OUT: index of the nearest centre, the lowest on a tie.
    sqdist : (n,) float32
        OUT: squared distance to it.

    Returns
    -------
    sums : (k, d) int64 or float64
        int64, exact, for uint8; else float64, added in the order of the rows.
    counts : (k,) int64
        Rows of every centre.
    """
    from ._lloyd import aligned, assign_and_sum, no_sums, workspace
    from ._rows import bits

    sums: F64 | I64 = no_sums(x, centers)
    counts = np.zeros(len(centers), np.int64)
    work = workspace(len(centers), *x.shape)
    assign_and_sum(bits(x), aligned(centers), labels, sqdist, sums, counts, *work)
    return sums, counts
