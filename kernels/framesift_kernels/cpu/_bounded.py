"""Lloyd's step that leaves out rows which cannot change their centre (Hamerly 2010, with the lower bound alone).

A row keeps its label if it is nearer to its own centre than ``lower``, a bound on its distance to any other. Centres
that move by at most ``moved`` lower the bound by that. The distance to the own centre is computed always: it is wanted,
and it makes the bound as good as it can be. All comparisons leave room for what float32 rounds away.
"""

import math

import numpy as np

from .. import F32, F64, I32, I64, Rows
from ._compile import fma, kernel
from ._rows import distances, fetch
from ._vector import ROWS, VECTORS, WIDTH, keep_lowest, keep_second, lowest, to_float

_BATCH = 256  # rows that stay in the cache between their distances and their sums
_CHAINS = 8  # a chain of FMAs waits four cycles for each: eight rows at once leave none idle


@kernel
def bounded_step(
    x: Rows,  # IN  (n, d)
    centers: F32,  # IN  (k, d)
    packed: F32,  # IN  (vectors, d, WIDTH)
    moved: float,
    labels: I32,  # INOUT  (n,)
    sqdist: F32,  # OUT  (n,)
    lower: F32,  # INOUT  (n,)
    sums: F64 | I64,  # INOUT  (k, d)
    counts: I64,  # INOUT  (k,)
) -> int:
    """`bounded_sums` on bits; returns how many rows were compared with all centres."""
    n, d = x.shape
    open_rows = np.empty(_BATCH, np.int64)
    room = 1 + 4 * (d + 4) * 2.0**-24
    compared = 0
    for start in range(0, n, _BATCH):
        stop = min(start + _BATCH, n)
        _own(x, centers, labels, start, stop, sqdist)
        held = 0
        for i in range(start, stop):
            lower[i] = np.float32((lower[i] - moved) * (1 - 2.0**-22)) if lower[i] > moved else np.float32(0)
            if not math.sqrt(sqdist[i]) * room < lower[i]:
                open_rows[held] = i
                held += 1
        compared += held
        _compare(x, open_rows[:held], packed, room, labels, sqdist, lower)
        for i in range(start, stop):
            label = labels[i]
            counts[label] += 1
            row, total = x[i], sums[label]
            for j in range(d):
                total[j] += to_float(row[j])
    return compared


@kernel
def _own(x: Rows, centers: F32, labels: I32, start: int, stop: int, sqdist: F32) -> None:
    """Squared distances of rows to their centres: chains, some rows at a time."""
    d = x.shape[1]
    for first in range(start, stop, _CHAINS):
        if first + _CHAINS <= stop:
            i = first
            a = b = c = e = f = g = h = k = np.float32(0)
            for j in range(d):
                a = _link(a, x[i, j], centers[labels[i], j])
                b = _link(b, x[i + 1, j], centers[labels[i + 1], j])
                c = _link(c, x[i + 2, j], centers[labels[i + 2], j])
                e = _link(e, x[i + 3, j], centers[labels[i + 3], j])
                f = _link(f, x[i + 4, j], centers[labels[i + 4], j])
                g = _link(g, x[i + 5, j], centers[labels[i + 5], j])
                h = _link(h, x[i + 6, j], centers[labels[i + 6], j])
                k = _link(k, x[i + 7, j], centers[labels[i + 7], j])
            sqdist[i], sqdist[i + 1], sqdist[i + 2], sqdist[i + 3] = a, b, c, e
            sqdist[i + 4], sqdist[i + 5], sqdist[i + 6], sqdist[i + 7] = f, g, h, k
        else:
            for i in range(first, stop):
                a = np.float32(0)
                for j in range(d):
                    a = _link(a, x[i, j], centers[labels[i], j])
                sqdist[i] = a


@kernel
def _link(total: np.float32, a: np.float32, b: np.float32) -> np.float32:
    diff = np.float32(to_float(a) - b)
    return fma(diff, diff, total)


@kernel
def _compare(
    x: Rows,  # IN  (n, d)
    rows: I64,  # IN  (m,)
    packed: F32,  # IN  (vectors, d, WIDTH)
    room: float,
    labels: I32,  # INOUT  (n,)
    sqdist: F32,  # INOUT  (n,)
    lower: F32,  # INOUT  (n,)
) -> None:
    """Nearest centre of some rows, and how far the next can be at least."""
    block, values = np.zeros((ROWS, x.shape[1]), np.float32), np.empty((ROWS, VECTORS * WIDTH), np.float32)
    best, index = np.empty((ROWS, WIDTH), np.float32), np.zeros((ROWS, WIDTH), np.int32)
    low, second = np.empty((ROWS, WIDTH), np.float32), np.empty((ROWS, WIDTH), np.float32)
    for start in range(0, len(rows), ROWS):
        held = fetch(x, rows, start, block)
        for r in range(ROWS):
            for lane in range(WIDTH):
                best[r, lane] = low[r, lane] = second[r, lane] = np.inf
                index[r, lane] = 0
        for at in range(0, len(packed), VECTORS):
            vectors = min(VECTORS, len(packed) - at)
            distances(block, packed, at, vectors, values)
            keep_lowest(values, vectors, at * WIDTH, best, index)
            keep_second(values, vectors, low, second)
        for r in range(held):
            i = rows[start + r]
            sqdist[i], labels[i] = lowest(best, index, r)
            other = np.float32(np.inf)
            for lane in range(WIDTH):
                mine = lane == labels[i] % WIDTH
                other = min(other, second[r, lane] if mine else low[r, lane])
            lower[i] = np.float32(math.sqrt(other) * (2 - room) * (1 - 2.0**-22))
