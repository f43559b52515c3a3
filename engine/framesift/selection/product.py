"""Greedy selection by a product of objectives: diversity, weights, balance of classes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from framesift_kernels import F32, F64, I32, I64, U8, Kernels

from ..errors import UsageError
from ..features.vectors import in_calls, in_threads
from ..machine import load_kernels
from .kcenter import Bounds, Picks, _bring_up_to_date, _least_square, _Pruning
from .neighbours import sqdist_to_others
from .objectives import Balance, Diversity, Objective, Weights

_SCORED_AT_ONCE = 65_536
_KINDS_AT_ONCE = 16_384
_FEW_ROWS = 4096
"""Of a matrix of classes, to see whether rows repeat."""


def product_greedy(
    objectives: Sequence[Objective],
    n: int,
    *,
    preselected: npt.ArrayLike | None = None,
    allowed: npt.ArrayLike | None = None,
    device: str = "cpu",
) -> I64:
    """Pick rows one by one, each the one that makes the product of all objectives, to their strengths, largest.

    The objective of a row x, with the rows S picked before (preselected ones among them), is for

    - `Diversity`: ``sum over s in S of nn(s)**2 + d(x)**2``, nn(s) the distance of s to the nearest other in S, the
      sum 0 while S has one row; d(x) that of x to the nearest in S. Alone it is greedy k-center from row 0.
    - `Weights`: the sum of the weights of S and x;
    - `Balance`: ``1 / (1 + KL(T || P) / H(T))``, T the target and P the shares of classes among S and x.

    Ties go to the lowest index. This is what lightly-mundig computes, whose picks these are: but its sums are
    float32, which makes ties of what differs by less than it can tell, and here they are float64.

    Parameters
    ----------
    objectives
        At least one of `Diversity`, `Weights`, `Balance`, in any order; of each kind several, if need be.
    n
        How many to pick, from 0 to the number of rows that are allowed and not preselected.
    preselected : (p,) integers
        Rows picked earlier, each once, in their order.
    allowed : (rows,) bools
        Which rows may be picked; all by default.
    device
        ``"cpu"``, or ``"cuda"`` (the same result; never run on a GPU so far, see `kcenter_greedy`).

    Returns
    -------
    (at most n,) int64
        In the order of picking. Fewer, where an objective says when to end.

    Raises
    ------
    UsageError
        An argument makes no sense.

    Notes
    -----
    A pick scores all rows by bounds of their distances, which only fall, and brings up to date those that may be the
    best. Memory: 28 bytes a row for each diversity, 4 for each other, 12 in all. On a GPU rows and labels stay; what an
    objective adds to each row, 4 bytes, and the scores, 8 bytes, travel with each pick.
    """
    kernels = load_kernels(device)
    if not objectives:
        raise UsageError("objectives must hold at least one objective, got none")
    greedy = _Greedy(objectives, n, _as_rows(preselected), kernels)
    rows = greedy.n_rows
    if allowed is not None:
        mask = np.asarray(allowed)
        if mask.shape != (rows,) or mask.dtype != np.bool_:
            raise UsageError(f"allowed must be {rows} bools, got {mask.shape = }, {mask.dtype = }")
        greedy.closed[~mask] = 1
    left = int(np.count_nonzero(greedy.closed == 0))
    if not 0 <= n <= left:
        raise UsageError(
            f"n must be from 0 to the number of rows that may be picked, got {n = } and {left} rows"
        )
    picks: list[int] = []
    while len(picks) < n and (row := greedy.pick()) is not None:
        picks.append(row)
    return np.array(picks, np.int64)


def _as_rows(given: npt.ArrayLike | None) -> I64:
    array = np.asarray([] if given is None else given)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise UsageError(f"preselected must be a list of row numbers, got {array.dtype = }, {array.shape = }")
    if len(np.unique(array)) < len(array):
        raise UsageError("preselected must name each row once, it names some twice")
    return array.astype(np.int64)


class _Greedy:
    """The state of a selection: terms that are sums, terms whose logarithms are in tables, scores of all rows."""

    def __init__(self, objectives: Sequence[Objective], n: int, preselected: I64, kernels: Kernels) -> None:
        sums = [o for o in objectives if not isinstance(o, Balance)]
        columns = [o.rows(kernels) if isinstance(o, Diversity) else o.numbers() for o in sums]
        classes = [o.classes() for o in objectives if isinstance(o, Balance)]
        lengths = {len(c) for c in columns} | {len(rows) for rows, _ in classes}
        if len(lengths) > 1:
            raise UsageError(f"all objectives must have the same number of rows, got {sorted(lengths)}")
        self.n_rows = lengths.pop()
        if len(preselected) and not (preselected.min() >= 0 and preselected.max() < self.n_rows):
            raise UsageError(f"preselected must be rows, from 0 to {self.n_rows - 1}, got {preselected}")
        for o in objectives:
            if not np.isfinite(o.strength):
                raise UsageError(f"a strength must be finite, got {o.strength}")
        self._kernels = kernels
        self._added = np.zeros((len(sums), self.n_rows), np.float32)
        self._sums = np.zeros(len(sums))
        self._terms: list[_Spread | _Sum] = []
        most = len(preselected) + n
        for t, (o, column) in enumerate(zip(sums, columns, strict=True)):
            if isinstance(o, Diversity):
                self._terms.append(_Spread(o, column, self._added[t], preselected, most, kernels))
            else:
                self._added[t] = column
                self._terms.append(_Sum(o, self._added[t], preselected))
        weighed = [o for o in objectives if isinstance(o, Balance)]
        self._shares = [
            _Shares(o.strength, rows, target, preselected, kernels)
            for o, (rows, target) in zip(weighed, classes, strict=True)
            if len(target) > 1 and o.strength
        ]
        self._labels = self._stack_labels()
        self._labels_there: Any = kernels.put(self._labels)
        self.closed: U8 = np.zeros(self.n_rows, np.uint8)
        self.closed[preselected] = 1
        self._scores = np.empty(self.n_rows)
        self._slack = 0.0

    def _stack_labels(self) -> I32:
        offsets = np.cumsum([0, *[s.n_kinds for s in self._shares]])
        labels = [s.labels + offset for s, offset in zip(self._shares, offsets, strict=False)]
        return np.array(labels, np.int32).reshape(len(self._shares), self.n_rows)

    def pick(self) -> int | None:
        """The next row; None if there is none, or an objective ends it."""
        if any(isinstance(term, _Sum) and term.reached for term in self._terms):
            return None
        while True:
            for term in self._terms:
                term.close(self.closed)
            row = self._best()
            if row is None or any(term.ends(row) for term in self._terms):
                return None
            self.closed[row] = 1
            if not any(term.passes_over(row) for term in self._terms):
                break
        for term in self._terms:
            term.take(row)
        for shares in self._shares:
            shares.take(row)
        return row

    def _best(self) -> int | None:
        """The row of the highest score, the first of equals.

        Scores are bounds where distances are: rows whose bound is at least a score that is known are brought up to
        date, which leaves one of them as the best. *slack* guesses how far below the highest bound that will be.
        """
        for t, term in enumerate(self._terms):
            self._sums[t] = term.before_scoring()
        strengths = np.array([term.strength if term.counts else 0.0 for term in self._terms])
        tables = np.concatenate([np.empty(0), *[shares.logs() for shares in self._shares]])
        scores, kernels = self._scores, self._kernels

        def score(rows: slice) -> int:
            return kernels.product_scores(
                self._added, self._sums, strengths, self._labels_there, tables, self.closed, rows, scores
            )

        found = [row for row in in_calls(kernels, score, self.n_rows, _SCORED_AT_ONCE) if row >= 0]
        if not found:
            return None
        best = max(found, key=lambda row: (scores[row], -row))
        spreads = [term for term in self._terms if isinstance(term, _Spread)]
        if all(s.is_exact(best) for s in spreads):
            return best
        bound = scores[best]
        floor = bound - self._slack
        rows = np.flatnonzero(scores >= floor)
        while True:
            for spread in spreads:
                spread.bring_up_to_date(rows)
            exact = np.empty(len(rows))
            at = kernels.product_scores(
                np.ascontiguousarray(self._added[:, rows]),
                self._sums,
                strengths,
                np.ascontiguousarray(self._labels[:, rows]),
                tables,
                np.zeros(len(rows), np.uint8),
                slice(0, len(rows)),
                exact,
            )
            top = exact[at]
            if top >= floor:
                self._slack = float(bound - top) if np.isfinite([bound, top]).all() else 0.0
                return int(rows[at])
            floor = top
            rows = np.flatnonzero(scores >= floor)


class _Spread:
    """A diversity: squared distances to the picks, as bounds, and how far apart the picks are."""

    def __init__(
        self, given: Diversity, x: Any, added: F32, preselected: I64, most: int, kernels: Kernels
    ) -> None:
        self._given, self._x, self._kernels = given, x, kernels
        self.strength = given.strength
        n, d = x.shape
        added[:] = np.inf
        self._bounds = Bounds(added, np.zeros(n, np.int32), np.zeros(n, np.int32))
        centers = np.empty((most, d), np.float32)
        centers[: len(preselected)] = kernels.get(kernels.take(x, preselected))
        none = np.float32(0)
        self._picks = Picks(centers, len(preselected), np.empty(0, np.int64), np.empty(0, np.float32), none)
        self._pruning = _Pruning()
        self._apart = np.full(most, np.inf, np.float32)
        if len(preselected) > 1:
            self._apart[: len(preselected)] = sqdist_to_others(centers[: len(preselected)], kernels)
        self._least = _least_square(given.min_distance)

    @property
    def counts(self) -> bool:
        """Whether there are picks to differ from."""
        return self._picks.n_centers > 0

    def before_scoring(self) -> float:
        """The sum over the picks. A row's own distance must be exact, not a bound, if small ones are wanted."""
        if self.strength < 0:
            self.bring_up_to_date(np.arange(len(self._x)))
        n = self._picks.n_centers
        return float(self._apart[:n].sum(dtype=np.float64)) if n > 1 else 0.0

    def is_exact(self, row: int) -> bool:
        """Whether the distance of *row* is known."""
        return bool(self._bounds.applied[row] == self._picks.n_centers)

    def bring_up_to_date(self, rows: I64) -> None:
        """Compute the distances of *rows*."""
        stale = rows[self._bounds.applied[rows] < self._picks.n_centers]
        if len(stale):
            _bring_up_to_date(self._x, stale, self._bounds, self._picks, self._pruning, self._kernels)

    def close(self, closed: U8) -> None:
        """Rows that lie too near already will not be picked, if that is not to end it all."""
        if self._least and not self._given.stop_at_min_distance:
            closed[self._bounds.sqdist < self._least] = 1

    def ends(self, row: int) -> bool:
        """Whether *row*, the best, ends the selection."""
        return self._given.stop_at_min_distance and self._is_near(row)

    def passes_over(self, row: int) -> bool:
        """Whether *row*, the best, is not to be picked, which `close` could not know from its bound."""
        return not self._given.stop_at_min_distance and self._is_near(row)

    def _is_near(self, row: int) -> bool:
        if not self._least or not self.counts:
            return False
        self.bring_up_to_date(np.array([row]))
        return bool(self._bounds.sqdist[row] < self._least)

    def take(self, row: int) -> None:
        """Pick *row*."""
        picks, n = self._picks, self._picks.n_centers
        self.bring_up_to_date(np.array([row]))
        picks.centers[n] = self._kernels.get(self._kernels.take(self._x, np.array([row])))[0]
        self._apart[n] = self._bounds.sqdist[row]
        nobody = np.zeros(n, np.int32)
        everyone = np.arange(n)
        load_kernels("cpu").lower_nearest(  # a few rows that lie here
            picks.centers[:n], everyone, picks.centers[n : n + 1], 0, self._apart, nobody
        )
        picks.n_centers += 1


