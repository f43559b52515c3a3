"""Thumbnails as vectors: the pixels themselves."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from framesift_kernels import I64, U8, Kernels, Rows

from .vectors import take_from_blocks

if TYPE_CHECKING:
    from ..index import Index
    from ..store import SourceReader

_IN_MEMORY_BYTES = 256 << 20


@dataclass(slots=True)
class Pixels:
    """The thumbnails of some sources of an index, one flattened row a frame.

    Up to 256 MB are kept in memory; beyond that every pass reads the store, chunk by chunk. Sources whose
    thumbnails differ in shape are brought, by area averaging, to the smallest height and width among them.
    """

    index: "Index"
    sources: list[int]
    kernels: Kernels
    _cache: U8 | None = field(default=None, init=False)
    _readers: list["SourceReader"] = field(init=False)

    def __post_init__(self) -> None:
        self._readers = [self.index.reader(source) for source in self.sources]

    @property
    def picture_shape(self) -> tuple[int, int]:
        """Height and width of the thumbnails that the rows are made of."""
        shapes = [self.index.records[s].thumbnail_shape for s in self.sources]
        return min(h for h, _ in shapes), min(w for _, w in shapes)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and dimensions."""
        height, width = self.picture_shape
        return sum(self.index.records[s].n_rows for s in self.sources), height * width

    @property
    def in_memory(self) -> U8 | None:
        """All rows, if they may lie in memory."""
        n, d = self.shape
        if self._cache is None and n * d <= _IN_MEMORY_BYTES:
            self._cache = np.empty((n, d), np.uint8)
            for start, block in self._read():
                self._cache[start : start + len(block)] = block
        return self._cache

    def blocks(self) -> Iterator[tuple[int, Rows]]:
        """First row and rows of each block, in order."""
        if self.in_memory is None or self._cache is None:
            yield from self._read()
            return
        for _, _, start, stop in self._chunks():
            yield start, self._cache[start:stop]

    def take(self, rows: I64) -> Rows:
        """Some rows; *rows* increase."""
        whole = self.in_memory
        return take_from_blocks(self._read(rows), rows) if whole is None else whole[rows]

    def _read(self, rows: I64 | None = None) -> Iterator[tuple[int, U8]]:
        """The store's chunks; with *rows* only those that some of them lie in."""
        height, width = self.picture_shape
        for reader, offset, start, stop in self._chunks():
            if rows is not None and np.equal(*np.searchsorted(rows, (start, stop))):
                continue
            thumbnails = reader.read("thumbnails", start - offset, stop - offset)
            if thumbnails.shape[1:] != (height, width):
                thumbnails = self._resized(thumbnails, height, width)
            yield start, thumbnails.reshape(len(thumbnails), -1)

    def _chunks(self) -> Iterator[tuple["SourceReader", int, int, int]]:
        """Reader and first row of the source, first row of the chunk and the row after its last, of each chunk."""
        offset = 0
        for reader in self._readers:
            n = reader.record.n_rows
            for start in range(0, n, reader.chunk_rows):
                yield reader, offset, offset + start, offset + min(start + reader.chunk_rows, n)
            offset += n

    def _resized(self, thumbnails: U8, height: int, width: int) -> U8:
        small = np.empty((len(thumbnails), height, width), np.uint8)
        region = (0, thumbnails.shape[2], 0, thumbnails.shape[1])
        for picture, out in zip(thumbnails, small, strict=True):
            self.kernels.thumbnail(picture, region, 1.0, 0.0, out)
        return small
