"""k-means, in memory or over vectors that exceed it, the same whatever the threads and chunks."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from framesift_kernels import F32, I32, I64, Kernels, Rows

from ..errors import UsageError
from ..features.matrix import as_matrix
from ..features.vectors import Vectors, in_calls, in_threads
from ..machine import load_kernels

_SAMPLE_ROWS = 32_768
"""Rows that the centres are found on first."""
_SEED_ROWS, _SEED_ROWS_A_CLUSTER = 1_024, 32
"""Rows that are seeded on: at least the first, and the second for each cluster."""
_VARIANCE_ROWS = 8_192
_FIRST_BATCH = 1_024
_STILL_IMPROVING = 0.02
"""Relative gain of an iteration under which a batch has given what it can, and is doubled."""
_BOUNDS_PAY, _FIRST_PAUSE, _PAUSE, _LOOK = 0.6, 4, 8, 32
"""Share of rows compared with all centres above which bounds do not pay, steps before they are tried, steps they then
rest if they do not pay (each time twice as many), and one of how many rows is looked at to tell."""
_MIN_BLOCK, _MOST_BLOCKS = 1024, 32
"""Of rows that are summed up on their own: the sums depend on the blocks, and these on the number of rows alone."""
_SUMS = 2**24
"""Numbers of the blocks' sums that a GPU computes at a time, 8 bytes each."""


@dataclass(frozen=True, slots=True)
class KMeans:
    """A clustering."""

    centers: F32
    """(k, d) float32."""
    labels: I32
    """(n,) int32: nearest centre, the lowest on a tie."""
    inertia: float
    """Sum of squared distances of all rows to their centres."""
    sqdist: F32
    """(n,) float32: squared distance of each row to its centre."""


