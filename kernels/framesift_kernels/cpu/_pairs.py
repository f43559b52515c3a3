"""Intrinsics for distances of some rows to some centres, where most pairs of them are of no interest.

`pair_distances` are those of everywhere: one chain along the dimensions, sixteen pairs the lanes. `rough_distances` add
up in any order, without shuffles: they are near enough to tell which few of a row's centres need the chain.
"""

from typing import Any

import numpy as np
from llvmlite import ir

from ._compile import cgutils, intrinsic, types
from ._narrow import _in_vectors, _load_floats, _reduction
from ._turn import transposed
from ._vector import _F, _I32, _I64, WIDTH, _Block, _to_float_python, outlined

TOGETHER = 4
"""Centres that a row is compared with at once, roughly."""


def _pair_distances(context: Any, x: Any, rows: Any, centers: Any, numbers: Any, at: Any, out: Any) -> Any:
    """Typing and code of `pair_distances`; see `_pair_distances_python` for what it does."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e = _Block(context, builder, signature, args)
        x, rows, centers, numbers, out = (e.array(i) for i in (0, 1, 2, 3, 5))
        place = [builder.gep(a.data, [args[4]]) for a in (rows, numbers, out)]
        tile = _pairs_tile(builder.module, x.data.type)
        builder.call(tile, [x.data, centers.data, *place, e.shape(x, 1)])
        return context.get_dummy_value()

    return types.void(x, rows, centers, numbers, types.intp, out), codegen


def _pairs_tile(module: Any, kind: Any) -> Any:
    """Get the function of a tile in a module: (x, centers, rows, numbers, out, d), *kind* being the type of x.

    It is not inlined, as those in `_vector`: it is called in two places.
    """
    pointers = [kind, _F.as_pointer(), _I64.as_pointer(), _I32.as_pointer(), _F.as_pointer()]
    name = f"framesift_pairs_{kind.pointee}x{WIDTH}"
    function, builder = outlined(module, ir.FunctionType(ir.VoidType(), [*pointers, _I64]), name)
    if builder is None:
        return function
    e = _Block(None, builder, None, None)
    x, centers, rows, numbers, out, d = function.args
    pairs = []
    for lane in range(WIDTH):
        row = builder.load(builder.gep(rows, [_I64(lane)]))
        number = builder.sext(builder.load(builder.gep(numbers, [_I64(lane)])), _I64)
        pairs.append((builder.gep(x, [builder.mul(row, d)]), builder.gep(centers, [builder.mul(number, d)])))
    (total,) = e.sums(1)
    with cgutils.for_range(builder, builder.udiv(builder.add(d, _I64(WIDTH - 1)), _I64(WIDTH))) as loop:
        j = builder.mul(loop.index, _I64(WIDTH))
        left = builder.sub(d, j)
        diffs = [builder.fsub(_load_floats(e, a, j, left), _load_floats(e, b, j, left)) for a, b in pairs]
        chain = builder.load(total)
        for diff in transposed(builder, diffs):
            chain = e.fma(diff, diff, chain)
        builder.store(chain, total)
    e.store(builder.load(total), out, _I64(0))
    builder.ret_void()
    return function


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


def _rough_distances(context: Any, x: Any, i: Any, centers: Any, numbers: Any, n: Any, out: Any) -> Any:
    """Typing and code of `rough_distances`; see `_rough_distances_python` for what it does."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e = _Block(context, builder, signature, args)
        x, centers, numbers, out = (e.array(i) for i in (0, 2, 3, 5))
        d = e.shape(x, 1)
        row = builder.gep(x.data, [builder.mul(args[1], d)])
        sums = e.sums(TOGETHER)
        add, zero = _reduction(builder.module, "fadd"), ir.Constant(_F, 0.0)
        turns = builder.udiv(builder.add(args[4], _I64(TOGETHER - 1)), _I64(TOGETHER))
        with cgutils.for_range(builder, turns) as loop:
            first = builder.mul(loop.index, _I64(TOGETHER))
            some = []
            for c in range(TOGETHER):
                builder.store(ir.Constant(sums[c].type.pointee, None), sums[c])
                number = builder.load(builder.gep(numbers.data, [builder.add(first, _I64(c))]))
                some.append(builder.gep(centers.data, [builder.mul(builder.sext(number, _I64), d)]))

            def compare(at: Any, value: Any, left: Any, some: Any = some) -> None:
                for total, center in zip(sums, some, strict=True):
                    other = e.load(center, at) if left is None else _load_floats(e, center, at, left)
                    diff = builder.fsub(value, other)
                    builder.store(e.fma(diff, diff, builder.load(total)), total)

            _in_vectors(e, row, d, compare)
            for c, total in enumerate(sums):
                value = builder.call(add, [zero, builder.load(total)], fastmath=["reassoc"])
                builder.store(value, builder.gep(out.data, [builder.add(first, _I64(c))]))
        return context.get_dummy_value()

    return types.void(x, types.intp, centers, numbers, types.intp, out), codegen


def _rough_distances_python(
    x: Any,  # IN  (n, d)
    i: int,
    centers: Any,  # IN  (k, d) float32
    numbers: Any,  # IN  (>= n up to whole TOGETHER,) int32 of centres
    n: int,
    out: Any,  # OUT  as many float32
) -> None:
    """Squared distances of row i to n centres, float32, added up in any order."""
    row = np.array([_to_float_python(element) for element in x[i]], np.float32)
    for at in range(n):
        diff = row - centers[numbers[at]]
        out[at] = (diff * diff).sum(dtype=np.float32)


pair_distances = intrinsic(_pair_distances_python, _pair_distances)
rough_distances = intrinsic(_rough_distances_python, _rough_distances)
