"""The row kernel: rows of points against lanes of centres. Everything that needs distances stands on it."""

import math
from typing import Any

import numpy as np

from .. import F32, I32, I64, Rows
from ._compile import kernel, native
from ._narrow import fetch_ahead
from ._pairs import pair_distances
from ._turn import turn
from ._vector import (
    ROWS,
    VECTORS,
    WIDTH,
    distances_1,
    distances_2,
    distances_3,
    distances_4,
    keep_lowest,
    lowest,
    to_float,
)

FEW = 3
"""Centres that are compared with rows pair by pair rather than a lane each, of which most would be empty."""
_LINE = 64
"""Bytes."""


def bits(x: Rows) -> Any:
    """*x* as the kernels take it: float16 as uint16, because Numba knows no float16 on CPUs."""
    return x.view(np.uint16) if x.dtype == np.float16 else x


def aligned(shape: tuple[int, ...]) -> F32:
    """Make an array whose first element begins a line of the cache: what is read by vectors then takes no second."""
    size = math.prod(shape)
    memory = np.empty(size + _LINE // 4, np.float32)
    first = -memory.ctypes.data % _LINE // 4
    return memory[first : first + size].reshape(shape)


@kernel
def pack_into(centers: F32, packed: F32) -> None:  # IN (k, d), OUT (vectors, d, WIDTH)
    """Lay out centres so that lanes are centres. Lanes without one are infinitely far.

    A square at a time: centres lie a power of two apart often, and then few of them share the cache.
    """
    k, d = centers.shape
    for v in range(len(packed)):
        first = v * WIDTH
        held = min(WIDTH, k - first)
        for start in range(0, d, WIDTH):
            stop = min(start + WIDTH, d)
            if held == WIDTH and stop == start + WIDTH:
                turn(centers, first * d + start, d, packed, (v * d + start) * WIDTH, WIDTH)
                continue
            for lane in range(held):
                for j in range(start, stop):
                    packed[v, j, lane] = centers[first + lane, j]
            for j in range(start, stop):
                for lane in range(held, WIDTH):
                    packed[v, j, lane] = np.inf


@kernel
def fetch(
    x: Rows,  # IN  (n, d)
    rows: I64,  # IN  (m,) rows of x
    first: int,
    block: F32,  # OUT  (ROWS, d)
) -> int:
    """Convert the rows named by ``rows[first : first + ROWS]``, of which there may be fewer, and return how many.

    Each is read and converted once, not element by element before it is broadcast: that is what makes float16
    and uint8 as fast as float32, and the loops over a tile the same for all. A block that is not full keeps what
    it held before.
    """
    n = min(ROWS, len(rows) - first)
    for r in range(n):
        row = x[rows[first + r]]
        for j in range(len(row)):
            block[r, j] = to_float(row[j])
    return n


@kernel
def distances(
    block: F32,  # IN  (ROWS, d)
    packed: F32,  # IN  (vectors, d, WIDTH)
    at: int,
    vectors: int,
    out: F32,  # OUT  (ROWS, VECTORS * WIDTH)
) -> None:
    """Squared distances of ROWS rows to the centres of ``packed[at : at + vectors]``, vectors <= VECTORS."""
    if vectors == 4:
        distances_4(block, packed, at, out)
    elif vectors == 3:
        distances_3(block, packed, at, out)
    elif vectors == 2:
        distances_2(block, packed, at, out)
    else:
        distances_1(block, packed, at, out)


def scratch(d: int) -> tuple[Any, ...]:
    """What `lower` works in: block, values, best, index."""
    best, index = np.empty((ROWS, WIDTH), np.float32), np.zeros((ROWS, WIDTH), np.int32)
    return np.zeros((ROWS, d), np.float32), np.empty((ROWS, VECTORS * WIDTH), np.float32), best, index


@kernel
def lower(
    x: Rows,  # IN  (n, d)
    rows: I64,  # IN  (m,) rows of x
    packed: F32,  # IN  (vectors, d, WIDTH)
    numbers: I32,  # IN  (>= lanes with a centre,)
    sqdist: F32,  # INOUT  (n,)
    nearest: I32,  # INOUT  (n,)
    block: F32,  # scratch  (ROWS, d) no infinities or NaN
    values: F32,  # scratch  (ROWS, VECTORS * WIDTH)
    best: F32,  # scratch  (ROWS, WIDTH)
    index: I32,  # scratch  (ROWS, WIDTH)
) -> None:
    """Take the packed centres into account: ``sqdist[i]`` and ``nearest[i]`` of each of *rows*.

    ``sqdist[i] = min(sqdist[i], |x[i] - c|**2)``; *nearest* follows, the number of the first lane on a tie, and
    stays as it is if nothing is nearer than before.
    """
    for start in range(0, len(rows), ROWS):
        n = fetch(x, rows, start, block)
        for r in range(ROWS):
            for lane in range(WIDTH):
                best[r, lane], index[r, lane] = np.inf, 0
        for at in range(0, len(packed), VECTORS):
            vectors = min(VECTORS, len(packed) - at)
            distances(block, packed, at, vectors, values)
            keep_lowest(values, vectors, at * WIDTH, best, index)
        for r in range(n):
            i = rows[start + r]
            value, lane = lowest(best, index, r)
            if value < sqdist[i]:
                sqdist[i], nearest[i] = value, numbers[lane]


@kernel
def lower_pairs(
    x: Rows,  # IN  (n, d)
    rows: I64,  # IN  (m,) rows of x
    centers: F32,  # IN  (k, d)
    numbers: I32,  # IN  (>= few,) of centres, in increasing order
    few: int,
    sqdist: F32,  # INOUT  (n,)
    nearest: I32,  # INOUT  (n,)
    pair_rows: I64,  # scratch  (WIDTH,)
    values: F32,  # scratch  (ROWS, VECTORS * WIDTH)
    index: I32,  # scratch  (ROWS, WIDTH)
) -> None:
    """`lower` for a few centres: lanes are pairs of a row and a centre, so that none goes without."""
    total, r, c = few * len(rows), 0, 0
    for at in range(0, total, WIDTH):
        held = min(WIDTH, total - at)
        for lane in range(WIDTH):  # lanes without a pair have the last
            pair_rows[lane], index[0, lane] = rows[r], numbers[c]
            if at + lane + 1 < total:
                c += 1
                if c == few:
                    r, c = r + 1, 0
        for ahead in range(r + 1, min(r + 1 + WIDTH // few, len(rows))):
            fetch_ahead(x, rows[ahead])
        pair_distances(x, pair_rows, centers, index[0], 0, values[0])
        for lane in range(held):
            i = pair_rows[lane]
            if values[0, lane] < sqdist[i]:
                sqdist[i], nearest[i] = values[0, lane], index[0, lane]


@native
def lower_packed(
    x: Rows,  # IN  (n, d)
    rows: I64,  # IN  (m,) rows of x
    centers: F32,  # IN  (k, d)
    numbers: I32,  # IN  (p,) of centres: the last p
    sqdist: F32,  # INOUT  (n,)
    nearest: I32,  # INOUT  (n,)
    packed: F32,  # scratch  (vectors, d, WIDTH)
    pair_rows: I64,  # scratch  (WIDTH,)
    block: F32,
    values: F32,
    best: F32,
    index: I32,
) -> None:
    """`lower` for centres as they are. The rest is `scratch`."""
    if len(numbers) <= FEW:
        lower_pairs(x, rows, centers, numbers, len(numbers), sqdist, nearest, pair_rows, values, index)
        return
    pack_into(centers[len(centers) - len(numbers) :], packed)
    lower(x, rows, packed, numbers, sqdist, nearest, block, values, best, index)
