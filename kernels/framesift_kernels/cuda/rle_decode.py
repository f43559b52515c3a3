"""Masks of run lengths."""

import numpy as np

from .. import I64, U8
from ._compile import THREADS, blocks, transfers
from ._runs import paint


def rle_decode(counts: I64, mask: U8, columns: bool) -> None:
    """Paint runs into a mask, as `framesift_kernels.cpu.rle_decode` does.

    Parameters
    ----------
    counts : (m,) int64
        Lengths of runs, zeros first, m >= 1, not negative, h * w in sum. A NumPy array.
    mask : (h, w) uint8, C-contiguous
        OUT: 0 and 1. Here or on the GPU.
    columns
        Whether runs go down the columns or along the rows.

    Notes
    -----
    Written for GPUs, run in Numba's simulator, never on a GPU so far. O(h w log m).
    """
    height, width = mask.shape
    if height * width:
        with transfers() as arrays:
            paint[blocks(height * width), THREADS](
                arrays.read(np.cumsum(counts)), len(counts), height, width, columns, arrays.write(mask)
            )
