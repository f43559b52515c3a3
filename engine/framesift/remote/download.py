"""Bringing an object to disk whole: in parts, each continued where it broke off, all of one version."""

from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from ..errors import SourceError
from ..files import disk_errors
from .client import ChangedError, Client, Retries, TransientError, attempt
from .content import RemoteObject

_PART_BYTES = 64 << 20
_PIECE_BYTES = 1 << 20


def download(
    remote: RemoteObject,
    path: Path,
    *,
    arrived: Callable[[int], object],
    is_stopped: Callable[[], bool],
) -> None:
    """Write *remote* to *path*.

    What breaks off is continued by a range of the same version, asked for by ``If-Match`` and seen in every
    answer; what a server sends too much or too little is noticed by its length.

    Parameters
    ----------
    remote
        To read.
    path
        File to write.
    arrived
        Called with the number of bytes that came (or, negative, that are thrown away again).
    is_stopped
        Whether to give up.

    Raises
    ------
    SourceError
        It cannot be read whole, has changed, or was stopped.
    ResourceError
        The disk is full.
    """
    retries = Retries(remote.address, is_stopped)
    with disk_errors(path), path.open("wb") as file:
        while file.tell() < remote.n_bytes:
            start = file.tell()
            try:
                _part(remote, file, arrived, is_stopped)
            except TransientError as e:
                if not remote.has_ranges:
                    arrived(-file.tell())
                    file.seek(0)
                    file.truncate()
                elif file.tell() > start:
                    retries.progressed()
                retries.failed(e)
        if file.tell() != remote.n_bytes:
            raise ChangedError


def _part(
    remote: RemoteObject,
    file: IO[bytes],
    arrived: Callable[[int], object],
    is_stopped: Callable[[], bool],
) -> None:
    start = file.tell()
    stop = min(start + _PART_BYTES, remote.n_bytes)
    span = (start, stop) if remote.has_ranges else None

    def get(obs: Any, client: Client, path: str) -> None:
        result = obs.get(client, path, options=remote.options(span))
        remote.check(result.meta)
        for piece in result.stream(min_chunk_size=_PIECE_BYTES):
            if is_stopped():
                raise SourceError("stopped")
            if file.tell() + len(piece) > remote.n_bytes:
                raise ChangedError
            with disk_errors(Path(file.name)):
                file.write(piece)
            arrived(len(piece))

    attempt(remote.address, get)
    if file.tell() < (stop if remote.has_ranges else remote.n_bytes):
        raise TransientError("its server sends less than it promises")
