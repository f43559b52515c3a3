"""Lists of the chosen pictures for labelling tools."""

import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from PIL import Image

from ..errors import NothingUsableError, UsageError
from ..files import write_atomically, write_json
from ..selection.result import SelectedFrame, Selection, read_selection

LABEL_STUDIO_PREFIX = "/data/local-files/?d="


@dataclass(frozen=True, slots=True, kw_only=True)
class _Picture:
    frame: SelectedFrame
    file: str
    """Relative to the folder of the pictures, with slashes."""
    width: int
    height: int


def write_lists(
    selection: Selection | str | os.PathLike[str],
    formats: Iterable[str],
    *,
    folder: str | os.PathLike[str] | None = None,
    categories: Sequence[str] = (),
    prefix: str = LABEL_STUDIO_PREFIX,
) -> list[Path]:
    """Write lists of the chosen pictures beside them, for labelling tools to import.

    Parameters
    ----------
    selection
        A selection that was exported, or the path of its ``selection.json``.
    formats
        ``"label-studio"``: ``label-studio.json``, a task a picture. ``"coco"``: ``coco.json``, images and categories
        without annotations. ``"yolo"``: ``yolo.txt``, a path a line, and ``yolo.yaml``, the data set that it makes.
        ``"cvat"``: ``manifest.jsonl``.
    folder
        Where the pictures lie; that of ``selection.json`` by default.
    categories
        Names of what will be labelled, for COCO (numbered from 1) and YOLO (from 0).
    prefix
        What Label Studio is to find the pictures by, before their paths; its local file storage by default, whose
        document root is then *folder*.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    UsageError
        A format is unknown, or no folder is given.
    NothingUsableError
        None of the pictures is there.
    """
    formats = list(dict.fromkeys(formats))
    unknown = [name for name in formats if name not in _FORMATS]
    if unknown or not formats:
        raise UsageError(f"formats must be of {', '.join(_FORMATS)}, got {', '.join(unknown) or 'none'}")
    if folder is None:
        if isinstance(selection, Selection):
            raise UsageError("folder must be given where the selection is no file")
        folder = Path(selection).parent
    chosen = selection if isinstance(selection, Selection) else read_selection(selection)
    folder = Path(folder)
    pictures = _pictures(chosen, folder)
    written = []
    for name in formats:
        written += _FORMATS[name](chosen, pictures, folder, list(categories), prefix)
    return written


def _pictures(selection: Selection, folder: Path) -> list[_Picture]:
    from ..report.storage import picture_path

    found = []
    for frame in selection.frames:
        path = picture_path(folder, frame)
        if path is None or frame.file is None:
            continue
        try:
            with Image.open(path, formats=("PNG", "JPEG")) as picture:
                width, height = picture.size
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            continue
        name = PurePosixPath(*Path(frame.file).parts).as_posix()
        found.append(_Picture(frame=frame, file=name, width=width, height=height))
    if not found:
        raise NothingUsableError(f"none of the {len(selection)} pictures of the selection is in {folder}")
    return found


def _label_studio(
    selection: Selection, pictures: list[_Picture], folder: Path, categories: list[str], prefix: str
) -> list[Path]:
    tasks = [
        {
            "id": number,
            "data": {"image": prefix + quote(p.file), **_called(selection, p.frame)},
            "meta": _origin(selection, p.frame),
        }
        for number, p in enumerate(pictures, 1)
    ]
    write_json(folder / "label-studio.json", tasks)
    return [folder / "label-studio.json"]


def _called(selection: Selection, frame: SelectedFrame) -> dict[str, str]:
    """What LightlyOne calls a frame of a video, as in its own tasks."""
    from ..lightly.names import frame_of_source

    name = frame_of_source(selection, frame)
    return {} if name is None else {"lightlyFileName": name}


def _origin(selection: Selection, frame: SelectedFrame) -> dict[str, Any]:
    from ..selection.result import _text

    return {
        "source": _text(selection.sources[frame.source].name),
        "frame_index": frame.index,
        "time_s": frame.time_s,
    }


def _coco(
    selection: Selection, pictures: list[_Picture], folder: Path, categories: list[str], prefix: str
) -> list[Path]:
    from .. import __version__

    images = [
        {
            "id": number,
            "file_name": p.file,
            "width": p.width,
            "height": p.height,
            **_origin(selection, p.frame),
        }
        for number, p in enumerate(pictures, 1)
    ]
    whole = {
        "info": {"description": f"chosen by framesift {__version__}"},
        "licenses": [],
        "images": images,
        "annotations": [],
        "categories": [{"id": n, "name": name} for n, name in enumerate(categories, 1)],
    }
    write_json(folder / "coco.json", whole)
    return [folder / "coco.json"]


def _yolo(
    selection: Selection, pictures: list[_Picture], folder: Path, categories: list[str], prefix: str
) -> list[Path]:
    names = [f"  {n}: {json.dumps(name)}" for n, name in enumerate(categories)]
    write_lines(folder / "yolo.txt", [f"./{p.file}" for p in pictures])
    text = ["train: yolo.txt", "val: yolo.txt", *(["names:", *names] if names else ["names: {}"])]
    write_lines(folder / "yolo.yaml", text)
    return [folder / "yolo.txt", folder / "yolo.yaml"]


def _cvat(
    selection: Selection, pictures: list[_Picture], folder: Path, categories: list[str], prefix: str
) -> list[Path]:
    lines: list[dict[str, Any]] = [{"version": "1.1"}, {"type": "images"}]
    for p in pictures:
        stem, dot, extension = p.file.rpartition(".")
        related: dict[str, list[str]] = {"related_images": []}
        lines.append(
            {
                "name": stem,
                "extension": dot + extension,
                "width": p.width,
                "height": p.height,
                "meta": related,
            }
        )
    write_lines(folder / "manifest.jsonl", [json.dumps(line, separators=(",", ":")) for line in lines])
    return [folder / "manifest.jsonl"]


def write_lines(path: Path, lines: list[str]) -> None:
    """Write lines of text; names that are no UTF-8 stay the bytes that they are, and a line that a name holds is none."""
    lines = [line.replace("\n", "%0A").replace("\r", "%0D") for line in lines]
    write_atomically(path, lambda file: file.write(os.fsencode("".join(f"{line}\n" for line in lines))))


_FORMATS: dict[str, Callable[[Selection, list[_Picture], Path, list[str], str], list[Path]]] = {
    "label-studio": _label_studio,
    "coco": _coco,
    "yolo": _yolo,
    "cvat": _cvat,
}
