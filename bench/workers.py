"""Measuring calls: each program in a process of its own, forked so that the inputs are there already.

Of a process only the thread that forks lives on in the fork, where OpenMP, and any pool, waits for the others for ever.
So nothing is computed in the process that forks: what a case needs besides its calls is computed `apart`, answers
are judged in the process that gave them, and to fork with other threads there is an error.
"""

import contextlib
import hashlib
import math
import multiprocessing
import os
import pickle
import resource
import sys
import threading
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Literal, TypeVar

from .record import OURS, is_over, turns

Work = Callable[[], Any]
Judge = Callable[[Any], dict[str, Any]]
X = TypeVar("X", bound=Hashable)
_Asked = Literal["warm up", "call", "judge", "digest", "answer", "stop"] | int
"""What a worker is asked for; a number says which of its works is called from now on."""
_MOST_S = 300
"""Seconds after which a call is given up."""
_LOOK_S = 5
"""Seconds after which a worker that was asked nothing looks whether there is anyone left to ask."""
_TASKS = Path("/proc/self/task")
"""A folder for each thread of this process."""


@dataclass(frozen=True, slots=True)
class Took:
    """What a work returns that says itself how long it took: of its wall clock only the part that counts."""

    wall_s: float
    answer: Any = None
    figures: dict[str, float] = field(default_factory=dict)
    """What else was measured of it."""


@dataclass(frozen=True, slots=True)
class Given:
    """A work that takes long: *work* on *given*; to warm up, on *little* (compiled, imported, but not waited for)."""

    work: Callable[..., Any]
    given: tuple[Any, ...]
    little: tuple[Any, ...]

    def __call__(self) -> Any:
        return self.work(*self.given)

    def warm_up(self) -> Any:
        return self.work(*self.little)


@dataclass(frozen=True, slots=True)
class Call:
    """What one call took."""

    wall_s: float
    cpu_s: float
    extra_rss_bytes: int
    """Peak memory over what the process held before the call."""
    judged: dict[str, Any] | None = None
    """Figures of what it returned; of the first call of a program, and of its last answer."""
    figures: dict[str, float] = field(default_factory=dict)
    """What the work itself has measured."""


def calls(
    programs: Mapping[str, Work | None],
    repeats: int,
    *,
    warm_up: int = 1,
    enough_s: float = math.inf,
    judge: Judge | None = None,
) -> dict[str, list[Call]]:
    """Call the programs in turn, *repeats* rounds after *warm_up* that do not count.

    A program whose calls took *enough_s* together is called no more: what takes long varies less.

    Each has a fresh process from its warm-up to its last call: libraries it imports, threads it starts and memory it
    keeps are its own, and an iteration is not buried under the start of Python. A program that is None is left out;
    a peer that fails too, with its reason on stderr. *judge* makes figures of the last answer of each, once of answers
    that are the same.

    Raises
    ------
    RuntimeError
        One of ours failed, or this process has more threads than one.
    """
    works = {name: [_Judged(work, judge)] for name, work in programs.items() if work}
    with _begun(works) as workers:
        found = _in_turn(workers, repeats, warm_up, enough_s)
        return _judged(workers, found) if judge else found


def series(
    programs: Mapping[X, Mapping[str, Work | None]],
    repeats: int,
    *,
    enough_s: float = math.inf,
    judges: Mapping[X, Judge | None] | None = None,
    is_left_out: Callable[[X], bool] = lambda _: False,
) -> Iterator[tuple[X, dict[str, list[Call]]]]:
    """`calls` at several x: the programs in turn at one x after the other, each in one process for all of them.

    What a library takes to be imported is paid once; at each x a round comes first that does not count. Yields what was
    called at an x when that is done; nothing of an x that *is_left_out* when its turn comes.
    """
    names = dict.fromkeys(name for at in programs.values() for name, work in at.items() if work)
    judging = {x: judges[x] if judges else None for x in programs}
    works = {name: [_Judged(at.get(name), judging[x]) for x, at in programs.items()] for name in names}
    with _begun(works) as workers:
        failed: set[str] = set()
        for number, (x, at) in enumerate(programs.items()):
            if is_left_out(x):
                continue
            there = {name: workers[name] for name in names if at.get(name) and name not in failed}
            for worker in there.values():
                worker.ask(number)
            found = _in_turn(there, repeats, 1, enough_s)
            failed |= there.keys() - found.keys()
            yield x, _judged(there, found) if judging[x] else found


