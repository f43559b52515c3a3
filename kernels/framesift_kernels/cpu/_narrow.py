"""Intrinsics on eight bits: which centres can be the nearest of a row, at a quarter of the multiplications.

A processor that multiplies and adds four pairs of bytes a lane (AVX-512 VNNI, AVX-VNNI) compares a row with rounded
centres in a quarter of the time that float32 takes. What rounding can have changed is known, so all centres but one or
two are ruled out for certain, and only these are compared in float32. `_sift` holds the algebra. On other processors
`NARROW` is false and all centres are compared in float32: the results are the same.

A row is ``origin + step * (a - 128)`` and a rest, with bytes a; a centre ``origin + step' * b`` and a rest, with signed
bytes b.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import binding, ir

from ._compile import JIT_DISABLED, cgutils, intrinsic, types
from ._vector import _F, _I32, _I64, _V, _VI, ROWS, WIDTH, _Block, _to_float, _to_float_python, outlined

GROUP = 4
"""Bytes of a lane that are multiplied and added at once."""


def _has_narrow() -> bool:
    features = binding.get_host_cpu_features()
    if WIDTH == 16:
        return bool(features.get("avx512vnni"))
    return WIDTH == 8 and bool(
        features.get("avxvnni") or (features.get("avx512vnni") and features.get("avx512vl"))
    )


NARROW = JIT_DISABLED or _has_narrow()
_I8 = ir.IntType(8)
_NONE = -(2**31)
_LINE = 64  # bytes that memory brings at once


def _scores(vectors: int) -> Callable[..., Any]:
    """Make `scores[vectors]`; see `_scores_python` for what it does."""

    def typing(context: Any, rows: Any, lanes: Any, bias: Any, at: Any, out: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            e = _Block(context, builder, signature, args)
            rows, lanes, bias, out = (e.array(i) for i in (0, 1, 2, 4))
            groups = e.shape(lanes, 1)
            size = builder.mul(groups, _I64(WIDTH * GROUP))
            first = builder.gep(lanes.data, [builder.mul(args[3], size)])
            lane = builder.mul(args[3], _I64(WIDTH))
            start, to = (builder.gep(a.data, [lane]) for a in (bias, out))
            tile = _scores_tile(builder.module, vectors)
            builder.call(tile, [rows.data, first, start, to, groups, e.shape(out, 1)])
            return context.get_dummy_value()

        return types.void(rows, lanes, bias, types.intp, out), codegen

    return typing


def _scores_tile(module: Any, vectors: int) -> Any:
    """Get the function of a tile in a module: (rows, lanes, bias, out, groups, lanes of out).

    It is not inlined, as those in `_vector`.
    """
    bytes_, words = _I8.as_pointer(), _I32.as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [bytes_, bytes_, words, words, _I64, _I64])
    function, builder = outlined(module, kind, f"framesift_scores_{ROWS}x{vectors}x{WIDTH}")
    if builder is None:
        return function
    e = _Block(None, builder, None, None)
    multiply = cgutils.get_or_insert_function(
        module, ir.FunctionType(_VI, [_VI] * 3), f"llvm.x86.avx512.vpdpbusd.{32 * WIDTH}"
    )
    rows, lanes, bias, out, groups, stride = function.args
    row_bytes = builder.mul(groups, _I64(GROUP))
    row_of = [builder.gep(rows, [builder.mul(row_bytes, _I64(r))]) for r in range(ROWS)]
    step = builder.mul(groups, _I64(WIDTH * GROUP))
    lanes_of = [builder.gep(lanes, [builder.mul(step, _I64(v))]) for v in range(vectors)]
    sums = [e.sums(vectors, _VI) for _ in range(ROWS)]
    for v in range(vectors):
        for r in range(ROWS):
            builder.store(e.load(bias, _I64(v * WIDTH), _VI), sums[r][v])
    with cgutils.for_range(builder, groups) as loop:
        at, at_lane = builder.mul(loop.index, _I64(GROUP)), builder.mul(loop.index, _I64(WIDTH * GROUP))
        centers = [e.load(p, at_lane, _VI) for p in lanes_of]
        for r in range(ROWS):
            four = builder.load(builder.bitcast(builder.gep(row_of[r], [at]), words), align=1)
            value = e.splat(four, _VI)
            for v in range(vectors):
                builder.store(
                    builder.call(multiply, [builder.load(sums[r][v]), value, centers[v]]), sums[r][v]
                )
    for r in range(ROWS):
        for v in range(vectors):
            place = builder.add(builder.mul(stride, _I64(r)), _I64(v * WIDTH))
            e.store(builder.load(sums[r][v]), out, place)
    builder.ret_void()
    return function


def _scores_python(vectors: int) -> Callable[..., None]:
    def scores(
        rows: Any,  # IN  (ROWS, bytes) uint8
        lanes: Any,  # IN  (>= at + vectors, bytes / GROUP, WIDTH * GROUP) int8
        bias: Any,  # IN  (lanes,) int32
        at: int,
        out: Any,  # OUT  (ROWS, lanes) int32
    ) -> None:
        """Products of ROWS rows and the centres of lanes[at : at + vectors], and the *bias* of each of these."""
        for v in range(at, at + vectors):
            part = slice(v * WIDTH, (v + 1) * WIDTH)
            centers = lanes[v].reshape(-1, WIDTH, GROUP).transpose(1, 0, 2).reshape(WIDTH, -1)
            out[:, part] = bias[part] + rows.astype(np.int32) @ centers.T.astype(np.int32)

    return scores


def _highest(context: Any, scores: Any, r: Any, below: Any) -> Any:
    """Typing and code of `highest`; see `_highest_python` for what it does."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e = _Block(context, builder, signature, args)
        scores, least = e.array(0), ir.Constant(_VI, [_NONE] * WIDTH)
        row = builder.gep(scores.data, [builder.mul(e.shape(scores, 1), args[1])])
        high, below = cgutils.alloca_once_value(builder, least), e.splat(args[2], _VI)
        with cgutils.for_range(builder, builder.udiv(e.shape(scores, 1), _I64(WIDTH))) as loop:
            score, old = e.load(row, builder.mul(loop.index, _I64(WIDTH)), _VI), builder.load(high)
            score = builder.select(builder.icmp_signed("<", score, below), score, least)
            builder.store(builder.select(builder.icmp_signed(">", score, old), score, old), high)
        return builder.call(_reduction(builder.module, "smax"), [builder.load(high)])

    return types.int32(scores, types.intp, types.int32), codegen


