"""How much fine detail a plane shows."""

from typing import Any

import numpy as np

from .. import Plane, Region
from ._compile import THREADS, Transfers, blocks, transfers
from ._pictures import ROW_STEP, laplacians


def sharpness(plane: Plane, region: Region, depth: int) -> float:
    """Variance of the Laplacian of a region, on every eighth row: `framesift_kernels.cpu.sharpness`, bit for bit.

    Parameters
    ----------
    plane : (rows, stride) uint8 or uint16, C-contiguous
        Here or on the GPU.
    region : (x1, x2, y1, y2)
        Inside the plane.
    depth : int
        Bits a pixel (8 for uint8): the variance is in squared grey levels of 8 bits, whatever the depth.

    Returns
    -------
    float
        Correctly rounded; 0.0 if the region is smaller than 3 x 3.

    Notes
    -----
    Written for GPUs, run in Numba's simulator, never on a GPU so far.
    """
    rows = Sharpness(region, depth)
    with transfers() as arrays:
        rows.measure(arrays, arrays.read(plane))
    return rows.variance


class Sharpness:
    """What is added up for it."""

    def __init__(self, region: Region, depth: int) -> None:
        x1, x2, y1, y2 = region
        self._region, self._depth = region, depth
        self._columns = max(0, x2 - x1 - 2)
        self._sums = np.zeros((len(range(y1 + 1, y2 - 1, ROW_STEP)), 2), np.int64)

    def measure(self, arrays: Transfers, plane: Any) -> None:
        """Launch; the sums come back at the end of the call."""
        x1, x2, y1, _ = self._region
        n = len(self._sums)
        if n and self._columns:
            laplacians[blocks(n, 1), THREADS](plane, x1, x2, y1, n, arrays.write(self._sums))

    @property
    def variance(self) -> float:
        """Of the Laplacians."""
        n = len(self._sums) * self._columns
        total, squares = self._sums.sum(axis=0).tolist()
        return (n * squares - total**2) / (n * n << 2 * (self._depth - 8)) if n else 0.0
