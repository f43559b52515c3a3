"""Many masks of run lengths."""

import numpy as np

from .. import I64, U8
from ._compile import THREADS, blocks, transfers
from ._runs import paint_batch


def rle_decode_batch(counts: I64, offsets: I64, masks: U8, columns: bool, zeroed: bool) -> None:
    """Paint the runs of n masks, by one launch; see `rle_decode`.

    Parameters
    ----------
    counts : (c,) int64
        Run lengths of the masks, one mask after the other. A NumPy array.
    offsets : (n + 1,) int64
        Where in *counts* they begin and end. A NumPy array.
    masks : (n, h, w) uint8, C-contiguous
        OUT: 0 and 1. Here or on the GPU.
    columns
    zeroed
        Whether *masks* are zero already; all of them is written all the same.

    Notes
    -----
    Written for GPUs, run in Numba's simulator, never on a GPU so far.
    """
    n, height, width = masks.shape
    if not n * height * width:
        return
    with transfers() as arrays:
        paint_batch[blocks(n * height * width), THREADS](
            arrays.read(np.cumsum(counts)),
            arrays.read(offsets),
            n,
            height,
            width,
            columns,
            arrays.write(masks),
        )
