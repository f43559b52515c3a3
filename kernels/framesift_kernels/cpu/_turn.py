"""Intrinsics that turn squares of float32: rows to columns, in registers."""

from typing import Any

from llvmlite import ir

from ._compile import intrinsic, types
from ._vector import _F, _I64, _VI, WIDTH, _Block, outlined


def _turn(context: Any, source: Any, at: Any, step: Any, target: Any, to: Any, stride: Any) -> Any:
    """Typing and code of `turn`; see `_turn_python` for what it does."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e = _Block(context, builder, signature, args)
        source, target = (builder.gep(e.array(i).data, [args[i + 1]]) for i in (0, 3))
        builder.call(_square(builder.module), [source, args[2], target, args[5]])
        return context.get_dummy_value()

    ints = types.intp
    return types.void(source, ints, ints, target, ints, ints), codegen


def _square(module: Any) -> Any:
    """Get the function of a square in a module: (source, step, target, stride). It is not inlined."""
    pointer = _F.as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [pointer, _I64, pointer, _I64])
    function, builder = outlined(module, kind, f"framesift_turn_{WIDTH}")
    if builder is None:
        return function
    e = _Block(None, builder, None, None)
    source, step, target, stride = function.args
    rows = [e.load(source, builder.mul(step, _I64(r))) for r in range(WIDTH)]
    for c, column in enumerate(transposed(builder, rows)):
        e.store(column, target, builder.mul(stride, _I64(c)))
    builder.ret_void()
    return function


def transposed(builder: Any, rows: list[Any]) -> list[Any]:
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
                after[i + half] = builder.shuffle_vector(
                    a, b, ir.Constant(_VI, [source for _, source in high])
                )
        rows, half = after, half // 2
    return rows


def _turn_python(
    source: Any,  # IN  (...) float32, C-contiguous
    at: int,
    step: int,
    target: Any,  # OUT  (...) float32, C-contiguous
    to: int,
    stride: int,
) -> None:
    """Turn a square of WIDTH rows of WIDTH elements: from element *at* of *source* on, where rows are *step* apart,
    to element *to* of *target* on, where they are *stride* apart.
    """
    source, target = source.reshape(-1), target.reshape(-1)
    for r in range(WIDTH):
        for c in range(WIDTH):
            target[to + c * stride + r] = source[at + r * step + c]


turn = intrinsic(_turn_python, _turn)
