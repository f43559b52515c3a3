"""Rows of one source on their way from the threads that measure frames to the store."""

import threading
from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt

from framesift_kernels import Kernels

from ..source_store import Chunk, Flag, SourceWriter

_BLACK = 10
"""Brightest grey level of a thumbnail that still is black: fades and noise in the dark stay below."""


class Rows:
    """Collects rows in chunks and stores each chunk when its last row is there.

    Memory: a thread holds the chunk that it fills and, at the seams of segments, shares the next one; so at
    most two chunks (2 to 4 MB) a thread.
    """

    def __init__(self, writer: SourceWriter, kernels: Kernels) -> None:
        self.writer = writer
        self._kernels = kernels
        self._chunks: dict[int, Chunk] = {}
        self._edges: dict[int, npt.NDArray[np.uint8]] = {}
        self._lock = threading.Lock()
        self.hand_over: Callable[[Callable[[], None]], bool] = lambda _: False
        """Has another thread do something, if one is idle; says whether it has."""

    def is_stored(self, row: int) -> bool:
        """The row's chunk was stored already, by an earlier run."""
        return row // self.writer.rows_a_chunk in self.writer.done

    def cursor(self) -> "Cursor":
        """A place to put rows, for one thread."""
        return Cursor(self)

    def _chunk(self, number: int) -> Chunk:
        with self._lock:
            if number not in self._chunks:
                self._chunks[number] = self.writer.new_chunk(number)
            return self._chunks[number]

    def _filled(self, chunk: Chunk, n: int) -> None:
        with self._lock:
            chunk.n_filled += n
            whole = chunk.n_filled == len(chunk.flags)
            if whole:
                del self._chunks[chunk.number]
        if whole and not self.hand_over(partial(self._store, chunk)):
            self._store(chunk)

    def _store(self, chunk: Chunk) -> None:
        mean, contrast, brightest = self._kernels.luminance(chunk.thumbnails)
        motion = self._kernels.motion_energy(chunk.thumbnails, None)
        chunk.flags[brightest <= _BLACK] |= np.uint8(Flag.BLACK)
        self.writer.write(chunk, np.stack([mean, contrast, chunk.sharpness, motion], axis=1))
        for at in (0, len(chunk.flags) - 1):
            self._edges[chunk.start + at] = chunk.thumbnails[at].copy()

    def finish(self, n_rows: int) -> None:
        """Store what is left of *n_rows* rows and join the motion energy at the seams of the chunks."""
        for chunk in self._chunks.values():
            n = n_rows - chunk.start
            chunk.thumbnails, chunk.sharpness = chunk.thumbnails[:n], chunk.sharpness[:n]
            chunk.content_hash, chunk.flags = chunk.content_hash[:n], chunk.flags[:n]
            chunk.chroma = None if chunk.chroma is None else chunk.chroma[:n]
            self._store(chunk)
        self._chunks.clear()
        for row in range(self.writer.rows_a_chunk, n_rows, self.writer.rows_a_chunk):
            before, after = self._edge(row - 1), self._edge(row)
            self.writer.write_motion(row, float(self._kernels.motion_energy(after[None], before)[0]))

    def _edge(self, row: int) -> npt.NDArray[np.uint8]:
        return self._edges[row] if row in self._edges else self.writer.read_thumbnail(row)


class Cursor:
    """Hands one thread the buffers of one row after the other."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._chunk: Chunk | None = None
        self._n = 0

    def at(self, row: int) -> tuple[Chunk, int]:
        """The chunk of *row* and its place in it; the row counts as filled when the next is asked for."""
        number = row // self._rows.writer.rows_a_chunk
        if self._chunk is None or self._chunk.number != number:
            self.close()
            self._chunk = self._rows._chunk(number)
        self._n += 1
        return self._chunk, row - self._chunk.start

    def close(self) -> None:
        """Hand in what was filled. Not to be called after an error: a chunk with holes must stay unwritten."""
        if self._chunk is not None and self._n:
            self._rows._filled(self._chunk, self._n)
        self._chunk, self._n = None, 0
