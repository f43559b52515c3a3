"""k-means, in memory or over vectors that exceed it, the same whatever the threads and chunks."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from framesift_kernels import F32, F64, I32, I64, Kernels, Rows

from ..errors import UsageError
from ..features.vectors import ArrayVectors, Vectors, in_threads
from ..machine import load_kernels

_SAMPLE_ROWS = 32_768
"""Rows that the centres are found on; all rows are assigned to them in the end."""
_SEED_ROWS, _SEED_ROWS_A_CLUSTER = 1_024, 32
"""Rows that are seeded on: at least the first, and the second for each cluster."""
_VARIANCE_ROWS = 8_192
_FIRST_BATCH = 1_024
_STILL_IMPROVING = 0.02
"""Relative gain of an iteration under which a batch has given what it can, and is doubled."""


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
    x: npt.ArrayLike,
    k: int,
    *,
    seed: int = 0,
    batch_size: int | None = None,
    max_iter: int = 100,
    tol: float = 1e-4,
    device: str = "cpu",
) -> KMeans:
    """Cluster the rows of *x* around k means.

    Greedy k-means++ seeds (Arthur and Vassilvitskii 2007), then Lloyd's iterations over nested mini-batches
    (Newling and Fleuret 2016): a batch of a random order of the rows is doubled once it has little left to
    give, up to all rows (32,768 of them at most), and iterated to convergence. An empty cluster takes the row
    farthest from its centre. For uint8 rows all sums are exact integers, so that the result does not depend on
    their order; for float32 rows they are float64 sums over fixed blocks.

    Parameters
    ----------
    x : (n, d) uint8 or float32
        Other types are converted to float32.
    k
        Clusters, from 1 to n.
    seed
        Of ``np.random.Philox``.
    batch_size
        Rows of the first batch; 16 k, at least 1024, by default.
    max_iter
        Iterations at most.
    tol
        Stop when the centres move by less than this, squared, relative to the mean variance of the columns.
    device
        ``"cpu"``.

    Raises
    ------
    UsageError
        *x* is not a finite matrix, k is not from 1 to n, or another option makes no sense.
    """
    rows = _as_rows(x)
    if not 1 <= k <= len(rows):
        raise UsageError(f"k must be from 1 to the number of rows, got {k = } and {rows.shape = }")
    if max_iter < 1 or (batch_size is not None and batch_size < 1) or not tol >= 0:
        raise UsageError(
            "max_iter and batch_size must be at least 1 and tol not negative, "
            f"got {max_iter = }, {batch_size = }, {tol = }"
        )
    if seed < 0:
        raise UsageError(f"seed must not be negative, got {seed}")
    rng = np.random.Generator(np.random.Philox(seed))
    return cluster(
        ArrayVectors(rows), k, rng, load_kernels(device), batch_size=batch_size, max_iter=max_iter, tol=tol
    )


def _as_rows(x: npt.ArrayLike) -> Rows:
    array = np.asarray(x)
    if array.dtype != np.uint8:
        array = array.astype(np.float32)
    if array.ndim != 2:
        raise UsageError(f"x must have two dimensions (rows, features), got {array.shape = }")
    if not np.isfinite(array).all():
        raise UsageError("x must be finite, it holds NaN or infinity")
    return np.ascontiguousarray(array)


def cluster(
    vectors: Vectors,
    k: int,
    rng: np.random.Generator,
    kernels: Kernels,
    *,
    batch_size: int | None = None,
    max_iter: int = 100,
    tol: float = 1e-4,
) -> KMeans:
    """`kmeans` over vectors of any size; memory is the sample and 8 bytes a row."""
    n, _ = vectors.shape
    sample = vectors.take(_spread(n, _SAMPLE_ROWS, rng))
    sample = sample[rng.permutation(len(sample))]
    centers = _seed(sample[: max(_SEED_ROWS, _SEED_ROWS_A_CLUSTER * k)], k, rng, kernels)
    first_batch = max(_FIRST_BATCH, 16 * k) if batch_size is None else batch_size
    centers = _lloyd(sample, centers, kernels, first_batch, max_iter, tol)
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


def _seed(rows: Rows, k: int, rng: np.random.Generator, kernels: Kernels) -> F32:
    """Greedy k-means++: of some candidates drawn by squared distance, the one that lowers the sum most.

    Three times the usual number of candidates, on fewer rows: of 50 well separated clusters the usual 2 + log k
    miss a few in most runs, and Lloyd's iterations do not find them any more.
    """
    n = len(rows)
    n_trials = 6 + int(3 * np.log(k))
    chosen = [int(rng.integers(n))]
    sqdist = _far(rows)
    lower = _lowerer(rows, kernels)
    lower(chosen[0], sqdist)
    while len(chosen) < k:
        total = np.cumsum(sqdist, dtype=sqdist.dtype if sqdist.dtype == np.int64 else np.float64)
        draws = rng.random(n_trials)
        if total[-1] == 0:  # fewer distinct rows than clusters
            chosen.append(int(draws[0] * n))
            continue
        candidates = np.minimum(np.searchsorted(total, draws * total[-1], side="right"), n - 1)
        best = None
        for candidate in candidates:
            lowered = sqdist.copy()
            lower(int(candidate), lowered)
            potential = lowered.sum(dtype=total.dtype)
            if best is None or potential < best[0]:
                best = (potential, int(candidate), lowered)
        assert best is not None
        sqdist = best[2]
        chosen.append(best[1])
    return rows[chosen].astype(np.float32)


def _far(rows: Rows) -> I64 | F32:
    if rows.dtype == np.uint8:
        return np.full(len(rows), np.iinfo(np.int64).max, np.int64)
    return np.full(len(rows), np.inf, np.float32)


def _lowerer(rows: Rows, kernels: Kernels) -> Callable[[int, I64 | F32], None]:
    def lower(row: int, sqdist: I64 | F32) -> None:
        in_threads(lambda s: kernels.lower_distances(rows[s], rows[row], sqdist[s]), len(rows))

    return lower


def _lloyd(sample: Rows, centers: F32, kernels: Kernels, first_batch: int, max_iter: int, tol: float) -> F32:
    n = min(first_batch, len(sample))
    threshold = tol * float(np.var(sample[:_VARIANCE_ROWS].astype(np.float32), axis=0).mean())
    before = np.inf
    labels, sqdist = np.empty(len(sample), np.int32), np.empty(len(sample), np.float32)
    for _ in range(max_iter):
        _assign(sample[:n], centers, kernels, labels[:n], sqdist[:n])
        inertia = float(sqdist[:n].sum(dtype=np.float64)) / n
        moved = _means(sample[:n], labels[:n], sqdist[:n], centers, kernels)
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

    in_threads(assign, len(rows), 1024)


def _means(rows: Rows, labels: I32, sqdist: F32, centers: F32, kernels: Kernels) -> F32:
    """Mean of each cluster; an empty one moves to the row farthest from its centre."""
    k = len(centers)
    parts = in_threads(lambda s: kernels.cluster_sums(rows[s], labels[s], k), len(rows))
    sums: F64 | I64 = sum((part[0] for part in parts[1:]), start=parts[0][0])
    counts: I64 = sum((part[1] for part in parts[1:]), start=parts[0][1])
    means = (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)
    empty = np.flatnonzero(counts == 0)
    if len(empty):
        farthest = np.argsort(-sqdist, kind="stable")[: len(empty)]
        means[empty[: len(farthest)]] = rows[farthest].astype(np.float32)
    return means
