"""SLEAP's files: ``.slp`` projects and analysis HDF5."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from framesift_kernels import F32, I64

from ..errors import SourceError
from .hdf5 import has, member, open_hdf5, read_array, read_text, read_texts
from .limits import check_bytes
from .poses import Poses

USER, PREDICTED = 0, 1
_NEWEST_FORMAT = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    """A video of a project."""

    filename: str
    shape: tuple[int, ...] | None
    """Frames, height, width, channels, where the project says them."""


def read_metadata(file: Any) -> dict[str, Any]:
    """The JSON of a project.

    Raises
    ------
    SourceError
        It is of a format that is not known.
    """
    attributes = member(file, "metadata").attrs
    version = float(attributes.get("format_id", 1.0))
    if not version < _NEWEST_FORMAT:
        raise SourceError(
            f"{file.filename} has format {version:g}, which is newer than what is known (below 3)"
        )
    data = json.loads(read_text(attributes["json"]))
    if not isinstance(data, dict):
        raise ValueError("metadata that is no object")
    return data


def read_videos(file: Any) -> list[Video]:
    """The videos of a project, in their order."""
    found = []
    for text in read_texts(file, "videos_json"):
        item = json.loads(text)
        backend = item.get("backend") or {}
        name = backend.get("filename") or item.get("filename") or ""
        shape = backend.get("shape") or item.get("shape")
        name = name[0] if isinstance(name, list) and name else name
        found.append(
            Video(filename=str(name), shape=tuple(int(v) for v in shape) if isinstance(shape, list) else None)
        )
    return found


def base_name(text: str) -> str:
    """The file's name at the end of a path of any system."""
    return text.replace("\\", "/").rsplit("/", 1)[-1]


def find_video(videos: list[Video], wanted: str | int | None, path: Path) -> int:
    """Number of the video that is meant.

    Raises
    ------
    SourceError
        There is none of that name, or it takes one to tell.
    """
    names = ", ".join(video.filename for video in videos[:5])
    if wanted is None:
        if len(videos) > 1:
            raise SourceError(f"{path} has {len(videos)} videos ({names}); say which (video=)")
        return 0
    if isinstance(wanted, int):
        if not 0 <= wanted < len(videos):
            raise SourceError(f"{path} has {len(videos)} videos, there is no video {wanted}")
        return wanted
    whole = [i for i, video in enumerate(videos) if video.filename == wanted]
    hits = whole or [i for i, video in enumerate(videos) if base_name(video.filename) == base_name(wanted)]
    if len(hits) != 1:
        raise SourceError(f"{path} has {len(hits)} videos named {wanted!r} (of {names}); give a number")
    return hits[0]


def count_videos(path: Path) -> int:
    """How many videos a project has."""
    with open_hdf5(path) as file:
        return len(read_videos(file))


def node_names(metadata: dict[str, Any]) -> tuple[str, ...]:
    """Names of the nodes of the first skeleton, in the order of points."""
    names = [str(node["name"]) for node in metadata["nodes"]]
    skeletons = metadata["skeletons"]
    if not skeletons:
        return ()
    graph = skeletons[0].get("nx_graph") or skeletons[0]
    return tuple(names[int(node["id"])] for node in graph["nodes"])


