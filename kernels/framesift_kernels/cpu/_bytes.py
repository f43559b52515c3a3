"""SIMD by hand on bytes: where two stretches of memory differ, and copies. Like `_vector`, but integers.

Each intrinsic stands beside its meaning in plain Python. Numba is imported when one is compiled, not before.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ._compile import intrinsic

STRETCH = 256
"""Bytes that `differs` looks at."""
WORD = 64
"""Bytes that `differing` looks at, and that `stream` stores at a time."""


def _data(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> Any:
    """Pointer to a byte of an array."""
    return builder.gep(context.make_array(kind)(context, builder, array).data, [at])


def _differs(context: Any, data: Any, a: Any, b: Any) -> Any:
    """Typing and code of `differs`."""
    from llvmlite import ir
    from numba import types

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        word = ir.IntType(64)
        vector = ir.VectorType(word, STRETCH // 8)
        pointers = [_data(context, builder, signature.args[0], args[0], at) for at in args[1:]]
        x, y = (builder.load(builder.bitcast(p, vector.as_pointer()), align=1) for p in pointers)
        name = f"llvm.vector.reduce.or.v{STRETCH // 8}i64"
        reduce = builder.module.globals.get(name)
        reduce = reduce or ir.Function(builder.module, ir.FunctionType(word, [vector]), name)
        return builder.icmp_unsigned("!=", builder.call(reduce, [builder.xor(x, y)]), word(0))

    return types.boolean(data, types.intp, types.intp), codegen


def _differs_python(data: Any, a: int, b: int) -> bool:
    """Whether ``data[a : a + STRETCH]`` and ``data[b : b + STRETCH]`` differ; both must exist."""
    return bool((data[a : a + STRETCH] != data[b : b + STRETCH]).any())


def _differing(context: Any, data: Any, a: Any, b: Any) -> Any:
    """Typing and code of `differing`."""
    from llvmlite import ir
    from numba import types

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vector = ir.VectorType(ir.IntType(8), WORD)
        pointers = [_data(context, builder, signature.args[0], args[0], at) for at in args[1:]]
        values = [builder.load(builder.bitcast(p, vector.as_pointer()), align=1) for p in pointers]
        x, y = (builder.icmp_unsigned("!=", v, ir.Constant(vector, None)) for v in values)
        return builder.bitcast(builder.xor(x, y), ir.IntType(64))

    return types.uint64(data, types.intp, types.intp), codegen


def _differing_python(data: Any, a: int, b: int) -> np.uint64:
    """Bit i: whether one of ``data[a + i]`` and ``data[b + i]`` is zero and the other not; i < WORD."""
    x, y = data[a : a + WORD] != 0, data[b : b + WORD] != 0
    return np.uint64(sum(1 << i for i in np.flatnonzero(x != y).tolist()))


def _lowest_bit(context: Any, value: Any) -> Any:
    """Typing and code of `lowest_bit`."""
    from llvmlite import ir
    from numba import types

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), codegen


def _lowest_bit_python(value: Any) -> int:
    """Number of the lowest bit that is set; if none is, anything."""
    return (int(value) & -int(value)).bit_length() - 1


def _count_bits(context: Any, value: Any) -> Any:
    """Typing and code of `count_bits`."""
    from numba import types

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.int64(types.uint64), codegen


def _count_bits_python(value: Any) -> int:
    """How many bits are set."""
    return int(value).bit_count()


def _copy(context: Any, target: Any, at: Any, source: Any, start: Any, n: Any) -> Any:
    """Typing and code of `copy`."""
    from llvmlite import ir
    from numba import types

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        to = _data(context, builder, signature.args[0], args[0], args[1])
        of = _data(context, builder, signature.args[2], args[2], args[3])
        move = builder.module.declare_intrinsic("llvm.memcpy", [to.type, of.type, ir.IntType(64)])
        builder.call(move, [to, of, args[4], ir.IntType(1)(0)])
        return context.get_dummy_value()

    return types.void(target, types.intp, source, types.intp, types.intp), codegen


def _copy_python(target: Any, at: int, source: Any, start: int, n: int) -> None:
    """Copy n bytes of *source* from *start* on to *target* from *at* on."""
    target[at : at + n] = source[start : start + n]


def _stream(context: Any, target: Any, at: Any, source: Any, start: Any, n: Any) -> Any:
    """Typing and code of `stream`."""
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        size = ir.IntType(64)
        vector = ir.VectorType(size, WORD // 8)
        to = _data(context, builder, signature.args[0], args[0], args[1])
        of = _data(context, builder, signature.args[2], args[2], args[3])
        hint = builder.module.add_metadata([ir.IntType(32)(1)])
        with cgutils.for_range(builder, builder.udiv(args[4], size(WORD))) as loop:
            here = builder.mul(loop.index, size(WORD))
            pointers = [builder.bitcast(builder.gep(p, [here]), vector.as_pointer()) for p in (to, of)]
            store = builder.store(builder.load(pointers[1], align=1), pointers[0], align=WORD)
            store.set_metadata("nontemporal", hint)
        return context.get_dummy_value()

    return types.void(target, types.intp, source, types.intp, types.intp), codegen


def _address(context: Any, data: Any) -> Any:
    """Typing and code of `address`."""
    from llvmlite import ir
    from numba import types

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        first = _data(context, builder, signature.args[0], args[0], ir.IntType(64)(0))
        return builder.ptrtoint(first, ir.IntType(64))

    return types.int64(data), codegen


def _address_python(data: Any) -> int:
    """Where in memory the first byte stands."""
    return int(data.ctypes.data)


def _finish_streams(context: Any) -> Any:
    """Typing and code of `finish_streams`."""
    from numba import types

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), codegen


def _finish_streams_python() -> None:
    """Make what was streamed seen by other threads."""


differs: Callable[..., bool] = intrinsic(_differs_python, _differs)
differing: Callable[..., np.uint64] = intrinsic(_differing_python, _differing)
lowest_bit: Callable[..., int] = intrinsic(_lowest_bit_python, _lowest_bit)
count_bits: Callable[..., int] = intrinsic(_count_bits_python, _count_bits)
copy: Callable[..., None] = intrinsic(_copy_python, _copy)
stream: Callable[..., None] = intrinsic(_copy_python, _stream)
"""`copy` past the caches, for memory that is not read soon: *target* from *at* on is aligned to WORD bytes, n a
multiple of WORD. A store that goes through the caches reads the line first, which halves the rate."""
address: Callable[..., int] = intrinsic(_address_python, _address)
finish_streams: Callable[..., None] = intrinsic(_finish_streams_python, _finish_streams)
