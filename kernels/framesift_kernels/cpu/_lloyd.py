"""k-means on the row kernel: the nearest of many centres, and what is done with a row while it lies in the cache."""

import math
import threading
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import F32, F64, I32, I64, U8, Rows
from ._compile import kernel, native, pin
from ._narrow import GROUP, NARROW
from ._rows import distances, fetch, lower, pack_into, scratch
from ._sift import KEPT, MOST, SCALES, round_centers, settle, sift
from ._vector import ROWS, VECTORS, WIDTH, to_float

BATCH = 192
"""Rows that stay in the cache between their distances and their sums."""
_NARROW_CENTERS, _NARROW_ROWS, _NARROW_DIMENSIONS, _NARROW_MOST_DIMENSIONS = 2 * WIDTH + 1, 64, 8, 2**15
"""From how many centres, rows and dimensions on it pays to rule centres out first; integers hold the last."""
_PAUSE = 15
"""Batches for which sifting rests where it did not pay."""


_LINE = 64
_KEPT_BYTES = 2**20
"""Of a workspace that a thread keeps."""


class _Kept(threading.local):
    """The last workspace of a thread: a stream asks for the same with every batch."""

    key: tuple[int, ...] = ()
    arrays: tuple[Any, ...] = ()


_kept = _Kept()


def workspace(k: int, n: int, d: int) -> tuple[Any, ...]:
    """What `assign_and_sum` works in, for n rows and k centres of d dimensions. Without bytes if they do not pay.

    It is the thread's: the next call may give the same.
    """
    narrow = (
        NARROW
        and k >= _NARROW_CENTERS
        and n >= _NARROW_ROWS
        and _NARROW_DIMENSIONS <= d <= _NARROW_MOST_DIMENSIONS
    )
    key = k, d, int(narrow)
    if key == _kept.key:
        return _kept.arrays
    arrays = tuple(aligned(array) for array in _workspace(*key))
    if sum(array.nbytes for array in arrays) <= _KEPT_BYTES:
        arrays = tuple(pin(array) for array in arrays)
        _kept.key, _kept.arrays = key, arrays
    return arrays


