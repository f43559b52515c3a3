"""Vectors in a store: beside the source's arrays, a folder for each model.

::

    STORE/sources/<id>/vectors/<key>/directions   (n, d) float16: of unit length, or zero
    STORE/sources/<id>/vectors/<key>/lengths      (n,) float32
    STORE/sources/<id>/vectors/<key>/commit.json  when they are whole; without it, they do not count

The key says everything that the vectors depend on: the model's digest and declared options, the device, the source's
content and the index's options. Chunks appear whole or not at all, so an interrupted run goes on after those that
are there. A source that is indexed anew loses its vectors.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from framesift_kernels import F32

from ..arrays import Array
from ..errors import IntegrityError
from ..files import disk_errors, write_json
from ..groups import create_group
from ..store import SourceRecord, Store

_CHUNK_ROWS, _CHUNK_BYTES = 512, 8 << 20


def key_of(facts: Mapping[str, Any]) -> str:
    """Name of the folder of vectors that depend on *facts*, which are JSON."""
    text = json.dumps(facts, sort_keys=True, ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


@dataclass(slots=True)
class VectorFolder:
    """The vectors of one source by one model."""

    path: Path
    _arrays: tuple[Array, Array] | None = field(default=None, init=False)

    @classmethod
    def of(cls, store: Store, source_id: str, key: str) -> "VectorFolder":
        """Where they are, or will be."""
        return cls(store.path / "sources" / source_id / "vectors" / key)

    @property
    def is_whole(self) -> bool:
        """They are there."""
        return (self.path / "commit.json").is_file()

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and dimensions."""
        n, d = self._opened[0].shape
        return n, d

    @property
    def chunk_rows(self) -> int:
        """Rows of a chunk."""
        return self._opened[0].chunk_rows

    @property
    def _opened(self) -> tuple[Array, Array]:
        if self._arrays is None:
            directions, lengths = (Array.open(self.path / name) for name in ("directions", "lengths"))
            if len(directions.shape) != 2 or lengths.shape != directions.shape[:1]:
                raise IntegrityError(f"the vectors in {self.path} do not fit together; delete that folder")
            self._arrays = directions, lengths
        return self._arrays

    def read(self, start: int, stop: int) -> F32:
        """(stop - start, d) rows as the model gave them, up to rounding."""
        directions, lengths = self._opened
        rows: F32 = directions.read(start, stop).astype(np.float32)
        norms = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
        wanted = lengths.read(start, stop)
        rows *= np.divide(wanted, norms, out=np.zeros(len(rows)), where=norms > 0)[:, None].astype(np.float32)
        return rows

    # Writing -----------------------------------------------------------------------------------------------------

    def create(self, n: int, d: int) -> None:
        """Make the arrays, or find those that an interrupted run has left."""
        rows = int(np.clip(_CHUNK_BYTES // (2 * d), 16, _CHUNK_ROWS))
        try:
            if self.shape == (n, d) and self.chunk_rows == rows:
                return
        except IntegrityError:
            pass
        self._arrays = None
        with disk_errors(self.path):
            shutil.rmtree(self.path, ignore_errors=True)
            create_group(self.path.parent)
            create_group(self.path)
            Array.create(self.path / "directions", (n, d), rows, np.float16)
            Array.create(self.path / "lengths", (n,), rows, np.float32)

    def first_missing(self) -> int:
        """The first row of the first chunk that is not there, if `create` has been called in this or another run."""
        try:
            arrays = self._opened
        except IntegrityError:
            return 0
        number = 0
        while number < arrays[0].n_chunks and all(a.chunk_path(number).exists() for a in arrays):
            number += 1
        return number * arrays[0].chunk_rows

    def write(self, number: int, rows: F32) -> None:
        """Store a chunk."""
        directions, lengths = self._opened
        norms = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
        unit = np.divide(rows, norms[:, None], out=np.zeros(rows.shape), where=norms[:, None] > 0)
        directions.write(number, unit.astype(np.float16))
        lengths.write(number, norms.astype(np.float32))

    def commit(self, facts: Mapping[str, Any]) -> None:
        """They are whole."""
        write_json(self.path / "commit.json", dict(facts))

    def check(self, n: int | None) -> None:
        """Read everything.

        Raises
        ------
        IntegrityError
            Something is damaged, or there are not *n* rows.
        """
        rows, step = self.shape[0], self.chunk_rows
        for start in range(0, rows, step):
            self.read(start, min(start + step, rows))
        if n is not None and rows != n:
            raise IntegrityError(f"the vectors in {self.path} are {rows}, of {n} rows; delete that folder")


def find_vectors(store: Store, record: SourceRecord) -> list[tuple[VectorFolder, dict[str, Any]]]:
    """The whole vectors of a source, with what their commit records say.

    Raises
    ------
    IntegrityError
        A record cannot be read.
    """
    found = []
    for path in sorted((store.path / "sources" / record.id / "vectors").glob("*/commit.json")):
        try:
            facts = json.loads(path.read_text())
            found.append((VectorFolder(path.parent), dict(facts)))
        except (OSError, ValueError, TypeError) as e:
            raise IntegrityError(f"{path} cannot be read ({e}); delete that folder") from None
    return found


def check_vectors(store: Store, record: SourceRecord) -> None:
    """Read all vectors of a source.

    Raises
    ------
    IntegrityError
        Something is damaged.
    """
    for folder, facts in find_vectors(store, record):
        folder.check(record.n_rows if facts.get("boxes") is None else None)
