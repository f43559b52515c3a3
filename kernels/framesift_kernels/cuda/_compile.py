"""How GPU kernels are compiled, launched and given their arrays: the one place that knows numba.cuda.

With ``NUMBA_ENABLE_CUDASIM=1`` Numba runs them in Python, a Python thread for a GPU's thread. Blocks and tiles are tiny
then, so that small inputs have several of them, and edges within them.
"""

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar

import numpy as np
from numba import cuda

from .. import DeviceUnavailableError
from ..cpu._compile import _fma_python
from ._timing import Kernel, copying

_F = TypeVar("_F", bound=Callable[..., Any])

cuda.config.CUDA_LOW_OCCUPANCY_WARNINGS = 0  # that few blocks leave a GPU idle is known; scans are one block
SIMULATED = bool(cuda.config.ENABLE_CUDASIM)
"""Whether Numba simulates the GPU."""
THREADS = 4 if SIMULATED else 128
"""Of a block, where a kernel has no reason to choose otherwise; a power of two."""
_MOST_BLOCKS = 3 if SIMULATED else 4096


def kernel(function: _F) -> Any:
    """Compile *function*, which is launched as ``function[blocks, threads](...)``.

    Floats keep their order of operations; but NVVM may fuse ``a * b + c``, which changes its rounding. So where a
    result is to be the CPU's bit for bit, `fma`, `multiply` and `add` say what is meant.
    """
    return Kernel(cuda.jit(_Quiet(function) if SIMULATED else function))


class _Quiet:
    """A kernel in the simulator: NumPy is not to warn where integers wrap around and floats overflow on purpose."""

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self.__globals__ = function.__globals__  # where the simulator puts its thread's indices
        self.function = function

    def __call__(self, *args: Any) -> None:
        with np.errstate(all="ignore"):
            self.function(*args)


def device(function: _F) -> _F:
    """Compile *function*, for the use of kernels. In the simulator it stays plain Python: wrappers cost more."""
    compiled: _F = function if SIMULATED else cuda.jit(function, device=True)
    return compiled


if SIMULATED:
    fma: Any = _fma_python

    def multiply(a: Any, b: Any) -> Any:
        """float64 ``a * b``, rounded, whatever is done with it."""
        return np.float64(a) * np.float64(b)

    def add(a: Any, b: Any) -> Any:
        """float64 ``a + b``, rounded, whatever *a* is."""
        return np.float64(a) + np.float64(b)

    def float_bits(a: Any) -> Any:
        """The bits of a float32 that is not negative, as an integer: ordered as the numbers are."""
        return np.float32(a).view(np.int32)

    def double_bits(a: Any) -> Any:
        """The bits of a float64, as an int64."""
        return np.float64(a).view(np.int64)

    def double_of(bits: Any) -> Any:
        """The float64 of these bits, an int64."""
        return np.int64(bits).view(np.float64)
else:
    from numba.cuda import libdevice

    fma = libdevice.fmaf
    multiply, add = libdevice.dmul_rn, libdevice.dadd_rn
    float_bits = libdevice.float_as_int
    double_bits, double_of = libdevice.double_as_longlong, libdevice.longlong_as_double


def require() -> None:
    """See to it that there is a GPU.

    Raises
    ------
    DeviceUnavailableError
        There is none, or its driver or the CUDA libraries are missing.
    """
    if not cuda.is_available():
        raise DeviceUnavailableError(
            "device 'cuda' needs an NVIDIA GPU, its driver and the CUDA libraries, and not all were found: "
            "install them with pip install 'framesift[cuda]', see whether nvidia-smi lists the GPU, or use device='cpu'"
        )


def blocks(n: int, threads: int = THREADS) -> int:
    """How many blocks to launch for n threads, or n of something; kernels stride over what is left."""
    return max(1, min(-(-n // threads), _MOST_BLOCKS))


def processors() -> int:
    """Blocks that can run at the same time for sure, one on each multiprocessor."""
    return 1 if SIMULATED else int(cuda.get_current_device().MULTIPROCESSOR_COUNT)


def is_on_device(array: Any) -> bool:
    """Whether an array lies in the memory of the GPU."""
    return hasattr(array, "__cuda_array_interface__") or bool(getattr(array, "__cuda_ndarray__", False))


def as_device_array(array: Any) -> Any:
    """Numba's view of an array on the GPU, be it CuPy's or of another library."""
    return array if getattr(array, "__cuda_ndarray__", False) else cuda.as_cuda_array(array)


def empty(shape: int | tuple[int, ...], dtype: Any) -> Any:
    """Scratch on the GPU."""
    return cuda.device_array(shape, dtype)


def to_device(array: Any) -> Any:
    """A copy on the GPU."""
    return copying(cuda.to_device, array)


def to_host(array: Any, out: Any = None) -> Any:
    """A NumPy array of one on the GPU: *out*, if it is given."""
    return copying(array.copy_to_host, out)


class Transfers:
    """The arrays of one call. What lies on the GPU is used where it lies; what does not is copied there, and back."""

    def __init__(self) -> None:
        self._back: list[tuple[Any, Any]] = []
        self._is_awaited = False

    def read(self, array: Any) -> Any:
        """*array*, to be read."""
        return as_device_array(array) if is_on_device(array) else to_device(np.ascontiguousarray(array))

    def change(self, array: Any) -> Any:
        """*array*, to be read and written."""
        if is_on_device(array):
            self._is_awaited = True
            return as_device_array(array)
        return self._returning(to_device(array), array)

    def write(self, array: Any) -> Any:
        """*array*, all of which is to be written."""
        if is_on_device(array):
            self._is_awaited = True
            return as_device_array(array)
        return self._returning(cuda.device_array(array.shape, array.dtype), array)

    def _returning(self, copy: Any, array: Any) -> Any:
        if array.size:
            self._back.append((copy, array))
        return copy

    def finish(self) -> None:
        """Copy back what was written, and wait for what was written there: its owner may read it on another stream."""
        for copy, array in self._back:
            to_host(copy, array)
        if self._is_awaited:
            cuda.synchronize()


_one_at_a_time = (
    threading.RLock() if SIMULATED else nullcontext()
)  # the simulator runs no two kernels at once


@contextmanager
def transfers() -> Iterator[Transfers]:
    """The time of one call."""
    with _one_at_a_time:
        arrays = Transfers()
        yield arrays
        arrays.finish()
