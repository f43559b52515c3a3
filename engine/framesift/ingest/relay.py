"""File objects of the process that asked, read by its worker: a question on one pipe, bytes on the other."""

import os
import pickle
import threading
from collections.abc import Callable, Sequence
from typing import IO, TYPE_CHECKING, Any

from ..errors import SourceError
from ..remote.content import FileObject, Remote
from ..sources import Source

if TYPE_CHECKING:
    from concurrent.futures import Future

_HEADER = 8
"""Bytes that say how long an answer is."""

Ask = Callable[..., None]
"""Sends a message to the process that asked."""


class RelayedObject:
    """What a worker knows of a file object; see `remote.content.Remote`. `relay` is set once it has arrived."""

    relay: "Relay"

    def __init__(self, file: FileObject) -> None:
        self.uri = file.uri
        self.name = file.name
        self.n_bytes = file.n_bytes
        self.version = file.version
        self.serial = file.serial
        self.failure: SourceError | None = None
        self.n_reads = 0

    def read_range(self, start: int, stop: int) -> bytes:
        """See `Remote`."""
        return self.relay.read(self.serial, start, stop)


def portable(source: Source) -> Source:
    """*source* as it can be sent to a worker."""
    return source._replace(path=RelayedObject(source.path)) if isinstance(source.path, FileObject) else source


class Relay:
    """The worker's end."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._answers: dict[int, Future[bytes]] = {}
        self._lock = threading.Lock()
        self._n = 0

    def attach(self, sources: Sequence[Source]) -> None:
        """Let the file objects among *sources* be read through it."""
        for source in sources:
            if isinstance(source.path, RelayedObject):
                source.path.relay = self

    def read(self, serial: int, start: int, stop: int) -> bytes:
        """Bytes of a file object.

        Raises
        ------
        SourceError
            It cannot be read.
        """
        from concurrent.futures import Future  # late: few runs are of file objects

        with self._lock:
            number, self._n = self._n, self._n + 1
            answer = self._answers[number] = Future()
        self._ask("read", number, serial, start, stop)
        return answer.result()

    def listen(self, handle: int) -> None:
        """Take answers until there are no more; then nothing can be read any longer.

        From the file descriptor itself: a thread that waits in Python's stdin is fatal when the process ends.
        """
        try:
            while True:
                n_bytes = int.from_bytes(_exactly(handle, _HEADER), "little")
                number, found = pickle.loads(_exactly(handle, n_bytes))
                answer = self._answers.pop(number)
                if isinstance(found, bytes):
                    answer.set_result(found)
                else:
                    answer.set_exception(found)
        except (EOFError, OSError):
            for answer in list(self._answers.values()):
                answer.set_exception(SourceError("stopped"))


def _exactly(handle: int, n_bytes: int) -> bytes:
    parts = []
    while n_bytes:
        parts.append(os.read(handle, min(n_bytes, 1 << 20)))
        if not parts[-1]:
            raise EOFError
        n_bytes -= len(parts[-1])
    return b"".join(parts)


class Answerer:
    """The other end: reads what a worker asks for, one thing after the other, in a thread of its own."""

    def __init__(self, sources: Sequence[Source], stream: IO[bytes]) -> None:
        self._remotes: dict[int, Remote] = {
            s.path.serial: s.path for s in sources if isinstance(s.path, FileObject)
        }
        self._stream = stream
        from queue import SimpleQueue  # late, for the worker's sake

        self._asked: SimpleQueue[tuple[Any, ...] | None] = SimpleQueue()
        if self._remotes:
            threading.Thread(target=self._answer, name="framesift-answerer", daemon=True).start()

    def ask(self, *question: Any) -> None:
        """Have a question answered: its number, the file's serial, start and stop."""
        self._asked.put(question)

    def close(self) -> None:
        """Answer nothing more."""
        self._asked.put(None)

    def _answer(self) -> None:
        while (question := self._asked.get()) is not None:
            number, serial, start, stop = question
            found: bytes | SourceError
            try:
                found = self._remotes[serial].read_range(start, stop)
            except SourceError as e:
                found = e
            except Exception as e:  # of somebody's file object
                found = SourceError(f"the file object cannot be read ({type(e).__name__}: {e})")
            data = pickle.dumps((number, found))
            try:
                self._stream.write(len(data).to_bytes(_HEADER, "little") + data)
                self._stream.flush()
            except (OSError, ValueError):  # the worker has died
                return
