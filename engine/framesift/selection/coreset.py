"""Greedy k-center: always the frame farthest from all that are chosen."""

import numpy as np

from framesift_kernels import F32, I64, Kernels, Rows

from ..features.vectors import Vectors, in_threads
from .strategy import Pick, Task


def coreset(task: Task) -> list[Pick]:
    """Greedy k-center over the thumbnails' pixels (Gonzalez 1985; the coreset of Sener and Savarese 2018).

    Frames chosen earlier count as chosen. Without any, the first is the frame nearest the mean of all usable
    ones, a typical one. The score of a frame is its distance, in grey levels, to the nearest chosen before it.
    """
    vectors, kernels = task.vectors, task.kernels
    n, d = vectors.shape
    sqdist = np.full(n, np.iinfo(np.int64).max, np.int64)
    picks: list[Pick] = []
    for row in task.preselected:
        _lower(vectors, _row(vectors, int(row)), sqdist, kernels)
    if not len(task.preselected):
        order = np.argsort(_to_mean(vectors, task.usable, kernels), kind="stable")
        row = task.take_first(task.usable[order])
        assert row is not None
        picks.append(Pick(row))
        _lower(vectors, _row(vectors, row), sqdist, kernels)
    while len(picks) < task.n:
        row = _farthest(task, sqdist)
        picks.append(Pick(row, score=float(np.sqrt(sqdist[row] / d))))
        _lower(vectors, _row(vectors, row), sqdist, kernels)
    return picks


def _farthest(task: Task, sqdist: I64) -> int:
    reachable = np.where(task.chooser.open, sqdist, -1)
    row = task.take_first([int(reachable.argmax())])
    if row is None:  # the gap is so wide that not every open frame will do
        row = task.take_first(np.argsort(-reachable, kind="stable"))
    assert row is not None
    return row


def _row(vectors: Vectors, row: int) -> Rows:
    found: Rows = vectors.take(np.array([row]))[0]
    return found


def _lower(vectors: Vectors, row: Rows, sqdist: I64, kernels: Kernels) -> None:
    for start, block in vectors.blocks():
        _lower_block(block, row, sqdist[start : start + len(block)], kernels)


def _lower_block(block: Rows, row: Rows, sqdist: I64, kernels: Kernels) -> None:
    in_threads(lambda s: kernels.lower_distances(block[s], row, sqdist[s]), len(block), 1024)


def _to_mean(vectors: Vectors, rows: I64, kernels: Kernels) -> F32:
    """Squared distance of *rows* to their mean, which is exact: the sums are integers."""
    n, d = vectors.shape
    labels = np.full(n, -1, np.int32)
    labels[rows] = 0
    total = np.zeros((1, d), np.int64)
    for start, block in vectors.blocks():
        total += kernels.cluster_sums(block, labels[start : start + len(block)], 1)[0].astype(np.int64)
    mean = (total / max(1, len(rows))).astype(np.float32)
    found = [kernels.assign(block, mean)[1] for _, block in vectors.blocks()]
    return np.concatenate(found)[rows]
