"""Slow truths about drawing, filters of trajectories and splits."""

import numpy as np


def draw(picture, strokes, colors):
    """Every pixel of every stroke, as the formula says."""
    out = picture.copy()
    h, w, c = picture.shape
    y, x = np.mgrid[:h, :w].astype(np.float64)
    for stroke, color in zip(strokes.astype(np.float64), colors.astype(np.float64), strict=True):
        x0, y0, x1, y1, radius = stroke
        if np.isnan(stroke).any():
            continue
        dx, dy = x1 - x0, y1 - y0
        square = dx * dx + dy * dy
        t = np.zeros_like(x) if square == 0 else np.clip(((x - x0) * dx + (y - y0) * dy) / square, 0, 1)
        distance = np.sqrt((x - x0 - t * dx) ** 2 + (y - y0 - t * dy) ** 2)
        covered = np.clip(radius + 0.5 - distance, 0, 1) * color[c]
        for i in range(c):
            old = out[..., i].astype(np.float64)
            out[..., i] = np.floor(old + covered * (color[i] - old) + 0.5)
    return out
