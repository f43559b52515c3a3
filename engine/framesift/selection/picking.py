"""The loops of coverage: picks by greed, and swaps of picks."""

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
import numpy.typing as npt

from framesift_kernels import F32, F64, I32, I64, Kernels

from .costs import Costs
from .savings import Least

Bools = npt.NDArray[np.bool_]
_MISSED = 0.1
"""Share of what greedy saves that stochastic greedy may miss, in expectation (Mirzasoleiman et al. 2015)."""
_FIRST_BATCH, _FEW, _GROWTH = 64, 4, 4
"""Candidates that are looked at together: at first, or if their bounds are near; and so many times more every time."""
_BLOCK = 256
"""Candidates of which the best swap is made, if it is one. Results depend on it."""
_IMPROVES = 1e-9
"""Share of the total that a swap must save: more than float64 sums lose."""


class Open(Protocol):
    """Which candidates may be picked."""

    @property
    def open(self) -> Bools:
        """(m,) may still be picked."""

    def take(self, candidate: int) -> bool:
        """Pick one, if it may be."""


class Rules(Open, Protocol):
    """Which candidates may be picked, and which may take the place of a pick."""

    def only(self, picks: list[int]) -> I32:
        """(m,) for each candidate the number of the pick that it may replace; -1: any, -2: none."""

    def dues(self, block: I64, picks: list[int]) -> Iterator[tuple[slice, F64 | float]]:
        """Parts of *block*, and (k,) what is due for replacing each pick by one of them."""


def greedy(
    gains: Callable[[I64, F32], F64],
    row: Callable[[int], F32],
    near: F32,
    rules: Open,
    n: int,
    m: int,
    limits: Callable[[F32], F64] | None = None,
) -> list[int]:
    """Pick n of m candidates, each the one of the largest gain, the lowest on a tie (lazily: Minoux 1978).

    What a candidate would have saved some picks ago is a bound on what it saves now, so only those are looked at
    whose bound is not below the best gain found. Float sums keep that: see `cost_gains`. *limits* are bounds as well,
    near ones, for what the clients cost.
    """
    bounds = np.where(rules.open, np.inf, -np.inf)
    stale = np.minimum(bounds, limits(near)) if limits else bounds.copy()  # -inf: known, or closed
    best, most = -1, -np.inf
    picks: list[int] = []
    first = _FEW if limits else _FIRST_BATCH
    batch = first if limits else m
    while len(picks) < n:
        wanted = np.flatnonzero(stale >= most) if best >= 0 else np.flatnonzero(stale > most)
        wanted = wanted[(wanted < best) | (stale[wanted] > most)]
        if len(wanted):
            if len(wanted) > batch:
                wanted = np.sort(wanted[np.argpartition(-stale[wanted], batch)[:batch]])
            found = gains(wanted, near)
            bounds[wanted], stale[wanted] = found, -np.inf
            batch *= _GROWTH
        else:
            taken = rules.take(best)
            bounds[~rules.open] = -np.inf
            if taken:
                picks.append(best)
                near = np.minimum(near, row(best))
                stale, batch = np.minimum(bounds, limits(near)) if limits else bounds.copy(), first
            else:
                stale[~rules.open] = -np.inf
        best, most = _most(bounds, stale)
    return picks


def _most(gains: F64, stale: F64) -> tuple[int, float]:
    """The candidate of the largest gain that is known, the lowest on a tie, and that gain; -1 if there is none."""
    known = np.where(stale == -np.inf, gains, -np.inf)
    best = int(known.argmax())
    return (best, float(known[best])) if known[best] > -np.inf else (-1, -np.inf)


def stochastic(costs: Costs, near: F32, rules: Rules, n: int, m: int, rng: np.random.Generator) -> list[int]:
    """Pick n of m candidates, each the one of the largest gain among some drawn at random."""
    size = int(np.ceil(m / n * np.log(1 / _MISSED)))
    picks: list[int] = []
    while len(picks) < n:
        there = np.flatnonzero(rules.open)
        drawn = np.sort(rng.choice(there, min(size, len(there)), replace=False))
        best = int(drawn[costs.gains(drawn, near).argmax()])
        if rules.take(best):
            picks.append(best)
            near = np.minimum(near, costs.row(best))
    return picks


def refine(
    costs: Costs,
    base: F32,
    picks: list[int],
    rules: Rules,
    kernels: Kernels,
    max_swaps: int | None,
    m: int,
) -> list[int]:
    """Swap picks for other candidates until no swap of one lowers the total, and order them as greedy would."""
    picked = costs.rows(np.array(picks))
    k, n = picked.shape
    near, second = np.empty(n, np.float32), np.empty(n, np.float32)
    slot, other = np.empty(n, np.int32), np.empty(n, np.int32)
    everyone = np.arange(m)
    fits = costs.is_square and Least.n_bytes(costs, k) <= costs.spare_bytes
    limits = Least(costs, k) if fits else None
    swaps, since, start, replaced = 0, 0, 0, -1
    only = rules.only(picks)
    while since < m and (max_swaps is None or swaps < max_swaps):
        if since == 0:
            kernels.nearest_two(picked, replaced, base, near, second, slot, other)
            loss = costs.weights * (second.astype(np.float64) - near)
            removal = np.bincount(slot, loss, k + 1)[:k].astype(np.float64)
            least = -_IMPROVES * float((costs.weights * near.astype(np.float64)).sum())
            if limits:
                limits.follow(near, second, slot, removal)
        block = everyone[start : start + _BLOCK]
        if not limits and start % max(_BLOCK, costs.at_once // _BLOCK * _BLOCK) == 0:
            costs.hold(everyone[start : start + costs.at_once])
        change, swapped = np.full(len(block), np.inf), np.full(len(block), -1, np.int32)
        for part, due in rules.dues(block, picks):
            at = np.arange(len(block))[part]
            if limits:
                lowest = limits(block[at], due, only[block[at]])
                at = at[(lowest < least) & (lowest <= lowest.min() + limits.reach)]
            if len(at):
                which = block[at]
                change[at], swapped[at] = costs.changes(which, near, second, slot, removal + due, only[which])
        best = int(change.argmin())
        since += len(block)
        if change[best] < least:
            replaced = int(swapped[best])
            picks[replaced] = int(block[best])
            picked[replaced] = costs.row(picks[replaced])
            only = rules.only(picks)
            swaps, since = swaps + 1, 0
        start = start + len(block) if start + len(block) < m else 0
    return [picks[t] for t in _in_order(costs, picked, base, kernels)]


class _Everyone:
    """All may be picked, once."""

    def __init__(self, n: int) -> None:
        self.open = np.ones(n, bool)

    def take(self, candidate: int) -> bool:
        self.open[candidate] = False
        return True


def _in_order(costs: Costs, picked: F32, base: F32, kernels: Kernels) -> list[int]:
    def gains(which: I64, near: F32) -> F64:
        return kernels.cost_gains(picked, which, near, costs.weights)

    k = len(picked)
    return greedy(gains, lambda t: picked[t], base, _Everyone(k), k, k)
