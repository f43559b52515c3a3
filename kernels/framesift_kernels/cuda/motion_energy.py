"""How much changes from one thumbnail to the next."""

import numpy as np

from .. import F32, U8
from ._compile import THREADS, blocks, transfers
from ._pictures import differences


def motion_energy(thumbnails: U8, previous: U8 | None) -> F32:
    """Mean absolute difference to the thumbnail before: `framesift_kernels.cpu.motion_energy`, bit for bit.

    Parameters
    ----------
    thumbnails : (n, h, w) uint8, C-contiguous
        Not empty, at most 2**23 pixels each. Here or on the GPU.
    previous : (h, w) uint8, C-contiguous, or None
        The thumbnail before the first; None if there is none, which makes the energy of the first 0.

    Returns
    -------
    (n,) float32
        In grey levels, 0 to 255; a NumPy array.

    Notes
    -----
    Written for GPUs, run in Numba's simulator, never on a GPU so far.
    """
    n, h, w = thumbnails.shape
    sums = np.zeros(n, np.int64)
    if n:
        with transfers() as arrays:
            pictures = arrays.read(thumbnails).reshape(n, h * w)
            before = pictures[0] if previous is None else arrays.read(previous).reshape(h * w)
            differences[blocks(n, 1), THREADS](pictures, before, n, h * w, arrays.write(sums))
    energy: F32 = (sums / max(1, h * w)).astype(np.float32)
    return energy
