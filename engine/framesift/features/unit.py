"""Rows of unit length, and rows that cannot have it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from framesift_kernels import F32

from ..errors import UsageError

_ROWS = 4096


def unit_rows(x: npt.NDArray[Any]) -> F32:
    """(n, d) float32 rows divided by their lengths, which are float64; zeros stay."""
    unit = np.empty(x.shape, np.float32)
    for start in range(0, len(x), _ROWS):
        wide = x[start : start + _ROWS].astype(np.float64)
        largest = np.abs(wide).max(axis=1, keepdims=True, initial=0)
        wide /= np.where(largest > 0, largest, 1)  # so that squares neither overflow nor vanish
        length = np.sqrt(np.einsum("ij,ij->i", wide, wide))[:, None]
        unit[start : start + _ROWS] = wide / np.where(length > 0, length, 1)
    return unit


def check_rows(x: npt.NDArray[Any], what: str, name: Callable[[int], str], *, zeros: bool) -> None:
    """Refuse rows that are not finite, and unless *zeros* those that have no direction.

    Parameters
    ----------
    x : (n, d) numbers
    what
        What an error calls the vectors.
    name
        What it calls a row.

    Raises
    ------
    UsageError
        With the first such row.
    """
    finite = np.isfinite(x).all(axis=1)
    if not finite.all():
        at = int(np.argmin(finite))
        raise UsageError(
            f"{what}: the vector of {name(at)} holds NaN or infinity; leave such frames out, or mend it"
        )
    if not zeros and not (some := x.any(axis=1)).all():
        at = int(np.argmin(some))
        raise UsageError(
            f"{what}: the vector of {name(at)} is zero and cannot be brought to unit length; mend it, or take the "
            "vectors as they are (normalize=False, --raw-vectors)"
        )