def kmeans(
    x: npt.ArrayLike | Any,
    k: int,
    *,
    seed: int = 0,
    init: npt.ArrayLike | None = None,
    batch_size: int | None = None,
    max_iter: int = 100,
    tol: float = 1e-4,
    device: str = "cpu",
    max_bytes: int = 2**30,
) -> KMeans:
    """Cluster the rows of *x* around k means.

    Greedy k-means++ seeds (Arthur and Vassilvitskii 2007), then Lloyd's iterations over nested mini-batches
    (Newling and Fleuret 2016): a batch of a random order of the rows is doubled once it has little left to
    give, up to 32,768 rows, and iterated to convergence; then Lloyd's iterations over all rows, if they are in
    memory. An empty cluster takes the row farthest from its centre. For uint8 rows all sums are exact integers; for
    others they are float64 sums over blocks that depend on the number of rows alone. So threads change nothing.

    Parameters
    ----------
    x : (n, d) array or zarr array
        uint8, float16 and float32 are taken as they are, other types are converted to float32. With ``"cuda"`` an
        array that lies on the GPU (CuPy's, or of any library with ``__cuda_array_interface__``) stays there.
    k
        Clusters, from 1 to n.
    seed
        Of ``np.random.Philox``.
    init : (k, d) numbers
        Centres to start from, instead of seeds. Without a *batch_size* all iterations are over all rows then, if
        they are in memory: Lloyd's algorithm, as it stands.
    batch_size
        Rows of the first batch; 16 k, at least 1024, by default.
    max_iter
        Iterations at most, over batches and again over all rows.
    tol
        Stop when the centres move by less than this, squared, relative to the mean variance of the columns.
    device
        ``"cpu"``, or ``"cuda"``: the same clustering, of an NVIDIA GPU (the seeds, drawn from a few thousand rows, are
        the CPU's work all the same). It has been run in a simulator so far, never on a GPU: see
        ``docs/design/0012-cuda.md``.
    max_bytes
        A zarr array larger than this is read in blocks: the centres are found on a random sample of a quarter of
        this (32,768 rows at least), and all rows are assigned to them in one pass. Memory is about this much, and 8
        bytes a row.

    Raises
    ------
    UsageError
        *x* is not a finite matrix, k is not from 1 to n, another option makes no sense, or there is no such device.
    """
    kernels = load_kernels(device)
    matrix = as_matrix(x, max_bytes, kernels=kernels)
    n, d = matrix.shape
    if not 1 <= k <= n:
        raise UsageError(f"k must be from 1 to the number of rows, got {k = } and x.shape = {(n, d)}")
    if max_iter < 1 or (batch_size is not None and batch_size < 1) or not tol >= 0:
        raise UsageError(
            "max_iter and batch_size must be at least 1 and tol not negative, "
            f"got {max_iter = }, {batch_size = }, {tol = }"
        )
    if seed < 0:
        raise UsageError(f"seed must not be negative, got {seed}")
    rng = np.random.Generator(np.random.Philox(seed))
    options: dict[str, Any] = {"batch_size": batch_size, "max_iter": max_iter, "tol": tol}
    options["init"] = None if init is None else _as_centers(init, k, d)
    if matrix.in_memory is None:
        row_bytes = max(1, d * matrix.dtype.itemsize)
        sample_rows = max(_SAMPLE_ROWS, max_bytes // 8 // row_bytes)  # and a copy of it, in random order
        return cluster(matrix, k, rng, kernels, sample_rows=sample_rows, **options)
    return cluster(matrix, k, rng, kernels, all_rows=matrix.in_memory, **options)


def _as_centers(init: npt.ArrayLike, k: int, d: int) -> F32:
    centers = np.ascontiguousarray(init, np.float32)
    if centers.shape != (k, d) or not np.isfinite(centers).all():
        raise UsageError(f"init must be {(k, d)} finite numbers, got {centers.shape = }")
    return centers


def cluster(
    vectors: Vectors,
    k: int,
    rng: np.random.Generator,
    kernels: Kernels,
    *,
    batch_size: int | None = None,
    max_iter: int = 100,
    tol: float = 1e-4,
    init: F32 | None = None,
    sample_rows: int = _SAMPLE_ROWS,
    all_rows: Rows | None = None,
    fixed: F32 | None = None,
) -> KMeans:
    """`kmeans` over vectors of any size; memory is the sample, twice, and 8 bytes a row.

    The centres are found on *sample_rows*, and then on *all_rows*, those of *vectors*, if they are given. *fixed*
    ones come first, before the *k* that are looked for, and stay where they are: what is near them needs no other.
    """
    n, d = vectors.shape
    fixed = np.empty((0, d), np.float32) if fixed is None else fixed
    if init is None or batch_size is not None or all_rows is None:
        sample = vectors.take(_spread(n, sample_rows, rng))
        sample = kernels.take(kernels.put(sample), rng.permutation(len(sample)))
        seeded = kernels.get(sample[: max(_SEED_ROWS, _SEED_ROWS_A_CLUSTER * k)])
        on_cpu = load_kernels("cpu")  # k short steps after each other, of the same bits on every device
        centers = _seed(seeded, k, rng, on_cpu, fixed) if init is None else init
        first_batch = max(_FIRST_BATCH, 16 * len(centers)) if batch_size is None else batch_size
        centers = _lloyd(sample, centers, kernels, first_batch, max_iter, tol, len(fixed))
    else:
        sample, centers = all_rows[:0], init
    if all_rows is not None and len(sample) < n:
        centers = _lloyd(all_rows, centers, kernels, n, max_iter, tol, len(fixed))
    labels, sqdist = np.empty(n, np.int32), np.empty(n, np.float32)
    for start, block in vectors.blocks():
        _assign(
            block, centers, kernels, labels[start : start + len(block)], sqdist[start : start + len(block)]
        )
    return KMeans(centers, labels, float(sqdist.sum(dtype=np.float64)), sqdist)


def _spread(n: int, most: int, rng: np.random.Generator) -> I64:
    if n <= most:
        return np.arange(n)
    return np.sort(rng.choice(n, most, replace=False))


def _seed(rows: Rows, k: int, rng: np.random.Generator, kernels: Kernels, fixed: F32) -> F32:
    """Greedy k-means++: of some candidates drawn by squared distance, the one that lowers the sum most.

    *fixed* centres come first, and count as chosen. Three times the usual number of candidates, on fewer rows: of 50 well separated clusters the usual 2 + log k
    miss a few in most runs, and Lloyd's iterations do not find them any more.
    """
    n = len(rows)
    n_trials = 6 + int(3 * np.log(k))
    chosen = [] if len(fixed) else [int(rng.integers(n))]
    sqdist, nearest = np.full(n, np.inf, np.float32), np.zeros(n, np.int32)
    left, everyone = np.empty((n, n_trials), np.float32), np.arange(n)

    def lower(s: slice) -> None:
        first = rows[chosen].astype(np.float32) if chosen else fixed
        kernels.lower_nearest(rows, everyone[s], first, 0, sqdist, nearest)

    in_threads(lower, n, _MIN_BLOCK)
    while len(chosen) < k:
        total = np.cumsum(sqdist, dtype=np.float64)
        draws = rng.random(n_trials)
        if total[-1] == 0:  # fewer distinct rows than clusters
            chosen.append(int(draws[0] * n))
            continue
        drawn = np.minimum(np.searchsorted(total, draws * total[-1], side="right"), n - 1)
        candidates = rows[drawn].astype(np.float32)

        def consider(s: slice, candidates: F32 = candidates, sqdist: F32 = sqdist) -> Any:
            return kernels.potentials(rows[s], candidates, sqdist[s], left[s])

        best = int(np.sum(in_threads(consider, n, _block_rows(n)), axis=0).argmin())
        chosen.append(int(drawn[best]))
        sqdist = left[:, best].copy()
    return np.concatenate([fixed, rows[chosen].astype(np.float32)])


def _block_rows(n: int) -> int:
    return max(_MIN_BLOCK, -(-n // _MOST_BLOCKS))


def _lloyd(
    sample: Rows, centers: F32, kernels: Kernels, first_batch: int, max_iter: int, tol: float, n_fixed: int
) -> F32:
    n = min(first_batch, len(sample))
    some = kernels.get(sample[:_VARIANCE_ROWS]).astype(np.float32)
    threshold = tol * float(np.var(some, axis=0).mean())
    before = np.inf
    labels, sqdist = np.zeros(len(sample), np.int32), np.empty(len(sample), np.float32)
    bounds = _Bounds(len(sample))
    for _ in range(max_iter):
        whole = bounds if n == len(sample) and kernels.CALLED_IN_THREADS else None
        moved = _step(sample[:n], centers, kernels, labels[:n], sqdist[:n], whole, n_fixed)
        inertia = float(sqdist[:n].sum(dtype=np.float64)) / n
        shift = float(((moved - centers) ** 2).sum(dtype=np.float64))
        centers = moved
        if n == len(sample):
            if shift <= threshold:
                break
        elif before - inertia <= _STILL_IMPROVING * inertia or shift <= threshold:
            n, before = min(2 * n, len(sample)), np.inf
            continue
        before = inertia
    return centers


def _assign(rows: Rows, centers: F32, kernels: Kernels, labels: I32, sqdist: F32) -> None:
    def assign(s: slice) -> None:
        labels[s], sqdist[s] = kernels.assign(rows[s], centers)

    in_calls(kernels, assign, len(rows), 2048)


class _Bounds:
    """What is known of the rows' distances to centres that are not theirs, and whether that pays."""

    def __init__(self, n: int) -> None:
        self.lower = np.zeros(n, np.float32)
        self._moved = 0.0
        self._fresh, self._pause, self._next = True, _FIRST_PAUSE, _PAUSE

    def pay(self, sqdist: F32) -> bool:
        """Whether to use them in this step; to be asked once a step, with the distances of the step before."""
        if not self._fresh and not self._pause:
            near = np.sqrt(sqdist[::_LOOK]) + self._moved < self.lower[::_LOOK] - self._moved
            if np.count_nonzero(~near) > _BOUNDS_PAY * len(near):
                self._rest()
        if self._pause:
            self._pause -= 1
            self._fresh = True
            return False
        if self._fresh:
            self.lower[:] = 0
        return True

    def _rest(self) -> None:
        """They do not pay: look again in some steps, and each time later."""
        self._pause, self._next = self._next, 2 * self._next

    @property
    def moved(self) -> float:
        """The most that a centre has moved in the last step."""
        return 0.0 if self._fresh else self._moved

    def learn(self, compared: int) -> None:
        """How many rows had to be compared with all centres."""
        if not self._fresh and compared > _BOUNDS_PAY * len(self.lower):
            self._rest()
        self._fresh = False

    def move(self, before: F32, after: F32) -> None:
        """The centres move."""
        shift = ((after.astype(np.float64) - before) ** 2).sum(axis=1).max()
        self._moved = float(np.sqrt(shift)) * (1 + 1e-9)


def _step(
    rows: Rows,
    centers: F32,
    kernels: Kernels,
    labels: I32,
    sqdist: F32,
    bounds: _Bounds | None = None,
    n_fixed: int = 0,
) -> F32:
    """Assign every row, and give the mean of each cluster; an empty one moves to the row farthest from its centre.

    The first *n_fixed* stay.
    """
    bounded = bounds if bounds is not None and bounds.pay(sqdist) else None

    def sum_up(s: slice) -> Any:
        if bounded is None:
            return (*kernels.assign_sums(rows[s], centers, labels[s], sqdist[s]), 0)
        return kernels.bounded_sums(rows[s], centers, bounded.moved, labels[s], sqdist[s], bounded.lower[s])

    if kernels.CALLED_IN_THREADS:
        parts = in_threads(sum_up, len(rows), _block_rows(len(rows)))
    else:
        parts = _sums_at_once(rows, centers, kernels, labels, sqdist)
    sums, counts, _ = parts[0]
    for more_sums, more_counts, _ in parts[1:]:
        sums += more_sums
        counts += more_counts
    total = np.asarray(sums, np.float64)
    total /= np.maximum(counts, 1).astype(np.float64)[:, None]
    means: F32 = total.astype(np.float32)
    means[:n_fixed] = centers[:n_fixed]
    empty = n_fixed + np.flatnonzero(counts[n_fixed:] == 0)
    if len(empty):
        farthest = _farthest(sqdist, len(empty))
        means[empty[: len(farthest)]] = kernels.get(kernels.take(rows, farthest))
    if bounds is not None:
        if bounded is not None:
            bounds.learn(sum(compared for _, _, compared in parts))
        bounds.move(centers, means)
    return means


def _farthest(sqdist: F32, n: int) -> I64:
    """The *n* rows farthest from their centres, or all, the farthest first, on ties the lowest."""
    if n < len(sqdist):
        last = np.partition(sqdist, -n)[-n]
        rows = np.flatnonzero(sqdist >= last)
    else:
        rows = np.arange(len(sqdist))
    return rows[np.argsort(-sqdist[rows], kind="stable")[:n]]


def _sums_at_once(rows: Rows, centers: F32, kernels: Kernels, labels: I32, sqdist: F32) -> list[Any]:
    """The blocks' sums and counts by few calls: a cluster of a block counts as a cluster of its own."""
    (k, d), n, block = centers.shape, len(rows), _block_rows(len(rows))
    labels[:], sqdist[:] = kernels.assign(rows, centers)
    parts: list[Any] = []
    stretch = block * max(1, _SUMS // max(1, k * d))
    for start in range(0, n, stretch):
        stop = min(start + stretch, n)
        own = np.arange(stop - start) // block * k + labels[start:stop]
        n_blocks = -(-(stop - start) // block)
        sums, counts = kernels.cluster_sums(rows[start:stop], own.astype(np.int32), n_blocks * k)
        parts += zip(sums.reshape(n_blocks, k, d), counts.reshape(n_blocks, k), [0] * n_blocks, strict=True)
    return parts
