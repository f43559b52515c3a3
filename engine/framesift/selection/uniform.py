"""Evenly spaced frames."""

import numpy as np

from .strategy import Pick, Task


def uniform(task: Task) -> list[Pick]:
    """Of n equal parts of all frames, the usable frame nearest the middle of each (the next, where it is taken)."""
    n_rows = len(task.candidates)
    picks = []
    for part in range(task.n):
        middle = (2 * part + 1) * n_rows // (2 * task.n)
        row = task.take_first([middle])
        if row is None:
            rows = task.usable
            row = task.take_first(rows[np.argsort(np.abs(rows - middle), kind="stable")])
        assert row is not None
        picks.append(Pick(row))
    return picks
