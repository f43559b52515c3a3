"""A step of Lloyd's iteration, for rows that rarely change their centre."""

from typing import Any

import numpy as np
from numba import cuda

from .. import F32, F64, I32, I64, Rows
from ._compile import THREADS, blocks, fma, kernel, transfers
from ._nearest import begin
from ._nearest import lower as lower_all
from ._sums import add_up, no_sums


def bounded_sums(
    x: Rows, centers: F32, moved: float, labels: I32, sqdist: F32, lower: F32
) -> tuple[F64 | I64, I64, int]:
    """`assign_sums`, comparing with all centres only the rows that may have changed theirs.

    As `framesift_kernels.cpu.bounded_sums`, bit for bit but for *lower*, of which only the bound is promised.

    Parameters
    ----------
    x : (n, d) uint8, float16 or float32, C-contiguous
        Here or on the GPU.
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

    NumPy arrays but *x*.

    Returns
    -------
    sums, counts
        As by `assign_sums`.
    compared : int
        Rows that were compared with all centres.

    Notes
    -----
    Written for GPUs, run in Numba's simulator, never on a GPU so far. Hamerly 2010, with the lower bound alone.
    """
    k, room = len(centers), 1 + 4 * (x.shape[1] + 4) * 2.0**-24
    sums, counts = no_sums(x, k)
    kept = lower.astype(np.float64)
    bounds = np.where(kept > moved, (kept - moved) * (1 - 2.0**-22), 0)
    lower[:] = bounds.astype(np.float32)
    with transfers() as arrays:
        rows, some = arrays.read(x), arrays.read(centers)
        _own_distances(rows, some, labels, sqdist)
        open_rows = np.flatnonzero(~(np.sqrt(sqdist.astype(np.float64)) * room < lower))
        other = _compare(rows, some, open_rows, labels, sqdist)
        lower[open_rows] = np.sqrt(other.astype(np.float64)) * (2 - room) * (1 - 2.0**-22)
        add_up(arrays, rows, arrays.read(labels), k, arrays.write(sums), arrays.write(counts))
    return sums, counts, len(open_rows)


def _own_distances(x: Any, centers: Any, labels: I32, sqdist: F32) -> None:
    """Squared distance of every row to the centre it has."""
    n, d = x.shape
    if n:
        with transfers() as arrays:
            _own[blocks(n), THREADS](x, centers, arrays.read(labels), n, d, arrays.write(sqdist))


@kernel
def _own(
    x: Rows,  # IN  (n, d)
    centers: F32,  # IN  (k, d)
    labels: I32,  # IN  (n,)
    n: int,
    d: int,
    sqdist: F32,  # OUT  (n,)
) -> None:
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        label, total = labels[i], np.float32(0)
        for j in range(d):
            diff = np.float32(x[i, j]) - centers[label, j]
            total = fma(diff, diff, total)
        sqdist[i] = total


def _compare(x: Any, centers: Any, rows: I64, labels: I32, sqdist: F32) -> F32:
    """Nearest centre of some rows; returned is the squared distance to the next."""
    m = len(rows)
    found, value = np.empty(m, np.int32), np.empty(m, np.float32)
    unused, other = np.empty(m, np.int32), np.empty(m, np.float32)
    if m:
        with transfers() as arrays:
            listed, best, least = arrays.read(rows), arrays.write(found), arrays.write(value)
            begin(m, best, least)
            lower_all(x, listed, m, centers, 0, least, best)
            next_best, next_least = arrays.write(unused), arrays.write(other)
            begin(m, next_best, next_least)
            lower_all(x, listed, m, centers, 0, next_least, next_best, excluded=best)
        labels[rows], sqdist[rows] = found, value
    return other
