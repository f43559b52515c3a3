"""Coverage: rows such that every row lies near one of them, by the sum of a power of the distances."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from framesift_kernels import F32, F64, I32, I64, Kernels

from ..errors import UsageError
from ..features.matrix import Readable, as_matrix
from ..features.vectors import in_calls
from ..machine import load_kernels
from .candidates import Line
from .checks import check_order
from .chooser import Chooser, Spaced
from .costs import Costs, power
from .gaps import Gap
from .kcenter import as_indices

Bools = npt.NDArray[np.bool_]
EXACT_TO = 20_000
"""Candidates at most, unless it is said otherwise."""
_FACILITY_EXACT_TO = 100_000
_MISSED = 0.1
"""Share of what greedy saves that stochastic greedy may miss, in expectation (Mirzasoleiman et al. 2015)."""
_FIRST_BATCH, _GROWTH = 64, 4
"""Candidates that are looked at together: at first, and so many times more every time."""
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


def coverage(
    x: npt.ArrayLike | Any,
    n: int,
    *,
    order: int = 4,
    preselected: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    candidates: npt.ArrayLike | int = EXACT_TO,
    min_gap: int = 0,
    max_swaps: int | None = None,
    seed: int = 0,
    device: str = "cpu",
    max_bytes: int = 2**30,
) -> tuple[I64, F32]:
    """Pick n rows so that all rows lie near one: least sum of ``weights[i] * distance(i, nearest pick) ** order``.

    Order 1 is the k-median problem (facility location), order 2 what k-means lowers, with rows for centres, and the
    higher the order, the more the farthest rows count: k-center in the limit. Picks are made greedily, each the row
    that lowers the sum most, which is at least 1 - 1/e of the best in what it saves (Nemhauser et al. 1978), looking
    again only at rows that may be the best (Minoux 1978). Then picks are swapped for other candidates until no swap
    lowers the sum: of every 256 candidates in turn the best swap (after FasterPAM, Schubert and Rousseeuw 2021).
    Ties go to the lowest index. The result does not depend on threads, on blocks, or on whether x is in memory.

    Parameters
    ----------
    x : (rows, d) array or zarr array
        uint8, float16 and float32 are taken as they are, other types are converted to float32.
    n
        How many to pick, from 1 to the number of candidates that are not preselected.
    order
        Power of the Euclidean distance, a whole number from 1 to 16.
    preselected : (p,) integers
        Rows picked earlier: they serve the rows near them and are not among the picks.
    weights : (rows,) numbers
        How much each row counts; 1 by default.
    candidates : int or (m,) integers
        Rows that may be picked; or how many at most: of more rows, one is drawn of each of so many equal parts of
        them. All rows are served either way.
    min_gap
        Picks lie at least this many rows from each other, and from preselected rows.
    max_swaps
        Swaps at most; 0: the greedy picks.
    seed
        Of the candidates that are drawn, by ``np.random.Philox``.
    device
        ``"cpu"``, or ``"cuda"``: the same picks, of an NVIDIA GPU, on which *x* may lie. It has been run in a
        simulator so far, never on a GPU: see ``docs/design/0012-cuda.md``.
    max_bytes
        For costs, 4 bytes a row and candidate; those that do not fit are computed each time they are needed. A
        zarr array larger than this is read in blocks, a pass over it for each quarter of this of costs.

    Returns
    -------
    indices : (n,) int64
        In the order in which greedy would pick them.
    distances : (rows,) float32
        Euclidean distance of every row to the nearest picked or preselected one.

    Raises
    ------
    UsageError
        x is not a finite matrix, or another argument makes no sense.

    Notes
    -----
    O(rows m d) for the costs, half of it if all rows in memory are candidates; then O(rows m) a look at all of them.
    Memory: max_bytes, 4 bytes a row and pick, 80 a row, and, if x is read in blocks, the candidates' rows.
    """
    if max_swaps is not None and max_swaps < 0:
        raise UsageError(f"max_swaps must not be negative, got {max_swaps}")
    if min_gap < 0:
        raise UsageError(f"min_gap must not be negative, got {min_gap}")
    problem = _problem(x, n, order, preselected, weights, candidates, min_gap, seed, device, max_bytes)
    return _answer(problem, problem.solve(n, max_swaps))


def facility_location(
    x: npt.ArrayLike | Any,
    n: int,
    *,
    preselected: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    exact_to: int = _FACILITY_EXACT_TO,
    seed: int = 0,
    device: str = "cpu",
    max_bytes: int = 2**30,
) -> tuple[I64, F32]:
    """Pick n rows greedily, each the one that brings all rows nearest to a picked one: `coverage` of order 1, no swaps.

    The similarity of two rows is the largest distance less theirs, so that the sum over the rows of the similarity to
    the most similar pick is monotone and submodular. Up to *exact_to* rows the picks are those of plain greedy; of
    more, each is the best of ``rows / n * log(1 / 0.1)`` drawn at random (stochastic greedy, Mirzasoleiman et al.
    2015), which loses a tenth at most in expectation.

    Parameters and results are those of `coverage`.
    """
    rows = np.arange(_n_rows(x))
    problem = _problem(x, n, 1, preselected, weights, rows, 0, seed, device, max_bytes)
    rng = np.random.Generator(np.random.Philox(seed)) if len(rows) > exact_to else None
    return _answer(problem, problem.solve(n, 0, rng))


def _answer(problem: "Problem", picks: I64) -> tuple[I64, F32]:
    return picks, np.sqrt(problem.nearest(np.concatenate([picks, problem.preselected]))[1])


def _n_rows(x: Any) -> int:
    shape = getattr(x, "shape", None)
    return int(shape[0]) if shape else len(x) if isinstance(x, list | tuple) else 0


def _problem(
    x: Any,
    n: int,
    order: int,
    preselected: Any,
    weights: Any,
    candidates: Any,
    min_gap: int,
    seed: int,
    device: str,
    max_bytes: int,
) -> "Problem":
    kernels = load_kernels(device)
    check_order(order)
    if seed < 0:
        raise UsageError(f"seed must not be negative, got {seed}")
    matrix = as_matrix(x, max_bytes, kernels=kernels)
    n_rows = matrix.shape[0]
    before = as_indices(preselected, n_rows)
    usable = np.ones(n_rows, bool)
    if not isinstance(candidates, int | np.integer):
        usable[:] = False
        usable[as_indices(candidates, n_rows, "candidates")] = True
    elif candidates < 1:
        raise UsageError(f"candidates must be rows, or how many at most, got {candidates}")
    usable[before] = False
    line = Line(usable)
    chooser = Chooser(line, Gap(min_gap, "frames"))
    chooser.block_around(0, before, line.time_s[before])
    if not 1 <= n <= chooser.capacity:
        apart = f", {min_gap} rows apart" if min_gap > 1 else ""
        raise UsageError(
            f"n must be from 1 to the number of candidates that are not preselected, got {n = }, "
            f"{n_rows} rows, {len(before)} preselected and {chooser.capacity} that can be picked{apart}"
        )
    most = int(candidates) if isinstance(candidates, int | np.integer) else n_rows
    rows = chooser.draw(most, n, np.random.Generator(np.random.Philox(seed)))
    return Problem(
        matrix,
        rows,
        before,
        _as_weights(weights, n_rows),
        order,
        Spaced(chooser, rows, n),
        kernels,
        max_bytes,
    )


def _as_weights(weights: Any, n_rows: int) -> F32:
    if weights is None:
        return np.ones(n_rows, np.float32)
    array = np.asarray(weights)
    if array.shape != (n_rows,) or array.dtype.kind not in "biuf":
        raise UsageError(
            f"weights must be {n_rows} numbers, one a row, got {array.dtype = }, {array.shape = }"
        )
    found = array.astype(np.float32)
    if not np.isfinite(found).all() or (found < 0).any():
        raise UsageError("weights must be finite and not negative")
    return found


@dataclass(frozen=True, slots=True)
class Problem:
    """What to cover, by what."""

    matrix: Readable
    """All rows: the clients."""
    candidates: I64
    """(m,) increasing rows that may be picked."""
    preselected: I64
    """Rows that serve already."""
    weights: F32
    """(rows,)"""
    order: int
    rules: Rules
    kernels: Kernels
    max_bytes: int

    def solve(self, n: int, max_swaps: int | None = None, rng: np.random.Generator | None = None) -> I64:
        """Pick *n* rows, in the order in which greedy picks them. With *rng* by stochastic greedy."""
        costs = Costs(self.matrix, self.candidates, self.order, self.weights, self.kernels, self.max_bytes)
        base = np.ones(self.matrix.shape[0], np.float32)  # above any cost
        if len(self.preselected):
            base = power(self.nearest(self.preselected)[1], costs.scale, self.order)
        base = costs.padded(base)
        m = len(self.candidates)
        if rng is None:
            picks = greedy(costs.gains, costs.row, base, self.rules, n, m)
        else:
            picks = _stochastic(costs, base, self.rules, n, m, rng)
        if max_swaps != 0:
            picks = _refine(costs, base, picks, self.rules, self.kernels, max_swaps, m)
        return self.candidates[picks]

    def nearest(self, rows: I64) -> tuple[I32, F32]:
        """(rows,) which of some rows is nearest to each, and its squared distance; -1, infinity if there are none."""
        n = self.matrix.shape[0]
        labels, sqdist = np.full(n, -1, np.int32), np.full(n, np.inf, np.float32)
        if len(rows):
            centers = self.kernels.get(self.matrix.take(rows)).astype(np.float32)
            slices = self.matrix.slices

            def lower(s: slice) -> None:
                for at in slices[s]:
                    labels[at], sqdist[at] = self.kernels.assign(self.matrix.read(at), centers)

            in_calls(self.kernels, lower, len(slices), 1)
        return labels, sqdist


def greedy(
    gains: Callable[[I64, F32], F64],
    row: Callable[[int], F32],
    near: F32,
    rules: Open,
    n: int,
    m: int,
) -> list[int]:
    """Pick n of m candidates, each the one of the largest gain, the lowest on a tie (lazily: Minoux 1978).

    What a candidate would have saved some picks ago is a bound on what it saves now, so only those are looked at
    whose bound is not below the best gain found. Float sums keep that: see `cost_gains`.
    """
    bounds = np.where(rules.open, np.inf, -np.inf)
    stale = bounds.copy()  # -inf: known, or closed
    best, most = -1, -np.inf
    picks: list[int] = []
    batch = m
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
                stale[:], batch = bounds, _FIRST_BATCH
            else:
                stale[~rules.open] = -np.inf
        best, most = _most(bounds, stale)
    return picks


def _most(gains: F64, stale: F64) -> tuple[int, float]:
    """The candidate of the largest gain that is known, the lowest on a tie, and that gain; -1 if there is none."""
    known = np.where(stale == -np.inf, gains, -np.inf)
    best = int(known.argmax())
    return (best, float(known[best])) if known[best] > -np.inf else (-1, -np.inf)


def _stochastic(costs: Costs, near: F32, rules: Rules, n: int, m: int, rng: np.random.Generator) -> list[int]:
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


def _refine(
    costs: Costs,
    base: F32,
    picks: list[int],
    rules: Rules,
    kernels: Kernels,
    max_swaps: int | None,
    m: int,
) -> list[int]:
    """Swap picks for other candidates until no swap of one lowers the total, and order them as greedy would."""
    picked = np.stack([costs.row(pick) for pick in picks])
    k, n = picked.shape
    near, second = np.empty(n, np.float32), np.empty(n, np.float32)
    slot, other = np.empty(n, np.int32), np.empty(n, np.int32)
    everyone = np.arange(m)
    swaps, since, start, replaced = 0, 0, 0, -1
    only = rules.only(picks)
    while since < m and (max_swaps is None or swaps < max_swaps):
        if since == 0:
            kernels.nearest_two(picked, replaced, base, near, second, slot, other)
            loss = costs.weights * (second.astype(np.float64) - near)
            removal = np.bincount(slot, loss, k + 1)[:k].astype(np.float64)
            least = -_IMPROVES * float((costs.weights * near.astype(np.float64)).sum())
        block = everyone[start : start + _BLOCK]
        if start % max(_BLOCK, costs.at_once // _BLOCK * _BLOCK) == 0:
            costs.hold(everyone[start : start + costs.at_once])
        change, swapped = np.empty(len(block)), np.empty(len(block), np.int32)
        for part, due in rules.dues(block, picks):
            change[part], swapped[part] = costs.changes(
                block[part], near, second, slot, removal + due, only[block[part]]
            )
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
