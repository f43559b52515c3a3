"""Fingerprints of pictures that look alike."""

import numpy as np

from .. import U8, U64
from ._compile import THREADS, blocks, transfers
from ._pictures import CELLS, cell_sums


def difference_hash(thumbnails: U8) -> U64:
    """Hash what gets brighter to the right: `framesift_kernels.cpu.difference_hash`, bit for bit.

    Parameters
    ----------
    thumbnails : (n, h, w) uint8, C-contiguous
        Not empty, at most 2**23 pixels each. Here or on the GPU.

    Returns
    -------
    (n,) uint64
        Bit ``63 - (8 * i + j)``: whether cell (i, j + 1) of 8 x 9 equal cells is brighter than cell (i, j). A NumPy
        array.

    Notes
    -----
    Written for GPUs, run in Numba's simulator, never on a GPU so far.
    """
    n, height, width = thumbnails.shape
    sums = np.zeros((n, CELLS[0] * CELLS[1]), np.int64)
    if n:
        with transfers() as arrays:
            cell_sums[blocks(sums.size), THREADS](
                arrays.read(thumbnails), n, height, width, arrays.write(sums)
            )
    cells = sums.reshape(n, *CELLS)
    brighter = (cells[:, :, 1:] > cells[:, :, :-1]).reshape(n, 64)
    return np.packbits(brighter, axis=1).view(">u8").astype(np.uint64).reshape(n)
