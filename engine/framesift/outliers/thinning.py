"""Flagged frames → the few to label: far apart in time, different from one another, the worst first."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from framesift_kernels import F32, F64, I64

from ..errors import NotEnoughFramesError
from ..features.vectors import Vectors
from ..predictions.poses import Poses
from ..selection.chooser import Chooser
from ..selection.kcenter import kcenter_greedy

POOL = 5
"""Times n: so many of the worst frames are looked at for diversity."""


@dataclass(frozen=True, slots=True)
class Thinned:
    """Rows chosen, in the order of choosing, with the distance of each to the nearest before it."""

    rows: list[int]
    distances: list[float | None]


def thin(
    n: int, rank: F64, flagged: npt.NDArray[np.bool_], chooser: Chooser, vectors: F32 | Vectors | None
) -> Thinned:
    """Exactly *n* of the rows that *chooser* leaves open.

    Runs of flagged frames are cut to their worst by the gap that *chooser* keeps; of the worst 5 n that then remain
    those are taken that are farthest from one another (greedy k-center from the worst). Where fewer than n are
    flagged the next in rank follow.

    Raises
    ------
    NotEnoughFramesError
        There are fewer than n.
    """
    if chooser.capacity < n:
        raise NotEnoughFramesError(f"{n} frames were asked for, {chooser.capacity} can be had with that gap")
    order = np.lexsort((np.arange(len(rank)), -rank, ~flagged))
    pool: list[int] = []
    for row in order:
        if len(pool) >= n and (len(pool) >= POOL * n or not flagged[row]):
            break
        if chooser.open[row] and chooser.take(int(row), n):
            pool.append(int(row))
    if vectors is None or len(pool) == n:
        return Thinned(pool[:n], [None] * n)
    rows = np.sort(np.array(pool))
    found = vectors[rows] if isinstance(vectors, np.ndarray) else vectors.take(rows)
    first = int(np.searchsorted(rows, pool[0]))
    picks, distances = kcenter_greedy(found, n, first=first)
    return Thinned(rows[picks].tolist(), [None if not np.isfinite(d) else float(d) for d in distances])


def pose_vectors(poses: Poses, rows: I64, width: int) -> F32:
    """What a pose looks like, and where: (len(rows), width) float32.

    Of each individual its keypoints relative to their mean, and a quarter of that mean, in units of the usual
    distance of a keypoint from its mean. What is missing is 0: nothing unusual.
    """
    xy = poses.xy[rows].astype(np.float64)
    known: npt.NDArray[np.bool_] = np.isfinite(xy)
    count = np.maximum(known.sum(axis=2, keepdims=True), 1)
    center = np.where(known, xy, 0).sum(axis=2, keepdims=True) / count
    relative = np.where(known, xy - center, 0)
    sizes = np.hypot(relative[..., 0], relative[..., 1])[np.asarray(known.all(axis=3))]
    size = float(np.median(sizes)) if len(sizes) and np.median(sizes) > 0 else 1.0
    there = np.asarray(known.any(axis=(2, 3)))
    usual = np.median(center[there, 0], axis=0) if there.any() else np.zeros(2)
    place = np.where(there[:, :, None, None], (center - usual) / 4, 0)
    flat = (np.concatenate([relative, place], axis=2) / size).reshape(len(rows), -1).astype(np.float32)
    out = np.zeros((len(rows), width), np.float32)
    out[:, : flat.shape[1]] = flat
    return out
