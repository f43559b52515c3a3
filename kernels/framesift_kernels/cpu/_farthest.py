"""Greedy k-center among a few rows, which lie in the cache as lanes."""

from typing import Any

import numpy as np

from .. import F32, I32, I64, Rows
from ._compile import kernel, native
from ._vector import BUFFER_VECTORS, WIDTH, approach, to_float

_LANES = BUFFER_VECTORS * WIDTH
_PICKS_A_CHECK = 4  # between looks at how many rows are left


def scratch(m: int, d: int) -> tuple[Any, ...]:
    """What `pick` works in, for m rows: packed, lane_sqdist, lane_nearest, lane_rows, high, left."""
    tiles = -(-m // _LANES)
    lanes = (tiles, _LANES)
    return (
        np.empty((tiles, d, _LANES), np.float32),
        np.empty(lanes, np.float32),
        np.empty(lanes, np.int32),
        np.empty(lanes, np.int64),
        np.empty(tiles, np.float32),
        np.empty(tiles * _LANES, np.int64),
    )


@native
def pick(
    x: Rows,  # IN  (n, d)
    rows: I64,  # IN  (m,)
    sqdist: F32,  # INOUT  (n,)
    nearest: I32,  # INOUT  (n,)
    applied: I32,  # INOUT  (n,)
    threshold: float,
    centers: F32,  # INOUT  (k, d)
    first: int,
    picks: I64,  # OUT  (p,)
    reached: F32,  # OUT  (p,)
    found: I64,  # OUT  (1,) how many were picked
    packed: F32,
    lane_sqdist: F32,
    lane_nearest: I32,
    lane_rows: I64,
    high: F32,
    left: I64,
) -> None:
    """`pick_farthest` on bits. The rest is `scratch`."""
    d = x.shape[1]
    tiles = _fill(x, rows, sqdist, nearest, packed, lane_sqdist, lane_nearest, lane_rows, high)
    n_alive, n_picks = len(rows), 0
    while n_picks < len(picks):
        tile = _first_largest(high[:tiles])
        if tile < 0 or high[tile] < threshold or high[tile] < 0:
            break
        lane = _first_largest(lane_sqdist[tile])
        number, row = first + n_picks, lane_rows[tile, lane]
        picks[n_picks], reached[n_picks] = row, high[tile]
        for j in range(d):
            centers[number, j] = packed[tile, j, lane]
        n_picks += 1
        lane_sqdist[tile, lane] = -1
        for t in range(tiles):
            high[t] = approach(packed, t, centers[number], number, lane_sqdist, lane_nearest)
        if n_picks % _PICKS_A_CHECK == 0 and _count(lane_sqdist[:tiles], threshold) <= n_alive // 2:
            n_alive = _write_back(
                number + 1, tiles, lane_sqdist, lane_nearest, lane_rows,
                sqdist, nearest, applied, threshold, left,
            )  # fmt: skip
            alive = left[:n_alive]
            tiles = _fill(x, alive, sqdist, nearest, packed, lane_sqdist, lane_nearest, lane_rows, high)
    _write_back(
        first + n_picks, tiles, lane_sqdist, lane_nearest, lane_rows,
        sqdist, nearest, applied, threshold, left,
    )  # fmt: skip
    found[0] = n_picks


@kernel
def _fill(
    x: Rows,  # IN  (n, d)
    chosen: I64,  # IN  (m,) rows of x
    sqdist: F32,  # IN  (n,)
    nearest: I32,  # IN  (n,)
    packed: F32,  # OUT  (tiles, d, lanes)
    lane_sqdist: F32,  # OUT  (tiles, lanes); -1 in lanes without a row
    lane_nearest: I32,  # OUT  (tiles, lanes)
    lane_rows: I64,  # OUT  (tiles, lanes); -1 in lanes without a row
    high: F32,  # OUT  (tiles,) largest of lane_sqdist
) -> int:
    """Copy rows to lanes, in their order, and return the number of tiles that they take."""
    tiles = -(-len(chosen) // _LANES)
    for tile in range(tiles):
        largest = np.float32(-1)
        for lane in range(_LANES):
            at = tile * _LANES + lane
            if at < len(chosen):
                i = chosen[at]
                lane_rows[tile, lane], lane_sqdist[tile, lane], lane_nearest[tile, lane] = (
                    i,
                    sqdist[i],
                    nearest[i],
                )
                largest = max(largest, sqdist[i])
                row = x[i]
                for j in range(len(row)):
                    packed[tile, j, lane] = to_float(row[j])
            else:
                lane_rows[tile, lane], lane_sqdist[tile, lane] = -1, -1
                for j in range(x.shape[1]):
                    packed[tile, j, lane] = 0
        high[tile] = largest
    return tiles


@kernel
def _write_back(
    now: int,
    tiles: int,
    lane_sqdist: F32,  # IN  (tiles, lanes)
    lane_nearest: I32,  # IN  (tiles, lanes)
    lane_rows: I64,  # IN  (tiles, lanes)
    sqdist: F32,  # INOUT  (n,)
    nearest: I32,  # INOUT  (n,)
    applied: I32,  # INOUT  (n,)
    threshold: float,
    left: I64,  # OUT  (tiles * lanes,)
) -> int:
    """Return to the rows what their lanes have found out; list those that may still be picked, and count them."""
    n = 0
    for tile in range(tiles):
        for lane in range(_LANES):
            row = lane_rows[tile, lane]
            if row >= 0:
                sqdist[row], nearest[row], applied[row] = (
                    lane_sqdist[tile, lane],
                    lane_nearest[tile, lane],
                    now,
                )
                if sqdist[row] >= threshold and sqdist[row] >= 0:
                    left[n] = row
                    n += 1
    return n


@kernel
def _first_largest(values: F32) -> int:
    found = -1
    for i in range(len(values)):
        if found < 0 or values[i] > values[found]:
            found = i
    return found


@kernel
def _count(values: F32, threshold: float) -> int:
    """How many of (tiles, lanes) values reach the threshold."""
    n = 0
    for tile in range(len(values)):
        row = values[tile]
        for lane in range(len(row)):
            n += row[lane] >= threshold
    return n
