"""Greedy k-center: always the frame farthest from all that are chosen."""

import numpy as np

from framesift_kernels import F32, F64, I64, Kernels

from ..features.vectors import Table, Vectors
from .chooser import Chooser
from .kcenter import Bounds, Picks, pick_in_memory
from .kcenter_blocks import pick_in_blocks
from .strategy import Pick, Task

_MAX_BYTES = 2**28


def coreset(task: Task) -> list[Pick]:
    """Greedy k-center over the vectors (Gonzalez 1985; the coreset of Sener and Savarese 2018).

    Frames chosen earlier count as chosen. Without any, the first is the frame nearest the mean of all usable
    ones, a typical one. The score of a frame is its distance (of thumbnails in grey levels) to the nearest
    chosen before it.
    The picks are those of `kcenter_greedy`, or, with a gap, of the same procedure a pick at a time.
    """
    table, chooser = Table(task.vectors), task.chooser
    n, d = table.shape
    before = task.preselected
    picks = Picks(
        np.empty((len(before) + task.n, d), np.float32),
        len(before),
        np.empty(task.n, np.int64),
        np.empty(task.n, np.float32),
        np.float32(0),
    )
    picks.centers[: len(before)] = table.take(before)
    if not len(before):
        order = np.argsort(_to_mean(task.vectors, task.usable, task.kernels), kind="stable")
        first = task.take_first(task.usable[order])
        assert first is not None
        picks.centers[0], picks.indices[0], picks.reached[0] = table.take(np.array([first]))[0], first, np.inf
        picks.note(1)
    bounds = Bounds.of(n, np.flatnonzero(~chooser.open))
    if chooser.constrained:
        _pick_apart(table, bounds, picks, chooser, task.n, task.kernels)
    elif table.in_memory is not None:
        pick_in_memory(table.in_memory, bounds, picks, picks.lowest, task.kernels)
    else:
        pick_in_blocks(table, bounds, picks, task.kernels, _MAX_BYTES)
    scores = np.sqrt(picks.reached.astype(np.float64) / (d if task.are_pixels else 1))
    return [
        Pick(int(row), why="most like the mean of all frames")
        if np.isinf(score)
        else Pick(int(row), float(score), why=f"farthest from those chosen before it: {score:.3g}")
        for row, score in zip(picks.indices, scores, strict=True)
    ]


def _pick_apart(
    table: Table, bounds: Bounds, picks: Picks, chooser: Chooser, n: int, kernels: Kernels
) -> None:
    """Pick one at a time, since each closes the frames nearer than the gap, or is refused.

    Distances only fall: of the blocks only those are brought up to date that may hold the farthest row.
    """
    blocks = table.slices
    starts = np.array([block.start for block in blocks])
    applied = np.zeros(len(blocks), np.int64)
    while not picks.complete:
        bound = np.maximum.reduceat(bounds.sqdist, starts)
        best = np.float32(-1)
        row = -1
        for at in np.argsort(-bound, kind="stable"):
            if bound[at] < best:
                break
            block = blocks[at]
            sqdist = bounds.sqdist[block]
            if applied[at] < picks.n_centers:
                x, centers = table.read(block), picks.centers[: picks.n_centers]
                nearest, first = bounds.nearest[block], int(applied[at])
                kernels.lower_nearest(x, np.arange(len(x)), centers, first, sqdist, nearest)
                applied[at] = picks.n_centers
            found = int(sqdist.argmax())
            if sqdist[found] > best or (sqdist[found] == best and block.start + found < row):
                best, row = sqdist[found], block.start + found
        if chooser.take(row, n):
            bounds.sqdist[~chooser.open] = -1
            picks.indices[picks.n_picked], picks.reached[picks.n_picked] = row, best
            picks.centers[picks.n_centers] = table.take(np.array([row]))[0]
            picks.note(1)
        else:  # and stays refused, as fewer can be had with every pick
            bounds.sqdist[row] = -1


def _to_mean(vectors: Vectors, rows: I64, kernels: Kernels) -> F32:
    """Squared distance of *rows* to their mean: of bytes it is exact, of others summed in the order of the rows."""
    n = vectors.shape[0]
    labels = np.full(n, -1, np.int32)
    labels[rows] = 0
    total: F64 | I64 | None = None
    for start, block in vectors.blocks():
        part = kernels.cluster_sums(block, labels[start : start + len(block)], 1)[0]
        total = part if total is None else total + part
    assert total is not None
    mean = (total / max(1, len(rows))).astype(np.float32)
    found = [kernels.assign(block, mean)[1] for _, block in vectors.blocks()]
    return np.concatenate(found)[rows]
