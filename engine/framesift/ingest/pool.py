"""A pool of threads for tasks that beget tasks."""

import threading
from collections import deque
from collections.abc import Callable, Iterable

Task = Callable[[], "Iterable[Task]"]
"""Does something and returns the tasks that can be done from then on."""


class Pool:
    """Runs tasks on *threads* threads: those at hand first, else one of the *roots*, in order.

    A root is begun only when no other task is at hand, so that what is under way is bounded by the number of
    threads, however many roots there are. *n_awaited* more come by `offer`, from other threads.
    """

    def __init__(self, roots: Iterable[Task], threads: int, n_awaited: int = 0) -> None:
        self._roots = deque(roots)
        self._n_awaited = n_awaited
        self._ready: deque[Task] = deque()
        self._change = threading.Condition()
        self._n_running = 0
        self._n_idle = 0
        self._error: BaseException | None = None
        self.stopping = threading.Event()
        """Set when the tasks should end early."""
        self._threads = [
            threading.Thread(target=self._work, name=f"framesift-worker-{i}") for i in range(threads)
        ]

    @property
    def has_roots(self) -> bool:
        """Some roots are still to be begun."""
        return bool(self._roots or self._n_awaited)

    @property
    def has_idle(self) -> bool:
        """Some thread waits for a task."""
        return self._n_idle > 0

    @property
    def n_free(self) -> int:
        """Threads that have nothing to do, or would have nothing if they had begun already."""
        with self._change:
            return max(0, len(self._threads) - self._n_running - len(self._ready) - len(self._roots))

    def add(self, task: Task) -> None:
        """Hand in a task, to be begun before those at hand. To be called by a task."""
        with self._change:
            self._ready.appendleft(task)
            self._change.notify_all()

    def offer(self, root: Task) -> None:
        """Hand in one of the roots awaited."""
        with self._change:
            self._n_awaited -= 1
            self._roots.append(root)
            self._change.notify_all()

    def stop(self) -> None:
        """End early."""
        self._stop()

    def fail(self, error: BaseException) -> None:
        """End early; `run` raises *error*."""
        self._stop(error)

    def run(self, tick: Callable[[], None], interval_s: float = 0.1) -> None:
        """Run everything; call *tick* from this thread meanwhile. What a task raises is raised here."""
        for thread in self._threads:
            thread.start()
        try:
            for thread in self._threads:
                while thread.is_alive():
                    thread.join(interval_s)
                    tick()
        finally:
            self._stop()
            for thread in self._threads:
                thread.join()
        if self._error is not None:
            raise self._error

    def _stop(self, error: BaseException | None = None) -> None:
        with self._change:
            self._error = self._error or error
            self.stopping.set()
            self._change.notify_all()

    def _work(self) -> None:
        while (task := self._next()) is not None:
            try:
                begotten = list(task())
            except BaseException as e:
                self._stop(e)
                return
            with self._change:
                self._ready.extend(begotten)
                self._n_running -= 1
                self._change.notify_all()

    def _next(self) -> Task | None:
        with self._change:
            while not self.stopping.is_set():
                if self._ready or self._roots:
                    self._n_running += 1
                    return self._ready.popleft() if self._ready else self._roots.popleft()
                if self._n_running == 0 and self._n_awaited == 0:
                    return None
                self._n_idle += 1
                self._change.wait()
                self._n_idle -= 1
            return None
