"""Run lengths of a mask."""

import numpy as np

from .. import I64, U8
from ._compile import transfers
from ._runs import along, down


def rle_encode(mask: U8, columns: bool) -> I64:
    """Encode a mask: the counts that `framesift_kernels.cpu.rle_encode` gives.

    Parameters
    ----------
    mask : (h, w) uint8, C-contiguous
        Any number but zero counts as one. Here or on the GPU.
    columns
        Whether runs go down the columns (COCO) or along the rows (Lightly).

    Returns
    -------
    counts : (m,) int64
        A NumPy array.

    Notes
    -----
    Written for GPUs, run in Numba's simulator, never on a GPU so far. The mask is read twice: to count, and to list.
    """
    size = mask.shape[0] * mask.shape[1]
    if not size:
        return np.zeros(1, np.int64)
    with transfers() as arrays:
        pixels = arrays.read(mask)
        places = down(arrays, pixels) if columns else along(arrays, pixels.reshape(size), 0, 1, True)
    return np.diff(places, prepend=0, append=size)
