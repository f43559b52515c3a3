"""The process that decodes on behalf of another, which outlives it.

It reads one pickled `Order` from one pipe and writes pickled messages to another:

=======================================  ================================================================
``("begin", i)``                         source i is being touched from now on
``("state", [(i, done, total, idle)])``  frames done, frames there are, seconds without progress
``("end", i, reason, reused)``           source i is in the store, or is set aside with a reason
``("fetched", bytes, total)``            of copies of what is elsewhere, with every state
``("read", n, serial, start, stop)``     bytes of a file object are wanted: ``(n, bytes)``, or an error
``("failed", error)``                    the whole run cannot go on
=======================================  ================================================================

When there is nobody to tell it more, it stops: so it never outlives the one that asked. It has the same environment, and with it
the credentials for what is elsewhere: it keeps crashes away, not intruders.
"""

import os
import pickle
import threading
import time
from typing import IO, Any

from ..machine import load_kernels, warming_up
from ..remote.scratch import Scratch
from ..store import Store
from .job import Context, Job
from .order import Order
from .relay import Relay
from .running import Running, prepare

_GRACE_S = 10.0


def main(orders: int, messages: int) -> None:
    """Carry out the order that comes by the file descriptor *orders*; what there is to say goes to *messages*.

    Raises
    ------
    BrokenPipeError
        There is nobody to hear it.
    """
    with open(orders, "rb", closefd=False) as stream:  # nothing follows the order unasked
        try:
            order: Order = pickle.load(stream)
        except EOFError:  # there is nothing to do
            return
    with open(messages, "wb", closefd=False) as channel:
        _Worker(order, orders, channel).run()


class _Worker:
    def __init__(self, order: Order, answers: int, channel: IO[bytes]) -> None:
        self._order = order
        self._answers = answers
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
            threading.Thread(target=self._stop_unheard, args=[running, relay], daemon=True).start()
            with warming_up(kernels):
                running.run(lambda: self._report(running))
        except BrokenPipeError:
            raise
        except BaseException as e:
            self._send("failed", _portable(e))

    def _stop_unheard(self, running: Running, relay: Relay) -> None:
        relay.listen(self._answers)
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
