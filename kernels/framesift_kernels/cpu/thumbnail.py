"""The picture in a plane, at thumbnail size."""

import math
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import F64, I64, U8, U16, U32, U64, Plane, Region
from ._compile import kernel, native, pin

_ROWS_A_PASS = 6
_ROWS_A_FLUSH = 252  # up to 257 rows of uint8 add up in uint16


def thumbnail(plane: Plane, region: Region, gain: float, bias: float, out: U8) -> None:
    """Shrink a region of a plane by exact area average, and turn it into 8-bit grey.

    ``out[i, j] = clip(floor(mean * gain + bias + 0.5), 0, 255)`` in float64, where mean is the average over
    columns ``[j * W / w, (j + 1) * W / w)`` and rows ``[i * H / h, (i + 1) * H / h)`` of the region (H, W); a pixel
    on a border counts by the fraction inside. The sum behind the mean is exact whatever the ratio.

    Parameters
    ----------
    plane : (rows, stride) uint8 or uint16, C-contiguous
        At most 16384 x 16384. Padding columns at the right are not read.
    region : (x1, x2, y1, y2)
        Not empty, inside the plane.
    gain, bias : float
        From value to grey: 1 and 0 for full-range 8 bit, 255 / 219 and -16 * 255 / 219 for limited range.
    out : (h, w) uint8, 1 <= h <= H, 1 <= w <= W
        Written.

    Notes
    -----
    What OpenCV calls ``INTER_AREA``, without its rounded weights. Rows are added up first, many pixels an
    instruction, which leaves one line a row of *out* for the sums over columns: one pass over the pixels, about as
    fast as they can be read. Scratch: 14 bytes a column of the region (16 for uint16).
    """
    x1, x2, y1, y2 = region
    h, w = out.shape
    rows, row_weight, cell_height = _cells(y2 - y1, h)
    column_weight, cell_width = _cells(x2 - x1, w)[1:]
    partial, line, prefix, borders = _scratch(
        x2 - x1, np.arange(w + 1) * cell_width, column_weight, plane.dtype
    )
    _thumbnail(
        plane,
        x1,
        y1,
        rows,
        borders,
        row_weight,
        column_weight,
        cell_height * cell_width,
        float(gain),
        float(bias),
        partial,
        line,
        prefix,
        np.empty(w, np.float64),
        out,
    )


