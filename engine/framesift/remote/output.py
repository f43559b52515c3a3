"""Results to a bucket: files are made in scratch space and sent whole, the one that vouches for the others last."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from ..errors import SourceError, UsageError
from .address import Address, is_uri, parse_address
from .client import Client, request
from .scratch import Scratch

_CONNECTIONS = 8
_PROBE = ".framesift-probe"


def parse_folder(text: str) -> Address:
    """Read the address of something to write to: a bucket or a prefix in one, without its last slash.

    Raises
    ------
    UsageError
        It is none.
    """
    try:
        address = parse_address(text)
    except SourceError as e:
        raise UsageError(f"{text}: {e}") from None
    if address.is_web:
        raise UsageError(
            f"{address.uri} cannot be written to; expected a folder, s3://BUCKET/… or gs://BUCKET/…"
        )
    return address.with_key(address.key.rstrip("/"))


def below(folder: Address, name: str) -> Address:
    """The object *name* below *folder*."""
    return folder.with_key(f"{folder.key}/{name}" if folder.key else name)


def put(address: Address, content: bytes | Path, mode: Any = "overwrite") -> None:
    """Write an object, whole or not at all.

    Raises
    ------
    UsageError
        It cannot be written.
    """

    def send(obs: Any, client: Client, path: str) -> None:
        # Conditions and parts do not go together everywhere.
        obs.put(client, path, content, mode=mode, use_multipart=None if mode == "overwrite" else False)

    try:
        request(address, send)
    except SourceError as e:
        cannot(address, e)


def cannot(address: Address, error: SourceError) -> NoReturn:
    """Say that *address* cannot be written."""
    raise UsageError(f"{address.uri} cannot be written: {error}") from None


def delete(address: Address) -> None:
    """Delete an object, if that is allowed."""
    with suppress(SourceError):  # many may write and not delete
        request(address, lambda obs, client, path: obs.delete(client, path))


def check_writable(folder: Address) -> None:
    """Write and delete a small object.

    Raises
    ------
    UsageError
        It cannot be written.
    """
    put(below(folder, _PROBE), b"framesift looks whether it can write here\n")
    delete(below(folder, _PROBE))


@contextmanager
def output_folder(
    out: str | os.PathLike[str], last: str, sent: Callable[[int, int], object]
) -> Iterator[Path]:
    """A folder on disk for *out*; where that is an address, what is in it is sent there at the end.

    Parameters
    ----------
    out
        Folder, or address of a bucket or prefix.
    last
        Name of the file to send last, when all others have arrived.
    sent
        Called with the bytes sent so far and in all.

    Raises
    ------
    UsageError
        It cannot be written.
    """
    if not is_uri(out):
        yield Path(out).absolute()
        return
    folder = parse_folder(str(out))
    with Scratch() as room:
        local = room.path / "out"
        local.mkdir()
        yield local
        files = sorted(path for path in local.rglob("*") if path.is_file() and path != local / last)
        sizes = {path: path.stat().st_size for path in [*files, local / last]}
        done, total = 0, sum(sizes.values())
        sent(0, total)

        def send(path: Path) -> Path:
            put(below(folder, path.relative_to(local).as_posix()), path)
            return path

        with ThreadPoolExecutor(_CONNECTIONS, thread_name_prefix="framesift-send") as pool:
            for path in pool.map(send, files):
                sent(done := done + sizes[path], total)
        send(local / last)
        sent(total, total)