class _Sum:
    """Weights and what those of the picks add up to."""

    counts = True

    def __init__(self, given: Weights, values: F32, preselected: I64) -> None:
        self._given, self._values = given, values
        self.strength = given.strength
        self._sum = float(values[preselected].sum(dtype=np.float64))

    @property
    def reached(self) -> bool:
        """Whether the sum is what was wanted."""
        wanted = self._given.target_range
        return wanted is not None and self._sum >= wanted[0]

    def before_scoring(self) -> float:
        """The sum over the picks."""
        return self._sum

    def close(self, closed: U8) -> None:
        """Rows that would take the sum too far will not be picked."""
        if self._given.target_range is not None:
            closed[self._values > self._given.target_range[1] - self._sum] = 1

    def ends(self, row: int) -> bool:
        """Whether *row*, the best, ends the selection."""
        weight, given = float(self._values[row]), self._given
        return (given.min_value is not None and weight < given.min_value) or (
            given.max_sum is not None and self._sum + weight > given.max_sum
        )

    def passes_over(self, row: int) -> bool:
        """Never: `close` knows."""
        return False

    def take(self, row: int) -> None:
        """Pick *row*."""
        self._sum += float(self._values[row])


class _Shares:
    """A balance: rows of classes, of which many may be equal, and what the picks have of each class."""

    def __init__(self, strength: float, rows: F32, target: F64, preselected: I64, kernels: Kernels) -> None:
        order = np.argsort(target, kind="stable")  # equal ones together, as the kernel wants them
        self._strength, self._target, self._kernels = strength, target[order], kernels
        self._kinds, self.labels = _distinct(np.ascontiguousarray(rows[:, order]))
        self._blocks = [
            kernels.put(np.ascontiguousarray(self._kinds[start : start + _KINDS_AT_ONCE].T))
            for start in range(0, len(self._kinds), _KINDS_AT_ONCE)
        ]
        self._sums = rows[preselected][:, order].sum(axis=0, dtype=np.float64)

    @property
    def n_kinds(self) -> int:
        """Distinct rows."""
        return len(self._kinds)

    def logs(self) -> F64:
        """Of each kind of row the logarithm of the objective, times its strength."""

        def fit(s: slice) -> F64:
            return self._kernels.balance_logs(self._blocks[s.start], self._sums, self._target)

        return self._strength * np.concatenate(in_threads(fit, len(self._blocks), 1))

    def take(self, row: int) -> None:
        """Pick *row*."""
        self._sums += self._kinds[self.labels[row]]


def _distinct(rows: F32) -> tuple[F32, I32]:
    """The rows, each once, and which of them each row is; as they are, if a sample of them hardly repeats."""
    classes = rows.shape[1]
    if (np.count_nonzero(rows, axis=1) == 1).all() and (rows.max(axis=1) == 1).all():  # a class each
        return np.eye(classes, dtype=np.float32), rows.argmax(axis=1).astype(np.int32)
    few = rows[:: max(1, len(rows) // _FEW_ROWS)]
    if 2 * len(np.unique(few, axis=0)) > len(few):
        return rows, np.arange(len(rows), dtype=np.int32)
    kinds, labels = np.unique(rows, axis=0, return_inverse=True)
    return kinds, labels.reshape(-1).astype(np.int32)
