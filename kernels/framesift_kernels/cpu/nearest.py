"""The k nearest rows of another matrix, kept up to date while both are gone through in blocks."""

import numpy as np

from .. import U64, Rows


def nearest(x: Rows, y: Rows, first_x: int, first_y: int, keys_x: U64, keys_y: U64) -> None:
    """Take all pairs of a row of *x* and one of *y* into account.

    Parameters
    ----------
    x : (n, d) uint8, float16 or float32, C-contiguous
    y : (m, d) uint8, float16 or float32, C-contiguous
    first_x, first_y : int
        Numbers of ``x[0]`` and ``y[0]``; the last numbers are below 2**32.
    keys_x : (n, k) uint64, C-contiguous
        INOUT. The k lowest keys of the pairs of each row of *x* so far. The key of a pair is the bits of its squared
        distance, a float32, times 2**32, plus the number of the row of *y*: keys are ordered by distance, equal
        distances by number. All ones where there is none yet. A row is a heap, the largest first: sort it in the end.
    keys_y : (m, k) uint64, C-contiguous, or (0, k)
        INOUT. The same for each row of *y*, with the numbers of the rows of *x*; or not wanted. Both are to be had
        for the price of one, because ``|x - y|**2`` is ``|y - x|**2`` to the last bit.

    Notes
    -----
    Distances are chains of FMAs, as in `assign`. So the k lowest keys do not depend on blocks or on their order.
    O(n m d); scratch: half a megabyte.
    """
    from ._nearest import lower_keys, scratch
    from ._rows import bits

    halves_x, halves_y = (keys.view(np.float32) for keys in (keys_x, keys_y))
    lower_keys(bits(x), bits(y), first_x, first_y, keys_x, keys_y, halves_x, halves_y, *scratch(*x.shape))
