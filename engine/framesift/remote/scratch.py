"""Scratch space: a folder of bounded size for copies, which leaves nothing behind."""

import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from ..errors import SourceError, StoreBusyError, UsageError
from ..files import disk_errors, remove_tree
from ..locking import hold

_PREFIX = "framesift-scratch-"
_DEFAULT_BYTES = 64 << 30
_YOUNG_S = 60
_UNITS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}


def parse_bytes(text: str | int, name: str) -> int:
    """Read a number of bytes: ``20000000``, ``500M``, ``20G``.

    Raises
    ------
    UsageError
        *text* is none, or not positive.
    """
    match = re.fullmatch(r"(\d+) ?([KMGT]?)i?B?", str(text).strip(), re.IGNORECASE)
    if match is None or not int(match[1]):
        raise UsageError(f"{name} must be a number of bytes such as 500M or 20G, got {text!r}")
    return int(match[1]) << _UNITS[match[2].upper()]


class Scratch:
    """Room for copies, at most *max_bytes* at once; everything in it is deleted when it is left.

    What a killed process left is deleted by the next that uses the same folder.

    Parameters
    ----------
    folder
        Where to make it; ``FRAMESIFT_SCRATCH`` or the system's folder for temporary files by default.
    max_bytes
        ``FRAMESIFT_SCRATCH_BYTES``, or half of what is free and at most 64 GB, by default.

    Raises
    ------
    UsageError
        The folder cannot be written to, or the number is none.
    """

    def __init__(
        self, folder: "str | os.PathLike[str] | None" = None, max_bytes: "str | int | None" = None
    ) -> None:
        import shutil  # late: few runs copy anything
        import tempfile

        base = Path(folder or os.environ.get("FRAMESIFT_SCRATCH") or tempfile.gettempdir()).absolute()
        if max_bytes is None:
            max_bytes = os.environ.get("FRAMESIFT_SCRATCH_BYTES")
        with disk_errors(base):
            base.mkdir(parents=True, exist_ok=True)
            _sweep(base)
            self.max_bytes = (
                min(shutil.disk_usage(base).free // 2, _DEFAULT_BYTES)
                if max_bytes is None
                else parse_bytes(max_bytes, "scratch_bytes")
            )
            self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
            self._lock: IO[str] | None = hold(self.path / "lock")
        self._begin()

    @classmethod
    def inside(cls, path: Path, max_bytes: int) -> Self:
        """A room in a folder of another process's room, which makes and deletes it."""
        room = cls.__new__(cls)
        room.path, room.max_bytes, room._lock = path, max_bytes, None
        room._begin()
        return room

    def _begin(self) -> None:
        self._held: dict[Path, int] = {}
        self._change = threading.Condition()
        self._n = 0

    @property
    def n_held(self) -> int:
        """Copies that are there or on their way."""
        return len(self._held)

    def reserve(self, n_bytes: int, suffix: str, *, max_copies: int, is_stopped: Callable[[], bool]) -> Path:
        """Wait until *n_bytes* fit and fewer than *max_copies* are there; the path to write the copy to.

        Raises
        ------
        SourceError
            It never fits, or waiting was stopped.
        """
        if n_bytes > self.max_bytes:
            raise SourceError(
                f"its {n_bytes / 1e6:.0f} MB do not fit the scratch space of {self.max_bytes / 1e6:.0f} MB; "
                "raise FRAMESIFT_SCRATCH_BYTES, or use --stream"
            )
        with self._change:
            while sum(self._held.values()) + n_bytes > self.max_bytes or self.n_held >= max_copies:
                if is_stopped():
                    raise SourceError("stopped")
                self._change.wait(0.1)
            self._n += 1
            path = self.path / f"{self._n}{suffix}"
            self._held[path] = n_bytes
            return path

    def release(self, path: Path) -> None:
        """Delete a copy. Decoders may still hold it open, so its room is given back first."""
        with self._change:
            if self._held.pop(path, None) is None:
                return
            try:
                os.truncate(path, 0)
                path.unlink()
            except OSError:  # never written, or held open by Windows: then it goes with the folder
                pass
            self._change.notify_all()

    def close(self) -> None:
        """Delete everything."""
        if self._lock is not None:
            self._lock.close()
        remove_tree(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _sweep(base: Path) -> None:
    """Delete the scratch folders of processes that were killed: nobody holds their locks."""
    for folder in base.glob(f"{_PREFIX}*"):
        try:
            if time.time() - folder.stat().st_mtime < _YOUNG_S:  # it may not have its lock yet
                continue
            hold(folder / "lock", create=False).close()
        except (StoreBusyError, OSError):
            continue
        remove_tree(folder)
