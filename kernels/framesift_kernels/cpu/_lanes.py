"""SIMD by hand for rows of costs: sums whose order no processor changes, and who is near to whom.

As in `_vector`, each intrinsic stands beside its meaning in plain Python. The number of lanes is the same on every
processor, which takes as many registers for them as it needs: sums depend on it.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils as _cgutils

from ._compile import fma, intrinsic, types
from ._vector import _V, WIDTH, _Block

cgutils: Any = _cgutils

LANES = 16
TOGETHER = 8
"""Rows of costs whose savings are added up in float32, before they are added to sums in float64."""
PART = 4096
"""Clients that are looked at together: what is known of them stays in the first cache."""
_I16, _I32, _I64 = ir.IntType(16), ir.IntType(32), ir.IntType(64)
_F, _D = ir.FloatType(), ir.DoubleType()
_VF, _VD, _VI = ir.VectorType(_F, LANES), ir.VectorType(_D, LANES), ir.VectorType(_I32, LANES)


def _length(builder: Any, n: Any, start: Any) -> Any:
    """PART, or as many clients as are left."""
    left = builder.sub(n, start)
    return builder.select(builder.icmp_unsigned("<", left, _I64(PART)), left, _I64(PART))


def _mark(e: _Block, costs: Any, most: Any, vectors: Any, marks: Any) -> None:
    """Note LANES bits for each of some vectors: which costs are below *most*. All three are pointers.

    Before anything depends on it: the costs come from far, and then nothing waits for them but what follows.
    """
    with cgutils.for_range(e.b, vectors) as loop:
        at = e.b.mul(loop.index, _I64(LANES))
        found = e.b.fcmp_ordered("<", e.load(costs, at, _VF), e.load(most, at, _VF))
        e.b.store(e.b.bitcast(found, _I16), e.b.gep(marks, [loop.index]))


def _raise_to(context: Any, squares: Any, at: Any, scale: Any, order: Any, out: Any, to: Any) -> Any:
    """Typing and code of `raise_to`; see `_raise_to_python` for what it does."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e = _Block(context, builder, signature, args)
        root = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(_V, [_V]), f"llvm.sqrt.v{WIDTH}f32"
        )
        value = builder.fmul(e.load(e.array(0).data, args[1]), e.splat(args[2]))
        whole = builder.icmp_signed(">", args[3], _I64(1))
        slot = cgutils.alloca_once_value(
            builder, builder.select(whole, value, ir.Constant(_V, [1.0] * WIDTH))
        )
        with cgutils.for_range(builder, builder.sub(builder.ashr(args[3], _I64(1)), _I64(1))):
            builder.store(builder.fmul(builder.load(slot), value), slot)
        with builder.if_then(builder.trunc(args[3], ir.IntType(1))):
            builder.store(builder.fmul(builder.load(slot), builder.call(root, [value])), slot)
        e.store(builder.load(slot), e.array(4).data, args[5])
        return context.get_dummy_value()

    ints = types.intp
    return types.void(squares, ints, types.float32, ints, out, ints), codegen


