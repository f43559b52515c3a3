"""The process that decodes on behalf of another, which outlives it.

It reads one pickled `Order` from its stdin and writes pickled messages to its stdout:

=======================================  ================================================================
``("begin", i)``                         source i is being touched from now on
``("state", [(i, done, total, idle)])``  frames done, frames there are, seconds without progress
``("end", i, reason, reused)``           source i is in the store, or is set aside with a reason
``("failed", error)``                    the whole run cannot go on
=======================================  ================================================================

When its stdin ends, it stops: so it never outlives the one that asked.
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
from ..sources import Source
from ..store import Store
from .job import Context, IndexOptions, Job
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
            running = prepare(order.sources, context)
            self._numbers = {id(job): i for i, job in enumerate(running.jobs)}
            threading.Thread(target=self._stop_with_stdin, args=[running], daemon=True).start()
            with warming_up(kernels):
                running.run(lambda: self._report(running))
        except BrokenPipeError:
            raise
        except BaseException as e:
            self._send("failed", _portable(e))

    def _stop_with_stdin(self, running: Running) -> None:
        while os.read(sys.stdin.fileno(), 1):
            pass
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
            state = (job.n_done, job.n_total, job.n_steps)
            if state != known:
                since = now
                self._last[i] = (state, since)
            states.append((i, job.n_done, job.n_total, now - since))
            if job.record is not None or job.reason is not None:
                del self._last[i]
        self._send("state", states)
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
