"""Rows from the GPU."""

from typing import Any, cast

from .. import Rows
from ._compile import as_device_array, is_on_device, to_host


def get(x: Any) -> Rows:
    """Give rows as a NumPy array.

    Parameters
    ----------
    x : (n, d) uint8, float16 or float32
        Here or on the GPU.
    """
    return cast(Rows, to_host(as_device_array(x)) if is_on_device(x) else x)
