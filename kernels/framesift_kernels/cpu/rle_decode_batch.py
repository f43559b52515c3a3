"""Many masks of run lengths."""

import numpy as np

from .. import I64, U8
from ._bytes import finish_streams
from ._compile import native
from ._paint import ONES, STREAMED, WHOLE, paint_columns, paint_rows

_STREAMED_BYTES = 8 * 2**20
_STREAMED_WIDTH = 256


def rle_decode_batch(counts: I64, offsets: I64, masks: U8, columns: bool, zeroed: bool) -> None:
    """Paint the runs of n masks; see `rle_decode`.

    Parameters
    ----------
    counts : (c,) int64
        Run lengths of the masks, one mask after the other.
    offsets : (n + 1,) int64
        Where in *counts* they begin and end.
    masks : (n, h, w) uint8, C-contiguous
        OUT: 0 and 1.
    columns
    zeroed
        Whether *masks* are zero already: then ones alone are written.

    Notes
    -----
    Masks of 8 MB and more are written past the caches, since their beginning would be pushed out of them anyway,
    and a store that goes through them reads the memory first.
    """
    n, height, width = masks.shape
    if not masks.size:
        return
    most = int(np.diff(offsets).max()) if columns else 0
    is_streamed = masks.nbytes >= _STREAMED_BYTES and width >= _STREAMED_WIDTH
    _decode_batch(
        counts,
        offsets,
        masks.reshape(n, height * width),
        width,
        np.empty(height + 1 if columns else 0, np.int64),
        np.empty(most, np.int64),
        np.empty(width, np.uint8),
        ONES if zeroed else STREAMED if is_streamed else WHOLE,
    )


@native
def _decode_batch(
    counts: I64,  # IN   (c,)
    offsets: I64,  # IN   (n + 1,)
    masks: U8,  # OUT  (n, h * w)
    width: int,
    starts: I64,  # scratch (h + 1,); (0,) for runs along rows
    changes: I64,  # scratch (most runs of a mask,)
    line: U8,  # scratch (w,)
    how: int,
) -> None:
    for i in range(len(masks)):
        runs = counts[offsets[i] : offsets[i + 1]]
        if len(starts):
            paint_columns(runs, masks[i], width, starts, changes, line, how)
        else:
            paint_rows(runs, masks[i], width, line, how)
    if how == STREAMED:
        finish_streams()
