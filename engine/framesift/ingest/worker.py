"""The process that decodes on behalf of another, which outlives it.

It reads one pickled `Order` from its stdin and writes pickled messages to its stdout:

=======================================  ================================================================
``("begin", i)``                         source i is being touched from now on
``("state", [(i, done, total, idle)])``  frames done, frames there are, seconds without progress
``("end", i, reason, reused)``           source i is in the store, or is set aside with a reason
``("fetched", bytes, total)``            of copies of what is elsewhere, with every state
``("read", n, serial, start, stop)``     bytes of a file object are wanted: ``(n, bytes)`` on stdin, or an error
``("failed", error)``                    the whole run cannot go on
=======================================  ================================================================

When its stdin ends, it stops: so it never outlives the one that asked. It has the same environment, and with it
the credentials for what is elsewhere: it keeps crashes away, not intruders.
"""

import os
import pickle
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ..machine import load_kernels, warming_up
from ..remote.scratch import Scratch
from ..sources import Source
from ..store import Store
from .job import Context, IndexOptions, Job
from .relay import Relay
from .running import Running, prepare

_GRACE_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a worker is to do."""

    sources: list[Source]
    store: Path
    options: IndexOptions
    device: str
    threads: int
    room: Path | None = None
    """Folder for copies of what is elsewhere; None: it is streamed."""
    room_bytes: int = 0


def main() -> None:
    """Carry out the order that comes on stdin."""
    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not get between the messages
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one who asked says when to stop
    order: Order = pickle.load(sys.stdin.buffer)
    try:
        _Worker(order, channel).run()
    except BrokenPipeError:
        sys.exit(1)


class _Worker:
    def __init__(self, order: Order, channel: IO[bytes]) -> None:
        self._order = order
        self._channel = channel
        self._lock = threading.Lock()
        self._last: dict[int, tuple[Any, float]] = {}

    def run(self) -> None:
        order = self._order
        try:
            kernels = load_kernels(order.device)
            store = Store(order.store, create=False)
            context = Context(store, order.options, kernels, order.threads, on_begin=self._began)
            room = None if order.room is None else Scratch.inside(order.room, order.room_bytes)
            relay = Relay(self._send)
            relay.attach(order.sources)
            running = prepare(order.sources, context, room)
            self._numbers = {id(job): i for i, job in enumerate(running.jobs)}
            threading.Thread(target=self._stop_with_stdin, args=[running, relay], daemon=True).start()
            with warming_up(kernels):
                running.run(lambda: self._report(running))
        except BrokenPipeError:
            raise
        except BaseException as e:
            self._send("failed", _portable(e))

    def _stop_with_stdin(self, running: Running, relay: Relay) -> None:
        relay.listen(sys.stdin.fileno())
        running.pool.stop()
        time.sleep(_GRACE_S)
        os._exit(1)

    def _send(self, *message: Any) -> None:
        with self._lock:
            pickle.dump(message, self._channel)
            self._channel.flush()

    def _began(self, job: Job) -> None:
        i = self._numbers[id(job)]
        self._last[i] = (None, time.monotonic())
        self._send("begin", i)

    def _report(self, running: Running) -> None:
        now = time.monotonic()
        states = []
        for i, (known, since) in list(self._last.items()):
            job = running.jobs[i]
            is_done = (
                job.record is not None or job.reason is not None
            )  # asked first: then its counts are final
            remote = job.source.remote
            state = (job.n_done, job.n_total, job.n_steps, 0 if remote is None else remote.n_reads)
            if state != known:
                since = now
                self._last[i] = (state, since)
            states.append((i, job.n_done, job.n_total, now - since))
            if is_done:
                del self._last[i]
        self._send("state", states)
        if running.fetcher is not None:
            self._send("fetched", running.fetcher.n_bytes, running.fetcher.n_total)
        for i, *_ in states:
            job = running.jobs[i]
            if i not in self._last:
                self._send("end", i, job.reason, job.reused)


def _portable(error: BaseException) -> BaseException:
    """*error* as it can be sent, or one that says the same."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
