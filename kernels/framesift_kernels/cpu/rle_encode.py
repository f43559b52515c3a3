"""Run lengths of a mask."""

import numpy as np

from .. import I64, U8


def rle_encode(mask: U8, columns: bool) -> I64:
    """Encode a mask.

    Parameters
    ----------
    mask : (h, w) uint8, C-contiguous
        Any number but zero counts as one.
    columns
        Whether runs go down the columns (COCO) or along the rows (Lightly). The mask is read in its own order
        either way, once.

    Returns
    -------
    counts : (m,) int64
        Lengths of runs of zeros and ones in turn, zeros first; the first may be 0, no other is, and they add up to
        h * w.
    """
    from ._rle import changes, columns_of, runs

    flat, width = mask.reshape(-1), mask.shape[1]
    if not len(flat):
        return np.zeros(1, np.int64)
    counts: I64
    if columns:
        counts = runs(columns_of(mask, changes(flat, width, width)), len(flat), 0)
    else:
        counts = runs(changes(flat, 1, 1), len(flat), int(flat[0] != 0))
    return counts
