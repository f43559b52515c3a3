"""The process that a worker runs in: begun, spoken to by two pipes, and ended.

Either a Python of its own, or a fork of this process. A fork is for a program that has just begun: it imports what
decoding needs while its parent still finds out what is to be decoded (see `begin_ahead`).
"""

import contextlib
import os
import signal
import sys
import time
import traceback
from typing import IO, NoReturn, Protocol

from ..cores import count_cores
from ..errors import ResourceError, UsageError

_POLL_S = 0.001


class Process(Protocol):
    """A worker's process."""

    orders: IO[bytes]
    """What it is told."""
    messages: IO[bytes]
    """What it says."""

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Its exit code, or minus the number of the signal that ended it; None if it still runs by then."""

    def kill(self) -> None:
        """End it at once."""


def begin() -> Process:
    """The process that was begun ahead, if there is one, or another.

    Raises
    ------
    ResourceError
        The system starts none.
    UsageError
        There is no Python to start.
    """
    global _ahead
    ahead, _ahead = _ahead, None
    return ahead or _Spawned()


def can_begin() -> bool:
    """There is a Python to begin: a frozen program is none, and would begin itself again."""
    return bool(sys.executable) and not getattr(sys, "frozen", False)


def begin_ahead() -> None:
    """Begin a process that the next worker will run in. To be called before there are threads.

    Nothing is begun where there is one core, which has enough to do, nor but on Linux: elsewhere what a fork may do is
    little, or there is none.
    """
    global _ahead
    # Pipes might take the places of streams that are closed.
    has_streams = None not in (sys.__stdin__, sys.__stdout__, sys.__stderr__)
    if _ahead is None and sys.platform == "linux" and has_streams and count_cores() > 1:
        with contextlib.suppress(OSError):  # then it is begun when it is wanted
            _ahead = _Forked()


def is_ahead() -> bool:
    """A process was begun ahead, and waits."""
    return _ahead is not None


def end_ahead() -> None:
    """End the process that was begun ahead, if it still waits."""
    global _ahead
    if _ahead is not None:
        _ahead.kill()
        _ahead = None


class _Spawned:
    """A Python of its own."""

    def __init__(self) -> None:
        import subprocess  # late: with a process ahead it is not wanted

        if not can_begin():
            raise UsageError(
                "isolate needs a Python interpreter, and this program is frozen without one: leave isolate out"
            )
        self._expired = subprocess.TimeoutExpired
        command = [sys.executable, "-P", "-c", script()]
        try:
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        except OSError as e:
            raise ResourceError(f"no worker process can be started: {e.strerror or e}") from e
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.orders: IO[bytes] = self._process.stdin
        self.messages: IO[bytes] = self._process.stdout

    def wait(self, timeout_s: float | None = None) -> int | None:
        try:
            return self._process.wait(timeout_s)
        except self._expired:
            return None

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


class _Forked:
    """A fork of this process."""

    def __init__(self) -> None:
        told, orders = os.pipe()
        messages, says = os.pipe()
        self._code: int | None = None
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # see `serve`
        self._id = os.fork()
        if self._id == 0:
            os.close(orders)
            os.close(messages)
            serve(told, says)
        signal.signal(signal.SIGINT, before)
        os.close(told)
        os.close(says)
        self.orders: IO[bytes] = os.fdopen(orders, "wb")
        self.messages: IO[bytes] = os.fdopen(messages, "rb")

    def wait(self, timeout_s: float | None = None) -> int | None:
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while self._code is None:
            found, status = os.waitpid(self._id, 0 if until is None else os.WNOHANG)
            if found:
                self._code = os.waitstatus_to_exitcode(status)
            elif until is not None and time.monotonic() > until:
                break
            else:
                time.sleep(_POLL_S)
        return self._code

    def kill(self) -> None:
        if self.wait(0) is None:
            os.kill(self._id, signal.SIGKILL)
            self.wait()


_ahead: _Forked | None = None


def script() -> str:
    """What a Python of its own runs."""
    # Modules are found where they are found here: not in the folder that the user happens to be in.
    return f"import os, sys; sys.path[:] = {sys.path!r}; from {__name__} import serve; serve(0, os.dup(1))"


def _divert(handle: int) -> None:
    """Let what is written to *handle* go where errors go."""
    try:
        os.dup2(2, handle)
    except OSError:  # which is nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), handle)


def serve(orders: int, messages: int) -> NoReturn:
    """Be a worker's process; see `worker.main`."""
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # who gives the orders says when to stop
        _divert(1)  # what libraries print must not get between the messages
        from .worker import main

        main(orders, messages)
        code = 0
    except BrokenPipeError:
        pass
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)  # without taking Python apart: what is kept is in the store
