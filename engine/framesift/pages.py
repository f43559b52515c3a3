"""Large arrays in pages of their own, which go back to the system as soon as they are not needed.

glibc's malloc does not give them back: once a block of a megabyte has been freed it takes blocks up to that size out of its
heaps, of which each thread has one, and which stay as large as they ever were (mallopt(3), ``M_MMAP_THRESHOLD``). Threads
that allocate and free chunks of thumbnails by turns thus hold several times what they use.
"""

import math
import mmap
from typing import Any

import numpy as np
import numpy.typing as npt

_LEAST_BYTES = 1 << 17
"""Below this malloc does as well."""
_PRIVATE: dict[str, Any] = (  # a fork must not share them
    {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
)


def zeros(shape: int | tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """What ``numpy.zeros(shape, np.uint8)`` is; memory is taken as its pages are touched."""
    n = shape if isinstance(shape, int) else math.prod(shape)
    if n < _LEAST_BYTES:
        return np.zeros(shape, np.uint8)
    return np.frombuffer(mmap.mmap(-1, n, **_PRIVATE), np.uint8).reshape(shape)
