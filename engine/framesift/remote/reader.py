"""A file object over ranges: what FFmpeg and zipfile read from when there is no file."""

import contextlib
import io
import os
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor

from ..errors import SourceError
from .content import Remote, fail, suffix_of

BLOCK_BYTES = 1 << 20
_AT_ONCE = 4
"""Blocks of a request while reading goes on in one direction."""
_KEPT = 16
"""Blocks a reader keeps: enough for sound and picture that lie some way apart, and for what is read ahead."""


class RangeReader(io.RawIOBase):
    """Reads *remote* like a file, by requests of 1 to 4 MB; the next is under way while one is used.

    Memory: 16 MB kept and 4 MB under way. Not to be shared between threads; any number may read one *remote*.

    Parameters
    ----------
    remote
        To read.
    ends_on_failure
        A read that fails is the end of the file, for FFmpeg's callbacks, which no exception crosses reliably;
        whoever opened it must `content.check` then. Otherwise it raises.
    """

    def __init__(self, remote: Remote, *, ends_on_failure: bool = False) -> None:
        super().__init__()
        self.remote = remote
        self.name = f"remote{suffix_of(remote)}"  # FFmpeg looks at its suffix, as at a path's
        self._ends_on_failure = ends_on_failure
        self._at = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._last = -2
        self._run = 0
        self._ahead: tuple[range, Future[list[bytes]]] | None = None
        self._helper: ThreadPoolExecutor | None = None
        self._n_blocks = -(-remote.n_bytes // BLOCK_BYTES)

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Position in bytes."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move; reads nothing."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.remote.n_bytes}[whence]
        if base + offset < 0:
            raise OSError(22, "a position before the beginning")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        """Fill *buffer* from one block: maybe not to its end."""
        if self._at >= self.remote.n_bytes or not len(buffer):
            return 0
        number, offset = divmod(self._at, BLOCK_BYTES)
        try:
            if self.remote.failure is not None:
                raise self.remote.failure
            data = self._block(number)
        except SourceError as e:
            fail(self.remote, e)
            if self._ends_on_failure:
                return 0
            raise
        piece = memoryview(data)[offset : offset + len(buffer)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def _block(self, number: int) -> bytes:
        if number != self._last:
            self._run = self._run + 1 if number == self._last + 1 else 0
            self._last = number
        if number not in self._blocks:
            self._take_ahead(number)
        if number not in self._blocks:
            wanted = self._range(number, _AT_ONCE if self._run else 1)
            self._keep(wanted, self._fetch(wanted))
        self._blocks.move_to_end(number)
        if self._run:
            self._read_ahead(number + 1)
        return self._blocks[number]

    def _range(self, first: int, n: int) -> range:
        return range(first, min(first + n, self._n_blocks))

    def _fetch(self, wanted: range) -> list[bytes]:
        start, stop = wanted.start * BLOCK_BYTES, min(wanted.stop * BLOCK_BYTES, self.remote.n_bytes)
        data = self.remote.read_range(start, stop)
        return [data[at : at + BLOCK_BYTES] for at in range(0, len(data), BLOCK_BYTES)]

    def _keep(self, numbers: range, blocks: list[bytes]) -> None:
        self._blocks.update(zip(numbers, blocks, strict=True))
        while len(self._blocks) > _KEPT:
            self._blocks.popitem(last=False)

    def _take_ahead(self, number: int) -> None:
        """Use what is being read ahead, if *number* is in it."""
        if self._ahead is not None and number in self._ahead[0]:
            (numbers, future), self._ahead = self._ahead, None
            self._keep(numbers, future.result())

    def _read_ahead(self, first: int) -> None:
        while first in self._blocks:
            first += 1
        wanted = self._range(first, _AT_ONCE)
        # At most 8 blocks lie ahead: more would push out of the cache what is still to be read.
        if not wanted or first - self._last > _AT_ONCE or (self._ahead and self._ahead[0].start == first):
            return
        if self._ahead is not None and not self._ahead[1].done():
            return
        if self._helper is None:
            self._helper = ThreadPoolExecutor(1, thread_name_prefix="framesift-read-ahead")
        self._ahead = (wanted, self._helper.submit(self._fetch, wanted))

    def close(self) -> None:
        """Let go of what is kept."""
        if self._helper is not None:
            self._helper.shutdown(wait=False, cancel_futures=True)
            self._helper = None
        self._ahead = None
        self._blocks.clear()
        with contextlib.suppress(AttributeError):  # closed before it was whole
            super().close()
