"""Writing files so that a reader sees all of one or nothing of it."""

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from .errors import ResourceError, UsageError

_UMASK = os.umask(0)
os.umask(_UMASK)  # asked for once, here: it cannot be read without being set, for all threads
_NO_SPACE = {28, 122, 27}  # ENOSPC, EDQUOT, EFBIG


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Have *write* fill a temporary file beside *path*, then rename it to *path*.

    Raises
    ------
    UsageError
        The folder cannot be written to.
    ResourceError
        The disk is full.
    """
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:40]}.", suffix=".partial", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                write(file)
            os.chmod(temporary, 0o666 & ~_UMASK)
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise


def remove_partial(find: Callable[[str], Iterable[Path]]) -> None:
    """Remove what a process that was killed had begun to write, where a folder's `glob` or `rglob` finds it."""
    for left in find(".*.partial"):
        left.unlink(missing_ok=True)


def write_json(path: Path, data: Any) -> None:
    """Write *data* as JSON, atomically."""
    text = json.dumps(data, indent=2, ensure_ascii=True, allow_nan=False) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what the operating system says about writing *path* into one sentence."""
    try:
        yield
    except OSError as e:
        if e.errno in _NO_SPACE:
            raise ResourceError(f"the disk is full: {path} could not be written") from e
        raise UsageError(f"{path} cannot be written: {e.strerror or e}") from e
