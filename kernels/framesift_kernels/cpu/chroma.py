"""The colour differences of a picture, at thumbnail size."""

import math
from functools import lru_cache

import numpy as np

from .. import F64, I64, U8, U16, U32, U64, Plane, Region
from ._compile import native, pin
from .thumbnail import _add_columns, _add_rows, _add_weighted, _borders, _to_grey


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
    column_weight, cell_width, n = _cells(x1, x2, w, shift[0])[1:]
    borders = _borders(_places(x1, x2, w, shift[0]), column_weight, n)
    partial = np.empty(n * k, np.uint16) if plane.dtype == np.uint8 else np.empty(n * k, np.uint32)
    _chroma(
        plane,
        x1 >> shift[0],
        y1 >> shift[1],
        rows,
        borders,
        row_weight,
        column_weight,
        cell_height * cell_width,
        float(gain),
        float(bias),
        partial,
        np.empty(n * k, np.uint32),
        np.empty(n, np.uint64),
        np.empty(w, np.float64),
        out,
    )


@native
def _chroma(
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
    partial: U16 | U32,  # scratch (n * k,)
    line: U32,  # scratch (n * k,)
    prefix: U64,  # scratch (n,)
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
                _add_columns(line, borders, column_weight, prefix, means)
            else:
                _add_columns(line[part::k], borders, column_weight, prefix, means)
            _to_grey(means, cell, gain, bias, out[part, i])


def _places(start: int, stop: int, count: int, shift: int) -> I64:
    """(count + 1,) borders of the cells of `_cells`, in its units, from the sample of pixel *start* on."""
    unit = math.gcd(stop - start, count << shift, start * count)
    first = start * count // unit - (start >> shift) * ((count << shift) // unit)
    return first + np.arange(count + 1) * ((stop - start) // unit)


@lru_cache(maxsize=64)
def _cells(start: int, stop: int, count: int, shift: int) -> tuple[I64, int, int, int]:
    """Divide the pixels ``[start, stop)`` into *count* equal cells, in samples of ``2**shift`` pixels.

    As `thumbnail._cells`, (count, 4) relative to the sample of pixel *start*: the range of samples that are all
    a cell's own and its shares in the one before and the one after; the weight of a whole sample; that of a
    cell; and how many samples there are. A cell inside one sample has its share in the one before alone.
    """
    unit = math.gcd(stop - start, count << shift, start * count)
    sample, cell = (count << shift) // unit, (stop - start) // unit
    borders = _places(start, stop, count, shift)
    first, last = -(-borders[:-1] // sample), borders[1:] // sample
    before, after = first * sample - borders[:-1], borders[1:] - last * sample
    inside = last < first
    table = np.stack(
        [first, np.where(inside, first, last), np.where(inside, cell, before), np.where(inside, 0, after)],
        axis=1,
    )
    return pin(np.ascontiguousarray(table, np.int64)), sample, cell, int(-(-borders[-1] // sample))
