"""Thumbnails as vectors: the pixels themselves."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from framesift_kernels import I64, U8, Kernels, Rows

from .vectors import take_from_blocks

if TYPE_CHECKING:
    from ..index import Index
    from ..source_store import SourceReader

_IN_MEMORY_BYTES = 256 << 20


@dataclass(slots=True)
class Pixels:
    """The thumbnails of some sources of an index, one flattened row a frame: luma, then the colour
    differences where all of the sources have them.

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
    def has_color(self) -> bool:
        """All of the sources have colour differences."""
        return all(self.index.records[s].color for s in self.sources)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and dimensions."""
        height, width = self.picture_shape
        n_planes = 3 if self.has_color else 1
        return sum(self.index.records[s].n_rows for s in self.sources), n_planes * height * width

    @property
    def fit(self) -> bool:
        """All rows may lie in memory."""
        n, d = self.shape
        return n * d <= _IN_MEMORY_BYTES

    @property
    def in_memory(self) -> U8 | None:
        """All rows, if they may lie in memory."""
        if self._cache is None and self.fit:
            self._cache = np.empty(self.shape, np.uint8)
            for start, block in self.read():
                self._cache[start : start + len(block)] = block
        return self._cache

    def blocks(self) -> Iterator[tuple[int, Rows]]:
        """First row and rows of each block, in order."""
        if self.in_memory is None or self._cache is None:
            yield from self.read()
            return
        for start, stop in self.bounds():
            yield start, self._cache[start:stop]

    def take(self, rows: I64) -> Rows:
        """Some rows; *rows* increase."""
        whole = self.in_memory
        return take_from_blocks(self.read(rows), rows) if whole is None else whole[rows]

    def read(self, rows: I64 | None = None) -> Iterator[tuple[int, U8]]:
        """First row and rows of each chunk of the store; with *rows* only of those that some of them lie in."""
        for reader, offset, start, stop in self._chunks():
            if rows is not None and np.equal(*np.searchsorted(rows, (start, stop))):
                continue
            yield start, self._rows(reader, start - offset, stop - offset)

    def _rows(self, reader: "SourceReader", start: int, stop: int) -> U8:
        """Some rows of one source."""
        rows = self._resized(reader.read("thumbnails", start, stop))
        if not self.has_color:
            return rows
        chroma: U8 = reader.read("chroma", start, stop)
        differences = self._resized(chroma.reshape(-1, *chroma.shape[2:])).reshape(len(chroma), -1)
        return np.concatenate([rows, differences], axis=1)

    def bounds(self) -> Iterator[tuple[int, int]]:
        """First row, and the row after the last, of each block."""
        return ((start, stop) for _, _, start, stop in self._chunks())

    def _chunks(self) -> Iterator[tuple["SourceReader", int, int, int]]:
        """Reader and first row of the source, first row of the chunk and the row after its last, of each chunk."""
        offset = 0
        for reader in self._readers:
            n = reader.record.n_rows
            for start in range(0, n, reader.chunk_rows):
                yield reader, offset, offset + start, offset + min(start + reader.chunk_rows, n)
            offset += n

    def _resized(self, pictures: U8) -> U8:
        """(n, d) pictures of the size of all, flattened."""
        height, width = self.picture_shape
        if pictures.shape[1:] == (height, width):
            return pictures.reshape(len(pictures), -1)
        small = np.empty((len(pictures), height, width), np.uint8)
        region = (0, pictures.shape[2], 0, pictures.shape[1])
        for picture, out in zip(pictures, small, strict=True):
            self.kernels.thumbnail(picture, region, 1.0, 0.0, out)
        return small.reshape(len(small), -1)
