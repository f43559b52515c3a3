"""Where values change in the order of runs: counted, then listed, by threads that each have a stretch of a line.

A line is a column or a row of the mask, a thread's stretch a part of one. Neighbouring threads have neighbouring
columns, or neighbouring stretches of a row.
"""

from typing import Any

import numpy as np
from numba import cuda

from .. import I64, U8
from ._compile import SIMULATED, THREADS, Transfers, blocks, device, empty, kernel, to_host

_LONG = 3 if SIMULATED else 64  # pixels of a stretch
_SCANNING = THREADS if SIMULATED else 1024


@device
def _changes(values: Any, at: int, back: int, as_mask: bool) -> Any:
    """Whether a value differs from the one *back* places before it, of which there is none before the first."""
    if as_mask:
        before = values[at - back] != 0 if at >= back else False
        return (values[at] != 0) != before
    return values[at] != values[at - back]


@device
def _changes_down(mask: Any, r: int, c: int, height: int) -> Any:
    """Whether a pixel differs from the one before it in column order."""
    before = False
    if r:
        before = mask[r - 1, c] != 0
    elif c:
        before = mask[height - 1, c - 1] != 0
    return (mask[r, c] != 0) != before


@kernel
def find_down(
    mask: U8,  # IN  (height, width)
    height: int,
    width: int,
    parts: int,
    begins: I64,  # IN or OUT  (width * parts,): where a stretch's places begin, or how many there are
    listing: bool,
    places: I64,  # OUT, if listing
) -> None:
    """Changes in column order."""
    for e in range(cuda.grid(1), width * parts, cuda.gridsize(1)):
        c, part = e % width, e // width
        n = begins[c * parts + part] if listing else np.int64(0)
        for r in range(part * _LONG, min((part + 1) * _LONG, height)):
            if _changes_down(mask, r, c, height):
                if listing:
                    places[n] = c * height + r
                n += 1
        if not listing:
            begins[c * parts + part] = n


@kernel
def find_along(
    values: Any,  # IN  (size,)
    start: int,
    size: int,
    back: int,
    as_mask: bool,
    parts: int,
    begins: I64,
    listing: bool,
    places: I64,
) -> None:
    """Changes in the order of memory, from *start* on."""
    for part in range(cuda.grid(1), parts, cuda.gridsize(1)):
        n = begins[part] if listing else np.int64(0)
        for at in range(start + part * _LONG, min(start + (part + 1) * _LONG, size)):
            if _changes(values, at, back, as_mask):
                if listing:
                    places[n] = at
                n += 1
        if not listing:
            begins[part] = n


@kernel
def _scan(
    counts: I64,  # INOUT  (n,): to where each begins
    n: int,
    total: I64,  # OUT  (1,)
) -> None:
    """One block, a stretch for each thread."""
    totals = cuda.shared.array(_SCANNING, np.int64)
    t = cuda.threadIdx.x
    stretch = (n + _SCANNING - 1) // _SCANNING
    first, stop = min(t * stretch, n), min((t + 1) * stretch, n)
    mine = np.int64(0)
    for i in range(first, stop):
        mine += counts[i]
    totals[t] = mine
    cuda.syncthreads()
    begin = np.int64(0)
    for i in range(t):
        begin += totals[i]
    for i in range(first, stop):
        count = counts[i]
        counts[i] = begin
        begin += count
    if t == _SCANNING - 1:
        total[0] = begin


def down(arrays: Transfers, mask: Any) -> I64:
    """Places in column order at which a mask changes, the first pixel if it is one."""
    height, width = mask.shape
    parts = -(-height // _LONG)
    n = width * parts

    def launch(begins: Any, listing: bool, places: Any) -> None:
        find_down[blocks(n), THREADS](mask, height, width, parts, begins, listing, places)

    return _listed(arrays, n, launch)


def along(arrays: Transfers, values: Any, start: int, back: int, as_mask: bool) -> I64:
    """Places in the order of memory at which values change; as a mask, the first if it is not zero."""
    size = values.shape[0]
    parts = -(-max(0, size - start) // _LONG)

    def launch(begins: Any, listing: bool, places: Any) -> None:
        find_along[blocks(parts), THREADS](values, start, size, back, as_mask, parts, begins, listing, places)

    return _listed(arrays, parts, launch)


def _listed(arrays: Transfers, n: int, launch: Any) -> I64:
    """Count, make room, list."""
    if not n:
        return np.empty(0, np.int64)
    begins, total = empty(n, np.int64), arrays.read(np.zeros(1, np.int64))
    launch(begins, False, total)
    _scan[1, _SCANNING](begins, n, total)
    places: I64 = np.empty(int(to_host(total)[0]), np.int64)
    if len(places):
        found = empty(len(places), np.int64)
        launch(begins, True, found)
        to_host(found, places)
    return places


@kernel
def paint_batch(
    ends: I64,  # IN  (c,): of the runs, counted from the first pixel of the first mask of them
    offsets: I64,  # IN  (n + 1,)
    n: int,
    height: int,
    width: int,
    columns: bool,
    masks: U8,  # OUT  (n, height, width)
) -> None:
    """Every pixel looks up the run that covers it."""
    size = height * width
    for e in range(cuda.grid(1), n * size, cuda.gridsize(1)):
        i, at = e // size, e % size
        r, c = at // width, at % width
        first, last = offsets[i], offsets[i + 1] - 1
        before = ends[first - 1] if first else np.int64(0)
        place = before + (c * height + r if columns else at)
        low, high = first, last  # the first run that ends behind the place
        while low < high:
            middle = (low + high) // 2
            if ends[middle] > place:
                high = middle
            else:
                low = middle + 1
        masks[i, r, c] = np.uint8((low - first) % 2)
