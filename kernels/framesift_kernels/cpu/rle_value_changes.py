"""Where values change."""

from typing import Any

import numpy as np
import numpy.typing as npt

from .. import I64, U8
from ._bytes import STRETCH, differs
from ._compile import native
from ._rle import scratch


def rle_value_changes(values: npt.NDArray[Any], start: int, back: int) -> I64:
    """List the i from *start* on at which ``values[i] != values[i - back]``.

    Parameters
    ----------
    values : (n,) integers, C-contiguous
    start : int
        At least *back*.
    back : int

    Returns
    -------
    (m,) int64, increasing
    """
    found, numbers = scratch.found, scratch.numbers
    _value_changes(values, values.view(np.uint8), start, back, found, numbers)
    n = int(numbers[0])
    if n <= len(found):
        return np.array(found[:n])
    larger = np.empty(n, np.int64)
    _value_changes(values, values.view(np.uint8), start, back, larger, numbers)
    return larger


@native
def _value_changes(
    values: npt.NDArray[Any],  # IN   (n,)
    data: U8,  # IN   the same in bytes
    start: int,
    back: int,
    found: I64,  # OUT  (capacity,)
    numbers: I64,  # OUT  (1,): changes; those that *found* has no room for are counted only
) -> None:
    n, i, size, capacity = 0, start, len(values), len(found)
    width = len(data) // max(1, size)
    step = STRETCH // width
    while i < size:
        stop = min(i + step, size)
        if i + step > size or differs(data, i * width, (i - back) * width):
            for at in range(i, stop):
                if values[at] != values[at - back]:
                    if n < capacity:
                        found[n] = at
                    n += 1
        i = stop
    numbers[0] = n
