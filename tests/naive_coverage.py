"""Slow, obvious references of coverage. Nothing here may import framesift."""

import numpy as np

import naive


def cost(sqdist, scale, order):
    """``(scale * sqdist) ** (order / 2)`` in float32: factors from the left, and a root."""
    value = np.float32(np.float32(sqdist) * np.float32(scale))
    power = np.float32(1)
    for _ in range(order // 2):
        power = np.float32(power * value)
    return np.float32(power * np.sqrt(value)) if order % 2 else power


def pair_costs(x, clients, scale, order):
    return np.array([[cost(naive.sqdist(a, b), scale, order) for b in clients] for a in x], np.float32)


def cost_gains(costs, near, weights):
    return np.array(
        [
            sum(float(w) * max(0.0, float(b) - float(c)) for c, b, w in zip(row, near, weights, strict=True))
            for row in costs
        ]
    )


def lane_sums(costs, near, weights):
    """`cost_gains` in the order that is promised: every sixteenth term, then halves of the lanes."""
    found = []
    for row in costs:
        lanes = [0.0] * 16
        for i, (c, b, w) in enumerate(zip(row, near, weights, strict=True)):
            lanes[i % 16] += float(w) * max(0.0, float(b) - float(c))
        while len(lanes) > 1:
            half = len(lanes) // 2
            lanes = [a + b for a, b in zip(lanes[:half], lanes[half:], strict=True)]
        found.append(lanes[0])
    return np.array(found)


def add_savings(costs, rows, low, high, weights, slots, sums):
    """Terms in float32, up to eight of a slot that follow one another added by FMAs, then to *sums*."""
    sums = np.array(sums, np.float64)
    for j in range(costs.shape[1]):
        at = 0
        while at < len(rows):
            part, same = (
                np.float32(0),
                [i for i in range(at, min(at + 8, len(rows))) if slots[i] == slots[at]],
            )
            same = [i for e, i in enumerate(same) if i == at + e]
            for i in same:
                gain = np.float32(high[i] - max(low[i], costs[rows[i], j]))
                part = naive.fma(weights[i], max(gain, np.float32(0)), part)
            sums[slots[at], j] += np.float64(part)
            at += len(same)
    return sums


def total(costs, picks, base, weights):
    """Weighted sum over the clients of the least cost, by a pick or as it is."""
    near = np.min([base, *(costs[p] for p in picks)], axis=0)
    return float((np.asarray(weights, np.float64) * near).sum())


def swap(row, near, second, slot, weights, removal, only):
    """Change of the total and the pick to replace, terms in the order of the clients."""
    shared, moved = 0.0, [*map(float, removal), 0.0]
    for c, first, last, pick, w in zip(
        *(a.tolist() for a in (row, near, second, slot, weights)), strict=True
    ):
        if c < last:
            shared += w * (c - first) if c < first else 0.0
            moved[pick] += w * (first - last if c < first else c - last)
    allowed = [t for t in range(len(removal)) if only in (-1, t)]
    best = min(allowed, key=lambda t: (shared + moved[t], t), default=-1)
    return (shared + moved[best], best) if allowed else (0.0, -1)


def far_enough(candidate, picks, gap):
    return candidate not in picks and all(abs(candidate - p) >= gap for p in picks)


def most(free, gap):
    """How many of increasing places can be had, *gap* apart."""
    n, last = 0, None
    for place in free:
        if last is None or place - last >= gap:
            n, last = n + 1, place
    return n


def greedy(costs, n, base, weights, usable=None, gap=1):
    """Always the candidate that lowers the total most, the lowest on a tie, so that n can still be had."""
    picks = []
    usable = range(len(costs)) if usable is None else usable
    while len(picks) < n:
        best, least = None, np.inf
        for j in usable:
            if not far_enough(j, picks, gap):
                continue
            left = [p for p in usable if far_enough(p, [*picks, j], gap)]
            if len(picks) + 1 + most(left, gap) < n:
                continue
            found = total(costs, [*picks, j], base, weights)
            if found < least:
                best, least = j, found
        picks.append(best)
    return picks


def refine(costs, picks, base, weights, block, usable=None, gap=1, max_swaps=None):
    """Of every *block* candidates in turn the best swap that lowers the total, until there is none."""
    picks = list(picks)
    usable = list(range(len(costs)) if usable is None else usable)
    swaps, since, start = 0, 0, 0
    while since < len(usable) and (max_swaps is None or swaps < max_swaps):
        before = total(costs, picks, base, weights)
        best = (-1e-9 * before, None, None)
        for j in usable[start : start + block]:
            here = []
            for t in range(len(picks)):
                others = picks[:t] + picks[t + 1 :]
                if j not in picks and far_enough(j, others, gap):
                    here.append((total(costs, [*others, j], base, weights) - before, t))
            if here:
                change, t = min(here)
                if change < best[0]:
                    best = (change, j, t)
        since += len(usable[start : start + block])
        if best[1] is not None:
            picks[best[2]] = best[1]
            swaps, since = swaps + 1, 0
        start = start + block if start + block < len(usable) else 0
    return picks


def in_order(costs, picks, base, weights):
    """*picks* in the order in which greedy would pick them; of equals the one of the first slot."""
    return [picks[t] for t in greedy(costs[picks], len(picks), base, weights)]
