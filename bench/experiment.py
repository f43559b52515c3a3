"""The experiment of "Extract Diverse Video Frames" in LightlyOne's documentation (https://docs.lightly.ai), on a video of
our own: 99 of 475 frames, evenly spaced, at random and by k-center; and what all frames would take as pictures."""

from pathlib import Path
from typing import Any

import numpy as np

import framesift
import framesift_kernels
from framesift.features.framewise import frame_vectors

from . import clips, metrics

Row = dict[str, Any]

_KEYS = {
    "L2 Distance (Mean)": "mean",
    "L2 Distance (Min)": "least",
    "L2 Distance (Max)": "largest",
    "L2 Distance (10th Percentile)": "p10",
    "L2 Distance (90th Percentile)": "p90",
}
DOCUMENT = {
    "original dataset": (475, 1.2620, 0.0000, 1.9835, 0.5851, 1.8490),
    "after ffmpeg": (99, 1.2793, 0.0000, 1.9693, 0.5891, 1.8526),
    "after random": (99, 1.2746, 0.0586, 1.9704, 0.5994, 1.8525),
    "after coreset": (99, 1.3711, 0.2353, 1.9470, 0.8690, 1.7822),
}
"""Its first table: number of samples, then the distances in the order of `_KEYS`."""
DOCUMENT_STORAGE = {"dump": 447.0, "jpeg": 14.0, "video": 6.4}
"""Its second table, and the note below it, in megabytes."""
_OURS = {
    "original dataset": None,
    "after ffmpeg": "uniform",
    "after random": "random",
    "after coreset": "coreset",
}
_SIZES = {"tiny": (60, 12, 320, 180), "small": (475, 99, 1280, 720), "full": (475, 99, 1280, 720)}
"""Frames, frames chosen, width and height."""
DISTANCES, STORAGE = "distances", "dumps"


def clip(size: str) -> Path:
    """The video: pans, cuts, and stretches in which nothing moves, so that frames repeat."""
    n_frames, _, width, height = _SIZES[size]
    return clips.tour(width, height, n_frames)


def measure(size: str) -> list[Row]:
    """Distances between the frames of each choice: Euclidean, of 128 principal components of unit length."""
    _, n, _, _ = _SIZES[size]
    found: list[Row] = []
    with framesift.index(clip(size)) as index:
        vectors, _ = frame_vectors(index, "pca", framesift_kernels.load("cpu"))
        x = np.asarray(vectors.in_memory)
        for name, method in _OURS.items():
            picks = np.arange(len(x))
            if method is not None:
                chosen = framesift.select(index, n, method=method, vectors="pca", keep_duplicates=True)
                picks = np.array(chosen.indices(0))
            found.append({"experiment": name, "n": len(picks), **metrics.pick_distances(x, picks)})
    return found


def rows(measurements: list[Row], sizes: dict[str, int]) -> list[Row]:
    """The document's two tables, with ours beside them; *sizes* are bytes of the video and of what stands for it."""
    found = {row["experiment"]: row for row in measurements if "experiment" in row}
    if not found:
        return []
    return [*_distances(found), *_storage(sizes)]


def _distances(found: dict[str, Row]) -> list[Row]:
    table: list[Row] = []
    for at, (metric, key) in enumerate({"Number of Samples": "n", **_KEYS}.items()):
        row: Row = {"table": DISTANCES, "metric": metric}
        for name, values in DOCUMENT.items():
            row[f"document: {name.removeprefix('after ')}"] = _shown(values[at])
        for name in DOCUMENT:
            row[f"ours: {name.removeprefix('after ')}"] = _shown(found[name][key])
        table.append(row)
    return table


def _shown(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.4f}"


def _storage(sizes: dict[str, int]) -> list[Row]:
    ours = {name: n_bytes / 1e6 for name, n_bytes in sizes.items()}
    document = DOCUMENT_STORAGE
    table: list[Row] = [
        _line("document, PNG", document["dump"], document["video"], 0.0),
        _line("document, JPEG", document["jpeg"], document["video"], 0.0),
    ]
    for name in ("PNG", "JPEG"):
        if name in ours:
            table.append(_line(f"ours, {name}", ours[name], ours["video"], 0.0))
            table.append(
                _line(f"ours, {name}, with the index kept", ours[name], ours["video"], ours["store"])
            )
    return table


def _line(what: str, dump: float, video: float, store: float) -> Row:
    kept = f"{video:.2f} MB" + (f" + {store:.2f} MB" if store else "")
    return {
        "table": STORAGE,
        "storage": what,
        "all frames as pictures": f"{dump:.1f} MB + {video:.2f} MB",
        "using the video": kept,
        "reduction": f"{(dump + video) / (video + store):.2f}x",
    }
