"""Leaders of groups within a radius."""

import numpy as np

from .. import F32, I32, I64, Rows


def lead(x: Rows, first: int, beyond: float, sqdist: F32, labels: I32, leaders: I64) -> int:
    """Take rows in order: one that is far from all leaders leads, any other follows the nearest.

    Parameters
    ----------
    x : (n, d) uint8, float16 or float32, C-contiguous
    first : int
        Leaders there are already; the first found here has this number.
    beyond : float
        A row leads if its squared distance to the nearest leader is at least this.
    sqdist : (n,) float32
        INOUT: squared distance to the nearest of the leaders there are already, then of all before the row; 0 for a
        leader.
    labels : (n,) int32
        INOUT: number of that leader, the lowest on a tie.
    leaders : (n,) int64
        OUT: rows of *x* that lead.

    Returns
    -------
    int
        How many lead.

    Notes
    -----
    Distances are chains of FMAs, as in `assign`. O(n l d) for l leaders found; scratch: a float32 copy of the rows.
    """
    from ._lead import lead_in_order, scratch
    from ._rows import bits

    count = np.zeros(1, np.int64)
    lead_in_order(bits(x), first, float(beyond), sqdist, labels, leaders, count, *scratch(*x.shape))
    return int(count[0])
