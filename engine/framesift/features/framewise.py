"""A vector for each frame of an index, wherever it comes from."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from framesift_kernels import F32, I64, Kernels

from ..errors import UsageError
from ..progress import ProgressCallback, silent
from ..source_store import Flag
from .brought import Brought, read_vectors
from .given import PCA, THUMBNAILS, are_thumbnails, check_given
from .models import OnnxModel
from .names import match_names, match_order, name_of
from .pca import pca
from .pixels import Pixels
from .unit import check_rows, unit_rows
from .vectors import ArrayVectors, Vectors

if TYPE_CHECKING:
    from ..index import Index

COMPONENTS = 128
_IN_MEMORY_BYTES = 256 << 20
_BLOCK_BYTES = 4 << 20


@dataclass(slots=True)
class FrameVectors:
    """Rows of something read by slices, in the order of an index. Up to 256 MB are kept in memory."""

    x: Any
    """(m, d) array, memory map, zarr array or `Embedding`."""
    order: I64
    """(n,) row of *x* of each row of the index; -1: none, and zeros are given."""
    normalize: bool
    _cache: F32 | None = field(default=None, init=False)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and dimensions."""
        return len(self.order), int(self.x.shape[1])

    @property
    def in_memory(self) -> F32 | None:
        """All rows, if they may lie in memory."""
        n, d = self.shape
        if self._cache is None and 4 * n * d <= _IN_MEMORY_BYTES:
            self._cache = np.empty((n, d), np.float32)
            for start, block in self._read():
                self._cache[start : start + len(block)] = block
        return self._cache

    def blocks(self) -> Iterator[tuple[int, F32]]:
        """First row and rows of each block, in order."""
        whole = self.in_memory
        if whole is None:
            yield from self._read()
            return
        for start in range(0, len(whole), self._block_rows):
            yield start, whole[start : start + self._block_rows]

    def take(self, rows: I64) -> F32:
        """Some rows; *rows* increase."""
        whole = self.in_memory
        return self._rows(rows) if whole is None else whole[rows]

    @property
    def _block_rows(self) -> int:
        return int(np.clip(_BLOCK_BYTES // (4 * self.shape[1]), 64, 4096))

    def _read(self) -> Iterator[tuple[int, F32]]:
        n = len(self.order)
        for start in range(0, n, self._block_rows):
            yield start, self._rows(np.arange(start, min(start + self._block_rows, n)))

    def _rows(self, rows: I64) -> F32:
        raw = self.raw(rows)
        return unit_rows(raw) if self.normalize else raw.astype(np.float32, copy=False)

    def raw(self, rows: I64) -> npt.NDArray[Any]:
        """Some rows as they are."""
        at = self.order[rows]
        out = np.zeros((len(rows), self.shape[1]), self.x.dtype if self.x.dtype.kind == "f" else np.float32)
        there = np.flatnonzero(at >= 0)
        out[there] = _gather(self.x, at[there])
        return out

    def check(self, index: "Index", what: str) -> None:
        """Refuse vectors of frames that could be chosen that have no finite numbers, or no direction.

        Those of frames that could not, damaged and black ones, are zeros then.

        Raises
        ------
        UsageError
            With the first such frame.
        """
        name = name_of(index)
        required = _choosable(index)
        missing = required & (self.order < 0)
        if missing.any():
            first = name(int(np.argmax(missing)))
            raise UsageError(
                f"{what} has no vector of {np.count_nonzero(missing)} of {len(missing)} frames, the first of which is "
                f"{first}"
            )
        self.order = np.where(required, self.order, -1)
        for start in range(0, len(required), self._block_rows):
            rows = start + np.flatnonzero(required[start : start + self._block_rows])
            with np.errstate(over="ignore"):
                found = self.raw(rows)
                found = found if self.normalize else found.astype(np.float32)
            check_rows(found, what, lambda i, rows=rows: name(int(rows[i])), zeros=not self.normalize)  # type: ignore[misc]


def _gather(x: Any, rows: I64) -> npt.NDArray[Any]:
    """Some rows, in any order, of what is read by slices."""
    if isinstance(x, np.ndarray) or not len(rows):
        return np.asarray(x[rows] if isinstance(x, np.ndarray) else x[0:0])
    step = int(x.chunks[0])
    if (np.diff(rows) == 1).all():
        return np.asarray(x[int(rows[0]) : int(rows[-1]) + 1])
    out = np.empty((len(rows), x.shape[1]), x.dtype)
    for chunk in np.unique(rows // step).tolist():
        here = np.flatnonzero(rows // step == chunk)
        block = np.asarray(x[chunk * step : min((chunk + 1) * step, x.shape[0])])
        out[here] = block[rows[here] - chunk * step]
    return out


def _choosable(index: "Index") -> npt.NDArray[np.bool_]:
    flags = np.concatenate([reader.read("flags") for reader in index.readers()])
    found: npt.NDArray[np.bool_] = flags & (Flag.DAMAGED | Flag.BLACK) == 0
    return found


def frame_vectors(
    index: "Index",
    given: Any,
    kernels: Kernels,
    *,
    normalize: bool = True,
    seed: int = 0,
    device: str = "cpu",
    threads: int | None = None,
    progress: ProgressCallback = silent,
) -> tuple[Vectors, Any]:
    """A vector for each row of an index, and what a selection says of where they come from.

    Parameters
    ----------
    given
        ``"thumbnails"``: the pixels. ``"pca"``: their 128 first principal components. A path of a model (``.onnx``) or
        an `OnnxModel`. A path of vectors, see `read_vectors`; an array; an `Embedding`.
    normalize
        Bring all but pixels to unit length.
    seed
        Of the principal components.

    Raises
    ------
    UsageError
        Vectors and frames do not go together, or a vector is not finite, or zero.
    """
    everything = list(range(len(index.records)))
    given = check_given(given)
    if isinstance(given, str) and given in (THUMBNAILS, PCA):
        pixels = Pixels(index, everything, kernels)
        if are_thumbnails(given):
            return pixels, THUMBNAILS
        x = pca(pixels, COMPONENTS, np.random.Generator(np.random.Philox(seed)))
        return ArrayVectors(unit_rows(x) if normalize else x), PCA
    if isinstance(given, OnnxModel):
        from .embedding import describe, embed

        made = embed(index, given, normalize=False, device=device, threads=threads, progress=progress)
        found = FrameVectors(made, np.arange(index.n_rows), normalize)
        found.check(index, str(given.path))
        return found, describe(made.facts, Path(given.path))
    if isinstance(given, str | os.PathLike):
        brought, said = read_vectors(given), str(given)
    else:
        brought, said = _of_array(given), "array"
    n = int(brought.x.shape[0])
    if brought.names is None:
        order = match_order(index, n, brought.what)
    else:
        from ..lightly.names import sample_names  # late: its package builds on this module

        order = match_names(sample_names(index), brought.names, brought.what)
    found = FrameVectors(brought.x, order, normalize)
    found.check(index, brought.what)
    return found, said


def _of_array(given: Any) -> Brought:
    array = given if hasattr(given, "chunks") and hasattr(given, "dtype") else np.asarray(given)
    if len(array.shape) != 2 or np.dtype(array.dtype).kind not in "biuf":
        raise UsageError(
            f"vectors must be numbers of two dimensions (a row a frame), got shape {tuple(array.shape)} of {array.dtype}"
        )
    if array.shape[1] < 1:
        raise UsageError("vectors must have at least one dimension, got none")
    return Brought(array, None, "vectors")
