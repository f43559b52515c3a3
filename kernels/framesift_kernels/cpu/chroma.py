"""The colour differences of a picture, at thumbnail size."""

import math
from functools import lru_cache

import numpy as np

from .. import F64, I64, U8, U16, U32, U64, Plane, Region
from ._compile import kernel, native, pin
from .thumbnail import _add_rows, _add_weighted, _grey


def chroma(plane: Plane, shift: tuple[int, int], region: Region, gain: float, bias: float, out: U8) -> None:
    """Shrink a region of one or two colour differences by exact area average.

    A sample stands for ``2**shift[0]`` columns and ``2**shift[1]`` rows of the picture, and the last ones for
    what of these there is. With every sample repeated so often, ``out[k, i, j]`` is what `thumbnail` makes of
    difference k: ``clip(floor(mean * gain + bias + 0.5), 0, 255)`` over the same cells of the picture. A cell may
    be smaller than a sample.

    Parameters
    ----------
    plane : (rows, stride) uint8 or uint16, C-contiguous
        Samples of difference 0, or of 0 and 1 by turns. Padding at the right is not read.
    shift : (x, y)
        0 to 2 each: ``(1, 1)`` for 4:2:0, ``(1, 0)`` for 4:2:2, ``(0, 0)`` for 4:4:4.
    region : (x1, x2, y1, y2)
        Of the picture, at most 16384 x 16384; not empty, inside of what the samples stand for.
    gain, bias : float
        From sample to level: 1 and 0 for full-range 8 bit, where 128 is no colour.
    out : (k, h, w) uint8, 1 <= k <= 2, 1 <= h <= y2 - y1, 1 <= w <= x2 - x1, C-contiguous
        Written.

    Notes
    -----
    As `thumbnail`: rows first, many samples an instruction, then the one line that is left.
    """
    x1, x2, y1, y2 = region
    k, h, w = out.shape
    rows, row_weight, cell_height, _ = _cells(y1, y2, h, shift[1])
    columns, column_weight, cell_width, n = _cells(x1, x2, w, shift[0])
    partial = np.empty(n * k, np.uint16) if plane.dtype == np.uint8 else np.empty(n * k, np.uint32)
    _chroma(
        plane,
        x1 >> shift[0],
        y1 >> shift[1],
        rows,
        columns,
        row_weight,
        column_weight,
        cell_height * cell_width,
        float(gain),
        float(bias),
        partial,
        np.empty(n * k, np.uint32),
        np.empty(n + 1, np.uint64),
        np.empty(w, np.float64),
        out,
    )


@native
def _chroma(
    plane: Plane,  # IN   (rows, stride)
    x1: int,
    y1: int,
    rows: I64,  # IN   (h, 4)
    columns: I64,  # IN   (w, 4)
    row_weight: int,
    column_weight: int,
    cell: int,
    gain: float,
    bias: float,
    partial: U16 | U32,  # scratch (n * k,)
    line: U32,  # scratch (n * k,)
    prefix: U64,  # scratch (n + 1,)
    means: F64,  # scratch (w,)
    out: U8,  # OUT  (k, h, w)
) -> None:
    k = len(out)
    left, right = x1 * k, x1 * k + len(line)
    for i in range(len(rows)):
        first, stop, before, after = rows[i]
        line[:] = 0
        _add_rows(line, partial, plane, (left, right, y1 + first, y1 + stop), row_weight)
        if before:
            _add_weighted(line, plane[y1 + first - 1, left:right], before)
        if after:
            _add_weighted(line, plane[y1 + stop, left:right], after)
        for part in range(k):
            if k == 1:
                _add_columns(line, columns, column_weight, prefix, means)
            else:
                _add_columns(line[part::k], columns, column_weight, prefix, means)
            for j in range(len(columns)):
                out[part, i, j] = _grey(means[j] / cell, gain, bias)


@kernel
def _add_columns(
    line: U32,  # IN   (n,)
    columns: I64,  # IN   (w, 4)
    weight: int,
    prefix: U64,  # scratch (n + 1,)
    sums: F64,  # OUT  (w,)
) -> None:
    """Sums over the cells of a line."""
    total = np.uint64(0)
    prefix[0] = 0
    for x in range(len(line)):
        total += line[x]
        prefix[x + 1] = total
    for j in range(len(columns)):
        first, stop, before, after = columns[j]
        weighted = weight * np.int64(prefix[stop] - prefix[first])
        if before:
            weighted += before * np.int64(line[first - 1])
        if after:
            weighted += after * np.int64(line[stop])
        sums[j] = weighted


@lru_cache(maxsize=64)
def _cells(start: int, stop: int, count: int, shift: int) -> tuple[I64, int, int, int]:
    """Divide the pixels ``[start, stop)`` into *count* equal cells, in samples of ``2**shift`` pixels.

    As `thumbnail._cells`, (count, 4) relative to the sample of pixel *start*: the range of samples that are all
    a cell's own and its shares in the one before and the one after; the weight of a whole sample; that of a
    cell; and how many samples there are. A cell inside one sample has its share in the one before alone.
    """
    unit = math.gcd(stop - start, count << shift, start * count)
    sample, cell = (count << shift) // unit, (stop - start) // unit
    borders = start * count // unit - (start >> shift) * sample + np.arange(count + 1) * cell
    first, last = -(-borders[:-1] // sample), borders[1:] // sample
    before, after = first * sample - borders[:-1], borders[1:] - last * sample
    inside = last < first
    table = np.stack(
        [first, np.where(inside, first, last), np.where(inside, cell, before), np.where(inside, 0, after)],
        axis=1,
    )
    return pin(np.ascontiguousarray(table, np.int64)), sample, cell, int(-(-borders[-1] // sample))
