"""k nearest on the row kernel: tiles of distances, few of which are near enough to enter a heap.

A block has some rows and a part of the others; the heaps of its rows are its own, one thread's each.
"""

from typing import Any

import numpy as np
from numba import cuda

from .. import F32, U32, U64, Rows
from ._compile import SIMULATED, THREADS, blocks, device, empty, float_bits, kernel, processors
from ._nearest import (
    _C_SHAPE,
    _CENTERS,
    _CHAINS,
    _DEPTH,
    _ROWS,
    _THREADS,
    _TILE_CENTERS,
    _X_SHAPE,
    COLUMNS,
    LINES,
    TILE_ROWS,
    _extend,
    _load,
)

_HALF = _CENTERS // 2
_STAGED = _HALF * COLUMNS
"""Columns of a tile that are laid out for the heaps at a time: all of them would take too much shared memory."""
_STAGED_SHAPE = (TILE_ROWS, _STAGED + 1)
_NONE = np.uint64(2**64 - 1)


def lower_keys(x: Any, y: Any, first_y: int, keys: Any) -> None:
    """`nearest` for the keys of *x*, on arrays that lie on the device."""
    (n, d), m, k = x.shape, y.shape[0], keys.shape[1]
    tiles = -(-n // TILE_ROWS)
    wanted = 4 if SIMULATED else 4 * processors()
    parts = min(max(1, wanted // tiles), -(-m // _TILE_CENTERS))
    length = -(-m // (parts * _TILE_CENTERS)) * _TILE_CENTERS
    parts = -(-m // length)
    heaps = keys if parts == 1 else empty((parts * n, k), np.uint64)
    if parts > 1:
        _clear[blocks(parts * n * k), THREADS](heaps, parts * n * k, k)
    _lower_keys[blocks(tiles * parts, 1), _THREADS](x, n, y, m, d, first_y, parts, length, heaps)
    if parts > 1:
        _merge[blocks(n), THREADS](heaps, parts, n, k, keys)


@kernel
def _clear(heaps: U64, size: int, k: int) -> None:  # OUT (size / k, k)
    for e in range(cuda.grid(1), size, cuda.gridsize(1)):
        heaps[e // k, e % k] = _NONE


@kernel
def _lower_keys(
    x: Rows,  # IN  (n, d)
    n: int,
    y: Rows,  # IN  (m, d)
    m: int,
    d: int,
    first_y: int,
    parts: int,
    length: int,  # of a part of y
    heaps: U64,  # INOUT  (parts * n, k)
) -> None:
    xs = cuda.shared.array(_X_SHAPE, np.float32)
    cs = cuda.shared.array(_C_SHAPE, np.float32)
    staged = cuda.shared.array(_STAGED_SHAPE, np.float32)
    limits = cuda.shared.array(TILE_ROWS, np.uint32)
    chains = cuda.local.array(_CHAINS, np.float32)
    t = cuda.threadIdx.x
    column, line = t % COLUMNS, t // COLUMNS
    tiles = (n + TILE_ROWS - 1) // TILE_ROWS
    for item in range(cuda.blockIdx.x, tiles * parts, cuda.gridDim.x):
        start, part = item % tiles * TILE_ROWS, item // tiles
        stop = min((part + 1) * length, m)
        heap = part * n + start + t
        has_heap = t < TILE_ROWS and start + t < n
        cuda.syncthreads()
        if t < TILE_ROWS:
            limits[t] = _limit(heaps, heap) if has_heap else np.uint32(0)
        for c0 in range(part * length, stop, _TILE_CENTERS):
            for i in range(_CHAINS):
                chains[i] = np.float32(0)
            for j0 in range(0, d, _DEPTH):
                cuda.syncthreads()
                _load(x, start, n, j0, d, t, TILE_ROWS, xs)
                _load(y, c0, stop, j0, d, t, _TILE_CENTERS, cs)
                cuda.syncthreads()
                _extend(xs, cs, min(_DEPTH, d - j0), column, line, chains)
            cuda.syncthreads()  # limits are those that the tile before has left
            if cuda.syncthreads_or(_is_near(chains, limits, line)):
                _stage(chains, 0, column, line, staged)
                cuda.syncthreads()
                if has_heap:
                    _offer_row(staged, t, c0, stop, first_y, heaps, heap)
                cuda.syncthreads()
                _stage(chains, _HALF, column, line, staged)
                cuda.syncthreads()
                if has_heap:
                    _offer_row(staged, t, c0 + _STAGED, stop, first_y, heaps, heap)
                    limits[t] = _limit(heaps, heap)


@device
def _limit(heaps: U64, i: int) -> np.uint32:
    """Bits of the largest distance in a heap; more than those of any number if it is not full."""
    return np.uint32(heaps[i, 0] >> np.uint64(32))


@device
def _is_near(chains: F32, limits: U32, line: int) -> Any:
    """Whether a thread has a distance that may enter a heap."""
    found = 0
    for r in range(_ROWS):
        limit = np.int64(limits[line + r * LINES])
        for q in range(_CENTERS):
            if float_bits(chains[r * _CENTERS + q]) <= limit:
                found = 1
    return found


@device
def _stage(chains: F32, first: int, column: int, line: int, staged: F32) -> None:
    """Half of a tile's columns, side by side."""
    for r in range(_ROWS):
        for q in range(_HALF):
            staged[line + r * LINES, column + q * COLUMNS] = chains[r * _CENTERS + first + q]


@device
def _offer_row(staged: F32, r: int, c0: int, stop: int, first_y: int, heaps: U64, heap: int) -> None:
    """Offer the distances of row r of a tile to its heap."""
    largest = heaps[heap, 0]
    for e in range(min(_STAGED, stop - c0)):
        key = (np.uint64(float_bits(staged[r, e])) << np.uint64(32)) | np.uint64(first_y + c0 + e)
        if key < largest:
            _replace(heaps, heap, key)
            largest = heaps[heap, 0]


@device
def _replace(heaps: U64, i: int, key: np.uint64) -> None:  # INOUT (n, k), the largest first
    """Exchange the largest of a heap for *key*, which is smaller."""
    k, at = heaps.shape[1], 0
    while 2 * at + 1 < k:
        child = 2 * at + 1
        if child + 1 < k and heaps[i, child + 1] > heaps[i, child]:
            child += 1
        if heaps[i, child] <= key:
            break
        heaps[i, at] = heaps[i, child]
        at = child
    heaps[i, at] = key


@kernel
def _merge(heaps: U64, parts: int, n: int, k: int, keys: U64) -> None:  # IN (parts * n, k), INOUT (n, k)
    """What the parts have found, a thread a row."""
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        for part in range(parts):
            for e in range(k):
                if heaps[part * n + i, e] < keys[i, 0]:
                    _replace(keys, i, heaps[part * n + i, e])
