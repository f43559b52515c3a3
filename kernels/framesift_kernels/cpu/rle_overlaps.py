"""Pixels that masks share."""

import numpy as np

from .. import F64, I64
from ._compile import kernel, native


def rle_overlaps(a: I64, a_offsets: I64, a_boxes: I64, b: I64, b_offsets: I64, b_boxes: I64) -> F64:
    """Count the pixels that every two masks share, in their runs.

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

    Returns
    -------
    (n, m) float64
    """
    shared = np.empty((len(a_boxes), len(b_boxes)), np.float64)
    _overlaps(a, a_offsets, a_boxes, b, b_offsets, b_boxes, shared)
    return shared


@kernel
def _overlap(a: I64, b: I64) -> int:
    """How many pixels two masks of one size share."""
    i, j, at, total = 0, 0, 0, 0
    end_a, end_b = a[0], b[0]
    while i < len(a) and j < len(b):
        end = min(end_a, end_b)
        if i % 2 and j % 2:
            total += end - at
        at = end
        if end_a == end:
            i += 1
            end_a += a[i] if i < len(a) else 0
        if end_b == end:
            j += 1
            end_b += b[j] if j < len(b) else 0
    return total


@kernel
def _are_apart(a: I64, b: I64) -> bool:
    """Whether two boxes share no pixel."""
    for axis in range(2):
        if max(a[axis], b[axis]) >= min(a[axis] + a[axis + 2], b[axis] + b[axis + 2]):
            return True
    return False


@native
def _overlaps(
    a: I64,  # IN   (c,)
    a_offsets: I64,  # IN   (n + 1,)
    a_boxes: I64,  # IN   (n, 4)
    b: I64,
    b_offsets: I64,  # IN   (m + 1,)
    b_boxes: I64,  # IN   (m, 4)
    shared: F64,  # OUT  (n, m)
) -> None:
    for i in range(len(a_boxes)):
        for j in range(len(b_boxes)):
            shared[i, j] = 0
            if not _are_apart(a_boxes[i], b_boxes[j]):
                one, other = a[a_offsets[i] : a_offsets[i + 1]], b[b_offsets[j] : b_offsets[j + 1]]
                shared[i, j] = _overlap(one, other)
