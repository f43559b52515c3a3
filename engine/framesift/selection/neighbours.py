"""Exact nearest neighbours of vectors, and the scores that are made of them."""

import threading
from collections.abc import Iterator
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import numpy.typing as npt

from framesift_kernels import F32, I64, U64, Kernels, Rows

from ..cores import count_threads
from ..errors import UsageError
from ..features.matrix import Matrix, as_matrix
from ..features.vectors import in_calls, in_threads
from ..machine import load_kernels

_NONE = np.uint64(2**64 - 1)
_SLICES_A_THREAD = 4
_MIN_SLICE, _MAX_SLICE = 96, 8192
"""Rows that a thread looks after at a time: packing the other rows costs less than a hundredth then."""
_PAIR_ROWS = 2048
"""Rows on each side of a block of pairs."""


def nearest(
    x: npt.ArrayLike | Any,
    y: npt.ArrayLike | Any | None,
    k: int,
    *,
    device: str = "cpu",
    max_bytes: int = 2**30,
) -> tuple[I64, F32]:
    """Find the exact k nearest rows of *y* for every row of *x*.

    Parameters
    ----------
    x : (n, d) array or zarr array
        uint8, float16 and float32 are taken as they are, other types are converted to float32.
    y : (m, d) array or zarr array, or None
        None: the other rows of *x*, each pair of which is compared once.
    k
        From 1 to m, or n - 1.
    device
        ``"cpu"``, or ``"cuda"``: the same result, of arrays that may lie on the GPU. It has been run in a simulator so
        far, never on a GPU: see ``docs/design/0012-cuda.md``.
    max_bytes
        A zarr array larger than this is read in blocks: *y* (or the rest of *x*) once for each part of *x* that takes
        so much. Memory is about twice this, some blocks, and 20 k bytes a row of *x*; without *y* 8 k bytes a row
        more for each thread.

    Returns
    -------
    indices : (n, k) int64
        Nearest first; equally near ones in order of their index.
    distances : (n, k) float32
        Euclidean.

    Raises
    ------
    UsageError
        *x* or *y* is not a finite matrix, their widths differ, or there are not k rows.

    Notes
    -----
    The squared distance is one chain of fused multiply-adds over the dimensions (see
    ``docs/design/0007-distances.md``), so threads, blocks and chunks change nothing. O(n m d).
    """
    kernels = load_kernels(device)
    left = as_matrix(x, max_bytes, kernels=kernels)
    right = left if y is None else as_matrix(y, max_bytes, "y", kernels=kernels)
    if left.shape[1] != right.shape[1]:
        raise UsageError(f"x and y must have the same width, got shapes {left.shape} and {right.shape}")
    others = right.shape[0] - (y is None)
    if not 1 <= k <= others:
        whose = "rows of y" if y is not None else "other rows"
        raise UsageError(f"k must be from 1 to the number of {whose}, got {k = } and {others} of them")
    if right.shape[0] >= 2**32:
        raise UsageError(f"{right.name} must have fewer than 2**32 rows, got {right.shape[0]}")
    if y is None:
        keys = _without_themselves(_nearest_others(left, k + 1, kernels, max_bytes))
    else:
        keys = _nearest(left, right, k, kernels, max_bytes)
    return (keys & np.uint64(2**32 - 1)).astype(np.int64), _distances(keys)


def _distances(keys: U64) -> F32:
    return np.sqrt((keys >> np.uint64(32)).astype(np.uint32).view(np.float32))


def _nearest(left: Matrix, right: Matrix, k: int, kernels: Kernels, max_bytes: int) -> U64:
    """Keys (see the kernel) of the k nearest rows of *right*, sorted."""
    n = left.shape[0]
    keys = np.full((n, k), _NONE, np.uint64)
    nothing = np.empty((0, k), np.uint64)
    for part in _parts(left, max_bytes):
        rows, own = kernels.put(left.read(part)), kernels.put(keys[part])
        for start, block in _blocks(right):

            def lower(
                s: slice, rows: Rows = rows, own: Any = own, start: int = start, block: Rows = block
            ) -> None:
                kernels.nearest(rows[s], block, 0, start, own[s], nothing)

            in_calls(kernels, lower, len(rows), _slice_rows(len(rows)))
        keys[part] = kernels.get(own)
    in_threads(lambda s: keys[s].sort(axis=1), n)
    return keys


