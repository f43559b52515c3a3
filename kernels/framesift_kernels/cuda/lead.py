"""Leaders of groups within a radius."""

import numpy as np
from numba import cuda

from .. import F32, I32, I64, Rows
from ._compile import THREADS, blocks, device, empty, kernel, to_host, transfers
from ._nearest import (
    _C_SHAPE,
    _CENTERS,
    _CHAINS,
    _DEPTH,
    _ROWS,
    _THREADS,
    _TILE_CENTERS,
    _X_SHAPE,
    COLUMNS,
    LINES,
    TILE_ROWS,
    _extend,
    _load,
    lower,
)

_SHAPE = (_TILE_CENTERS, _TILE_CENTERS + 1)


def lead(x: Rows, first: int, beyond: float, sqdist: F32, labels: I32, leaders: I64) -> int:
    """Take rows in order: one that is far from all leaders leads, any other follows the nearest.

    As `framesift_kernels.cpu.lead`, bit for bit.

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

    All here or on the GPU.

    Returns
    -------
    int
        How many lead.

    Notes
    -----
    Written for GPUs, run in Numba's simulator, never on a GPU so far. One block goes through a tile of rows, whose
    distances to each other it has made; then the row kernel compares all rows after them with the tile's leaders.
    Scratch: a float32 copy of the rows.
    """
    n, d = x.shape
    before = 0
    with transfers() as arrays:
        rows, value, label = arrays.read(x), arrays.change(sqdist), arrays.change(labels)
        found, count, vectors = arrays.write(leaders), empty(1, np.int64), empty((n, d), np.float32)
        _shift[blocks(n), THREADS](label, n, -first)  # leaders found here begin at 0 meanwhile
        for start in range(0, n, _TILE_CENTERS):
            stop = min(start + _TILE_CENTERS, n)
            _settle[1, _THREADS](
                rows, start, stop, d, float(beyond), before, value, label, found, vectors, count
            )
            after = int(to_host(count)[0])
            if stop < n:
                lower(rows[stop:], None, n - stop, vectors, before, value[stop:], label[stop:], stop=after)
            before = after
        _shift[blocks(n), THREADS](label, n, first)
    return before


@kernel
def _shift(labels: I32, n: int, by: int) -> None:  # INOUT (n,)
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        labels[i] = np.int32(labels[i] + by)


@kernel
def _settle(
    x: Rows,  # IN  (n, d)
    start: int,
    stop: int,  # at most a tile after start
    d: int,
    beyond: float,
    before: int,  # leaders of the tiles before
    sqdist: F32,  # INOUT  (n,)
    labels: I32,  # INOUT  (n,)
    leaders: I64,  # INOUT  (n,)
    vectors: F32,  # INOUT  (n, d): the leaders
    count: I64,  # OUT  (1,): leaders up to this tile
) -> None:
    """One block: a thread has a row of the tile, all decide about each row in turn."""
    xs = cuda.shared.array(_X_SHAPE, np.float32)
    cs = cuda.shared.array(_C_SHAPE, np.float32)
    between = cuda.shared.array(_SHAPE, np.float32)
    nearest = cuda.shared.array(_TILE_CENTERS, np.float32)
    chains = cuda.local.array(_CHAINS, np.float32)
    t, found, label, leads = cuda.threadIdx.x, before, np.int32(0), False
    for i in range(_CHAINS):
        chains[i] = np.float32(0)
    for j0 in range(0, d, _DEPTH):
        cuda.syncthreads()
        _load(x, start, stop, j0, d, t, TILE_ROWS, xs)
        _load(x, start, stop, j0, d, t, _TILE_CENTERS, cs)
        cuda.syncthreads()
        _extend(xs, cs, min(_DEPTH, d - j0), t % COLUMNS, t // COLUMNS, chains)
    _lay_out(chains, t % COLUMNS, t // COLUMNS, between)
    if start + t < stop and t < _TILE_CENTERS:
        nearest[t], label = sqdist[start + t], labels[start + t]
    cuda.syncthreads()
    for i in range(stop - start):
        if nearest[i] >= beyond:  # all threads see the same: only those of later rows write, to their own
            if t == i:
                label, leads = np.int32(found), True
            elif i < t < stop - start and between[t, i] < nearest[t]:
                nearest[t], label = between[t, i], np.int32(found)
            for j in range(t, d, _THREADS):
                vectors[found, j] = np.float32(x[start + i, j])
            if t == 0:
                leaders[found] = start + i
            found += 1
            cuda.syncthreads()
    if t < stop - start:
        sqdist[start + t], labels[start + t] = np.float32(0) if leads else nearest[t], label
    if t == 0:
        count[0] = found


@device
def _lay_out(chains: F32, column: int, line: int, between: F32) -> None:
    """Distances of the rows of a tile to each other."""
    for r in range(_ROWS):
        for q in range(_CENTERS):
            row = line + r * LINES
            if row < _TILE_CENTERS:
                between[row, column + q * COLUMNS] = chains[r * _CENTERS + q]
