"""Projects of Lightning Pose's newer app: the queue of frames to label, and uploads of frames into a project.

::

    project.yaml                               view_names, keypoint_names
    CollectedData[_<view>].csv                 labels; three lines of names where there are none yet
    CollectedData[_<view>].unlabeled.jsonl     a line for each frame to label, in the same order in every view
"""

import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import SourceError, UsageError
from ..files import write_atomically
from ..ingest.images import UNREADABLE, open_image, open_images
from ..predictions.labels import read_labels
from ..sources import Source

SCORER = "lightning_tracker"
_FRAME = re.compile(r"([A-Za-z_-]+)(\d+)\.(png|jpg)")
_TABLE = "selected_frames.csv"
_MAX_TABLE_BYTES = 16 << 20
_MAX_YAML_BYTES = 16 << 20

Points = Mapping[str, tuple[float, float]]
"""x and y by name of the keypoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LightningProject:
    """What a ``project.yaml`` says."""

    folder: Path
    views: tuple[str, ...]
    keypoints: tuple[str, ...]

    def view_of(self, folder: str) -> str:
        """The view that a folder of ``labeled-data`` shows: the last part of its name; empty where there is one view."""
        last = folder.rsplit("_", 1)[-1]
        return last if last in self.views else ""

    def labels(self, view: str) -> Path:
        """The table of labels of a view."""
        return self.folder / f"CollectedData{'_' + view if view else ''}.csv"

    def queue(self, view: str) -> Path:
        """The queue of a view."""
        return self.labels(view).with_suffix(".unlabeled.jsonl")


def find_project(folder: Path) -> LightningProject | None:
    """The project that *folder* is, if it is one.

    Raises
    ------
    UsageError
        Its ``project.yaml`` cannot be read.
    """
    from ..deeplabcut.config import load_yaml

    path = folder / "project.yaml"
    if not path.is_file():
        return None
    yaml = load_yaml()
    try:
        if path.stat().st_size > _MAX_YAML_BYTES:
            raise UsageError(f"{path} is too large to be a project.yaml")
        data = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        names = [tuple(str(n) for n in data.get(key) or ()) for key in ("view_names", "keypoint_names")]
    except (OSError, ValueError, AttributeError, TypeError, yaml.YAMLError) as e:
        raise UsageError(
            f"{path} is not a project.yaml of Lightning Pose ({' '.join(str(e).split())})"
        ) from None
    return LightningProject(folder=folder, views=names[0], keypoints=names[1])


def enqueue(
    project: LightningProject,
    frames: Mapping[str, list[Path]],
    predictions: Mapping[str, Points] | None = None,
    model: str = "",
    written_ms: int = 0,
) -> int:
    """Add frames to the queues of a project, behind those that wait there; those that are labelled are left out.

    Of a frame that waits without predictions these are added.

    Parameters
    ----------
    project
        From `find_project`.
    frames
        By folder of ``labeled-data``, the pictures to label.
    predictions
        By path of the picture (``labeled-data/…``), what *model* thinks, to begin from.
    model, written_ms
        Its name, and when it thought so, in milliseconds since 1970.

    Returns
    -------
    int
        How many were added.
    """
    added = 0
    for view in dict.fromkeys(project.view_of(folder) for folder in sorted(frames)):
        _begin_labels(project, view)
        lines = _waiting(project.queue(view))
        known = {line["frame_path"] for line in lines} | _labelled(project.labels(view))
        for folder in sorted(frames):
            if project.view_of(folder) != view:
                continue
            for path in sorted(frames[folder]):
                name = f"labeled-data/{folder}/{path.name}"
                guess = _guess((predictions or {}).get(name), model, written_ms)
                if name not in known:
                    lines.append({"frame_path": name, "predictions": guess})
                    added += 1
                elif guess is not None:
                    for line in lines:
                        if line["frame_path"] == name and line.get("predictions") is None:
                            line["predictions"] = guess
        text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
        write_atomically(project.queue(view), lambda file, text=text: file.write(text.encode()))  # type: ignore[misc]
    return added


def _guess(points: Points | None, model: str, written_ms: int) -> dict[str, Any] | None:
    if points is None:
        return None
    listed = [{"keypoint_name": name, "x": round(x, 3), "y": round(y, 3)} for name, (x, y) in points.items()]
    return {"model_name": model, "date_time": written_ms, "predictions": listed}


def _begin_labels(project: LightningProject, view: str) -> None:
    """An empty table of labels, where there is none and the keypoints are known."""
    path = project.labels(view)
    if path.exists() or not project.keypoints:
        return
    rows = [
        ["scorer", *[SCORER] * (2 * len(project.keypoints))],
        ["bodyparts", *[name for name in project.keypoints for _ in "xy"]],
        ["coords", *"xy" * len(project.keypoints)],
    ]
    text = "".join(",".join(row) + "\n" for row in rows)
    write_atomically(path, lambda file: file.write(text.encode()))


def _labelled(path: Path) -> set[str]:
    return set(read_labels(path).files) if path.exists() else set()


def _waiting(path: Path) -> list[dict[str, Any]]:
    """Lines of a queue.

    Raises
    ------
    SourceError
        One is none.
    """
    if not path.exists():
        return []
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        if not all(isinstance(line["frame_path"], str) for line in lines):
            raise ValueError("frame_path is no text")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as e:
        raise SourceError(f"{path} is not a queue of Lightning Pose ({e})") from None
    return lines


# Uploads ----------------------------------------------------------------------------------------------------------


def import_zip(path: Path, folder: Path) -> list[Path]:
    """Put the frames of a zip that someone made by hand into ``labeled-data/<zip's name>``.

    The zip holds, flat, ``img<8 digits>.png`` (or ``.jpg``), with context frames or without, and
    ``selected_frames.csv``, the names of those to label. All of it is checked before anything is written: names,
    sizes, that each is an image, all of one size, and that every selected frame is there. Nothing is written outside
    the folder, whatever the names in the zip.

    Parameters
    ----------
    path
        The zip; its name is that of the video.
    folder
        The project, or a folder to begin one in.

    Returns
    -------
    list of Path
        The frames to label. In a project of the newer app (``project.yaml``) they are in its queue.

    Raises
    ------
    SourceError
        It is not such a zip, or a picture is there already that is another.
    """
    chosen = _read_table(path)
    target = folder / "labeled-data" / path.stem
    digits: set[int] = set()
    sizes: set[tuple[int, int]] = set()
    with open_images(Source(kind="zip", path=path, name=path.stem)) as images:
        for at, name in enumerate(images.names):
            match = _FRAME.fullmatch(name)
            if match is None:
                raise SourceError(
                    f"{path}: {name!r} is no name of a frame; expected img00000143.png, and no folders"
                )
            digits.add(len(match[2]))
            try:
                data = images.read(at)
                sizes.add(open_image(data).size)
            except UNREADABLE as e:
                raise SourceError(f"{path}: {name}: {e}") from None
            if (target / name).exists() and (target / name).read_bytes() != data:
                raise SourceError(
                    f"{target / name} is there already, and is another picture than the one in {path}"
                )
        if len(digits) > 1 or len(sizes) > 1:
            what = (
                f"numbers of {sorted(digits)} digits"
                if len(digits) > 1
                else f"pictures of {len(sizes)} sizes"
            )
            raise SourceError(f"{path} holds {what}; they must be of one")
        missing = sorted(set(chosen) - set(images.names))
        if missing:
            raise SourceError(f"{path}: {_TABLE} names {missing[0]!r}, which is not in the zip")
        for at, name in enumerate(images.names):
            data = images.read(at)
            write_atomically(target / name, lambda file, data=data: file.write(data))  # type: ignore[misc]
    table = "".join(f"{name}\n" for name in sorted({*chosen, *names_in(target / _TABLE)}))
    write_atomically(target / _TABLE, lambda file: file.write(table.encode()))
    paths = [target / name for name in chosen]
    project = find_project(folder)
    if project is not None:
        enqueue(project, {path.stem: paths})
    return paths


def _read_table(path: Path) -> list[str]:
    """Frames to label of a zip. Without a table all of them."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if _TABLE not in names:
                chosen = [name for name in names if _FRAME.fullmatch(name)]
                return sorted(chosen)
            if archive.getinfo(_TABLE).file_size > _MAX_TABLE_BYTES:
                raise SourceError(f"{path}: {_TABLE} is too large")
            text = archive.read(_TABLE).decode("utf-8-sig")
    except FileNotFoundError:
        raise SourceError(f"{path} does not exist") from None
    except (OSError, zipfile.BadZipFile, UnicodeDecodeError, RuntimeError) as e:
        raise SourceError(f"{path} is not a zip that can be opened ({e})") from None
    chosen = _lines(text)
    if not chosen:
        raise SourceError(f"{path}: {_TABLE} names no frame")
    for name in chosen:
        if not _FRAME.fullmatch(name):
            raise SourceError(
                f"{path}: {_TABLE} has {name[:60]!r}, which is no name of a frame (img00000143.png)"
            )
    return sorted(set(chosen))


def names_in(path: Path) -> list[str]:
    """Frames of a ``selected_frames.csv``; none where there is no such file."""
    return _lines(path.read_text(encoding="utf-8-sig")) if path.is_file() else []


def _lines(text: str) -> list[str]:
    return [line.strip().strip('"') for line in text.splitlines() if line.strip()]
