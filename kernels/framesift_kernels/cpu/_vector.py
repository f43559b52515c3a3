"""SIMD by hand: Numba intrinsics that emit LLVM vector types, each beside its meaning in plain Python.

Loops that Numba leaves to LLVM's vectoriser reach a quarter of what a core can do on distances, because partial
results travel through memory. Here they are held in registers: a tile of ``ROWS`` rows by up to ``VECTORS`` vectors
of ``WIDTH`` lanes. The code is generic LLVM: any processor can run it, the sizes are those that fill the registers
of this one. They change nothing in the results: a lane computes one distance, by one chain of fused multiply-adds.

Plain Python (``NUMBA_DISABLE_JIT=1``) runs the functions whose names end in ``_python``. Numba is imported when one
is compiled, not before.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from llvmlite import binding, ir

from ._compile import cgutils, fma, intrinsic, types


class Tiles(NamedTuple):
    """What fits the registers: rows * vectors sums, one vector of centres each, one broadcast element."""

    width: int
    rows: int
    vectors: int


def _tiles() -> Tiles:
    features = binding.get_host_cpu_features()
    if features.get("avx512f"):
        return Tiles(16, 6, 4)  # 32 registers of 16 float32
    if features.get("avx2"):
        return Tiles(8, 4, 2)  # 16 of 8
    return Tiles(4, 6, 3)  # NEON: 32 of 4


WIDTH, ROWS, VECTORS = _tiles()
BUFFER_VECTORS = 8
"""Vectors of points that are compared with one centre at a time."""
_HALF_IN_HARDWARE = (
    bool(binding.get_host_cpu_features().get("f16c")) or "x86" not in binding.get_process_triple()
)

_I32, _I64, _F = ir.IntType(32), ir.IntType(64), ir.FloatType()
_V = ir.VectorType(_F, WIDTH)
_VI = ir.VectorType(_I32, WIDTH)


class _Block:
    """What the intrinsics below need of a builder: arrays as pointers, vectors in and out of memory, FMA."""

    def __init__(self, context: Any, builder: Any, signature: Any, args: Any) -> None:
        self.context, self.b = context, builder
        self.signature, self.args = signature, args
        self._fma = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(_V, [_V] * 3), f"llvm.fma.v{WIDTH}f32"
        )

    def array(self, at: int) -> Any:
        """Struct of the array that is argument *at*: data, shape."""
        return self.context.make_array(self.signature.args[at])(self.context, self.b, self.args[at])

    def shape(self, array: Any, axis: int) -> Any:
        return self.b.extract_value(array.shape, axis)

    def splat(self, scalar: Any, vector: Any = _V) -> Any:
        none = ir.Constant(vector, ir.Undefined)
        one = self.b.insert_element(none, scalar, _I32(0))
        return self.b.shuffle_vector(one, none, ir.Constant(ir.VectorType(_I32, vector.count), None))

    def load(self, pointer: Any, offset: Any, vector: Any = _V) -> Any:
        """Vector from *offset* elements behind *pointer*."""
        at = self.b.bitcast(self.b.gep(pointer, [offset]), vector.as_pointer())
        return self.b.load(at, align=1)

    def store(self, value: Any, pointer: Any, offset: Any) -> None:
        self.b.store(value, self.b.bitcast(self.b.gep(pointer, [offset]), value.type.as_pointer()), align=1)

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        return self.b.call(self._fma, [a, b, c])

    def sums(self, n: int, vector: Any = _V) -> list[Any]:
        """n vectors of zeros; LLVM keeps them in registers."""
        slots = [cgutils.alloca_once(self.b, vector) for _ in range(n)]
        for slot in slots:
            self.b.store(ir.Constant(vector, None), slot)
        return slots


def _to_float(builder: Any, value: Any) -> Any:
    """float32 of float32s, of integers, or of the bits of float16s (ints of 16 bits): of one, or of a vector."""
    count = value.type.count if isinstance(value.type, ir.VectorType) else 0
    kind = value.type.element if count else value.type

    def shaped(scalar: Any) -> Any:
        return ir.VectorType(scalar, count) if count else scalar

    def constant(scalar: Any, number: Any) -> Any:
        return ir.Constant(shaped(scalar), [number] * count if count else number)

    if kind == _F:
        return value
    if kind != ir.IntType(16):
        return builder.uitofp(value, shaped(_F))
    if _HALF_IN_HARDWARE:
        return builder.fpext(builder.bitcast(value, shaped(ir.HalfType())), shaped(_F))
    # The exponent moves to its place, and is 112 too small: times 2**112, exact.
    bits = builder.zext(value, shaped(_I32))
    size = builder.shl(builder.and_(bits, constant(_I32, 0x7FFF)), constant(_I32, 13))
    size = builder.fmul(builder.bitcast(size, shaped(_F)), constant(_F, 2.0**112))
    sign = builder.shl(builder.and_(bits, constant(_I32, 0x8000)), constant(_I32, 16))
    return builder.bitcast(builder.or_(builder.bitcast(size, shaped(_I32)), sign), shaped(_F))


def _distances(vectors: int) -> Callable[..., Any]:
    """Make `distances[vectors]`; see `_distances_python` for what it does."""

    def typing(context: Any, rows: Any, packed: Any, at: Any, out: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            e = _Block(context, builder, signature, args)
            rows, packed, out = (e.array(i) for i in (0, 1, 3))
            d = e.shape(packed, 1)
            first = builder.gep(packed.data, [builder.mul(builder.mul(args[2], d), _I64(WIDTH))])
            builder.call(_tile(builder.module, vectors), [rows.data, first, out.data, d])
            return context.get_dummy_value()

        return types.void(rows, packed, types.intp, out), codegen

    return typing


def outlined(module: Any, kind: Any, name: str) -> tuple[Any, Any]:
    """A function of a module that is not inlined, and a builder of its code; None where the code is there already."""
    function = cgutils.get_or_insert_function(module, kind, name)
    if not function.is_declaration:
        return function, None
    function.linkage = "linkonce_odr"
    function.attributes.add("noinline")
    return function, ir.IRBuilder(function.append_basic_block())


def _tile(module: Any, vectors: int) -> Any:
    """Get the function of a tile in a module: (rows, packed, out, d).

    It is not inlined, because the optimiser would take seconds over its copies.
    """
    pointer = _F.as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [pointer, pointer, pointer, _I64])
    name = f"framesift_distances_{ROWS}x{vectors}x{WIDTH}"
    function, builder = outlined(module, kind, name)
    if builder is None:
        return function
    e = _Block(None, builder, None, None)
    rows, packed, out, d = function.args
    rows_for = [_unlike(builder, rows) if WIDTH == 16 else rows for _ in range(vectors)]
    step = builder.mul(d, _I64(WIDTH))  # from a vector of centres to the next
    lanes_of = [builder.gep(packed, [builder.mul(step, _I64(v))]) for v in range(vectors)]
    sums = [e.sums(vectors) for _ in range(ROWS)]
    with cgutils.for_range(builder, d) as loop:
        at_j = builder.mul(loop.index, _I64(WIDTH))
        centers = [e.load(lanes, at_j) for lanes in lanes_of]
        for r in range(ROWS):
            at = builder.add(builder.mul(d, _I64(r)), loop.index)
            for v in range(vectors):
                diff = builder.fsub(centers[v], e.splat(builder.load(builder.gep(rows_for[v], [at]))))
                builder.store(e.fma(diff, diff, builder.load(sums[r][v])), sums[r][v])
    for r in range(ROWS):
        for v in range(vectors):
            e.store(builder.load(sums[r][v]), out, _I64((r * VECTORS + v) * WIDTH))
    builder.ret_void()
    return function


def _unlike(builder: Any, pointer: Any) -> Any:
    """The same pointer, of which the optimiser does not know that it is.

    So an element is loaded for each vector that it is taken from. AVX-512 broadcasts what it loads as part of the
    subtraction, for nothing; a broadcast of its own, shared by the vectors, takes an adder's turn: a fifth of all.
    """
    kind = ir.FunctionType(pointer.type, [pointer.type])
    return builder.asm(kind, "", "=r,0", [pointer], side_effect=True)


def _distances_python(vectors: int) -> Callable[..., None]:
    def distances(
        rows: Any,  # IN  (ROWS, d) float32
        packed: Any,  # IN  (>= at + vectors, d, WIDTH) float32
        at: int,
        out: Any,  # OUT  (ROWS, VECTORS * WIDTH) float32
    ) -> None:
        """Squared distances of ROWS rows to the centres of packed[at : at + vectors]."""
        for r in range(ROWS):
            for v in range(vectors):
                for lane in range(WIDTH):
                    total = np.float32(0)
                    for j in range(packed.shape[1]):
                        diff = np.float32(rows[r, j] - packed[at + v, j, lane])
                        total = fma(diff, diff, total)
                    out[r, v * WIDTH + lane] = total

    return distances


def _keep_lowest(context: Any, values: Any, vectors: Any, number: Any, best: Any, index: Any) -> Any:
    """Typing and code of `keep_lowest`; see `_keep_lowest_python` for what it does."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e = _Block(context, builder, signature, args)
        values, best, index = (e.array(i) for i in (0, 3, 4))
        lanes = ir.Constant(_VI, list(range(WIDTH)))
        with cgutils.for_range(builder, args[1]) as loop:
            first = builder.mul(loop.index, _I64(WIDTH))
            number = builder.add(builder.trunc(first, _I32), builder.trunc(args[2], _I32))
            numbers = builder.add(e.splat(number, _VI), lanes)
            for r in range(ROWS):
                value = e.load(values.data, builder.add(first, _I64(r * VECTORS * WIDTH)))
                at = _I64(r * WIDTH)
                low, low_index = e.load(best.data, at), e.load(index.data, at, _VI)
                nearer = builder.fcmp_ordered("<", value, low)
                e.store(builder.select(nearer, value, low), best.data, at)
                e.store(builder.select(nearer, numbers, low_index), index.data, at)
        return context.get_dummy_value()

    return types.void(values, types.intp, types.intp, best, index), codegen


