"""Rows from the memory of the device: here already."""

from typing import Any, cast

from .. import Rows


def get(x: Any) -> Rows:
    """Give rows as a NumPy array.

    Parameters
    ----------
    x : (n, d) uint8, float16 or float32
    """
    return cast(Rows, x)
