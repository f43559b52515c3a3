"""Frames such that every frame looks like one of them."""

import numpy as np

from ..features.vectors import Subset, Table
from .chooser import Spaced
from .coverage import Problem
from .strategy import Pick, Task

_MAX_BYTES = 2**28
_LEAST_CANDIDATES = 2048


def coverage(task: Task) -> list[Pick]:
    """Coverage of the thumbnails' pixels: see `framesift.coverage`.

    All frames that could be chosen are to be covered; those chosen earlier cover what is like them. As many are
    candidates as 256 MB hold costs for (all of 8192; of 20,000 frames 3355), at least 2048: of more, one is drawn of
    each of so many equal parts. The score of a frame is the share of the frames that it is nearest to.
    """
    candidates = task.candidates
    covered = candidates.usable.copy()
    covered[task.preselected] = True
    rows = np.flatnonzero(covered)
    most = max(_LEAST_CANDIDATES, _MAX_BYTES // 4 // len(rows))
    drawn = task.chooser.draw(most, task.n, task.rng)
    problem = Problem(
        matrix=Table(Subset(task.vectors, rows)),
        candidates=np.searchsorted(rows, drawn),
        preselected=np.searchsorted(rows, task.preselected),
        weights=np.ones(len(rows), np.float32),
        order=task.order,
        rules=Spaced(task.chooser, drawn, task.n),
        kernels=task.kernels,
        max_bytes=_MAX_BYTES,
    )
    picks = problem.solve(task.n)
    labels, _ = problem.nearest(np.concatenate([picks, problem.preselected]))
    counts = np.bincount(labels, minlength=len(picks))
    return [
        Pick(int(rows[at]), float(count / len(rows)), why=f"stands for {count} of {len(rows)} frames")
        for at, count in zip(picks, counts, strict=False)
    ]
