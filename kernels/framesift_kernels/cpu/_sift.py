"""Nearest centres by bounds from eight bits, and in float32 between those that are left.

With an origin o, x - o = a + r and c - o = b + s, where a and b are multiples of two steps by small integers and r and
s the rests of rounding: |x - c|**2 = |x - o|**2 + |c - o|**2 - 2 (x - o)(c - o), and the last product is

    a b + a s + r (c - o),   of which the last two are at most |a| |s| + |r| |c - o|.

So with score(c) = |c - o|**2 - 2 a b, a centre whose score is more than 4 (|a| max|s| + |r| max|c - o|) above the lowest
is farther than that one. The centre that float32 finds nearest is among the others, if there is room for what float32
rounds away, here and in the distances. Distances are computed in float32, as everywhere, for these alone.
"""

import math

import numpy as np
import numpy.typing as npt

from .. import F32, I32, I64, U8, Rows
from ._compile import kernel
from ._narrow import (
    GROUP,
    dots_1,
    dots_2,
    dots_3,
    dots_4,
    lanes_below,
    lowest_score,
    pair_distances,
    round_row,
)
from ._vector import ROWS, VECTORS, WIDTH, count_trailing_zeros, to_float

MOST = 8
"""Candidates of a row that are compared one by one; if there are more, all centres are."""
_SAMPLE = 64
"""Rows that the step is chosen by; others may be farther from the origin, which costs speed."""
_TINY = 1e-30  # below this, squares underflow and the relative error has no bound
INVERSE, STEP, GAIN, REST, REACH, ROUNDING, SCALES = range(7)
"""What the numbers of a scale are."""


@kernel
def slack(d: int) -> float:
    """Room for rounding: computed squares are within (d + 3) 2**-24 of the true ones, and some are compared."""
    return 4 * (d + 4) * 2.0**-24


