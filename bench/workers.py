"""Measuring calls: each program in a process of its own, forked so that the inputs are there already."""

import contextlib
import multiprocessing
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from .record import OURS, turns

Work = Callable[[], Any]
_MOST_S = 300
"""Seconds after which a call is given up."""


@dataclass(frozen=True, slots=True)
class Took:
    """What a work returns that says itself how long it took: of its wall clock only the part that counts."""

    wall_s: float
    answer: Any = None


@dataclass(frozen=True, slots=True)
class Call:
    """What one call took."""

    wall_s: float
    cpu_s: float
    extra_rss_bytes: int
    """Peak memory over what the process held before the call."""
    answer: Any
    """What it returned, if that was asked for."""


def calls(
    programs: Mapping[str, Work | None], repeats: int, *, warm_up: int = 1, answers: bool = False
) -> dict[str, list[Call]]:
    """Call the programs in turn, *repeats* rounds after *warm_up* that do not count.

    Each has a fresh process from its warm-up to its last call: libraries it imports, threads it starts and memory it
    keeps are its own, and an iteration is not buried under the start of Python. A program that is None is left out;
    a peer that fails too, with its reason on stderr.

    Raises
    ------
    RuntimeError
        One of ours failed.
    """
    workers = {name: _Worker(work, answers) for name, work in programs.items() if work}
    found: dict[str, list[Call]] = {name: [] for name in workers}
    try:
        for turn in turns(repeats, warm_up):
            for name in list(found):
                try:
                    call = workers[name].call()
                except RuntimeError as e:
                    if name.startswith(OURS):
                        raise
                    print(f"{name} is left out: {e}", file=sys.stderr)
                    del found[name]
                    continue
                if turn >= 0:
                    found[name].append(call)
    finally:
        for worker in workers.values():
            worker.stop()
    return found


class _Worker:
    """A process that calls *work* when it is told to."""

    def __init__(self, work: Work, answers: bool) -> None:
        context = multiprocessing.get_context("fork")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, work, answers), daemon=True)
        self._process.start()
        theirs.close()

    def call(self) -> Call:
        self._connection.send(True)
        try:
            if not self._connection.poll(_MOST_S):
                raise RuntimeError(f"it took longer than {_MOST_S} s")
            found = self._connection.recv()
        except EOFError:
            self._process.join()
            raise RuntimeError(f"its process ended with {self._process.exitcode}") from None
        if isinstance(found, str):
            raise RuntimeError(found)
        assert isinstance(found, Call)
        return found

    def stop(self) -> None:
        with contextlib.suppress(OSError):  # it is gone already
            self._connection.send(False)
        self._process.join(1)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _serve(connection: Connection, work: Work, answers: bool) -> None:
    while connection.recv():
        try:
            found: Call | str = _measure(work, answers)
        except Exception:
            found = traceback.format_exc(limit=-3)
        connection.send(found)


def _measure(work: Work, answers: bool) -> Call:
    before = _reset_peak()
    cpu = time.process_time()
    began = time.perf_counter()
    answer = work()
    wall = time.perf_counter() - began
    cpu = time.process_time() - cpu
    extra = max(0, _peak() - before)
    if isinstance(answer, Took):
        wall, answer = answer.wall_s, answer.answer
    return Call(wall, cpu, extra, answer if answers else None)


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
