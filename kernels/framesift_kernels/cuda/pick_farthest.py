"""Greedy picks among a few rows."""

from typing import Any

import numpy as np
from numba import cuda

from .. import F32, I32, I64, Rows
from ._compile import SIMULATED, THREADS, blocks, device, empty, fma, kernel, processors, transfers
from ._listed import Listed
from .get import get
from .take import take

_PICKING = THREADS if SIMULATED else 512
"""Threads of a block: one block has a multiprocessor, and its reads must hide each other's way to the level 2 cache."""


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

    As `framesift_kernels.cpu.pick_farthest`, bit for bit but for *applied*, which says what was done here.

    Parameters
    ----------
    x : (n, d) uint8, float16 or float32, C-contiguous
        Here or on the GPU.
    rows : (m,) int64
        Rows of *x* that may be picked; increasing, because the first is picked on a tie.
    sqdist : (n,) float32
        Squared distance of each row to its nearest centre. In place; a row picked gets -1.
    nearest : (n,) int32
        Number of that centre, in place.
    applied : (n,) int32
        OUT: centres that ``sqdist`` of one of *rows* accounts for; no more are applied to one nearer than *threshold*.
    threshold : float
        Squared distance.
    centers : (k, d) float32
        The first *first* are there; each pick is added.
    first : int
    picks : (p,) int64
        OUT: rows of *x* picked, in order; p is the most that are picked.
    reached : (p,) float32
        OUT: squared distance of each pick to the centres before it.

    NumPy arrays but *x*.

    Returns
    -------
    int
        How many were picked.

    Notes
    -----
    Written for GPUs, run in Numba's simulator, never on a GPU so far. One cooperative launch makes all picks: a block a
    multiprocessor, which meet once a pick. Scratch: a transposed float32 copy of the rows.
    """
    m, d, p = len(rows), x.shape[1], len(picks)
    if not m or not p:
        return 0
    now, count = np.full(m, first, np.int32), np.zeros(1, np.int64)
    lanes, distances = np.empty(p, np.int64), np.empty(p, np.float32)
    n_blocks = min(blocks(m, _PICKING), processors())
    with transfers() as arrays:
        lying = arrays.read(x)
        state = Listed(arrays, rows, sqdist, nearest)
        packed = empty((max(1, d), m), np.float32)
        _pack[blocks(m), THREADS](lying, state.rows, m, d, packed)
        _pick[n_blocks, _PICKING](
            packed,
            m,
            d,
            float(threshold),
            first,
            p,
            state.sqdist,
            state.nearest,
            arrays.change(now),
            empty((2, n_blocks), np.float32),
            empty((2, n_blocks), np.int64),
            arrays.write(lanes),
            arrays.write(distances),
            arrays.change(count),
        )
    state.finish()
    applied[rows] = now
    n = int(count[0])
    picks[:n], reached[:n] = rows[lanes[:n]], distances[:n]
    centers[first : first + n] = get(take(lying, picks[:n]))
    return n


@kernel
def _pack(
    x: Rows,  # IN  (n, d)
    rows: I64,  # IN  (m,)
    m: int,
    d: int,
    packed: F32,  # OUT  (d, m)
) -> None:
    for i in range(cuda.grid(1), m, cuda.gridsize(1)):
        for j in range(d):
            packed[j, i] = np.float32(x[rows[i], j])


@kernel
def _pick(
    packed: F32,  # IN  (d, m)
    m: int,
    d: int,
    threshold: float,
    first: int,
    p: int,
    sqdist: F32,  # INOUT  (m,)
    nearest: I32,  # INOUT  (m,)
    applied: I32,  # INOUT  (m,)
    high: F32,  # scratch  (2, blocks)
    where: I64,  # scratch  (2, blocks)
    lanes: I64,  # OUT  (p,)
    distances: F32,  # OUT  (p,)
    count: I64,  # OUT  (1,)
) -> None:
    """A thread keeps to its lanes, and to the farthest of them; blocks exchange theirs in turn in two places."""
    values = cuda.shared.array(_PICKING, np.float32)
    indices = cuda.shared.array(_PICKING, np.int64)
    grid = cuda.cg.this_grid()
    t, block, mine = cuda.threadIdx.x, cuda.blockIdx.x, cuda.grid(1)
    best, at = _farthest(sqdist, mine, m, cuda.gridsize(1))
    for n in range(p):
        values[t], indices[t] = best, at
        _reduce(values, indices, t)
        if t == 0:
            high[n % 2, block], where[n % 2, block] = values[0], indices[0]
        grid.sync()
        best, at = np.float32(-1), np.int64(-1)
        for i in range(t, cuda.gridDim.x, _PICKING):
            if _beats(high[n % 2, i], where[n % 2, i], best, at):
                best, at = high[n % 2, i], where[n % 2, i]
        values[t], indices[t] = best, at
        _reduce(values, indices, t)
        value, lane = values[0], indices[0]
        cuda.syncthreads()  # all have read it
        if value < 0 or value < threshold:
            break
        if mine == 0:
            lanes[n], distances[n], count[0] = lane, value, n + 1
        _approach(packed, d, lane, first + n, threshold, mine, m, cuda.gridsize(1), sqdist, nearest, applied)
        best, at = _farthest(sqdist, mine, m, cuda.gridsize(1))


@device
def _beats(value: np.float32, index: np.int64, best: np.float32, at: np.int64) -> Any:
    """Farther, or as far and first."""
    return index >= 0 and (value > best or (value == best and (at < 0 or index < at)))


@device
def _farthest(sqdist: F32, start: int, m: int, step: int) -> Any:
    """Of a thread's lanes."""
    best, at = np.float32(-1), np.int64(-1)
    for i in range(start, m, step):
        if sqdist[i] > best:
            best, at = sqdist[i], np.int64(i)
    return best, at


@device
def _reduce(values: F32, indices: I64, t: int) -> None:
    """The farthest of a block, to place 0; to be called by all its threads."""
    cuda.syncthreads()
    step = _PICKING // 2
    while step > 0:
        if t < step and _beats(values[t + step], indices[t + step], values[t], indices[t]):
            values[t], indices[t] = values[t + step], indices[t + step]
        cuda.syncthreads()
        step //= 2


@device
def _approach(
    packed: F32,
    d: int,
    lane: int,
    number: int,
    threshold: float,
    start: int,
    m: int,
    step: int,
    sqdist: F32,  # INOUT
    nearest: I32,  # INOUT
    applied: I32,  # INOUT
) -> None:
    """Take a pick into account, where a row can still be picked."""
    for i in range(start, m, step):
        own = sqdist[i]
        if i == lane:
            sqdist[i], applied[i] = np.float32(-1), np.int32(number + 1)
        elif own >= 0 and own >= threshold:
            total = np.float32(0)
            for j in range(d):
                diff = packed[j, i] - packed[j, lane]
                total = fma(diff, diff, total)
            if total < own:
                sqdist[i], nearest[i] = total, np.int32(number)
            applied[i] = np.int32(number + 1)
