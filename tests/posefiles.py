"""Files as DeepLabCut, Lightning Pose and SLEAP write them, for tests."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

SCORER = "DLC_resnet50_testJan1shuffle1_100"


def frame(xyl: np.ndarray, individuals: list[str], keypoints: list[str], first: int = 0) -> pd.DataFrame:
    """A DataFrame of predictions (n, m, k, 3)."""
    names, levels = [[SCORER], keypoints, ["x", "y", "likelihood"]], ["scorer", "bodyparts", "coords"]
    if individuals != [""]:
        names.insert(1, individuals)
        levels.insert(1, "individuals")
    columns = pd.MultiIndex.from_product(names, names=levels)
    return pd.DataFrame(xyl.reshape(len(xyl), -1), columns=columns, index=np.arange(first, first + len(xyl)))


def write_slp(
    path: Path, rows: list[tuple[int, int, int, float, list[tuple[float, float, float]]]], **options: Any
) -> Path:
    """A project of (frame, kind, track, score, points) instances, kind 0 of a user, 1 predicted; of one video."""
    tracks, nodes = options.get("tracks", ["a", "b"]), options.get("nodes", ["head", "tail"])
    from_predicted = options.get("from_predicted", {})
    videos = options.get("videos", ["clip.mp4"])
    frames_type = [("frame_id", "<u8"), ("video", "<u4"), ("frame_idx", "<u8")]
    frames_type += [("instance_id_start", "<u8"), ("instance_id_end", "<u8")]
    instance_type = [
        ("instance_id", "<i8"),
        ("instance_type", "u1"),
        ("frame_id", "<u8"),
        ("skeleton", "<u4"),
    ]
    instance_type += [("track", "<i4"), ("from_predicted", "<i8"), ("score", "<f4")]
    instance_type += [("point_id_start", "<u8"), ("point_id_end", "<u8"), ("tracking_score", "<f4")]
    point_type = [("x", "<f8"), ("y", "<f8"), ("visible", "?"), ("complete", "?")]
    frames, instances, points, predicted = [], [], [], []
    rows = sorted(rows, key=lambda row: row[0])
    for index in dict.fromkeys(row[0] for row in rows):
        start = len(instances)
        for number, kind, track, score, xys in rows:
            if number == index:
                table = predicted if kind else points
                first = len(table)
                table += [(x, y, True, True, s) if kind else (x, y, True, True) for x, y, s in xys]
                at = len(instances)
                instances.append(
                    (at, kind, len(frames), 0, track, from_predicted.get(at, -1), score, first, len(table), 0)
                )
        frames.append((len(frames), 0, index, start, len(instances)))
    metadata = {
        "version": "2.0.0",
        "skeletons": [{"nodes": [{"id": i} for i in range(len(nodes))], "links": [], "graph": {"name": "s"}}],
        "nodes": [{"name": name, "weight": 1.0} for name in nodes],
        "videos": [], "tracks": [], "suggestions": [], "negative_anchors": {}, "provenance": {},
    }  # fmt: skip
    with h5py.File(path, "w") as file:
        group = file.create_group("metadata")
        group.attrs["format_id"] = options.get("format_id", 1.2)
        group.attrs["json"] = np.bytes_(json.dumps(metadata))
        videos_json = [
            np.bytes_(json.dumps({"backend": {"filename": v, "shape": options.get("shape")}})) for v in videos
        ]
        file["videos_json"] = videos_json
        file["tracks_json"] = [np.bytes_(json.dumps([0, t])) for t in tracks] if tracks else np.empty(0)
        file["suggestions_json"] = np.empty(0)
        file["frames"] = np.array(frames, frames_type)
        file["instances"] = np.array(instances, instance_type)
        file["points"] = np.array(points, point_type)
        file["pred_points"] = np.array(predicted, [*point_type, ("score", "<f8")])
    return path