def _scratch(
    width: int, places: I64, weight: int, dtype: "np.dtype[Any]"
) -> tuple[npt.NDArray[Any], U32, U64, I64]:
    """Scratch for a region *width* wide, and the `_borders` at *places* among the elements of its lines.

    Where every cell is made of whole pairs of columns, an element stands for two.
    """
    is_paired = not (places % (2 * weight)).any()
    n = width // 2 if is_paired else width
    partial = np.empty(width, np.uint16 if dtype == np.uint8 else np.uint32)
    borders = _borders(places // 2 if is_paired else places, weight, n)
    return partial, np.empty(n, np.uint32), np.empty(n, np.uint64), borders


def _borders(places: I64, weight: int, n: int) -> I64:
    """(2, w + 1): the element, of *n*, that each place lies in or ends, and its share before that place.

    Places and shares are in units of which *weight* make an element.
    """
    at = np.minimum(places // weight, n - 1)
    return np.stack([at, places - at * weight])


@native
def _thumbnail(
    plane: Plane,  # IN   (rows, stride)
    x1: int,
    y1: int,
    rows: I64,  # IN   (h, 4)
    borders: I64,  # IN   (2, w + 1)
    row_weight: int,
    column_weight: int,
    cell: int,
    gain: float,
    bias: float,
    partial: U16 | U32,  # scratch (W,)
    line: U32,  # scratch (W,) or (W / 2,)
    prefix: U64,  # scratch (len(line),)
    means: F64,  # scratch (w,)
    out: U8,  # OUT  (h, w)
) -> None:
    for i in range(len(rows)):
        _shrink_row(
            plane,
            x1,
            y1,
            rows[i],
            borders,
            row_weight,
            column_weight,
            cell,
            gain,
            bias,
            partial,
            line,
            prefix,
            means,
            out[i],
        )


@kernel
def _shrink_row(
    plane: Plane,  # IN   (rows, stride)
    x1: int,
    y1: int,
    row: I64,  # IN   (4,)
    borders: I64,  # IN   (2, w + 1)
    row_weight: int,
    column_weight: int,
    cell: int,
    gain: float,
    bias: float,
    partial: U16 | U32,  # scratch (W,)
    line: U32,  # scratch (W,) or (W / 2,)
    prefix: U64,  # scratch (len(line),)
    means: F64,  # scratch (w,)
    out: U8,  # OUT  (w,)
) -> None:
    """One row of a thumbnail."""
    x2 = x1 + len(partial)
    first, stop, before, after = row
    line[:] = 0  # a weighted sum of rows: at most 16384 * 65535 a column
    _add_rows(line, partial, plane, (x1, x2, y1 + first, y1 + stop), row_weight)
    if before:
        _add_weighted(line, plane[y1 + first - 1, x1:x2], before)
    if after:
        _add_weighted(line, plane[y1 + stop, x1:x2], after)
    _add_columns(line, borders, column_weight, prefix, means)
    _to_grey(means, cell, gain, bias, out)


@kernel
def _add_columns(
    line: U32,  # IN   (n,)
    borders: I64,  # IN   (2, w + 1)
    weight: int,
    prefix: U64,  # scratch (n,)
    sums: F64,  # OUT  (w,)
) -> None:
    """Sums over the cells of a line: differences of what stands before their borders."""
    total = np.uint64(0)
    for x in range(len(line)):
        prefix[x] = total
        total += line[x]
    at, share = borders[0], borders[1]
    left = weight * np.int64(prefix[at[0]]) + share[0] * np.int64(line[at[0]])
    for j in range(len(sums)):
        x = at[j + 1]
        right = weight * np.int64(prefix[x]) + share[j + 1] * np.int64(line[x])
        sums[j] = right - left
        left = right


@kernel
def _to_grey(sums: F64, cell: int, gain: float, bias: float, out: U8) -> None:
    for j in range(len(sums)):
        out[j] = _grey(sums[j] / cell, gain, bias)


@lru_cache(maxsize=64)
def _cells(size: int, count: int) -> tuple[I64, int, int]:
    """Divide *size* pixels into *count* equal cells, count <= size.

    Returns (count, 4) with, for each cell, the range ``[first, stop)`` of the pixels that are all its own and its
    shares in the pixels ``first - 1`` and ``stop``; the weight of a whole pixel; the weight of a cell. Weights are
    in units of ``gcd(size, count) / count`` pixels, in which every border is a whole number.
    """
    unit = math.gcd(size, count)
    pixel, cell = count // unit, size // unit
    borders = np.arange(count + 1) * cell
    first, stop = -(-borders[:-1] // pixel), borders[1:] // pixel
    table = np.stack([first, stop, first * pixel - borders[:-1], borders[1:] - stop * pixel], axis=1)
    return pin(np.ascontiguousarray(table, np.int64)), pixel, cell


@kernel
def _add_rows(
    line: U32,  # INOUT (W,) or (W / 2,)
    partial: U16 | U32,  # scratch (W,)
    plane: Plane,  # IN   (rows, stride)
    region: Region,
    weight: int,
) -> None:
    """Add the rows of the region, each times *weight*: in *partial* first, whose narrow integers are faster."""
    x1, x2, y1, y2 = region
    for start in range(y1, y2, _ROWS_A_FLUSH):
        stop = min(start + _ROWS_A_FLUSH, y2)
        partial[:] = 0
        y = start
        while y + _ROWS_A_PASS <= stop:
            _add_six(
                partial,
                plane[y, x1:x2],
                plane[y + 1, x1:x2],
                plane[y + 2, x1:x2],
                plane[y + 3, x1:x2],
                plane[y + 4, x1:x2],
                plane[y + 5, x1:x2],
            )
            y += _ROWS_A_PASS
        while y < stop:
            _add(partial, plane[y, x1:x2])
            y += 1
        _add_weighted(line, partial, weight)


@kernel
def _add_six(total: U16 | U32, a: Plane, b: Plane, c: Plane, d: Plane, e: Plane, f: Plane) -> None:
    for x in range(len(total)):
        total[x] = total[x] + a[x] + b[x] + c[x] + d[x] + e[x] + f[x]


@kernel
def _add(total: U16 | U32, row: Plane) -> None:
    for x in range(len(total)):
        total[x] += row[x]


@kernel
def _add_weighted(total: U32, row: Plane | U32, weight: int) -> None:
    factor = np.uint32(weight)
    if len(total) == len(row):
        for x in range(len(total)):
            total[x] += factor * row[x]
    else:
        for x in range(len(total)):
            total[x] += factor * (np.uint32(row[2 * x]) + np.uint32(row[2 * x + 1]))


@kernel
def _grey(mean: float, gain: float, bias: float) -> np.uint8:
    """Round to the nearest 8-bit grey, halves up."""
    return np.uint8(min(max(mean * gain + bias + 0.5, 0.0), 255.0))
