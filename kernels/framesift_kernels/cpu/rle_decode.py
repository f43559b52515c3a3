"""Masks of run lengths."""

import numpy as np

from .. import I64, U8
from ._compile import native
from ._paint import WHOLE, paint_columns, paint_rows


def rle_decode(counts: I64, mask: U8, columns: bool) -> None:
    """Paint runs into a mask.

    Parameters
    ----------
    counts : (m,) int64
        Lengths of runs, zeros first, m >= 1, not negative, h * w in sum.
    mask : (h, w) uint8, C-contiguous
        OUT: 0 and 1.
    columns
        Whether runs go down the columns or along the rows. The mask is written in its own order either way.

    Notes
    -----
    Scratch: 8 bytes a row and a run, one a column.
    """
    height, width = mask.shape
    if not mask.size:
        return
    changes = np.empty(len(counts) if columns else 0, np.int64)
    starts = np.empty(height + 1 if columns else 0, np.int64)
    _decode(counts, mask.reshape(-1), width, starts, changes, np.empty(width, np.uint8))


@native
def _decode(
    counts: I64,  # IN   (m,)
    mask: U8,  # OUT  (h * w,)
    width: int,
    starts: I64,  # scratch (h + 1,); (0,) for runs along rows
    changes: I64,  # scratch (m,)
    line: U8,  # scratch (w,)
) -> None:
    if len(starts):
        paint_columns(counts, mask, width, starts, changes, line, WHOLE)
    else:
        paint_rows(counts, mask, width, line, WHOLE)
