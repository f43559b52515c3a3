"""Slow, obvious references of neighbours and of the product of objectives. Nothing here may import framesift."""

import numpy as np

from naive import sqdist


def nearest(x, y, k, itself=False):
    """(n, k) indices and squared distances, nearest first, the first of equals; *itself*: not the row itself."""
    table = np.array([[sqdist(a, b) for b in y] for a in x], np.float32).reshape(len(x), len(y))
    found = [
        sorted((value, j) for j, value in enumerate(row) if not (itself and i == j))[:k]
        for i, row in enumerate(table)
    ]
    return np.array([[j for _, j in row] for row in found]), np.array([[v for v, _ in row] for row in found])


def leaders(x, radius):
    """Rows that lead, and of each row its leader: the nearest of those before it, if within the radius."""
    lead, of = [], []
    for i, row in enumerate(x):
        near = min(((sqdist(row, x[j]), j) for j in lead), default=(np.float32(np.inf), i))
        if np.sqrt(near[0]) > radius:
            lead.append(i)
            of.append(i)
        else:
            of.append(near[1])
    return lead, of


def typicality(x, k):
    """Mean over the nearest of exp(-distance / mean of all distances to nearest)."""
    d = np.sqrt(((x[:, None].astype(float) - x) ** 2).sum(axis=2))
    near = np.sort(d + np.diag([np.inf] * len(x)), axis=1)[:, : min(k, len(x) - 1)]
    return np.exp(-near / near.mean()).mean(axis=1)


def similarity(x, queries):
    near = np.sqrt(((x[:, None].astype(float) - queries) ** 2).sum(axis=2)).min(axis=1)
    return np.exp(-near / near.mean())


def product_scores(n, chosen, diversity=(), weights=(), balance=()):
    """Sum of strength times logarithm of objective, of every row; each objective is (values..., strength)."""
    scores = np.zeros(n)
    with np.errstate(divide="ignore", invalid="ignore"):
        for x, strength in diversity:
            scores += strength * np.log(spread(x, chosen))
        for values, strength in weights:
            scores += strength * np.log(values[chosen].sum(dtype=np.float64) + values)
        for rows, target, strength in balance:
            scores += strength * np.log(fit(rows, target, chosen))
    return np.where(np.isnan(scores), -np.inf, scores)


def product_greedy(n, total, preselected=(), **objectives):
    """Rows in the order of picking, the preselected first."""
    chosen = list(preselected)
    while len(chosen) < total:
        scores = product_scores(n, chosen, **objectives)
        left = [i for i in range(n) if i not in chosen]
        chosen.append(max(left, key=lambda i: (scores[i], -i)))
    return chosen


def spread(x, chosen):
    """Squared distances of the chosen to their nearest others, and that of the row to the nearest chosen."""
    if not chosen:
        return np.ones(len(x))
    d = ((x[:, None].astype(np.float64) - x[chosen]) ** 2).sum(axis=2)
    among = d[chosen] + np.diag([np.inf] * len(chosen))
    return (among.min(axis=1).sum() if len(chosen) > 1 else 0.0) + d.min(axis=1)


def fit(rows, target, chosen):
    """1 / (1 + KL(target || shares) / H(target))."""
    target = np.maximum(np.asarray(target, float) / np.sum(target), 1e-10)
    sums = rows[chosen].sum(axis=0, dtype=np.float64) + rows
    total = sums.sum(axis=1, keepdims=True)
    shares = np.maximum(np.divide(sums, total, out=np.zeros_like(sums), where=total > 0), 1e-10)
    kl = (target * np.log(target / shares)).sum(axis=1)
    return 1 / (1 + kl / -(target * np.log(target)).sum())
