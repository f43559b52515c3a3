"""What is said of an export, checked before anything is decoded: without NumPy, which takes its time to import."""

import os
import tempfile
from pathlib import Path

from ..cores import count_threads
from ..errors import UsageError
from ..files import disk_errors
from ..positions import parse_crop, whole
from ..remote.address import is_uri
from .deeplabcut import DEEPLABCUT
from .images import IMAGES
from .lightning_pose import LIGHTNING_POSE

LAYOUTS = {layout.name: layout for layout in (IMAGES, DEEPLABCUT, LIGHTNING_POSE)}
FORMATS = {"png": ".png", "jpeg": ".jpg"}


def check_export(
    out: str | os.PathLike[str],
    *,
    layout: str,
    context: int | None,
    image_format: str,
    picture_crop: str | tuple[int, int, int, int] | None,
    threads: int | None,
) -> None:
    """Refuse options of `export` that make no sense whatever the selection, and a folder that is not writable.

    Raises
    ------
    UsageError
        Says which.
    """
    if layout not in LAYOUTS:
        raise UsageError(f"layout must be one of {', '.join(LAYOUTS)}, got {layout!r}")
    if image_format not in FORMATS:
        raise UsageError(f"image_format must be one of {', '.join(FORMATS)}, got {image_format!r}")
    if context is not None and whole("context", context) < 0:
        raise UsageError(f"context must not be negative, got {context}")
    count_threads(threads)
    parse_crop(picture_crop)
    if is_uri(out):
        from ..remote.output import check_writable, parse_folder  # late: few write there

        check_writable(parse_folder(str(out)))
        return
    with disk_errors(Path(out)):
        Path(out).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