def _parts(matrix: Matrix, max_bytes: int) -> list[slice]:
    """Slices of the rows, all of which are read together."""
    n, d = matrix.shape
    at_once = n if matrix.in_memory is not None else max_bytes // max(1, d * matrix.dtype.itemsize)
    step = max(1, at_once // matrix.block_rows * matrix.block_rows, min(matrix.block_rows, n))
    return [slice(start, min(start + step, n)) for start in range(0, n, step)]


def _blocks(matrix: Matrix) -> Iterator[tuple[int, Rows]]:
    if matrix.in_memory is not None:
        return iter([(0, matrix.in_memory)])
    return matrix.blocks()


def _slice_rows(n: int) -> int:
    threads = count_threads(None)
    slices = threads * max(_SLICES_A_THREAD, -(-n // (threads * _MAX_SLICE)))
    return max(_MIN_SLICE, -(-n // slices))


def _nearest_others(matrix: Matrix, k: int, kernels: Kernels, max_bytes: int) -> U64:
    """Keys of the k nearest rows of the same matrix, each row itself among them, sorted.

    Every thread keeps heaps of its own, so that both rows of a pair learn of it; what it is given does not matter.
    On a GPU, whose blocks would wait for each other's heaps, every pair is compared twice.
    """
    if not kernels.CALLED_IN_THREADS:
        return _nearest(matrix, matrix, k, kernels, max_bytes)
    n = matrix.shape[0]
    pairs, lock = _pairs(matrix, max_bytes), threading.Lock()
    nothing = np.empty((0, k), np.uint64)

    def work(_: slice) -> U64:
        keys = np.full((n, k), _NONE, np.uint64)
        while True:
            with lock:
                pair = next(pairs, None)
            if pair is None:
                return keys
            a, rows_a, b, rows_b = pair
            own, other = keys[a : a + len(rows_a)], keys[b : b + len(rows_b)]
            kernels.nearest(rows_a, rows_b, a, b, own, nothing if a == b else other)

    found = in_threads(work, count_threads(None), 1)
    lowest = np.empty((n, k), np.uint64)

    def merge(s: slice) -> None:
        lowest[s] = np.sort(np.concatenate([keys[s] for keys in found], axis=1), axis=1)[:, :k]

    in_threads(merge, n)
    return lowest


def _pairs(matrix: Matrix, max_bytes: int) -> Iterator[tuple[int, Rows, int, Rows]]:
    """Blocks of rows, each with its first row, so that every two rows of the matrix meet once."""
    step = min(max(_MIN_SLICE, matrix.shape[0] // 16), _PAIR_ROWS)
    for part in _parts(matrix, max_bytes):
        rows = matrix.read(part)
        held = [(part.start + at, rows[at : at + step]) for at in range(0, len(rows), step)]
        for (a, rows_a), (b, rows_b) in combinations_with_replacement(held, 2):
            yield a, rows_a, b, rows_b
        for later in matrix.slices:
            if later.start >= part.stop:
                block = matrix.read(later)
                for a, rows_a in held:
                    yield a, rows_a, later.start, block


def _without_themselves(keys: U64) -> U64:
    """Drop each row's own number from its keys, or the last one where copies of it have pushed that out."""
    n, k = keys.shape
    own = (keys & np.uint64(2**32 - 1)) == np.arange(n, dtype=np.uint64)[:, None]
    own[~own.any(axis=1), -1] = True
    left: U64 = keys[~own].reshape(n, k - 1)
    return left


def typicality(
    x: npt.ArrayLike | Any, n_neighbors: int = 20, *, device: str = "cpu", max_bytes: int = 2**30
) -> F32:
    """Say how typical each row is: how near its neighbours are, compared with those of all rows.

    ``mean over its nearest rows j of exp(-d(i, j) / m)``, m the mean distance of all rows to their nearest: between
    0 and 1, whatever the scale of x. It is what lightly-mundig computes; without neighbours (one row) it is 1, as
    it is where all rows are equal.

    Parameters
    ----------
    x : (n, d) array or zarr array
        As for `nearest`.
    n_neighbors
        How many, at least 1; all others where there are fewer.
    device
        As for `nearest`.

    Returns
    -------
    (n,) float32

    Raises
    ------
    UsageError
        *x* is not a finite matrix, or *n_neighbors* is below 1.
    """
    matrix = as_matrix(x, max_bytes, kernels=load_kernels(device))
    if n_neighbors < 1:
        raise UsageError(f"n_neighbors must be at least 1, got {n_neighbors}")
    n = matrix.shape[0]
    if n < 2:
        return np.ones(n, np.float32)
    near = nearest(matrix.array, None, min(n_neighbors, n - 1), device=device, max_bytes=max_bytes)[1]
    distances = near.astype(np.float64)
    found: F32 = np.exp(-distances / _scale(distances)).mean(axis=1).astype(np.float32)
    return found


def similarity(
    x: npt.ArrayLike | Any, queries: npt.ArrayLike | Any, *, device: str = "cpu", max_bytes: int = 2**30
) -> F32:
    """Say how similar each row is to the nearest of some queries.

    ``exp(-d(i) / m)``, d(i) the distance to the nearest query, m its mean over all rows: between 0 and 1, and 1 for
    a row that is a query. It is what lightly-mundig computes.

    Parameters
    ----------
    x : (n, d) array or zarr array
        As for `nearest`.
    queries : (q, d) array or zarr array
    device
        As for `nearest`.

    Returns
    -------
    (n,) float32

    Raises
    ------
    UsageError
        *x* or *queries* is not a finite matrix, or there are no queries.
    """
    found = nearest(x, queries, 1, device=device, max_bytes=max_bytes)[1][:, 0]
    distances = found.astype(np.float64)
    return np.exp(-distances / _scale(distances)).astype(np.float32)


def _scale(distances: npt.NDArray[np.float64]) -> float:
    """Their mean; anything, where all are 0."""
    return float(distances.mean()) or 1.0 if distances.size else 1.0


def sqdist_to_others(x: Rows, kernels: Kernels) -> F32:
    """Squared distance of each of at least two rows to the nearest other."""
    matrix = Matrix(x, "x", len(x))
    keys = _without_themselves(_nearest_others(matrix, 2, kernels, 0))
    return (keys[:, 0] >> np.uint64(32)).astype(np.uint32).view(np.float32)
