"""SIMD by hand on bytes: where two stretches of memory differ. Like `_vector`, but integers."""

from typing import Any

import numpy as np
from llvmlite import ir

from ._compile import cgutils, make, types

STRETCH = 256
"""Bytes that `differs` looks at."""
WORD = 64
"""Bytes that `differing` looks at."""
_I64 = ir.IntType(64)


def _pointer(context: Any, builder: Any, kind: Any, array: Any, at: Any, vector: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [at]), vector.as_pointer())


def _differs(context: Any, data: Any, a: Any, b: Any) -> Any:
    """Typing and code of `differs`."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vector = ir.VectorType(_I64, STRETCH // 8)
        pointers = [_pointer(context, builder, signature.args[0], args[0], at, vector) for at in args[1:]]
        x, y = (builder.load(pointer, align=1) for pointer in pointers)
        reduce = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(_I64, [vector]), f"llvm.vector.reduce.or.v{STRETCH // 8}i64"
        )
        return builder.icmp_unsigned("!=", builder.call(reduce, [builder.xor(x, y)]), _I64(0))

    return types.boolean(data, types.intp, types.intp), codegen


def _differs_python(data: Any, a: int, b: int) -> bool:
    """Whether ``data[a : a + STRETCH]`` and ``data[b : b + STRETCH]`` differ; both must exist."""
    return bool((data[a : a + STRETCH] != data[b : b + STRETCH]).any())


def _differing(context: Any, data: Any, a: Any, b: Any) -> Any:
    """Typing and code of `differing`."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vector = ir.VectorType(ir.IntType(8), WORD)
        zero = ir.Constant(vector, None)
        pointers = [_pointer(context, builder, signature.args[0], args[0], at, vector) for at in args[1:]]
        x, y = (builder.icmp_unsigned("!=", builder.load(p, align=1), zero) for p in pointers)
        return builder.bitcast(builder.xor(x, y), _I64)

    return types.uint64(data, types.intp, types.intp), codegen


def _differing_python(data: Any, a: int, b: int) -> np.uint64:
    """Bit i: whether one of ``data[a + i]`` and ``data[b + i]`` is zero and the other not; i < WORD."""
    x, y = data[a : a + WORD] != 0, data[b : b + WORD] != 0
    return np.uint64(sum(1 << i for i in np.flatnonzero(x != y).tolist()))


differs = make(_differs, _differs_python)
differing = make(_differing, _differing_python)
