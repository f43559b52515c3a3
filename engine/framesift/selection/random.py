"""Frames at random, each as likely."""

import numpy as np

from .strategy import Pick, Task
from .uniform import places_of


def random(task: Task) -> list[Pick]:
    """The first n that can be had of a random order of all frames (`ingest.window.random_order`).

    All frames are those that were asked for, also where the index holds some of them only: a frame is passed over because
    of those before it alone, so that an index of the first ones of that order gives what an index of all does. Of frames
    that are copies of each other any may be chosen, but one only.
    """
    places, n_places = places_of(task)
    row_at = np.full(n_places, -1)
    row_at[places] = np.arange(len(places))
    first_copy = task.candidates.first_copies()
    is_left = first_copy >= 0
    picks: list[Pick] = []
    for row in row_at[task.rng.permutation(n_places)]:
        if len(picks) == task.n:
            break
        if row < 0 or not is_left[row]:
            continue
        first = int(first_copy[row])
        if task.chooser.take_copy(int(row), first, task.n):
            is_left[first_copy == first] = False
            picks.append(Pick(int(row), why="drawn at random"))
    return picks
