"""How kernels are compiled: the one place that knows Numba, and the one rounding the CPU has and Python lacks.

`kernel` and `fma` are what a kernel is written with, `native` what Python calls. Numba is imported only when
something must be compiled: importing it, and setting up its types, takes longer than decoding a short video.
"""

import ctypes
import functools
import math
import os
from collections.abc import Callable, Iterable
from functools import cached_property
from importlib import import_module
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

from ._objects import Bound, Call, Parts, load, pin

__all__ = ["cgutils", "fma", "intrinsic", "kernel", "native", "pin", "types"]

_F = TypeVar("_F", bound=Callable[..., Any])

JIT_DISABLED = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")
"""Kernels stay plain Python, as Numba's own functions do."""


class _Later:
    """A module that is imported when it is used."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(import_module(self._name), attribute)


cgutils: Any = _Later("numba.core.cgutils")
types: Any = _Later("numba.core.types")
"""Of Numba, for intrinsics."""


class _Compiled:
    """A function that Numba compiles when it is first needed."""

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        Parts.names.add(function.__qualname__)

    @cached_property
    def dispatcher(self) -> Any:
        """Numba's own."""
        return self._dispatcher(cache=True)

    @cached_property
    def part(self) -> Any:
        """The same for a kernel that is part of another."""
        return self._dispatcher(cache=False)

    def _dispatcher(self, cache: bool) -> Any:
        from numba import njit

        return njit(nogil=True, cache=cache, boundscheck=False, error_model="numpy")(self.function)

    @property
    def _numba_type_(self) -> Any:
        """What Numba asks a name in another kernel for."""
        return (self.part if Parts.making else self.dispatcher)._numba_type_

    def __call__(self, *args: Any) -> Any:
        return self.function(*args) if JIT_DISABLED else self.dispatcher(*args)


class _Native(_Compiled):
    """A kernel called from Python: by its address, from object code that a cache keeps."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._calls: dict[tuple[Any, ...], Call] = {}

    def __call__(self, *args: Any) -> None:
        if JIT_DISABLED:
            self.function(*args)
        else:
            self._call(args)(*args)

    def bind(self, *args: Any) -> "Bound | _Plain":
        """The kernel with *args*, of which the first arrays may be exchanged with every call; see `Bound`."""
        return _Plain(self.function, args) if JIT_DISABLED else Bound(self._call(args), args)

    def _call(self, args: tuple[Any, ...]) -> Call:
        kinds = tuple([(a.dtype.char, a.ndim) if isinstance(a, np.ndarray) else type(a) for a in args])
        if kinds not in self._calls:
            self._calls[kinds] = load(self.function, kinds)
        return self._calls[kinds]


class _Plain:
    """What `Bound` is, of a kernel that stays plain Python."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._function = function
        self._args = args

    def __call__(self, *arrays: npt.NDArray[Any]) -> None:
        with np.errstate(over="ignore"):  # hashes wrap around on purpose
            self._function(*arrays, *self._args[len(arrays) :])

    def at(self, addresses: Iterable[int]) -> None:
        """Run it with arrays at these *addresses* for its first arguments, laid out as those that it is bound to."""
        bound = zip(self._args, addresses, strict=False)
        memory = [
            np.frombuffer((ctypes.c_char * a.nbytes).from_address(address), a.dtype) for a, address in bound
        ]
        self(*[m.reshape(a.shape) for m, a in zip(memory, self._args, strict=False)])


def kernel(function: _F) -> _F:
    """Compile *function*, for the use of other kernels.

    Floats keep their order of operations (no fastmath): results are the same on every machine and thread count.
    Divisions do not check for zero, indices are not checked: the public functions say what they need.

    With ``NUMBA_DISABLE_JIT=1`` it stays plain Python.
    """
    return cast(_F, _Compiled(function))


def native(function: _F) -> _F:
    """Compile *function* as `kernel` does, for calls from Python.

    It takes arrays (C-contiguous), ints (int64) and floats (float64), allocates nothing, raises nothing and
    returns nothing: what comes out is written to arrays. A call costs a microsecond or two an array. It releases
    the GIL, so callers thread by calling from several threads; no kernel starts threads of its own.
    """
    return cast(_F, _Native(function))


def _fma_llvm(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """Typing and code of `fma`, for Numba."""
    from llvmlite import ir

    if not (a == b == c == types.float32):
        return None

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        single = ir.FloatType()
        fma = builder.module.declare_intrinsic("llvm.fma", [single], ir.FunctionType(single, [single] * 3))
        return builder.call(fma, args)

    return types.float32(a, b, c), codegen


class _Intrinsic(_Compiled):
    """A function whose code *llvm* gives, and *function* in plain Python."""

    def __init__(self, function: Callable[..., Any], llvm: Callable[..., Any]) -> None:
        super().__init__(function)
        self._llvm = llvm

    @cached_property
    def _numba_type_(self) -> Any:
        from numba.core.registry import cpu_target
        from numba.extending import intrinsic

        found = intrinsic(self._llvm)
        cpu_target.typing_context.refresh()  # which tells it of the intrinsic
        return cpu_target.typing_context.resolve_value_type(found)

    def __call__(self, *args: Any) -> Any:
        return self.function(*args)


def _fma_python(a: np.float32, b: np.float32, c: np.float32) -> np.float32:
    """Return a * b + c rounded once: to odd in float64, which makes the second rounding, to float32, exact."""
    product, addend = float(a) * float(b), float(c)  # exact: 48 bits
    total = product + addend
    rest = total - product
    error = (product - (total - rest)) + (addend - rest)  # two-sum (Knuth)
    if error and math.isfinite(error) and not np.float64(total).view(np.int64) & 1:
        total = math.nextafter(total, math.copysign(math.inf, error))
    return np.float32(total)


def intrinsic(plain: Callable[..., Any], llvm: Callable[..., Any]) -> Callable[..., Any]:
    """What kernels call *plain* by: compiled, it is the code that *llvm*, a typing function of Numba's, gives."""
    return cast(Callable[..., Any], _Intrinsic(plain, llvm))


fma: Callable[..., np.float32] = intrinsic(_fma_python, _fma_llvm)
"""float32 ``a * b + c`` with one rounding (IEEE 754 fusedMultiplyAdd), on every device the same."""
