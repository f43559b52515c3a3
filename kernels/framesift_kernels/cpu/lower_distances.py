"""Distances to the nearest of a growing set of rows."""

import numpy as np

from .. import F32, I64, Rows
from ._compile import fma, kernel, native

_CHUNK = 2**15  # the squares of this many differences of uint8 add up to less than 2**31
_ROWS = 4  # a chain of FMAs waits four cycles for each: four rows at once leave none idle


def lower_distances(x: Rows, row: Rows, sqdist: I64 | F32) -> None:
    """Take another row into account: ``sqdist[i] = min(sqdist[i], |x[i] - row|**2)``.

    Parameters
    ----------
    x : (n, d) uint8 or float32, C-contiguous
    row : (d,) of the same dtype
    sqdist : (n,) int64 for uint8, float32 for float32
        Lowered in place. Exact for uint8; for float32 each distance is one chain of fused multiply-adds over
        ``j = 0, 1, ..., d - 1``, so that it does not depend on the other rows.
    """
    if x.dtype == np.uint8:
        _lower_u8(x, row, sqdist)
    else:
        _lower_f32(x, row, sqdist)


@native
def _lower_u8(
    x: Rows,  # IN     (n, d) uint8
    row: Rows,  # IN     (d,) uint8
    sqdist: I64 | F32,  # INOUT  (n,) int64
) -> None:
    for i in range(len(x)):
        total = np.int64(0)
        for start in range(0, len(row), _CHUNK):
            total += _squares(x[i, start : start + _CHUNK], row[start : start + _CHUNK])
        sqdist[i] = min(sqdist[i], total)


@kernel
def _squares(a: Rows, b: Rows) -> np.int32:
    total = np.int32(0)
    for j in range(len(a)):
        diff = np.int32(np.int32(a[j]) - np.int32(b[j]))
        total = np.int32(total + diff * diff)
    return total


@native
def _lower_f32(
    x: Rows,  # IN     (n, d) float32
    row: Rows,  # IN     (d,) float32
    sqdist: I64 | F32,  # INOUT  (n,) float32
) -> None:
    whole = len(x) // _ROWS * _ROWS
    for i in range(0, whole, _ROWS):
        a = b = c = d = np.float32(0)
        for j in range(len(row)):
            a = _step(a, x[i, j], row[j])
            b = _step(b, x[i + 1, j], row[j])
            c = _step(c, x[i + 2, j], row[j])
            d = _step(d, x[i + 3, j], row[j])
        sqdist[i], sqdist[i + 1] = min(sqdist[i], a), min(sqdist[i + 1], b)
        sqdist[i + 2], sqdist[i + 3] = min(sqdist[i + 2], c), min(sqdist[i + 3], d)
    for i in range(whole, len(x)):
        a = np.float32(0)
        for j in range(len(row)):
            a = _step(a, x[i, j], row[j])
        sqdist[i] = min(sqdist[i], a)


@kernel
def _step(total: np.float32, a: np.float32, b: np.float32) -> np.float32:
    """One link of the chain."""
    diff = np.float32(a - b)
    return fma(diff, diff, total)
