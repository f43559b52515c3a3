"""Rows to the GPU."""

from typing import Any, cast

import numpy as np

from .. import Rows
from ._compile import as_device_array, is_on_device, transfers


def put(x: Any) -> Rows:
    """Give rows as the kernels of this device read them fastest: on the GPU, where they stay.

    Parameters
    ----------
    x : (n, d) uint8, float16 or float32, C-contiguous
        A NumPy array is copied; an array on the GPU (CuPy's, or of any library with ``__cuda_array_interface__``)
        is used where it lies.
    """
    if is_on_device(x):
        return cast(Rows, as_device_array(x))
    with transfers() as arrays:
        return cast(Rows, arrays.read(np.ascontiguousarray(x)))