def read_slp(path: Path, start: int, stop: int | None, video: str | int | None) -> Poses:
    """Predicted instances of one video; users' where they corrected one, or where the project has no others."""
    with open_hdf5(path) as file:
        metadata = read_metadata(file)
        videos = read_videos(file)
        at = find_video(videos, video, path)
        frames = read_array(file, "frames")
        frames = frames[(frames["video"] == at) & (frames["frame_idx"] >= start)]
        if stop is not None:
            frames = frames[frames["frame_idx"] < stop]
        frames = frames[np.argsort(frames["frame_idx"], kind="stable")]
        instances = read_array(file, "instances")
        tracks = [str(json.loads(text)[-1]) for text in read_texts(file, "tracks_json")]
        chosen, row = _instances_of(frames, instances)
        keypoints = node_names(metadata)
        shift = np.float32(0.5 if float(member(file, "metadata").attrs.get("format_id", 1.0)) < 1.1 else 0)
        index = np.unique(frames["frame_idx"]).astype(np.int64)
        lanes, individuals = _lanes(chosen, row, tracks)
        n, m, k = len(index), max(1, len(individuals)), len(keypoints)
        check_bytes(n * m * k * 12, path)
        xy = np.full((n, m, k, 2), np.nan, np.float32)
        likelihood = np.full((n, m, k), np.nan, np.float32)
        instance_score = np.full((n, m), np.nan, np.float32)
        predicted = chosen["instance_type"] == PREDICTED
        instance_score[row[predicted], lanes[predicted]] = chosen["score"][predicted]
        for kind, table in ((USER, "points"), (PREDICTED, "pred_points")):
            rows = np.flatnonzero(chosen["instance_type"] == kind)
            if len(rows):
                points = _points(file, table, chosen[rows], k)
                xy[row[rows], lanes[rows], :, 0] = points["x"] - shift
                xy[row[rows], lanes[rows], :, 1] = points["y"] - shift
                scores = points["score"] if kind == PREDICTED else np.float32(1)
                likelihood[row[rows], lanes[rows]] = scores
    gone = ~np.isfinite(xy).all(axis=3)
    xy[gone], likelihood[gone] = np.nan, np.nan
    shape = videos[at].shape if videos else None
    return Poses(
        frames=index,
        individuals=individuals or ("",),
        keypoints=keypoints,
        xy=xy,
        likelihood=likelihood,
        instance_score=instance_score,
        present=np.ones((m, k), bool),
        scorer="sleap",
        tool="sleap",
        path=path,
        video=base_name(videos[at].filename) if videos else None,
        n_video_frames=shape[0] if shape else None,
    )


def _instances_of(frames: npt.NDArray[Any], instances: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], I64]:
    """The instances that count, and the row of the frame of each."""
    counts = (frames["instance_id_end"] - frames["instance_id_start"]).astype(np.int64)
    if len(frames) and (counts.min() < 0 or int(frames["instance_id_end"].max()) > len(instances)):
        raise ValueError("frames with instances that are not there")
    _, row = np.unique(frames["frame_idx"], return_inverse=True)
    at = np.concatenate(
        [np.empty(0, np.int64)]
        + [
            np.arange(int(f["instance_id_start"]), int(f["instance_id_end"]), dtype=np.int64)
            for f in frames
            if f["instance_id_end"] > f["instance_id_start"]
        ]
    )
    rows = np.repeat(row, counts)
    found = instances[at]
    if not (found["instance_type"] == PREDICTED).any():
        return found, rows
    users = found["instance_type"] == USER
    corrected = np.isin(found["instance_id"], found["from_predicted"][users & (found["from_predicted"] >= 0)])
    keep = (~users & ~corrected) | (users & (found["from_predicted"] >= 0))
    return found[keep], rows[keep]


def _lanes(chosen: npt.NDArray[Any], row: I64, tracks: list[str]) -> tuple[I64, tuple[str, ...]]:
    """The individual of each instance: its track; without one, its place by score among those of its frame.

    Of two of one track in one frame the worse goes with those without a track.
    """
    track = chosen["track"].astype(np.int64)
    if len(track) and int(track.max()) >= len(tracks):
        raise ValueError("instances of tracks that are not there")
    order = np.lexsort((-chosen["score"], track, row))
    again = np.zeros(len(order), bool)
    again[1:] = (np.diff(row[order]) == 0) & (np.diff(track[order]) == 0)
    loose = track < 0
    loose[order[again]] = True
    lanes = track.copy()
    rows = np.flatnonzero(loose)
    rows = rows[np.lexsort((-chosen["score"][rows], row[rows]))]
    first = np.searchsorted(row[rows], row[rows])
    lanes[rows] = len(tracks) + np.arange(len(rows)) - first
    used = np.unique(lanes)
    names = [
        *tracks,
        *(f"untracked{i + 1}" for i in range(int(used.max()) + 1 - len(tracks) if len(used) else 0)),
    ]
    return np.searchsorted(used, lanes), tuple(names[i] for i in used)


