"""How good a selection is: one code for ours and every peer, in features that none of them selects by.

Distances are Euclidean, between rows of a (n_frames, d) array of features, one row a frame of the video.
"""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

_CELLS = (4, 6)
_BINS = 8
_BLOCK = 4096


def distance_to_nearest(features: F32, picks: npt.ArrayLike) -> F32:
    """(n_frames,) distance of every frame to its nearest pick; picks are frame indices."""
    chosen = np.unique(np.asarray(picks, np.int64))
    if not len(chosen):
        return np.full(len(features), np.inf, np.float32)
    centers = features[chosen].astype(np.float64)
    norms = np.square(centers).sum(axis=1)
    found = np.empty(len(features), np.float32)
    for start in range(0, len(features), _BLOCK):
        rows = features[start : start + _BLOCK].astype(np.float64)
        squares = np.square(rows).sum(axis=1)[:, None] + norms - 2 * rows @ centers.T
        found[start : start + _BLOCK] = np.sqrt(np.maximum(squares.min(axis=1), 0))
    found[chosen] = 0
    return found


def k_center(features: F32, n: int) -> I64:
    """Greedy k-center in plain NumPy: the row nearest the mean, then always the row farthest from those chosen."""
    rows = features.astype(np.float64)
    norms = np.einsum("ij,ij->i", rows, rows)

    def squares(center: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return norms + center @ center - 2 * (rows @ center)

    chosen = [int(squares(rows.mean(axis=0)).argmin())]
    nearest = np.full(len(rows), np.inf)
    while len(chosen) < min(n, len(rows)):
        nearest = np.minimum(nearest, squares(rows[chosen[-1]]))
        chosen.append(int(nearest.argmax()))
    return np.array(chosen, np.int64)


def radius(features: F32, picks: npt.ArrayLike) -> float:
    """Coverage radius: the largest distance from any frame to its nearest pick. Lower is better."""
    return float(distance_to_nearest(features, picks).max(initial=0))


def mean_distance(features: F32, picks: npt.ArrayLike) -> float:
    """Mean distance from every frame to its nearest pick. Lower is better."""
    return float(distance_to_nearest(features, picks).mean())


def pick_distances(features: F32, picks: npt.ArrayLike) -> dict[str, float]:
    """Distances between all pairs of distinct picks: least, 10th percentile, mean, 90th percentile, largest.

    The five figures of LightlyOne's documentation ("L2 Distance", Extract Diverse Video Frames). Higher is more
    diverse. NaN where there are fewer than two picks.
    """
    chosen = features[np.unique(np.asarray(picks, np.int64))].astype(np.float64)
    if len(chosen) < 2:
        return dict.fromkeys(("least", "p10", "mean", "p90", "largest"), float("nan"))
    pairs = np.concatenate(
        [np.sqrt(np.square(chosen[at + 1 :] - row).sum(axis=1)) for at, row in enumerate(chosen[:-1])]
    )
    low, high = np.percentile(pairs, (10, 90))
    return {
        "least": float(pairs.min()),
        "p10": float(low),
        "mean": float(pairs.mean()),
        "p90": float(high),
        "largest": float(pairs.max()),
    }


def scenes_found(scenes: npt.ArrayLike, picks: npt.ArrayLike) -> tuple[int, int]:
    """Known scenes with a pick in them, and how many there are; (n_frames,) labels, -1 for frames of none."""
    labels = np.asarray(scenes, np.int64)
    found = set(labels[np.asarray(picks, np.int64)].tolist()) - {-1}
    return len(found), len(set(labels.tolist()) - {-1})


def temporal_spread(n_frames: int, picks: npt.ArrayLike) -> dict[str, float]:
    """Least gap between picks and the longest stretch without one, both over what even spacing leaves, n_frames/n.

    Evenly spaced picks have 1 and 1 (the ends count half); neighbouring frames have a least gap near 0.
    """
    chosen = np.unique(np.asarray(picks, np.int64))
    if not len(chosen):
        return {"least gap": float("nan"), "longest gap": float("nan")}
    even = n_frames / len(chosen)
    gaps = [b - a for a, b in pairwise(chosen.tolist())]
    ends = [2 * (int(chosen[0]) + 0.5), 2 * (n_frames - int(chosen[-1]) - 0.5)]
    return {
        "least gap": min(gaps) / even if gaps else float("nan"),
        "longest gap": max([*gaps, *ends]) / even,
    }


def judge(features: F32, picks: npt.ArrayLike, scenes: npt.ArrayLike | None = None) -> dict[str, float]:
    """All of the above for one selection, by flat names; scenes only where they are known."""
    chosen = np.unique(np.asarray(picks, np.int64))
    distances = distance_to_nearest(features, chosen)
    found: dict[str, float] = {
        "n_distinct": len(chosen),
        "radius": float(distances.max(initial=0)),
        "mean_distance": float(distances.mean()),
        **{f"picks_{name}": value for name, value in pick_distances(features, chosen).items()},
        **{name.replace(" ", "_"): value for name, value in temporal_spread(len(features), chosen).items()},
    }
    if scenes is not None:
        found["scenes_found"], found["n_scenes"] = scenes_found(scenes, chosen)
    return found


def inertia(x: F32, centers: F32) -> float:
    """Sum of squared distances from every row to its nearest centre, in float64. Lower is better."""
    wide = centers.astype(np.float64)
    norms = np.square(wide).sum(axis=1)
    total = 0.0
    for start in range(0, len(x), _BLOCK):
        rows = x[start : start + _BLOCK].astype(np.float64)
        squares = np.square(rows).sum(axis=1)[:, None] + norms - 2 * rows @ wide.T
        total += float(np.maximum(squares.min(axis=1), 0).sum())
    return total


def features_of(path: Path) -> F32:
    """(n_frames, d) features of a video that no method here selects by: where edges point, and colour.

    Of each frame at 96x64 pixels, as swscale's area filter makes it: histograms of gradient orientation (8 unsigned
    bins, weighted by magnitude) over 4x6 cells, normalised over the frame (Dalal and Triggs 2005, one block), and
    mean chroma of each cell. Pixels as they are enter none of it, unlike the thumbnails that k-means is run on.
    Cached beside the clips.
    """
    import av

    from .clips import CACHE

    stat = path.stat()
    cached = CACHE / f"features-{path.stem}-{stat.st_size}-{stat.st_mtime_ns}.npy"
    if cached.exists():
        loaded: F32 = np.load(cached)
        return loaded
    rows = []
    with av.open(str(path)) as container:
        stream: Any = container.streams.best("video")
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            small: Any = frame
            rows.append(_describe(small.reformat(96, 64, "yuv444p", interpolation="AREA").to_ndarray()))
    found = np.stack(rows)
    CACHE.mkdir(parents=True, exist_ok=True)
    partial = cached.with_suffix(".partial.npy")
    np.save(partial, found)
    partial.replace(cached)
    return found


def _describe(planes: npt.NDArray[np.uint8]) -> F32:
    """(d,) features of (3, 64, 96) luma and chroma."""
    luma, u, v = planes.astype(np.float32)
    dy, dx = np.gradient(luma)
    bins = (np.arctan2(dy, dx) % np.pi / np.pi * _BINS).astype(np.int64) % _BINS
    down, across = _CELLS
    cell = np.add.outer(np.arange(64) * down // 64 * across, np.arange(96) * across // 96)
    n_cells = down * across
    histogram = np.bincount(
        (cell * _BINS + bins).ravel(), np.hypot(dx, dy).ravel(), minlength=n_cells * _BINS
    )
    histogram /= np.sqrt(np.square(histogram).sum()) + 1e-3 * luma.size
    area = luma.size / n_cells
    chroma = [np.bincount(cell.ravel(), plane.ravel() - 128, n_cells) / area / 64 for plane in (u, v)]
    described: F32 = np.concatenate([histogram, *chroma]).astype(np.float32)
    return described
