"""Layout ``deeplabcut``: ``labeled-data/<video>/img0042.png``, as ``deeplabcut.extract_frames`` writes it."""

from pathlib import Path
from typing import TYPE_CHECKING

from .layout import Layout, digits

if TYPE_CHECKING:
    from ..selection.result import SelectedSource


def _path(folder: str, source: "SelectedSource", index: int, suffix: str) -> Path:
    return Path("labeled-data", folder, f"img{str(index).zfill(digits(source.n_frames))}{suffix}")


DEEPLABCUT = Layout(name="deeplabcut", context=0, path=_path)
