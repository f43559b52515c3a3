"""What each of some candidates would save."""

import numpy as np

from .. import F32, F64, I64


def cost_gains(costs: F32, rows: I64, near: F32, weights: F32) -> F64:
    """Sum over the clients of ``weights[i] * max(0, near[i] - costs[row, i])``, for each of *rows*.

    Parameters
    ----------
    costs : (m, n) float32, C-contiguous, n a multiple of 16
    rows : (b,) int64
        Rows of *costs*.
    near : (n,) float32
        Cost of each client as it is.
    weights : (n,) float32

    Returns
    -------
    (b,) float64
        In float64: a lane adds up every sixteenth term, then the second half of the lanes is added to the first
        until one is left. So it never grows when *near* falls, to the last bit.
    """
    from ._coverage import gains_of

    gains = np.empty(len(rows))
    gains_of(costs, rows, near, weights, gains)
    return gains
