"""Frames nearest the means of clusters of thumbnails."""

import numpy as np

from framesift_kernels import I64

from ..features.pca import pca
from ..features.vectors import ArrayVectors, Subset, Vectors
from .kmeans import KMeans, cluster
from .strategy import Pick, Task

_PCA_COMPONENTS = 32
_MANY_FRAMES = 100_000


def kmeans(task: Task) -> list[Pick]:
    """k-means over the thumbnails' pixels, and of each cluster the frame nearest its centre."""
    rows = task.usable
    return _nearest_centers(task, rows, Subset(task.vectors, rows))


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
    components = pca(Subset(task.vectors, moving), _PCA_COMPONENTS, task.rng)
    return _nearest_centers(task, moving, ArrayVectors(components))


def _nearest_centers(task: Task, rows: I64, vectors: Vectors) -> list[Pick]:
    """Of each cluster of *vectors*, the first that can be had of its rows, nearest first.

    Clusters choose in the order of their size, the largest first. One whose frames are all taken, or too near
    to others, gives way to the frame farthest from its centre among all that can be had.
    """
    found = cluster(vectors, min(task.n, len(rows)), task.rng, task.kernels)
    sizes = np.bincount(found.labels, minlength=len(found.centers))
    picks = []
    for label in np.argsort(-sizes, kind="stable"):
        members = np.flatnonzero(found.labels == label)
        members = members[np.argsort(found.sqdist[members], kind="stable")]
        row = task.take_first(rows[members])
        if row is not None:
            picks.append(_pick(row, rows, found))
    return picks + _fill(task, rows, found, task.n - len(picks))


def _fill(task: Task, rows: I64, found: KMeans, n: int) -> list[Pick]:
    picks: list[Pick] = []
    if n:
        farthest = iter(rows[np.argsort(-found.sqdist, kind="stable")])
        others = iter(np.setdiff1d(task.usable, rows))
        while len(picks) < n:
            row = task.take_first(farthest)
            if row is None:
                row = task.take_first(others)
                assert row is not None
                picks.append(Pick(row))
            else:
                picks.append(_pick(row, rows, found))
    return picks


def _pick(row: int, rows: I64, found: KMeans) -> Pick:
    at = int(np.searchsorted(rows, row))
    return Pick(row, score=float(np.sqrt(found.sqdist[at])), cluster=int(found.labels[at]))
