"""Content that is read by ranges of bytes: an object elsewhere, or a file object of Python's."""

import io
import itertools
import os
import re
import threading
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import IO, Any, Protocol

from ..digest import blake2b
from ..errors import SourceError
from .address import Address, safe_stem
from .client import ChangedError, Client, RangesUnsupportedError, TransientError, request

_serials = itertools.count()


class Remote(Protocol):
    """Content that has no path: its size, its version, and its bytes by ranges. Safe to share between threads."""

    uri: str
    """As it may be written down."""
    name: str
    """Last part of the address."""
    n_bytes: int
    version: str
    """Changes when the content does; empty where nobody says."""
    serial: int
    """Of no other content in this process."""
    failure: SourceError | None
    """Why a read failed, once one has: what was made of the content then is not to be trusted."""
    n_reads: int
    """Ranges read so far, which show that something goes on."""

    def read_range(self, start: int, stop: int) -> bytes:
        """Bytes ``[start, stop)``, exactly.

        Raises
        ------
        SourceError
            They cannot be had, or the content has changed.
        """


class RemoteObject:
    """An object in a bucket or on a web server, as it was when it was found."""

    def __init__(self, address: Address, meta: Any, *, has_ranges: bool = True) -> None:
        self.address = address
        self.uri = address.uri
        self.name = address.name
        self.n_bytes = int(meta["size"])
        self.has_ranges = has_ranges
        self.serial = next(_serials)
        self.failure: SourceError | None = None
        self.n_reads = 0
        self.is_stopped: Callable[[], bool] = lambda: False
        """Whether to give up reading."""
        self._tag = meta.get("e_tag") or ""
        self.version = version_of(meta)

    def __getstate__(self) -> dict[str, Any]:
        """For a worker process: what was found, and nothing of what was made of it here."""
        return {k: v for k, v in vars(self).items() if k != "is_stopped"} | {"failure": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.is_stopped = lambda: False

    def __repr__(self) -> str:
        return f"RemoteObject({self.uri!r}, n_bytes={self.n_bytes})"

    def read_range(self, start: int, stop: int) -> bytes:
        """See `Remote`."""
        if not self.has_ranges:
            raise RangesUnsupportedError

        def read(obs: Any, client: Client, path: str) -> bytes:
            result = obs.get(client, path, options=self.options((start, stop)))
            self.check(result.meta)
            data = bytes(result.bytes())
            if len(data) != stop - start:
                raise TransientError("its server sends less than it promises")
            return data

        return request(self.address, read, lambda: self.failure is not None or self.is_stopped())

    def options(self, span: tuple[int, int] | None) -> dict[str, Any]:
        """What a GET of *span* asks for: this version, where the server can tell it from others."""
        wanted: dict[str, Any] = {} if span is None else {"range": span}
        if self._tag and not self._tag.startswith("W/"):  # a weak tag matches nothing
            wanted["if_match"] = self._tag
        return wanted

    def check(self, meta: Any) -> None:
        """Refuse an answer that is about another version.

        Raises
        ------
        ChangedError
            It is.
        """
        if int(meta["size"]) != self.n_bytes or version_of(meta) != self.version:
            raise ChangedError


def version_of(meta: Any) -> str:
    """ETag of an object, else when it was last modified, else nothing."""
    if meta.get("e_tag"):
        return str(meta["e_tag"]).removeprefix("W/")
    modified = meta.get("last_modified")
    return modified.isoformat() if modified is not None and modified.timestamp() > 0 else ""


def find_object(address: Address) -> RemoteObject:
    """The object at *address*, by one small request.

    Raises
    ------
    MissingError
        There is none.
    SourceError
        It cannot be read.
    """
    if not address.is_web:
        return RemoteObject(address, request(address, lambda obs, client, path: obs.head(client, path)))
    try:
        meta = request(address, _meta_by_get((0, 1)))
    except RangesUnsupportedError:
        return RemoteObject(address, request(address, _meta_by_get(None)), has_ranges=False)
    return RemoteObject(address, meta)


def _meta_by_get(span: tuple[int, int] | None) -> Callable[[Any, Client, str], Any]:
    """Not a HEAD: a signature is for one method, and that is GET."""

    def meta(obs: Any, client: Client, path: str) -> Any:
        try:
            return obs.get(client, path, options={} if span is None else {"range": span}).meta
        except Exception as e:
            if "status code: 416" in str(e):
                raise SourceError("the file is empty") from None
            raise

    return meta


class FileObject:
    """A binary, seekable file object of Python's, shared by turns. It is not closed."""

    def __init__(self, file: IO[bytes]) -> None:
        name = getattr(file, "name", None)
        if not isinstance(name, str) or not name:
            raise SourceError("a file object needs a name: set its attribute name to that of a video file")
        self.name = os.path.basename(name) or "source"
        self.uri = f"file-object:{self.name}"
        self.version = ""
        self.serial = next(_serials)
        self.failure: SourceError | None = None
        self.n_reads = 0
        self._file = file
        self._lock = threading.Lock()
        try:
            if not file.seekable():
                raise SourceError("a file object must be seekable")
            self.n_bytes = file.seek(0, os.SEEK_END)
            is_binary = isinstance(file.read(0), bytes)
        except (OSError, ValueError, AttributeError) as e:
            raise SourceError(f"the file object cannot be read ({e})") from None
        if not is_binary:
            raise SourceError("a file object must be opened in binary mode")

    def read_range(self, start: int, stop: int) -> bytes:
        """See `Remote`."""
        parts = []
        try:
            with self._lock:
                self._file.seek(start)
                while start < stop and (part := self._file.read(stop - start)):
                    parts.append(part)
                    start += len(part)
        except (OSError, ValueError) as e:
            raise SourceError(f"the file object cannot be read ({e})") from None
        if start < stop:
            raise ChangedError
        return b"".join(parts)


def is_file_object(item: object) -> bool:
    """*item* can be read like a file."""
    return hasattr(item, "read") and hasattr(item, "seek")


def local_path(file: IO[bytes]) -> str | None:
    """Path of the file that *file* has open, if it is one on disk that still is there."""
    try:
        name, handle = os.fspath(file.name), file.fileno()
        same = os.path.samestat(os.stat(name), os.fstat(handle))
    except (OSError, ValueError, AttributeError, TypeError, io.UnsupportedOperation):
        return None
    return os.fsdecode(name) if same else None


def stem_of(remote: Remote) -> str:
    """Name of a source for *remote*, fit to be a file name."""
    return safe_stem(remote.name)


def suffix_of(remote: Remote) -> str:
    """Suffix of its name, by which FFmpeg tells formats without a signature; empty where it is none."""
    suffix = PurePosixPath(remote.name).suffix
    return suffix if re.fullmatch(r"\.[A-Za-z0-9_]{1,8}", suffix) else ""


def fail(remote: Remote, error: SourceError) -> None:
    """Note why a read failed, the first time."""
    remote.failure = remote.failure or error


def check(remote: Remote) -> None:
    """Raise what made a read fail, so that content cut short there is not taken for whole.

    Raises
    ------
    SourceError
        A read has failed.
    """
    if remote.failure is not None:
        raise remote.failure


def version_digest(remote: Remote) -> str:
    """Digest of size and version: tells without reading whether the content is still the same."""
    return blake2b(f"remote\0{remote.n_bytes}\0{remote.version}".encode(), digest_size=16).hexdigest()
