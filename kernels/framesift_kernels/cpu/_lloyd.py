"""k-means on the row kernel: what is done with a row while it lies in the cache."""

from typing import Any

import numpy as np

from .. import F32, F64, I32, I64, Rows
from ._compile import kernel
from ._rows import distances, fetch
from ._vector import ROWS, VECTORS, WIDTH, keep_lowest, lowest


@kernel
def assign_and_sum(
    x: Rows,  # IN  (n, d)
    packed: F32,  # IN  (vectors, d, WIDTH)
    labels: I32,  # OUT  (n,)
    sqdist: F32,  # OUT  (n,)
    sums: F64 | I64,  # INOUT  (k, d)
    counts: I64,  # INOUT  (k,)
) -> None:
    """Nearest centre of every row, and its row of *sums* raised by the row."""
    n, d = x.shape
    everyone = np.arange(n)
    block, values = np.zeros((ROWS, d), np.float32), np.empty((ROWS, VECTORS * WIDTH), np.float32)
    best, index = np.empty((ROWS, WIDTH), np.float32), np.zeros((ROWS, WIDTH), np.int32)
    for start in range(0, n, ROWS):
        held = fetch(x, everyone, start, block)
        for r in range(ROWS):
            for lane in range(WIDTH):
                best[r, lane], index[r, lane] = np.inf, 0
        for at in range(0, len(packed), VECTORS):
            vectors = min(VECTORS, len(packed) - at)
            distances(block, packed, at, vectors, values)
            keep_lowest(values, vectors, at * WIDTH, best, index)
        for r in range(held):
            value, label = lowest(best, index, r)
            labels[start + r], sqdist[start + r] = label, value
            counts[label] += 1
            total = sums[label]
            for j in range(d):
                total[j] += block[r, j]


@kernel
def potentials(
    x: Rows, packed: F32, sqdist: F32, totals: Any
) -> None:  # IN (n, d), IN, IN (n,), OUT (lanes,) float64
    """Sum over the rows of ``min(sqdist, squared distance to the lane's centre)``, for every lane."""
    n, d = x.shape
    everyone = np.arange(n)
    block, values = np.zeros((ROWS, d), np.float32), np.empty((ROWS, VECTORS * WIDTH), np.float32)
    for start in range(0, n, ROWS):
        held = fetch(x, everyone, start, block)
        for at in range(0, len(packed), VECTORS):
            vectors = min(VECTORS, len(packed) - at)
            distances(block, packed, at, vectors, values)
            for r in range(held):
                own = sqdist[start + r]
                for lane in range(vectors * WIDTH):
                    totals[at * WIDTH + lane] += np.float64(min(own, values[r, lane]))