def _keep_lowest_python(
    values: Any,  # IN  (ROWS, VECTORS * WIDTH) float32
    vectors: int,
    number: int,  # of the first lane's centre
    best: Any,  # INOUT  (ROWS, WIDTH) float32
    index: Any,  # INOUT  (ROWS, WIDTH) int32
) -> None:
    """Lower *best*, by lanes, to *values*, and note the numbers of the centres in *index*."""
    for r in range(ROWS):
        for at in range(vectors * WIDTH):
            if values[r, at] < best[r, at % WIDTH]:
                best[r, at % WIDTH], index[r, at % WIDTH] = values[r, at], number + at


def _keep_second(context: Any, values: Any, vectors: Any, best: Any, second: Any) -> Any:
    """Typing and code of `keep_second`; see `_keep_second_python` for what it does."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e = _Block(context, builder, signature, args)
        values, best, second = (e.array(i) for i in (0, 2, 3))
        with cgutils.for_range(builder, args[1]) as loop:
            first = builder.mul(loop.index, _I64(WIDTH))
            for r in range(ROWS):
                value = e.load(values.data, builder.add(first, _I64(r * VECTORS * WIDTH)))
                at = _I64(r * WIDTH)
                low, next_low = e.load(best.data, at), e.load(second.data, at)
                nearer = builder.fcmp_ordered("<", value, low)
                other = builder.select(nearer, low, value)
                e.store(builder.select(nearer, value, low), best.data, at)
                lower = builder.fcmp_ordered("<", other, next_low)
                e.store(builder.select(lower, other, next_low), second.data, at)
        return context.get_dummy_value()

    return types.void(values, types.intp, best, second), codegen


def _keep_second_python(
    values: Any,  # IN  (ROWS, VECTORS * WIDTH) float32
    vectors: int,
    best: Any,  # INOUT  (ROWS, WIDTH) float32
    second: Any,  # INOUT  (ROWS, WIDTH) float32
) -> None:
    """Lower *best* and *second*, by lanes, to the two lowest of *values* and themselves."""
    for r in range(ROWS):
        for at in range(vectors * WIDTH):
            lane = at % WIDTH
            three = sorted([values[r, at], best[r, lane], second[r, lane]])
            best[r, lane], second[r, lane] = three[0], three[1]


def _lowest(context: Any, best: Any, index: Any, r: Any) -> Any:
    """Typing and code of `lowest`: of a row of lanes the smallest value, and the smallest index that has it."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e = _Block(context, builder, signature, args)
        wide = ir.VectorType(_I64, WIDTH)
        at = builder.mul(args[2], _I64(WIDTH))
        bits = e.load(builder.bitcast(e.array(0).data, _I32.as_pointer()), at, _VI)
        index = e.load(e.array(1).data, at, _VI)
        # Bits of floats that are not negative are ordered like the floats.
        keys = builder.shl(builder.zext(bits, wide), ir.Constant(wide, [32] * WIDTH))
        keys = builder.or_(keys, builder.zext(index, wide))
        reduce = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(_I64, [wide]), f"llvm.vector.reduce.umin.v{WIDTH}i64"
        )
        key = builder.call(reduce, [keys])
        value = builder.bitcast(builder.trunc(builder.lshr(key, _I64(32)), _I32), _F)
        return context.make_tuple(builder, signature.return_type, [value, builder.trunc(key, _I32)])

    returned = types.Tuple([types.float32, types.int32])
    return returned(best, index, types.intp), codegen


