"""Slow, obvious references. Nothing here may import framesift."""

from fractions import Fraction

import numpy as np


def overlap(count, size):
    """(count, size) share of every pixel in every cell, both in units of 1 / count pixels."""
    cell, pixel = np.arange(count)[:, None], np.arange(size)[None, :]
    start = np.maximum(cell * size, pixel * count)
    stop = np.minimum((cell + 1) * size, (pixel + 1) * count)
    return np.maximum(stop - start, 0)


def thumbnail(plane, region, gain, bias, shape):
    x1, x2, y1, y2 = region
    pixels = plane[y1:y2, x1:x2].astype(np.int64)
    sums = overlap(shape[0], y2 - y1) @ pixels @ overlap(shape[1], x2 - x1).T
    mean = sums / pixels.size
    return np.clip(np.floor(mean * gain + bias + 0.5), 0, 255).astype(np.uint8)


def sharpness(plane, region, depth):
    x1, x2, y1, y2 = region
    p = plane.astype(object)
    v = [
        p[y, x - 1] + p[y, x + 1] + p[y - 1, x] + p[y + 1, x] - 4 * p[y, x]
        for y in range(y1 + 1, y2 - 1, 8)
        for x in range(x1 + 1, x2 - 1)
    ]
    if not v:
        return 0.0
    mean = Fraction(sum(v), len(v))
    return float(sum((a - mean) ** 2 for a in v) / len(v) / 4 ** (depth - 8))


def splitmix64(x):
    x = (x + 0x9E3779B97F4A7C15) % 2**64
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB % 2**64
    return x ^ (x >> 31)


def content_hash(plane, row_bytes, seed):
    keys = [splitmix64(i) >> 32 for i in range(1024)]
    state = splitmix64(splitmix64(splitmix64(seed) ^ len(plane)) ^ row_bytes)
    for row in plane:
        data = row.tobytes()[:row_bytes]
        for start in range(0, row_bytes, 4096):
            total = 0
            block = data[start : start + 4096]
            for i in range(-(-len(block) // 8)):
                low = int.from_bytes(block[8 * i : 8 * i + 4], "little")
                high = int.from_bytes(block[8 * i + 4 : 8 * i + 8], "little")
                total += ((low + keys[i]) % 2**32) * ((high + keys[512 + i]) % 2**32)
            state = splitmix64(state ^ (total % 2**64))
    return state


def luminance(thumbnails):
    flat = thumbnails.reshape(len(thumbnails), -1).astype(np.int64)
    n = flat.shape[1]
    mean = flat.sum(axis=1) / n
    contrast = np.sqrt((n * (flat**2).sum(axis=1) - flat.sum(axis=1) ** 2) / n**2)
    return mean.astype(np.float32), contrast.astype(np.float32), flat.max(axis=1).astype(np.uint8)


def motion_energy(thumbnails, previous):
    pictures = thumbnails.astype(np.int64)
    first = pictures[0] if previous is None else previous
    before = np.concatenate([first[None], pictures[:-1]])
    return np.abs(pictures - before).mean(axis=(1, 2)).astype(np.float32)


def fma(a, b, c):
    """The float32 next to a * b + c; of two, the even one."""
    exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
    near = np.float32(float(exact))
    both = [np.nextafter(near, np.float32(s) * np.float32(np.inf)) for s in (-1, 1)]
    return min([near, *both], key=lambda v: (abs(Fraction(float(v)) - exact), int(v.view(np.int32)) & 1))


def sqdist(a, b):
    """One chain of float32 fused multiply-adds."""
    total = np.float32(0)
    for u, v in zip(a, b, strict=True):
        diff = np.float32(u) - np.float32(v)
        total = fma(diff, diff, total)
    return total


def assign(x, centers):
    table = np.array([[sqdist(a, c) for c in centers] for a in x], np.float32).reshape(len(x), len(centers))
    return table.argmin(axis=1), table.min(axis=1)


def cluster_sums(x, labels, k):
    sums = np.zeros((k, x.shape[1]), np.int64 if x.dtype == np.uint8 else np.float64)
    counts = np.zeros(k, np.int64)
    for row, label in zip(x, labels, strict=True):
        if label >= 0:
            sums[label] += row
            counts[label] += 1
    return sums, counts


def lower_nearest(x, rows, centers, first, before, nearest):
    """Squared distance and number of the nearest centre of some rows, those known before taken into account."""
    now, number = before.copy(), nearest.copy()
    for i in rows:
        for c in range(first, len(centers)):
            value = sqdist(x[i], centers[c])
            if value < now[i]:
                now[i], number[i] = value, c
    return now, number


def kcenter_greedy(x, n, first=0, preselected=(), min_distance=0.0):
    """Always the row farthest from all chosen; the first on a tie."""
    chosen = sorted(set(preselected)) or [first]
    picks, distances = ([], []) if len(preselected) else ([first], [np.float32(np.inf)])
    near = [min(sqdist(row, x[c]) for c in chosen) for row in x]
    while len(picks) < n:
        left = [i for i in range(len(x)) if i not in chosen]
        best = max(left, key=lambda i: (near[i], -i))
        if np.sqrt(near[best]) < min_distance:
            break
        chosen.append(best)
        picks.append(best)
        distances.append(np.sqrt(near[best]))
        near = [min(a, sqdist(row, x[best])) for a, row in zip(near, x, strict=True)]
    return picks, distances


def rle_encode(mask, columns):
    """Runs of zeros and ones in turn, zeros first."""
    counts, value = [0], 0
    for pixel in (np.asarray(mask) != 0).ravel(order="F" if columns else "C"):
        if pixel != value:
            counts.append(0)
            value = pixel
        counts[-1] += 1
    return counts


def rle_decode(counts, shape, columns):
    values = [i % 2 for i, count in enumerate(counts) for _ in range(count)]
    return np.array(values, np.uint8).reshape(shape, order="F" if columns else "C")


def rle_to_string(counts):
    """From the fourth on differences; signed groups of 5 bits, the lowest first, 32 where more follow, plus 48."""
    text = ""
    for i, count in enumerate(counts):
        value = int(count) - (int(counts[i - 2]) if i > 2 else 0)
        groups = 1
        while not -(2 ** (5 * groups - 1)) <= value < 2 ** (5 * groups - 1):
            groups += 1
        for g in range(groups):
            text += chr(48 + ((value >> 5 * g) & 31) + (32 if g < groups - 1 else 0))
    return text