def _highest_python(scores: Any, r: int, below: int) -> np.int32:  # IN (ROWS, lanes) int32
    """Highest score of row r that is less than *below*; the least of all int32, if none is."""
    return np.int32(np.max(scores[r][scores[r] < below], initial=_NONE))


def _lanes_from(context: Any, scores: Any, r: Any, v: Any, limit: Any) -> Any:
    """Typing and code of `lanes_from`; see `_lanes_from_python` for what it does."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e = _Block(context, builder, signature, args)
        scores = e.array(0)
        row = builder.gep(scores.data, [builder.mul(e.shape(scores, 1), args[1])])
        score = e.load(row, builder.mul(args[2], _I64(WIDTH)), _VI)
        reach = builder.icmp_signed(">=", score, e.splat(args[3], _VI))
        return builder.zext(builder.bitcast(reach, ir.IntType(WIDTH)), _I64)

    return types.uint64(scores, types.intp, types.intp, types.int32), codegen


def _lanes_from_python(scores: Any, r: int, v: int, limit: int) -> np.uint64:
    """Bit i: whether the score of lane i of vector v is at least *limit*."""
    part = scores[r, v * WIDTH : (v + 1) * WIDTH]
    return np.uint64(sum(1 << i for i in range(WIDTH) if part[i] >= limit))


def _reduction(module: Any, name: str) -> Any:
    scalar, vector = (_I32, _VI) if name == "smax" else (_F, _V)
    kind = ir.FunctionType(scalar, [scalar, vector] if name == "fadd" else [vector])
    suffix = "i32" if name == "smax" else "f32"
    return cgutils.get_or_insert_function(module, kind, f"llvm.vector.reduce.{name}.v{WIDTH}{suffix}")


def _load_floats(e: _Block, data: Any, offset: Any, left: Any) -> Any:
    """Vector of float32 from elements of any type, of which *left* are there; zeros after them."""
    kind = data.type.pointee
    vector = ir.VectorType(kind, WIDTH)
    lanes = ir.Constant(_VI, list(range(WIDTH)))
    there = e.b.icmp_signed("<", lanes, e.splat(e.b.trunc(left, _I32), _VI))
    mask = there.type
    name = {_F: "f32", ir.IntType(8): "i8", ir.IntType(16): "i16"}[kind]
    load = cgutils.get_or_insert_function(
        e.b.module,
        ir.FunctionType(vector, [vector.as_pointer(), _I32, mask, vector]),
        f"llvm.masked.load.v{WIDTH}{name}.p0",
    )
    at = e.b.bitcast(e.b.gep(data, [offset]), vector.as_pointer())
    return _to_float(e.b, e.b.call(load, [at, _I32(1), there, ir.Constant(vector, None)]))


def _in_vectors(e: _Block, data: Any, d: Any, body: Callable[[Any, Any, Any], None]) -> None:
    """Call *body* with the place and the float32 of each vector of *data*, *d* elements, filled up with zeros.

    And with how many elements are left, where there are fewer than fill it, else None.
    """
    whole = e.b.udiv(d, _I64(WIDTH))
    with cgutils.for_range(e.b, whole) as loop:
        at = e.b.mul(loop.index, _I64(WIDTH))
        body(at, _to_float(e.b, e.load(data, at, ir.VectorType(data.type.pointee, WIDTH))), None)
    at = e.b.mul(whole, _I64(WIDTH))
    with e.b.if_then(e.b.icmp_signed("<", at, d)):
        left = e.b.sub(d, at)
        body(at, _load_floats(e, data, at, left), left)


def _row_reach(context: Any, x: Any, i: Any, origin: Any) -> Any:
    """Typing and code of `row_reach`; see `_row_reach_python` for what it does."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e = _Block(context, builder, signature, args)
        x, origin = e.array(0), e.array(2)
        (most,) = e.sums(1)

        def look(at: Any, value: Any, _left: Any) -> None:
            bits = builder.bitcast(builder.fsub(value, e.load(origin.data, at)), _VI)
            bits = builder.and_(bits, ir.Constant(_VI, [0x7FFFFFFF] * WIDTH))  # ordered like the floats
            old = builder.bitcast(builder.load(most), _VI)
            more = builder.select(builder.icmp_signed(">", bits, old), bits, old)
            builder.store(builder.bitcast(more, _V), most)

        d = e.shape(x, 1)
        _in_vectors(e, builder.gep(x.data, [builder.mul(args[1], d)]), d, look)
        found = builder.call(_reduction(builder.module, "smax"), [builder.bitcast(builder.load(most), _VI)])
        return builder.bitcast(found, _F)

    return types.float32(x, types.intp, origin), codegen


