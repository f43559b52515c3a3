"""Painting runs into masks in C order, whatever the order of the runs.

Of column order, a row is the one above it but for a few changes: the changes are sorted by row, and a line of
pixels is kept, changed, and copied into one row after the other.
"""

from .. import I64, U8
from ._bytes import WORD, address, copy, stream
from ._compile import kernel

WHOLE = 0
"""Every byte of the mask is written."""
STREAMED = 1
"""So it is, past the caches."""
ONES = 2
"""The mask is zero, and nothing but its ones is written: memory that the system gives out zeroed and page by page
stays untouched where the mask is empty."""


@kernel
def _put(mask: U8, at: int, line: U8, width: int, how: int) -> None:
    """Copy a line into a mask, from *at* on."""
    if how != STREAMED:
        copy(mask, at, line, 0, width)
        return
    head = min(-(address(mask) + at) % WORD, width)
    body = (width - head) // WORD * WORD
    copy(mask, at, line, 0, head)
    stream(mask, at + head, line, head, body)
    copy(mask, at + head + body, line, head + body, width - head - body)


@kernel
def paint_rows(
    counts: I64,  # IN   (m,)
    mask: U8,  # OUT  (h * w,)
    width: int,
    line: U8,  # scratch (w,)
    how: int,
) -> None:
    """Paint runs that go along the rows."""
    if how != STREAMED:
        at = 0
        for i in range(len(counts)):
            if i % 2 or how == WHOLE:
                mask[at : at + counts[i]] = i % 2
            at += counts[i]
        return
    run, left = 0, counts[0]
    for start in range(0, len(mask), width):
        x = 0
        while x < width:
            while left == 0:
                run += 1
                left = counts[run]
            n = min(left, width - x)
            line[x : x + n] = run % 2
            x += n
            left -= n
        _put(mask, start, line, width, how)


@kernel
def paint_columns(
    counts: I64,  # IN   (m,)
    mask: U8,  # OUT  (h * w,)
    width: int,
    starts: I64,  # scratch (h + 1,)
    changes: I64,  # scratch (m,)
    line: U8,  # scratch (w,)
    how: int,
) -> None:
    """Paint runs that go down the columns."""
    height = len(mask) // width
    _sort_by_row(counts, height, width, starts, changes)
    _top_row(counts, height, line)
    first, last, ones = width, 0, 0  # columns that ever change, pixels of the line that are one
    for c in range(width):
        ones += int(line[c])
    if ones:
        first, last = 0, width
    else:
        for i in range(starts[height - 1]):
            first, last = min(first, changes[i]), max(last, changes[i] + 1)
    i = starts[0]
    for r in range(height):
        end = starts[r]
        while i < end:
            line[changes[i]] ^= 1
            ones += 1 if line[changes[i]] else -1
            i += 1
        if how != ONES:
            _put(mask, r * width, line, width, how)
        elif ones:
            copy(mask, r * width + first, line, first, last - first)


@kernel
def _sort_by_row(counts: I64, height: int, width: int, starts: I64, changes: I64) -> None:
    """Columns of the changes, row by row; *starts* become the ends of the rows'.

    What changes in the first row is left to `_top_row`; behind the last pixel, which is there too, nothing changes.
    """
    starts[:] = 0
    column, row = 0, 0
    for i in range(len(counts) - 1):
        row += counts[i]
        if row >= height:
            column += row // height
            row %= height
        if row:
            starts[row + 1] += 1
    for r in range(height):
        starts[r + 1] += starts[r]
    column, row = 0, 0
    for i in range(len(counts) - 1):
        row += counts[i]
        if row >= height:
            column += row // height
            row %= height
        if row:
            changes[starts[row]] = column
            starts[row] += 1


@kernel
def _top_row(counts: I64, height: int, line: U8) -> None:
    """The first row of column order: every pixel has the value of the run that covers it."""
    run, end = 0, counts[0]
    for c in range(len(line)):
        while end <= c * height and run + 1 < len(counts):
            run += 1
            end += counts[run]
        line[c] = run % 2
