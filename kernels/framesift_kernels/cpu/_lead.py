"""`lead` on the row kernel: a tile of rows against the leaders before it, then its rows against each other."""

from typing import Any

import numpy as np

from .. import F32, I32, I64, Rows
from ._compile import fma, kernel, native
from ._rows import distances, fetch
from ._rows import scratch as tile_scratch
from ._vector import ROWS, VECTORS, WIDTH, keep_lowest, lowest


@native
def lead_in_order(
    x: Rows,  # IN  (n, d)
    first: int,
    beyond: float,
    sqdist: F32,  # INOUT  (n,)
    labels: I32,  # INOUT  (n,)
    leaders: I64,  # OUT  (n,)
    count: I64,  # OUT  (1,) how many lead
    everyone: I64,  # IN  (n,) numbers from 0
    packed: F32,  # scratch  (vectors, d, WIDTH), infinite
    block: F32,
    values: F32,
    best: F32,
    index: I32,
) -> None:
    """`lead` on bits. The rest is `scratch`."""
    n, d = x.shape
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
    count[0] = found


def scratch(n: int, d: int) -> tuple[Any, ...]:
    """What `lead_in_order` works in, for n rows in d dimensions."""
    packed = np.full((-(-n // WIDTH), d, WIDTH), np.inf, np.float32)
    return np.arange(n), packed, *tile_scratch(d)


@kernel
def _sqdist(a: F32, b: F32) -> np.float32:  # IN (d,)
    total = np.float32(0)
    for j in range(len(a)):
        diff = np.float32(a[j] - b[j])
        total = fma(diff, diff, total)
    return total
