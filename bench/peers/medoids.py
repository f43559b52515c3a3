"""Coverage of order p as it is written down: NumPy, all distances at once."""

from typing import Any

import numpy as np


def coverage(x: Any, n: int, order: int, rounds: int = 2) -> list[int]:
    """Greedy picks, then some rounds in which each pick is replaced by the best row, given the others."""
    squares = (x**2).sum(axis=1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares - 2 * x @ x.T, 0))
    costs = (distances / distances.max()) ** order
    picks = [int(costs.sum(axis=0).argmin())]
    near = costs[:, picks[0]].copy()
    while len(picks) < n:
        picks.append(int(np.minimum(near[:, None], costs).sum(axis=0).argmin()))
        near = np.minimum(near, costs[:, picks[-1]])
    for _ in range(rounds):
        for t in range(n):
            near = costs[:, picks[:t] + picks[t + 1 :]].min(axis=1)
            picks[t] = int(np.minimum(near[:, None], costs).sum(axis=0).argmin())
    return picks
