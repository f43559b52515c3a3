"""When frames are shown, and which frame a position stands for."""

from fractions import Fraction

import numpy as np
import numpy.typing as npt

from .positions import Position


def times_s(pts: npt.NDArray[np.int64], time_base: Fraction) -> npt.NDArray[np.float64]:
    """Seconds from the first frame at which each frame starts."""
    return (pts - pts[0]) * float(time_base) if len(pts) else pts.astype(np.float64)


def resolve(position: Position, times: npt.NDArray[np.float64], *, end: bool) -> int:
    """Frame index of *position* in a video whose frames start at *times* (from the first frame).

    A range ``[start, stop)`` keeps a frame when it starts in it: fractions are rounded outwards (floor for a
    start, ceil for a stop, as in DeepLabCut), times to the first frame at or after them.
    """
    n = len(times)
    if position.unit == "frame":
        found = int(position.value)
    elif position.unit == "fraction":
        exact = position.value * n
        found = int(np.ceil(exact - 1e-9) if end else np.floor(exact + 1e-9))
    else:
        found = int(np.searchsorted(times, position.value - 1e-9))
    return min(found, n)
