"""Lloyd's step that leaves out rows which cannot change their centre (Hamerly 2010, with the lower bound alone).

A row keeps its label if it is nearer to its own centre than ``lower``, a bound on its distance to any other. Centres
that move by at most ``moved`` lower the bound by that. The distance to the own centre is computed always: it is wanted,
and it makes the bound as good as it can be. All comparisons leave room for what float32 rounds away.
"""

import math

import numpy as np
import numpy.typing as npt

from .. import F32, F64, I32, I64, U8, Rows
from ._compile import kernel, native
from ._lloyd import BATCH, add_rows
from ._narrow import fetch_ahead
from ._pairs import pair_distances
from ._rows import distances, fetch, pack_into
from ._sift import round_centers, settle, sift, slack
from ._vector import ROWS, VECTORS, WIDTH, keep_lowest, keep_second, lowest

_AHEAD = 2 * WIDTH
"""Rows that memory is asked for while others are computed."""


@native
def bounded_step(
    x: Rows,  # IN  (n, d)
    centers: F32,  # IN  (k, d)
    moved: float,
    labels: I32,  # INOUT  (n,)
    sqdist: F32,  # OUT  (n,)
    lower: F32,  # INOUT  (n,)
    sums: F64 | I64,  # INOUT  (k, d)
    counts: I64,  # INOUT  (k,)
    compared: I64,  # INOUT  (1,) raised by the rows compared with all centres
    low: F32,  # scratch  (ROWS, WIDTH)
    second: F32,  # scratch  (ROWS, WIDTH)
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
    """`bounded_sums`. The rest is `_lloyd.workspace`."""
    n = len(x)
    narrow = len(lanes) > 0
    if narrow:
        round_centers(x, centers, lanes, origin, bias, rounded, scale)
    is_packed = False
    for start in range(0, n, BATCH):
        stop = min(start + BATCH, n)
        _own(x, centers, labels, start, stop, pair_rows, pair_numbers, pair_sqdist, sqdist)
        rows = batch[: _open(start, stop, moved, slack(x.shape[1]), labels, sqdist, lower, batch)]
        compared[0] += len(rows)
        if narrow:
            n_pairs, n_open = sift(
                x, rows, centers, lanes, origin, bias, scale, rounded, norms, scores, limits, doubts,
                candidates, rough, pair_rows, pair_numbers, open_rows, lower,
            )  # fmt: skip
            settle(x, centers, n_pairs, pair_rows, pair_numbers, pair_sqdist, sqdist, labels, lower)
            rows = open_rows[:n_open]
        if len(rows) and not is_packed:
            pack_into(centers, packed)
            is_packed = True
        _compare(x, rows, packed, labels, sqdist, lower, block, values, best, index, low, second)
        add_rows(x, start, stop, labels, sums, counts)


@kernel
def _own(
    x: Rows,  # IN  (n, d)
    centers: F32,  # IN  (k, d)
    labels: I32,  # IN  (n,)
    start: int,
    stop: int,
    pair_rows: I64,  # scratch  (>= stop - start + WIDTH,)
    pair_numbers: I32,  # scratch  as many
    pair_sqdist: F32,  # scratch  as many
    sqdist: F32,  # OUT  (n,)
) -> None:
    """Squared distances of rows to their centres."""
    for pair in range(stop - start + WIDTH):
        i = min(start + pair, stop - 1)
        pair_rows[pair], pair_numbers[pair] = i, labels[i]
    for at in range(0, stop - start, WIDTH):
        for later in range(start + at + _AHEAD, min(start + at + _AHEAD + WIDTH, len(x))):
            fetch_ahead(x, later)
        pair_distances(x, pair_rows, centers, pair_numbers, at, pair_sqdist)
    for i in range(start, stop):
        sqdist[i] = pair_sqdist[i - start]


@kernel
def _open(
    start: int,
    stop: int,
    moved: float,
    room: float,
    labels: I32,  # INOUT  (n,) 0 where rows are open
    sqdist: F32,  # INOUT  (n,) infinite where rows are open
    lower: F32,  # INOUT  (n,)
    rows: I64,  # OUT  (stop - start,)
) -> int:
    """Lower the bounds, and list the rows that may have another centre; return how many they are."""
    held = 0
    for i in range(start, stop):
        lower[i] = np.float32((lower[i] - moved) * (1 - 2.0**-22)) if lower[i] > moved else np.float32(0)
        if not math.sqrt(sqdist[i]) * (1 + room) < lower[i]:
            rows[held], labels[i], sqdist[i], lower[i] = i, 0, np.inf, np.inf
            held += 1
    return held


@kernel
def _compare(
    x: Rows,  # IN  (n, d)
    rows: I64,  # IN  (m,)
    packed: F32,  # IN  (vectors, d, WIDTH)
    labels: I32,  # INOUT  (n,)
    sqdist: F32,  # INOUT  (n,)
    lower: F32,  # INOUT  (n,)
    block: F32,  # scratch  (ROWS, d)
    values: F32,  # scratch  (ROWS, VECTORS * WIDTH)
    best: F32,  # scratch  (ROWS, WIDTH)
    index: I32,  # scratch  (ROWS, WIDTH)
    low: F32,  # scratch  (ROWS, WIDTH)
    second: F32,  # scratch  (ROWS, WIDTH)
) -> None:
    """Nearest centre of some rows, and how far the next can be at least."""
    shrink = (1 - slack(x.shape[1])) * (1 - 2.0**-22)
    for start in range(0, len(rows), ROWS):
        held = fetch(x, rows, start, block)
        for r in range(ROWS):
            for lane in range(WIDTH):
                best[r, lane] = low[r, lane] = second[r, lane] = np.inf
                index[r, lane] = 0
        for at in range(0, len(packed), VECTORS):
            vectors = min(VECTORS, len(packed) - at)
            distances(block, packed, at, vectors, values)
            keep_lowest(values, vectors, at * WIDTH, best, index)
            keep_second(values, vectors, low, second)
        for r in range(held):
            i = rows[start + r]
            sqdist[i], labels[i] = lowest(best, index, r)
            other = np.float32(np.inf)
            for lane in range(WIDTH):
                mine = lane == labels[i] % WIDTH
                other = min(other, second[r, lane] if mine else low[r, lane])
            lower[i] = np.float32(math.sqrt(other) * shrink)
