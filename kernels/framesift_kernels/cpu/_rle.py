"""Run lengths of masks, read in C order whatever the order of the runs.

A run of column order begins where a pixel differs from the one above it. So rows are compared with the rows above
them, hundreds of bytes at a time, and the few places that differ are sorted by column: one pass over the mask, no
transposed copy.
"""

from typing import Any

import numpy as np

from .. import F64, I64, U8
from ._bytes import STRETCH, WORD, differing, differs
from ._compile import kernel
from ._vector import count_trailing_zeros

_FIRST_CAPACITY = 4096


@kernel
def _room(found: I64, n: int, more: int) -> I64:
    """*found* with room for *more* behind the first n."""
    if n + more <= len(found):
        return found
    larger = np.empty(2 * (n + more), np.int64)
    larger[:n] = found[:n]
    return larger


@kernel
def changes(data: U8, start: int, back: int) -> I64:
    """List the i from *start* on at which ``data[i] != 0`` is not what ``data[i - back] != 0`` is."""
    found, n, i = np.empty(_FIRST_CAPACITY, np.int64), 0, start
    size = len(data)
    while i < size:
        if i + STRETCH <= size and not differs(data, i, i - back):
            i += STRETCH
            continue
        found = _room(found, n, STRETCH)
        stop = min(i + STRETCH, size)
        while i + WORD <= stop:
            mask = differing(data, i, i - back)
            while mask != 0:
                found[n] = i + np.int64(count_trailing_zeros(mask))
                n += 1
                mask = mask & (mask - np.uint64(1))
            i += WORD
        while i < stop:
            if (data[i] != 0) != (data[i - back] != 0):
                found[n] = i
                n += 1
            i += 1
    return found[:n]


@kernel
def value_changes(values: Any, data: U8, start: int, back: int) -> I64:  # IN (n,), IN (bytes,) the same
    """List the i from *start* on at which ``values[i] != values[i - back]``."""
    found, n, i = np.empty(_FIRST_CAPACITY, np.int64), 0, start
    size, width = len(values), len(data) // max(1, len(values))
    step = STRETCH // width
    while i < size:
        stop = min(i + step, size)
        if i + step > size or differs(data, i * width, (i - back) * width):
            found = _room(found, n, step)
            for at in range(i, stop):
                if values[at] != values[at - back]:
                    found[n] = at
                    n += 1
        i = stop
    return found[:n]


@kernel
def runs(places: I64, size: int, lead: int) -> I64:
    """Lengths between the places at which the value changes; *lead* is 1 if a first run of none is to be added."""
    counts = np.empty(len(places) + 1 + lead, np.int64)
    counts[0] = 0
    before = 0
    for i in range(len(places)):
        counts[lead + i] = places[i] - before
        before = places[i]
    counts[lead + len(places)] = size - before
    return counts


@kernel
def columns_of(mask: U8, found: I64) -> I64:
    """Positions in column order at which the value changes, from the changes within columns, in order of rows."""
    height, width = mask.shape
    at = np.zeros(width + 1, np.int64)  # where the column's changes begin
    for i in found:
        at[i % width + 1] += 1
    last = np.uint8(0)  # of the column before
    for c in range(width):
        at[c + 1] += at[c] + ((mask[0, c] != 0) != (last != 0))
        last = mask[height - 1, c]
    ends = np.empty(at[width], np.int64)
    last = np.uint8(0)
    for c in range(width):
        if (mask[0, c] != 0) != (last != 0):
            ends[at[c]] = c * height
            at[c] += 1
        last = mask[height - 1, c]
    for i in found:
        row = i // width
        c = i - row * width
        ends[at[c]] = c * height + row
        at[c] += 1
    return ends


@kernel
def decode_rows(counts: I64, mask: U8) -> None:  # IN (m,), OUT (h * w,)
    """Paint the runs."""
    at = 0
    for i in range(len(counts)):
        mask[at : at + counts[i]] = i % 2
        at += counts[i]


@kernel
def decode_columns(counts: I64, mask: U8) -> None:  # IN (m,), OUT (h, w)
    """Paint the runs: each row is the one above it but for a few changes."""
    height, width = mask.shape
    if mask.size == 0:
        return
    starts = np.zeros(height + 1, np.int64)  # of the row's changes
    position = 0
    for i in range(len(counts) - 1):
        position += counts[i]
        starts[position % height + 1] += 1
    for r in range(height):
        starts[r + 1] += starts[r]
    columns, at = np.empty(starts[height], np.int64), starts[:height].copy()
    position = 0
    for i in range(len(counts) - 1):
        position += counts[i]
        c = position // height
        r = position - c * height
        columns[at[r]] = c
        at[r] += 1
    _top_row(counts, mask)
    for r in range(1, height):
        mask[r] = mask[r - 1]
        for i in range(starts[r], starts[r + 1]):
            if columns[i] < width:  # a change behind the last pixel changes none
                mask[r, columns[i]] ^= 1


