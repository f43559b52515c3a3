"""Pictures of evenly spaced or random frames, kept from the index to the export, so that they are decoded once.

They lie in the store, which is a temporary one wherever only such frames are indexed, as (h, w, 3) uint8 arrays.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..files import remove_tree
from ..measure import View
from ..store import Store
from .options import Even, IndexOptions
from .window import even_frames

_MAX_BYTES = 128 << 20
"""Of a source; the pictures of a longer list, or of larger frames, are decoded again."""


class Kept:
    """The pictures of one source that are kept."""

    def __init__(self, store: Store, source_id: str) -> None:
        self._folder = store.path / "kept" / source_id

    def _path(self, frame: int) -> Path:
        return self._folder / f"{frame}.npy"

    def clear(self) -> None:
        """Forget all: frames may be numbered anew."""
        remove_tree(self._folder)

    def put(self, frame: int, picture: npt.NDArray[np.uint8]) -> None:
        """Keep the picture of a frame."""
        self._folder.mkdir(parents=True, exist_ok=True)
        np.save(self._path(frame), picture)

    def __contains__(self, frame: int) -> bool:
        return self._path(frame).exists()

    def get(self, frame: int) -> npt.NDArray[np.uint8]:
        """The picture of a frame that is among them."""
        picture: npt.NDArray[np.uint8] = np.load(self._path(frame))
        return picture


def frames_to_keep(options: IndexOptions, window: range, view: View) -> frozenset[int]:
    """The frames of *window* that will be exported if nothing is wrong with them."""
    even = options.even
    if even is None or min(even.n, len(window)) * view.width * view.height * 3 > _MAX_BYTES:
        return frozenset()
    if even.around if isinstance(even, Even) else even.more:
        return frozenset()
    return frozenset(even_frames(even, window).tolist())
