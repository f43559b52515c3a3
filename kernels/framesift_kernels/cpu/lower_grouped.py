"""Nearest of a growing set of centres, for rows that lie near the centre they have."""

from typing import Any

import numpy as np

from .. import F32, I32, I64, Rows


def lower_grouped(x: Rows, rows: I64, centers: F32, applied: I32, sqdist: F32, nearest: I32) -> int:
    """`lower_nearest`, leaving out centres that the triangle inequality shows to be too far.

    Parameters
    ----------
    x : (n, d) uint8, float16 or float32, C-contiguous
    rows : (m,) int64
        Rows of *x* to bring up to date, ordered by *nearest*: those of one centre share what is found out about it.
    centers : (k, d) float32, C-contiguous
    applied : (n,) int32
        Centres that *sqdist* of a row accounts for; ``centers[applied[i]:]`` are taken into account.
    sqdist : (n,) float32
        In place: the same, bit for bit, as by `lower_nearest`.
    nearest : (n,) int32
        In place: the number of a centre at that distance; of several, not always the lowest. Not negative.

    Returns
    -------
    int
        Distances that were computed between rows and centres, of the sum of ``k - applied[i]``.

    Notes
    -----
    Exact (Elkan 2003, lemma 1, with room for rounding). It pays when most are left out: see the value returned.
    """
    from ._grouped import lower_groups
    from ._rows import bits, scratch
    from ._vector import ROWS, WIDTH

    k, d = centers.shape
    first = int(applied[rows].min(initial=k))
    vectors = -(-(k - first) // WIDTH)
    pairs = np.zeros(1, np.int64)
    work: tuple[Any, ...] = (
        np.empty((vectors, d, WIDTH), np.float32),
        np.empty((vectors, d, WIDTH), np.float32),
        np.empty(k, np.int32),
        np.empty((ROWS, vectors * WIDTH), np.float32),
        np.empty(ROWS + 1, np.int64),
        np.empty(ROWS, np.int64),
        np.empty(ROWS, np.float32),
        np.empty(WIDTH, np.int64),
    )
    known = (sqdist, nearest)
    lower_groups(bits(x), rows, centers, first, applied, *known, pairs, *work, *scratch(d))
    return int(pairs[0])