def _row_reach_python(x: Any, i: int, origin: Any) -> np.float32:  # IN (n, d), IN (bytes,) float32
    """How far row i is from the origin, in any dimension, at most."""
    row = [abs(_to_float_python(element) - o) for element, o in zip(x[i], origin, strict=False)]
    return np.float32(max(row, default=0))


def _round_row(context: Any, x: Any, i: Any, origin: Any, inverse: Any, step: Any, out: Any, r: Any) -> Any:
    """Typing and code of `round_row`; see `_round_row_python` for what it does."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e = _Block(context, builder, signature, args)
        x, origin, out = e.array(0), e.array(2), e.array(5)
        to = builder.gep(out.data, [builder.mul(args[6], e.shape(out, 1))])
        inverse, step = e.splat(args[3]), e.splat(args[4])
        nearest = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(_V, [_V]), f"llvm.rint.v{WIDTH}f32"
        )
        norm, rest = e.sums(2)
        bound = ir.Constant(_V, [127.0] * WIDTH)
        low = ir.Constant(_V, [-127.0] * WIDTH)

        def round_vector(at: Any, value: Any, _left: Any) -> None:
            value = builder.fsub(value, e.load(origin.data, at))
            scaled = builder.fmul(value, inverse)
            scaled = builder.select(builder.fcmp_ordered("<", scaled, bound), scaled, bound)
            scaled = builder.call(
                nearest, [builder.select(builder.fcmp_ordered(">", scaled, low), scaled, low)]
            )
            whole = builder.add(builder.fptosi(scaled, _VI), ir.Constant(_VI, [128] * WIDTH))
            e.store(builder.trunc(whole, ir.VectorType(_I8, WIDTH)), to, at)
            left = builder.fsub(value, builder.fmul(scaled, step))
            builder.store(e.fma(value, value, builder.load(norm)), norm)
            builder.store(e.fma(left, left, builder.load(rest)), rest)

        d = e.shape(x, 1)
        _in_vectors(e, builder.gep(x.data, [builder.mul(args[1], d)]), d, round_vector)
        add, zero = _reduction(builder.module, "fadd"), ir.Constant(_F, 0.0)
        totals = [builder.call(add, [zero, builder.load(s)], fastmath=["reassoc"]) for s in (norm, rest)]
        return context.make_tuple(builder, signature.return_type, totals)

    returned = types.UniTuple(types.float32, 2)
    single = types.float32
    return returned(x, types.intp, origin, single, single, out, types.intp), codegen


def _round_row_python(
    x: Any,  # IN  (n, d)
    i: int,
    origin: Any,  # IN  (bytes,) float32
    inverse: Any,  # 1 / step
    step: Any,
    out: Any,  # OUT  (rows, bytes) uint8: row r; 128 is the origin
    r: int,
) -> tuple[np.float32, np.float32]:
    """Round row i of *x* to bytes. Returns the squared norms of the row, from the origin, and of the rest."""
    value = np.zeros(out.shape[1], np.float32)
    value[: x.shape[1]] = [_to_float_python(element) for element in x[i]]
    value -= origin
    scaled = np.rint(np.fmax(np.fmin(value * inverse, np.float32(127)), np.float32(-127)))
    out[r] = (scaled.astype(np.int32) + 128).astype(np.uint8)
    back = scaled * step
    left = value - back
    return (value * value).sum(dtype=np.float32), (left * left).sum(dtype=np.float32)


def _put_lane(context: Any, rows: Any, lanes: Any, i: Any) -> Any:
    """Typing and code of `put_lane`; see `_put_lane_python` for what it does."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e = _Block(context, builder, signature, args)
        rows, lanes, words, four = e.array(0), e.array(1), _I32.as_pointer(), ir.VectorType(_I32, GROUP)
        groups, width = e.shape(lanes, 1), _I64(WIDTH)
        lane = builder.add(
            builder.mul(builder.udiv(args[2], width), builder.mul(groups, width)),
            builder.urem(args[2], width),
        )
        start, to = builder.bitcast(rows.data, words), builder.gep(builder.bitcast(lanes.data, words), [lane])
        (total,) = e.sums(1, four)
        with cgutils.for_range(builder, groups) as loop:
            word = builder.load(builder.gep(start, [loop.index]), align=1)
            word = builder.xor(word, _I32(0x80808080))  # 128 less, of each byte
            builder.store(word, builder.gep(to, [builder.mul(loop.index, width)]), align=1)
            whole = builder.sext(builder.bitcast(word, ir.VectorType(_I8, GROUP)), four)
            builder.store(builder.add(builder.load(total), whole), total)
        found = builder.load(total)
        ends = [builder.extract_element(found, _I32(j)) for j in range(GROUP)]
        return builder.sext(functools.reduce(builder.add, ends), _I64)

    return types.int64(rows, lanes, types.intp), codegen


