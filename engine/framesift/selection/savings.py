"""Bounds on what candidates save, all of them at once: brought up to date by the clients whose costs have changed.

Where all rows are candidates and their costs are at hand, a row of costs says what a client costs by all candidates.
So the few clients that a pick or a swap changes tell what it changes for all candidates, and of these only the ones
that may be the best are looked at exactly. What is found is the same.
"""

import math

import numpy as np
import numpy.typing as npt

from framesift_kernels import F32, F64, I32, I64

from .costs import Costs

Bools = npt.NDArray[np.bool_]
_ROUNDING = 2.0**-20
"""Share of the sizes of all terms that sums of savings are within (`add_savings`)."""
_TINY = 2.0**-147
"""What a term loses at most where float32 runs out of small numbers."""
_ENTRIES = 256
"""Bytes a client while what has changed is told to the sums."""


class _Sums:
    """Sums of savings by all candidates, by slots, in units of the weights' power of two."""

    def __init__(self, costs: Costs, n_slots: int) -> None:
        self._costs = costs
        self.unit = 2.0 ** math.frexp(float(costs.weights.max(initial=0)))[1]
        self.weights: F32 = (costs.weights / np.float64(self.unit)).astype(np.float32)
        self.counted = self.weights > 0
        self.values = np.zeros((n_slots, costs.n_columns))
        self.n_terms = 0

    def add(self, rows: I64, low: F32, high: F32, slots: I32, signs: F32) -> None:
        """Savings of clients *rows* from *high* to *low*, a slot each; taken away where the sign is negative."""
        self.n_terms += len(rows)
        self._costs.add_savings(rows, low, high, signs * self.weights[rows], slots, self.values)


class Most:
    """The most that each candidate can save.

    Parameters
    ----------
    costs
        Of a symmetric square.
    """

    def __init__(self, costs: Costs) -> None:
        self._sums = _Sums(costs, 1)
        self._near: F32 | None = None
        self._error = np.zeros(0)
        self._n_candidates = costs.n_candidates

    def __call__(self, near: F32) -> F64:
        """(m,) at least `Costs.gains` of all candidates, where clients cost *near*: no more than in the last call."""
        sums, last = self._sums, self._near
        n_counted = np.count_nonzero(sums.counted)
        rows = np.flatnonzero(sums.counted if last is None else sums.counted & (near < last))
        if last is None or 2 * len(rows) > n_counted:
            rows = np.flatnonzero(sums.counted)
            sums.values[:], sums.n_terms = 0, 0
            self._add(rows, np.zeros(len(rows), np.float32), near[rows], 1)
            # What is taken away again makes the sizes of the terms twice as many at most.
            self._error = 3 * _ROUNDING * sums.values[0]
        else:
            self._add(rows, near[rows], last[rows], -1)
        self._near = near
        found = (sums.values[0] + self._error + sums.n_terms * _TINY) * sums.unit
        most: F64 = found[: self._n_candidates]
        return most

    def _add(self, rows: I64, low: F32, high: F32, sign: int) -> None:
        slots, signs = np.zeros(len(rows), np.int32), np.full(len(rows), sign, np.float32)
        self._sums.add(rows, low, high, slots, signs)


class Least:
    """The least by which a swap can change the total.

    A client i that costs *near*, and *second* without its pick, costs the lower of *second* and c if its pick goes for
    a candidate at c, and the lower of *near* and c if another goes. So with what it saves, s(a, b) = max(0, b - max(a, c)),

        change of the total = removal[t] - sum over clients of pick t of s(near, second) - sum over all of s(0, near),

    and slot t of the sums is the first of these, slot k the second.

    Parameters
    ----------
    costs
        Of a symmetric square.
    k
        Picks.
    """

    def __init__(self, costs: Costs, k: int) -> None:
        self._sums = _Sums(costs, k + 1)
        self._sizes = np.zeros(k + 1)
        self._state: tuple[F32, F32, I32] | None = None
        self._k, self._rounding = k, costs.n_columns * 2.0**-52
        self._least, self._error = np.zeros(k), 0.0
        self.reach = 0.0
        """How far above what is said the changes can be, at most."""

    @staticmethod
    def n_bytes(costs: Costs, k: int) -> int:
        """Memory that it takes."""
        return (8 * (k + 1) + _ENTRIES) * costs.n_columns

    def follow(self, near: F32, second: F32, slot: I32, removal: F64) -> None:
        """Take into account what `nearest_two` says now, and what the total would rise by without each pick."""
        none = np.zeros_like(near)
        if self._state is None:
            self._add(
                [(self._sums.counted, none, near, None, 1), (self._sums.counted, near, second, slot, 1)]
            )
            self._sizes[self._k] = 1.01 * self._sums.values[self._k].max()
        else:
            last_near, last_second, last_slot = self._state
            down, up = near < last_near, near > last_near
            other = down | up | (slot != last_slot)
            less, more = ~other & (second < last_second), ~other & (second > last_second)
            self._add(
                [
                    (down, near, last_near, None, -1),
                    (up, last_near, near, None, 1),
                    (less, second, last_second, slot, -1),
                    (more, last_second, second, slot, 1),
                    (other, last_near, last_second, last_slot, -1),
                    (other, near, second, slot, 1),
                ]
            )
        self._state = near.copy(), second.copy(), slot.copy()
        errors = 2 * _ROUNDING * self._sizes + self._sums.n_terms * _TINY
        errors *= self._sums.unit
        errors[:-1] += self._rounding * removal
        self._least, self._error = removal - errors[:-1], errors[-1]
        self.reach = float(2 * (errors[:-1].max() + errors[-1]))

    def _add(self, parts: list[tuple[Bools, F32, F32, I32 | None, int]]) -> None:
        """Savings of some clients from high to low, each in the slot of its pick or, without slots, in slot k."""
        entries = []
        for clients, low, high, slot, sign in parts:
            rows = np.flatnonzero(clients & self._sums.counted & (True if slot is None else slot < self._k))
            slots = np.full(len(rows), self._k, np.int32) if slot is None else slot[rows]
            entries.append((rows, low[rows], high[rows], slots, np.full(len(rows), sign, np.float32)))
        rows, low, high, slots, signs = (np.concatenate(kind) for kind in zip(*entries, strict=True))
        sizes = self._sums.weights[rows] * (high.astype(np.float64) - low)
        self._sizes += np.bincount(slots, sizes, self._k + 1)
        order = np.argsort(slots, kind="stable")
        self._sums.add(rows[order], low[order], high[order], slots[order], signs[order])

    def __call__(self, candidates: I64, due: F64 | float, only: I32) -> F64:
        """What `Costs.changes` of candidates, one after the other, are not below; infinity where none may be replaced.

        With what is due for each pick.
        """
        saved = self._sums.values[:, candidates[0] : candidates[-1] + 1] * self._sums.unit
        least = self._least + due
        found: F64 = (least[:, None] - saved[:-1]).min(axis=0)
        if only.max() >= 0:
            (bound,) = np.nonzero(only >= 0)
            found[bound] = least[only[bound]] - saved[only[bound], bound]
        found -= saved[-1] + self._error
        found[only == -2] = np.inf
        return found