def _points(file: Any, table: str, instances: npt.NDArray[Any], k: int) -> npt.NDArray[Any]:
    """(instances, k) points."""
    starts = instances["point_id_start"].astype(np.int64)
    if not (instances["point_id_end"].astype(np.int64) - starts == k).all():
        raise ValueError(f"instances of other than {k} points")
    points = read_array(file, table)
    if len(points) < int(starts.max()) + k or starts.min() < 0:
        raise ValueError("instances with points that are not there")
    found: npt.NDArray[Any] = points[starts[:, None] + np.arange(k)]
    return found


_CANONICAL = {
    "tracks": ("frame", "track", "node", "xy"),
    "point_scores": ("frame", "track", "node"),
    "instance_scores": ("frame", "track"),
}
_MATLAB = {
    "tracks": ("track", "xy", "node", "frame"),
    "point_scores": ("track", "node", "frame"),
    "instance_scores": ("track", "frame"),
}


def read_analysis(path: Path, start: int, stop: int | None) -> Poses:
    """Tracks of an analysis file: of SLEAP's order of axes, or of the order that the file says (sleap-io)."""
    with open_hdf5(path) as file:
        keypoints = tuple(read_texts(file, "node_names"))
        tracks = tuple(read_texts(file, "track_names")) if has(file, "track_names") else ()
        xy, first = _ordered(file, "tracks", start, stop)
        likelihood: F32 = np.full(xy.shape[:3], np.nan, np.float32)
        if has(file, "point_scores"):
            likelihood, _ = _ordered(file, "point_scores", start, stop)
        instance_score = None
        if has(file, "instance_scores"):
            instance_score, _ = _ordered(file, "instance_scores", start, stop)
        video = read_text(member(file, "video_path")[()]) if has(file, "video_path") else None
    n, m = xy.shape[:2]
    if xy.shape[2:] != (len(keypoints), 2) or likelihood.shape != xy.shape[:3]:
        raise ValueError(f"tracks of shape {xy.shape} for {len(keypoints)} nodes")
    if instance_score is not None and instance_score.shape != (n, m):
        raise ValueError(f"scores of shape {instance_score.shape} for {n} frames of {m} instances")
    gone = ~np.isfinite(xy).all(axis=3)
    xy[gone], likelihood[gone] = np.nan, np.nan
    return Poses(
        frames=np.arange(first, first + n, dtype=np.int64),
        individuals=tracks if len(tracks) == m else tuple(f"track{i + 1}" for i in range(m)),
        keypoints=keypoints,
        xy=xy,
        likelihood=likelihood,
        instance_score=instance_score,
        present=np.ones((m, len(keypoints)), bool),
        scorer="sleap",
        tool="sleap",
        path=path,
        video=base_name(video) if video else None,
    )


def _ordered(file: Any, name: str, start: int, stop: int | None) -> tuple[F32, int]:
    """Frames ``[start, stop)`` of an array, its axes as here: frame, track, node, xy; and the first frame."""
    data = member(file, name)
    if data.external or data.is_virtual:
        raise SourceError(f"{file.filename} keeps {name!r} in another file, which is not followed")
    said = data.attrs.get("dims")
    axes = _MATLAB[name] if said is None else tuple(json.loads(read_text(said)))
    if sorted(axes) != sorted(_CANONICAL[name]) or len(axes) != len(data.shape):
        raise ValueError(f"{name} of {len(data.shape)} axes {axes}")
    frame = axes.index("frame")
    n = int(data.shape[frame])
    first, last = min(start, n), n if stop is None else min(max(stop, start), n)
    check_bytes(data.size // max(1, n) * (last - first) * 12, Path(file.filename))
    cut = tuple(slice(first, last) if axis == frame else slice(None) for axis in range(len(axes)))
    array = np.asarray(data[cut], np.float32).transpose([axes.index(axis) for axis in _CANONICAL[name]])
    return np.ascontiguousarray(array), first


def labelled_frames(path: Path) -> dict[int, set[int]]:
    """Frames that a user labelled, by number of the video."""
    with open_hdf5(path) as file:
        frames, instances = read_array(file, "frames"), read_array(file, "instances")
    found: dict[int, set[int]] = {}
    for frame in frames:
        kinds = instances["instance_type"][int(frame["instance_id_start"]) : int(frame["instance_id_end"])]
        if (kinds == USER).any():
            found.setdefault(int(frame["video"]), set()).add(int(frame["frame_idx"]))
    return found
