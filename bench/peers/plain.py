"""Greedy k-center as it is written down: a sweep over all rows a pick, compiled, on all cores."""

from typing import Any

import numba
import numpy as np


@numba.njit(parallel=True, fastmath=True, cache=True)
def _sweep(x: Any, n: int, sqdist: Any, picks: Any, high: Any, at: Any) -> None:
    parts = len(high)
    for pick in range(1, n):
        center = x[picks[pick - 1]]
        for part in numba.prange(parts):
            largest, found = np.float32(-1), 0
            for i in range(part * len(x) // parts, (part + 1) * len(x) // parts):
                total = np.float32(0)
                for j in range(x.shape[1]):
                    diff = x[i, j] - center[j]
                    total += diff * diff
                sqdist[i] = min(sqdist[i], total)
                if sqdist[i] > largest:
                    largest, found = sqdist[i], i
            high[part], at[part] = largest, found
        picks[pick] = at[high.argmax()]


def kcenter(x: Any, n: int) -> Any:
    """Picks from row 0 on."""
    parts = numba.get_num_threads()
    picks = np.zeros(n, np.int64)
    sqdist = np.full(len(x), np.inf, np.float32)
    _sweep(x, n, sqdist, picks, np.zeros(parts, np.float32), np.zeros(parts, np.int64))
    return picks
