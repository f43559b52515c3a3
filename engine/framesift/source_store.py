"""The part of a store that holds one source: its arrays, written chunk by chunk, and read."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntFlag
from typing import Any

import numpy as np
import numpy.typing as npt

from .arrays import Array, array_lost
from .errors import IntegrityError
from .files import disk_errors, remove_partial, remove_tree, write_atomically, write_json
from .groups import create_group
from .pages import zeros
from .store import SCHEMA_VERSION, SourceRecord, Store
from .video.segment import Segment

STATISTICS = ("luminance", "contrast", "sharpness", "motion")
_CHUNK_BYTES = 2 << 20
_PTS_CHUNK = 1 << 16


class Flag(IntFlag):
    """What is known of a frame beside its picture."""

    KEYFRAME = 1
    DAMAGED = 2
    """Decoded with errors, or not at all: never selected."""
    BLACK = 4
    """No part of it is brighter than black: never selected."""


@dataclass(slots=True, eq=False, repr=False)
class Chunk:
    """Rows being filled: threads write disjoint rows, and whoever brings the last one stores it."""

    number: int
    start: int
    """First row."""
    thumbnails: npt.NDArray[np.uint8]
    sharpness: npt.NDArray[np.float32]
    content_hash: npt.NDArray[np.uint64]
    flags: npt.NDArray[np.uint8]
    n_filled: int = 0
    chroma: npt.NDArray[np.uint8] | None = None
    """Where colour is asked for."""


def chunk_rows(shape: tuple[int, int]) -> int:
    """Rows of a chunk for pictures of *shape*: a power of two from 256 to 4096, about 1 to 2 MB."""
    fitting = _CHUNK_BYTES // max(1, shape[0] * shape[1])
    return 1 << int(np.clip(fitting, 256, 4096)).bit_length() - 1


def rows_a_chunk(shape: tuple[int, int], *, color: bool) -> int:
    """Rows of a chunk of thumbnails of *shape*, with their colour differences if there are any."""
    return chunk_rows((3 * shape[0], shape[1]) if color else shape)


class SourceWriter:
    """Writes one source, chunk by chunk, in any order and from any thread, each chunk once.

    A writer that finds whole chunks of the same plan (same *key*) from an interrupted run goes on from them.

    Parameters
    ----------
    store
        Held for writing.
    source_id
        Of the source.
    n_rows, shape
        Rows and thumbnail shape.
    key
        Everything that decides what the rows are; JSON.
    color
        Keep colour differences too.
    """

    def __init__(
        self,
        store: Store,
        source_id: str,
        *,
        n_rows: int,
        shape: tuple[int, int],
        key: Mapping[str, Any],
        color: bool = False,
    ) -> None:
        self.store = store
        self.source_id = source_id
        self.n_rows = n_rows
        self.shape = shape
        self.color = color
        self.rows_a_chunk = rows_a_chunk(shape, color=color)
        self._path = store.path / "sources" / source_id
        self._journal = store.path / "progress" / f"{source_id}.jsonl"
        plan = {"schema": SCHEMA_VERSION, "n_rows": n_rows, "shape": list(shape), "chunk": self.rows_a_chunk}
        header = json.dumps({**plan, **key}, sort_keys=True)
        self.done = self._resume(header)
        if self.done:
            remove_partial(self._path.rglob)
            self._arrays = {name: Array.open(self._path / name) for name in self._layout}
        else:
            with disk_errors(store.path):
                store.discard(source_id)
                self._arrays = self._create()
        lines = [header, *sorted(self.done)]  # anew, so that no line is added to a torn one
        write_atomically(self._journal, lambda file: file.write("".join(f"{x}\n" for x in lines).encode()))

    def _resume(self, header: str) -> set[int]:
        try:
            first, *lines = self._journal.read_text().split("\n")
            # Every line is written with its newline in one go: what follows the last one is torn.
            return {int(line) for line in lines[:-1]} if first == header else set()
        except (OSError, ValueError):
            return set()

    @property
    def _layout(self) -> dict[str, tuple[tuple[int, ...], str]]:
        """What follows the rows in the shape of each array, and its type."""
        chroma = {"chroma": ((2, *self.shape), "uint8")} if self.color else {}
        return {"thumbnails": (self.shape, "uint8"), **chroma, **_ROW_ARRAYS}

    def _create(self) -> dict[str, Array]:
        create_group(self._path)
        return {
            name: Array.create(self._path / name, (self.n_rows, *tail), self.rows_a_chunk, dtype)
            for name, (tail, dtype) in self._layout.items()
        }

    @property
    def n_chunks(self) -> int:
        """Chunks of the source."""
        return -(-self.n_rows // self.rows_a_chunk)

    def new_chunk(self, number: int) -> Chunk:
        """Empty buffers for chunk *number*: 1 to 2 MB."""
        start = number * self.rows_a_chunk
        n = min(self.rows_a_chunk, self.n_rows - start)
        chroma = zeros((n, 2, *self.shape)) if self.color else None
        if chroma is not None:
            chroma[:] = 128
        return Chunk(
            number=number,
            start=start,
            thumbnails=zeros((n, *self.shape)),
            sharpness=np.zeros(n, np.float32),
            content_hash=np.zeros(n, np.uint64),
            flags=np.zeros(n, np.uint8),
            chroma=chroma,
        )

    def write(self, chunk: Chunk, statistics: npt.NDArray[np.float32]) -> None:
        """Store a whole chunk, then record that it is."""
        self._arrays["thumbnails"].write(chunk.number, chunk.thumbnails)
        if chunk.chroma is not None:
            self._arrays["chroma"].write(chunk.number, chunk.chroma)
        self._arrays["statistics"].write(chunk.number, statistics)
        self._arrays["content_hash"].write(chunk.number, chunk.content_hash)
        self._arrays["flags"].write(chunk.number, chunk.flags)
        with disk_errors(self.store.path), self._journal.open("a") as file:
            file.write(f"{chunk.number}\n")
        self.done.add(chunk.number)

    def read_thumbnail(self, row: int) -> npt.NDArray[np.uint8]:
        """Thumbnail of one row already written."""
        thumbnail: npt.NDArray[np.uint8] = self._arrays["thumbnails"].read(row, row + 1)[0]
        return thumbnail

    def read_flags(self) -> npt.NDArray[np.uint8]:
        """Flags of all rows, once they are written."""
        return self._arrays["flags"].read()

    def write_motion(self, row: int, motion: float) -> None:
        """Set the motion energy of one row already written."""
        array = self._arrays["statistics"]
        number, at = divmod(row, array.chunk_rows)
        rows = array.read_chunk(number).copy()
        rows[at, STATISTICS.index("motion")] = motion
        array.write(number, rows)

    def commit(
        self,
        record: SourceRecord,
        pts: npt.NDArray[np.int64],
        segments: list[Segment],
        *,
        n_rows: int,
        frames: npt.NDArray[np.int64] | None = None,
    ) -> None:
        """Publish the source with its first *n_rows* rows: from here on it is in the store.

        *frames* are their frame indices where the record lists them.
        """
        with disk_errors(self.store.path):
            if n_rows != self.n_rows:
                for array in self._arrays.values():
                    array.resize(n_rows)
            table = np.array([tuple(s) for s in segments], np.int64).reshape(-1, len(Segment._fields))
            listed = [] if frames is None else [("frames", frames)]
            for name, data in (("pts", pts), ("segments", table), *listed):
                remove_tree(self._path / name)
                Array.create(
                    self._path / name, data.shape, min(_PTS_CHUNK, max(1, len(data))), np.int64
                ).write_all(data)
        write_json(self.store.path / "commits" / f"{self.source_id}.json", record._asdict())
        self._journal.unlink(missing_ok=True)


_ROW_ARRAYS: dict[str, tuple[tuple[int, ...], str]] = {
    "statistics": ((len(STATISTICS),), "float32"),
    "content_hash": ((), "uint64"),
    "flags": ((), "uint8"),
}


class SourceReader:
    """Reads a committed source. Every read checks the chunks' checksums.

    Raises
    ------
    IntegrityError
        From every method: stored data is damaged or missing.
    """

    def __init__(self, store: Store, record: SourceRecord) -> None:
        self.store = store
        self.record = record
        self._path = store.path / "sources" / record.id
        self._cache: dict[str, Array] = {}

    def read(self, name: str, start: int = 0, stop: int | None = None) -> npt.NDArray[Any]:
        """Rows ``[start, stop)`` of the array *name*."""
        return self._array(name).read(start, stop)

    def _array(self, name: str) -> Array:
        if name not in self._cache:
            array = Array.open(self._path / name)
            missing = [n for n in range(array.n_chunks) if not array.chunk_path(n).exists()]
            if missing:
                raise array_lost(array.path, missing[0])
            self._cache[name] = array
        return self._cache[name]

    @property
    def chunk_rows(self) -> int:
        """Rows of a chunk of `thumbnails`."""
        return rows_a_chunk(self.record.thumbnail_shape, color=self.record.color)

    def thumbnails(self) -> Iterator[tuple[int, npt.NDArray[np.uint8]]]:
        """First row and thumbnails of each chunk, in order."""
        for start in range(0, self.record.n_rows, self.chunk_rows):
            yield start, self.read("thumbnails", start, min(start + self.chunk_rows, self.record.n_rows))

    def check(self) -> None:
        """Read everything, and see that the parts fit together."""
        n = self.record.n_rows
        pictures = ("thumbnails", "chroma") if self.record.color else ("thumbnails",)
        for start in range(0, n, self.chunk_rows):
            for name in pictures:
                self.read(name, start, min(start + self.chunk_rows, n))
        lengths = {name: len(self.read(name)) for name in ("statistics", "content_hash", "flags")}
        lengths |= {name: self._array(name).shape[0] for name in pictures}
        wrong = [f"{name} has {length}" for name, length in lengths.items() if length != n]
        if len(self.read("pts")) != self.record.n_frames:
            wrong.append(f"pts has {len(self.read('pts'))}")
        self.segments()
        frames = self.frames()
        if len(frames) != n:
            wrong.append(f"frames has {len(frames)}")
        if wrong:
            raise IntegrityError(f"{self._path} should have {n} rows, but {', '.join(wrong)}")
        if np.any(np.diff(frames) <= 0) or frames[0] < 0 or frames[-1] >= self.record.n_frames:
            raise IntegrityError(f"{self._path} lists frames that do not increase, or that there are not")

    def statistic(self, name: str) -> npt.NDArray[np.float32]:
        """One statistic of every row."""
        column: npt.NDArray[np.float32] = self.read("statistics")[:, STATISTICS.index(name)]
        return column

    def frames(self) -> npt.NDArray[np.int64]:
        """(n,) frame index of each row, increasing."""
        record = self.record
        if record.n_listed is not None:
            return self.read("frames")
        return np.arange(record.start, record.stop, record.step, dtype=np.int64)

    def segments(self) -> list[Segment]:
        """The segments of the source; empty when it is not seekable."""
        return [Segment(*map(int, row)) for row in self.read("segments")]
