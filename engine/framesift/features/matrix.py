"""Rows of numbers that someone hands in: an array in memory or on a GPU, or a zarr array that may exceed memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from framesift_kernels import I64, Kernels, Rows

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
    """NumPy or zarr array, or one on the GPU."""
    name: str
    """What an error calls it."""
    block_rows: int
    """Rows of a block: whole chunks of a zarr array, all on a GPU."""
    kernels: Kernels | None = None
    """Of the GPU that the rows lie on."""

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
        """All rows, checked, if they lie in memory, be it a GPU's."""
        return None if _is_chunked(self.array) else self.array

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
        """Some rows, in any order, where they lie."""
        if self.kernels is not None:
            return self.kernels.take(self.array, rows)
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


def as_matrix(x: Any, max_bytes: int, name: str = "x", kernels: Kernels | None = None) -> Matrix:
    """Make a matrix of an array, a zarr array or nested lists; on the GPU, if *kernels* are a GPU's.

    A zarr array of up to *max_bytes* is read into memory. One that is larger is read block by block, and checked
    then.

    Raises
    ------
    UsageError
        It has not two dimensions, does not hold numbers, or not all are finite; or it lies on a GPU, and the
        kernels are not a GPU's.
    """
    chunked, gpu = _is_chunked(x), None if kernels is None or kernels.CALLED_IN_THREADS else kernels
    lies_there = hasattr(x, "__cuda_array_interface__") or hasattr(x, "__cuda_ndarray__")
    if lies_there and gpu is None:
        raise UsageError(f"{name} lies on a GPU: use device='cuda', or copy it from there")
    if not chunked and not lies_there:
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
    if gpu is not None and lies_there:
        return _on_gpu(x, name, gpu)
    array = np.asarray(x[:]) if chunked else x
    dtype = array.dtype if array.dtype in _KEPT else np.dtype(np.float32)
    if array.dtype != dtype or not array.flags.c_contiguous:
        array = _as_rows(array, dtype)
    matrix = Matrix(array, name, block_rows)
    in_threads(lambda rows: _checked(array[rows], dtype, name), len(array), block_rows)
    return matrix if gpu is None else Matrix(gpu.put(array), name, max(1, len(array)), gpu)


def _is_chunked(x: Any) -> bool:
    return hasattr(x, "chunks") and hasattr(x, "dtype") and not isinstance(x, np.ndarray)


def _on_gpu(x: Any, name: str, kernels: Kernels) -> Matrix:
    """A matrix of an array that lies on the GPU, without a copy if the kernels can take it as it is."""
    rows: Any = kernels.put(x)
    if not (rows.is_c_contiguous() or rows.is_f_contiguous()):
        raise UsageError(
            f"{name} on the GPU must be contiguous: copy it there, with cupy.ascontiguousarray say"
        )
    if x.dtype not in _KEPT or not rows.is_c_contiguous():
        dtype = x.dtype if x.dtype in _KEPT else np.dtype(np.float32)
        rows = kernels.put(_as_rows(kernels.get(rows), dtype))
    if not kernels.is_finite(rows):
        raise _not_finite(name)
    return Matrix(rows, name, max(1, len(rows)), kernels)


def _as_rows(array: Any, dtype: Any) -> Rows:
    with np.errstate(over="ignore"):  # too large for float32: infinite, and refused as such
        rows: Rows = np.ascontiguousarray(array, dtype)
    return rows


def _checked(array: Any, dtype: Any, name: str) -> Rows:
    rows = _as_rows(array, dtype)
    if rows.dtype != np.uint8 and not np.isfinite(rows).all():
        raise _not_finite(name)
    return rows


def _not_finite(name: str) -> UsageError:
    return UsageError(f"{name} must be finite, it holds NaN, infinity or numbers too large for float32")
