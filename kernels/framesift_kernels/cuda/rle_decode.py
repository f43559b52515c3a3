"""Masks of run lengths."""

import numpy as np

from .. import I64, U8
from .rle_decode_batch import rle_decode_batch


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
    rle_decode_batch(counts, np.array([0, len(counts)]), mask.reshape(1, height, width), columns, False)
