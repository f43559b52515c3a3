"""A store in a bucket: each whole source is one object, and a small record that names it counts it in.

::

    STORE/framesift-store.json               schema version
    STORE/sources/<id>/<digest>.zip          the source's arrays as the store on disk has them, never changed
    STORE/commits/<id>.json                  its commit record and the pack it is in: written last

Work goes on in a store on disk, in scratch space: what is reused is fetched before, what is new is sent as soon as
it is committed. A record is written only if none is there, or if it is still the one that was read; so two writers
cannot mix their work, and a reader finds the pack of whatever record it has read.
"""

import hashlib
import json
import re
import shutil
import threading
import zipfile
from collections.abc import Collection, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import IntegrityError, SourceError, StoreBusyError, StoreVersionError, UsageError
from .files import disk_errors, write_atomically, write_json
from .remote.address import Address
from .remote.client import Client, MissingError, request
from .remote.content import find_object
from .remote.download import download
from .remote.output import below, cannot, check_writable, delete, parse_folder, put
from .remote.scratch import Scratch
from .store import SCHEMA_VERSION, Store

_MARK = "framesift-store.json"
_CONNECTIONS = 4
_MAX_RECORD_BYTES = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """What the bucket says of a whole source."""

    id: str
    record: dict[str, Any]
    """As the store on disk keeps it."""
    pack: str
    """Name of the pack below the store."""
    n_bytes: int
    digest: str
    """BLAKE2b of the pack."""
    tag: str
    """ETag of the record that said so."""


