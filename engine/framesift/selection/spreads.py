"""Diversity as a term of a product: what the picks are apart, and how far all else is from them."""

from typing import Any

import numpy as np

from framesift_kernels import F32, I64, U8, Kernels

from ..features.ragged import spans
from ..machine import load_kernels
from .kcenter import Bounds, Picks, _bring_up_to_date, _least_square, _Pruning
from .neighbours import sqdist_to_others
from .objectives import Diversity


def make_spread(
    given: Diversity, x: Any, added: F32, preselected: I64, most: int, kernels: Kernels
) -> "Spread":
    """The term of a diversity.

    Parameters
    ----------
    x : (m, d)
        Its checked vectors.
    added : (n,) float32, written
        Of each row, what it adds to the sum, as a bound.
    preselected
        Rows picked before.
    most
        Rows that will be picked at most, preselected ones among them.
    """
    if given.offsets is None:
        return Spread(given, x, added, preselected, most, kernels)
    return ObjectSpread(given, x, added, preselected, most, kernels)


class Spread:
    """A diversity: squared distances to the picks, as bounds, and how far apart the picks are."""

    def __init__(
        self, given: Diversity, x: Any, added: F32, preselected: I64, most: int, kernels: Kernels
    ) -> None:
        self._given, self._x, self._kernels = given, x, kernels
        self.strength = given.strength
        n, d = x.shape
        added[:] = np.inf
        self._bounds = Bounds(added, np.zeros(n, np.int32), np.zeros(n, np.int32))
        centers = np.empty((most, d), np.float32)
        centers[: len(preselected)] = kernels.get(kernels.take(x, preselected))
        none = np.float32(0)
        self._picks = Picks(centers, len(preselected), np.empty(0, np.int64), np.empty(0, np.float32), none)
        self._pruning = _Pruning()
        self._apart = np.full(most, np.inf, np.float32)
        if len(preselected) > 1:
            self._apart[: len(preselected)] = sqdist_to_others(centers[: len(preselected)], kernels)
        self._least = _least_square(given.min_distance)

    @property
    def counts(self) -> bool:
        """Whether there are picks to differ from."""
        return self._picks.n_centers > 0

    def before_scoring(self) -> float:
        """The sum over the picks. A row's own distance must be exact, not a bound, if small ones are wanted."""
        if self.strength < 0:
            self.bring_up_to_date(np.arange(len(self._x)))
        n = self._picks.n_centers
        return float(self._apart[:n].sum(dtype=np.float64)) if n > 1 else 0.0

    def is_exact(self, row: int) -> bool:
        """Whether the distance of *row* is known."""
        return bool(self._bounds.applied[row] == self._picks.n_centers)

    def bring_up_to_date(self, rows: I64) -> None:
        """Compute the distances of *rows*."""
        stale = rows[self._bounds.applied[rows] < self._picks.n_centers]
        if len(stale):
            _bring_up_to_date(self._x, stale, self._bounds, self._picks, self._pruning, self._kernels)

    def close(self, closed: U8) -> None:
        """Rows that lie too near already will not be picked, if that is not to end it all."""
        if self._least and not self._given.stop_at_min_distance:
            closed[self._bounds.sqdist < self._least] = 1

    def ends(self, row: int) -> bool:
        """Whether *row*, the best, ends the selection."""
        return self._given.stop_at_min_distance and self._is_near(row)

    def passes_over(self, row: int) -> bool:
        """Whether *row*, the best, is not to be picked, which `close` could not know from its bound."""
        return not self._given.stop_at_min_distance and self._is_near(row)

    def _is_near(self, row: int) -> bool:
        if not self._least or not self.counts:
            return False
        self.bring_up_to_date(np.array([row]))
        return bool(self._bounds.sqdist[row] < self._least)

    def take(self, row: int) -> None:
        """Pick *row*."""
        self.bring_up_to_date(np.array([row]))
        self._take(row)

    def _take(self, row: int) -> None:
        """Add a vector, whose distance is known, to those of the picks."""
        picks, n = self._picks, self._picks.n_centers
        picks.centers[n] = self._kernels.get(self._kernels.take(self._x, np.array([row])))[0]
        self._apart[n] = self._bounds.sqdist[row]
        nobody = np.zeros(n, np.int32)
        everyone = np.arange(n)
        load_kernels("cpu").lower_nearest(  # a few rows that lie here
            picks.centers[:n], everyone, picks.centers[n : n + 1], 0, self._apart, nobody
        )
        picks.n_centers += 1


class ObjectSpread(Spread):
    """A diversity of rows that have several vectors each, or none: objects of pictures.

    What a row adds is the squared distance of the farthest of its objects to those of the picks; a row without objects
    adds nothing. With one object a row it is `Spread`.
    """

    def __init__(
        self, given: Diversity, x: Any, added: F32, preselected: I64, most: int, kernels: Kernels
    ) -> None:
        offsets = given.checked_offsets(len(x))
        self._starts, self._sizes = offsets[:-1], np.diff(offsets)
        self._added = added
        n_most = int(np.sort(self._sizes)[::-1][:most].sum())
        objects = spans(self._starts[preselected], self._sizes[preselected])
        super().__init__(given, x, np.empty(len(x), np.float32), objects, n_most, kernels)
        added[:] = np.where(self._sizes > 0, np.inf if self._picks.n_centers else 1, 0)

    @property
    def counts(self) -> bool:
        """Always: a row without objects is no good first pick either."""
        return True

    def before_scoring(self) -> float:
        """The sum over the objects of the picks."""
        if self.strength < 0:
            self.bring_up_to_date(np.arange(len(self._sizes)))
        n = self._picks.n_centers
        return float(self._apart[:n].sum(dtype=np.float64)) if n > 1 else 0.0

    def is_exact(self, row: int) -> bool:
        """Whether the distances of the row's objects are known."""
        objects = slice(self._starts[row], self._starts[row] + self._sizes[row])
        return bool((self._bounds.applied[objects] == self._picks.n_centers).all())

    def bring_up_to_date(self, rows: I64) -> None:
        """Compute the distances of the rows' objects."""
        if not self._picks.n_centers:
            return
        rows = rows[self._sizes[rows] > 0]
        super().bring_up_to_date(spans(self._starts[rows], self._sizes[rows]))
        if len(rows):
            firsts = np.concatenate([[0], np.cumsum(self._sizes[rows])[:-1]])
            found = self._bounds.sqdist[spans(self._starts[rows], self._sizes[rows])]
            self._added[rows] = np.maximum.reduceat(found, firsts)

    def close(self, closed: U8) -> None:
        """Rows all of whose objects lie too near already will not be picked, if that is not to end it all."""
        if self._least and not self._given.stop_at_min_distance and self._picks.n_centers:
            closed[self._added < self._least] = 1

    def _is_near(self, row: int) -> bool:
        if not self._least or not self._picks.n_centers:
            return False
        self.bring_up_to_date(np.array([row]))
        return bool(self._added[row] < self._least)

    def take(self, row: int) -> None:
        """Pick all objects of *row*."""
        is_first = not self._picks.n_centers
        for at in range(int(self._starts[row]), int(self._starts[row] + self._sizes[row])):
            Spread.bring_up_to_date(self, np.array([at]))
            self._take(at)
        if is_first and self._picks.n_centers:
            self._added[self._sizes > 0] = np.inf
