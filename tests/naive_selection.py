"""Slow, obvious references of selection. Nothing here may import framesift."""

import itertools

import numpy as np


def most_apart(places, gap, taken=()):
    """Most places, *taken* among them, of which any two lie at least *gap* apart."""
    for n in range(len(places), 0, -1):
        for chosen in itertools.combinations(range(len(places)), n):
            apart = all(abs(places[a] - places[b]) >= gap for a, b in itertools.combinations(chosen, 2))
            if apart and set(taken) <= set(chosen):
                return n
    return 0


def k_center(x, n, usable, preselected=()):
    """Greedy k-center in float64: the row farthest from all chosen, the lowest of equals."""
    x = x.astype(np.float64)
    usable, chosen = list(usable), list(preselected)
    picks = []
    if not chosen:
        mean = x[usable].mean(axis=0)
        picks.append(min(usable, key=lambda row: (((x[row] - mean) ** 2).sum(), row)))
    while len(picks) < n:
        nearest = {
            row: min(((x[row] - x[other]) ** 2).sum() for other in chosen + picks)
            for row in usable
            if row not in picks
        }
        picks.append(max(nearest, key=lambda row: (nearest[row], -row)))
    return picks


def nearest_to_means(x, labels, centers):
    """Of each cluster, the row nearest its centre."""
    picks = []
    for label, center in enumerate(centers.astype(np.float64)):
        rows = np.flatnonzero(labels == label)
        distance = ((x[rows].astype(np.float64) - center) ** 2).sum(axis=1)
        picks.append(int(rows[distance.argmin()]))
    return picks


def in_order(contents, order, n):
    """The first n frames of *order* that are not black and no copies of one chosen before; *contents* as in `evenly`."""
    chosen, shown = [], []
    for frame in order:
        if len(chosen) < n and contents[frame] is not None and contents[frame] not in shown:
            chosen.append(frame)
            shown.append(contents[frame])
    return sorted(chosen)


def evenly(contents, n):
    """The frame nearest the middle of each of n equal parts that is not black and no copy of one chosen before.

    *contents* has what each frame shows, None for black.
    """
    chosen, shown = [], []
    for part in range(n):
        middle = (2 * part + 1) * len(contents) // (2 * n)
        there = [i for i, content in enumerate(contents) if content is not None and content not in shown]
        frame = min(there, key=lambda i: (abs(i - middle), i))
        chosen.append(frame)
        shown.append(contents[frame])
    return sorted(chosen)
