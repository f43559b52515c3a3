"""Frames in a row."""

from .strategy import Pick, Task


def chunk(task: Task) -> list[Pick]:
    """The first n usable frames, in their order: SLEAP's frame chunk, of a range that begins where it is asked to.

    Frames that are left out (unreadable, black, repeated exactly, chosen before) are made up for by those behind.
    """
    rows = iter(task.usable)
    picks: list[Pick] = []
    while len(picks) < task.n:
        row = task.take_first(rows)
        assert row is not None
        picks.append(Pick(row))
    return picks
