"""Pixels that masks share."""

import numpy as np

from .. import F64, I64


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
    from ._rle import overlaps

    shared = np.empty((len(a_boxes), len(b_boxes)), np.float64)
    overlaps(a, a_offsets, a_boxes, b, b_offsets, b_boxes, shared)
    return shared
