"""What it costs to serve each row by each candidate: computed once where that fits, else again when it is needed."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from framesift_kernels import F32, F64, I32, I64, Kernels, Rows

from ..errors import UsageError
from ..features.matrix import Readable
from ..features.vectors import in_calls

_LANES = 16
"""Columns are filled up with clients of no weight to a multiple of this, which the kernels ask for."""
_CLIENTS = 256
"""Rows in memory that a thread takes at a time."""
_LEAST_ROWS = 64
"""Of the costs, that are held at once whatever the budget."""
_SCRATCH_SHARE = 4
_SAVINGS_A_THREAD = 2**22
"""Of savings of all candidates, the same: they are added up row by row, and the longer the rows the faster."""
_ELEMENTS_A_THREAD = 2**18
"""Of the costs, that a thread looks at at least: less does not pay its waking. Awake, it takes half of it at a time."""


class Costs:
    """Powers of distances from candidates to all rows, ``(scale * |x[j] - x[i]|**2) ** (order / 2)`` in float32.

    As many candidates' costs as *max_bytes* hold stay; those of the others are computed when they are asked for,
    in a quarter of it. The numbers do not depend on which.
    """

    def __init__(
        self,
        matrix: Readable,
        candidates: I64,
        order: int,
        weights: F32,
        kernels: Kernels,
        max_bytes: int,
    ) -> None:
        n, m = matrix.shape[0], len(candidates)
        self.order, self.scale = order, scale_for(matrix, kernels)
        self.n_columns = -(-n // _LANES) * _LANES
        self.weights = self.padded(weights)
        self._matrix, self._kernels = matrix, kernels
        x = matrix.in_memory
        self._points: Rows = kernels.put(matrix.take(candidates)) if x is None else kernels.put(x)
        self._rows = np.arange(m) if x is None else candidates
        held = min(m, max(_LEAST_ROWS, max_bytes // (4 * self.n_columns)))
        self.at_once = m if held == m else max(_LEAST_ROWS // 2, held // _SCRATCH_SHARE)
        """Candidates that can be held together."""
        self._n_kept, self._most_kept = 0, m if held == m else held - self.at_once
        self._costs: Any = kernels.put(np.zeros((held, self.n_columns), np.float32))
        self._place = np.full(m, -1, np.int64)
        self._in_scratch = np.empty(0, np.int64)
        self._square = held == m == n and x is not None  # what is symmetric is computed once
        self.n_candidates = m
        self.spare_bytes = max_bytes - 4 * held * self.n_columns

    @property
    def is_square(self) -> bool:
        """Whether all rows are candidates, and their costs can be kept by a processor: a row is a column as well."""
        return self._square and self._kernels.CALLED_IN_THREADS

    def padded(self, values: F32) -> F32:
        """One value a client, and zeros."""
        out = np.zeros(self.n_columns, np.float32)
        out[: len(values)] = values
        return out

    def gains(self, which: I64, near: F32) -> F64:
        """What each of some candidates would save where the clients cost *near*."""
        found = np.empty(len(which))
        for part, rows in self._held(which):

            def gain(s: slice, part: slice = part, rows: I64 = rows) -> None:
                found[part][s] = self._kernels.cost_gains(self._costs, rows[s], near, self.weights)

            in_calls(self._kernels, gain, len(rows), self._slice(len(rows)))
        return found

    def changes(
        self, which: I64, near: F32, second: F32, slot: I32, removal: F64, only: I32
    ) -> tuple[F64, I32]:
        """Of the total, if each of some candidates takes the place of a pick; and which pick."""
        change, swapped = np.empty(len(which)), np.empty(len(which), np.int32)
        for part, rows in self._held(which):

            def find(s: slice, part: slice = part, rows: I64 = rows) -> None:
                change[part][s], swapped[part][s] = self._kernels.swap_changes(
                    self._costs, rows[s], near, second, slot, self.weights, removal, only[part][s]
                )

            in_calls(self._kernels, find, len(rows), self._slice(len(rows)))
        return change, swapped

    def add_savings(self, clients: I64, low: F32, high: F32, weights: F32, slots: I32, sums: F64) -> None:
        """Add what all candidates save where some clients cost *high*, down to *low*, to a slot each; if `is_square`."""
        if self._n_kept < self.n_candidates:
            self.hold(np.arange(self.n_candidates))
        rows = self._place[clients]
        pieces = max(1, len(rows) * self.n_columns // _SAVINGS_A_THREAD)

        def add(s: slice) -> None:
            self._kernels.add_savings(self._costs, rows, low, high, weights, slots, s.start, s.stop, sums)

        in_calls(self._kernels, add, self.n_columns, -(-self.n_columns // (_LANES * pieces)) * _LANES)

    def row(self, candidate: int) -> F32:
        """(columns,) all costs of a candidate."""
        found: F32 = self.rows(np.array([candidate]))[0]
        return found

    def rows(self, which: I64) -> F32:
        """(len(which), columns) all costs of some candidates."""
        parts = [self._kernels.take(self._costs, rows) for _, rows in self._held(which)]
        found: F32 = np.concatenate([self._kernels.get(part) for part in parts])
        return found

    def hold(self, which: I64) -> I64:
        """Have the costs of at most `at_once` candidates at hand; gives their places."""
        if (self._place[which] < 0).any():
            self._place[self._in_scratch] = -1
            missing = np.unique(which[self._place[which] < 0])
            kept = missing[: self._most_kept - self._n_kept]
            self._fill(kept, self._n_kept)
            self._n_kept += len(kept)
            self._in_scratch = missing[len(kept) :]
            self._fill(self._in_scratch, self._most_kept)
        return self._place[which]

    def _slice(self, n: int) -> int:
        """Into how many of n candidates to cut them."""
        slices = n * self.n_columns // _ELEMENTS_A_THREAD
        return max(1, n if slices < 2 else -(-n // (2 * slices)))

    def _held(self, which: I64) -> Iterator[tuple[slice, I64]]:
        for start in range(0, len(which), self.at_once):
            part = slice(start, min(start + self.at_once, len(which)))
            yield part, self.hold(which[part])

    def _fill(self, which: I64, first: int) -> None:
        out, rows = self._costs[first : first + len(which)], self._rows[which]
        self._place[which] = np.arange(first, first + len(which))
        if not len(which):
            return
        mirror = self._square and len(which) == len(self._place)
        n = self._matrix.shape[0]

        def fill(s: slice) -> None:
            for clients in blocks(self._matrix, s):
                block = self._kernels.get(self._matrix.read(clients)).astype(np.float32, copy=False)
                at = clients.start
                points, targets = (self._points[at:], out[at:]) if mirror else (self._points, out)
                used = np.arange(n - at) if mirror else rows
                self._kernels.pair_costs(points, used, block, self.scale, self.order, targets, at, mirror)

        in_calls(self._kernels, fill, *pieces(self._matrix))


def pieces(matrix: Readable) -> tuple[int, int]:
    """Of how many there are slices to work on, and how many make one: of blocks, or of rows in memory."""
    return (len(matrix.slices), 1) if matrix.in_memory is None else (matrix.shape[0], _CLIENTS)


def blocks(matrix: Readable, s: slice) -> list[slice]:
    """The rows of such a slice."""
    return matrix.slices[s] if matrix.in_memory is None else [s]


def scale_for(matrix: Readable, kernels: Kernels) -> float:
    """A power of two that no squared distance exceeds the inverse of."""
    origin = kernels.get(matrix.take(np.zeros(1, np.int64))).astype(np.float32)

    def farthest(s: slice) -> float:
        return max(float(kernels.assign(matrix.read(rows), origin)[1].max()) for rows in blocks(matrix, s))

    largest = max(in_calls(kernels, farthest, *pieces(matrix)))
    if not np.isfinite(largest):
        raise UsageError(
            "x holds numbers so large that their squared distances exceed float32; scale it down"
        )
    # No distance is more than twice the largest from the first row: a factor of 4, and one of 2 for rounding.
    return 1.0 if largest == 0 else 2.0 ** max(-126, min(126, -(math.frexp(largest)[1] + 3)))


def power(sqdist: F32, scale: float, order: int) -> F32:
    """The cost of squared distances, to the bit as `Costs` has it."""
    value = sqdist * np.float32(scale)
    product = value if order > 1 else np.ones_like(value)
    for _ in range(order // 2 - 1):
        product = product * value
    return product * np.sqrt(value) if order % 2 else product
