"""Frames at random, each as likely."""

from .strategy import Pick, Task


def random(task: Task) -> list[Pick]:
    """The first n that can be had of a random order of the usable frames."""
    order = iter(task.rng.permutation(task.usable))
    picks: list[Pick] = []
    while len(picks) < task.n:
        row = task.take_first(order)
        assert row is not None
        picks.append(Pick(row, why="drawn at random"))
    return picks
