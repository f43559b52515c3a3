"""Greedy picks among a few rows."""

import numpy as np

from .. import F32, I32, I64, Rows


def pick_farthest(
    x: Rows,
    rows: I64,
    sqdist: F32,
    nearest: I32,
    applied: I32,
    threshold: float,
    centers: F32,
    first: int,
    picks: I64,
    reached: F32,
) -> int:
    """Pick, again and again, that of *rows* farthest from all centres, while it is at least *threshold* away.

    Parameters
    ----------
    x : (n, d) uint8, float16 or float32, C-contiguous
    rows : (m,) int64
        Rows of *x* that may be picked; increasing, because the first is picked on a tie.
    sqdist : (n,) float32
        Squared distance of each row to its nearest centre. In place; a row picked gets -1.
    nearest : (n,) int32
        Number of that centre, in place.
    applied : (n,) int32
        OUT: centres that ``sqdist`` of one of *rows* accounts for. A row nearer than *threshold* cannot be picked
        here any more, so the centres that come after may not be applied to it.
    threshold : float
        Squared distance.
    centers : (k, d) float32
        The first *first* are there; each pick is added.
    first : int
    picks : (p,) int64
        OUT: rows of *x* picked, in order; p is the most that are picked.
    reached : (p,) float32
        OUT: squared distance of each pick to the centres before it.

    Returns
    -------
    int
        How many were picked.

    Notes
    -----
    SIMD lanes are rows, distances are chains of FMAs as in `assign`. O(m d) a pick at most, less as rows fall
    below the threshold. Scratch: a float32 copy of the rows.
    """
    from ._farthest import pick, scratch
    from ._rows import bits

    found = np.zeros(1, np.int64)
    work = scratch(len(rows), x.shape[1])
    at_least = float(threshold)
    pick(
        bits(x), rows, sqdist, nearest, applied, at_least, centers, first, picks, reached, found, *work
    )  # fmt: skip
    return int(found[0])
