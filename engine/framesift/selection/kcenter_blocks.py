"""Greedy k-center over vectors that are read in blocks: the same picks, in a handful of passes."""

from typing import Any

import numpy as np

from framesift_kernels import F32, I64, Kernels, Rows

from ..cores import count_threads
from ..features.matrix import Readable
from ..features.vectors import in_threads
from .kcenter import Bounds, Picks, pick_in_memory

_MIN_CANDIDATES = 1024
_ENOUGH = 0.5
"""Share of the candidates that must be out of reach of all unread blocks before they are picked among."""


class _Candidates:
    """The farthest of the rows read in a round, and how far a row is at most that is not among them."""

    def __init__(self, most: int, bounds: Bounds) -> None:
        self.most = most
        self.beyond = -1.0
        self._bounds = bounds
        self._indices: list[I64] = []
        self._x: list[Rows] = []

    def __len__(self) -> int:
        return sum(map(len, self._indices))

    def add(self, found: list[tuple[I64, Rows]]) -> None:
        """Take some more; there may be twice *most* for a while."""
        self._indices += [indices for indices, _ in found]
        self._x += [x for _, x in found]
        if len(self) > 2 * self.most:
            self.cut()

    def cut(self) -> None:
        """Keep the farthest *most*, on a tie the first."""
        if len(self) > self.most:
            indices, x = self.gather()
            order = np.lexsort((indices, -self._bounds.sqdist[indices]))
            self.beyond = float(self._bounds.sqdist[indices[order[self.most]]])
            kept = np.sort(order[: self.most])
            self._indices, self._x = [indices[kept]], [x[kept]]

    def count(self, least: np.float32) -> int:
        """How many are *least* away, squared."""
        sqdist = self._bounds.sqdist
        return sum(int(np.count_nonzero(sqdist[indices] >= least)) for indices in self._indices)

    def gather(self) -> tuple[I64, Any]:
        """All of them, in order."""
        indices: Any = np.concatenate(self._indices)
        order = np.argsort(indices)
        return indices[order], np.concatenate(self._x)[order]


def pick_in_blocks(matrix: Readable, bounds: Bounds, picks: Picks, kernels: Kernels, max_bytes: int) -> None:
    """`pick_in_memory` for a matrix that is read in blocks.

    A round reads blocks in the order of their largest bound, applies to all their rows what they have missed, and
    keeps the farthest rows. Once enough of these are farther than any row of the blocks left can be, it picks among
    them, until none is. A pass over the data serves as many picks as that gives.
    """
    d = matrix.shape[1]
    blocks = matrix.slices
    starts = np.array([block.start for block in blocks])
    applied = np.zeros(len(blocks), np.int64)
    most = max(_MIN_CANDIDATES, max_bytes // 8 // max(1, d * matrix.dtype.itemsize))
    while not picks.complete:
        farthest = np.maximum.reduceat(bounds.sqdist, starts)
        if farthest.max() < picks.lowest:
            return
        candidates = _Candidates(most, bounds)
        order = np.argsort(-farthest, kind="stable")
        at, unread = 0, np.inf
        while at < len(order) and candidates.count(_above(unread, candidates.beyond)) < _ENOUGH * most:
            wave = np.sort(order[at : at + 2 * count_threads(None)])
            at += len(wave)
            unread = float(farthest[order[at]]) if at < len(order) else -1.0
            found = _read(
                matrix, [blocks[b] for b in wave], applied[wave], bounds, picks, candidates, kernels
            )
            applied[wave] = picks.n_centers
            candidates.add(found)
        if not candidates.count(_above(unread, candidates.beyond)):
            candidates.cut()
        indices, x = candidates.gather()
        rows, tau = _settled(bounds.sqdist[indices], unread, candidates.beyond)
        _pick(x[rows], indices[rows], max(tau, picks.lowest), bounds, picks, kernels)


def _above(unread: float, beyond: float) -> np.float32:
    """The least that is more than any row is away that is no candidate."""
    most = max(unread, beyond)
    return np.float32(0) if most < 0 else np.nextafter(np.float32(most), np.float32(np.inf))


def _settled(values: F32, unread: float, beyond: float) -> tuple[I64, np.float32]:
    """Candidates that are picked before any other row can be, and a threshold that holds as long as they do.

    They are farther than all others. If there are none, because more rows are equally far than fit, and none is
    farther, they are the first of those; these are picked in order.
    """
    tau = _above(unread, beyond)
    rows = np.flatnonzero(values >= tau)
    if not len(rows) and unread < values.max() == beyond:
        tau = values.max()
        rows = np.flatnonzero(values == tau)
    return rows, tau


def _read(
    matrix: Readable,
    blocks: list[slice],
    applied: I64,
    bounds: Bounds,
    picks: Picks,
    candidates: _Candidates,
    kernels: Kernels,
) -> list[tuple[I64, Rows]]:
    """Bring the rows of some blocks up to date, and give those that may become candidates."""
    centers = picks.centers[: picks.n_centers]
    floor = candidates.beyond

    def read(at: slice) -> tuple[I64, Rows]:
        rows = blocks[at.start]
        x = matrix.read(rows)
        sqdist = bounds.sqdist[rows]
        everyone = np.arange(len(x))
        first = int(applied[at.start])
        kernels.lower_nearest(x, everyone, centers, first, sqdist, bounds.nearest[rows])
        far = np.flatnonzero(sqdist >= max(floor, 0))
        return far + rows.start, x[far]

    return in_threads(read, len(blocks), 1)


def _pick(x: Rows, indices: I64, tau: np.float32, bounds: Bounds, picks: Picks, kernels: Kernels) -> None:
    """Pick among the candidates *x*, in memory, and return to all rows what that found out."""
    before = picks.n_picked
    local = Bounds(
        bounds.sqdist[indices], bounds.nearest[indices], np.full(len(x), picks.n_centers, np.int32)
    )
    pick_in_memory(kernels.put(x), local, picks, tau, kernels)
    picked = picks.indices[before : picks.n_picked]
    picked[:] = indices[picked]
    bounds.sqdist[indices] = local.sqdist
    bounds.nearest[indices] = local.nearest
