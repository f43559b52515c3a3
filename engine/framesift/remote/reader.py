"""A file object over ranges: what FFmpeg and zipfile read from when there is no file."""

import io
import os
import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor

from ..errors import SourceError
from .content import Remote, fail, suffix_of

BLOCK_BYTES = 1 << 20
_AT_ONCE = 4
"""Blocks of a request, once reading goes on in one direction."""
_A_READER = 8
_IDLE = 16
"""Blocks kept for each open reader, and beside: enough for sound and picture that lie some way apart."""


class BlockCache:
    """The blocks read last, of all contents, each asked for once by whoever needs it first.

    Memory: 16 MB, and 8 MB for each open reader.
    """

    def __init__(self) -> None:
        self._n_readers = 0
        self._blocks: OrderedDict[tuple[int, int], Future[bytes]] = OrderedDict()
        self._lock = threading.Lock()
        self._helpers: ThreadPoolExecutor | None = None

    def count(self, n_readers: int) -> None:
        """So many readers more, or fewer, are open."""
        with self._lock:
            self._n_readers += n_readers

    def read(self, remote: Remote, number: int, n: int) -> bytes:
        """Block *number*; if it is not there, it and up to *n* - 1 more are asked for in one request."""
        with self._lock:
            found = self._blocks.get((remote.serial, number))
            wanted = range(0) if found is not None else self._claim(remote, number, n)
            if found is not None:
                self._blocks.move_to_end((remote.serial, number))
            else:
                found = self._blocks[remote.serial, number]
        if wanted:
            self._fetch(remote, wanted)
        return found.result()

    def read_ahead(self, remote: Remote, first: int, n: int) -> None:
        """Begin to read what is missing of the *n* blocks from *first* on."""
        with self._lock:
            while n and (remote.serial, first) in self._blocks:
                first, n = first + 1, n - 1
            wanted = self._claim(remote, first, n)
            if wanted:
                if self._helpers is None:
                    self._helpers = ThreadPoolExecutor(8, thread_name_prefix="framesift-read-ahead")
                self._helpers.submit(self._fetch, remote, wanted)

    def _claim(self, remote: Remote, first: int, n: int) -> range:
        """Promise the next blocks that are missing, and make room for them."""
        stop = min(first + n, -(-remote.n_bytes // BLOCK_BYTES))
        number = first
        while number < stop and (remote.serial, number) not in self._blocks:
            self._blocks[remote.serial, number] = Future()
            number += 1
        excess = len(self._blocks) - _IDLE - _A_READER * self._n_readers
        for key in list(self._blocks)[: max(0, excess)]:
            if self._blocks[key].done():
                del self._blocks[key]
        return range(first, number)

    def _fetch(self, remote: Remote, wanted: range) -> None:
        with self._lock:
            promised = [self._blocks[remote.serial, number] for number in wanted]
        start, stop = wanted.start * BLOCK_BYTES, min(wanted.stop * BLOCK_BYTES, remote.n_bytes)
        try:
            data = remote.read_range(start, stop)
        except BaseException as e:
            with self._lock:
                for number in wanted:
                    del self._blocks[remote.serial, number]
            for block in promised:
                block.set_exception(e)
            return
        remote.n_reads += 1
        for at, block in enumerate(promised):
            block.set_result(data[at * BLOCK_BYTES : (at + 1) * BLOCK_BYTES])


_cache = BlockCache()


class RangeReader(io.RawIOBase):
    """Reads *remote* like a file, by requests of 1 to 4 MB; the next is under way while one is used.

    Not to be shared between threads; any number may read one *remote*, and share what they have read.

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
        self._last = -2
        self._run = 0
        self._ahead = 0
        _cache.count(1)

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
            self._ahead = max(self._ahead if self._run else 0, number + 1)
        n = min(_AT_ONCE, 1 << self._run)  # most seeks are for little
        block = _cache.read(self.remote, number, n)
        if self._run and self._ahead <= number + 2:
            _cache.read_ahead(self.remote, self._ahead, n)
            self._ahead += n
        return block

    def close(self) -> None:
        """Let others have its room."""
        if not self.closed:
            _cache.count(-1)
        super().close()
