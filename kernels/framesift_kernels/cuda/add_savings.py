"""What all candidates would save, brought up to date by the clients that have changed."""

import numpy as np
from numba import cuda

from .. import F32, F64, I32, I64
from ._compile import THREADS, add, blocks, fma, kernel, transfers

_TOGETHER = 8  # of the CPU's entries that are added in float32: their order is part of the result


def add_savings(
    costs: F32,
    rows: I64,
    low: F32,
    high: F32,
    weights: F32,
    slots: I32,
    start: int,
    stop: int,
    sums: F64,
) -> None:
    """Add savings of all candidates to *sums*: `framesift_kernels.cpu.add_savings`, bit for bit.

    Parameters
    ----------
    costs : (m, n) float32, C-contiguous, n a multiple of 16
    rows : (e,) int64
        Rows of *costs*: of clients that are candidates as well, as the costs of a symmetric square are.
    low, high, weights : (e,) float32
    slots : (e,) int32
        Rows of *sums*. Entries of one slot had best follow one another.
    start, stop : int
        Columns j, multiples of 16.
    sums : (s, n) float64, C-contiguous
        In place.

    All here or on the GPU.

    Notes
    -----
    Written for GPUs, run in Numba's simulator, never on a GPU so far. A thread has a column, so that those side by
    side read what lies side by side.
    """
    if len(rows) and stop > start:
        with transfers() as arrays:
            _add[blocks(stop - start), THREADS](
                arrays.read(costs),
                arrays.read(rows),
                len(rows),
                arrays.read(low),
                arrays.read(high),
                arrays.read(weights),
                arrays.read(slots),
                start,
                stop,
                arrays.change(sums),
            )


@kernel
def _add(
    costs: F32,  # IN  (m, n)
    rows: I64,  # IN  (e,)
    e: int,
    low: F32,  # IN  (e,)
    high: F32,  # IN  (e,)
    weights: F32,  # IN  (e,)
    slots: I32,  # IN  (e,)
    start: int,
    stop: int,
    sums: F64,  # INOUT  (s, n)
) -> None:
    for j in range(start + cuda.grid(1), stop, cuda.gridsize(1)):
        total, held = np.float32(0), 0
        for i in range(e):
            gain = high[i] - max(low[i], costs[rows[i], j])
            total = fma(weights[i], max(gain, np.float32(0)), total)
            held += 1
            if held == _TOGETHER or i + 1 == e or slots[i + 1] != slots[i]:
                sums[slots[i], j] = add(sums[slots[i], j], np.float64(total))
                total, held = np.float32(0), 0
