"""How the total changes when a candidate takes the place of a pick."""

from typing import Any

import numpy as np
from numba import cuda

from .. import F32, F64, I32, I64
from ._compile import THREADS, add, blocks, device, empty, kernel, multiply, transfers


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
    """Find, for each of some candidates, the pick that it had best replace: `framesift_kernels.cpu.swap_changes`.

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

    All here or on the GPU.

    Returns
    -------
    change : (b,) float64
        Of the total, at best; 0 where none may be replaced.
    swapped : (b,) int32
        The pick to replace, the lowest on a tie; -1 where none may be.

    NumPy arrays, bit for bit the CPU's.

    Notes
    -----
    Written for GPUs, run in Numba's simulator, never on a GPU so far. A block has a candidate. Terms are added in the
    order of the clients: a thread has the sums of every so many picks, and looks at a tile of clients only if one of
    them is nearer to the candidate than to its second pick. Scratch: 8 b k bytes.
    """
    b, k = len(rows), len(removal)
    change, swapped = np.zeros(b), np.full(b, -1, np.int32)
    if b and k:
        with transfers() as arrays:
            _swaps[blocks(b, 1), THREADS](
                arrays.read(costs),
                arrays.read(rows),
                b,
                arrays.read(near),
                arrays.read(second),
                arrays.read(slot),
                arrays.read(weights),
                arrays.read(removal),
                arrays.read(only),
                empty((b, k), np.float64),
                arrays.write(change),
                arrays.write(swapped),
            )
    return change, swapped


@kernel
def _swaps(
    costs: F32,  # IN  (m, n)
    rows: I64,  # IN  (b,)
    b: int,
    near: F32,  # IN  (n,)
    second: F32,  # IN  (n,)
    slot: I32,  # IN  (n,)
    weights: F32,  # IN  (n,)
    removal: F64,  # IN  (k,)
    only: I32,  # IN  (b,)
    moved: F64,  # scratch  (b, k)
    change: F64,  # OUT  (b,)
    swapped: I32,  # OUT  (b,)
) -> None:
    mine = cuda.shared.array(THREADS, np.float64)
    theirs = cuda.shared.array(THREADS, np.float64)
    picks = cuda.shared.array(THREADS, np.int32)
    t, n, k = cuda.threadIdx.x, near.shape[0], removal.shape[0]
    for at in range(cuda.blockIdx.x, b, cuda.gridDim.x):
        for p in range(t, k, THREADS):
            moved[at, p] = removal[p]
        shared = np.float64(0)
        for start in range(0, n if only[at] != -2 else 0, THREADS):
            i = start + t
            counts = i < n and costs[rows[at], i] < second[i]
            if cuda.syncthreads_count(np.int32(counts)):
                picks[t] = -1
                if counts:
                    _terms(costs[rows[at], i], near[i], second[i], weights[i], t, mine, theirs)
                    picks[t] = slot[i]
                cuda.syncthreads()
                for e in range(THREADS):
                    if picks[e] >= 0:
                        shared = add(shared, mine[e])
                        if picks[e] < k and picks[e] % THREADS == t:
                            moved[at, picks[e]] = add(moved[at, picks[e]], theirs[e])
        cuda.syncthreads()
        mine[t], picks[t] = _best(moved[at], only[at], shared, t, k)
        cuda.syncthreads()
        if t == 0:
            _choose(mine, picks, at, change, swapped)
        cuda.syncthreads()


@device
def _terms(
    cost: np.float32,
    near: np.float32,
    second: np.float32,
    weight: np.float32,
    t: int,
    mine: Any,  # OUT  (THREADS,) what the total changes by, whichever pick goes
    theirs: Any,  # OUT  (THREADS,) and what in addition if it is the client's
) -> None:
    price, heavy, last = np.float64(cost), np.float64(weight), np.float64(second)
    if cost < near:
        mine[t] = multiply(heavy, price - np.float64(near))
        theirs[t] = multiply(heavy, np.float64(near) - last)
    else:
        mine[t], theirs[t] = np.float64(0), multiply(heavy, price - last)


@device
def _best(moved: F64, only: int, shared: np.float64, t: int, k: int) -> tuple[np.float64, np.int32]:
    """Of a thread's picks the one to replace; they come in increasing order."""
    value, found = np.float64(0), np.int32(-1)
    for p in range(t, k, THREADS):
        if only == -1 or only == p:
            total = add(shared, moved[p])
            if found < 0 or total < value:
                value, found = total, np.int32(p)
    return value, found


@device
def _choose(
    values: Any,  # IN  (THREADS,)
    picks: Any,  # IN  (THREADS,) -1: none
    at: int,
    change: F64,
    swapped: I32,
) -> None:
    """Of all threads', the lowest on a tie."""
    value, found = np.float64(0), np.int32(-1)
    for e in range(THREADS):
        better = found < 0 or values[e] < value or (values[e] == value and picks[e] < found)
        if picks[e] >= 0 and better:
            value, found = values[e], picks[e]
    change[at], swapped[at] = value, found
