"""What all frames would take as pictures, against what the video and the chosen pictures take."""

import io
from pathlib import Path
from typing import Any

from PIL import Image

from ..selection.result import SelectedFrame, Selection
from .sets import spread

_MOST_PICTURES = 24
_MOST_PIXELS = 1 << 26
_PNG_LEVEL, _JPEG_QUALITY = 3, 95
"""Those of the export."""


def estimate_storage(selection: Selection, folder: Path) -> dict[str, Any]:
    """Estimate the bytes of all frames as PNG and as JPEG from at most 24 of the pictures written.

    The pictures are spread evenly over the selection. What a sampled picture takes a pixel counts for all frames of
    its source; a source of which none was sampled takes the mean.

    Returns
    -------
    dict
        ``video_bytes``, ``written_bytes`` and ``n_written`` as counted; ``png_bytes``, ``jpeg_bytes`` of
        ``n_frames`` frames, estimated from ``n_sampled`` pictures (None from none); ``png_ratio``, ``jpeg_ratio``:
        (pictures and video) / video.
    """
    files = [(frame, path) for frame in selection.frames if (path := picture_path(folder, frame)) is not None]
    per_pixel: dict[int, list[tuple[float, float]]] = {}
    n_sampled = 0
    for at in spread(len(files), _MOST_PICTURES):
        frame, path = files[at]
        sizes = _sizes(path)
        if sizes is not None:
            n_sampled += 1
            per_pixel.setdefault(frame.source, []).append(sizes)
    video = sum(source.n_bytes for source in selection.sources)
    totals = [_total(selection, per_pixel, kind) for kind in (0, 1)] if n_sampled else [None, None]
    ratios = [None if t is None or not video else round((t + video) / video, 2) for t in totals]
    return {
        "video_bytes": video,
        "n_frames": sum(source.n_frames for source in selection.sources),
        "png_bytes": totals[0],
        "jpeg_bytes": totals[1],
        "png_ratio": ratios[0],
        "jpeg_ratio": ratios[1],
        "n_sampled": n_sampled,
        "written_bytes": sum(path.stat().st_size for _, path in files),
        "n_written": len(files),
    }


def picture_path(folder: Path, frame: SelectedFrame) -> Path | None:
    """The picture written of *frame*, if there is one, and it lies below *folder*: a stranger may have named it."""
    if frame.file is None or "\0" in frame.file:
        return None
    path = folder / frame.file
    return path if path.resolve().is_relative_to(folder.resolve()) and path.is_file() else None


def open_picture(path: Path) -> Image.Image | None:
    """The picture at *path* in RGB, or None where it is none of ours: no PNG or JPEG, or too large."""
    try:
        with Image.open(path, formats=("PNG", "JPEG")) as picture:
            if picture.width * picture.height > _MOST_PIXELS:
                return None
            return picture.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _sizes(path: Path) -> tuple[float, float] | None:
    """Bytes a pixel as PNG and as JPEG; what is written already is taken as it is."""
    picture = open_picture(path)
    if picture is None:
        return None
    n_pixels, written = picture.width * picture.height, path.stat().st_size
    is_png = path.suffix.lower() == ".png"
    png = written if is_png else _encoded(picture, "PNG", compress_level=_PNG_LEVEL)
    jpeg = _encoded(picture, "JPEG", quality=_JPEG_QUALITY, subsampling=0) if is_png else written
    return png / n_pixels, jpeg / n_pixels


def _encoded(picture: Image.Image, name: str, **options: int) -> int:
    file = io.BytesIO()
    picture.save(file, name, **options)
    return file.tell()


def _total(selection: Selection, per_pixel: dict[int, list[tuple[float, float]]], kind: int) -> int:
    known = {at: sum(pair[kind] for pair in pairs) / len(pairs) for at, pairs in per_pixel.items()}
    mean = sum(known.values()) / len(known)
    return round(
        sum(known.get(at, mean) * s.width * s.height * s.n_frames for at, s in enumerate(selection.sources))
    )
