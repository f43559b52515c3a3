"""Nearest centres by bounds from eight bits, and in float32 between those that are left.

With an origin o, x - o = a + r and c - o = b + s, where a and b are multiples of two steps by small integers and r and
s the rests of rounding: |x - c|**2 = |x - o|**2 + |c - o|**2 - 2 (x - o)(c - o), and the last product is

    a b + a s + r (c - o),   of which the last two are at most |a| |s| + |r| |c - o|.

So with the score 2 a b - |c - o|**2 of a centre, in units of twice the steps an integer, one whose score is more than
4 (|a| max|s| + |r| max|c - o|) below the highest is farther than that one. The centre that float32 finds nearest is
among the others, if there is room for what float32 rounds away, here and in the distances. If they are several,
distances that are added up in any order leave those within rounding of the lowest, and only these get the chain that
distances are everywhere.
"""

import math

import numpy as np
import numpy.typing as npt

from .. import F32, F64, I32, I64, U8, Rows
from ._compile import kernel
from ._narrow import (
    fetch_ahead,
    highest,
    lanes_from,
    put_lane,
    round_row,
    row_reach,
    scores_1,
    scores_2,
    scores_3,
    scores_4,
)
from ._pairs import TOGETHER, pair_distances, rough_distances
from ._vector import ROWS, VECTORS, WIDTH, count_trailing_zeros