class PackedStore:
    """A store in a bucket, and the store on disk that stands for it.

    Parameters
    ----------
    text
        ``s3://…`` or ``gs://…``.
    room
        Scratch space for the store on disk.
    create
        Make the store if there is none.

    Raises
    ------
    UsageError
        There is no store there, or it cannot be read or written.
    StoreVersionError
        Another version of framesift wrote it.
    """

    def __init__(self, text: str, room: Scratch, *, create: bool = True) -> None:
        self.folder = parse_folder(text)
        self.uri = self.folder.uri
        self._room = room
        self._check(create)
        self.local = Store(room.path / "store")
        self._commits: dict[str, Commit] = {}
        self._senders = ThreadPoolExecutor(2, thread_name_prefix="framesift-send")
        self._sending: dict[str, Future[None]] = {}
        self._lock = threading.Lock()

    def _check(self, create: bool) -> None:
        mark = below(self.folder, _MARK)
        try:
            found = json.loads(_read(mark))["schema_version"]
        except MissingError:
            if not create:
                raise UsageError(f"{self.uri} is not a framesift store") from None
            check_writable(self.folder)
            put(mark, json.dumps({"schema_version": SCHEMA_VERSION}).encode())
            return
        except SourceError as e:
            raise UsageError(f"the store {self.uri} cannot be read: {e}") from None
        except (ValueError, KeyError, TypeError):
            raise UsageError(f"{self.uri} is not a framesift store") from None
        if found != SCHEMA_VERSION:
            raise StoreVersionError(
                f"the store {self.uri} has schema version {found}, this framesift reads {SCHEMA_VERSION}; "
                "give another --store, or delete it to have it rebuilt"
            )

    # Reading ----------------------------------------------------------------------------------------------------

    def commits(self, ids: Collection[str] | None = None) -> list[Commit]:
        """Whole sources, all or those of *ids*, by id.

        Raises
        ------
        IntegrityError
            A record cannot be read.
        UsageError
            The bucket cannot be read.
        """

        def listed(obs: Any, client: Client, path: str) -> list[str]:
            return [meta["path"] for some in obs.list(client, prefix=path) for meta in some]

        try:
            keys = request(below(self.folder, "commits"), listed)
            names = [
                m[1] for key in sorted(keys) if (m := re.search(r"/?commits/([A-Za-z0-9_-]+)\.json$", key))
            ]
            wanted = [name for name in names if ids is None or name in ids]
            with ThreadPoolExecutor(_CONNECTIONS) as pool:
                found = list(pool.map(self._commit, wanted))
        except SourceError as e:
            raise UsageError(f"the store {self.uri} cannot be read: {e}") from None
        self._commits |= {commit.id: commit for commit in found}
        return found

    def _commit(self, source_id: str) -> Commit:
        address = below(self.folder, f"commits/{source_id}.json")
        meta: dict[str, Any] = {}
        try:
            data = json.loads(_read(address, meta))
            pack = data["pack"]
            if data["record"]["id"] != source_id or not re.fullmatch(r"[0-9a-f]{32}", pack["digest"]):
                raise ValueError("it is of another source")
            name = f"sources/{source_id}/{pack['digest']}.zip"
            n_bytes, digest = int(pack["n_bytes"]), str(pack["digest"])
        except (ValueError, KeyError, TypeError) as e:
            raise IntegrityError(f"the commit record {address.uri} cannot be read ({e})") from None
        return Commit(
            id=source_id,
            record=dict(data["record"]),
            pack=name,
            n_bytes=n_bytes,
            digest=digest,
            tag=str(meta.get("e_tag") or ""),
        )

    def fetch(self, commits: Iterable[Commit]) -> None:
        """Bring sources to the store on disk.

        Raises
        ------
        IntegrityError
            A pack is not what its record says.
        UsageError
            They do not fit the scratch space, or cannot be read.
        """
        wanted = list(commits)
        n_bytes = 2 * sum(commit.n_bytes for commit in wanted)  # packed and unpacked, at worst
        if n_bytes > self._room.max_bytes:
            raise UsageError(
                f"the {n_bytes / 1e6:.0f} MB of {self.uri} do not fit the scratch space of "
                f"{self._room.max_bytes / 1e6:.0f} MB; raise FRAMESIFT_SCRATCH_BYTES"
            )
        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            list(pool.map(self._fetch, wanted))

    def fetch_what_can_be(self) -> list[str]:
        """Bring every source; one sentence for each whose pack is damaged."""
        damaged = []
        for commit in self.commits():
            try:
                self.fetch([commit])
            except IntegrityError as e:
                damaged.append(str(e))
        return damaged

    @property
    def n_commits(self) -> int:
        """Whole sources that were listed."""
        return len(self._commits)

    def _fetch(self, commit: Commit) -> None:
        address = below(self.folder, commit.pack)
        path = self._room.path / f"{commit.id}.zip"
        try:
            found = find_object(address)
            download(found, path, arrived=lambda _: None, is_stopped=lambda: False)
        except SourceError as e:
            raise IntegrityError(
                f"{address.uri} cannot be read ({e}); rebuild it with framesift index"
            ) from None
        if _digest(path) != commit.digest:
            raise IntegrityError(f"{address.uri} is damaged; rebuild it with framesift index")
        with disk_errors(self.local.path):
            _unpack(path, self.local.path / "sources" / commit.id)
            path.unlink()
        write_json(self.local.path / "commits" / f"{commit.id}.json", commit.record)

    # Writing ----------------------------------------------------------------------------------------------------

    def send(self, source_id: str) -> None:
        """Begin to send a source that the store on disk holds whole; `finish` waits for it."""
        with self._lock:
            if source_id in self._sending:
                return
            self._sending[source_id] = self._senders.submit(self._send, source_id)

    def finish(self) -> None:
        """Wait until everything is sent.

        Raises
        ------
        UsageError
            The bucket cannot be written.
        StoreBusyError
            Another process has written the same source with other options or content.
        """
        for future in self._sending.values():
            future.result()

    def close(self) -> None:
        """Send nothing more but what is under way."""
        self._senders.shutdown(wait=True, cancel_futures=True)

    def _send(self, source_id: str) -> None:
        record = json.loads((self.local.path / "commits" / f"{source_id}.json").read_text())
        path = self._room.path / f"{source_id}.zip"
        _pack(self.local.path / "sources" / source_id, path)
        pack = {"n_bytes": path.stat().st_size, "digest": _digest(path)}
        name = f"sources/{source_id}/{pack['digest']}.zip"
        put(below(self.folder, name), path)
        path.unlink()
        before = self._commits.get(source_id)
        content = json.dumps({"record": record, "pack": pack}, indent=2).encode()
        self._commit_last(source_id, content, record, before)
        if before is not None and before.pack != name:
            delete(below(self.folder, before.pack))

    def _commit_last(
        self, source_id: str, content: bytes, record: dict[str, Any], before: Commit | None
    ) -> None:
        address = below(self.folder, f"commits/{source_id}.json")
        mode: Any = "create" if before is None else {"e_tag": before.tag}

        def write(obs: Any, client: Client, path: str) -> bool:
            try:
                obs.put(client, path, content, mode=mode, use_multipart=False)
            except (obs.exceptions.AlreadyExistsError, obs.exceptions.PreconditionError):
                return False
            return True

        try:
            if request(address, write):
                return
            there = self._commit(source_id).record
        except SourceError as e:
            cannot(address, e)
        if any(there.get(name) != record[name] for name in ("fingerprint", "options")):
            raise StoreBusyError(
                f"another process has written {record['uri']} to {self.uri} meanwhile, with other options or "
                "content; run again when it has ended"
            )


def _read(address: Address, meta: dict[str, Any] | None = None) -> bytes:
    """A small object, whole."""

    def get(obs: Any, client: Client, path: str) -> bytes:
        result = obs.get(client, path)
        if result.meta["size"] > _MAX_RECORD_BYTES:
            raise SourceError(f"{address.uri} is too large")
        if meta is not None:
            meta.update(result.meta)
        return bytes(result.bytes())

    return request(address, get)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _pack(folder: Path, path: Path) -> None:
    """The files below *folder* in a zip: as they are, for they are compressed, and in order, with one date."""

    def write(file: Any) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for member in sorted(p for p in folder.rglob("*") if p.is_file()):
                info = zipfile.ZipInfo(member.relative_to(folder).as_posix(), (1980, 1, 1, 0, 0, 0))
                with member.open("rb") as source, archive.open(info, "w") as target:
                    shutil.copyfileobj(source, target)

    write_atomically(path, write)


def _unpack(path: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
                raise IntegrityError(f"{path.name} is no pack of framesift")  # it could unpack to any size
            archive.extractall(folder)  # which keeps to the folder, whatever the names
    except zipfile.BadZipFile:
        raise IntegrityError(f"{path.name} is no pack of framesift") from None


def is_packed_store(text: str) -> bool:
    """There is a store at an address."""
    folder = parse_folder(text)
    try:
        find_object(below(folder, _MARK))
    except SourceError:
        return False
    return True
