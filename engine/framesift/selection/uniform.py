"""Evenly spaced frames."""

from collections.abc import Iterator

import numpy as np

from framesift_kernels import I64

from ..ingest.window import middles
from .strategy import Pick, Task


def uniform(task: Task) -> list[Pick]:
    """Of n equal parts of all frames, the usable frame nearest the middle of each, the earlier of two.

    All frames are those that were asked for, also where the index holds some of them only. Of frames that are copies
    of each other any may be chosen, but one only: so which it is depends on the frames that were looked at alone.
    """
    places, n_places = places_of(task)
    first_copy = task.candidates.first_copies()
    is_left = first_copy >= 0
    picks = []
    for part, middle in enumerate(middles(task.n, n_places).tolist()):
        rows = (row for row in _outward(places, middle) if is_left[row])
        row = next(row for row in rows if task.chooser.take_copy(row, int(first_copy[row]), task.n))
        is_left[first_copy == first_copy[row]] = False
        place = "the middle" if places[row] == middle else "nearest the middle, of those that can be had,"
        picks.append(Pick(row, why=f"{place} of part {part + 1} of {task.n}"))
    return picks


def _outward(places: I64, middle: int) -> Iterator[int]:
    """Rows from the one nearest to *middle* to the farthest."""
    reach, seen = 0, (0, 0)
    while seen != (0, len(places)):
        start = int(np.searchsorted(places, middle - reach))
        stop = int(np.searchsorted(places, middle + reach, side="right"))
        rows = np.r_[start : seen[0], seen[1] : stop] if seen != (0, 0) else np.arange(start, stop)
        yield from rows[np.argsort(np.abs(places[rows] - middle), kind="stable")].tolist()
        if stop > start:
            seen = start, stop
        reach = 2 * reach + 1


def places_of(task: Task) -> tuple[I64, int]:
    """Where each row stands among the frames that were asked for, and how many those are."""
    candidates = task.candidates
    places, n_places = [], 0
    for source in candidates.sources:
        record = candidates.index.records[source]
        frames = candidates.frame[candidates.source == source]
        places.append(n_places + (frames - record.start) // record.step)
        n_places += len(range(record.start, record.stop, record.step))
    return np.concatenate(places), n_places
