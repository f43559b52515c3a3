"""Rows of different lengths, end to end, and where each begins and ends."""

from typing import Any

import numpy as np
import numpy.typing as npt

from framesift_kernels import I64


def offsets_of(sizes: npt.NDArray[Any]) -> I64:
    """(n + 1,) where each of n begins and ends."""
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])


def spans(starts: I64, sizes: npt.NDArray[Any]) -> I64:
    """All numbers of the ranges that begin at *starts* and have *sizes*."""
    ends = np.cumsum(sizes, dtype=np.int64)
    total = int(ends[-1]) if len(ends) else 0
    found: I64 = np.arange(total) + np.repeat(starts - (ends - sizes), sizes)
    return found
