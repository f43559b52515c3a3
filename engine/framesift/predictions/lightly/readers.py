"""Reading by several processes: parsing JSON is Python's, and Python runs one thread at a time."""

import contextlib
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import IO

from ...errors import ResourceError
from .parts import Part, Request, read_part

_WORTH = 20_000
"""Files for which processes are started: that takes as long as reading some thousands."""


@contextlib.contextmanager
def reader(n_files: int, threads: int) -> Iterator[Callable[[Sequence[Request]], Iterator[Part]]]:
    """Something that reads requests, in order, *threads* at a time."""
    if threads == 1 or n_files < _WORTH:
        yield lambda requests: map(read_part, requests)
        return
    workers: list[_Worker] = []
    mine = threading.local()

    def read(request: Request) -> Part:
        if not hasattr(mine, "worker"):
            mine.worker = _Worker()
            workers.append(mine.worker)
        found: Part = mine.worker.read(request)
        return found

    pool = ThreadPoolExecutor(threads, "framesift-predictions")
    try:
        yield lambda requests: pool.map(read, requests)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in list(workers):
            worker.stop()
        pool.shutdown()
        for worker in workers:
            worker.stop()


class _Worker:
    """A process that reads for this one, and ends with it: when its stdin does."""

    def __init__(self) -> None:
        # The search path as it is here, however it came about; the caller's main module is not run again.
        script = f"import sys; sys.path[:] = {sys.path!r}; from {__package__}.parts import main; main()"
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def read(self, request: Request) -> Part:
        """Have it read."""
        stdin, stdout = self._pipes()
        try:
            pickle.dump(request, stdin, protocol=5)
            stdin.flush()
            found: Part = pickle.load(stdout)
        except (OSError, EOFError, pickle.UnpicklingError, ValueError):
            raise ResourceError(
                "a process that reads predictions has died, perhaps out of memory; try threads=1"
            ) from None
        return found

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        for pipe in self._pipes():
            with contextlib.suppress(OSError, ValueError):
                pipe.close()

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        return self._process.stdin, self._process.stdout
