"""A step of Lloyd's iteration, for rows that rarely change their centre."""

import numpy as np

from .. import F32, F64, I32, I64, Rows


def bounded_sums(
    x: Rows, centers: F32, moved: float, labels: I32, sqdist: F32, lower: F32
) -> tuple[F64 | I64, I64, int]:
    """`assign_sums`, comparing with all centres only the rows that may have changed theirs.

    Parameters
    ----------
    x : (n, d) uint8, float16 or float32, C-contiguous
    centers : (k, d) float32, C-contiguous
        At least one.
    moved : float
        The most that a centre has moved (Euclidean, rounded up) since *lower* was returned.
    labels : (n,) int32
        In place: as returned by the step before; any centre's before the first.
    sqdist : (n,) float32
        OUT: squared distance to the nearest centre.
    lower : (n,) float32
        In place: at most the distance to any centre but the nearest; 0 before the first step.

    Returns
    -------
    sums, counts
        The same, bit for bit, as by `assign_sums`; so are *labels* and *sqdist*.
    compared : int
        Rows that were compared with all centres.

    Notes
    -----
    Exact (Hamerly 2010). It pays when most rows are left out.
    """
    from ._bounded import bounded_step
    from ._lloyd import aligned, no_sums, workspace
    from ._rows import bits
    from ._vector import ROWS, WIDTH

    sums: F64 | I64 = no_sums(x, centers)
    counts, compared = np.zeros(len(centers), np.int64), np.zeros(1, np.int64)
    scratch = np.empty((2, ROWS, WIDTH), np.float32)
    work = workspace(len(centers), *x.shape)
    known = (labels, sqdist, lower)
    bounded_step(bits(x), aligned(centers), float(moved), *known, sums, counts, compared, *scratch, *work)
    return sums, counts, int(compared[0])
