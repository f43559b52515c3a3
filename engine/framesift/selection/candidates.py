"""Which frames may be chosen."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from ..index import Index

Bools = npt.NDArray[np.bool_]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]


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
    from ..source_store import Flag  # late, because arrays of one's own need no store

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
