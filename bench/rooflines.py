"""What this machine can do at most, measured in the run that is compared with it: FMAs and memory, on all cores."""

import os
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from framesift_kernels.cpu._vector import WIDTH

_CHAINS = 12
_STEPS = 4_000_000
_BYTES = 2**28


@intrinsic
def _chains(context: Any, steps: Any, value: Any) -> Any:
    """*steps* rounds of independent vector FMAs; nothing is loaded or stored."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        single = ir.FloatType()
        vector = ir.VectorType(single, WIDTH)
        fma = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fma.v{WIDTH}f32"
        )
        none = ir.Constant(vector, ir.Undefined)
        index = ir.IntType(32)
        splat = builder.shuffle_vector(
            builder.insert_element(none, args[1], index(0)),
            none,
            ir.Constant(ir.VectorType(index, WIDTH), None),
        )
        sums = [cgutils.alloca_once(builder, vector) for _ in range(_CHAINS)]
        for number, slot in enumerate(sums):
            builder.store(ir.Constant(vector, [float(number)] * WIDTH), slot)
        with cgutils.for_range(builder, args[0]):
            for slot in sums:
                builder.store(builder.call(fma, [builder.load(slot), splat, splat]), slot)
        total = builder.load(sums[0])
        for slot in sums[1:]:
            total = builder.fadd(total, builder.load(slot))
        return builder.extract_element(total, index(0))

    return types.float32(types.int64, types.float32), codegen


@njit(nogil=True)
def _multiply(steps: int) -> Any:
    return _chains(steps, np.float32(0.5))


@njit(nogil=True, fastmath=True)
def _read(data: Any) -> Any:
    total = np.int64(0)
    for i in range(len(data)):
        total += data[i]
    return total


def flops() -> float:
    """float32 operations a second, two for an FMA, on all cores."""
    _multiply(10)
    cores = os.cpu_count() or 1
    return 2 * _CHAINS * WIDTH * _STEPS * cores / _best(lambda: _multiply(_STEPS))


def bandwidth() -> float:
    """Bytes read a second, on all cores."""
    cores = os.cpu_count() or 1
    data = np.ones(_BYTES // 8, np.int64)
    _read(data[:10])
    return _BYTES * cores / _best(lambda: _read(data))


def _best(work: Callable[[], Any], repeats: int = 30) -> float:
    """Least seconds that every core takes for *work* at once."""
    found = []
    for _ in range(repeats):
        threads = [threading.Thread(target=work) for _ in range(os.cpu_count() or 1)]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found.append(time.perf_counter() - began)
    return min(found)
