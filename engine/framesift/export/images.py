"""Layout ``images``: one folder of pictures, for people to look at."""

from pathlib import Path
from typing import TYPE_CHECKING

from .layout import Layout

if TYPE_CHECKING:
    from ..selection.result import SelectedSource


def _path(folder: str, source: "SelectedSource", index: int, suffix: str) -> Path:
    return Path("frames", f"{folder}_{index:08d}{suffix}")


IMAGES = Layout(name="images", context=0, path=_path)
