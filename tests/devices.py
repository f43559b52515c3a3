"""Which devices the tests run on, and how much of them: no GPU, the simulator of one, or one."""

import sys
import threading

import numpy as np
from hypothesis import settings
from numba import config, cuda
from numba.np import numpy_support

SIMULATED = bool(cuda.config.ENABLE_CUDASIM)
"""Every thread of the GPU is a thread of Python then: some hundred of them a second."""
PLAIN_PYTHON = bool(config.DISABLE_JIT)
SLOW = SIMULATED or PLAIN_PYTHON


def has_cuda():
    return cuda.is_available()


def examples(n):
    """Settings of a test by hypothesis, of fewer examples where each takes long."""
    return settings(deadline=None, max_examples=min(n, 3) if SIMULATED else n)


def settle_simulator():
    """Make the simulator's threads switch soon, and give all threads of a block the same shared arrays.

    It waits for threads by looking at them. And it finds a block's shared array by the line that asks for it, but
    two threads that ask at the same time get two.
    """
    from numba.cuda.simulator import kernelapi

    sys.setswitchinterval(1e-5)
    one_at_a_time = threading.Lock()

    def array(self, shape, dtype):
        asking = sys._getframe(1)
        place = asking.f_code, asking.f_lineno
        with one_at_a_time:
            if place not in self._allocations:
                kind = dtype if not hasattr(dtype, "bitwidth") else numpy_support.as_dtype(dtype)
                self._allocations[place] = np.empty(shape, kind)
            return self._allocations[place]

    kernelapi.FakeCUDAShared.array = array
