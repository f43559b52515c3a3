"""Pixels that masks share."""

from typing import Any

import numpy as np
from numba import cuda

from .. import F64, I64
from ._compile import THREADS, blocks, device, kernel, transfers


def rle_overlaps(a: I64, a_offsets: I64, a_boxes: I64, b: I64, b_offsets: I64, b_boxes: I64) -> F64:
    """Count the pixels that every two masks share, in their runs, as `framesift_kernels.cpu.rle_overlaps` does.

    Parameters
    ----------
    a : (c,) int64
        Run lengths of n masks, one mask after the other.
    a_offsets : (n + 1,) int64
        Where they begin and end.
    a_boxes : (n, 4) int64
        `rle_box` of each. Masks whose boxes are apart are not compared.
    b, b_offsets, b_boxes
        The same of m masks of the same size and order.

    All here or on the GPU.

    Returns
    -------
    (n, m) float64
        A NumPy array.

    Notes
    -----
    Written for GPUs, run in Numba's simulator, never on a GPU so far. A thread for each pair.
    """
    n, m = len(a_boxes), len(b_boxes)
    shared = np.zeros((n, m), np.float64)
    if n and m:
        with transfers() as arrays:
            given = [arrays.read(array) for array in (a, a_offsets, a_boxes, b, b_offsets, b_boxes)]
            _overlaps[blocks(n * m), THREADS](*given, n, m, arrays.write(shared))
    return shared


@kernel
def _overlaps(
    a: I64,  # IN  (c,)
    a_offsets: I64,  # IN  (n + 1,)
    a_boxes: I64,  # IN  (n, 4)
    b: I64,
    b_offsets: I64,  # IN  (m + 1,)
    b_boxes: I64,  # IN  (m, 4)
    n: int,
    m: int,
    shared: F64,  # OUT  (n, m)
) -> None:
    for e in range(cuda.grid(1), n * m, cuda.gridsize(1)):
        i, j = e // m, e % m
        total = np.int64(0)
        if _meet(a_boxes, i, b_boxes, j, 0) and _meet(a_boxes, i, b_boxes, j, 1):
            total = _overlap(a, a_offsets[i], a_offsets[i + 1], b, b_offsets[j], b_offsets[j + 1])
        shared[i, j] = np.float64(total)


@device
def _meet(a: I64, i: int, b: I64, j: int, axis: int) -> Any:
    """Whether two boxes overlap along an axis."""
    last = min(a[i, axis] + a[i, axis + 2], b[j, axis] + b[j, axis + 2])
    return max(a[i, axis], b[j, axis]) < last


@device
def _overlap(a: I64, i: int, a_stop: int, b: I64, j: int, b_stop: int) -> np.int64:
    """Pixels that ``a[i : a_stop]`` and ``b[j : b_stop]`` share."""
    at, total = np.int64(0), np.int64(0)
    end_a, end_b = a[i], b[j]
    in_a, in_b = False, False
    while i < a_stop and j < b_stop:
        end = min(end_a, end_b)
        if in_a and in_b:
            total += end - at
        at = end
        if end_a == end:
            i, in_a = i + 1, not in_a
            if i < a_stop:
                end_a += a[i]
        if end_b == end:
            j, in_b = j + 1, not in_b
            if j < b_stop:
                end_b += b[j]
    return total
