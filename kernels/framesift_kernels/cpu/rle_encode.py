"""Run lengths of a mask.

A run of column order begins where a pixel differs from the one above it. So rows are compared with the rows above
them, hundreds of bytes at a time, and the few places that differ are sorted by column: one pass over the mask, no
transposed copy.
"""

import numpy as np

from .. import I64, U8
from ._bytes import WORD
from ._compile import kernel, native
from ._rle import changes, scratch


def rle_encode(mask: U8, columns: bool) -> I64:
    """Encode a mask.

    Parameters
    ----------
    mask : (h, w) uint8, C-contiguous
        Any number but zero counts as one.
    columns
        Whether runs go down the columns (COCO) or along the rows (Lightly). The mask is read in its own order
        either way, once.

    Returns
    -------
    counts : (m,) int64
        Lengths of runs of zeros and ones in turn, zeros first; the first may be 0, no other is, and they add up to
        h * w.

    Notes
    -----
    Scratch: 8 bytes a column, and 8 a change within columns (along rows: a change); a thread keeps room for 131,008
    changes, and a mask of more is read twice.
    """
    flat, width = mask.reshape(-1), mask.shape[1]
    if not len(flat):
        return np.zeros(1, np.int64)
    found: I64 = scratch.found
    numbers = scratch.numbers
    starts = np.empty(width + 1 if columns else 0, np.int64)
    with np.errstate(over="ignore"):  # a bit taken off zero; matters in plain Python only
        _scan(flat, width, found, starts, numbers)
        if numbers[0] + WORD > len(found):
            found = np.empty(int(numbers[0]) + WORD, np.int64)
            _scan(flat, width, found, starts, numbers)
    n_found, n_runs = numbers[:2].tolist()
    counts = np.empty(n_runs, np.int64)
    _write(flat, width, found, n_found, starts, counts)
    return counts


@native
def _scan(
    data: U8,  # IN   (h * w,)
    width: int,
    found: I64,  # OUT  (capacity,): changes within columns, or along rows
    starts: I64,  # OUT  (w + 1,): where a column's changes begin; (0,) for runs along rows
    numbers: I64,  # OUT  (2,): changes found, runs
) -> None:
    if len(starts) == 0:
        numbers[0] = changes(data, 1, 1, found)
        numbers[1] = numbers[0] + 1 + (data[0] != 0)
        return
    numbers[0] = changes(data, width, width, found)
    starts[:] = 0
    if numbers[0] + WORD <= len(found):
        row_end = width  # of the row that a change is in
        for n in range(numbers[0]):
            while found[n] >= row_end:
                row_end += width
            starts[found[n] - row_end + width + 1] += 1
        for c in range(width):
            starts[c + 1] += starts[c] + _first_changes(data, width, c)
    numbers[1] = starts[width] + 1


@kernel
def _first_changes(data: U8, width: int, c: int) -> bool:
    """Whether the first pixel of a column differs from the last of the column before, or from zero."""
    last: np.uint8 = data[len(data) - width + c - 1] if c > 0 else np.uint8(0)
    return bool((data[c] != 0) != (last != 0))


@native
def _write(
    data: U8,  # IN   (h * w,)
    width: int,
    found: I64,  # IN   (capacity,)
    n_found: int,
    starts: I64,  # INOUT  (w + 1,); (0,) for runs along rows
    counts: I64,  # OUT  (m,)
) -> None:
    if len(starts) == 0:
        lead = len(counts) - 1 - n_found  # 1 if a first run of no zeros is to be added
        counts[0] = 0
        for n in range(n_found):
            counts[lead + n] = found[n]
    else:
        _by_column(data, width, found, n_found, starts, counts)
    before = 0
    for n in range(len(counts) - 1):
        place = counts[n]
        counts[n] = place - before
        before = place
    counts[len(counts) - 1] = len(data) - before


@kernel
def _by_column(data: U8, width: int, found: I64, n_found: int, starts: I64, places: I64) -> None:
    """Places of the changes, in column order."""
    height = len(data) // width
    for c in range(width):
        if _first_changes(data, width, c):
            places[starts[c]] = c * height
            starts[c] += 1
    row, row_start = 0, 0
    for n in range(n_found):
        while found[n] >= row_start + width:
            row += 1
            row_start += width
        c = found[n] - row_start
        places[starts[c]] = c * height + row
        starts[c] += 1
