"""The index on disk: a zarr v3 group with one subgroup a source, and a commit record for each whole one.

::

    STORE/zarr.json                      schema version
    STORE/sources/<id>/thumbnails        (n, h, w) uint8
    STORE/sources/<id>/chroma            (n, 2, h, w) uint8, see `measure.Meter.chroma`, with the option color
    STORE/sources/<id>/statistics        (n, 4) float32: luminance, contrast, sharpness, motion
    STORE/sources/<id>/content_hash      (n,) uint64
    STORE/sources/<id>/flags             (n,) uint8, see `source_store.Flag`
    STORE/sources/<id>/pts               (N,) int64, of every frame of the source
    STORE/sources/<id>/segments          (s, 5) int64, see `video.segment.Segment`
    STORE/sources/<id>/frames            (n,) int64, frame index of each row, where they are not evenly spaced
    STORE/progress/<id>.jsonl            while a source is being written: its chunks that are whole
    STORE/commits/<id>.json              when it is whole; without it, nothing of the source counts

Row r of the first five is frame ``start + r * step`` of the source, or ``frames[r]``. One thread writes a chunk; every chunk ends
in a CRC-32C, so that a flipped bit is an error and not a wrong picture.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from .errors import IntegrityError, StoreVersionError, UsageError
from .files import remove_partial, remove_tree
from .groups import create_group
from .locking import exclusive

if TYPE_CHECKING:
    from .source_store import SourceReader

SCHEMA_VERSION = 1


class SourceRecord(NamedTuple):
    """What is committed of a source beside its arrays."""

    id: str
    uri: str
    name: str
    kind: str
    n_bytes: int
    fingerprint: str
    n_frames: int
    """Frames of the whole source."""
    start: int
    stop: int
    step: int
    """Rows are the frames ``range(start, stop, step)``, or some of them: see `n_listed`."""
    width: int
    """As shown, in pixels."""
    height: int
    rotation: int
    thumbnail_shape: tuple[int, int]
    """Height and width of the thumbnails."""
    codec: str
    pixel_format: str
    time_base: tuple[int, int]
    """Seconds a pts counts, as numerator and denominator."""
    frame_rate: float
    """Average, in frames a second; 0 where there is none."""
    seekable: bool
    """Frames can be reached through `segments`."""
    doubt: str
    """Why it was decoded sequentially; empty when it was not."""
    n_errors: int
    """Packets or images that could not be decoded."""
    warnings: list[str]
    options: dict[str, Any]
    """Every option that shaped the rows."""
    decoded: str
    """How it was decoded: as the option says, or what was possible; `warnings` then says why."""
    shortcuts: dict[str, str]
    """Decoder options that changed the pictures a little: thumbnails and hashes are of those."""
    n_listed: int | None = None
    """Rows, where they are listed in the array ``frames``."""

    @property
    def color(self) -> bool:
        """Colour differences are kept beside the thumbnails, in the array ``chroma``."""
        return bool(self.options.get("color"))

    def is_of(self, fingerprint: str, options: dict[str, Any]) -> bool:
        """It is of this content and these options, so that it can be used again."""
        return self.fingerprint == fingerprint and self.options == options

    @property
    def n_rows(self) -> int:
        """Frames in the index."""
        return len(range(self.start, self.stop, self.step)) if self.n_listed is None else self.n_listed


def _temporary() -> Path:
    import tempfile  # late, as most stores are to stay

    return Path(tempfile.mkdtemp(prefix="framesift-"))


class Store:
    """A store open for reading, or by `writing` for writing too.

    Parameters
    ----------
    path
        Folder of the store; None for a temporary one, deleted by `close`.
    create
        Make the store if there is none.

    Raises
    ------
    StoreVersionError
        Another version of framesift wrote it.
    UsageError
        There is no store at *path*, or something else is.
    """

    def __init__(self, path: "str | os.PathLike[str] | None", *, create: bool = True) -> None:
        self.temporary = path is None
        self.path = _temporary() if path is None else Path(path).absolute()
        self._lock: int | None = None
        if (self.path / "zarr.json").exists():
            self._check_version()
        elif not create:
            raise UsageError(f"{self.path} is not a framesift store")
        elif self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise UsageError(f"{self.path} exists and is not a framesift store; give an empty or new folder")
        else:
            create_group(self.path, {"framesift": {"schema_version": SCHEMA_VERSION}})

    def _check_version(self) -> None:
        try:
            meta = json.loads((self.path / "zarr.json").read_text())
            found = meta["attributes"]["framesift"]["schema_version"]
        except (OSError, ValueError, KeyError, TypeError):
            raise UsageError(f"{self.path} is not a framesift store") from None
        if found != SCHEMA_VERSION:
            raise StoreVersionError(
                f"the store {self.path} has schema version {found}, this framesift reads {SCHEMA_VERSION}; "
                "give another --store, or delete it to have it rebuilt"
            )

    @contextlib.contextmanager
    def writing(self) -> Iterator[Self]:
        """Hold the store for writing.

        Raises
        ------
        StoreBusyError
            Another process holds it.
        """
        with exclusive(self.path / "writer.lock", f"the store {self.path}"):
            create_group(self.path / "sources")
            for name in ("", "sources", "commits", "progress"):
                remove_partial(self.path.joinpath(name).glob)
            yield self

    def records(self) -> dict[str, SourceRecord]:
        """Committed sources by id.

        Raises
        ------
        IntegrityError
            A commit record cannot be read.
        """
        found = {}
        for path in sorted((self.path / "commits").glob("*.json")):
            found[path.stem] = self._read_record(path)
        return found

    def record(self, source_id: str) -> SourceRecord | None:
        """The commit record of one source, or None."""
        path = self.path / "commits" / f"{source_id}.json"
        return self._read_record(path) if path.exists() else None

    def _read_record(self, path: Path) -> SourceRecord:
        try:
            data = json.loads(path.read_text())
            data["time_base"] = tuple(data["time_base"])
            data["thumbnail_shape"] = tuple(data["thumbnail_shape"])
            return SourceRecord(**data)
        except (OSError, ValueError, TypeError, KeyError) as e:
            raise IntegrityError(f"the commit record {path} cannot be read ({e})") from None

    def reader(self, source_id: str) -> "SourceReader":
        """Arrays of a committed source."""
        record = self.record(source_id)
        if record is None:
            raise IntegrityError(f"the store {self.path} holds no whole source {source_id!r}")
        from .source_store import SourceReader  # late: it brings NumPy in

        return SourceReader(self, record)

    def discard(self, source_id: str) -> None:
        """Remove a source, whole or not: first what says that it is there, then its data."""
        (self.path / "commits" / f"{source_id}.json").unlink(missing_ok=True)
        (self.path / "progress" / f"{source_id}.jsonl").unlink(missing_ok=True)
        remove_tree(self.path / "sources" / source_id)

    def close(self) -> None:
        """Delete the store if it is temporary."""
        if self.temporary:
            remove_tree(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
