"""Greedy selection by a product of objectives: diversity, weights, balance of classes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from framesift_kernels import F32, F64, I32, I64, U8, Kernels

from ..errors import UsageError
from ..features.vectors import in_calls, in_threads
from ..machine import load_kernels
from .objectives import Balance, Diversity, Objective, Weights
from .spreads import Spread, make_spread

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
      sum 0 while S has one row; d(x) that of x to the nearest in S. Alone it is greedy k-center from row 0. Where a row
      has several vectors, S holds those of all picks, and d(x) is that of the vector of x that is farthest from S;
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
        lengths = {o.count(c) for o, c in zip(sums, columns, strict=True)} | {
            len(rows) for rows, _ in classes
        }
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
        self._terms: list[Spread | _Sum] = []
        most = len(preselected) + n
        for t, (o, column) in enumerate(zip(sums, columns, strict=True)):
            if isinstance(o, Diversity):
                self._terms.append(make_spread(o, column, self._added[t], preselected, most, kernels))
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
        spreads = [term for term in self._terms if isinstance(term, Spread)]
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