def together(works: Mapping[str, Work]) -> Iterator[tuple[str, Any]]:
    """What each work returns, in their order, as many at once as there are cores: for what is not timed.

    Each in a process of its own. Those whose turn comes when the time is up are left out (`record.is_over`).

    Raises
    ------
    RuntimeError
        One failed, took longer than some minutes, or this process has more threads than one.
    """
    waiting = dict(works)
    begun: list[str] = []
    done: dict[str, Any] = {}
    running: dict[Connection, tuple[str, _Worker]] = {}
    with contextlib.ExitStack() as stack:
        while waiting or running:
            while waiting and len(running) < (os.cpu_count() or 1):
                name = next(iter(waiting))
                work = waiting.pop(name)
                if not is_over(name):
                    worker = stack.enter_context(contextlib.closing(_Worker([_Judged(work)])))
                    running[worker.tell("call")] = name, worker
                    begun.append(name)
            for ready in wait(list(running), _MOST_S) or list(running) if running else ():
                assert isinstance(ready, Connection)
                name, worker = running.pop(ready)
                worker.hear()
                done[name] = worker.ask("answer")
                worker.close()
            while begun and begun[0] in done:
                yield begun[0], done.pop(begun.pop(0))


def _judged(workers: Mapping[str, "_Worker"], found: dict[str, list[Call]]) -> dict[str, list[Call]]:
    """The first call of each program with figures of its last answer; of answers that are the same they are made once."""
    known: dict[bytes, dict[str, Any]] = {}
    for name, made in found.items():
        digest = workers[name].ask("digest")
        if digest not in known:
            known[digest] = workers[name].ask("judge")
        made[0] = replace(made[0], judged=known[digest])
    return found


@contextlib.contextmanager
def _begun(works: Mapping[str, Sequence["_Judged"]]) -> Iterator[dict[str, "_Worker"]]:
    """A worker for each name, until the end of the block."""
    workers: dict[str, _Worker] = {}
    try:
        for name, given in works.items():
            workers[name] = _Worker(given)
        yield workers
    finally:
        for worker in workers.values():
            worker.close()


def _in_turn(
    workers: Mapping[str, "_Worker"], repeats: int, warm_up: int, enough_s: float
) -> dict[str, list[Call]]:
    """Calls of the workers in turn; without the peers that fail."""
    found: dict[str, list[Call]] = {name: [] for name in workers}
    spent: dict[str, list[float]] = defaultdict(list)
    for turn in turns(repeats, warm_up):
        for name in list(found):
            if found[name] and sum(spent[name]) >= enough_s:
                continue
            began = time.monotonic()
            try:
                call = workers[name].call(warm_up=turn < 0)
            except RuntimeError as e:
                if name.startswith(OURS):
                    raise
                print(f"{name} is left out: {e}", file=sys.stderr)
                del found[name]
                continue
            if turn >= 0:
                found[name].append(call)
                spent[name].append(time.monotonic() - began)
    return found


def apart(work: Work) -> Any:
    """What *work* returns, computed in a process of its own.

    Raises
    ------
    RuntimeError
        It failed, or this process has more threads than one.
    """
    with _begun({"apart": [_Judged(work)]}) as workers:
        workers["apart"].call()
        return workers["apart"].ask("answer")


@dataclass(frozen=True, slots=True)
class _Judged:
    """A work, and what makes figures of what it returns."""

    work: Work | None
    judge: Judge | None = None


