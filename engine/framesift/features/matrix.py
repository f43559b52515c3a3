"""Rows of numbers that someone hands in: an array in memory, or a zarr array that may exceed it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from framesift_kernels import I64, Rows

from ..errors import UsageError
from .vectors import in_threads

_BLOCK_BYTES = 4 * 2**20
_KEPT = (np.dtype(np.uint8), np.dtype(np.float16), np.dtype(np.float32))
"""Types that the kernels take; all others become float32."""


class Readable(Protocol):
    """(n, d) rows, uint8, float16 or float32, finite, in memory or in blocks."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and dimensions."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the rows as they are read."""

    @property
    def in_memory(self) -> Rows | None:
        """All rows, if they lie in memory."""

    @property
    def slices(self) -> list[slice]:
        """The blocks."""

    def read(self, rows: slice) -> Rows:
        """Some rows."""

    def blocks(self) -> Iterator[tuple[int, Rows]]:
        """First row and rows of each block, in order."""

    def take(self, rows: I64) -> Rows:
        """Some rows, in any order."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """(n, d) rows, uint8, float16 or float32, checked to be finite as they are read."""

    array: Any
    """NumPy or zarr array."""
    name: str
    """What an error calls it."""
    block_rows: int
    """Rows of a block: whole chunks of a zarr array."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and dimensions."""
        return int(self.array.shape[0]), int(self.array.shape[1])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the rows as they are read."""
        return self.array.dtype if self.array.dtype in _KEPT else np.dtype(np.float32)

    @property
    def in_memory(self) -> Rows | None:
        """All rows, checked, if they lie in memory."""
        return self.array if isinstance(self.array, np.ndarray) else None

    @property
    def slices(self) -> list[slice]:
        """The blocks."""
        n = self.shape[0]
        return [slice(start, min(start + self.block_rows, n)) for start in range(0, n, self.block_rows)]

    def read(self, rows: slice) -> Rows:
        """Some rows.

        Raises
        ------
        UsageError
            One is not finite.
        """
        if self.in_memory is not None:
            return self.in_memory[rows]
        return _checked(self.array[rows], self.dtype, self.name)

    def blocks(self) -> Iterator[tuple[int, Rows]]:
        """First row and rows of each block, in order."""
        for rows in self.slices:
            yield rows.start, self.read(rows)

    def take(self, rows: I64) -> Rows:
        """Some rows, in any order."""
        if self.in_memory is not None:
            return self.in_memory[rows]
        out = np.empty((len(rows), self.shape[1]), self.dtype)
        order = np.argsort(rows, kind="stable")
        blocks = rows[order] // self.block_rows
        needed = np.unique(blocks)

        def gather(turn: slice) -> None:
            block = int(needed[turn.start])
            start = block * self.block_rows
            at = order[np.searchsorted(blocks, block) : np.searchsorted(blocks, block, side="right")]
            out[at] = self.read(slice(start, min(start + self.block_rows, self.shape[0])))[rows[at] - start]

        in_threads(gather, len(needed), 1)
        return out


def as_matrix(x: Any, max_bytes: int, name: str = "x") -> Matrix:
    """Make a matrix of an array, a zarr array or nested lists.

    A zarr array of up to *max_bytes* is read into memory. One that is larger is read block by block, and checked
    then.

    Raises
    ------
    UsageError
        It has not two dimensions, does not hold numbers, or not all are finite.
    """
    chunked = hasattr(x, "chunks") and hasattr(x, "dtype") and not isinstance(x, np.ndarray)
    if not chunked:
        x = np.asarray(x)
    if len(x.shape) != 2:
        raise UsageError(f"{name} must have two dimensions (rows, features), got shape {tuple(x.shape)}")
    if np.dtype(x.dtype).kind not in "biuf":
        raise UsageError(f"{name} must hold numbers, got dtype {x.dtype}")
    row_bytes = max(1, x.shape[1]) * np.dtype(x.dtype).itemsize
    block_rows = max(1, _BLOCK_BYTES // row_bytes)
    if chunked and x.shape[0] * row_bytes > max_bytes:
        chunk = int(x.chunks[0])
        return Matrix(x, name, chunk * max(1, block_rows // chunk))
    array = np.asarray(x[:]) if chunked else x
    dtype = array.dtype if array.dtype in _KEPT else np.dtype(np.float32)
    if array.dtype != dtype or not array.flags.c_contiguous:
        array = _as_rows(array, dtype)
    matrix = Matrix(array, name, block_rows)
    in_threads(lambda rows: _checked(array[rows], dtype, name), len(array), block_rows)
    return matrix


def _as_rows(array: Any, dtype: Any) -> Rows:
    with np.errstate(over="ignore"):  # too large for float32: infinite, and refused as such
        rows: Rows = np.ascontiguousarray(array, dtype)
    return rows


def _checked(array: Any, dtype: Any, name: str) -> Rows:
    rows = _as_rows(array, dtype)
    if rows.dtype != np.uint8 and not np.isfinite(rows).all():
        raise UsageError(f"{name} must be finite, it holds NaN, infinity or numbers too large for float32")
    return rows
