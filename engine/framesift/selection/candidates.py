"""Which frames may be chosen, and choosing among them so that exactly n come out."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from ..index import Index

Bools = npt.NDArray[np.bool_]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Gap:
    """The least distance between two frames chosen of one source."""

    value: float
    unit: str
    """``"frames"`` or ``"seconds"``."""


@dataclass(slots=True, kw_only=True)
class Candidates:
    """The rows of some sources of an index, and which of them may be chosen."""

    index: "Index"
    sources: list[int]
    """Positions in ``index.records``."""
    source: I64
    """(n,) position in ``index.records`` of each row."""
    frame: I64
    """(n,) frame index of each row."""
    time_s: npt.NDArray[np.float64]
    """(n,) seconds from the first frame of its source."""
    usable: Bools
    """(n,) may be chosen."""
    dropped: dict[str, int]
    """Rows that may not, by reason."""
    repeated: I64 | None = None
    """(n,) the row that a duplicate repeats, -1 for all others; None: there are no duplicates."""

    def first_copies(self) -> I64:
        """(n,) the usable row of the content of each that could be chosen but for that, mostly itself; else -1."""
        found = np.where(self.usable, np.arange(len(self)), -1)
        if self.repeated is not None:
            is_copy = (self.repeated >= 0) & self.usable[self.repeated]
            found[is_copy] = self.repeated[is_copy]
        return found

    def __len__(self) -> int:
        return len(self.frame)


def gather(
    index: "Index", sources: list[int], excluded: dict[int, set[int]], *, keep_duplicates: bool
) -> Candidates:
    """The candidates of *sources*: damaged, black, excluded and repeated frames may not be chosen.

    Of exact duplicates (equal content hash) the one of the lowest (source, index) stays.
    """
    from ..store import Flag  # late, because arrays of one's own need no store

    columns = [_columns(index, source) for source in sources]
    source, frame, time_s, flags, content = (np.concatenate(c) for c in zip(*columns, strict=True))
    usable = np.ones(len(frame), bool)
    dropped = {}

    def drop(reason: str, rows: Bools) -> None:
        dropped[reason] = int(np.count_nonzero(usable & rows))
        usable[rows] = False

    drop("damaged", flags & Flag.DAMAGED > 0)
    drop("black", flags & Flag.BLACK > 0)
    if any(excluded.get(s) for s in sources):
        hits = [np.isin(c[1], sorted(excluded.get(s, ()))) for s, c in zip(sources, columns, strict=True)]
        excluded_rows = np.concatenate(hits)
        if not keep_duplicates:  # a copy of an excluded frame is as good as excluded
            excluded_rows |= np.isin(content, content[excluded_rows])
        drop("excluded", excluded_rows)
    repeated = None
    if not keep_duplicates:
        rows = np.flatnonzero(usable)
        _, first, copies = np.unique(content[rows], return_index=True, return_inverse=True)
        repeated = np.full(len(frame), -1, np.int64)
        repeated[rows] = np.where(rows == rows[first[copies]], -1, rows[first[copies]])
        drop("duplicate", repeated >= 0)
    return Candidates(
        index=index,
        sources=sources,
        source=source,
        frame=frame,
        time_s=time_s,
        usable=usable,
        dropped=dropped,
        repeated=repeated,
    )


def _columns(index: "Index", source: int) -> tuple[npt.NDArray[np.generic], ...]:
    reader = index.reader(source)
    frame = reader.frames()
    return (
        np.full(len(frame), source, np.int64),
        frame,
        times_s(index, source, frame),
        reader.read("flags"),
        reader.read("content_hash"),
    )


def times_s(index: "Index", source: int, frames: I64) -> npt.NDArray[np.float64]:
    """Seconds from the first frame of *source* to each of *frames*."""
    pts = index.reader(source).read("pts")
    numerator, denominator = index.records[source].time_base
    seconds: npt.NDArray[np.float64] = (pts[frames] - pts[0]) * (numerator / denominator)
    return seconds


class Placed(Protocol):
    """Rows that have a place in a source, in the order of the sources and of their places."""

    source: I64
    frame: I64
    time_s: npt.NDArray[np.float64]
    usable: Bools

    def __len__(self) -> int: ...


@dataclass(slots=True)
class Line:
    """Rows of an array: one source, of which each row is a frame."""

    usable: Bools
    source: I64 = field(init=False)
    frame: I64 = field(init=False)
    time_s: npt.NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        self.source = np.zeros(len(self.usable), np.int64)
        self.frame = np.arange(len(self.usable))
        self.time_s = np.zeros(len(self.usable))

    def __len__(self) -> int:
        return len(self.usable)


class Chooser:
    """Takes rows one by one, keeping the gap, and so that n can always be reached.

    Taking a row blocks those nearer to it than the gap. The most rows that can still be had is found by going
    through each source from its beginning and always taking the next that may be taken, which is optimal for
    intervals; a row is refused when taking it would leave fewer than are needed.
    """

    def __init__(self, candidates: Placed, gap: Gap | None) -> None:
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
        self._reachable = self._count()

    @property
    def capacity(self) -> int:
        """Most rows that can be had: those taken, and those that can still be."""
        self._reachable = self._count()
        return self._reachable

    def block_around(self, at: int, frames: I64, time_s: npt.NDArray[np.float64]) -> None:
        """Close what lies nearer than the gap to frames chosen earlier of the source at position *at*.

        These need not be among the rows: another range or step may have been indexed then.
        """
        if not self._loose:
            for place in time_s if self._by_time else frames:
                start, stop = self._around(at, float(place))
                self.open[start:stop] = False
                self._shut[start:stop] = True
        self._reachable = self._count()

    def take(self, row: int, n: int) -> bool:
        """Take *row* if it is open and if *n* rows in all can still be had after it."""
        if not self.open[row]:
            return False
        start, stop = self.nearby(row)
        before = self.open[start:stop].copy()
        self.open[start:stop] = False
        self.taken.append(row)
        if not self._loose:
            # One row stands between two of the best choice at most, so one fewer can be reached at worst.
            reachable = self._reachable - 1
            if reachable < n:
                reachable = self._count()
            if reachable < n:
                self.taken.pop()
                self.open[start:stop] = before
                return False
            self._reachable = reachable
        self._shut[start:stop] = True
        return True

    def take_copy(self, row: int, first: int, n: int) -> bool:
        """Take *row*, a copy of the row *first*, which is then not to be had: neither was taken before.

        The copies of one content are open by one of them alone, so that what can still be had is distinct.
        """
        if row == first:
            return self.take(row, n)
        if self._shut[row]:
            return False
        was_open = bool(self.open[first])
        self.open[row], self.open[first] = True, False
        self._reachable = self._count()
        if self.take(row, n):
            return True
        self.open[row], self.open[first] = False, was_open
        self._reachable = self._count()
        return False

    @property
    def keeps_apart(self) -> bool:
        """Whether taking a row closes others."""
        return not self._loose

    def nearby(self, row: int) -> tuple[int, int]:
        """Rows of its source nearer to *row* than the gap: first, and the one after the last."""
        if self._loose:
            return row, row + 1
        at = int(np.searchsorted(self._bounds, row, side="right")) - 1
        return self._around(at, float(self._place[row]))

    def _around(self, at: int, place: float) -> tuple[int, int]:
        """Rows of a source that lie nearer to *place* than the gap."""
        first, last = int(self._bounds[at]), int(self._bounds[at + 1])
        places = self._place[first:last]
        start = int(np.searchsorted(places, place - self._gap, side="right"))
        stop = int(np.searchsorted(places, place + self._gap, side="left"))
        return first + start, first + stop

    def draw(self, most: int, n: int, rng: np.random.Generator) -> I64:
        """Close all open rows but *most*, one drawn of each of so many equal parts, and give those left.

        Where *n* rows so far apart could not be had of these, more stay open.
        """
        rows = np.flatnonzero(self.open)
        most = max(most, n)
        if len(rows) > most:
            bounds = np.arange(most + 1) * len(rows) // most
            spare = [] if self._loose else self._apart()
            self.open[:] = False
            self.open[rows[rng.integers(bounds[:-1], bounds[1:])]] = True
            if self.capacity < n:
                self.open[spare] = True
                self._reachable = self._count()
        return np.flatnonzero(self.open)

    def _count(self) -> int:
        return len(self.taken) + (int(np.count_nonzero(self.open)) if self._loose else len(self._apart()))

    def _apart(self) -> list[int]:
        """The most open rows that can be had together: the first, and always the next that may be taken."""
        found = []
        for first, last in zip(self._bounds, self._bounds[1:], strict=False):
            rows = np.flatnonzero(self.open[first:last]) + first
            places = self._place[rows]
            at = 0
            while at < len(places):
                found.append(int(rows[at]))
                at = int(np.searchsorted(places, places[at] + self._gap, side="left"))
        return found


class Spaced:
    """Some of the rows of a chooser, numbered: which may be picked, and which may take the place of a pick."""

    def __init__(self, chooser: Chooser, rows: I64, n: int) -> None:
        self._chooser, self._rows, self._n = chooser, rows, n
        self._refused = np.zeros(len(rows), bool)

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
