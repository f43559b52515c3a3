"""Slow, plain truths about poses; nothing here is imported from the package."""

import math

import numpy as np


def jumps(xy: np.ndarray) -> np.ndarray:
    """(n, m, k) how far each keypoint moved since the row before; NaN where either is missing."""
    n, m, k, _ = xy.shape
    out = np.full((n, m, k), np.nan)
    for t in range(1, n):
        for i in range(m):
            for j in range(k):
                dx, dy = (float(xy[t, i, j, a]) - float(xy[t - 1, i, j, a]) for a in (0, 1))
                out[t, i, j] = math.sqrt(dx * dx + dy * dy)
    return out
