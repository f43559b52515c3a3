"""Slow truths of predictions: scores of one picture's singletons, run lengths of one mask. Imports nothing of ours."""

import math


def probabilities(item, ids):
    """The document's approximation where there are none; a second class beside a class alone."""
    given = item.get("probabilities")
    n = max(2, len(ids))
    if given is None:
        given = [(1 - item["score"]) / (n - 1)] * n
        given[ids.index(item["category_id"])] = item["score"]
    elif len(ids) == 1:
        given = [given[0], 1 - given[0]]
    return given


def uncertainty(p, normalize):
    n = len(p)
    first, second = sorted(p)[::-1][:2]
    entropy = -sum(v * math.log2(v) for v in p if v > 0)
    found = [1 - first, 1 - (first - second), entropy]
    if normalize:
        found = [found[0] / (1 - 1 / n), found[1], found[2] / math.log2(n)]
        found = [min(max(v, 0), 1) for v in found]
    return found


def uncertainties(task_type, items, ids, normalize=True):
    """Of a picture: the largest of its objects', or the mean over the pixels of its segments."""
    if not items:
        return [0, 0, 0]
    each = [uncertainty(probabilities(item, ids), normalize) for item in items]
    if task_type != "semantic-segmentation":
        return [max(column) for column in zip(*each, strict=True)]
    pixels = []
    for item, values in zip(items, each, strict=True):
        pixels += [values] * sum(item["segmentation"][1::2])
    return [sum(column) / len(pixels) for column in zip(*pixels, strict=True)] if pixels else [0, 0, 0]


def objectness(items):
    return 1 - sum(item["score"] for item in items) / len(items) if items else 0


def frequencies(pictures):
    values = []
    for items in pictures:
        counts = {}
        for item in items:
            key = item["category_id"]
            counts[key] = counts[key] + 0.25 if key in counts else 1
        values.append(sum(counts.values()))
    low, high = min(values), max(values)
    return [1.0 if high == low else 0.9 + 0.1 * (v - low) / (high - low) for v in values]


def distribution(items, ids):
    found = [0.0] * len(ids)
    for item in items:
        given = item.get("probabilities")
        for i, number in enumerate(ids):
            found[i] += given[i] if given is not None else item["category_id"] == number
    return found


def run_lengths(mask):
    """Along the rows, zeros first; pixel by pixel."""
    runs, value = [0], 0
    for row in mask:
        for pixel in row:
            if bool(pixel) != value:
                value = bool(pixel)
                runs.append(0)
            runs[-1] += 1
    return runs
