"""Brightness and contrast of thumbnails."""

import numpy as np

from .. import F32, U8
from ._compile import THREADS, blocks, transfers
from ._pictures import grey_sums


def luminance(thumbnails: U8) -> tuple[F32, F32, U8]:
    """Measure how bright thumbnails are: `framesift_kernels.cpu.luminance`, bit for bit.

    Parameters
    ----------
    thumbnails : (n, h, w) uint8, C-contiguous
        Not empty, at most 2**23 pixels each. Here or on the GPU.

    Returns
    -------
    mean : (n,) float32
        Mean grey level.
    contrast : (n,) float32
        Standard deviation of the grey levels.
    brightest : (n,) uint8
        Largest grey level. All NumPy arrays.

    Notes
    -----
    Written for GPUs, run in Numba's simulator, never on a GPU so far.
    """
    n, h, w = thumbnails.shape
    sums = np.zeros((n, 3), np.int64)
    if n:
        with transfers() as arrays:
            pictures = arrays.read(thumbnails).reshape(n, h * w)
            grey_sums[blocks(n, 1), THREADS](pictures, n, h * w, arrays.write(sums))
    total, squares, brightest = sums.T
    pixels = max(1, h * w)
    contrast = np.sqrt((pixels * squares - total * total) / (pixels * pixels))
    return (total / pixels).astype(np.float32), contrast.astype(np.float32), brightest.astype(np.uint8)
