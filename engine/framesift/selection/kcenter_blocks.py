"""Greedy k-center over vectors that are read in blocks: the same picks, in a handful of passes."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from framesift_kernels import I64, Kernels, Rows

from ..features.matrix import Matrix
from ..features.vectors import in_threads
from ..machine import count_threads
from .kcenter import Bounds, Picks, pick_in_memory

_MIN_CANDIDATES = 1024
_ENOUGH = 0.5
"""Share of the candidates that must be out of reach of all unread blocks before they are picked among."""


@dataclass(slots=True)
class _Candidates:
    """The farthest of the rows read in this round, and how far a row is at most that is not among them."""

    most: int
    indices: I64
    x: Rows
    beyond: float = -1.0

    @staticmethod
    def none(most: int, d: int, dtype: Any) -> "_Candidates":
        return _Candidates(most, np.empty(0, np.int64), np.empty((0, d), dtype))

    def add(self, found: list[tuple[I64, Rows]], bounds: Bounds) -> None:
        """Keep the farthest of all; on a tie the first."""
        self.indices = np.concatenate([self.indices, *(indices for indices, _ in found)])
        x: Any = np.concatenate([self.x, *(rows for _, rows in found)])
        order = np.lexsort((self.indices, -bounds.sqdist[self.indices]))
        if len(order) > self.most:
            self.beyond = max(self.beyond, float(bounds.sqdist[self.indices[order[self.most]]]))
        kept = order[: self.most]
        kept = kept[np.argsort(self.indices[kept])]
        self.x = x[kept]
        self.indices = self.indices[kept]


def pick_in_blocks(matrix: Matrix, bounds: Bounds, picks: Picks, kernels: Kernels, max_bytes: int) -> None:
    """`pick_in_memory` for a matrix that is read in blocks.

    A round reads blocks in the order of their largest bound, applies to all their rows what they have missed, and
    keeps the farthest rows. Once enough of these are farther than any row of the blocks left can be, it picks among
    them, until none is. A pass over the data serves as many picks as that gives.
    """
    n, d = matrix.shape
    blocks = matrix.slices
    starts = np.array([block.start for block in blocks])
    applied = np.zeros(len(blocks), np.int64)
    most = max(_MIN_CANDIDATES, max_bytes // 4 // max(1, d * (matrix.dtype.itemsize + 4)))
    while not picks.complete:
        farthest = np.maximum.reduceat(bounds.sqdist, starts)
        if farthest.max() < picks.lowest:
            return
        candidates = _Candidates.none(most, d, matrix.dtype)
        order = np.argsort(-farthest, kind="stable")
        at = 0
        while True:
            unread = float(farthest[order[at]]) if at < len(order) else -1.0
            rows, tau = _settled(candidates, bounds, unread)
            if at == len(order) or len(rows) >= _ENOUGH * min(most, n):
                break
            wave = np.sort(order[at : at + 2 * count_threads(None)])
            at += len(wave)
            found = _read(
                matrix, [blocks[b] for b in wave], applied[wave], bounds, picks, candidates, kernels
            )
            applied[wave] = picks.n_centers
            candidates.add(found, bounds)
        _pick(candidates, rows, max(tau, picks.lowest), bounds, picks, kernels)


def _settled(candidates: _Candidates, bounds: Bounds, unread: float) -> tuple[I64, np.float32]:
    """Candidates that are picked before any other row can be, and a threshold that holds as long as they do.

    They are farther than all others. If there are none, because more rows are equally far than fit, and none is
    farther, they are the first of those; these are picked in order.
    """
    values = bounds.sqdist[candidates.indices]
    beyond = max(unread, candidates.beyond)
    tau = np.float32(0) if beyond < 0 else np.nextafter(np.float32(beyond), np.float32(np.inf))
    rows = np.flatnonzero(values >= tau)
    if not len(rows) and len(values) and unread < values.max() == candidates.beyond:
        tau = values.max()
        rows = np.flatnonzero(values == tau)
    return rows, tau


def _read(
    matrix: Matrix,
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


def _pick(
    candidates: _Candidates, rows: I64, tau: np.float32, bounds: Bounds, picks: Picks, kernels: Kernels
) -> None:
    """Pick among *rows* of the candidates, in memory, and return to all rows what that found out."""
    indices, before = candidates.indices[rows], picks.n_picked
    local = Bounds(
        bounds.sqdist[indices],
        bounds.nearest[indices],
        np.full(len(rows), picks.n_centers, np.int32),
    )
    pick_in_memory(candidates.x[rows], local, picks, tau, kernels)
    picked = picks.indices[before : picks.n_picked]
    picked[:] = indices[picked]
    bounds.sqdist[indices] = local.sqdist
    bounds.nearest[indices] = local.nearest
