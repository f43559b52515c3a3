"""`lead` on the row kernel: a tile of rows against the leaders before it, then its rows against each other."""

import numpy as np

from .. import F32, I32, I64, Rows
from ._compile import fma, kernel
from ._rows import distances, fetch
from ._vector import ROWS, VECTORS, WIDTH, keep_lowest, lowest


@kernel
def lead_in_order(
    x: Rows,  # IN  (n, d)
    first: int,
    beyond: float,
    sqdist: F32,  # INOUT  (n,)
    labels: I32,  # INOUT  (n,)
    leaders: I64,  # OUT  (n,)
) -> int:
    """`lead` on bits."""
    n, d = x.shape
    everyone = np.arange(n)
    packed = np.full((-(-n // WIDTH), d, WIDTH), np.inf, np.float32)
    block, values = np.zeros((ROWS, d), np.float32), np.empty((ROWS, VECTORS * WIDTH), np.float32)
    best, index = np.empty((ROWS, WIDTH), np.float32), np.zeros((ROWS, WIDTH), np.int32)
    found = 0
    for start in range(0, n, ROWS):
        held = fetch(x, everyone, start, block)
        best[:] = np.inf
        before, filled = found, -(-found // WIDTH)
        for at in range(0, filled, VECTORS):
            vectors = min(VECTORS, filled - at)
            distances(block, packed, at, vectors, values)
            keep_lowest(values, vectors, at * WIDTH, best, index)
        for r in range(held):
            i = start + r
            value, lane = lowest(best, index, r)
            if value < sqdist[i]:
                sqdist[i], labels[i] = value, first + lane
            for number in range(before, found):
                value = _sqdist(block[r], block[leaders[number] - start])
                if value < sqdist[i]:
                    sqdist[i], labels[i] = value, first + number
            if sqdist[i] >= beyond:
                sqdist[i], labels[i], leaders[found] = 0, first + found, i
                for j in range(d):
                    packed[found // WIDTH, j, found % WIDTH] = block[r, j]
                found += 1
    return found


@kernel
def _sqdist(a: F32, b: F32) -> np.float32:  # IN (d,)
    total = np.float32(0)
    for j in range(len(a)):
        diff = np.float32(a[j] - b[j])
        total = fma(diff, diff, total)
    return total
