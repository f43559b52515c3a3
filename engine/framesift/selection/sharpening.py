"""Of frames that are as good as a chosen one, the sharpest."""

from typing import Any

import numpy as np
import numpy.typing as npt

from framesift_kernels import F32, F64, I32, Kernels

from ..features.vectors import Table, in_calls
from .candidates import Bools
from .neighbours import nearest
from .strategy import Pick, Task


def sharpen(
    task: Task, picks: list[Pick], usable: Bools, sharpness: npt.NDArray[Any], share: float
) -> list[Pick]:
    """Put, for each pick, the sharpest of the frames that are nearly equal to it in its place.

    Nearly equal are those frames of its source, nearest to it of all picks, that are no farther from it than *share*
    of the distance to the nearest other pick (or frame chosen earlier; to the farthest frame where there is none).
    So no frame's distance to its nearest pick grows by more than that, and no two picks come nearer to each other
    than 1 - 2 *share* of what they were. The gap and the limits of sources are kept.

    Parameters
    ----------
    usable : (n,) bool
        Rows that could be chosen before any was.
    sharpness : (n,) numbers
        The greater, the sharper.
    share
        From 0 to below 0.5.
    """
    table, chooser = Table(task.vectors), task.chooser
    rows = np.array([pick.row for pick in picks])
    centers = table.take(rows).astype(np.float32)
    labels, sqdist = _nearest_pick(table, centers, task.kernels)
    if len(rows) > 1 or len(task.preselected):
        limit = share * to_nearest(centers, task.earlier)
    else:
        limit = np.array([share * np.sqrt(sqdist.max(initial=0))])
    blocked = np.zeros(len(usable), np.int32)
    for row in rows:
        start, stop = chooser.nearby(int(row))
        blocked[start:stop] += 1
    found = list(picks)
    source = task.candidates.source
    for at, row in enumerate(rows.tolist()):
        start, stop = chooser.nearby(row)
        blocked[start:stop] -= 1
        near = (labels == at) & (sqdist <= np.float32(limit[at]) ** 2) & usable & (blocked == 0)
        equal = np.flatnonzero(near & (source == source[row]))
        best = int(equal[sharpness[equal].argmax()]) if len(equal) else row
        if sharpness[best] > sharpness[row]:
            found[at] = picks[at]._replace(row=best, instead_of=row)
        start, stop = chooser.nearby(found[at].row)
        blocked[start:stop] += 1
    return found


def to_nearest(centers: F32, earlier: F32) -> F64:
    """(k,) distance of each of some frames to the nearest other, or of those chosen earlier; infinite without any."""
    found = np.full(len(centers), np.inf)
    if len(centers) > 1:
        found = nearest(centers, None, 1)[1][:, 0].astype(np.float64)
    if len(earlier):
        found = np.minimum(found, nearest(centers, earlier, 1)[1][:, 0])
    return found


def _nearest_pick(table: Table, centers: F32, kernels: Kernels) -> tuple[I32, F32]:
    """(n,) which of *centers* is nearest to each row, and its squared distance."""
    labels, sqdist = np.empty(table.shape[0], np.int32), np.empty(table.shape[0], np.float32)
    slices = table.slices

    def fill(s: slice) -> None:
        for at in slices[s]:
            labels[at], sqdist[at] = kernels.assign(table.read(at), centers)

    in_calls(kernels, fill, len(slices), 1)
    return labels, sqdist
