"""Intrinsics on eight bits: which centres can be the nearest of a row, at a quarter of the multiplications.

A processor that multiplies and adds four pairs of bytes a lane (AVX-512 VNNI, AVX-VNNI) compares a row with rounded
centres in a quarter of the time that float32 takes. What rounding can have changed is known, so all centres but one or
two are ruled out for certain, and only these are compared in float32. `_sift` holds the algebra. On other processors
`NARROW` is false and all centres are compared in float32: the results are the same.

A row is ``origin + step * (a - 128)`` and a rest, with bytes a; a centre ``origin + step' * b`` and a rest, with signed
bytes b.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import binding, ir

from ._compile import JIT_DISABLED, cgutils, make, types
from ._vector import _F, _I32, _I64, _V, _VI, ROWS, VECTORS, WIDTH, _Block, _to_float, _to_float_python

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


def _dots(vectors: int) -> Callable[..., Any]:
    """Make `dots[vectors]`; see `_dots_python` for what it does."""

    def typing(context: Any, rows: Any, lanes: Any, at: Any, out: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            e = _Block(context, builder, signature, args)
            rows, lanes, out = (e.array(i) for i in (0, 1, 3))
            groups = e.shape(lanes, 1)
            size = builder.mul(groups, _I64(WIDTH * GROUP))
            first = builder.gep(lanes.data, [builder.mul(args[2], size)])
            to = builder.gep(out.data, [builder.mul(args[2], _I64(WIDTH))])
            tile = _dots_tile(builder.module, vectors)
            builder.call(tile, [rows.data, first, to, groups, e.shape(out, 1)])
            return context.get_dummy_value()

        return types.void(rows, lanes, types.intp, out), codegen

    return typing


def _dots_tile(module: Any, vectors: int) -> Any:
    """Get the function of a tile in a module: (rows, lanes, out, groups, lanes of out). Not inlined; see `_vector`."""
    bytes_, words = _I8.as_pointer(), _I32.as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [bytes_, bytes_, words, _I64, _I64])
    function = cgutils.get_or_insert_function(module, kind, f"framesift_dots_{ROWS}x{vectors}x{WIDTH}")
    if not function.is_declaration:
        return function
    function.linkage = "linkonce_odr"
    function.attributes.add("noinline")
    builder = ir.IRBuilder(function.append_basic_block())
    e = _Block(None, builder, None, None)
    multiply = cgutils.get_or_insert_function(
        module, ir.FunctionType(_VI, [_VI] * 3), f"llvm.x86.avx512.vpdpbusd.{32 * WIDTH}"
    )
    rows, lanes, out, groups, stride = function.args
    row_bytes = builder.mul(groups, _I64(GROUP))
    row_of = [builder.gep(rows, [builder.mul(row_bytes, _I64(r))]) for r in range(ROWS)]
    step = builder.mul(groups, _I64(WIDTH * GROUP))
    lanes_of = [builder.gep(lanes, [builder.mul(step, _I64(v))]) for v in range(vectors)]
    sums = [e.sums(vectors, _VI) for _ in range(ROWS)]
    with cgutils.for_range(builder, groups) as loop:
        at, at_lane = builder.mul(loop.index, _I64(GROUP)), builder.mul(loop.index, _I64(WIDTH * GROUP))
        centers = [e.load(p, at_lane, _VI) for p in lanes_of]
        for r in range(ROWS):
            four = builder.load(builder.bitcast(builder.gep(row_of[r], [at]), words), align=1)
            value = e.splat(four, _VI)
            for v in range(vectors):
                builder.store(builder.call(multiply, [builder.load(sums[r][v]), value, centers[v]]), sums[r][v])
    for r in range(ROWS):
        for v in range(vectors):
            place = builder.add(builder.mul(stride, _I64(r)), _I64(v * WIDTH))
            e.store(builder.load(sums[r][v]), out, place)
    builder.ret_void()
    return function


def _dots_python(vectors: int) -> Callable[..., None]:
    def dots(
        rows: Any,  # IN  (ROWS, bytes) uint8
        lanes: Any,  # IN  (>= at + vectors, bytes / GROUP, WIDTH * GROUP) int8
        at: int,
        out: Any,  # OUT  (ROWS, lanes) int32
    ) -> None:
        """Products of ROWS rows and the centres of lanes[at : at + vectors], in their columns of *out*."""
        for v in range(at, at + vectors):
            centers = lanes[v].reshape(-1, WIDTH, GROUP).transpose(1, 0, 2).reshape(WIDTH, -1)
            out[:, v * WIDTH : (v + 1) * WIDTH] = rows.astype(np.int32) @ centers.T.astype(np.int32)

    return dots


def _scores(e: _Block, dots: Any, base: Any, r: Any, v: Any, gain: Any) -> Any:
    """Vector of scores; see `_lowest_score_python`."""
    at = e.b.mul(v, _I64(WIDTH))
    row = e.b.mul(e.shape(dots, 1), r)
    dot = e.b.sitofp(e.load(dots.data, e.b.add(row, at), _VI), _V)
    return e.fma(dot, e.splat(e.b.fneg(gain)), e.load(base.data, at))


def _lowest_score(context: Any, dots: Any, base: Any, r: Any, gain: Any) -> Any:
    """Typing and code of `lowest_score`; see `_lowest_score_python` for what it does."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e = _Block(context, builder, signature, args)
        dots, base = e.array(0), e.array(1)
        low = cgutils.alloca_once(builder, _V)
        builder.store(ir.Constant(_V, [np.inf] * WIDTH), low)
        with cgutils.for_range(builder, builder.udiv(e.shape(base, 0), _I64(WIDTH))) as loop:
            score, old = _scores(e, dots, base, args[2], loop.index, args[3]), builder.load(low)
            builder.store(builder.select(builder.fcmp_ordered("<", score, old), score, old), low)
        reduce = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(_F, [_V]), f"llvm.vector.reduce.fmin.v{WIDTH}f32"
        )
        return builder.call(reduce, [builder.load(low)])

    return types.float32(dots, base, types.intp, types.float32), codegen


