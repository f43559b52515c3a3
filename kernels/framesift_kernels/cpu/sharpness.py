"""How much fine detail a plane shows."""

import numpy as np

from .. import I64, Plane, Region
from ._compile import kernel, native

_ROW_STEP = 8
_CHUNK = 1024  # the squares of this many Laplacians of uint8 pixels add up to less than 2**31: 1024 * 1020**2


def sharpness(plane: Plane, region: Region, depth: int) -> float:
    """Measure the sharpness of a region of a plane: the variance of its Laplacian, on every eighth row.

    The Laplacian ``left + right + above + below - 4 * here`` is taken at full resolution at the interior pixels of
    rows ``y1 + 1, y1 + 9, ...`` of the region.

    Parameters
    ----------
    plane : (rows, stride) uint8 or uint16, C-contiguous
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
    Pech-Pacheco et al., *Diatom autofocusing in brightfield microscopy*, ICPR 2000 (the "variance of Laplacian" of
    OpenCV users, without its mirrored borders). O(pixels / 8), no scratch.
    """
    sums = np.zeros(2, np.int64)
    _laplacian_sums(plane, *region, sums)
    return _variance(sums, region, depth)


def _variance(sums: I64, region: Region, depth: int) -> float:
    """The variance of the Laplacians of a region, of which *sums* are the sum and the sum of squares."""
    x1, x2, y1, y2 = region
    n = len(range(y1 + 1, y2 - 1, _ROW_STEP)) * max(0, x2 - x1 - 2)
    total, squares = sums.tolist()
    return (n * squares - total**2) / (n * n << 2 * (depth - 8)) if n else 0.0


@native
def _laplacian_sums(
    plane: Plane,  # IN (rows, stride)
    x1: int,
    x2: int,
    y1: int,
    y2: int,
    sums: I64,  # INOUT (2,): of the Laplacians, of their squares
) -> None:
    for y in range(y1 + 1, y2 - 1, _ROW_STEP):
        _add_row(plane, x1, x2, y, sums)


@kernel
def _add_row(plane: Plane, x1: int, x2: int, y: int, sums: I64) -> None:
    """Add the Laplacians of the interior pixels of row *y*, and their squares."""
    for start in range(x1, x2 - 2, _CHUNK):
        stop = min(start + _CHUNK + 2, x2)
        above, here, below = plane[y - 1, start:stop], plane[y, start:stop], plane[y + 1, start:stop]
        if plane.itemsize == 1:
            part, part_squares = _sums_u8(above, here, below)
        else:
            part, part_squares = _sums_u16(above, here, below)
        sums[0] += part
        sums[1] += part_squares


@kernel
def _laplacian_u8(above: Plane, here: Plane, below: Plane, x: int) -> np.int16:
    """As `_laplacian`; at most 1020, and so twice as many a vector."""
    centre, left, right = np.int16(here[x + 1]), np.int16(here[x]), np.int16(here[x + 2])
    around = np.int16(np.int16(left + right) + np.int16(np.int16(above[x + 1]) + np.int16(below[x + 1])))
    return np.int16(np.int16(np.int16(4) * centre) - around)


@kernel
def _laplacian(above: Plane, here: Plane, below: Plane, x: int) -> np.int32:
    """4-neighbour Laplacian (its sign turned) at column x + 1."""
    centre, left, right = np.int32(here[x + 1]), np.int32(here[x]), np.int32(here[x + 2])
    return np.int32(np.int32(4) * centre - left - right - np.int32(above[x + 1]) - np.int32(below[x + 1]))


@kernel
def _sums_u8(above: Plane, here: Plane, below: Plane) -> tuple[np.int64, np.int64]:
    total = squares = np.int32(0)  # half as wide as int64: twice as many a vector
    for x in range(len(here) - 2):
        v = np.int32(_laplacian_u8(above, here, below, x))
        total = np.int32(total + v)
        squares = np.int32(squares + v * v)
    return np.int64(total), np.int64(squares)


@kernel
def _sums_u16(above: Plane, here: Plane, below: Plane) -> tuple[np.int64, np.int64]:
    total = squares = np.int64(0)
    for x in range(len(here) - 2):
        v = np.int64(_laplacian(above, here, below, x))
        total += v
        squares += v * v
    return total, squares
