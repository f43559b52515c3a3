"""Greedy k-center over vectors: always the row farthest from all chosen."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from framesift_kernels import F32, I32, I64, Kernels, Rows

from ..errors import UsageError
from ..features.matrix import as_matrix
from ..features.vectors import in_calls
from ..machine import load_kernels

_MIN_BUFFER, _MAX_BUFFER = 512, 2**17
_SAMPLE = 8192
"""Rows that a threshold is estimated from. It decides on speed alone."""
_REFILLS = 4
_SLICE, _SLICE_ELEMENTS = 1024, 2**17
"""A thread brings up to date at a time at least so many rows, and so much of them that waking it pays."""
_PRUNE_BELOW, _STOP_PRUNING_ABOVE, _PROBE_EVERY, _PROBE_FROM = 0.3, 0.5, 4, 16
"""Shares of distances left to compute at which pruning begins and ends to pay, and how often to look, from how many
picks on."""


def kcenter_greedy(
    x: npt.ArrayLike | Any,
    n: int,
    *,
    first: int = 0,
    preselected: npt.ArrayLike | None = None,
    min_distance: float | None = None,
    device: str = "cpu",
    max_bytes: int = 2**30,
) -> tuple[I64, F32]:
    """Pick n rows, each the farthest from all picked before it (Gonzalez 1985; Sener and Savarese 2018).

    Exactly the picks of the plain procedure, which computes n distances for every row, at a fraction of its cost:
    see ``docs/design/0007-distances.md``. Ties go to the lowest index; copies of picked rows come last, in order.
    The result does not depend on threads, on blocks, or on whether x is in memory.

    Parameters
    ----------
    x : (rows, d) array or zarr array
        uint8, float16 and float32 are taken as they are, other types are converted to float32. With ``"cuda"`` an
        array that lies on the GPU (CuPy's, or of any library with ``__cuda_array_interface__``) stays there.
    n
        How many to pick, from 1 to the number of rows that are not preselected.
    first
        The first pick, if nothing is preselected.
    preselected : (p,) integers
        Rows picked earlier: the picks keep away from them and are not among them.
    min_distance
        Rows nearer than this to a picked one are skipped, so that fewer than n may be picked.
    device
        ``"cpu"``, or ``"cuda"``: the same picks, of an NVIDIA GPU. It has been run in a simulator so far, never on a
        GPU: see ``docs/design/0012-cuda.md``.
    max_bytes
        A zarr array larger than this is read in blocks, some passes over it. Memory is about this much then, some
        blocks, and 12 bytes a row, for moments 40.

    Returns
    -------
    indices : (n,) int64
        In the order of picking.
    distances : (n,) float32
        Euclidean distance of each pick to the nearest picked or preselected before it; infinity for the first.

    Raises
    ------
    UsageError
        x is not a finite matrix, or another argument makes no sense, or there is no such device.
    """
    kernels = load_kernels(device)
    matrix = as_matrix(x, max_bytes, kernels=kernels)
    rows = matrix.shape[0]
    before = as_indices(preselected, rows)
    if not 1 <= n <= rows - len(before):
        raise UsageError(
            f"n must be from 1 to the number of rows that are not preselected, got {n = }, "
            f"{rows} rows and {len(before)} preselected"
        )
    if not len(before) and not 0 <= first < rows:
        raise UsageError(f"first must be a row of x, from 0 to {rows - 1}, got {first}")
    if min_distance is not None and not 0 <= min_distance < np.inf:
        raise UsageError(f"min_distance must be finite and not negative, got {min_distance}")
    centers = np.empty((len(before) + n, matrix.shape[1]), np.float32)
    starts = before if len(before) else np.array([first])
    centers[: len(starts)] = kernels.get(matrix.take(starts))
    lowest = _least_square(min_distance)
    picks = Picks(centers, len(starts), np.empty(n, np.int64), np.empty(n, np.float32), lowest)
    if not len(before):
        picks.indices[0], picks.reached[0], picks.n_picked = first, np.inf, 1
    if matrix.in_memory is not None:
        pick_in_memory(matrix.in_memory, Bounds.of(rows, starts), picks, lowest, kernels)
    else:
        from .kcenter_blocks import pick_in_blocks

        pick_in_blocks(matrix, Bounds.of(rows, starts), picks, kernels, max_bytes)
    return picks.indices[: picks.n_picked], np.sqrt(picks.reached[: picks.n_picked])


def as_indices(given: npt.ArrayLike | None, rows: int, name: str = "preselected") -> I64:
    """*given*, checked, increasing, each once.

    Raises
    ------
    UsageError
        These are not rows.
    """
    if given is None:
        return np.empty(0, np.int64)
    array = np.asarray(given)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise UsageError(f"{name} must be a list of row numbers, got {array.dtype = }, {array.shape = }")
    if array.size and not (array.min() >= 0 and array.max() < rows):
        raise UsageError(f"{name} must be rows of x, from 0 to {rows - 1}, got {array}")
    return np.unique(array).astype(np.int64)


def _least_square(distance: float | None) -> np.float32:
    """Smallest float32 whose root is *distance* or more."""
    if not distance:
        return np.float32(0)
    with np.errstate(over="ignore"):
        square = np.float32(distance * distance)
    while np.sqrt(square) < distance:
        square = np.nextafter(square, np.float32(np.inf))
    while square > 0 and np.sqrt(np.nextafter(square, np.float32(0))) >= distance:
        square = np.nextafter(square, np.float32(0))
    return square


@dataclass(slots=True)
class Picks:
    """What was picked so far."""

    centers: F32
    """(k, d): rows chosen, preselected ones first."""
    n_centers: int
    """How many of them there are."""
    indices: I64
    """(n,)"""
    reached: F32
    """(n,) squared distance at which each was picked."""
    lowest: np.float32
    """Squared distance under which nothing is picked."""
    n_picked: int = 0

    @property
    def complete(self) -> bool:
        """Whether all are there."""
        return self.n_picked == len(self.indices)

    def note(self, n: int) -> None:
        """Count *n* more, already written."""
        self.n_picked += n
        self.n_centers += n


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is known of the rows' distances: 12 bytes a row."""

    sqdist: F32
    """(n,) squared distance to the nearest of the first ``applied`` centres, so at least that to all; -1 if chosen."""
    nearest: I32
    """(n,) which of them."""
    applied: I32
    """(n,)"""

    @staticmethod
    def of(n: int, chosen: I64) -> "Bounds":
        """Nothing but which rows are *chosen*."""
        bounds = Bounds(np.full(n, np.inf, np.float32), np.zeros(n, np.int32), np.zeros(n, np.int32))
        bounds.sqdist[chosen] = -1
        return bounds


def pick_in_memory(x: Rows, bounds: Bounds, picks: Picks, threshold: np.float32, kernels: Kernels) -> None:
    """Pick among the rows of *x* until there are enough, or none is *threshold* away (squared) any more.

    Distances only fall as picks are made. So what a row's distance was some picks ago is a bound, and a row whose
    bound is below tau is not picked before all at tau or above are used up. A round chooses tau so that some
    thousand rows reach it, brings just those up to date, with all picks that they have missed at once, and picks
    among them until none reaches tau. Any tau gives the same picks; rows below it are not touched.
    """
    pruning = _Pruning()
    size = min(max(kernels.CACHED_ELEMENTS // max(1, x.shape[1]), _MIN_BUFFER), _MAX_BUFFER)
    while not picks.complete:
        for _ in range(_REFILLS):
            tau = max(_reached_by(size, bounds.sqdist), threshold)
            rows = np.flatnonzero(bounds.sqdist >= tau)
            stale = rows[bounds.applied[rows] < picks.n_centers]
            _bring_up_to_date(x, stale, bounds, picks, pruning, kernels)
            rows = rows[bounds.sqdist[rows] >= tau]
            if not len(stale) or len(rows) >= size // 2:
                break
        if len(rows) and tau == 0 and not bounds.sqdist[rows].any():
            _pick_copies(x, rows, bounds, picks, kernels)
        elif len(rows):
            rows, tau = _fit(rows, bounds.sqdist, 2 * size, tau)
            _pick_among(x, rows, tau, bounds, picks, kernels)
        elif tau == threshold:  # and all that reach it are up to date
            return


def _reached_by(size: int, sqdist: F32) -> np.float32:
    """A threshold that about *size* rows reach, and at least one, unless all are chosen."""
    sample = sqdist[:: max(1, len(sqdist) // _SAMPLE)]
    want = min(len(sample), max(1, round(size * len(sample) / len(sqdist))))
    found = np.partition(sample, len(sample) - want)[len(sample) - want]
    return np.float32(max(0, found))


def _fit(rows: I64, sqdist: F32, most: int, tau: np.float32) -> tuple[I64, np.float32]:
    """At most *most* of the rows, and a threshold that no other row reaches before one of them.

    Of rows that are all equally far, the first.
    """
    if len(rows) <= most:
        return rows, tau
    values = sqdist[rows]
    tau = np.partition(values, len(values) - most)[len(values) - most]
    if np.count_nonzero(values >= tau) > most:
        above = values[values > tau]
        if not len(above):
            return rows[values >= tau][:most], tau
        tau = above.min()
    return rows[values >= tau], tau


def _pick_copies(x: Rows, rows: I64, bounds: Bounds, picks: Picks, kernels: Kernels) -> None:
    """All *rows* left are copies of chosen ones: pick them in order."""
    rows = rows[: len(picks.indices) - picks.n_picked]
    picks.indices[picks.n_picked : picks.n_picked + len(rows)] = rows
    picks.reached[picks.n_picked : picks.n_picked + len(rows)] = 0
    picks.centers[picks.n_centers : picks.n_centers + len(rows)] = kernels.get(kernels.take(x, rows))
    bounds.sqdist[rows] = -1
    picks.note(len(rows))


def _pick_among(x: Rows, rows: I64, tau: np.float32, bounds: Bounds, picks: Picks, kernels: Kernels) -> None:
    found = kernels.pick_farthest(
        x,
        rows,
        bounds.sqdist,
        bounds.nearest,
        bounds.applied,
        float(tau),
        picks.centers,
        picks.n_centers,
        picks.indices[picks.n_picked :],
        picks.reached[picks.n_picked :],
    )
    picks.note(found)


class _Pruning:
    """Whether the triangle inequality leaves out enough to pay for looking."""

    def __init__(self) -> None:
        self.pays = False
        self._rounds = 0

    def share(self, stale: I64, n_centers: int) -> I64:
        """Those of the rows to prune for: all, a few to find out whether it pays, or none."""
        self._rounds += 1
        if self.pays:
            return stale
        probe = n_centers >= _PROBE_FROM and self._rounds % _PROBE_EVERY == 0
        return stale[:_SLICE] if probe else stale[:0]

    def learn(self, computed: int, all_pairs: int) -> None:
        """What pruning left of the distances."""
        self.pays = computed < (_STOP_PRUNING_ABOVE if self.pays else _PRUNE_BELOW) * all_pairs


def _bring_up_to_date(
    x: Rows, stale: I64, bounds: Bounds, picks: Picks, pruning: _Pruning, kernels: Kernels
) -> None:
    """Apply to *stale* rows the centres that they have missed."""
    centers, applied = picks.centers[: picks.n_centers], bounds.applied
    block = max(_SLICE, _SLICE_ELEMENTS // max(1, x.shape[1]))
    grouped = pruning.share(stale, len(centers))
    if len(grouped):
        grouped = grouped[np.argsort(bounds.nearest[grouped])]
        pairs = int((len(centers) - applied[grouped]).sum())

        def lower_grouped(s: slice) -> int:
            return kernels.lower_grouped(x, grouped[s], centers, applied, bounds.sqdist, bounds.nearest)

        pruning.learn(sum(in_calls(kernels, lower_grouped, len(grouped), block)), pairs)
        applied[grouped] = len(centers)
    rest = stale[len(grouped) :]
    rest = rest[np.argsort(applied[rest], kind="stable")]  # those of a slice have missed about as many

    def lower(s: slice) -> None:
        first = int(applied[rest[s.start]])
        kernels.lower_nearest(x, rest[s], centers, first, bounds.sqdist, bounds.nearest)

    in_calls(kernels, lower, len(rest), block)
    applied[rest] = len(centers)