def _raise_to_python(
    squares: Any,  # IN  (...) float32, C-contiguous
    at: int,
    scale: np.float32,
    order: int,
    out: Any,  # OUT  (...) float32, C-contiguous
    to: int,
) -> None:
    """Powers of distances, of WIDTH squares of them: ``(scale * s) ** (order / 2)``, factors from the left, a root."""
    value = squares.reshape(-1)[at : at + WIDTH] * scale
    power = value if order > 1 else np.ones_like(value)
    for _ in range(order // 2 - 1):
        power = power * value
    out.reshape(-1)[to : to + WIDTH] = power * np.sqrt(value) if order % 2 else power


def _saved(context: Any, costs: Any, row: Any, near: Any, weights: Any) -> Any:
    """Typing and code of `saved`; see `_saved_python` for what it does."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e = _Block(context, builder, signature, args)
        costs, near, weights = (e.array(i) for i in (0, 2, 3))
        n = e.shape(costs, 1)
        row = builder.gep(costs.data, [builder.mul(args[1], n)])
        slot, marks = (
            cgutils.alloca_once(builder, _VD),
            cgutils.alloca_once(builder, _I16, _I64(PART // LANES)),
        )
        builder.store(ir.Constant(_VD, None), slot)
        with cgutils.for_range(builder, builder.udiv(builder.add(n, _I64(PART - 1)), _I64(PART))) as part:
            start = builder.mul(part.index, _I64(PART))
            places = [builder.gep(pointer, [start]) for pointer in (near.data, row, weights.data)]
            vectors = builder.udiv(_length(builder, n, start), _I64(LANES))
            _mark(e, places[1], places[0], vectors, marks)
            with cgutils.for_range(builder, vectors) as loop:
                some = builder.load(builder.gep(marks, [loop.index]))
                with builder.if_then(
                    builder.icmp_unsigned("!=", some, _I16(0))
                ):  # else sums stay as they are
                    at = builder.mul(loop.index, _I64(LANES))
                    wide = [builder.fpext(e.load(place, at, _VF), _VD) for place in places]
                    gain = builder.fmul(builder.fsub(wide[0], wide[1]), wide[2])
                    nearer = builder.bitcast(some, ir.VectorType(ir.IntType(1), LANES))
                    gain = builder.select(nearer, gain, ir.Constant(_VD, None))
                    builder.store(builder.fadd(builder.load(slot), gain), slot)
        sums = builder.load(slot)
        lanes = [builder.extract_element(sums, _I32(lane)) for lane in range(LANES)]
        while len(lanes) > 1:
            half = len(lanes) // 2
            lanes = [builder.fadd(a, b) for a, b in zip(lanes[:half], lanes[half:], strict=True)]
        return lanes[0]

    return types.float64(costs, types.intp, near, weights), codegen


def _saved_python(
    costs: Any,  # IN  (b, n) float32, n a multiple of LANES
    row: int,
    near: Any,  # IN  (n,) float32
    weights: Any,  # IN  (n,) float32
) -> np.float64:
    """Sum over i of ``weights[i] * max(0, near[i] - costs[row, i])`` in float64.

    A lane adds up every LANES-th; then the second half of the lanes is added to the first, until one is left.
    """
    sums = np.zeros(LANES)
    for start in range(0, len(near), LANES):
        part = slice(start, start + LANES)
        diff = near[part].astype(np.float64) - costs[row, part].astype(np.float64)
        sums += np.where(diff > 0, diff * weights[part].astype(np.float64), 0)
    while len(sums) > 1:
        sums = sums[: len(sums) // 2] + sums[len(sums) // 2 :]
    return np.float64(sums[0])


def _below(context: Any, costs: Any, row: Any, start: Any, most: Any, marks: Any) -> Any:
    """Typing and code of `below`; see `_below_python` for what it does."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e = _Block(context, builder, signature, args)
        costs, most, marks = (e.array(i) for i in (0, 3, 4))
        n = e.shape(costs, 1)
        length = _length(builder, n, args[2])
        row = builder.gep(costs.data, [builder.add(builder.mul(args[1], n), args[2])])
        found = builder.bitcast(marks.data, _I16.as_pointer())
        vectors = builder.udiv(length, _I64(LANES))
        _mark(e, row, builder.gep(most.data, [args[2]]), vectors, found)
        words = builder.udiv(builder.add(length, _I64(63)), _I64(64))
        filled = builder.mul(words, _I64(64 // LANES))
        with cgutils.for_range_slice(builder, vectors, filled, _I64(1), inc=True) as (at, _):
            builder.store(_I16(0), builder.gep(found, [at]))  # the last word is filled up with zeros
        return words

    return types.intp(costs, types.intp, types.intp, most, marks), codegen


def _below_python(
    costs: Any,  # IN  (b, n) float32
    row: int,
    start: int,
    most: Any,  # IN  (n,) float32
    marks: Any,  # OUT  (PART / 64,) uint64
) -> int:
    """Note in bits, the first the lowest, whether ``costs[row, i] < most[i]`` for PART i from *start* on, or as
    many as there are, filled up with zeros. Returns how many words that makes.
    """
    found = costs[row, start : start + PART] < most[start : start + PART]
    words = -(-len(found) // 64)
    packed = np.packbits(np.pad(found, (0, 64 * words - len(found))), bitorder="little")
    marks[:words] = packed.view(np.uint64)
    return words


def _two_nearest(
    context: Any,
    picked: Any,
    replaced: Any,
    base: Any,
    at: Any,
    near: Any,
    second: Any,
    slot: Any,
    other: Any,
) -> Any:
    """Typing and code of `two_nearest`; see `_two_nearest_python` for what it does."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e = _Block(context, builder, signature, args)
        picked, start, kinds = e.array(0), args[3], (_VF, _VF, _VI, _VI)
        arrays = [e.array(i) for i in range(4, 8)]
        old = [e.load(array.data, start, kind) for array, kind in zip(arrays, kinds, strict=True)]
        number, k = builder.trunc(args[1], _I32), builder.trunc(e.shape(picked, 0), _I32)
        every = builder.icmp_signed("<", number, _I32(0))
        lost = [builder.icmp_signed("==", slots, e.splat(number, _VI)) for slots in old[2:]]
        lost = builder.or_(builder.or_(*lost), e.splat(every, ir.VectorType(ir.IntType(1), LANES)))
        results = [cgutils.alloca_once(builder, kind) for kind in kinds]

        def keep(values: Any) -> None:
            for value, result in zip(values, results, strict=True):
                builder.store(value, result)

        none = ir.Constant(_VF, [float("inf")] * LANES), e.splat(k, _VI), ir.Constant(_VI, [-1] * LANES)
        keep([e.load(e.array(2).data, start, _VF), *none])
        some = builder.icmp_unsigned("!=", builder.bitcast(lost, _I16), _I16(0))
        with builder.if_then(some), cgutils.for_range(builder, k) as loop:
            keep(_with_pick(e, picked, loop.index, start, [builder.load(r) for r in results]))
        with builder.if_then(builder.not_(every)):
            new = zip(_with_pick(e, picked, number, start, old), results, strict=True)
            keep([builder.select(lost, builder.load(result), value) for value, result in new])
        for array, result in zip(arrays, results, strict=True):
            e.store(builder.load(result), array.data, start)
        return context.get_dummy_value()

    return types.void(picked, types.intp, base, types.intp, near, second, slot, other), codegen


def _with_pick(e: _Block, picked: Any, pick: Any, start: Any, state: list[Any]) -> list[Any]:
    """Take a pick as the nearest or second of LANES clients, where it is: *state* is near, second, slot, other."""
    near, second, slot, other = state
    row = e.b.mul(e.b.zext(pick, _I64), e.shape(picked, 1))
    cost, numbers = e.load(picked.data, e.b.add(row, start), _VF), e.splat(pick, _VI)
    first, next_one = e.b.fcmp_ordered("<", cost, near), e.b.fcmp_ordered("<", cost, second)
    return [
        e.b.select(first, cost, near),
        e.b.select(first, near, e.b.select(next_one, cost, second)),
        e.b.select(first, numbers, slot),
        e.b.select(first, slot, e.b.select(next_one, numbers, other)),
    ]


def _two_nearest_python(
    picked: Any,  # IN  (k, n) float32
    replaced: int,
    base: Any,  # IN  (n,) float32
    at: int,
    near: Any,  # INOUT  (n,) float32
    second: Any,  # INOUT  (n,) float32
    slot: Any,  # INOUT  (n,) int32
    other: Any,  # INOUT  (n,) int32
) -> None:
    """`nearest_two` of LANES clients from *at* on. Those that stood by the pick replaced look at all, in order."""
    k = len(picked)
    for i in range(at, at + LANES):
        lost = replaced < 0 or replaced in (slot[i], other[i])
        if lost:
            near[i], slot[i], second[i], other[i] = base[i], k, np.inf, -1
        for t in range(k) if lost else [replaced]:
            cost = picked[t, i]
            if cost < near[i]:
                near[i], slot[i], second[i], other[i] = cost, t, near[i], slot[i]
            elif cost < second[i]:
                second[i], other[i] = cost, t


def _add_saved(
    context: Any,
    costs: Any,
    rows: Any,
    at: Any,
    n: Any,
    low: Any,
    high: Any,
    weights: Any,
    start: Any,
    stop: Any,
    sums: Any,
    slot: Any,
) -> Any:
    """Typing and code of `add_saved`; see `_add_saved_python` for what it does."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e = _Block(context, builder, signature, args)
        costs, rows, low, high, weights, sums = (e.array(i) for i in (0, 1, 4, 5, 6, 9))
        at, n, zero = args[2], args[3], ir.Constant(_VF, None)
        fused = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(_VF, [_VF] * 3), f"llvm.fma.v{LANES}f32"
        )
        prefetch = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.VoidType(), [_F.as_pointer(), *[_I32] * 3]), "llvm.prefetch.p0"
        )
        held, ahead, last = [], [], builder.sub(e.shape(rows, 0), _I64(1))
        for r in range(TOGETHER):  # what comes next is brought to the cache meanwhile
            entry = builder.add(builder.add(at, n), _I64(r))
            entry = builder.select(builder.icmp_signed("<", entry, last), entry, last)
            row = builder.load(builder.gep(rows.data, [entry]))
            ahead.append(builder.gep(costs.data, [builder.mul(row, e.shape(costs, 1))]))
        for r in range(TOGETHER):  # what is missing is the first again, of no weight
            there = builder.icmp_signed("<", _I64(r), n)
            entry = builder.add(at, builder.select(there, _I64(r), _I64(0)))
            row = builder.load(builder.gep(rows.data, [entry]))
            weight = builder.load(builder.gep(weights.data, [entry]))
            ends = [e.splat(builder.load(builder.gep(a.data, [entry])), _VF) for a in (low, high)]
            weight = e.splat(builder.select(there, weight, ir.Constant(_F, 0)), _VF)
            held.append((builder.gep(costs.data, [builder.mul(row, e.shape(costs, 1))]), *ends, weight))
        target = builder.gep(sums.data, [builder.mul(args[10], e.shape(sums, 1))])
        with cgutils.for_range_slice(builder, args[7], args[8], _I64(LANES), inc=True) as (j, _):
            for pointer in ahead:
                builder.call(prefetch, [builder.gep(pointer, [j]), _I32(0), _I32(2), _I32(1)])
            total = zero
            for pointer, least, most, weight in held:
                cost = e.load(pointer, j, _VF)
                cost = builder.select(builder.fcmp_ordered(">", cost, least), cost, least)
                gain = builder.fsub(most, cost)
                gain = builder.select(builder.fcmp_ordered(">", gain, zero), gain, zero)
                total = builder.call(fused, [weight, gain, total])
            e.store(builder.fadd(e.load(target, j, _VD), builder.fpext(total, _VD)), target, j)
        return context.get_dummy_value()

    ints = types.intp
    signature = types.void(costs, rows, ints, ints, low, high, weights, ints, ints, sums, ints)
    return signature, codegen


def _add_saved_python(
    costs: Any,  # IN  (m, n) float32
    rows: Any,  # IN  (e,) int64
    at: int,
    n: int,  # at most TOGETHER
    low: Any,  # IN  (e,) float32
    high: Any,  # IN  (e,) float32
    weights: Any,  # IN  (e,) float32
    start: int,
    stop: int,
    sums: Any,  # INOUT  (s, n) float64
    slot: int,
) -> None:
    """Add ``weights[i] * max(0, high[i] - max(low[i], costs[rows[i], j]))`` of n entries i from *at* on to
    ``sums[slot, j]``, for j from start to stop, in steps of LANES: by FMAs in float32 first.
    """
    for j in range(start, stop):
        total = np.float32(0)
        for i in range(at, at + n):
            gain = np.float32(high[i] - max(low[i], costs[rows[i], j]))
            total = fma(weights[i], max(gain, np.float32(0)), total)
        sums[slot, j] += np.float64(total)


raise_to = intrinsic(_raise_to_python, _raise_to)
saved = intrinsic(_saved_python, _saved)
add_saved = intrinsic(_add_saved_python, _add_saved)
below = intrinsic(_below_python, _below)
two_nearest = intrinsic(_two_nearest_python, _two_nearest)