class _Worker:
    """A process that calls one of *works*, the first, when it is told to."""

    def __init__(self, works: Sequence[_Judged]) -> None:
        context = multiprocessing.get_context("fork")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, works, os.getpid()), daemon=True)
        self._process.start()
        theirs.close()
        try:
            _check_threads()
        except RuntimeError:
            self.close()
            raise

    def call(self, *, warm_up: bool = False) -> Call:
        found = self.ask("warm up" if warm_up else "call")
        assert isinstance(found, Call)
        return found

    def ask(self, what: _Asked) -> Any:
        self.tell(what)
        return self.hear()

    def tell(self, what: _Asked) -> Connection:
        """Ask and go on; what is returned has something to read when it is done."""
        self._connection.send(what)
        return self._connection

    def hear(self) -> Any:
        try:
            if not self._connection.poll(_MOST_S):
                raise RuntimeError(f"it took longer than {_MOST_S} s")
            found = self._connection.recv()
        except EOFError:
            self._process.join()
            raise RuntimeError(f"its process ended with {self._process.exitcode}") from None
        if isinstance(found, _Failure):
            raise RuntimeError(found.reason)
        return found

    def close(self) -> None:
        with contextlib.suppress(OSError):  # it is gone already
            self._connection.send("stop")
        self._process.join(1)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._connection.close()


@dataclass(frozen=True, slots=True)
class _Failure:
    """What a worker says instead of what it was asked for."""

    reason: str


def _serve(connection: Connection, works: Sequence[_Judged], parent: int) -> None:
    answer, given = None, works[0]
    while (asked := _next(connection, parent)) != "stop":
        found: Any
        work, judge = given.work, given.judge
        try:
            if work and asked in ("warm up", "call"):
                answer = None  # its memory is not the next call's
                little = asked == "warm up" and isinstance(work, Given)
                found, answer = _measure(work.warm_up if little else work)
            elif isinstance(asked, int):
                found, answer, given = None, None, works[asked]
            elif asked == "digest":
                found = hashlib.sha256(pickle.dumps(answer)).digest()
            else:
                found = judge(answer) if judge and asked == "judge" else answer
        except Exception:
            found = _Failure(traceback.format_exc(limit=-3))
        connection.send(found)


def _next(connection: Connection, parent: int) -> _Asked:
    """What is asked; to stop where the process that asks was killed, whose ends other workers hold open."""
    while not connection.poll(_LOOK_S):
        if os.getppid() != parent:
            return "stop"
    asked: _Asked = connection.recv()
    return asked


def _check_threads() -> None:
    """Just after a fork, before which OpenBLAS has ended its own threads: any other was there, and is not in the fork."""
    if not _TASKS.exists():
        return
    ends_at = time.monotonic() + 1  # a thread that was ended is listed a little longer
    while (others := len(list(_TASKS.iterdir())) - 1) and time.monotonic() < ends_at:
        time.sleep(0.001)
    if others:
        raise RuntimeError(
            f"a process with {others} more threads was forked, and what uses them hangs in the fork; got "
            f"{[thread.name for thread in threading.enumerate()]} of Python's; compute in workers.apart instead"
        )


def _measure(work: Work) -> tuple[Call, Any]:
    before = _reset_peak()
    cpu = _cpu_s()
    began = time.perf_counter()
    answer = work()
    wall = time.perf_counter() - began
    cpu = _cpu_s() - cpu
    extra = max(0, _peak() - before)
    figures: dict[str, float] = {}
    if isinstance(answer, Took):
        wall, answer, figures = answer.wall_s, answer.answer, answer.figures
    return Call(wall, cpu, extra, figures=figures), answer


def _cpu_s() -> float:
    """Seconds of this process, and of those that it began and waited for."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def _reset_peak() -> int:
    """Resident bytes now; the peak is counted from here on, where the system lets us."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return _peak()
    return _status("VmRSS")


def _peak() -> int:
    try:
        return _status("VmHWM")
    except OSError:
        scale = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


def _status(key: str) -> int:
    for line in Path(f"/proc/{os.getpid()}/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"no {key} in /proc")
