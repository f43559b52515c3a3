"""The row kernel: rows of points against centres, in tiles that lie in shared memory and registers.

A thread has some rows and some centres of a tile; each distance is one chain of FMAs in one thread, over
``j = 0, 1, ..., d - 1``: the chain of the CPU's kernels, so its bits.
"""

from typing import Any

import numpy as np
from numba import cuda

from .. import F32, I32, I64, Rows
from ._compile import SIMULATED, THREADS, blocks, device, empty, fma, kernel

COLUMNS, LINES = (2, 2) if SIMULATED else (16, 16)
"""Threads along the centres and along the rows of a tile."""
_CENTERS, _ROWS = (2, 2) if SIMULATED else (4, 8)  # of a thread: 32 chains, for 12 loads a dimension
_TILE_CENTERS, TILE_ROWS = COLUMNS * _CENTERS, LINES * _ROWS
_DEPTH = 3 if SIMULATED else 32  # dimensions in shared memory at a time
_THREADS = COLUMNS * LINES
_X_SHAPE, _C_SHAPE = (_DEPTH, TILE_ROWS + 1), (_DEPTH, _TILE_CENTERS + 1)  # one more: no two in a bank
_BEST_SHAPE = (TILE_ROWS, COLUMNS)
_CHAINS = _ROWS * _CENTERS


@kernel
def _nearest(
    x: Rows,  # IN  (n, d)
    rows: I64,  # IN  (m,) rows of x, if they are listed
    listed: bool,
    m: int,
    d: int,
    centers: F32,  # IN  (k, d)
    first: int,
    k: int,
    excluded: I32,  # IN  (m,) a centre that does not count, if excluding
    excluding: bool,
    sqdist: F32,  # INOUT  (m,)
    nearest: I32,  # INOUT  (m,)
) -> None:
    xs = cuda.shared.array(_X_SHAPE, np.float32)
    cs = cuda.shared.array(_C_SHAPE, np.float32)
    values = cuda.shared.array(_BEST_SHAPE, np.float32)
    indices = cuda.shared.array(_BEST_SHAPE, np.int32)
    chains, best = cuda.local.array(_CHAINS, np.float32), cuda.local.array(_ROWS, np.float32)
    index = cuda.local.array(_ROWS, np.int32)
    t = cuda.threadIdx.x
    column, line = t % COLUMNS, t // COLUMNS
    for start in range(cuda.blockIdx.x * TILE_ROWS, m, cuda.gridDim.x * TILE_ROWS):
        for r in range(_ROWS):
            best[r], index[r] = np.float32(np.inf), np.int32(0)
        for c0 in range(first, k, _TILE_CENTERS):
            for i in range(_CHAINS):
                chains[i] = np.float32(0)
            for j0 in range(0, d, _DEPTH):
                cuda.syncthreads()
                _load_rows(x, rows, listed, start, m, j0, d, t, xs)
                _load(centers, c0, k, j0, d, t, _TILE_CENTERS, cs)
                cuda.syncthreads()
                _extend(xs, cs, min(_DEPTH, d - j0), column, line, chains)
            _keep_lowest(chains, c0 + column, k, start + line, m, excluded, excluding, best, index)
        cuda.syncthreads()
        for r in range(_ROWS):
            values[line + r * LINES, column], indices[line + r * LINES, column] = best[r], index[r]
        cuda.syncthreads()
        for r in range(t, TILE_ROWS, _THREADS):
            if start + r < m:
                value, found = _lowest(values, indices, r)
                if value < sqdist[start + r]:
                    sqdist[start + r], nearest[start + r] = value, found


@device
def _load_rows(
    x: Rows,
    rows: I64,
    listed: bool,
    start: int,
    m: int,
    j0: int,
    d: int,
    t: int,
    xs: F32,  # OUT  (depth, rows of a tile)
) -> None:
    """Neighbouring threads read neighbouring numbers of a row."""
    for e in range(t, TILE_ROWS * _DEPTH, _THREADS):
        r, j = e // _DEPTH, e % _DEPTH
        value = np.float32(0)
        if start + r < m and j0 + j < d:
            i = rows[start + r] if listed else start + r
            value = np.float32(x[i, j0 + j])
        xs[j, r] = value


@device
def _load(
    x: Rows,
    start: int,
    stop: int,
    j0: int,
    d: int,
    t: int,
    size: int,
    tile: F32,  # OUT  (depth, size)
) -> None:
    """As `_load_rows`, of rows that lie side by side."""
    for e in range(t, size * _DEPTH, _THREADS):
        r, j = e // _DEPTH, e % _DEPTH
        value = np.float32(0)
        if start + r < stop and j0 + j < d:
            value = np.float32(x[start + r, j0 + j])
        tile[j, r] = value


@device
def _extend(xs: F32, cs: F32, steps: int, column: int, line: int, chains: F32) -> None:
    """Some more links of all chains of a thread."""
    for j in range(steps):
        for r in range(_ROWS):
            a = xs[j, line + r * LINES]
            for q in range(_CENTERS):
                diff = a - cs[j, column + q * COLUMNS]
                chains[r * _CENTERS + q] = fma(diff, diff, chains[r * _CENTERS + q])


@device
def _keep_lowest(
    chains: F32,  # IN
    c0: int,
    k: int,
    start: int,
    m: int,
    excluded: I32,
    excluding: bool,
    best: F32,  # INOUT
    index: I32,  # INOUT
) -> None:
    """Of a thread's centres the nearest; they come in increasing order, so the lowest on a tie."""
    for r in range(_ROWS):
        row = start + r * LINES
        for q in range(_CENTERS):
            c = c0 + q * COLUMNS
            counts = c < k and not (excluding and row < m and excluded[row] == c)
            if counts and chains[r * _CENTERS + q] < best[r]:
                best[r], index[r] = chains[r * _CENTERS + q], np.int32(c)


@device
def _lowest(values: F32, indices: I32, r: int) -> tuple[np.float32, np.int32]:
    """Of the threads of a row, the lowest value, and on a tie the lowest index."""
    value, found = values[r, 0], indices[r, 0]
    for i in range(1, COLUMNS):
        if values[r, i] < value or (values[r, i] == value and indices[r, i] < found):
            value, found = values[r, i], indices[r, i]
    return value, found


@kernel
def _begin(labels: I32, sqdist: F32, n: int) -> None:  # OUT (n,), OUT (n,)
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        labels[i], sqdist[i] = np.int32(0), np.float32(np.inf)


def begin(n: int, labels: Any, sqdist: Any) -> None:
    """What is known before anything is: the first centre, infinitely far."""
    if n:
        _begin[blocks(n), THREADS](labels, sqdist, n)


def lower(
    x: Any,
    rows: Any,
    m: int,
    centers: Any,
    first: int,
    sqdist: Any,
    nearest: Any,
    excluded: Any = None,
    stop: int | None = None,
) -> None:
    """``sqdist[p] = min(sqdist[p], |x[rows[p]] - c|**2)`` for ``centers[first:stop]``; *nearest* follows.

    All are on the device. *rows* may be None: the first m. *excluded* may name a centre that does not count, a row.
    """
    d, k = x.shape[1], centers.shape[0] if stop is None else stop
    if m and k > first:
        _nearest[blocks(m, TILE_ROWS), _THREADS](
            x,
            empty(1, np.int64) if rows is None else rows,
            rows is not None,
            m,
            d,
            centers,
            first,
            k,
            nearest if excluded is None else excluded,
            excluded is not None,
            sqdist,
            nearest,
        )
