"""Frames nearest the means of clusters of thumbnails."""

import numpy as np

from framesift_kernels import F32, I64

from ..features.pca import pca
from ..features.vectors import ArrayVectors, Subset, Vectors
from .kmeans import KMeans, cluster
from .strategy import Pick, Task

_PCA_COMPONENTS = 32
_MANY_FRAMES = 100_000


def kmeans(task: Task) -> list[Pick]:
    """k-means over the thumbnails' pixels, and of each cluster the frame nearest its centre.

    Frames chosen earlier are centres that stay where they are: what looks like them needs no other.
    """
    rows = task.usable
    return _nearest_centers(task, rows, Subset(task.vectors, rows), task.earlier)


def motion_kmeans(task: Task) -> list[Pick]:
    """Lightning Pose's procedure: frames that move, their principal components, k-means, nearest to the centre.

    Kept are frames whose motion energy is above its median (its third quartile from 100,000 frames on); all, if
    n frames cannot be had of those. 32 components. Follows ``select_frame_idxs_kmeans`` of its app, but that
    every cluster yields another frame and the seed is fixed.
    """
    rows = task.usable
    index = task.candidates.index
    motion = np.concatenate([index.reader(s).statistic("motion") for s in task.candidates.sources])
    percentile = 50 if len(rows) < _MANY_FRAMES else 75
    moving = rows[motion[rows] > np.percentile(motion[rows], percentile)]
    if len(moving) < task.n:
        moving = rows
    both = np.union1d(moving, task.preselected)
    components = pca(Subset(task.vectors, both), _PCA_COMPONENTS, task.rng)
    vectors = ArrayVectors(components[np.searchsorted(both, moving)])
    return _nearest_centers(task, moving, vectors, components[np.searchsorted(both, task.preselected)])


def _nearest_centers(task: Task, rows: I64, vectors: Vectors, fixed: F32) -> list[Pick]:
    """Of each cluster of *vectors*, the first that can be had of its rows, nearest first.

    Clusters choose in the order of their size, the largest first. One whose frames are all taken, or too near
    to others, gives way to the frame farthest from its centre among all that can be had.
    """
    found = cluster(vectors, min(task.n, len(rows)), task.rng, task.kernels, fixed=fixed)
    sizes = np.bincount(found.labels, minlength=len(found.centers))
    picks = []
    for label in len(fixed) + np.argsort(-sizes[len(fixed) :], kind="stable"):
        members = np.flatnonzero(found.labels == label)
        members = members[np.argsort(found.sqdist[members], kind="stable")]
        row = task.take_first(rows[members])
        if row is not None:
            why = f"typical of a cluster of {sizes[label]} of {len(rows)} frames"
            picks.append(_pick(row, rows, found, len(fixed), why))
    return picks + _fill(task, rows, found, len(fixed), task.n - len(picks))


def _fill(task: Task, rows: I64, found: KMeans, n_fixed: int, n: int) -> list[Pick]:
    picks: list[Pick] = []
    if n:
        farthest = iter(rows[np.argsort(-found.sqdist, kind="stable")])
        others = iter(np.setdiff1d(task.usable, rows))
        while len(picks) < n:
            row = task.take_first(farthest)
            if row is None:
                row = task.take_first(others)
                assert row is not None
                picks.append(Pick(row, why="to reach the number asked for"))
            else:
                picks.append(_pick(row, rows, found, n_fixed, "unlike the others of its cluster"))
    return picks


def _pick(row: int, rows: I64, found: KMeans, n_fixed: int, why: str) -> Pick:
    at = int(np.searchsorted(rows, row))
    label = int(found.labels[at]) - n_fixed
    score = float(np.sqrt(found.sqdist[at]))
    return Pick(row, score, label if label >= 0 else None, why)
