"""Sums of the rows of clusters, each added in the order of the rows, so that they are the CPU's bit for bit.

The rows are sorted by label first, by counting: a few segments of them side by side, within a segment in order. Then a
thread adds up one column of one cluster. Only integers are added atomically.
"""

from typing import Any

import numpy as np
from numba import cuda

from .. import F64, I32, I64, Rows
from ._compile import SIMULATED, THREADS, Transfers, blocks, empty, kernel

_SEGMENTS = 2 if SIMULATED else 32
_SCANNING = THREADS if SIMULATED else 1024


@kernel
def _count(
    labels: I32,  # IN  (n,)
    n: int,
    length: int,
    ends: I64,  # INOUT  (k * segments,) zeros
) -> None:
    """How many rows every segment has of every label: a table, the segments of a label side by side."""
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        if labels[i] >= 0:
            cuda.atomic.add(ends, labels[i] * _SEGMENTS + i // length, 1)


@kernel
def _scan(
    ends: I64,  # INOUT  (size,)
    size: int,
) -> None:
    """Counts to where each begins: one block, a stretch for each thread."""
    totals = cuda.shared.array(_SCANNING, np.int64)
    t = cuda.threadIdx.x
    stretch = (size + _SCANNING - 1) // _SCANNING
    first, stop = min(t * stretch, size), min((t + 1) * stretch, size)
    total = np.int64(0)
    for i in range(first, stop):
        total += ends[i]
    totals[t] = total
    cuda.syncthreads()
    begin = np.int64(0)
    for i in range(t):
        begin += totals[i]
    for i in range(first, stop):
        count = ends[i]
        ends[i] = begin
        begin += count


@kernel
def _scatter(
    labels: I32,  # IN  (n,)
    n: int,
    length: int,
    ends: I64,  # INOUT  (k * segments,)
    order: I64,  # OUT  (n,)
) -> None:
    """Sort the rows by label, keeping their order: some rows of a segment at a time, a block for each segment.

    What was the beginning of a label in a segment becomes its end.
    """
    some = cuda.shared.array(THREADS, np.int32)
    t, segment = cuda.threadIdx.x, cuda.blockIdx.x
    stop = min((segment + 1) * length, n)
    for start in range(segment * length, stop, THREADS):
        held = min(THREADS, stop - start)
        cuda.syncthreads()
        some[t] = labels[start + t] if t < held else np.int32(-1)
        cuda.syncthreads()
        mine, before, after = some[t], 0, 0
        if mine >= 0:
            for i in range(held):
                if some[i] == mine:
                    before += i < t
                    after += i > t
            order[ends[mine * _SEGMENTS + segment] + before] = start + t
        cuda.syncthreads()
        if mine >= 0 and not after:  # the last of its label
            ends[mine * _SEGMENTS + segment] += before + 1


def _adding(widen: Any) -> Any:
    """The kernel that adds numbers of a kind, made *widen* first."""

    def add(
        x: Rows,  # IN  (n, d)
        order: I64,  # IN  (n,)
        ends: I64,  # IN  (k * segments,)
        d: int,
        k: int,
        sums: F64 | I64,  # OUT  (k, d)
        counts: I64,  # OUT  (k,)
    ) -> None:
        """A block for each cluster, a thread for each column: neighbouring threads read neighbouring numbers."""
        for label in range(cuda.blockIdx.x, k, cuda.gridDim.x):
            first = ends[label * _SEGMENTS - 1] if label else np.int64(0)
            stop = ends[(label + 1) * _SEGMENTS - 1]
            if cuda.threadIdx.x == 0:
                counts[label] = stop - first
            for j in range(cuda.threadIdx.x, d, THREADS):
                total = widen(0)
                for i in range(first, stop):
                    total += widen(x[order[i], j])
                sums[label, j] = total

    return kernel(add)


_add_integers, _add_floats = _adding(np.int64), _adding(np.float64)


def no_sums(x: Rows, k: int) -> tuple[Any, I64]:
    """Sums and counts to be written."""
    return np.zeros((k, x.shape[1]), np.int64 if x.dtype == np.uint8 else np.float64), np.zeros(k, np.int64)


def add_up(arrays: Transfers, x: Any, labels: Any, k: int, sums: Any, counts: Any) -> None:
    """`cluster_sums` on arrays that lie on the device."""
    n, d = x.shape
    length = max(1, -(-n // _SEGMENTS))
    ends, order = arrays.read(np.zeros(max(1, k * _SEGMENTS), np.int64)), empty(max(1, n), np.int64)
    if n:
        _count[blocks(n), THREADS](labels, n, length, ends)
        _scan[1, _SCANNING](ends, k * _SEGMENTS)
        _scatter[_SEGMENTS, THREADS](labels, n, length, ends, order)
    add = _add_integers if sums.dtype == np.int64 else _add_floats
    add[blocks(k, 1), THREADS](x, order, ends, d, k, sums, counts)
