"""Writing files so that a reader sees all of one or nothing of it."""

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from .errors import ResourceError, UsageError

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
        temporary = path.with_name(f".{path.name[:40]}.{os.urandom(8).hex()}.partial")
        try:
            with temporary.open("xb") as file:
                write(file)
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise


def remove_partial(find: Callable[[str], Iterable[Path]]) -> None:
    """Remove what a process that was killed had begun to write, where a folder's `glob` or `rglob` finds it."""
    for left in find(".*.partial"):
        left.unlink(missing_ok=True)


def remove_tree(folder: Path) -> None:
    """Remove a folder and what is in it, as far as that is possible; it need not be there."""
    if folder.exists():
        import shutil  # late: it brings compression in

        shutil.rmtree(folder, ignore_errors=True)


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
