"""Suite ``places``: whether frames are chosen wherever the animals are, by whole thumbnails and by what stands out."""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import framesift

from . import clips
from .workers import together

Row = dict[str, Any]
Places = npt.NDArray[Any]
_DATA = Path(os.environ.get("FRAMESIFT_DATA") or Path(__file__).parents[2] / "shared" / "data")
_CLIPS = {
    "clip.mp4": "clip.2node.slp",
    "m3v1mp4.mp4": "m3v1mp4DLC_resnet50_openfieldAug20shuffle1_30000.h5",
}
_PICKS = {"tiny": (10,), "small": (20,), "full": (10, 20, 50)}
_SEEDS = {"tiny": 1, "small": 3, "full": 20}


def run(size: str) -> tuple[list[Row], list[Row]]:
    """Raw measurements, and a row for each clip, number of frames and way of choosing.

    Judged by labels or predictions of the animals, which no way of choosing looks at. ``mean`` and ``radius`` are the mean
    and the largest distance, in pixels of the video, of a frame's animals (the middle of each, the mean over them) to
    where the chosen frame that shows them most alike has them. Methods that draw at random are the mean of some seeds.
    """
    works = {video.name: partial(_clip, video, places, size) for video, places in _material(size)}
    measured: list[Row] = [row for _, found in together(works) for row in found]
    rows = [{**row, "mean": np.mean(row["mean"]), "radius": np.mean(row["radius"])} for row in measured]
    return measured, rows


def _clip(video: Path, places: Places, size: str) -> list[Row]:
    with framesift.index(video) as index:
        return [_judge(index, places, n, way, _SEEDS[size]) for n in _PICKS[size] for way in _WAYS]


def _material(size: str) -> list[tuple[Path, Places]]:
    """Clips and where the animals are, (frames, animals, 2): a made one, and real ones that are there."""
    found = [_field(160, 128, 120) if size == "tiny" else _field(640, 480, 900)]
    for name, predictions in _CLIPS.items() if size != "tiny" else ():
        video, poses = _DATA / "videos" / name, _DATA / "predictions" / predictions
        if video.exists() and poses.exists():
            found.append((video, np.nanmean(framesift.predictions.read(poses).xy, axis=2)))
    return found


def _field(width: int, height: int, n_frames: int) -> tuple[Path, Places]:
    """An animal of six pixels that mostly sits in a corner, under a lamp that flickers, with sensor noise; cached."""
    rng = np.random.default_rng(0)
    places = np.array([width / 5, height / 5]) + rng.normal(0, 3, (n_frames, 2))
    for start in range(0, n_frames - 4, n_frames // 12):  # now and then it goes elsewhere
        places[start : start + 4] = rng.integers(8, (width - 8, height - 8))

    def pictures() -> Iterator[npt.NDArray[np.uint8]]:
        still = clips._texture(rng, width, height)
        for number, ((x, y), noise) in enumerate(
            zip(places, clips._sensor(rng, width, height), strict=False)
        ):
            picture = still + noise + round(12 * np.sin(number))
            picture[int(y) - 3 : int(y) + 3, int(x) - 3 : int(x) + 3] += 80
            yield np.clip(picture, 16, 235).astype(np.uint8)

    path = clips.CACHE / f"field-{width}x{height}-{n_frames}.mp4"
    return clips._encoded(path, pictures(), width, height, clips._H264, 60), places[:, None]


_WAYS: dict[str, Any] = {
    "uniform": {"method": "uniform"},
    **{
        f"{method}{', foreground' * foreground}": {"method": method, "foreground": foreground}
        for method in ("kmeans", "coverage", "coreset")
        for foreground in (False, True)
    },
}


def _judge(index: framesift.Index, places: Places, n: int, way: str, seeds: int) -> Row:
    seeded = _WAYS[way]["method"] == "kmeans"
    chosen = [framesift.select(index, n, seed=s, **_WAYS[way]) for s in range(seeds if seeded else 1)]
    apart = [_apart(places, each.indices()) for each in chosen]
    return {
        "clip": Path(index.records[0].uri).name,
        "n": n,
        "method": way,
        "mean": [float(a.mean()) for a in apart],
        "radius": [float(a.max()) for a in apart],
    }


def _apart(places: Places, chosen: list[int]) -> npt.NDArray[Any]:
    """Of each frame, to the nearest of the chosen; two animals may be either."""
    found = np.full(len(places), np.inf)
    for frame in chosen:
        for order in (slice(None), slice(None, None, -1)):
            distance = np.linalg.norm(places - places[frame][order], axis=2).mean(axis=1)
            found = np.fmin(found, distance)
    return found