def _lowest_python(best: Any, index: Any, r: int) -> tuple[np.float32, np.int32]:
    return min(zip(best[r], index[r], strict=True), key=lambda pair: (float(pair[0]), int(pair[1])))


def _approach(context: Any, packed: Any, tile: Any, center: Any, number: Any, sqdist: Any, near: Any) -> Any:
    """Typing and code of `approach`; see `_approach_python` for what it does."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e = _Block(context, builder, signature, args)
        packed, center, sqdist, near = (e.array(i) for i in (0, 2, 4, 5))
        d, lanes = e.shape(packed, 1), BUFFER_VECTORS * WIDTH
        points = builder.gep(packed.data, [builder.mul(args[1], builder.mul(d, _I64(lanes)))])
        sums = e.sums(BUFFER_VECTORS)
        with cgutils.for_range(builder, d) as loop:
            value = e.splat(builder.load(builder.gep(center.data, [loop.index])))
            at_j = builder.mul(loop.index, _I64(lanes))
            for v in range(BUFFER_VECTORS):
                diff = builder.fsub(value, e.load(points, builder.add(at_j, _I64(v * WIDTH))))
                builder.store(e.fma(diff, diff, builder.load(sums[v])), sums[v])
        start = builder.mul(args[1], _I64(lanes))
        numbers = e.splat(args[3], _VI)
        high = None
        for v in range(BUFFER_VECTORS):
            at = builder.add(start, _I64(v * WIDTH))
            value, old = builder.load(sums[v]), e.load(sqdist.data, at)
            nearer = builder.fcmp_ordered("<", value, old)
            new = builder.select(nearer, value, old)
            e.store(new, sqdist.data, at)
            e.store(builder.select(nearer, numbers, e.load(near.data, at, _VI)), near.data, at)
            bits = builder.bitcast(new, _VI)
            high = bits if high is None else builder.select(builder.icmp_signed(">", bits, high), bits, high)
        reduce = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(_I32, [_VI]), f"llvm.vector.reduce.smax.v{WIDTH}i32"
        )
        return builder.bitcast(builder.call(reduce, [high]), _F)

    return types.float32(packed, types.intp, center, types.int32, sqdist, near), codegen


def _approach_python(
    packed: Any,  # IN  (tiles, d, lanes) float32: points, a column each
    tile: int,
    center: Any,  # IN  (d,) float32
    number: int,
    sqdist: Any,  # INOUT  (tiles, lanes) float32; -1 for lanes without a point
    near: Any,  # INOUT  (tiles, lanes) int32
) -> np.float32:
    """Lower *sqdist* of a tile's points to their squared distances to *center*, noting its *number* in *near*.

    Returns the largest; a negative one, if all are negative (as numbers they need not be ordered then).
    """
    for lane in range(packed.shape[2]):
        total = np.float32(0)
        for j in range(packed.shape[1]):
            diff = np.float32(packed[tile, j, lane] - center[j])
            total = fma(diff, diff, total)
        if total < sqdist[tile, lane]:
            sqdist[tile, lane], near[tile, lane] = total, number
    return np.float32(sqdist[tile].max())


def _to_float_typing(context: Any, value: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _to_float(builder, args[0])

    return types.float32(value), codegen


def _to_float_python(value: Any) -> np.float32:
    """Return float32 of an element: uint16 holds the bits of a float16, which Numba does not know on CPUs."""
    return np.float32(value.view(np.float16) if value.dtype == np.uint16 else value)


def _count_trailing_zeros(context: Any, value: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.uint64(types.uint64), codegen


def _count_trailing_zeros_python(value: Any) -> np.uint64:
    number = int(value)
    return np.uint64((number & -number).bit_length() - 1 if number else 64)


distances_1 = intrinsic(_distances_python(1), _distances(1))
distances_2 = intrinsic(_distances_python(2), _distances(2))
distances_3 = intrinsic(_distances_python(3), _distances(3))
distances_4 = intrinsic(_distances_python(4), _distances(4))
keep_lowest = intrinsic(_keep_lowest_python, _keep_lowest)
keep_second = intrinsic(_keep_second_python, _keep_second)
lowest = intrinsic(_lowest_python, _lowest)
approach = intrinsic(_approach_python, _approach)
to_float = intrinsic(_to_float_python, _to_float_typing)
count_trailing_zeros = intrinsic(_count_trailing_zeros_python, _count_trailing_zeros)
