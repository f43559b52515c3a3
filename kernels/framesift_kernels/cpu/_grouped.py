"""`lower`, but that centres are left out which the triangle inequality shows to be too far.

A row i with nearest centre a cannot be nearer to c if |a - c| >= 2 |i - a|, for then |i - c| >= |a - c| - |i - a|
>= |i - a|. Squared, and with room for what float32 rounds away: |a - c|**2 >= 4 |i - a|**2 (1 + slack).
"""

import numpy as np

from .. import F32, I32, I64, Rows
from ._compile import kernel, native
from ._rows import FEW, distances, lower, lower_pairs, pack_into
from ._sift import slack
from ._vector import ROWS, VECTORS, WIDTH

_PAIRS = 64
"""Of a row and a centre more than `FEW`, for which it does not pay to give each centre a lane."""
_TINY = 1e-30  # below this, squares underflow and the relative error has no bound


@native
def lower_groups(
    x: Rows,  # IN  (n, d)
    rows: I64,  # IN  (m,) by their nearest
    centers: F32,  # IN  (k, d)
    first: int,
    applied: I32,  # IN  (n,) of *rows*, the least is *first*
    sqdist: F32,  # INOUT  (n,)
    nearest: I32,  # INOUT  (n,)
    pairs: I64,  # INOUT  (1,) raised by the distances computed
    packed: F32,  # scratch  (vectors, d, WIDTH) for k - first centres
    some: F32,  # scratch  (vectors, d, WIDTH)
    kept: I32,  # scratch  (k,)
    between: F32,  # scratch  (ROWS, vectors * WIDTH)
    starts: I64,  # scratch  (ROWS + 1,)
    oldest: I64,  # scratch  (ROWS,)
    reach: F32,  # scratch  (ROWS,)
    pair_rows: I64,  # scratch  (WIDTH,)
    block: F32,
    values: F32,
    best: F32,
    index: I32,
) -> None:
    """`lower_grouped` on bits. The rest is `_rows.scratch`."""
    k, d = centers.shape
    pack_into(centers[first:], packed)
    start = 0
    while start < len(rows):
        groups = _next_groups(rows, start, nearest, applied, sqdist, starts, oldest, reach)
        least = k
        for g in range(groups):
            least = min(least, oldest[g])
            near = nearest[rows[starts[g]]]
            for j in range(d):
                block[g, j] = centers[near, j]
        _between(block, packed, (least - first) // WIDTH, values, between)
        for g in range(groups):
            n = _keep(between, g, first, oldest[g], k, reach[g], slack(d), kept)
            if n:
                pairs[0] += n * (starts[g + 1] - starts[g])
                group = rows[starts[g] : starts[g + 1]]
                if (n - FEW) * len(group) <= _PAIRS:
                    lower_pairs(x, group, centers, kept, n, sqdist, nearest, pair_rows, values, index)
                    continue
                vectors = _gather(centers, kept, n, some)
                lower(x, group, some[:vectors], kept, sqdist, nearest, block, values, best, index)
        start = starts[groups]


@kernel
def _next_groups(
    rows: I64,  # IN  (m,)
    start: int,
    nearest: I32,  # IN  (n,)
    applied: I32,  # IN  (n,)
    sqdist: F32,  # IN  (n,)
    starts: I64,  # OUT  (ROWS + 1,)
    oldest: I64,  # OUT  (ROWS,) least applied of a group
    reach: F32,  # OUT  (ROWS,) largest sqdist of a group
) -> int:
    """Find the next groups of rows with one nearest centre, at most ROWS of them, and return how many."""
    groups, stop = 0, start
    starts[0] = start
    while groups < ROWS and stop < len(rows):
        near = nearest[rows[stop]]
        oldest[groups], reach[groups] = applied[rows[stop]], sqdist[rows[stop]]
        while stop < len(rows) and nearest[rows[stop]] == near:
            oldest[groups] = min(oldest[groups], applied[rows[stop]])
            reach[groups] = max(reach[groups], sqdist[rows[stop]])
            stop += 1
        groups += 1
        starts[groups] = stop
    return groups


@kernel
def _between(
    block: F32,  # IN  (ROWS, d) centres of groups
    packed: F32,  # IN  (vectors, d, WIDTH)
    first: int,
    values: F32,  # scratch  (ROWS, VECTORS * WIDTH)
    between: F32,  # OUT  (ROWS, vectors * WIDTH)
) -> None:
    """Squared distances of the centres of groups to those of ``packed[first:]``."""
    for at in range(first, len(packed), VECTORS):
        vectors = min(VECTORS, len(packed) - at)
        distances(block, packed, at, vectors, values)
        for r in range(ROWS):
            for lane in range(vectors * WIDTH):
                between[r, at * WIDTH + lane] = values[r, lane]


@kernel
def _keep(
    between: F32,  # IN  (ROWS, lanes)
    group: int,
    first: int,
    start: int,
    stop: int,
    reach: np.float32,
    room: float,
    kept: I32,  # OUT  (>= stop - start,)
) -> int:
    """How many of the centres start to stop may be nearer than *reach*, squared, and in *kept* which."""
    limit = 4 * np.float64(reach) * (1 + room) + _TINY
    n = 0
    for center in range(start, stop):
        kept[n] = center
        n += not (limit <= between[group, center - first] < np.inf)
    return n


@kernel
def _gather(centers: F32, kept: I32, n: int, some: F32) -> int:
    """Pack the first n centres kept, and return how many vectors they are."""
    d = centers.shape[1]
    vectors = -(-n // WIDTH)
    for at in range(vectors * WIDTH):
        v, lane = at // WIDTH, at % WIDTH
        for j in range(d):
            some[v, j, lane] = centers[kept[at], j] if at < n else np.float32(np.inf)
    return vectors
