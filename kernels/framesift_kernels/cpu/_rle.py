"""What the kernels on run lengths share: scratch of a thread, and where values change."""

import threading

import numpy as np

from .. import I64, U8
from ._bytes import STRETCH, WORD, differing, differs, lowest_bit
from ._compile import kernel, pin

_CAPACITY = 2**15


class Scratch(threading.local):
    """Arrays that a thread keeps: room for the changes of most masks, and for a few numbers."""

    def __init__(self) -> None:
        self.found = pin(np.empty(_CAPACITY, np.int64))
        self.numbers = pin(np.zeros(4, np.int64))


scratch = Scratch()


@kernel
def changes(
    data: U8,  # IN   (n,)
    start: int,
    back: int,
    found: I64,  # OUT  (capacity,)
) -> int:
    """List the i from *start* on at which ``data[i] != 0`` is not what ``data[i - back] != 0`` is.

    Returns how many there are; those that *found* has no room for are counted only.
    """
    n, i, size, capacity = 0, start, len(data), len(found)
    while i + STRETCH <= size:
        if differs(data, i, i - back):
            for at in range(i, i + STRETCH, WORD):
                mask = differing(data, at, at - back)
                while mask != 0:
                    if n < capacity:
                        found[n] = at + lowest_bit(mask)
                    n += 1
                    mask = mask & (mask - np.uint64(1))
        i += STRETCH
    while i < size:
        if (data[i] != 0) != (data[i - back] != 0):
            if n < capacity:
                found[n] = i
            n += 1
        i += 1
    return n