def _put_lane_python(
    rows: Any,  # IN  (ROWS, bytes) uint8, of which the first is a centre; 128 is the origin
    lanes: Any,  # OUT  (vectors, bytes / GROUP, WIDTH * GROUP) int8
    i: int,
) -> int:
    """Make a rounded centre lane i. Returns the sum of its signed bytes."""
    whole = rows[0].astype(np.int64) - 128
    lanes[i // WIDTH].reshape(-1, WIDTH, GROUP)[:, i % WIDTH] = whole.reshape(-1, GROUP)
    return int(whole.sum())


def _fetch_ahead(context: Any, x: Any, i: Any) -> Any:
    """Typing and code of `fetch_ahead`; see `_fetch_ahead_python` for what it does."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e = _Block(context, builder, signature, args)
        x, pointer = e.array(0), _I8.as_pointer()
        size = builder.mul(e.shape(x, 1), x.itemsize)
        row = builder.gep(builder.bitcast(x.data, pointer), [builder.mul(args[1], size)])
        kind = ir.FunctionType(ir.VoidType(), [pointer, _I32, _I32, _I32])
        prefetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        lines = builder.udiv(builder.add(size, _I64(_LINE - 1)), _I64(_LINE))
        with cgutils.for_range(builder, lines) as loop:
            line = builder.gep(row, [builder.mul(loop.index, _I64(_LINE))])
            builder.call(prefetch, [line, _I32(0), _I32(2), _I32(1)])  # to read, to keep, data
        return context.get_dummy_value()

    return types.void(x, types.intp), codegen


def _fetch_ahead_python(x: Any, i: int) -> None:
    """Have the memory bring row i to the cache, while something else is computed."""


scores_1 = intrinsic(_scores_python(1), _scores(1))
scores_2 = intrinsic(_scores_python(2), _scores(2))
scores_3 = intrinsic(_scores_python(3), _scores(3))
scores_4 = intrinsic(_scores_python(4), _scores(4))
highest = intrinsic(_highest_python, _highest)
lanes_from = intrinsic(_lanes_from_python, _lanes_from)
put_lane = intrinsic(_put_lane_python, _put_lane)
fetch_ahead = intrinsic(_fetch_ahead_python, _fetch_ahead)
row_reach = intrinsic(_row_reach_python, _row_reach)
round_row = intrinsic(_round_row_python, _round_row)
