"""Principal components of rows that may exceed memory: the same, to the bit, however the rows are stored."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from framesift_kernels import F32, F64

from ..errors import UsageError
from ..machine import load_kernels
from .matrix import Matrix, as_matrix
from .vectors import in_batches

_BATCH_ROWS = 1024
_EXACT_DIMENSIONS = 2048
"""Up to as many, the whole covariance is accumulated and its eigenvectors taken; beyond, a sketch of it."""
_OVERSAMPLING = 32
_POWER_PASSES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class PrincipalComponents:
    """Directions of largest variance of some rows."""

    mean: F64
    """(d,)"""
    components: F64
    """(k, d): orthonormal, the largest variance first; of each, the coordinate of largest size is positive."""
    explained_variance: F64
    """(k,): the rows' variance along each, with n - 1 degrees of freedom."""
    total_variance: float
    """Along all d directions together."""
    n_rows: int

    @property
    def explained_variance_ratio(self) -> F64:
        """(k,): shares of the total variance; zeros if there is none."""
        if not self.total_variance:
            return np.zeros_like(self.explained_variance)
        return self.explained_variance / self.total_variance

    def transform(self, x: Any, *, whiten: bool = False, device: str = "cpu", max_bytes: int = 2**30) -> F32:
        """Coordinates of rows along the components.

        Parameters
        ----------
        x : (n, d)
            As for `principal_components`.
        whiten
            Divide them by the square roots of the variances, where these are not 0.
        device
            As for `principal_components`.

        Returns
        -------
        (n, k) float32

        Raises
        ------
        UsageError
            *x* has other dimensions, or is not finite.
        """
        matrix = as_matrix(x, max_bytes, kernels=load_kernels(device))
        if matrix.shape[1] != len(self.mean):
            raise UsageError(
                f"x must have {len(self.mean)} dimensions, as the components, got {matrix.shape}"
            )
        directions = self.components
        if whiten:
            deviation = np.sqrt(self.explained_variance)
            directions = np.divide(
                directions, deviation[:, None], where=deviation[:, None] > 0, out=directions * 0
            )
        projected = np.empty((matrix.shape[0], len(directions)), np.float32)
        for start, rows in _batches(matrix, self.mean):
            projected[start : start + len(rows)] = rows @ directions.T
        return projected


def principal_components(
    x: Any, n_components: int, *, seed: int = 0, device: str = "cpu", max_bytes: int = 2**30
) -> PrincipalComponents:
    """Principal components of rows, read once (d <= 2048), or seven times (beyond).

    Parameters
    ----------
    x : (n, d) numbers
        NumPy array, or zarr array, which may exceed memory.
    n_components : int
        From 1 to min(n, d).
    seed
        Of the sketch; without effect for d <= 2048.
    device
        Where *x* may lie: with ``"cuda"`` on the GPU (CuPy's, or of any library with ``__cuda_array_interface__``). The
        sums are the processor's all the same, so that the components are the same bits: the rows travel, batch by batch.
    max_bytes
        A zarr array that is smaller is read into memory; nothing in the result depends on it.

    Returns
    -------
    PrincipalComponents
        Those of scikit-learn's ``PCA``, up to rounding: exact for d <= 2048. Beyond, the components of a random
        subspace of n_components + 32 dimensions after four power iterations, which are close where the variances
        fall off.

    Raises
    ------
    UsageError
        *x* is not two-dimensional, not finite, or has not so many rows or dimensions.

    Notes
    -----
    Sums are over batches of 1024 rows, in order, in float64, whatever the chunks, with BLAS on one thread: in memory
    and streamed they are the same bits. Memory: 24 d^2 bytes (beyond 2048: 32 d (k + 32)), two batches, and six
    blocks of 4 MB or a chunk of *x*.
    The mean of the first batch is taken off at once, so that a large offset loses no digits (Chan et al., *Algorithms
    for computing the sample variance*, 1983). The sketch: Halko et al., *Finding structure with randomness*, 2011,
    algorithm 4.4, with its last pass a Rayleigh-Ritz step.
    """
    from threadpoolctl import threadpool_limits

    matrix = as_matrix(x, max_bytes, kernels=load_kernels(device))
    n, d = matrix.shape
    if not 1 <= n_components <= min(n, d):
        raise UsageError(
            f"n_components must be from 1 to {min(n, d)} for {n} x {d} numbers, got {n_components}"
        )
    with threadpool_limits(1):
        mean, total = _moments(matrix)
        if d <= _EXACT_DIMENSIONS:
            basis, gram = np.eye(d), _sum(matrix, mean, lambda rows: rows.T @ rows, (d, d))
        else:
            basis, gram = _sketch(matrix, mean, min(n_components + _OVERSAMPLING, n, d), seed)
        values, vectors = np.linalg.eigh(gram)
        order = np.argsort(-values, kind="stable")[:n_components]
        components = (basis @ vectors[:, order] if d > _EXACT_DIMENSIONS else vectors[:, order]).T
    largest = np.abs(components).argmax(axis=1)
    signs = np.where(components[np.arange(n_components), largest] < 0, -1.0, 1.0)
    return PrincipalComponents(
        mean=mean,
        components=np.ascontiguousarray(components * signs[:, None]),
        explained_variance=np.maximum(values[order], 0) / max(1, n - 1),
        total_variance=total / max(1, n - 1),
        n_rows=n,
    )


def _batches(matrix: Matrix, shift: F64 | float) -> Iterator[tuple[int, F64]]:
    """First row, and rows less *shift*, of batches that depend on the number of rows alone."""
    for start, batch in in_batches(matrix.blocks(), _BATCH_ROWS):
        rows = batch if matrix.kernels is None else matrix.kernels.get(batch)
        yield start, rows.astype(np.float64) - shift


def _sum(matrix: Matrix, mean: F64, term: Callable[[F64], Any], shape: tuple[int, ...]) -> F64:
    """Sum of a term of every batch, in order."""
    total: npt.NDArray[np.float64] = np.zeros(shape)
    for _, rows in _batches(matrix, mean):
        total += term(rows)
    return total


def _moments(matrix: Matrix) -> tuple[F64, float]:
    """Mean, and the sum of the squared distances to it."""
    n, d = matrix.shape
    shift: F64 | None = None
    sums, squares = np.zeros(d), np.zeros(d)
    for _, rows in _batches(matrix, 0.0):
        if shift is None:
            shift = rows.mean(axis=0)
        rows -= shift
        sums += rows.sum(axis=0)
        squares += np.einsum("ij,ij->j", rows, rows)
    assert shift is not None
    return shift + sums / n, float(np.maximum(squares - sums * sums / n, 0).sum())


def _sketch(matrix: Matrix, mean: F64, k: int, seed: int) -> tuple[F64, F64]:
    """(d, k) orthonormal directions that hold nearly all variance, and the scatter of the rows along them."""
    d = matrix.shape[1]
    basis: F64 = np.random.Generator(np.random.Philox(seed)).standard_normal((d, k))
    for _ in range(1 + _POWER_PASSES):
        basis = _sum(matrix, mean, lambda rows, basis=basis: rows.T @ (rows @ basis), (d, k))  # type: ignore[misc]
        basis = np.linalg.qr(basis)[0]

    def scatter(rows: F64) -> Any:
        along = rows @ basis
        return along.T @ along

    return basis, _sum(matrix, mean, scatter, (k, k))
