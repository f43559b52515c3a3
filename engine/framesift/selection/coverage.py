"""Coverage: rows such that every row lies near one of them, by the sum of a power of the distances."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from framesift_kernels import F32, I32, I64, Kernels

from ..errors import UsageError
from ..features.matrix import Readable, as_matrix
from ..features.vectors import in_calls
from ..machine import load_kernels
from .candidates import Line
from .checks import check_order
from .chooser import Chooser, Spaced
from .costs import Costs, blocks, pieces, power
from .gaps import Gap
from .kcenter import as_indices
from .picking import Rules, greedy, refine, stochastic
from .savings import Most

EXACT_TO = 20_000
"""Candidates at most, unless it is said otherwise."""
_FACILITY_EXACT_TO = 100_000


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
    Memory: max_bytes, 4 bytes a row and pick, 200 a row, and, if x is read in blocks, the candidates' rows.
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
            most = Most(costs) if costs.is_square else None
            picks = greedy(costs.gains, costs.row, base, self.rules, n, m, most)
        else:
            picks = stochastic(costs, base, self.rules, n, m, rng)
        if max_swaps != 0:
            picks = refine(costs, base, picks, self.rules, self.kernels, max_swaps, m)
        return self.candidates[picks]

    def nearest(self, rows: I64) -> tuple[I32, F32]:
        """(rows,) which of some rows is nearest to each, and its squared distance; -1, infinity if there are none."""
        n = self.matrix.shape[0]
        labels, sqdist = np.full(n, -1, np.int32), np.full(n, np.inf, np.float32)
        if len(rows):
            centers = self.kernels.get(self.matrix.take(rows)).astype(np.float32)

            def lower(s: slice) -> None:
                for at in blocks(self.matrix, s):
                    labels[at], sqdist[at] = self.kernels.assign(self.matrix.read(at), centers)

            in_calls(self.kernels, lower, *pieces(self.matrix))
        return labels, sqdist
