"""Slow, obvious references of vectors. Nothing here may import framesift."""

from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
from PIL import Image


def frames(path, rotation=0):
    """Every frame of a video as an RGB picture, by a plain sequential decode; *rotation* in degrees counterclockwise."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            rgb = frame.to_ndarray(format="rgb24")
            yield Image.fromarray(np.ascontiguousarray(np.rot90(rgb, rotation // 90)))


def prepared(picture, size, *, fit="stretch", color="rgb", scale=1 / 255, mean=(0.0,), std=(1.0,), box=None):
    """(h, w, channels) float64: a picture as a model wants it."""
    height, width = size
    if box is not None:
        picture = picture.crop(box)
    at = (width, height)
    if fit != "stretch":
        choose = max if fit == "crop" else min
        ratio = choose(width / picture.width, height / picture.height)
        at = (max(1, round(picture.width * ratio)), max(1, round(picture.height * ratio)))
    scaled = picture.resize(at, Image.Resampling.BILINEAR)
    left, top = (width - at[0]) // 2, (height - at[1]) // 2
    canvas = Image.new("RGB", (width, height))
    canvas.paste(scaled, (left, top))
    values = np.asarray(canvas.convert("L"))[..., None] if color == "grey" else np.asarray(canvas)
    if color == "bgr":
        values = values[..., ::-1]
    out = np.empty(values.shape)
    for channel in range(values.shape[2]):
        m, s = mean[channel % len(mean)], std[channel % len(std)]
        out[..., channel] = (values[..., channel] * scale - m) / s
    return out


def unit(x):
    """Rows divided by their lengths."""
    return np.array([row / np.sqrt((row.astype(np.float64) ** 2).sum()) for row in x])


def tiles(width, height, n_rows, n_cols, overlap):
    """Boxes of a grid in exact numbers: of each row and column, where its tiles begin and end."""

    def along(length, n):
        keep = 1 - Fraction(overlap)
        size = Fraction(length) / (1 + (n - 1) * keep)
        return [(i * size * keep, size) for i in range(n)]

    return [
        tuple(float(v) for v in (x, y, w, h))
        for y, h in along(height, n_rows)
        for x, w in along(width, n_cols)
    ]


def object_diversity(x, offsets, n, preselected=(), weights=None, min_distance=None):
    """Pick rows of several vectors each: the largest of what all picked vectors are apart, and the candidate's own.

    The sum, over the vectors of the picks, of the squared distance to the nearest other; and the squared distance of the
    candidate's farthest vector to the nearest of the picks' vectors. Times the weights of the picks and the candidate.
    """
    x = x.astype(np.float64)
    members = [list(range(a, b)) for a, b in pairwise(offsets)]
    picks = list(preselected)

    def near(a, others):
        return min((((x[a] - x[b]) ** 2).sum() for b in others), default=np.inf)

    def score(row):
        held = [v for pick in picks for v in members[pick]]
        own = 1.0 if weights is None else float(sum(weights[p] for p in [*picks, row]))
        if not held:
            return own if members[row] else -np.inf
        total = sum(near(a, [b for b in held if b != a]) for a in held) if len(held) > 1 else 0.0
        farthest = max((near(a, held) for a in members[row]), default=0.0)
        return (total + farthest) * own

    while len(picks) < n:
        rows = [row for row in range(len(members)) if row not in picks]
        best = max(rows, key=lambda row: (score(row), -row))
        held = [v for pick in picks for v in members[pick]]
        if (
            min_distance
            and held
            and max((near(a, held) for a in members[best]), default=0.0) < min_distance**2
        ):
            break
        picks.append(best)
    return picks
