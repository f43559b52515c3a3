"""Chosen frames as suggestions in a SLEAP project (``.slp``), a new one or one that is there.

Format as of ``sleap_io/io/slp.py``: rows of JSON in ``/suggestions_json``, ``{"video": "0", "frame_idx": 50,
"group": 1}``, the number of the video as a text.
"""

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UsageError
from ..files import disk_errors
from ..predictions.hdf5 import has, load_h5py, member, open_hdf5, read_texts
from ..predictions.limits import faults_of
from ..predictions.sleap import base_name, labelled_frames, read_metadata, read_videos
from ..selection.result import SelectedSource, Selection

_POINT = [("x", "<f8"), ("y", "<f8"), ("visible", "?"), ("complete", "?")]
_TABLES: dict[str, list[tuple[str, str]]] = {
    "frames": [
        ("frame_id", "<u8"),
        ("video", "<u4"),
        ("frame_idx", "<u8"),
        ("instance_id_start", "<u8"),
        ("instance_id_end", "<u8"),
    ],
    "instances": [
        ("instance_id", "<i8"),
        ("instance_type", "u1"),
        ("frame_id", "<u8"),
        ("skeleton", "<u4"),
        ("track", "<i4"),
        ("from_predicted", "<i8"),
        ("score", "<f4"),
        ("point_id_start", "<u8"),
        ("point_id_end", "<u8"),
        ("tracking_score", "<f4"),
    ],
    "points": _POINT,
    "pred_points": [*_POINT, ("score", "<f8")],
}
_FORMAT = 1.2


def write_suggestions(selection: Selection, path: str | os.PathLike[str]) -> int:
    """Add the chosen frames to the suggestions of a project; make the project if it is not there.

    Frames that a user has labelled, and those that are suggested already, are not added. Videos are those of the
    project of the same path, else of the same file name; others are added to it. All else stays as it is, and the
    file changes whole or not at all.

    Parameters
    ----------
    selection
        From `select`, `outliers` or `read_selection`; of videos.
    path
        A ``.slp``.

    Returns
    -------
    int
        How many were added.

    Raises
    ------
    UsageError
        A source is no video, or h5py is not installed.
    SourceError
        The file is no project, or of a format that is not known.
    """
    path = Path(path)
    if path.suffix.lower() != ".slp":
        raise UsageError(f"suggestions go to a .slp, got {path}")
    for source in selection.sources:
        if source.kind != "video":
            raise UsageError(f"SLEAP suggestions are frames of videos, and {source.uri} is none")
    h5py = load_h5py()
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:40]}.", suffix=".partial", dir=path.parent)
        os.close(handle)
    temporary = Path(name)
    try:
        labelled: dict[int, set[int]] = {}
        with disk_errors(path):
            if path.exists():
                shutil.copyfile(path, temporary)
                shutil.copymode(path, temporary)
        with faults_of(path, "a SLEAP project"):
            if path.exists():
                labelled = labelled_frames(path)
            else:
                _make(h5py, temporary)
            with h5py.File(temporary, "r+") as file:
                added = _add(file, selection, labelled)
        with disk_errors(path):
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return added


def _make(h5py: Any, path: Path) -> None:
    metadata = {
        "version": "2.0.0",
        "skeletons": [],
        "nodes": [],
        "videos": [],
        "tracks": [],
        "suggestions": [],
        "negative_anchors": {},
        "provenance": {},
    }
    with h5py.File(path, "w") as file:
        group = file.create_group("metadata")
        group.attrs["format_id"] = _FORMAT
        group.attrs["json"] = np.bytes_(json.dumps(metadata, separators=(",", ":")))
        for name in ("videos_json", "tracks_json", "suggestions_json"):
            file.create_dataset(name, data=np.empty(0), maxshape=(None,))
        for name, columns in _TABLES.items():
            file.create_dataset(name, data=np.empty(0, columns), maxshape=(None,))


def _add(file: Any, selection: Selection, labelled: dict[int, set[int]]) -> int:
    read_metadata(file)
    numbers = _videos(file, selection.sources)
    rows = read_texts(file, "suggestions_json") if has(file, "suggestions_json") else []
    known = {(int(row["video"]), int(row["frame_idx"])) for row in map(json.loads, rows)}
    known |= {(video, frame) for video, frames in labelled.items() for frame in frames}
    added = 0
    for frame in selection.frames:
        place = numbers[frame.source], frame.index
        if place not in known:
            known.add(place)
            group = 0 if frame.cluster is None else frame.cluster
            rows.append(json.dumps({"video": str(place[0]), "frame_idx": place[1], "group": group}))
            added += 1
    _replace(file, "suggestions_json", rows)
    return added


def _videos(file: Any, sources: list[SelectedSource]) -> list[int]:
    """Number of each source among the videos of the project, to which those that are not there are added."""
    videos = read_videos(file)
    rows = read_texts(file, "videos_json")
    paths = [video.filename for video in videos]
    numbers = []
    for source in sources:
        name = base_name(source.uri)
        hits = [i for i, path in enumerate(paths) if path == source.uri]
        hits = hits or [i for i, path in enumerate(paths) if base_name(path) == name]
        if len(hits) > 1:
            raise UsageError(
                f"the project has {len(hits)} videos named {name}; which one {source.uri} is cannot be told"
            )
        if not hits:
            hits = [len(paths)]
            paths.append(source.uri)
            rows.append(json.dumps(_video(source)))
        numbers.append(hits[0])
    _replace(file, "videos_json", rows)
    return numbers


def _video(source: SelectedSource) -> dict[str, Any]:
    backend = {
        "type": "MediaVideo",
        "shape": [source.n_frames, source.height, source.width, 3],
        "filename": source.uri,
        "grayscale": False,
        "bgr": True,
        "dataset": "",
        "input_format": "",
    }
    return {"filename": source.uri, "backend": backend}


def _replace(file: Any, name: str, rows: list[str]) -> None:
    if has(file, name):
        member(file, name)  # which must not be a link
        del file[name]
    data = np.array([row.encode() for row in rows]) if rows else np.empty(0)
    file.create_dataset(name, data=data, maxshape=(None,))


def suggested_or_labelled(path: Path) -> dict[str, set[int]]:
    """Frames of a project that a user labelled or that are suggested, by file name of the video."""
    found: dict[str, set[int]] = {}
    with faults_of(path, "a SLEAP project"):
        frames = labelled_frames(path)
        with open_hdf5(path) as file:
            videos = [base_name(video.filename) for video in read_videos(file)]
            rows = read_texts(file, "suggestions_json") if has(file, "suggestions_json") else []
        for row in map(json.loads, rows):
            frames.setdefault(int(row["video"]), set()).add(int(row["frame_idx"]))
        for video, indices in frames.items():
            found.setdefault(videos[video], set()).update(indices)
    return found
