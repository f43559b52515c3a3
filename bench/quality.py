"""Suite ``quality``: how well the frames chosen stand for all, by every method and by the procedures of pose tools."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import exp, log
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

import framesift

from . import clips
from .metrics import distance_to_nearest, k_center
from .peers import pose
from .record import journal
from .results import Settings, by
from .workers import together

Row = dict[str, Any]
F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
_PICKS = {"tiny": (5,), "small": (20,), "full": (20, 50)}
_SEEDS = {"tiny": 1, "small": 2, "full": 10}
_CLIPS = (
    "m3v1mp4.mp4",
    "clip.mp4",
    "centered_pair_small.mp4",
    "test_vid.mp4",
    "nasa_13013.mp4",
    "small_robot.mp4",
)
"""The longest first: one core has the others meanwhile."""
_GREY_SIDE, _EDGE_SIDE, _EDGE_CELLS = 32, 64, 16


@dataclass(frozen=True, slots=True)
class _Clip:
    """A clip, decoded: what is judged by, and what the pose tools look at."""

    path: Path
    features: dict[str, F32]
    deeplabcut: Any
    lightning: Any


def measure(settings: Settings) -> list[Row]:
    """Of every clip and number of frames each way of choosing, judged; by the mean of some seeds where it has one.

    Nothing is timed, so that every core has a clip.
    """
    measured = journal()
    for _, found in together(
        {path.name: partial(_clip, path, settings.size) for path in _material(settings.size)}
    ):
        measured += found
    return measured


def _clip(path: Path, size: str) -> list[Row]:
    clip = _decode(path)
    with framesift.index(path) as index, threadpool_limits(1):
        return [row for n in _PICKS[size] for row in _judge(clip, index, n, _SEEDS[size])]


def rows(measurements: list[Row]) -> list[Row]:
    """A row for each way of choosing, clip and number of frames; geometric means come last.

    Judged in features that none of the methods looks at: ``grey``, the means of the luma plane over 32 x 32 fields
    (ours sees 64 pixels' longer side, in the picture's shape), and ``edges``, the strength of horizontal and vertical
    edges over 16 x 16 fields. ``radius`` is the largest distance of a frame to the nearest chosen one, ``mean`` the
    mean distance, both over those of greedy k-center of the same features, which starts at the frame nearest their
    mean. ``spread`` is the share of n equal parts of the video that a chosen frame lies in. Methods that draw at random
    are the mean of some seeds.
    """
    shown = [_shown(row) for row in measurements if "method" in row]
    if len({row["clip"] for row in shown}) > 1:
        shown += [_mean(found) for found in by(shown, "method", "n").values()]
    return shown


def _material(size: str) -> list[Path]:
    folder = os.environ.get("FRAMESIFT_DATA")
    real = [Path(folder, "videos", name) for name in _CLIPS] if folder and size != "tiny" else []
    there = [path for path in real if path.exists()]
    return there or [clips.noisy(320, 180, 120)]


# What is looked at ------------------------------------------------------------------------------------------------


def _decode(path: Path) -> _Clip:
    grey, edges, deeplabcut, lightning = [], [], [], []
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams.best("video")):
            small: Any = frame  # of 16 bits: what differs between frames may be less than a grey level
            shape = (_EDGE_SIDE, _EDGE_SIDE, "gray16le")
            luma = small.reformat(*shape, interpolation="AREA").to_ndarray() / 257
            grey.append(_fields(luma, _GREY_SIDE, _GREY_SIDE).ravel())
            edges.append(_edges(luma))
            rgb = frame.to_ndarray(format="rgb24")
            deeplabcut.append(pose.deeplabcut_picture(rgb))
            lightning.append(pose.lightning_picture(rgb))
    features = {"grey": np.array(grey, np.float32), "edges": np.array(edges, np.float32)}
    return _Clip(path, features, np.array(deeplabcut), np.array(lightning))


def _fields(plane: Any, rows: int, columns: int) -> Any:
    """Means over fields as equal as whole pixels allow."""
    sums = plane.astype(np.float64)
    for axis, parts in enumerate((rows, columns)):
        bounds = np.arange(parts + 1) * sums.shape[axis] // parts
        sums = np.add.reduceat(sums, bounds[:-1], axis=axis) / np.diff(bounds).reshape(
            (-1, 1) if axis == 0 else (1, -1)
        )
    return sums


def _edges(small: Any) -> Any:
    down, right = np.abs(np.diff(small, axis=0)), np.abs(np.diff(small, axis=1))
    return np.concatenate([_fields(e, _EDGE_CELLS, _EDGE_CELLS).ravel() for e in (down, right)])


# Choosing ---------------------------------------------------------------------------------------------------------


def _judge(clip: _Clip, index: framesift.Index, n: int, seeds: int) -> list[Row]:
    reference = {kind: distance_to_nearest(x, k_center(x, n)) for kind, x in clip.features.items()}
    rows = []
    for method, choose, seeded in _ways(clip, index, n):
        found = []
        for seed in range(seeds if seeded else 1):
            chosen = np.asarray(choose(seed), np.int64)
            judged: Row = {"chosen": len(chosen), "spread": _spread(chosen, len(clip.deeplabcut), n)}
            for kind, x in clip.features.items():
                distances = distance_to_nearest(x, chosen)
                judged[f"radius {kind}"] = float(distances.max() / reference[kind].max())
                judged[f"mean {kind}"] = float(distances.mean() / reference[kind].mean())
            found.append(judged)
        means = {key: float(np.mean([row[key] for row in found])) for key in found[0]}
        rows.append({"clip": clip.path.name, "n": n, "method": method, **means, "seeds": found})
    return rows


def _ways(clip: _Clip, index: framesift.Index, n: int) -> list[tuple[str, Callable[[int], Any], bool]]:
    """Name, what chooses by a seed, whether the seed matters."""

    def ours(method: str, order: int = 4, min_gap: str | None = None) -> Callable[[int], Any]:
        return lambda seed: framesift.select(
            index, n, method=method, order=order, seed=seed, min_gap=min_gap, at_most=True
        ).indices()

    return [
        *((f"coverage, order {p}", ours("coverage", p), False) for p in (2, 4, 8)),
        ("kmeans", ours("kmeans"), True),
        ("kmeans, min-gap 0", ours("kmeans", min_gap="0"), True),
        ("coreset", ours("coreset"), False),
        ("motion-kmeans", ours("motion-kmeans"), True),
        ("uniform", ours("uniform"), False),
        ("random", ours("random"), True),
        ("DeepLabCut", lambda seed: pose.deeplabcut(clip.deeplabcut, n, seed), True),
        ("Lightning Pose", lambda seed: np.unique(pose.lightning_pose(clip.lightning, n, seed)), True),
    ]


def _spread(chosen: I64, n_frames: int, n: int) -> float:
    return len(np.unique(chosen * n // n_frames)) / n


# The table --------------------------------------------------------------------------------------------------------

_COLUMNS = ("radius grey", "mean grey", "radius edges", "mean edges", "spread")


def _shown(row: Row) -> Row:
    names = {name: row[name] for name in ("clip", "n", "method")}
    return {**names, "frames": round(row["chosen"]), **{name: row[name] for name in _COLUMNS}}


def _mean(rows: list[Row]) -> Row:
    means = {name: exp(sum(log(max(row[name], 1e-9)) for row in rows) / len(rows)) for name in _COLUMNS}
    return {**rows[0], "clip": "geometric mean", "frames": "", **means}
