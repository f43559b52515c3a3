"""The slow truth of what selections are judged by: loops over frames and picks."""

import math
from collections.abc import Sequence


def distance(a: Sequence[float], b: Sequence[float]) -> float:
    """Euclidean."""
    return math.sqrt(sum((float(x) - float(y)) ** 2 for x, y in zip(a, b, strict=True)))


def nearest(features: Sequence[Sequence[float]], picks: Sequence[int]) -> list[float]:
    """Distance of every frame to its nearest pick."""
    return [min(distance(row, features[pick]) for pick in picks) for row in features]


def pairs(features: Sequence[Sequence[float]], picks: Sequence[int]) -> list[float]:
    """Distances between all pairs of distinct picks, from least to most."""
    chosen = sorted(set(picks))
    return sorted(distance(features[a], features[b]) for a in chosen for b in chosen if a < b)


def inertia(x: Sequence[Sequence[float]], centers: Sequence[Sequence[float]]) -> float:
    """Sum of squared distances to the nearest centre."""
    return sum(min(distance(row, center) for center in centers) ** 2 for row in x)
