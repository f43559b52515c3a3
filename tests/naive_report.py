"""Slow, obvious references of a report. Nothing here may import framesift."""

import itertools
import math

import numpy as np


def rms(a, b):
    """Root mean square difference of two thumbnails."""
    return math.sqrt(sum((float(p) - float(q)) ** 2 for p, q in zip(a, b, strict=True)) / len(a))


def percentile(values, q):
    """Linear between the nearest ranks."""
    values = sorted(values)
    place = (len(values) - 1) * q / 100
    low = math.floor(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)


def pairs(x, distance):
    """Of the distances of every two rows: mean, min, max, 10th and 90th percentile."""
    found = [distance(a, b) for a, b in itertools.combinations(x, 2)]
    return {
        "mean": sum(found) / len(found),
        "min": min(found),
        "max": max(found),
        "p10": percentile(found, 10),
        "p90": percentile(found, 90),
    }


def to_cover(x, y, distance):
    """Of each row of x the distance to the nearest of y."""
    return [min(distance(a, b) for b in y) for a in x]


def unit_components(x, k):
    """Principal components by the covariance matrix, of unit length."""
    x = np.asarray(x, np.float64)
    centred = x - x.mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred)
    projected = centred @ vectors[:, np.argsort(-values)[:k]]
    return projected / np.linalg.norm(projected, axis=1, keepdims=True)


def counts(values, low, high, bins):
    """Histogram; the last bin holds its upper end."""
    found = [0] * bins
    for value in values:
        found[min(bins - 1, int((value - low) / (high - low) * bins))] += 1
    return found
