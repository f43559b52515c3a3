"""Entry point: runs a command and turns what it raises into one sentence and an exit code."""

import atexit
import errno
import gc
import os
import signal
import sys
import traceback
from types import FrameType
from typing import NoReturn

_DECODING = frozenset(["select", "index", "demo", "select-views", "dlc extract"])
"""Commands that decode: a process gets ready for it while they are read, and imports what this one need not."""
_WITHOUT_WORKER = frozenset(["--no-isolate", "--dry-run", "--help", "-h"])


def main() -> None:
    """Run the command line; exits with the promised code (see ``framesift --help``)."""
    gc.set_threshold(200_000)  # imports make much, and nothing of it is garbage
    # Else its idle threads, one a core, spin for a tenth of a second while they are wanted for decoding.
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "10")
    # Whoever closes them wants to see nothing; Python has None in their place.
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    arguments = sys.argv[1:]
    decodes = not _DECODING.isdisjoint([*arguments[:1], " ".join(arguments[:2])])
    if decodes and _WITHOUT_WORKER.isdisjoint(arguments):
        from framesift.ingest import process

        process.begin_ahead()
    signal.signal(signal.SIGTERM, _terminate)
    _exit(run(arguments))


def _exit(code: int) -> NoReturn:
    """End the process as Python does, but leave it to the system to free what it holds: that is quicker."""
    if "framesift.ingest.process" in sys.modules:
        sys.modules["framesift.ingest.process"].end_ahead()
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # nobody reads on
        pass
    os._exit(code)


class _Terminated(KeyboardInterrupt):
    """SIGTERM: ends as an interrupt does, with another exit code."""


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    raise _Terminated


def run(arguments: list[str]) -> int:
    """Run the command line and return its exit code."""
    try:
        return _run(arguments)
    except KeyboardInterrupt as e:
        if "framesift" in sys.modules:
            _say("stopped; with --store, the same command goes on from here")
        return 143 if isinstance(e, _Terminated) else 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as e:
        return _report(e)


def _run(arguments: list[str]) -> int:
    import typer  # late: the worker is not to wait for it

    from .app import app

    # Not ``app()``: Typer would take interrupts and broken pipes for itself, and end them in other codes.
    try:
        command = typer.main.get_command(app)
        with command.make_context("framesift", arguments or ["--help"]) as context:
            result = command.invoke(context)
    except typer.Exit as e:
        return e.exit_code
    return result if isinstance(result, int) else 0


def _report(error: Exception) -> int:
    if hasattr(error, "format_message"):  # what Typer raises of its own
        if type(error).__name__ == "NoArgsIsHelpError":  # a group of commands without one
            _say(error.format_message())
            return 2
        _say(f"error: {' '.join(error.format_message().replace('Value error, ', '').split())}")
        return 2
    if "framesift" in sys.modules:
        from framesift.errors import FramesiftError

        if isinstance(error, FramesiftError):
            _say(f"error: {error}")
            return error.exit_code
    if lacking := _lacking(error):
        _say(f"error: {lacking}")
        return 7
    traceback.print_exception(error)
    _say(f"internal error: {error} (this is a bug in framesift; please report the lines above)")
    return 1


def _lacking(error: BaseException | None) -> str:
    """What the machine has too little of, where that is the reason for an error or what led to it; else nothing."""
    while error is not None:
        number, text = getattr(error, "errno", None), str(error)
        if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return f"the disk is full: {getattr(error, 'filename', None) or 'what is printed'} could not be written"
        if isinstance(error, MemoryError) or number == errno.ENOMEM or "failed to map segment" in text:
            return "out of memory"
        if "can't start new thread" in text:
            return "the system starts no more threads: give it more memory or processes, or --threads a lower number"
        error = error.__cause__ or error.__context__
    return ""


def _say(text: str) -> None:
    print(text.encode(errors="backslashreplace").decode(), file=sys.stderr)
