"""Where values change."""

from typing import Any

import numpy.typing as npt

from .. import I64
from ._compile import transfers
from ._runs import along


def rle_value_changes(values: npt.NDArray[Any], start: int, back: int) -> I64:
    """List the i from *start* on at which ``values[i] != values[i - back]``.

    Parameters
    ----------
    values : (n,) integers, C-contiguous
        Here or on the GPU.
    start : int
        At least *back*.
    back : int

    Returns
    -------
    (m,) int64, increasing
        A NumPy array.

    Notes
    -----
    Written for GPUs, run in Numba's simulator, never on a GPU so far.
    """
    with transfers() as arrays:
        return along(arrays, arrays.read(values), start, back, False)
