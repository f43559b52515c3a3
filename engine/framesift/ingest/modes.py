"""What a decode mode comes to for one video: shortcuts of the decoder, and keyframes looked at beforehand."""

import threading
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..measure import View
from ..source_store import Chunk

_LOWRES = 2
"""A quarter of the size; half of it is no faster than all of it."""
_LEAST_REDUCTION = 10
"""Pixels of a picture to one of its thumbnail from which on a quarter of the size will do for the thumbnail."""
_RETAINED_BYTES = 64 << 20

Frames = range | npt.NDArray[np.int64]
"""Frame index of each row, increasing."""


def shortcuts_for(codec: str, view: View) -> tuple[dict[str, str], View]:
    """Decoder options for thumbnails within half a grey level, and the view of the frames that come out.

    The error of a shortcut must not pass from frame to frame: so the loop filter is left out on frames that no
    other is predicted from, and lower resolution is for pictures that stand alone. Empty where there is none.
    """
    if codec in ("h264", "hevc"):
        return {"skip_loop_filter": "noref"}, view
    if codec == "mjpeg":
        reduced = _reduced(view)
        if reduced is not None:
            return {"lowres": str(_LOWRES)}, reduced
    return {}, view


def _reduced(view: View) -> View | None:
    x1, x2, y1, y2 = view.region
    height, width = view.shape if view.rotation % 180 == 0 else view.shape[::-1]
    if x2 - x1 < _LEAST_REDUCTION * width or y2 - y1 < _LEAST_REDUCTION * height:
        return None
    unit = 1 << _LOWRES
    if x1 % unit or y1 % unit or (x2 % unit and x2 < view.width) or (y2 % unit and y2 < view.height):
        return None
    region = (x1 // unit, -(-x2 // unit), y1 // unit, -(-y2 // unit))
    return view._replace(width=-(-view.width // unit), height=-(-view.height // unit), region=region)


def row_of(frames: Frames, index: int) -> int:
    """How many rows stand before that of frame *index*, which need not have one."""
    if isinstance(frames, range):
        return min(max(0, -(-(index - frames.start) // frames.step)), len(frames))
    return int(np.searchsorted(frames, index))


def wanted(given: npt.NDArray[np.int64], window: range) -> Frames:
    """Those of the frames *given* that lie in *window*, every step-th of them."""
    inside = given[(given >= window.start) & (given < window.stop)][:: window.step]
    return window if np.array_equal(inside, window) else inside


class Measured(NamedTuple):
    """All that is kept of a frame."""

    thumbnail: npt.NDArray[np.uint8]
    chroma: npt.NDArray[np.uint8] | None
    sharpness: float
    content_hash: int
    flags: int


@dataclass(slots=True, eq=False, repr=False)
class Keyframes:
    """Keyframes measured before it is known which row is theirs: at most 64 MB of thumbnails."""

    _measured: dict[int, Measured] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @staticmethod
    def fit(n: int, shape: tuple[int, int], *, color: bool = False) -> bool:
        """So many thumbnails may be kept."""
        return n * shape[0] * shape[1] * (3 if color else 1) <= _RETAINED_BYTES

    def __contains__(self, frame: int) -> bool:
        return frame in self._measured

    def keep(self, frame: int, measured: Measured) -> None:
        """Remember what was measured of one frame."""
        with self._lock:
            self._measured[frame] = measured

    def put(self, frame: int, chunk: Chunk, at: int) -> None:
        """Write what was measured of *frame* into a row."""
        found = self._measured.pop(frame)
        chunk.thumbnails[at], chunk.flags[at] = found.thumbnail, found.flags
        chunk.sharpness[at], chunk.content_hash[at] = found.sharpness, found.content_hash
        if chunk.chroma is not None and found.chroma is not None:
            chunk.chroma[at] = found.chroma

    def distances(self) -> npt.NDArray[np.int64]:
        """(n - 1,) sums of squared differences between the thumbnails of neighbours."""
        pictures = (self._measured[frame].thumbnail.astype(np.int64) for frame in sorted(self._measured))
        return np.array([np.square(b - a).sum() for a, b in pairwise(pictures)], np.int64)
