"""k nearest on the row kernel: tiles of distances, few of which are near enough to enter a heap."""

from typing import Any

import numpy as np
from llvmlite import ir

from .. import F32, I64, U32, U64, Rows
from ._compile import cgutils, intrinsic, kernel, native, types
from ._rows import distances, fetch
from ._vector import ROWS, VECTORS, WIDTH, _Block, count_trailing_zeros, to_float

_PACKED_ELEMENTS = 2**17
"""Of the rows of y that are compared at a time: half a megabyte as float32, which the second cache holds."""


@native
def lower_keys(
    x: Rows,  # IN  (n, d)
    y: Rows,  # IN  (m, d)
    first_x: int,
    first_y: int,
    keys_x: U64,  # INOUT  (n, k) heaps
    keys_y: U64,  # INOUT  (m, k) heaps, or (0, k)
    halves_x: F32,  # IN  (n, 2 k) the same memory: of each key its low half, then the squared distance
    halves_y: F32,  # IN  (m, 2 k) or (0, 2 k)
    everyone: I64,  # IN  (n,) numbers from 0
    packed: F32,  # scratch  (vectors, d, WIDTH)
    limits: F32,  # scratch  (vectors WIDTH,), -1
    block: F32,  # scratch  (ROWS, d), no infinities or NaN
    values: F32,  # scratch  (ROWS, VECTORS WIDTH)
    patterns: U32,  # the same memory
) -> None:
    """`nearest` on bits. The rest is `scratch`."""
    n, vectors = len(x), len(packed)
    for start in range(0, len(y), vectors * WIDTH):
        held = min(vectors * WIDTH, len(y) - start)
        _pack(y, start, held, packed)
        if len(keys_y):
            _read_limits(halves_y, start, held, limits)
        for i in range(0, n, ROWS):
            rows = fetch(x, everyone, i, block)
            for at in range(0, -(-held // WIDTH), VECTORS):
                width = min(VECTORS, -(-held // WIDTH) - at)
                distances(block, packed, at, width, values)
                lane = at * WIDTH
                for r in range(rows):
                    hits = near_row(values, r, width, halves_x[i + r, 1])
                    if hits:
                        _offer_row(keys_x, i + r, patterns[r], hits, held - lane, first_y + start + lane)
                if len(keys_y):
                    hits = near_lanes(values, width, limits, lane)
                    if hits:
                        _offer_lanes(keys_y, start + lane, patterns, rows, hits, held - lane, first_x + i)
                        _read_limits(halves_y, start + lane, min(held - lane, width * WIDTH), limits[lane:])


def scratch(n: int, d: int) -> tuple[Any, ...]:
    """What `lower_keys` works in, for n rows of x in d dimensions."""
    vectors = max(1, _PACKED_ELEMENTS // (max(1, d) * WIDTH) // VECTORS) * VECTORS
    values = np.zeros((ROWS, VECTORS * WIDTH), np.float32)
    return (
        np.arange(n),
        np.empty((vectors, d, WIDTH), np.float32),
        np.full(vectors * WIDTH, -1, np.float32),
        np.zeros((ROWS, d), np.float32),
        values,
        values.view(np.uint32),
    )


@kernel
def _pack(y: Rows, start: int, held: int, packed: F32) -> None:  # IN (m, d), OUT (vectors, d, WIDTH)
    """Lay out ``y[start : start + held]`` so that lanes are rows. Lanes without one are infinitely far."""
    d = y.shape[1]
    for v in range(-(-held // WIDTH)):
        for lane in range(WIDTH):
            at = v * WIDTH + lane
            if at < held:
                row = y[start + at]
                for j in range(d):
                    packed[v, j, lane] = to_float(row[j])
            else:
                for j in range(d):
                    packed[v, j, lane] = np.inf


@kernel
def _read_limits(halves: F32, start: int, held: int, limits: F32) -> None:  # IN (m, 2 k), OUT (>= held,)
    """What is nearer than the largest of the heaps of some rows; where one is not full, no number. -1 beyond them."""
    for lane in range(held):
        limits[lane] = halves[start + lane, 1]
    for lane in range(held, min(len(limits), -(-held // WIDTH) * WIDTH)):
        limits[lane] = -1


@kernel
def _offer_row(keys: U64, i: int, patterns: U32, hits: np.uint64, lanes: int, number: int) -> None:
    """Offer to the heap of row i the lanes that are set in *hits*, the first of which has this number."""
    while hits:
        lane = np.int64(count_trailing_zeros(hits))
        hits &= hits - np.uint64(1)
        if lane < lanes:
            _offer(keys, i, (np.uint64(patterns[lane]) << np.uint64(32)) | np.uint64(number + lane))


@kernel
def _offer_lanes(
    keys: U64, first: int, patterns: U32, rows: int, hits: np.uint64, lanes: int, number: int
) -> None:
    """Offer to the heaps of the lanes that are set in *hits* the rows, the first of which has this number."""
    while hits:
        lane = np.int64(count_trailing_zeros(hits))
        hits &= hits - np.uint64(1)
        if lane < lanes:
            for r in range(rows):
                key = (np.uint64(patterns[r, lane]) << np.uint64(32)) | np.uint64(number + r)
                _offer(keys, first + lane, key)


@kernel
def _offer(keys: U64, i: int | np.int64, key: np.uint64) -> None:  # INOUT (n, k) heaps, the largest first
    """Exchange the largest of a heap for *key*, if that is smaller."""
    k = keys.shape[1]
    if key >= keys[i, 0]:
        return
    at = 0
    while 2 * at + 1 < k:
        child = 2 * at + 1
        if child + 1 < k and keys[i, child + 1] > keys[i, child]:
            child += 1
        if keys[i, child] <= key:
            break
        keys[i, at] = keys[i, child]
        at = child
    keys[i, at] = key


def _near_row(context: Any, values: Any, r: Any, vectors: Any, limit: Any) -> Any:
    """Typing and code of `near_row`; see `_near_row_python` for what it does."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e = _Block(context, builder, signature, args)
        first = builder.mul(args[1], _I64(VECTORS * WIDTH))
        limit, found = e.splat(args[3]), _Mask(builder)
        with cgutils.for_range(builder, args[2]) as loop:
            at = builder.mul(loop.index, _I64(WIDTH))
            value = e.load(e.array(0).data, builder.add(first, at))
            found.add(builder.fcmp_unordered("<=", value, limit), at)
        return builder.load(found.bits)

    return types.uint64(values, types.intp, types.intp, types.float32), codegen


def _near_row_python(
    values: Any,  # IN  (ROWS, VECTORS * WIDTH) float32
    r: int,
    vectors: int,
    limit: Any,
) -> np.uint64:
    """Bits of the lanes of a row whose values are not above *limit*; all, if that is no number."""
    lanes = np.flatnonzero(~(values[r, : vectors * WIDTH] > limit))
    return np.uint64(sum(1 << int(lane) for lane in lanes))


def _near_lanes(context: Any, values: Any, vectors: Any, limits: Any, first: Any) -> Any:
    """Typing and code of `near_lanes`; see `_near_lanes_python` for what it does."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e = _Block(context, builder, signature, args)
        found = _Mask(builder)
        with cgutils.for_range(builder, args[1]) as loop:
            at = builder.mul(loop.index, _I64(WIDTH))
            lowest = e.load(e.array(0).data, at)
            for r in range(1, ROWS):
                value = e.load(e.array(0).data, builder.add(at, _I64(r * VECTORS * WIDTH)))
                lowest = builder.select(builder.fcmp_ordered("<", value, lowest), value, lowest)
            limit = e.load(e.array(2).data, builder.add(args[3], at))
            found.add(builder.fcmp_unordered("<=", lowest, limit), at)
        return builder.load(found.bits)

    return types.uint64(values, types.intp, limits, types.intp), codegen


def _near_lanes_python(
    values: Any,  # IN  (ROWS, VECTORS * WIDTH) float32
    vectors: int,
    limits: Any,  # IN  (>= first + lanes,) float32
    first: int,
) -> np.uint64:
    """Bits of the lanes in which the value of some row is not above the limit; all whose limit is no number."""
    n = vectors * WIDTH
    lanes = np.flatnonzero(~(values[:, :n].min(axis=0) > limits[first : first + n]))
    return np.uint64(sum(1 << int(lane) for lane in lanes))


class _Mask:
    """64 bits, one a lane."""

    def __init__(self, builder: Any) -> None:
        self._builder = builder
        self.bits = cgutils.alloca_once_value(builder, _I64(0))

    def add(self, condition: Any, at: Any) -> None:
        """Take over the lanes of a vector, from bit *at* on."""
        b = self._builder
        lanes = b.zext(b.bitcast(condition, ir.IntType(WIDTH)), _I64)
        b.store(b.or_(b.load(self.bits), b.shl(lanes, at)), self.bits)


_I64 = ir.IntType(64)

near_row = intrinsic(_near_row_python, _near_row)
near_lanes = intrinsic(_near_lanes_python, _near_lanes)
