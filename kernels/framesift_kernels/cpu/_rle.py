"""What the kernels on run lengths share: scratch of a thread, and where values change."""

import threading

import numpy as np

from .. import I64, U8
from ._bytes import STRETCH, WORD, count_bits, differing, differs, lowest_bit
from ._compile import kernel, pin

_CAPACITY = 2**17
_AT_ONCE = 4


class Scratch(threading.local):
    """Arrays that a thread keeps: room for the changes of most masks (1 MB), and for a few numbers."""

    def __init__(self) -> None:
        self.found = pin(np.empty(_CAPACITY, np.int64))
        self.text = pin(self.found.view(np.uint8))
        """The same memory, for characters."""
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

    Returns how many there are. Unless *found* has room for `WORD` more than that, it need not hold them all.
    """
    n, i, size, capacity = 0, start, len(data), len(found)
    while i + STRETCH <= size:
        if differs(data, i, i - back):
            for at in range(i, i + STRETCH, WORD):
                mask = differing(data, at, at - back)
                if mask != 0:
                    if n + WORD <= capacity:
                        _list_bits(mask, at, found, n)
                    n += count_bits(mask)
        i += STRETCH
    while i < size:
        if (data[i] != 0) != (data[i - back] != 0):
            if n < capacity:
                found[n] = i
            n += 1
        i += 1
    return n


@kernel
def _list_bits(mask: np.uint64, first: int, found: I64, n: int) -> None:
    """Write first + i for each bit i of *mask* to *found*, from n on: at most WORD numbers, some of no meaning.

    A few at a time whether there are so many or not, since how many bits a word has cannot be foreseen, and a
    wrong guess of the processor's costs more than the numbers.
    """
    stop = n + count_bits(mask)
    while n < stop:
        for i in range(_AT_ONCE):
            found[n + i] = first + lowest_bit(mask)
            mask = mask & (mask - np.uint64(1))
        n += _AT_ONCE