@kernel
def _top_row(counts: I64, mask: U8) -> None:
    """The first row of column order: every pixel has the value of the run that covers it."""
    height, width = mask.shape
    run, end = 0, counts[0]
    for c in range(width):
        while end <= c * height and run + 1 < len(counts):
            run += 1
            end += counts[run]
        mask[0, c] = run % 2


@kernel
def to_string(counts: I64) -> U8:
    """COCO's characters: from the fourth on differences to the last but one; 5 bits each, lowest first, from 48."""
    out, n = np.empty(max(16, 13 * len(counts)), np.uint8), 0
    for i in range(len(counts)):
        value = counts[i] - (counts[i - 2] if i > 2 else 0)
        more = True
        while more:
            bits = value & 31
            value >>= 5
            more = value != (-1 if bits & 16 else 0)
            out[n] = 48 + (bits | (32 if more else 0))
            n += 1
    return out[:n]


@kernel
def from_string(text: U8) -> I64:
    """Run lengths of COCO's characters; a first of -1 if it is none, or ends within a number."""
    counts, n, i = np.empty(len(text) + 1, np.int64), 0, 0
    while i < len(text):
        value, shift, more = np.int64(0), 0, True
        while more:
            if i == len(text) or not 48 <= text[i] < 112 or shift > 60:
                counts[0] = -1
                return counts[:1]
            bits = np.int64(text[i]) - 48
            value |= (bits & 31) << shift
            shift += 5
            more = bits & 32 != 0
            if not more and bits & 16 and shift < 64:
                value |= np.int64(-1) << shift
            i += 1
        counts[n] = value + (counts[n - 2] if n > 2 else 0)
        n += 1
    return counts[:n]


@kernel
def merge(a: I64, b: I64, both: bool) -> I64:
    """Run lengths of the union of two masks of one size, or of what *both* cover."""
    out, n = np.empty(len(a) + len(b) + 1, np.int64), 0
    i = j = 0
    left_a, left_b = a[0], b[0]
    value, run = np.int64(0), np.int64(0)
    while True:
        while left_a == 0 and i + 1 < len(a):
            i += 1
            left_a = a[i]
        while left_b == 0 and j + 1 < len(b):
            j += 1
            left_b = b[j]
        step = min(left_a, left_b)
        if step == 0:
            break
        now = (i % 2) & (j % 2) if both else (i % 2) | (j % 2)
        if now != value:
            out[n] = run
            n += 1
            value, run = np.int64(now), np.int64(0)
        run += step
        left_a -= step
        left_b -= step
    out[n] = run
    return out[: n + 1]


@kernel
def overlap(a: I64, b: I64) -> int:
    """How many pixels two masks of one size share."""
    i = j = 0
    end_a, end_b = a[0], b[0]
    at = total = 0
    while i < len(a) and j < len(b):
        end = min(end_a, end_b)
        if i % 2 and j % 2:
            total += end - at
        at = end
        if end_a == end:
            i += 1
            end_a += a[i] if i < len(a) else 0
        if end_b == end:
            j += 1
            end_b += b[j] if j < len(b) else 0
    return total


@kernel
def overlaps(
    a: I64,  # IN  counts, one mask after the other
    a_offsets: I64,  # IN  (n + 1,)
    a_boxes: I64,  # IN  (n, 4)
    b: I64,
    b_offsets: I64,  # IN  (m + 1,)
    b_boxes: I64,  # IN  (m, 4)
    shared: F64,  # OUT  (n, m)
) -> None:
    """Pixels that every two masks share; those whose boxes are apart are not looked at."""
    for i in range(len(a_boxes)):
        for j in range(len(b_boxes)):
            apart = False
            for axis in range(2):
                last = min(a_boxes[i, axis] + a_boxes[i, axis + 2], b_boxes[j, axis] + b_boxes[j, axis + 2])
                apart = apart or max(a_boxes[i, axis], b_boxes[j, axis]) >= last
            shared[i, j] = 0
            if not apart:
                one, other = a[a_offsets[i] : a_offsets[i + 1]], b[b_offsets[j] : b_offsets[j + 1]]
                shared[i, j] = overlap(one, other)


@kernel
def box(counts: I64, height: int) -> I64:
    """First row, first column, rows and columns of the ones, in column order; zeros if there are none."""
    top, bottom, left, right = np.int64(height), np.int64(0), np.int64(-1), np.int64(-1)
    at = np.int64(0)
    for i in range(len(counts)):
        if i % 2 and counts[i]:
            first, last = at, at + counts[i] - 1
            c0, c1 = first // height, last // height
            if left < 0:
                left = c0
            right = c1
            if c0 < c1:
                top, bottom = np.int64(0), np.int64(height - 1)
            else:
                top, bottom = min(top, first % height), max(bottom, last % height)
        at += counts[i]
    if left < 0:
        return np.zeros(4, np.int64)
    return np.array([top, left, bottom - top + 1, right - left + 1])
