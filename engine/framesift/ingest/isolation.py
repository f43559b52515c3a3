"""Indexing in a process of its own, so that a file that crashes or hangs a decoder takes nothing else with it.

One worker process decodes everything, on all threads. While all goes well it costs what starting it costs. When it
dies, the sources that it had begun and not ended are suspect: each is tried again alone, going on from the chunks
that are stored; the one on which it dies again is set aside. When a source makes no progress for a while, it is
set aside, the worker is killed, and another goes on with the rest.
"""

import contextlib
import pickle
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import ResourceError
from ..files import remove_tree
from ..progress import Progress, ProgressCallback
from ..remote.scratch import Scratch
from ..sources import Source
from ..store import Store
from .options import IndexOptions
from .order import Order
from .outcome import Known, biggest_first, progress_of
from .process import begin
from .relay import Answerer, portable

_TICK_S = 0.1
_GRACE_S = 5.0
_MAX_FALSE_STARTS = 3


@dataclass(slots=True)
class IsolatedJob(Known):
    """A source that a worker indexes."""

    begun: bool = False
    """The worker has touched it."""
    begun_before: bool = False
    """A worker that died has touched it."""

    @property
    def ended(self) -> bool:
        """It is in the store, or set aside."""
        return self.record is not None or self.reason is not None


@dataclass(slots=True, kw_only=True)
class Isolation:
    """How to index in a process of its own."""

    store: Store
    options: IndexOptions
    device: str
    threads: int
    timeout_s: float
    """A source that makes no progress for so long is set aside."""
    room: Scratch | None = None
    """For copies of what is elsewhere; None: it is streamed."""
    on_end: Callable[[IsolatedJob], None] = lambda _: None
    """Called when a source is in the store."""
    n_bytes: int = 0
    """Bytes of copies that have come."""
    _fetched: tuple[int, int] = (0, 0)
    """Of the worker at hand, and what it is to fetch."""
    _answerer: Answerer | None = field(default=None, init=False)

    def run(self, sources: Sequence[Source], progress: ProgressCallback) -> list[IsolatedJob]:
        """Index *sources* into the store, which this process holds for writing.

        Raises
        ------
        ResourceError
            No worker can be started, or the disk is full.
        """
        jobs = [IsolatedJob(source) for source in sources]

        def tick() -> None:
            if self._fetched[1]:
                progress(Progress(stage="download", done=self._fetched[0], total=self._fetched[1]))
            progress(progress_of(jobs))

        suspects: list[IsolatedJob] = []
        n_false_starts = 0
        while waiting := [job for job in biggest_first(jobs) if not job.ended]:
            suspects = [job for job in suspects if not job.ended]
            batch = suspects[:1] or waiting
            for job in batch:
                job.begun_before |= job.begun
                job.begun = False
            death = self._round(batch, tick)
            if death is None:
                continue
            touched = [job for job in batch if job.begun and not job.ended]
            if len(touched) == 1:
                touched[0].reason = f"its decoder {death}"
            suspects = touched + [job for job in suspects if job not in touched]
            n_false_starts = 0 if any(job.begun for job in batch) else n_false_starts + 1
            if n_false_starts == _MAX_FALSE_STARTS:
                raise ResourceError(f"the worker process {death} before it touched any input")
        progress(progress_of(jobs))
        return jobs

    def _round(self, batch: list[IsolatedJob], tick: Callable[[], None]) -> str | None:
        """Have one worker index *batch*. Returns how it died; None if it ended well, or was ended for a cause."""
        sources = [job.source for job in batch]
        with self._copies() as folder, _Worker(self._order(sources, folder)) as worker:
            self._answerer = worker.answer(sources)
            heard = time.monotonic()
            while True:
                message = worker.next(_TICK_S)
                if message is not None:
                    heard = time.monotonic()
                    if message[0] == "closed":
                        return worker.death()
                    if self._take(batch, message):
                        return None
                elif time.monotonic() - heard > self.timeout_s:  # not even a tick
                    worker.kill()
                    return f"hung for {self.timeout_s:g} s"
                tick()

    def _order(self, sources: list[Source], folder: Path | None) -> Order:
        return Order(
            sources=[portable(source) for source in sources],
            store=self.store.path,
            options=self.options,
            device=self.device,
            threads=self.threads,
            room=folder,
            room_bytes=0 if self.room is None else self.room.max_bytes,
        )

    @contextlib.contextmanager
    def _copies(self) -> Iterator[Path | None]:
        """A folder for the copies of one worker, which may die before it has deleted them."""
        if self.room is None:
            yield None
            return
        folder = self.room.path / "copies"
        folder.mkdir()
        try:
            yield folder
        finally:
            remove_tree(folder)
            self.n_bytes, self._fetched = self.n_bytes + self._fetched[0], (0, 0)

    def _take(self, batch: list[IsolatedJob], message: tuple[Any, ...]) -> bool:
        """Note what a worker says; True if it is to be killed."""
        kind, *values = message
        if kind == "begin":
            batch[values[0]].begun = True
        elif kind == "end":
            i, reason, reused = values
            job = batch[i]
            job.reason, job.reused = reason, reused and not job.begun_before
            if reason is None:
                job.record = self.store.record(job.source.id)
                self.on_end(job)
        elif kind == "fetched":
            self._fetched = values[0], values[1]
        elif kind == "read":
            assert self._answerer is not None
            self._answerer.ask(*values)
        elif kind == "failed":
            raise values[0]
        else:
            stuck = False
            for i, n_done, n_total, idle_s in values[0]:
                batch[i].n_done, batch[i].n_total = n_done, n_total
                if idle_s > self.timeout_s:
                    batch[i].reason = f"no progress for {self.timeout_s:g} s: given up"
                    self.store.discard(batch[i].source.id)
                    stuck = True
            return stuck
        return False


class _Worker:
    """A worker process and what it says."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._answerer: Answerer | None = None
        self._messages: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()

    def __enter__(self) -> "_Worker":
        self._process = begin()
        threading.Thread(target=self._listen, name="framesift-listener", daemon=True).start()
        with contextlib.suppress(BrokenPipeError):  # it died at once
            pickle.dump(self._order, self._process.orders)
            self._process.orders.flush()
        return self

    def answer(self, sources: Sequence[Source]) -> Answerer:
        """What answers when it asks for bytes of a file object."""
        self._answerer = Answerer(sources, self._process.orders)
        return self._answerer

    def __exit__(self, *_: object) -> None:
        """End it: in peace if it can be, for what is half done is resumed by another run."""
        if self._answerer is not None:
            self._answerer.close()
        with contextlib.suppress(OSError):
            self._process.orders.close()
        if self._process.wait(_GRACE_S) is None:
            self.kill()
        self._process.messages.close()

    def _listen(self) -> None:
        with contextlib.suppress(EOFError, OSError, ValueError, pickle.UnpicklingError):
            while True:
                self._messages.put(pickle.load(self._process.messages))
        self._messages.put(("closed",))

    def next(self, timeout_s: float) -> tuple[Any, ...] | None:
        """What it says next; ``("closed",)`` when it has nothing more to say, None if that is not known yet."""
        try:
            return self._messages.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def death(self) -> str | None:
        """How it died; None if it ended well."""
        code = self._process.wait()
        if not code:
            return None
        if code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
            return f"crashed ({name}{': out of memory?' if -code == 9 else ''})"
        return f"ended with code {code}"