MOST = 24
"""Candidates of a row that are compared one by one, roughly; if there are more, all centres are."""
KEPT = 8
"""Of these, left after that; if there are more, all centres are compared."""
_SAMPLE = 64
"""Rows that the step is chosen by; others may be farther from the origin, which costs speed."""
_MOST_SCORE = 2.0**29  # which integers hold, with any product added
_NO_LIMIT = -(2**31)
_WORD = 64 // WIDTH
"""Vectors of which a word tells the lanes."""
_TINY = 1e-30  # below this, squares underflow and the relative error has no bound
INVERSE, STEP, GAIN, INVERSE_GAIN, REST, REACH, ROUNDING, SCALES = range(8)
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
    origin: F32,  # OUT  (bytes,) zeros from d on before
    bias: I32,  # OUT  (vectors * WIDTH,) -2**31 from k on before
    rounded: U8,  # scratch  (ROWS, bytes)
    scale: F32,  # OUT  (SCALES,)
) -> None:
    """Choose origin and steps, and round the centres."""
    k, d = centers.shape
    share = np.float32(1 / k)
    for j in range(d):
        origin[j] = 0
    for i in range(k):
        row = centers[i]
        for j in range(d):
            origin[j] += row[j] * share
    farthest, most = np.float32(0), np.float32(0)
    for i in range(0, len(x), max(1, len(x) // _SAMPLE)):
        farthest = max(farthest, row_reach(x, i, origin))
    for i in range(k):
        most = max(most, row_reach(centers, i, origin))
    step = np.float32(farthest / 127) if farthest > _TINY else np.float32(1)
    center_step = np.float32(most / 127) if most > _TINY else np.float32(1)
    gain = 2 * np.float64(step) * np.float64(center_step)
    rest, reach, fits = np.float32(0), np.float32(0), True
    for i in range(k):
        norm, left = round_row(centers, i, origin, np.float32(1 / center_step), center_step, rounded, 0)
        total = put_lane(rounded, lanes, i)
        value = -np.float64(norm) / gain - 128.0 * total  # bytes of rows are 128 too large
        fits = fits and bool(abs(value) < _MOST_SCORE)
        bias[i] = np.int32(value) if fits else np.int32(0)
        rest, reach = max(rest, left), max(reach, norm)
    room = 1 + slack(d)
    scale[STEP], scale[INVERSE] = step, np.float32(1 / step)
    scale[GAIN], scale[INVERSE_GAIN] = gain, np.float32(1 / gain)
    scale[REACH] = math.sqrt(reach) * room
    scale[REST] = math.sqrt(rest) * room + 2.0**-22 * scale[REACH]
    scale[ROUNDING] = 2 * gain + slack(d) * reach if fits else np.inf


@kernel
def score(rows: U8, lanes: npt.NDArray[np.int8], bias: I32, at: int, out: I32) -> None:
    """Scores of ROWS rows for the centres of ``lanes[at : at + VECTORS]``, of which there may be fewer."""
    vectors = min(VECTORS, len(lanes) - at)
    if vectors == 4:
        scores_4(rows, lanes, bias, at, out)
    elif vectors == 3:
        scores_3(rows, lanes, bias, at, out)
    elif vectors == 2:
        scores_2(rows, lanes, bias, at, out)
    else:
        scores_1(rows, lanes, bias, at, out)


@kernel
def sift(
    x: Rows,  # IN  (n, d)
    rows: I64,  # IN  (m,) rows of x
    centers: F32,  # IN  (k, d)
    lanes: npt.NDArray[np.int8],  # IN  (vectors, bytes / GROUP, WIDTH * GROUP)
    origin: F32,  # IN  (bytes,)
    bias: I32,  # IN  (vectors * WIDTH,)
    scale: F32,  # IN  (SCALES,)
    rounded: U8,  # scratch  (ROWS, bytes)
    norms: F32,  # scratch  (ROWS, 2)
    scores: I32,  # scratch  (ROWS, vectors * WIDTH)
    limits: I32,  # scratch  (ROWS,)
    doubts: F64,  # scratch  (ROWS,)
    candidates: I32,  # scratch  (MOST,)
    rough: F32,  # scratch  (MOST,)
    pair_rows: I64,  # OUT  (>= m * KEPT,)
    pair_numbers: I32,  # OUT  as many
    open_rows: I64,  # OUT  (m,)
    lower: F32,  # OUT  (n,) or (0,): at most the distance to any centre that is in no pair
) -> tuple[int, int]:
    """Find pairs of a row and a centre that may be its nearest, in order, and rows with too many.

    Returns how many there are of each.
    """
    n_pairs, n_open = 0, 0
    for first in range(0, len(rows), ROWS):
        held = min(ROWS, len(rows) - first)
        for r in range(held):
            norms[r, 0], norms[r, 1] = round_row(
                x, rows[first + r], origin, scale[INVERSE], scale[STEP], rounded, r
            )
        for later in range(first + 2 * ROWS, min(first + 3 * ROWS, len(rows))):
            fetch_ahead(x, rows[later])
        for at in range(0, len(lanes), VECTORS):
            score(rounded, lanes, bias, at, scores)
        for r in range(held):  # of all rows before what is next, whose branches can hardly be foretold
            norm, high = np.float64(norms[r, 0]), highest(scores, r, np.int32(2**31 - 1))
            doubt = _doubt(norm, norms[r, 1], x.shape[1], scale)
            nearest = norm - np.float64(high) * scale[GAIN]
            window = _window(nearest, doubt, x.shape[1]) * scale[INVERSE_GAIN]
            doubts[r], limits[r] = doubt, _NO_LIMIT
            if window < _MOST_SCORE:
                limits[r] = high - np.int64(window) - 1
        for r in range(held):
            row, found, others = rows[first + r], MOST + 1, np.float32(np.inf)
            if limits[r] != _NO_LIMIT:
                found = _candidates(scores, r, limits[r], len(centers), candidates)
            if 1 < found <= MOST:
                found, others = _thin_out(x, row, centers, found, candidates, rough)
            if found > KEPT:
                open_rows[n_open] = row
                n_open += 1
                continue
            for at in range(found):
                pair_rows[n_pairs + at], pair_numbers[n_pairs + at] = row, candidates[at]
            n_pairs += found
            if len(lower):
                low = -np.float64(highest(scores, r, limits[r])) * scale[GAIN]
                far = _beyond(np.float64(norms[r, 0]), low, doubts[r], x.shape[1])
                lower[row] = min(far, _lowered(others, x.shape[1]))
    return n_pairs, n_open


@kernel
def _doubt(norm: float, rest: float, d: int, scale: F32) -> float:
    """How far the squared norm of the row less a score may be from a squared distance, at most."""
    room = 1 + slack(d)
    size, left = math.sqrt(norm) * room, math.sqrt(rest) * room
    left += 2.0**-22 * size  # of taking the origin off, and of the products
    return float(2 * ((size + left) * scale[REST] + left * scale[REACH]) + scale[ROUNDING])


@kernel
def _window(nearest: float, doubt: float, d: int) -> float:
    """How much below the highest score a centre is farther, also as computed; *nearest*: what that score stands for."""
    return 2 * doubt + slack(d) * max(0.0, nearest + doubt) + _TINY


@kernel
def _beyond(norm: float, low: float, doubt: float, d: int) -> np.float32:
    """At most the distance to a centre whose score is -*low*."""
    square = max(0.0, norm * (1 - slack(d)) + low - doubt)
    return np.float32(math.sqrt(square) * (1 - 2.0**-20))


@kernel
def _candidates(
    scores: I32,  # IN  (ROWS, vectors * WIDTH)
    r: int,
    limit: np.int32,
    k: int,
    numbers: I32,  # OUT  (MOST,)
) -> int:
    """Note the centres of row r with a score from *limit* on, and return how many they are; MOST + 1 for more."""
    found, vectors = 0, scores.shape[1] // WIDTH
    for first in range(
        0, vectors, _WORD
    ):  # a word at a time: branches that can hardly be foretold cost most here
        mask = np.uint64(0)
        for v in range(first, min(first + _WORD, vectors)):
            mask |= lanes_from(scores, r, v, limit) << np.uint64((v - first) * WIDTH)
        while mask:
            number = first * WIDTH + np.int64(count_trailing_zeros(mask))
            if found == MOST or number >= k:
                return MOST + 1
            numbers[found] = number
            found += 1
            mask &= mask - np.uint64(1)
    return found


@kernel
def _thin_out(
    x: Rows,  # IN  (n, d)
    i: int,
    centers: F32,  # IN  (k, d)
    found: int,
    numbers: I32,  # INOUT  (MOST,) the first *found*
    rough: F32,  # scratch  (MOST,)
) -> tuple[int, np.float32]:
    """Of some centres leave those that may be the nearest of row i; return how many, and the lowest of the others.

    A sum of squares in any order is as near to the true one as a chain is, or nearer.
    """
    for at in range(found, -(-found // TOGETHER) * TOGETHER):
        numbers[at] = numbers[0]
    rough_distances(x, i, centers, numbers, found, rough)
    lowest = rough[0]
    for at in range(1, found):
        lowest = min(lowest, rough[at])
    limit = np.float64(lowest) * (1 + slack(x.shape[1])) + _TINY
    left, others = 0, np.float32(np.inf)
    for at in range(found):
        if rough[at] <= limit:
            numbers[left] = numbers[at]
            left += 1
        else:
            others = min(others, rough[at])
    return left, others


@kernel
def _lowered(sqdist: np.float32, d: int) -> np.float32:
    """At most the distance whose square is *sqdist* as computed."""
    return np.float32(math.sqrt(sqdist) * (1 - slack(d)) * (1 - 2.0**-22))


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
    lower: F32,  # INOUT  (n,) or (0,): at most the distance to any centre but the nearest
) -> None:
    """Take the pairs into account, as `_rows.lower` does."""
    if not n_pairs:
        return
    for pair in range(n_pairs, n_pairs + WIDTH):  # those that fill the last vector
        pair_rows[pair], pair_numbers[pair] = pair_rows[n_pairs - 1], pair_numbers[n_pairs - 1]
    for at in range(0, n_pairs, WIDTH):
        pair_distances(x, pair_rows, centers, pair_numbers, at, pair_sqdist)
    for pair in range(n_pairs):
        i, value = pair_rows[pair], pair_sqdist[pair]
        other = value
        if value < sqdist[i]:
            other = sqdist[i]
            sqdist[i], nearest[i] = value, pair_numbers[pair]
        if len(lower):
            lower[i] = min(lower[i], _lowered(other, x.shape[1]))
