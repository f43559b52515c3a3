"""How the total changes when a candidate takes the place of a pick."""

import numpy as np

from .. import F32, F64, I32, I64


def swap_changes(
    costs: F32,
    rows: I64,
    near: F32,
    second: F32,
    slot: I32,
    weights: F32,
    removal: F64,
    only: I32,
) -> tuple[F64, I32]:
    """Find, for each of some candidates, the pick that it had best replace (Schubert and Rousseeuw 2021, FasterPAM).

    Parameters
    ----------
    costs : (m, n) float32, C-contiguous, n a multiple of 16
    rows : (b,) int64
        Rows of *costs*.
    near, second : (n,) float32
        What each client costs, and what it would without its pick; see `nearest_two`.
    slot : (n,) int32
        Pick that each client stands by; k: none that can be replaced.
    weights : (n,) float32
    removal : (k,) float64
        What the total would rise by without each pick: the sum of ``weights * (second - near)`` of its clients.
    only : (b,) int32
        The pick that each candidate may replace; -1: any, -2: none.

    Returns
    -------
    change : (b,) float64
        Of the total, at best; 0 where none may be replaced.
    swapped : (b,) int32
        The pick to replace, the lowest on a tie; -1 where none may be.

    Notes
    -----
    In float64, terms added in the order of the clients. O(n + k) a candidate; only clients nearer to it than to
    their second pick take more than a sixteenth of an instruction.
    """
    from ._coverage import best_swaps
    from ._lanes import PART

    change, swapped = np.empty(len(rows)), np.empty(len(rows), np.int32)
    moved, marks = np.empty(len(removal) + 1), np.empty(PART // 64, np.uint64)
    best_swaps(costs, rows, near, second, slot, weights, removal, only, change, swapped, moved, marks)
    return change, swapped
