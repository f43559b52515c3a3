"""Slow, obvious references of what constrains a selection. Nothing here may import framesift."""

import itertools

import numpy as np


def choices(sources, usable, gap, least, most, n):
    """All sets of n rows that keep the gap within a source, and the least and the most of each source."""
    rows = [(s, place) for s, places in enumerate(sources) for place in places]
    free = [at for at in range(len(rows)) if usable[at]]
    found = []
    for chosen in itertools.combinations(free, n):
        of = [[rows[at][1] for at in chosen if rows[at][0] == s] for s in range(len(sources))]
        apart = all(abs(a - b) >= gap for places in of for a, b in itertools.combinations(places, 2))
        if apart and all(least <= len(places) <= most for places in of):
            found.append(set(chosen))
    return found


def foreground(pictures, radius):
    """(n, h, w) what stands out, blurred but not scaled: pixel by pixel."""
    pictures = np.asarray(pictures, np.int64)
    background = np.floor(np.median(pictures, axis=0))
    lit = [sorted((p - background).ravel())[(background.size - 1) // 2] for p in pictures]
    spread = np.median([abs(p - background - light) for p, light in zip(pictures, lit, strict=True)], axis=0)
    threshold = np.maximum(2, np.ceil(3 * 1.4826 * spread))
    found = []
    for picture, light in zip(pictures, lit, strict=True):
        out = np.clip(abs(picture - background - light) - threshold, 0, 64)
        for _ in range(2):
            out = boxed(out, radius)
        found.append(out)
    return np.array(found)


def boxed(picture, radius):
    """Sums over squares."""
    height, width = picture.shape
    out = np.zeros_like(picture)
    for y in range(height):
        for x in range(width):
            out[y, x] = picture[
                max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1
            ].sum()
    return out


def to_nearest_place(places, chosen):
    """Of each frame, how far what it shows is from where a chosen frame shows it."""
    places = np.asarray(places, float)
    return np.array([min(np.hypot(*(place - places[c])) for c in chosen) for place in places])


def sharpened(x, picks, sharpness, share):
    """Each pick, or the sharpest that is nearest to it of all picks and near enough, and is not taken."""
    x = np.asarray(x, float)
    apart = [[np.linalg.norm(row - x[p]) for p in picks] for row in x]
    found = list(picks)
    for number, pick in enumerate(picks):
        limit = share * min(apart[pick][o] for o in range(len(picks)) if o != number)
        equal = [
            r
            for r in range(len(x))
            if apart[r].index(min(apart[r])) == number
            and apart[r][number] <= limit
            and r not in found[:number] + found[number + 1 :]
        ]
        best = max(equal, key=lambda r: (sharpness[r], -r), default=pick)
        if sharpness[best] > sharpness[pick]:
            found[number] = best
    return found
