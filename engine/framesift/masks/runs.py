"""What run-length masks are checked for, and many of them end to end."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from framesift_kernels import I64, U8, Kernels, load

from ..errors import UsageError

Order = Literal["column", "row"]
Box = tuple[int, int, int, int]


def kernels() -> Kernels:
    """Those of the CPU."""
    return load("cpu")


def is_column(order: str) -> bool:
    """Whether runs go down the columns.

    Raises
    ------
    UsageError
        There is no such order.
    """
    if order not in ("column", "row"):
        raise UsageError(f'order must be "column" or "row", got {order!r}')
    return order == "column"


def as_bytes(mask: npt.NDArray[Any]) -> U8:
    """*mask* in C order, as bytes: zero where it is."""
    if mask.dtype == np.bool_ or mask.dtype == np.int8:
        mask = mask.view(np.uint8)
    elif mask.dtype != np.uint8:
        if mask.dtype.kind not in "biufc":
            raise UsageError(f"mask must hold numbers, got {mask.dtype = }")
        mask = (mask != 0).view(np.uint8)
    return np.ascontiguousarray(mask)


def as_shape(shape: Sequence[int]) -> tuple[int, int]:
    """*shape* as (height, width)."""
    try:
        height, width = (int(size) for size in shape)
    except (TypeError, ValueError):
        raise UsageError(f"shape must be (height, width), got {shape!r}") from None
    if height < 0 or width < 0:
        raise UsageError(f"shape must not be negative, got {shape!r}")
    return height, width


def as_counts(counts: npt.ArrayLike, shape: Sequence[int] | None = None) -> I64:
    """*counts* as int64, checked; with *shape*, that they are those of such a mask."""
    return Ragged.of([counts], None if shape is None else as_shape(shape)).counts


@dataclass(frozen=True, slots=True)
class Ragged:
    """Counts of masks, one mask after the other."""

    counts: I64
    offsets: I64
    """(n + 1,): where in the counts those of a mask begin and end."""

    @classmethod
    def of(cls, masks: Sequence[npt.ArrayLike], shape: tuple[int, int] | None) -> "Ragged":
        """*masks*, checked; with *shape*, that they are those of such masks.

        Raises
        ------
        UsageError
            One of them is no list of run lengths, or does not fit.
        """
        arrays = [np.asarray(counts) for counts in masks]
        for array in arrays:
            if array.ndim != 1 or not array.size or array.dtype.kind not in "iu":
                raise UsageError(
                    f"counts must be a list of run lengths, at least one, got {array.shape = }, {array.dtype = }"
                )
        joined = arrays[0] if len(arrays) == 1 else np.concatenate([np.empty(0, np.int64), *arrays])
        if joined.dtype.kind == "f":  # what NumPy makes of int64 beside uint64
            joined = np.concatenate([array.astype(np.int64) for array in arrays])
        found = cls(np.ascontiguousarray(joined, np.int64), np.cumsum([0, *map(len, arrays)], dtype=np.int64))
        found.check(shape)
        return found

    def check(self, shape: tuple[int, int] | None) -> None:
        """Raise a `UsageError` if these are not the run lengths of masks of *shape*."""
        if not len(self.counts):
            return
        if self.counts.min() < 0:
            raise UsageError(f"counts must not be negative, got {self.counts.min()}")
        if shape is None:
            return
        size = shape[0] * shape[1]
        sums = np.add.reduceat(self.counts, self.offsets[:-1])
        wrong = np.flatnonzero(sums != size)
        if len(wrong) or self.counts.max() > size:  # which could make the sum wrap around
            which = (
                int(wrong[0])
                if len(wrong)
                else int(np.searchsorted(self.offsets, self.counts.argmax(), "right")) - 1
            )
            raise UsageError(
                f"counts must add up to the pixels of {shape = }, got {int(sums[which])} for mask {which}"
            )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, i: int) -> I64:
        return self.counts[self.offsets[i] : self.offsets[i + 1]]