def _lowest_score_python(
    dots: Any,  # IN  (ROWS, lanes) int32
    base: Any,  # IN  (lanes,) float32
    r: int,
    gain: Any,
) -> np.float32:
    """Lowest of ``base - gain * dots[r]``, rounded once; infinity if there is no number among them."""
    score = (base.astype(np.float64) - float(gain) * dots[r]).astype(np.float32)
    return np.float32(np.fmin.reduce(score, initial=np.inf))


def _lanes_below(context: Any, dots: Any, base: Any, r: Any, v: Any, gain: Any, limit: Any) -> Any:
    """Typing and code of `lanes_below`; see `_lanes_below_python` for what it does."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e = _Block(context, builder, signature, args)
        score = _scores(e, e.array(0), e.array(1), args[2], args[3], args[4])
        below = builder.fcmp_unordered("<=", score, e.splat(args[5]))
        return builder.zext(builder.bitcast(below, ir.IntType(WIDTH)), _I64)

    return types.uint64(dots, base, types.intp, types.intp, types.float32, types.float32), codegen


def _lanes_below_python(dots: Any, base: Any, r: int, v: int, gain: Any, limit: Any) -> np.uint64:
    """Bit i: whether the score of lane i of vector v is at most *limit*, or one of the two is no number."""
    part = slice(v * WIDTH, (v + 1) * WIDTH)
    score = (base[part].astype(np.float64) - float(gain) * dots[r, part]).astype(np.float32)
    return np.uint64(sum(1 << i for i in range(WIDTH) if not score[i] > limit))


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


def _round_row(context: Any, x: Any, i: Any, origin: Any, inverse: Any, step: Any, out: Any, r: Any) -> Any:
    """Typing and code of `round_row`; see `_round_row_python` for what it does."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e = _Block(context, builder, signature, args)
        x, origin, out = e.array(0), e.array(2), e.array(5)
        d, size = e.shape(x, 1), e.shape(out, 1)
        row = builder.gep(x.data, [builder.mul(args[1], d)])
        to = builder.gep(out.data, [builder.mul(args[6], size)])
        inverse, step = e.splat(args[3]), e.splat(args[4])
        functions = builder.module, ir.FunctionType(_V, [_V])
        nearest = cgutils.get_or_insert_function(*functions, f"llvm.rint.v{WIDTH}f32")
        norm, rest = e.sums(2)
        bound = ir.Constant(_V, [127.0] * WIDTH)
        with cgutils.for_range(builder, builder.udiv(size, _I64(WIDTH))) as loop:
            at = builder.mul(loop.index, _I64(WIDTH))
            value = builder.fsub(_load_floats(e, row, at, builder.sub(d, at)), e.load(origin.data, at))
            scaled = builder.fmul(value, inverse)
            scaled = builder.select(builder.fcmp_ordered("<", scaled, bound), scaled, bound)
            low = builder.fneg(bound)
            scaled = builder.call(nearest, [builder.select(builder.fcmp_ordered(">", scaled, low), scaled, low)])
            whole = builder.add(builder.fptosi(scaled, _VI), ir.Constant(_VI, [128] * WIDTH))
            e.store(builder.trunc(whole, ir.VectorType(_I8, WIDTH)), to, at)
            back = builder.fmul(scaled, step)
            left = builder.fsub(value, back)
            builder.store(e.fma(back, back, builder.load(norm)), norm)
            builder.store(e.fma(left, left, builder.load(rest)), rest)
        add = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(_F, [_F, _V]), f"llvm.vector.reduce.fadd.v{WIDTH}f32"
        )
        values = []
        for total in (norm, rest):
            call = builder.call(add, [ir.Constant(_F, 0.0), builder.load(total)], fastmath=["reassoc"])
            values.append(call)
        return context.make_tuple(builder, signature.return_type, values)

    returned = types.UniTuple(types.float32, 2)
    single = types.float32
    return returned(x, types.intp, origin, single, single, out, types.intp), codegen


