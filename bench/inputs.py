"""Vectors and masks that the suites make, with what is known of them."""

from typing import Any

import numpy as np

N_CLUSTERS = 300
_KINDS = ("uniform", "clustered", "drift")


def kinds(size: str) -> tuple[str, ...]:
    """Of vectors that a case is run on; one is enough to see that it runs."""
    return _KINDS[1:2] if size == "tiny" else _KINDS


def vectors(kind: str, n: int, d: int) -> Any:
    """float32 rows: uniform; clusters of very different sizes; a slow drift in few dimensions, like video."""
    rng = np.random.default_rng(1)
    if kind == "uniform":
        return rng.random((n, d), np.float32)
    noise = rng.standard_normal((n, d), np.float32)
    if kind == "clustered":
        share = 1 / np.arange(1, N_CLUSTERS + 1)
        centers = 2 * rng.normal(size=(N_CLUSTERS, d)).astype(np.float32)
        return centers[rng.choice(N_CLUSTERS, n, p=share / share.sum())] + np.float32(0.3) * noise
    walk = rng.standard_normal((n, 8), np.float32).cumsum(axis=0) / 30
    rows = walk @ rng.standard_normal((8, d), np.float32)
    rows += np.multiply(noise, np.float32(0.05), out=noise)
    return rows


def blobs(n: int, height: int, width: int) -> Any:
    """(n, h, w) masks: a round shape with a wavy outline in each, a few percent of the picture."""
    rng = np.random.default_rng(0)
    out = np.zeros((n, height, width), np.uint8)
    for mask in out:
        radius = rng.uniform(0.02, 0.22) * height
        center_y, center_x = rng.uniform(radius, height - radius), rng.uniform(radius, width - radius)
        waves = [(f, rng.normal() / f, rng.uniform(0, 6)) for f in range(2, 9)]
        reach = radius * (1 + 0.1 * sum(abs(high) for _, high, _ in waves)) + 1  # no pixel beyond is set
        rows = slice(max(0, int(center_y - reach)), min(height, int(center_y + reach) + 1))
        columns = slice(max(0, int(center_x - reach)), min(width, int(center_x + reach) + 1))
        y, x = np.mgrid[rows, columns]
        angle = np.arctan2(y - center_y, x - center_x)
        wave = sum(high * np.cos(f * angle + at) for f, high, at in waves)
        mask[rows, columns] = np.hypot(y - center_y, x - center_x) < radius * (1 + 0.1 * wave)
    return out


def speckle(n: int, height: int, width: int) -> Any:
    """(n, h, w) masks: a hundredth of the pixels, each by itself."""
    rng = np.random.default_rng(0)
    return np.stack([(rng.random((height, width), np.float32) < 0.01).view(np.uint8) for _ in range(n)])
