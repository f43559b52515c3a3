"""Costs of serving clients by candidates, and what another candidate would save: the loops of coverage."""

import math

import numpy as np

from .. import F32, F64, I32, I64, U64, Rows
from ._compile import kernel, native
from ._lanes import LANES, PART, TOGETHER, add_saved, below, raise_to, saved, two_nearest
from ._rows import distances, fetch, pack_into
from ._turn import turn
from ._vector import ROWS, VECTORS, WIDTH, count_trailing_zeros

_MIRRORED = 16 * ROWS
"""Rows that are copied to the other side of the diagonal at once: whole lines of the cache."""
_PANEL_ELEMENTS = 2**17
"""Of clients, that the second cache keeps beside what passes."""


@native
def fill_costs(
    x: Rows,  # IN  (n, d)
    floats: F32,  # IN  (n, d) x, if it is float32; else none
    rows: I64,  # IN  (b,) rows of x: the candidates
    clients: F32,  # IN  (c, d)
    scale: float,
    order: int,
    out: F32,  # OUT  (b, columns)
    first: int,
    mirror: int,
    packed: F32,  # scratch  (vectors, d, WIDTH) the clients, a lane each
    block: F32,  # scratch  (ROWS, d)
    values: F32,  # scratch  (ROWS, VECTORS * WIDTH)
) -> None:
    """`pair_costs` on bits. Some panels of clients stay in the cache while all candidates pass."""
    d = x.shape[1]
    pack_into(clients, packed)
    panels = max(1, _PANEL_ELEMENTS // (VECTORS * WIDTH * max(1, d)))
    for begin in range(0, len(packed), panels * VECTORS):
        end = min(begin + panels * VECTORS, len(packed))
        # Of a symmetric square what lies above the diagonal is mirrored, by other panels or below.
        for start in range(begin * WIDTH // ROWS * ROWS if mirror else 0, len(rows), ROWS):
            n = min(ROWS, len(rows) - start)
            tile = block
            if len(floats) and _follow(rows, start):
                tile = floats[rows[start] : rows[start] + ROWS]
            else:
                fetch(x, rows, start, block)
            for at in range(begin, min(end, (start + n - 1) // WIDTH + 1) if mirror else end, VECTORS):
                vectors = min(VECTORS, end - at)
                held = min(vectors * WIDTH, len(clients) - at * WIDTH)
                column = first + at * WIDTH
                distances(tile, packed, at, vectors, values)
                _raise(values, n, held, np.float32(scale), order, out, start, column)
            stop = start + n
            if mirror and (stop % _MIRRORED == 0 or stop == len(rows)):
                clients_end = min(end * WIDTH, len(clients))
                _mirror(out, first, (start // _MIRRORED) * _MIRRORED, stop, begin * WIDTH, clients_end)


@kernel
def _follow(rows: I64, start: int) -> bool:
    """Whether ROWS rows lie one behind the other, so that they need not be copied."""
    together = start + ROWS <= len(rows)
    for r in range(1, ROWS if together else 0):
        together &= rows[start + r] == rows[start] + r
    return together


@kernel
def _mirror(out: F32, first: int, start: int, stop: int, begin: int, end: int) -> None:
    """Copy rows start to stop of columns begin to end, from *first* on, to the other side of the diagonal."""
    width = out.shape[1]
    for lane in range(begin, end, WIDTH):
        lanes = min(lane + WIDTH, end)
        for at in range(start, stop, WIDTH):
            rows = min(at + WIDTH, stop)
            if lanes == lane + WIDTH and rows == at + WIDTH and at >= lanes:
                turn(out, at * width + first + lane, width, out, lane * width + first + at, width)
                continue
            for i in range(lane, lanes):
                for r in range(max(at, i + 1), rows):
                    out[i, first + r] = out[r, first + i]


@kernel
def _raise(
    squares: F32,  # IN  (ROWS, lanes)
    n: int,
    held: int,
    scale: np.float32,
    order: int,
    out: F32,  # OUT  (b, columns)
    row: int,
    column: int,
) -> None:
    """Powers of distances, of their squares: ``(scale * s) ** (order / 2)``, products from the left, and a root.

    Of *held* lanes of n rows, to as many columns from *column* on of rows from *row* on.
    """
    full = held // WIDTH * WIDTH
    for r in range(n):
        at, to = r * squares.shape[1], (row + r) * out.shape[1] + column
        for i in range(0, full, WIDTH):
            raise_to(squares, at + i, scale, order, out, to + i)
        for i in range(full, held):
            value = squares[r, i] * scale
            power = value if order > 1 else np.float32(1)
            for _ in range(order // 2 - 1):
                power *= value
            out[row + r, column + i] = power * np.float32(math.sqrt(value)) if order % 2 else power


@native
def gains_of(costs: F32, rows: I64, near: F32, weights: F32, gains: F64) -> None:
    """`cost_gains`."""
    for b in range(len(rows)):
        gains[b] = saved(costs, rows[b], near, weights)


@native
def add_savings_of(
    costs: F32,  # IN  (m, n)
    rows: I64,  # IN  (e,) of costs
    low: F32,  # IN  (e,)
    high: F32,  # IN  (e,)
    weights: F32,  # IN  (e,)
    slots: I32,  # IN  (e,)
    start: int,
    stop: int,
    sums: F64,  # INOUT  (s, n)
) -> None:
    """`add_savings`."""
    at = 0
    while at < len(rows):
        n = 1
        while n < TOGETHER and at + n < len(rows) and slots[at + n] == slots[at]:
            n += 1
        add_saved(costs, rows, at, n, low, high, weights, start, stop, sums, slots[at])
        at += n


@native
def best_swaps(
    costs: F32,  # IN  (m, n)
    rows: I64,  # IN  (b,) of costs
    near: F32,  # IN  (n,)
    second: F32,  # IN  (n,)
    slot: I32,  # IN  (n,)
    weights: F32,  # IN  (n,)
    removal: F64,  # IN  (k,)
    only: I32,  # IN  (b,)
    change: F64,  # OUT  (b,)
    swapped: I32,  # OUT  (b,)
    moved: F64,  # scratch  (k + 1,)
    marks: U64,  # scratch  (PART / 64,)
) -> None:
    """`swap_changes`. Only clients nearer to the candidate than to their second pick count, and these are few."""
    k = len(removal)
    for b in range(len(rows)):
        change[b], swapped[b] = 0, -1
        if only[b] == -2:
            continue
        row = rows[b]
        shared = 0.0
        for t in range(k):
            moved[t] = removal[t]
        moved[k] = 0
        for start in range(0, len(near), PART):
            for word in range(below(costs, row, start, second, marks)):
                found = marks[word]
                while found:
                    i = start + 64 * word + np.int64(count_trailing_zeros(found))
                    found &= found - np.uint64(1)
                    cost, before, weight = (
                        np.float64(costs[row, i]),
                        np.float64(near[i]),
                        np.float64(weights[i]),
                    )
                    nearer = cost < before  # chosen, not branched on: what is 0 changes no sum
                    shared += weight * ((cost if nearer else before) - before)
                    moved[slot[i]] += weight * ((before if nearer else cost) - np.float64(second[i]))
        first, last = (0, k) if only[b] == -1 else (only[b], only[b] + 1)
        for t in range(first, last):
            if swapped[b] < 0 or shared + moved[t] < change[b]:
                change[b], swapped[b] = shared + moved[t], t


@native
def replace_pick(
    picked: F32,  # IN  (k, n)
    replaced: int,
    base: F32,  # IN  (n,)
    near: F32,  # INOUT  (n,)
    second: F32,  # INOUT  (n,)
    slot: I32,  # INOUT  (n,)
    other: I32,  # INOUT  (n,)
) -> None:
    """`nearest_two`. The picks that a client does not stand by need not be looked at, but the one replaced."""
    for at in range(0, len(near), LANES):
        two_nearest(picked, replaced, base, at, near, second, slot, other)
