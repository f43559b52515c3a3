"""`lower`, but that centres are left out which the triangle inequality shows to be too far.

A row i with nearest centre a cannot be nearer to c if |a - c| >= 2 |i - a|, for then |i - c| >= |a - c| - |i - a|
>= |i - a|. Squared, and with room for what float32 rounds away: |a - c|**2 >= 4 |i - a|**2 (1 + slack).
"""

import numpy as np

from .. import F32, I32, I64, Rows
from ._compile import kernel
from ._rows import distances, lower, pack
from ._vector import ROWS, VECTORS, WIDTH

_TINY = 1e-30  # below this, squares underflow and the relative error has no bound


@kernel
def slack(d: int) -> float:
    """Room for rounding: the computed squares are within (d + 3) 2**-24 of the true ones, and three are compared."""
    return 4 * (d + 4) * 2.0**-24


@kernel
def lower_groups(
    x: Rows,  # IN  (n, d)
    rows: I64,  # IN  (m,) by their nearest
    centers: F32,  # IN  (k, d)
    applied: I32,  # IN  (n,)
    sqdist: F32,  # INOUT  (n,)
    nearest: I32,  # INOUT  (n,)
) -> int:
    """`lower_grouped` on bits."""
    k, d = centers.shape
    first = k
    for i in rows:
        first = min(first, applied[i])
    packed = pack(centers[first:])
    some = np.empty((len(packed), d, WIDTH), np.float32)
    kept, between = np.empty(k, np.int32), np.empty((ROWS, len(packed) * WIDTH), np.float32)
    block, values = np.zeros((ROWS, d), np.float32), np.empty((ROWS, VECTORS * WIDTH), np.float32)
    starts, oldest, reach = np.empty(ROWS + 1, np.int64), np.empty(ROWS, np.int64), np.empty(ROWS, np.float32)
    pairs, start = 0, 0
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
                pairs += n * (starts[g + 1] - starts[g])
                vectors = _gather(centers, kept, n, some)
                group = rows[starts[g] : starts[g + 1]]
                lower(x, group, some[:vectors], kept, sqdist, nearest, block2, values, best, index)
        start = starts[groups]
    return pairs


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
