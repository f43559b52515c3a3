"""What candidates for a further centre would leave."""

import numpy as np

from .. import F32, F64, Rows


def potentials(x: Rows, candidates: F32, sqdist: F32) -> F64:
    """Sum over the rows of ``min(sqdist[i], |x[i] - c|**2)``, for every candidate c.

    Parameters
    ----------
    x : (n, d) uint8, float16 or float32, C-contiguous
    candidates : (t, d) float32
    sqdist : (n,) float32
        Squared distance of each row to the nearest centre there is.

    Returns
    -------
    (t,) float64
        Added in the order of the rows.
    """
    from ._lloyd import potentials
    from ._rows import bits, pack

    packed = pack(candidates)
    totals = np.zeros(packed.shape[0] * packed.shape[2])
    potentials(bits(x), packed, sqdist, totals)
    return totals[: len(candidates)]
