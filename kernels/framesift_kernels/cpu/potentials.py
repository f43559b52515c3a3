"""What candidates for a further centre would leave."""

import numpy as np

from .. import F32, F64, Rows


def potentials(x: Rows, candidates: F32, sqdist: F32, left: F32) -> F64:
    """``min(sqdist[i], |x[i] - c|**2)`` of every row and candidate c, and their sums over the rows.

    Parameters
    ----------
    x : (n, d) uint8, float16 or float32, C-contiguous
    candidates : (t, d) float32
    sqdist : (n,) float32
        Squared distance of each row to the nearest centre there is.
    left : (n, t) float32, written
        What it would be with the candidate.

    Returns
    -------
    (t,) float64
        Added in the order of the rows.
    """
    from ._lloyd import potentials
    from ._rows import bits, scratch
    from ._vector import WIDTH

    vectors = -(-len(candidates) // WIDTH)
    packed = np.empty((vectors, x.shape[1], WIDTH), np.float32)
    totals = np.zeros(vectors * WIDTH)
    block, values, _, _ = scratch(x.shape[1])
    potentials(bits(x), candidates, sqdist, np.arange(len(x)), packed, block, values, left, totals)
    return totals[: len(candidates)]
