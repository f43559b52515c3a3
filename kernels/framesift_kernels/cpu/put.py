"""Rows to the memory of the device: here already."""

from typing import Any, cast

import numpy as np

from .. import Rows


def put(x: Any) -> Rows:
    """Give rows as the kernels of this device read them fastest.

    Parameters
    ----------
    x : (n, d) uint8, float16 or float32
    """
    return cast(Rows, np.ascontiguousarray(x))
