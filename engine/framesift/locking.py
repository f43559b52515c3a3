"""One writer at a time, and no lock that outlives its process."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from .errors import StoreBusyError, UsageError
from .files import disk_errors


@contextmanager
def exclusive(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file *path*, which names its holder; *what* it protects is for the error.

    The operating system lets go of the lock when the process ends, however it ends.

    Raises
    ------
    StoreBusyError
        Another process holds it.
    """
    with disk_errors(path):
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if not _try_lock(handle):
            holder = path.read_text(errors="replace").strip() or "another process"
            raise StoreBusyError(f"{what} is being written by {holder}; wait for it to end")
        os.ftruncate(handle, 0)
        os.write(handle, f"process {os.getpid()} on {platform.node()}".encode())
        yield
    finally:
        os.close(handle)  # which also unlocks it


def hold(path: Path, *, create: bool = True) -> IO[str]:
    """An open file that holds the lock *path* until it is closed or the process ends.

    Raises
    ------
    StoreBusyError
        Another process holds it.
    OSError
        The file cannot be opened.
    """
    file = open(path, "a+" if create else "r+")  # noqa: SIM115 - whoever calls closes it
    if not _try_lock(file.fileno()):
        file.close()
        raise StoreBusyError(f"{path} is held by another process")
    return file


def _try_lock(handle: int) -> bool:
    """Lock an open file for this process, until it is closed or the process dies."""
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        except OSError:
            return False
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as e:
        raise UsageError(
            f"its file system cannot lock files ({e.strerror}): put the store, or the scratch space, on another"
        ) from e
    return True
