"""The k nearest rows of another matrix, kept up to date while both are gone through in blocks."""

from .. import U64, Rows
from ._compile import transfers
from ._heaps import lower_keys


def nearest(x: Rows, y: Rows, first_x: int, first_y: int, keys_x: U64, keys_y: U64) -> None:
    """Take all pairs of a row of *x* and one of *y* into account: the keys of `framesift_kernels.cpu.nearest`.

    Parameters
    ----------
    x : (n, d) uint8, float16 or float32, C-contiguous
    y : (m, d) uint8, float16 or float32, C-contiguous
    first_x, first_y : int
        Numbers of ``x[0]`` and ``y[0]``; the last numbers are below 2**32.
    keys_x : (n, k) uint64, C-contiguous
        INOUT. The k lowest keys of the pairs of each row of *x* so far. The key of a pair is the bits of its squared
        distance, a float32, times 2**32, plus the number of the row of *y*. All ones where there is none yet. A row
        is a heap, the largest first, in an order of its own: sort it in the end.
    keys_y : (m, k) uint64, C-contiguous, or (0, k)
        INOUT. The same for each row of *y*, with the numbers of the rows of *x*; or not wanted. Here every pair is
        compared again for them: blocks that share heaps would have to wait for each other.

    All here or on the GPU.

    Notes
    -----
    Written for GPUs, run in Numba's simulator, never on a GPU so far. The tiles of `assign`. Where *x* has too few rows
    to keep the GPU busy, *y* is divided: scratch is 8 k bytes for each of some ten thousand rows.
    """
    if not (len(x) and len(y) and keys_x.shape[1]):
        return
    with transfers() as arrays:
        some, others = arrays.read(x), arrays.read(y)
        lower_keys(some, others, first_y, arrays.change(keys_x))
        if len(keys_y):
            lower_keys(others, some, first_x, arrays.change(keys_y))