def _round_row_python(
    x: Any,  # IN  (n, d)
    i: int,
    origin: Any,  # IN  (bytes,) float32
    inverse: Any,  # 1 / step
    step: Any,
    out: Any,  # OUT  (rows, bytes) uint8: row r
    r: int,
) -> tuple[np.float32, np.float32]:
    """Round row i of *x* to bytes. Returns the squared norms of the rounded row, from the origin, and of the rest."""
    value = np.zeros(out.shape[1], np.float32)
    value[: x.shape[1]] = [_to_float_python(element) for element in x[i]]
    value -= origin
    scaled = np.rint(np.fmax(np.fmin(value * inverse, np.float32(127)), np.float32(-127)))
    out[r] = (scaled.astype(np.int32) + 128).astype(np.uint8)
    back = scaled * step
    left = value - back
    return (back * back).sum(dtype=np.float32), (left * left).sum(dtype=np.float32)


def _pair_distances(context: Any, x: Any, rows: Any, centers: Any, numbers: Any, at: Any, out: Any) -> Any:
    """Typing and code of `pair_distances`; see `_pair_distances_python` for what it does."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e = _Block(context, builder, signature, args)
        x, rows, centers, numbers, out = (e.array(i) for i in (0, 1, 2, 3, 5))
        d = e.shape(x, 1)
        pairs = []
        for lane in range(WIDTH):
            place = builder.add(args[4], _I64(lane))
            row = builder.load(builder.gep(rows.data, [place]))
            number = builder.sext(builder.load(builder.gep(numbers.data, [place])), _I64)
            a = builder.gep(x.data, [builder.mul(row, d)])
            pairs.append((a, builder.gep(centers.data, [builder.mul(number, d)])))
        (total,) = e.sums(1)
        with cgutils.for_range(builder, builder.udiv(builder.add(d, _I64(WIDTH - 1)), _I64(WIDTH))) as loop:
            j = builder.mul(loop.index, _I64(WIDTH))
            left = builder.sub(d, j)
            diffs = [
                builder.fsub(_load_floats(e, a, j, left), _load_floats(e, b, j, left)) for a, b in pairs
            ]
            chain = builder.load(total)
            for diff in _transposed(builder, diffs):
                chain = e.fma(diff, diff, chain)
            builder.store(chain, total)
        e.store(builder.load(total), out.data, args[4])
        return context.get_dummy_value()

    return types.void(x, rows, centers, numbers, types.intp, out), codegen


def _transposed(builder: Any, rows: list[Any]) -> list[Any]:
    """Columns of a square of vectors: halves are exchanged, then quarters, ..."""
    half = len(rows) // 2
    while half:
        after = list(rows)
        for i in range(len(rows)):
            if not i & half:
                a, b = rows[i], rows[i + half]
                keep = [j for j in range(WIDTH) if not j & half]
                low = sorted([(j, j) for j in keep] + [(j + half, WIDTH + j) for j in keep])
                high = sorted([(j, j + half) for j in keep] + [(j + half, WIDTH + j + half) for j in keep])
                after[i] = builder.shuffle_vector(a, b, ir.Constant(_VI, [source for _, source in low]))
                after[i + half] = builder.shuffle_vector(a, b, ir.Constant(_VI, [source for _, source in high]))
        rows, half = after, half // 2
    return rows


def _pair_distances_python(
    x: Any,  # IN  (n, d)
    rows: Any,  # IN  (pairs,) int64
    centers: Any,  # IN  (k, d) float32
    numbers: Any,  # IN  (pairs,) int32
    at: int,
    out: Any,  # OUT  (pairs,) float32
) -> None:
    """Squared distances of the rows and centres of the pairs ``at : at + WIDTH``, chains as everywhere.

    A lane is a pair: differences are taken along the rows, and turned so that a chain runs along the dimensions.
    After the last dimension come zeros, which add nothing.
    """
    from ._compile import fma

    for pair in range(at, at + WIDTH):
        total = np.float32(0)
        for j in range(x.shape[1]):
            diff = np.float32(_to_float_python(x[rows[pair], j]) - centers[numbers[pair], j])
            total = fma(diff, diff, total)
        out[pair] = total


dots_1 = make(_dots(1), _dots_python(1))
dots_2 = make(_dots(2), _dots_python(2))
dots_3 = make(_dots(3), _dots_python(3))
dots_4 = make(_dots(4), _dots_python(4))
lowest_score = make(_lowest_score, _lowest_score_python)
lanes_below = make(_lanes_below, _lanes_below_python)
round_row = make(_round_row, _round_row_python)
pair_distances = make(_pair_distances, _pair_distances_python)
