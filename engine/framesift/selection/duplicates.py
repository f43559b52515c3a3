"""Groups of near duplicates."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from framesift_kernels import F32, I32, I64, Kernels, Rows

from ..digest import blake2b
from ..errors import UsageError
from ..features.matrix import Matrix, as_matrix
from ..features.vectors import in_batches, in_calls
from ..machine import load_kernels
from .kcenter import _least_square

_BATCH_ROWS = 1024
"""Rows compared with all leaders on all cores, and then with one another, one by one."""
_SLICE_ROWS = 128
_GPU_BATCH_ROWS = 16_384
"""On a GPU, which goes through them by tiles of its own."""


@dataclass(frozen=True, slots=True)
class DuplicateGroups:
    """Rows in groups of near duplicates."""

    leaders: I64
    """(g,) the row that stands for each group, increasing: what is left when duplicates are removed."""
    labels: I64
    """(n,) group of each row: ``leaders[labels]`` are the rows that stand for all rows."""
    distances: F32
    """(n,) distance of each row to its leader; 0 for leaders."""


def near_duplicates(
    x: npt.ArrayLike | Any, radius: float, *, device: str = "cpu", max_bytes: int = 2**30
) -> DuplicateGroups:
    """Group rows that lie within a radius of one that stands for them.

    Rows are taken in order. One that is farther than *radius* from all leaders becomes a leader; any other joins the
    nearest of the leaders there are then, the first of equals. So no two leaders are near duplicates, and every row
    is one of its leader: keep the leaders, and nothing is lost that is farther than *radius* from what is kept.
    (Connected components promise neither: a slow camera movement would be one group from end to end.)

    Parameters
    ----------
    x : (n, d) array or zarr array
        As for `nearest`; it is read once, in blocks where it is larger than *max_bytes*.
    radius
        Euclidean distance, not negative; rows at just this distance are duplicates. 0 groups equal rows.
    device
        As for `nearest`.

    Raises
    ------
    UsageError
        *x* is not a finite matrix, or *radius* is negative or not finite.

    Notes
    -----
    O(n g d) for g groups; memory is the leaders as float32 and 16 bytes a row. Equal rows are found by 128-bit digests
    of their bytes: O(n d), and about 120 bytes a row.
    """
    kernels = load_kernels(device)
    matrix = as_matrix(x, max_bytes, kernels=kernels)
    if not 0 <= radius < np.inf:
        raise UsageError(f"radius must be finite and not negative, got {radius}")
    beyond = np.float32(radius)
    if float(beyond) <= radius:
        beyond = np.nextafter(beyond, np.float32(np.inf))  # the smallest distance above the radius
    beyond = _least_square(float(beyond))
    if radius == 0:
        return _equal_rows(matrix)
    n, d = matrix.shape
    labels, sqdist = np.zeros(n, np.int32), np.full(n, np.inf, np.float32)
    leaders, vectors = np.empty(n, np.int64), _Growing(d)
    for start, batch in in_batches(
        matrix.blocks(), _BATCH_ROWS if kernels.CALLED_IN_THREADS else _GPU_BATCH_ROWS
    ):
        rows, of = kernels.put(batch), slice(start, start + len(batch))
        found = _lead(rows, vectors.rows, float(beyond), labels[of], sqdist[of], kernels)
        leaders[len(vectors.rows) :][: len(found)] = start + found
        vectors.add(kernels.get(kernels.take(rows, found)))
    return DuplicateGroups(leaders[: len(vectors.rows)].copy(), labels.astype(np.int64), np.sqrt(sqdist))


def _equal_rows(matrix: Matrix) -> DuplicateGroups:
    """Groups of rows that are equal, by their digests: that two rows share one by chance is out of the question."""
    n = matrix.shape[0]
    labels = np.empty(n, np.int64)
    leaders: list[int] = []
    known: dict[bytes, int] = {}
    for start, batch in matrix.blocks():
        rows = batch if matrix.kernels is None else matrix.kernels.get(batch)
        # What a distance of 0 is: minus zero is zero.
        plain = np.ascontiguousarray(rows if rows.dtype == np.uint8 else rows + rows.dtype.type(0))
        for row, line in enumerate(plain, start):
            group = known.setdefault(blake2b(line.data, digest_size=16).digest(), len(leaders))
            if group == len(leaders):
                leaders.append(row)
            labels[row] = group
    return DuplicateGroups(np.array(leaders, np.int64), labels, np.zeros(n, np.float32))


def _lead(rows: Rows, leaders: F32, beyond: float, labels: I32, sqdist: F32, kernels: Kernels) -> I64:
    """Group a batch of rows; returns those that lead groups of their own."""
    everyone = np.arange(len(rows))

    def lower(s: slice) -> None:
        kernels.lower_nearest(rows, everyone[s], leaders, 0, sqdist, labels)

    if len(leaders):
        in_calls(kernels, lower, len(rows), _SLICE_ROWS)
    found = np.empty(len(rows), np.int64)
    return found[: kernels.lead(rows, len(leaders), beyond, sqdist, labels, found)]


class _Growing:
    """Rows of a matrix that grows."""

    def __init__(self, d: int) -> None:
        self._held, self._n = np.empty((_BATCH_ROWS, d), np.float32), 0

    @property
    def rows(self) -> F32:
        """Those there are."""
        return self._held[: self._n]

    def add(self, rows: Rows) -> None:
        """More of them."""
        n = self._n + len(rows)
        if n > len(self._held):
            more = np.empty((2 * n, self._held.shape[1]), np.float32)
            more[: self._n] = self.rows
            self._held = more
        self._held[self._n : n] = rows
        self._n = n
