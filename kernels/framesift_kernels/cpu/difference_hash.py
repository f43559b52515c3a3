"""Fingerprints of pictures that look alike."""

import numpy as np

from .. import I64, U8, U64
from ._compile import kernel, native

_ROWS, _COLUMNS = 8, 9


def difference_hash(thumbnails: U8) -> U64:
    """Hash what gets brighter to the right: similar pictures have hashes that differ in few bits.

    Parameters
    ----------
    thumbnails : (n, h, w) uint8, C-contiguous
        Not empty, at most 2**23 pixels each.

    Returns
    -------
    (n,) uint64
        Bit ``63 - (8 * i + j)``: whether cell (i, j + 1) of 8 x 9 equal cells is brighter than cell (i, j). A cell
        is the exact area average of the picture there; a pixel on a border counts by the fraction inside. How much
        two pictures differ is the number of bits that do (``np.bitwise_count(a ^ b)``).

    Notes
    -----
    The dHash of Krawetz, *Kind of like that* (The Hacker Factor Blog, 21 January 2013), by area average instead of
    an unnamed filter. The order of the bits is that of the package ImageHash. O(pixels).
    """
    hashes = np.empty(len(thumbnails), np.uint64)
    _difference_hash(thumbnails, np.empty((_ROWS, _COLUMNS), np.int64), hashes)
    return hashes


@native
def _difference_hash(
    thumbnails: U8,  # IN   (n, h, w)
    cells: I64,  # scratch (8, 9)
    hashes: U64,  # OUT  (n,)
) -> None:
    for n in range(len(thumbnails)):
        _sum_cells(thumbnails[n], cells)
        found = np.uint64(0)
        for i in range(_ROWS):
            for j in range(_COLUMNS - 1):
                found = (found << np.uint64(1)) | np.uint64(cells[i, j + 1] > cells[i, j])
        hashes[n] = found


@kernel
def _overlap(i: int, cells: int, x: int, size: int) -> int:
    """What cell i of *cells* and pixel x of *size* share, in units of ``1 / cells`` pixels."""
    return min((i + 1) * size, (x + 1) * cells) - max(i * size, x * cells)


@kernel
def _sum_cells(picture: U8, sums: I64) -> None:
    """Weighted sums of the pixels of equal cells, all of one weight in total."""
    rows, columns = sums.shape
    height, width = picture.shape
    sums[:] = 0
    for i in range(rows):
        for y in range(i * height // rows, -(-(i + 1) * height // rows)):
            row_weight = _overlap(i, rows, y, height)
            for j in range(columns):
                line = np.int64(0)
                for x in range(j * width // columns, -(-(j + 1) * width // columns)):
                    line += _overlap(j, columns, x, width) * np.int64(picture[y, x])
                sums[i, j] += row_weight * line
