"""What a selection by several objectives at once is made of."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from framesift_kernels import F32, Kernels, Rows

from ..errors import UsageError
from ..features.matrix import as_matrix

Bools = npt.NDArray[np.bool_]
F64Array = npt.NDArray[np.float64]
_LEAST_SHARE = 1e-10
_UNBOUNDED_BYTES = 2**62


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Diversity:
    """Rows that differ: the squared distances of the picks, each to its nearest other pick, are to add up to much."""

    x: npt.ArrayLike | Any
    """(n, d) array or zarr array; it is held in memory, of the GPU with ``device="cuda"``, where it may lie."""
    strength: float = 1.0
    """Exponent in the product; a negative one asks for the opposite."""
    min_distance: float | None = None
    """No two picks nearer than this."""
    stop_at_min_distance: bool = True
    """End when the best row is nearer than that; else pass over such rows and go on."""

    def rows(self, kernels: Kernels | None = None) -> Rows:
        """*x*, checked, where the *kernels* want it."""
        if self.min_distance is not None and not 0 <= self.min_distance < np.inf:
            raise UsageError(f"min_distance must be finite and not negative, got {self.min_distance}")
        rows = as_matrix(self.x, _UNBOUNDED_BYTES, kernels=kernels).in_memory
        assert rows is not None
        return rows


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weights:
    """Rows of large weights: those of the picks are to add up to much."""

    values: npt.ArrayLike
    """(n,) numbers, not negative."""
    strength: float = 1.0
    """Exponent in the product; a negative one asks for small weights."""
    min_value: float | None = None
    """End when the best row weighs less."""
    max_sum: float | None = None
    """End before the weights of all picks add up to more than this."""
    target_range: tuple[float, float] | None = None
    """Pass over rows that would take the sum above the second, and end once it has reached the first."""

    def numbers(self) -> F32:
        """*values*, checked."""
        array = np.asarray(self.values)
        if array.ndim != 1 or array.dtype.kind not in "biuf":
            raise UsageError(f"weights must be a column of numbers, got {array.shape = }, {array.dtype = }")
        with np.errstate(over="ignore"):
            numbers = np.ascontiguousarray(array, np.float32)
        if not (np.isfinite(numbers) & (numbers >= 0)).all():
            at = int(np.flatnonzero(~(np.isfinite(numbers) & (numbers >= 0)))[0])
            raise UsageError(
                f"weights must be finite and not negative, got {array[at]} in row {at}; add an offset"
            )
        return numbers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Balance:
    """Classes in given shares among the picks."""

    rows: npt.ArrayLike
    """(n, classes) numbers, not negative: how much of each class a row has."""
    target: npt.ArrayLike
    """(classes,) shares; they are divided by their sum."""
    strength: float = 1.0
    """Exponent in the product; a negative one asks for the opposite."""

    def classes(self) -> tuple[F32, F64Array]:
        """(n, classes) and (classes,), checked."""
        rows, target = np.asarray(self.rows), np.asarray(self.target, np.float64)
        if rows.ndim != 2 or rows.dtype.kind not in "biuf" or target.shape != rows.shape[1:]:
            raise UsageError(
                "classes must be numbers, a row for each row and a column for each target, "
                f"got {rows.shape = }, {rows.dtype = }, {target.shape = }"
            )
        with np.errstate(over="ignore"):
            numbers = np.ascontiguousarray(rows, np.float32)
        if not (np.isfinite(numbers) & (numbers >= 0)).all():
            raise UsageError("classes must be finite and not negative, they hold other numbers")
        if not (np.isfinite(target) & (target >= 0)).all() or not target.sum() > 0:
            raise UsageError(f"the target must be shares, not negative and not all 0, got {target}")
        return numbers, np.maximum(target / target.sum(), _LEAST_SHARE)


Objective: TypeAlias = Diversity | Weights | Balance