def aligned(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A copy that begins where a line of the cache does: a vector of it lies in one line, not across two."""
    copy = zeros(array.shape, array.dtype)
    copy[...] = array
    return copy


def zeros(shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Zeros that begin where a line of the cache does."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.zeros(size + _LINE, np.uint8)
    start = -memory.ctypes.data % _LINE
    return memory[start : start + size].view(dtype).reshape(shape)


def no_sums(x: Rows, centers: F32) -> F64 | I64:
    """Zeros for the sums of clusters, exact ones for bytes."""
    return zeros(centers.shape, np.int64 if x.dtype == np.uint8 else np.float64)


def _workspace(k: int, d: int, narrow: int) -> tuple[Any, ...]:
    vectors = -(-k // WIDTH)
    size = -(-d // WIDTH) * WIDTH if narrow else 0
    v = vectors if narrow else 0
    pairs = BATCH * (KEPT if narrow else 1) + WIDTH
    return (
        np.zeros((v, size // GROUP, WIDTH * GROUP), np.int8),
        np.zeros(size, np.float32),
        np.full(v * WIDTH, -(2**31), np.int32),
        np.zeros(SCALES, np.float32),
        np.zeros((ROWS, size), np.uint8),
        np.zeros((ROWS, 2), np.float32),
        np.empty((ROWS, v * WIDTH), np.int32),
        np.empty(ROWS, np.int32),
        np.empty(ROWS, np.float64),
        np.empty(MOST, np.int32),
        np.empty(MOST, np.float32),
        np.empty(pairs, np.int64),
        np.empty(pairs, np.int32),
        np.empty(pairs, np.float32),
        np.empty(BATCH, np.int64),
        np.empty(BATCH, np.int64),
        np.empty((vectors, d, WIDTH), np.float32),
        np.arange(k, dtype=np.int32),
        *scratch(d),
    )


@native
def assign_and_sum(
    x: Rows,  # IN  (n, d)
    centers: F32,  # IN  (k, d)
    labels: I32,  # OUT  (n,)
    sqdist: F32,  # OUT  (n,)
    sums: F64 | I64,  # INOUT  (k, d)
    counts: I64,  # INOUT  (k,) or (0,): without sums
    lanes: npt.NDArray[np.int8],
    origin: F32,
    bias: I32,
    scale: F32,
    rounded: U8,
    norms: F32,
    scores: I32,
    limits: I32,
    doubts: F64,
    candidates: I32,
    rough: F32,
    pair_rows: I64,
    pair_numbers: I32,
    pair_sqdist: F32,
    batch: I64,
    open_rows: I64,
    packed: F32,
    numbers: I32,
    block: F32,
    values: F32,
    best: F32,
    index: I32,
) -> None:
    """Nearest centre of every row, and its row of *sums* raised by the row. The rest is `workspace`."""
    n, k = len(x), len(centers)
    narrow = len(lanes) > 0
    if narrow:
        round_centers(x, centers, lanes, origin, bias, rounded, scale)
    no_bounds, is_packed, pause = norms[0, :0], False, 0
    for start in range(0, n, BATCH):
        stop = min(start + BATCH, n)
        for i in range(start, stop):
            labels[i], sqdist[i], batch[i - start] = min(k, 1) - 1, np.inf, i
        rows = batch[: stop - start]
        if narrow and not pause:
            n_pairs, n_open = sift(
                x, rows, centers, lanes, origin, bias, scale, rounded, norms, scores, limits, doubts,
                candidates, rough, pair_rows, pair_numbers, open_rows, no_bounds,
            )  # fmt: skip
            settle(x, centers, n_pairs, pair_rows, pair_numbers, pair_sqdist, sqdist, labels, no_bounds)
            pause = _PAUSE if 2 * n_open > stop - start else 0
            rows = open_rows[:n_open]
        else:
            pause = max(0, pause - 1)
        if len(rows) and not is_packed:
            pack_into(centers, packed)
            is_packed = True
        lower(x, rows, packed, numbers, sqdist, labels, block, values, best, index)
        if len(counts):
            add_rows(x, start, stop, labels, sums, counts)


@kernel
def add_rows(x: Rows, start: int, stop: int, labels: I32, sums: F64 | I64, counts: I64) -> None:
    """Add rows start to stop to the sums of their clusters."""
    for i in range(start, stop):
        label = labels[i]
        counts[label] += 1
        row, total = x[i], sums[label]
        for j in range(len(row)):
            total[j] += to_float(row[j])


@native
def potentials(
    x: Rows,  # IN  (n, d)
    candidates: F32,  # IN  (t, d)
    sqdist: F32,  # IN  (n,)
    rows: I64,  # IN  (n,) 0, 1, ...
    packed: F32,  # scratch  (vectors, d, WIDTH)
    block: F32,  # scratch  (ROWS, d)
    values: F32,  # scratch  (ROWS, VECTORS * WIDTH)
    left: F32,  # OUT  (n, t)
    totals: F64,  # INOUT  (vectors * WIDTH,)
) -> None:
    """``min(sqdist, squared distance to the candidate)``, and the sums of that over the rows."""
    pack_into(candidates, packed)
    for start in range(0, len(x), ROWS):
        held = fetch(x, rows, start, block)
        for at in range(0, len(packed), VECTORS):
            vectors = min(VECTORS, len(packed) - at)
            distances(block, packed, at, vectors, values)
            first = at * WIDTH
            for r in range(held):
                own = sqdist[start + r]
                for lane in range(min(vectors * WIDTH, len(candidates) - first)):
                    less = min(own, values[r, lane])
                    left[start + r, first + lane] = less
                    totals[first + lane] += np.float64(less)
