"""Nearest centre of every row."""

import numpy as np

from .. import F32, I32, Rows
from ._compile import transfers
from ._nearest import lower


def assign(x: Rows, centers: F32) -> tuple[I32, F32]:
    """Find the nearest centre of every row: `framesift_kernels.cpu.assign`, bit for bit.

    Parameters
    ----------
    x : (n, d) uint8, float16 or float32, C-contiguous
        Here or on the GPU.
    centers : (k, d) float32

    Returns
    -------
    labels : (n,) int32
    sqdist : (n,) float32
        NumPy arrays.

    Notes
    -----
    Written for GPUs, run in Numba's simulator, never on a GPU so far.
    """
    labels = np.full(len(x), min(len(centers), 1) - 1, np.int32)
    sqdist = np.full(len(x), np.inf, np.float32)
    with transfers() as arrays:
        lower(
            arrays.read(x),
            None,
            len(x),
            arrays.read(centers),
            0,
            arrays.change(sqdist),
            arrays.change(labels),
        )
    return labels, sqdist
