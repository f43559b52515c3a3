"""How kernels are compiled: the one place for Numba options, and the one rounding the CPU has and Python lacks."""

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from llvmlite import ir
from numba import config, njit, types
from numba.extending import intrinsic

_F = TypeVar("_F", bound=Callable[..., Any])


def kernel(function: _F) -> _F:
    """Compile *function* at its first call.

    It releases the GIL, so callers thread by calling from several threads; no kernel starts threads of its own.
    Floats keep their order of operations (no fastmath): results are the same on every machine and thread count.
    Divisions do not check for zero, indices are not checked: the public functions say what they need.

    With ``NUMBA_DISABLE_JIT=1`` it stays plain Python.
    """
    return cast(_F, njit(nogil=True, cache=True, boundscheck=False, error_model="numpy")(function))


def _fma_llvm(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """Typing and code of `fma`, for Numba."""
    if not (a == b == c == types.float32):
        return None

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        single = ir.FloatType()
        fma = builder.module.declare_intrinsic("llvm.fma", [single], ir.FunctionType(single, [single] * 3))
        return builder.call(fma, args)

    return types.float32(a, b, c), codegen


def _fma_python(a: np.float32, b: np.float32, c: np.float32) -> np.float32:
    """Return a * b + c rounded once: to odd in float64, which makes the second rounding, to float32, exact."""
    product, addend = float(a) * float(b), float(c)  # exact: 48 bits
    total = product + addend
    rest = total - product
    error = (product - (total - rest)) + (addend - rest)  # two-sum (Knuth)
    if error and math.isfinite(error) and not np.float64(total).view(np.int64) & 1:
        total = math.nextafter(total, math.copysign(math.inf, error))
    return np.float32(total)


_jit_disabled: bool = config.DISABLE_JIT  # type: ignore[attr-defined]
fma = cast(Callable[..., np.float32], _fma_python if _jit_disabled else intrinsic(_fma_llvm))
"""float32 ``a * b + c`` with one rounding (IEEE 754 fusedMultiplyAdd), on every device the same."""
