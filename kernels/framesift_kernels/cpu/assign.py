"""Nearest centre of every row."""

import numpy as np

from .. import F32, I32, Rows
from ._compile import fma, kernel, native

_MAX_LANES = 128
_VECTOR = 8
_ROWS = 8  # share the centres that are in the L1 cache
_STEPS = 4  # links of a chain for which its end stays in a register


def assign(x: Rows, centers: F32) -> tuple[I32, F32]:
    """Find the nearest centre of every row.

    Parameters
    ----------
    x : (n, d) uint8 or float32, C-contiguous
    centers : (k, d) float32, C-contiguous

    Returns
    -------
    labels : (n,) int32
        Index of the nearest centre; the lowest index on a tie; -1 if there are no centres.
    sqdist : (n,) float32
        Squared distance to it; infinity if there are no centres.

    Notes
    -----
    A distance is one chain of fused multiply-adds in float32, ``s = fma(x[j] - c[j], x[j] - c[j], s)`` for
    ``j = 0, 1, ..., d - 1``: it does not depend on the tiles, on threads, or on the width of vectors.
    SIMD lanes are centres. O(n k d); scratch: a copy of the centres.
    """
    labels = np.full(len(x), min(len(centers), 1) - 1, np.int32)
    sqdist = np.full(len(x), np.inf, np.float32)
    packed = _pack(centers)
    _assign(x, packed, len(centers), np.empty((_ROWS, packed.shape[2]), np.float32), labels, sqdist)
    return labels, sqdist


def _pack(centers: F32) -> F32:
    """Lay out the centres as (tiles, d, lanes): tiles of equal width, padded with zeros."""
    k, d = centers.shape
    tiles = -(-k // _MAX_LANES)
    lanes = -(-k // max(tiles, 1) // _VECTOR) * _VECTOR
    padded = np.zeros((tiles * lanes, d), np.float32)
    padded[:k] = centers
    return np.ascontiguousarray(padded.reshape(tiles, lanes, d).transpose(0, 2, 1))


@native
def _assign(
    x: Rows,  # IN   (n, d)
    packed: F32,  # IN   (tiles, d, lanes)
    k: int,
    tile_sqdist: F32,  # scratch (_ROWS, lanes)
    labels: I32,  # INOUT (n,)
    sqdist: F32,  # INOUT (n,)
) -> None:
    lanes = packed.shape[2]
    for start in range(0, len(x), _ROWS):
        stop = min(start + _ROWS, len(x))
        for tile in range(len(packed)):
            _tile(x, start, stop, packed, tile, tile_sqdist)
            first = tile * lanes
            for i in range(start, stop):
                for lane in range(min(lanes, k - first)):  # not the padding
                    if tile_sqdist[i - start, lane] < sqdist[i]:
                        sqdist[i], labels[i] = tile_sqdist[i - start, lane], first + lane


@kernel
def _tile(
    x: Rows,  # IN   (n, d)
    start: int,
    stop: int,
    packed: F32,  # IN   (tiles, d, lanes)
    tile: int,
    sqdist: F32,  # OUT  (stop - start, lanes)
) -> None:
    """Squared distances of rows start to stop to the centres of a tile."""
    d, lanes = packed.shape[1:]
    sqdist[:] = 0
    for step in range(d // _STEPS):
        j = step * _STEPS
        for r in range(stop - start):
            i = start + r
            x0, x1 = np.float32(x[i, j]), np.float32(x[i, j + 1])
            x2, x3 = np.float32(x[i, j + 2]), np.float32(x[i, j + 3])
            for lane in range(lanes):
                s = _link(sqdist[r, lane], x0, packed[tile, j, lane])
                s = _link(s, x1, packed[tile, j + 1, lane])
                s = _link(s, x2, packed[tile, j + 2, lane])
                sqdist[r, lane] = _link(s, x3, packed[tile, j + 3, lane])
    for j in range(d // _STEPS * _STEPS, d):
        for r in range(stop - start):
            x0 = np.float32(x[start + r, j])
            for lane in range(lanes):
                sqdist[r, lane] = _link(sqdist[r, lane], x0, packed[tile, j, lane])


@kernel
def _link(total: np.float32, a: np.float32, b: np.float32) -> np.float32:
    diff = np.float32(a - b)
    return fma(diff, diff, total)