@kernel
def round_centers(
    x: Rows,  # IN  (n, d)
    centers: F32,  # IN  (k, d)
    lanes: npt.NDArray[np.int8],  # OUT  (vectors, bytes / GROUP, WIDTH * GROUP) zeros before
    origin: F32,  # OUT  (bytes,) zeros before
    base: F32,  # OUT  (vectors * WIDTH,) infinite before
    scale: F32,  # OUT  (SCALES,)
) -> None:
    """Choose origin and steps, and round the centres."""
    k, d = centers.shape
    for i in range(k):
        for j in range(d):
            origin[j] += centers[i, j] / np.float32(k)
    farthest, most = 0.0, 0.0
    for i in range(0, len(x), max(1, len(x) // _SAMPLE)):
        for j in range(d):
            farthest = max(farthest, abs(np.float64(to_float(x[i, j])) - origin[j]))
    for i in range(k):
        for j in range(d):
            most = max(most, abs(np.float64(centers[i, j]) - origin[j]))
    step = np.float64(np.float32(farthest / 127)) if farthest > _TINY else 1.0
    center_step = most / 127 if most > _TINY else 1.0
    rest, reach, high = 0.0, 0.0, 0.0
    for i in range(k):
        norm, left, total = 0.0, 0.0, 0.0
        lane = lanes[i // WIDTH]
        for j in range(d):
            value = np.float64(centers[i, j]) - origin[j]
            whole = np.rint(value * (1 / center_step))
            norm += value * value
            left += (value - whole * center_step) ** 2
            total += whole
            lane[j // GROUP, i % WIDTH * GROUP + j % GROUP] = np.int8(whole)
        base[i] = norm + 256 * step * center_step * total
        rest, reach, high = max(rest, left), max(reach, norm), max(high, abs(base[i]))
    gain = 2 * step * center_step
    scale[INVERSE], scale[STEP], scale[GAIN] = 1 / step, step, gain
    scale[REST], scale[REACH] = math.sqrt(rest) * (1 + 2.0**-20), math.sqrt(reach) * (1 + 2.0**-20)
    scale[ROUNDING] = 2.0**-21 * (high + gain * 255 * 127 * d)


@kernel
def dots(rows: U8, lanes: npt.NDArray[np.int8], at: int, vectors: int, out: I32) -> None:
    """Products of rows and the centres of ``lanes[at : at + vectors]``, vectors <= VECTORS."""
    if vectors == 4:
        dots_4(rows, lanes, at, out)
    elif vectors == 3:
        dots_3(rows, lanes, at, out)
    elif vectors == 2:
        dots_2(rows, lanes, at, out)
    else:
        dots_1(rows, lanes, at, out)


@kernel
def sift(
    x: Rows,  # IN  (n, d)
    start: int,
    stop: int,
    k: int,
    lanes: npt.NDArray[np.int8],  # IN  (vectors, bytes / GROUP, WIDTH * GROUP)
    origin: F32,  # IN  (bytes,)
    base: F32,  # IN  (vectors * WIDTH,)
    scale: F32,  # IN  (SCALES,)
    rounded: U8,  # scratch  (ROWS, bytes)
    norms: F32,  # scratch  (ROWS, 2)
    products: I32,  # scratch  (ROWS, vectors * WIDTH)
    pair_rows: I64,  # OUT  (>= (stop - start) * MOST,)
    pair_numbers: I32,  # OUT  as many
    open_rows: I64,  # OUT  (stop - start,)
) -> tuple[int, int]:
    """Rows start to stop: pairs of a row and a centre that may be its nearest, in order, and rows with too many.

    Returns how many there are of each.
    """
    n_pairs, n_open = 0, 0
    for first in range(start, stop, ROWS):
        held = min(ROWS, stop - first)
        for r in range(held):
            norms[r, 0], norms[r, 1] = round_row(x, first + r, origin, scale[INVERSE], scale[STEP], rounded, r)
        for at in range(0, len(lanes), VECTORS):
            dots(rounded, lanes, at, min(VECTORS, len(lanes) - at), products)
        for r in range(held):
            low = lowest_score(products, base, r, scale[GAIN])
            limit = _limit(norms[r, 0], norms[r, 1], low, x.shape[1], scale)
            found = _candidates(products, base, r, scale[GAIN], limit, k, n_pairs, pair_numbers)
            if found > MOST:
                open_rows[n_open] = first + r
                n_open += 1
            else:
                pair_rows[n_pairs : n_pairs + found] = first + r
                n_pairs += found
    return n_pairs, n_open


@kernel
def _limit(norm: np.float32, rest: np.float32, low: np.float32, d: int, scale: F32) -> np.float32:
    """Score above which a centre is farther than the one with the *low* score, for a row with these squared norms."""
    room = slack(d)
    size = math.sqrt(norm) * (1 + room)
    left = math.sqrt(rest) * (1 + room)
    left += 2.0**-22 * (size + left)  # of taking the origin off, and of the products
    more = 4 * (size * scale[REST] + left * scale[REACH]) + scale[ROUNDING]
    farthest = max(0.0, (size + left) ** 2 + low + more)
    limit = low + more + room * farthest + _TINY
    return np.float32(limit + abs(limit) * 2.0**-22)


@kernel
def _candidates(
    products: I32,  # IN  (ROWS, vectors * WIDTH)
    base: F32,  # IN  (vectors * WIDTH,)
    r: int,
    gain: np.float32,
    limit: np.float32,
    k: int,
    at: int,
    numbers: I32,  # OUT  from *at* on, at most MOST
) -> int:
    """Note the centres of row r with a score up to *limit*, and return how many they are; MOST + 1 for more."""
    found = 0
    for v in range(len(base) // WIDTH):
        mask = lanes_below(products, base, r, v, gain, limit)
        while mask:
            number = v * WIDTH + np.int64(count_trailing_zeros(mask))
            if number < k:
                if found == MOST:
                    return MOST + 1
                numbers[at + found] = number
                found += 1
            mask &= mask - np.uint64(1)
    return found


@kernel
def settle(
    x: Rows,  # IN  (n, d)
    centers: F32,  # IN  (k, d)
    n_pairs: int,
    pair_rows: I64,  # INOUT  (>= n_pairs + WIDTH,)
    pair_numbers: I32,  # INOUT  as many
    pair_sqdist: F32,  # scratch  as many
    sqdist: F32,  # INOUT  (n,)
    nearest: I32,  # INOUT  (n,)
) -> None:
    """Take the pairs into account, as `_rows.lower` does."""
    if not n_pairs:
        return
    for pair in range(n_pairs, n_pairs + WIDTH):  # those that fill the last vector
        pair_rows[pair], pair_numbers[pair] = pair_rows[n_pairs - 1], pair_numbers[n_pairs - 1]
    for at in range(0, n_pairs, WIDTH):
        pair_distances(x, pair_rows, centers, pair_numbers, at, pair_sqdist)
    for pair in range(n_pairs):
        i = pair_rows[pair]
        if pair_sqdist[pair] < sqdist[i]:
            sqdist[i], nearest[i] = pair_sqdist[pair], pair_numbers[pair]
