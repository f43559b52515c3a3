"""What a layout decides: where each picture goes, and what else stands beside the pictures."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..selection.result import SelectedSource

Finish = Callable[[Path, dict[str, list[Path]], dict[str, list[Path]]], None]
"""Called at the end with the output folder and, by source folder, all pictures and those of chosen frames."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One way of laying out pictures."""

    name: str
    context: int
    """Frames on either side that go along with a chosen one, unless told otherwise."""
    path: "Callable[[str, SelectedSource, int, str], Path]"
    """Path of a picture below the output folder, from the folder name of its source (unique), the source, the
    frame index and the suffix."""
    min_gap: int | None = None
    """Least distance in frames of two chosen ones of a video, unless told otherwise."""
    finish: Finish = lambda *_: None


def digits(n_frames: int) -> int:
    """Digits to which DeepLabCut pads frame indices of a video: ``ceil(log10(n_frames))``."""
    return math.ceil(math.log10(n_frames))
