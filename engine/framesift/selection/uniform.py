"""Evenly spaced frames."""

import numpy as np

from framesift_kernels import I64

from .strategy import Pick, Task


def uniform(task: Task) -> list[Pick]:
    """Of n equal parts of all frames, the usable frame nearest the middle of each (the next, where it is taken).

    All frames are those that were asked for, also where the index holds some of them only.
    """
    places, n_places = _places(task)
    picks = []
    for part in range(task.n):
        middle = (2 * part + 1) * n_places // (2 * task.n)
        at = int(np.searchsorted(places, middle))
        row = task.take_first([at]) if at < len(places) and places[at] == middle else None
        if row is None:
            rows = task.usable
            row = task.take_first(rows[np.argsort(np.abs(places[rows] - middle), kind="stable")])
        assert row is not None
        place = "the middle" if places[row] == middle else "nearest the middle, of those that can be had,"
        picks.append(Pick(row, why=f"{place} of part {part + 1} of {task.n}"))
    return picks


def _places(task: Task) -> tuple[I64, int]:
    """Where each row stands among the frames that were asked for, and how many those are."""
    candidates = task.candidates
    places, n_places = [], 0
    for source in candidates.sources:
        record = candidates.index.records[source]
        frames = candidates.frame[candidates.source == source]
        places.append(n_places + (frames - record.start) // record.step)
        n_places += len(range(record.start, record.stop, record.step))
    return np.concatenate(places), n_places
