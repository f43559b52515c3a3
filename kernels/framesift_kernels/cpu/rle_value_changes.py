"""Where values change."""

from typing import Any

import numpy as np
import numpy.typing as npt

from .. import I64


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
    from ._rle import value_changes

    changes: I64 = value_changes(values, values.view(np.uint8), start, back)
    return changes
