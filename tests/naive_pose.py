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


def kalman(y: np.ndarray, ar: np.ndarray, ma: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Predictions, their variances, and the log likelihood at the best noise, by whole matrices."""
    r = max(len(ar), len(ma) + 1)
    t = np.zeros((r, r))
    t[: len(ar), 0] = ar
    t[range(r - 1), range(1, r)] = 1
    noise = np.zeros((r, 1))
    noise[: len(ma) + 1, 0] = [1, *ma]
    p = np.linalg.solve(np.eye(r * r) - np.kron(t, t), (noise @ noise.T).reshape(-1)).reshape(r, r)
    a = np.zeros((r, 1))
    predicted, variance, errors = [], [], []
    for value in y:
        predicted.append(a[0, 0])
        variance.append(p[0, 0])
        gain = np.zeros((r, 1))
        if not math.isnan(value):
            errors.append((value - a[0, 0], p[0, 0]))
            gain = t @ p[:, :1] / p[0, 0]
            a = t @ a + gain * (value - a[0, 0])
        else:
            a = t @ a
        p = t @ p @ t.T + noise @ noise.T - gain @ gain.T * variance[-1]
    k = len(errors)
    squares = sum(e * e / f for e, f in errors) / k
    logs = sum(math.log(f) for _, f in errors)
    return np.array(predicted), np.array(variance), -0.5 * (k * (math.log(2 * math.pi * squares) + 1) + logs)


def reprojection(x: np.ndarray, good: np.ndarray, keep: float) -> np.ndarray:
    """(n, k) distance of points to where the leading components of *good* put them, as Lightning Pose defines it."""
    rows, labels = x.reshape(len(x), -1), good.reshape(len(good), -1)
    mean = np.nanmean(labels, axis=0)
    covariance = np.ma.cov(np.ma.masked_invalid(labels), rowvar=False).data
    values, vectors = np.linalg.eigh(covariance)
    order = np.argsort(values)[::-1]
    share, count = 0.0, 0
    while keep < 1 and share < keep:
        share += values[order[count]] / values[values > 0].sum()
        count += 1
    kept = vectors[:, order[: int(keep) if keep > 1 else count]]
    again = (rows - mean) @ kept @ kept.T + mean
    return np.sqrt(((rows - again).reshape(len(x), -1, 2) ** 2).sum(axis=2))


def spread(members: list[np.ndarray]) -> np.ndarray:
    """(n, m, k) root of the variances of x and y over models; NaN where fewer than two know."""
    out = np.full(members[0].shape[:3], np.nan)
    for place in np.ndindex(out.shape):
        points = [member[place] for member in members if not np.isnan(member[place]).any()]
        if len(points) > 1:
            out[place] = math.sqrt(np.var([p[0] for p in points]) + np.var([p[1] for p in points]))
    return out
