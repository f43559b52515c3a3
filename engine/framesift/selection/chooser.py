"""Choosing among candidates so that exactly n come out, far enough apart, and enough but not too many of each source."""

import itertools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from .candidates import I32, I64, Bools, Placed
from .checks import Limits
from .gaps import Gap

_NEVER = 1e300
"""What a swap costs that is not allowed."""


class Chooser:
    """Takes rows one by one, keeping the gap and the limits, and so that n can always be reached.

    Taking a row blocks those nearer to it than the gap. The most rows that can still be had of a source is found by
    going through it from its beginning and always taking the next that may be taken, which is optimal for intervals.
    n can be reached where every source can still have its least, the leasts (or what was taken beyond them) come to n
    at most, and the most that can be had of each, or its limit, come to n at least. A row is refused when taking it
    would break that; it stays refused, since all three only get harder.
    """

    def __init__(self, candidates: Placed, gap: Gap | None, limits: Limits | None = None) -> None:
        self.candidates = candidates
        self.open: Bools = candidates.usable.copy()
        """(n,) may still be taken."""
        self._shut: Bools = np.zeros(len(self.open), bool)
        """(n,) taken, or too near to what was."""
        self.taken: list[int] = []
        self._by_time = gap is not None and gap.unit == "seconds"
        self._place = candidates.time_s if self._by_time else candidates.frame.astype(np.float64)
        self._gap = 0.0 if gap is None else gap.value - (1e-9 if self._by_time else 0)
        self._loose = gap is None or self._gap <= (0 if self._by_time else 1)
        cuts = np.flatnonzero(np.diff(candidates.source)) + 1
        self._bounds: I64 = np.array([0, *cuts, len(candidates)], np.int64)
        n_sources = len(self._bounds) - 1
        limits = limits or Limits()
        self._limited = limits.least > 0 or limits.most is not None
        self.least: I64 = np.full(n_sources, limits.least)
        """(sources,) rows to take at least of each."""
        self.most: I64 = np.full(n_sources, len(candidates) if limits.most is None else limits.most)
        """(sources,) rows to take at most."""
        self._taken = np.zeros(n_sources, np.int64)
        self._reach = np.zeros(n_sources, np.int64)
        self._closed = np.zeros(n_sources, bool)
        self._recount()

    @property
    def capacity(self) -> int:
        """Most rows that can be had: those taken, and those that can still be."""
        self._recount()
        return int(np.minimum(self.most, self._reach).sum())

    @property
    def reach(self) -> I64:
        """(sources,) most rows that can be had of each, whatever its limit."""
        self._recount()
        return self._reach.copy()

    def spend(self, counts: I64) -> None:
        """Take it that so many rows of each source were chosen before, and count towards its limits."""
        if self._limited:
            self.least = np.maximum(self.least - counts, 0)
            self.most = np.maximum(self.most - counts, 0)

    def settle(self, n: int) -> None:
        """Close the sources that none of *n* rows in all can be taken of (any more)."""
        if self._limited:
            full = self._taken >= self.most
            if (
                self.least.any() and np.maximum(self._taken, self.least).sum() >= n
            ):  # the rest is owed to other sources
                full |= self._taken >= self.least
            for at in np.flatnonzero(full & ~self._closed):
                self.open[self._bounds[at] : self._bounds[at + 1]] = False
                self._reach[at] = self._taken[at]
            self._closed |= full

    def block_around(self, at: int, frames: I64, time_s: npt.NDArray[np.float64]) -> None:
        """Close what lies nearer than the gap to frames chosen earlier of the source at position *at*.

        These need not be among the rows: another range or step may have been indexed then.
        """
        if not self._loose:
            for place in time_s if self._by_time else frames:
                start, stop = self._around(at, float(place))
                self.open[start:stop] = False
                self._shut[start:stop] = True
        self._reach[at] = self._count(at)

    def take(self, row: int, n: int) -> bool:
        """Take *row* if it is open and if *n* rows in all can still be had after it."""
        if not self.open[row]:
            return False
        start, stop = self.nearby(row)
        before = self.open[start:stop].copy()
        self.open[start:stop] = False
        at = self._source(row)
        self._taken[at] += 1
        if not self._loose:
            # One row stands between two of the best choice at most, so one fewer can be reached at worst.
            self._reach[at] -= 1
            if not self._reaches(n):
                self._recount()
        if self.constrained and not self._reaches(n):
            self.open[start:stop] = before
            self._taken[at] -= 1
            self._reach[at] = self._count(at)
            return False
        self.taken.append(row)
        self._shut[start:stop] = True
        self.settle(n)
        return True

    def take_copy(self, row: int, first: int, n: int) -> bool:
        """Take *row*, a copy of the row *first*, which is then not to be had: neither was taken before.

        The copies of one content are open by one of them alone, so that what can still be had is distinct.
        """
        if row == first:
            return self.take(row, n)
        if self._shut[row] or self._closed[self._source(row)]:
            return False
        was_open = bool(self.open[first])
        self.open[row], self.open[first] = True, False
        self._recount()
        if self.take(row, n):
            return True
        self.open[row], self.open[first] = False, was_open
        self._recount()
        return False

    def _reaches(self, n: int) -> bool:
        if np.minimum(self.most, self._reach).sum() < n:
            return False
        if not self.least.any():
            return True
        owed = np.maximum(self._taken, self.least).sum()
        return bool((self._reach >= self.least).all() and owed <= n)

    @property
    def keeps_apart(self) -> bool:
        """Whether taking a row closes those near it."""
        return not self._loose

    @property
    def constrained(self) -> bool:
        """Whether taking a row closes others, or may be refused."""
        return not self._loose or self._limited

    @property
    def limited(self) -> bool:
        """Whether there are limits for each source."""
        return self._limited

    def nearby(self, row: int) -> tuple[int, int]:
        """Rows of its source nearer to *row* than the gap: first, and the one after the last."""
        if self._loose:
            return row, row + 1
        return self._around(self._source(row), float(self._place[row]))

    def sources_of(self, rows: I64) -> I64:
        """Position of the source of each of *rows*."""
        return np.searchsorted(self._bounds, rows, side="right") - 1

    def _source(self, row: int) -> int:
        return int(np.searchsorted(self._bounds, row, side="right")) - 1

    def _around(self, at: int, place: float) -> tuple[int, int]:
        """Rows of a source that lie nearer to *place* than the gap."""
        first, last = int(self._bounds[at]), int(self._bounds[at + 1])
        places = self._place[first:last]
        start = int(np.searchsorted(places, place - self._gap, side="right"))
        stop = int(np.searchsorted(places, place + self._gap, side="left"))
        return first + start, first + stop

    def draw(self, most: int, n: int, rng: np.random.Generator) -> I64:
        """Close all open rows but *most*, one drawn of each of so many equal parts, and give those left.

        Where *n* rows could not be had of these, more stay open.
        """
        rows = np.flatnonzero(self.open)
        most = max(most, n)
        if len(rows) > most:
            bounds = np.arange(most + 1) * len(rows) // most
            spare = self._spare(n)
            self.open[:] = False
            self.open[rows[rng.integers(bounds[:-1], bounds[1:])]] = True
            self._recount()
            if not self._reaches(n):
                self.open[spare] = True
                self._recount()
        return np.flatnonzero(self.open)

    def _spare(self, n: int) -> I64:
        """Rows with which as many can be had of each source as could be used."""
        if not self._loose:
            return np.concatenate([self._apart(at) for at in range(len(self._reach))])
        found = [np.empty(0, np.int64)]
        for first, last, most in zip(self._bounds, self._bounds[1:], self.most, strict=False):
            rows = np.flatnonzero(self.open[first:last]) + first
            wanted = min(int(most), n, len(rows))
            found.append(rows[(2 * np.arange(wanted) + 1) * len(rows) // max(1, 2 * wanted)])
        return np.concatenate(found)

    def _recount(self) -> None:
        for at in range(len(self._reach)):
            self._reach[at] = self._count(at)

    def _count(self, at: int) -> int:
        first, last = self._bounds[at], self._bounds[at + 1]
        more = np.count_nonzero(self.open[first:last]) if self._loose else len(self._apart(at))
        return int(self._taken[at] + more)

    def _apart(self, source: int) -> I64:
        """The most open rows of a source that can be had together: the first, and always the next that may be taken."""
        first, last = self._bounds[source], self._bounds[source + 1]
        rows = np.flatnonzero(self.open[first:last]) + first
        places = self._place[rows]
        found, at = [], 0
        while at < len(places):
            found.append(at)
            at = int(np.searchsorted(places, places[at] + self._gap, side="left"))
        apart: I64 = rows[np.array(found, np.int64)]
        return apart


class Spaced:
    """Some of the rows of a chooser, numbered: which may be picked, and which may take the place of a pick."""

    def __init__(self, chooser: Chooser, rows: I64, n: int) -> None:
        self._chooser, self._rows, self._n = chooser, rows, n
        self._refused = np.zeros(len(rows), bool)
        self._sources = chooser.sources_of(rows)

    @property
    def open(self) -> Bools:
        """(m,) may still be picked."""
        found: Bools = self._chooser.open[self._rows] & ~self._refused
        return found

    def take(self, candidate: int) -> bool:
        """Pick one, unless fewer than n could be had then: that stays so."""
        taken = self._chooser.take(int(self._rows[candidate]), self._n)
        self._refused[candidate] = not taken
        return taken

    def only(self, picks: list[int]) -> I32:
        """(m,) the pick that a candidate may replace: of those nearer than the gap the only one; -1: any, -2: none."""
        found = np.full(len(self._rows), -1, np.int32)
        if not self._chooser.keeps_apart:
            found[picks] = np.arange(len(picks))
            return found
        for number, pick in enumerate(picks):
            start, stop = np.searchsorted(self._rows, self._chooser.nearby(int(self._rows[pick])))
            found[start:stop] = np.where(found[start:stop] == -1, number, -2)
        return found

    def dues(self, block: I64, picks: list[int]) -> Iterator[tuple[slice, npt.NDArray[np.float64] | float]]:
        """Parts of *block* (increasing), and (k,) what is due for replacing each pick by one of them: 0, or too much.

        A source with its most is given another row only for one of its own, and one with its least gives none away.
        """
        chooser, sources = self._chooser, self._sources[block]
        if not chooser.limited:
            yield slice(0, len(block)), 0.0
            return
        owners = self._sources[picks]
        counts = np.bincount(owners, minlength=len(chooser.least))
        cuts = [0, *(np.flatnonzero(np.diff(sources)) + 1).tolist(), len(block)]
        for start, stop in itertools.pairwise(cuts):
            source = sources[start]
            barred = counts[owners] <= chooser.least[owners]
            if counts[source] >= chooser.most[source]:
                barred[:] = True
            barred[owners == source] = False
            yield slice(start, stop), np.where(barred, _NEVER, 0.0)
