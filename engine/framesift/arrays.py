"""Arrays on disk in zarr's format, version 3: whole chunks of rows, written and read without zarr.

Any zarr reader opens them. The library itself takes a fifth of a second to import and several milliseconds to
create an array, which is most of the time that a short video needs; what a chunk is takes three lines: bytes,
compressed by Zstandard, and their CRC-32C.

Sources: the Zarr v3 specification, and those of its codecs ``bytes``, ``zstd`` and ``crc32c``.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from . import zstd
from .errors import IntegrityError
from .files import write_atomically
from .groups import write_document

_ZSTD_LEVEL = 1
_CRC_BYTES = 4
_MAX_ROW_BYTES = 1 << 30


class Array(NamedTuple):
    """An array of which each chunk holds *chunk_rows* whole rows."""

    path: Path
    """Its folder."""
    shape: tuple[int, ...]
    chunk_rows: int
    dtype: np.dtype[Any]

    @classmethod
    def create(cls, path: Path, shape: tuple[int, ...], chunk_rows: int, dtype: npt.DTypeLike) -> Self:
        """Describe a new array; its chunks are still to be written."""
        array = cls(path, shape, max(1, chunk_rows), np.dtype(dtype))
        array._describe()
        return array

    @classmethod
    def open(cls, path: Path) -> Self:
        """The array at *path*.

        Raises
        ------
        IntegrityError
            There is none, or none as this module writes them.
        """
        try:
            meta = json.loads((path / "zarr.json").read_text())
            shape = tuple(map(int, meta["shape"]))
            chunk_rows, *_ = meta["chunk_grid"]["configuration"]["chunk_shape"]
            array = cls(path, shape, int(chunk_rows), np.dtype(str(meta["data_type"])))
        except (OSError, ValueError, KeyError, TypeError) as e:
            raise array_damaged(path, f"{path / 'zarr.json'}: {e}") from None
        if array.document() != meta or array._row_bytes > _MAX_ROW_BYTES:
            raise array_damaged(path, "its zarr.json is not what was written")
        return array

    def resize(self, n_rows: int) -> Self:
        """The array cut to its first *n_rows* rows."""
        array = type(self)(self.path, (n_rows, *self.shape[1:]), self.chunk_rows, self.dtype)
        for number in range(array.n_chunks, self.n_chunks):
            self.chunk_path(number).unlink(missing_ok=True)
        array._describe()
        return array

    @property
    def n_chunks(self) -> int:
        """Chunks along the rows."""
        return -(-self.shape[0] // self.chunk_rows)

    @property
    def _row_bytes(self) -> int:
        return int(np.prod(self.shape[1:], dtype=np.int64)) * self.dtype.itemsize

    def chunk_path(self, number: int) -> Path:
        """The file of a chunk."""
        return self.path.joinpath("c", str(number), *["0"] * (len(self.shape) - 1))

    def document(self) -> dict[str, Any]:
        """What its ``zarr.json`` says."""
        endian = {"configuration": {"endian": "little"}} if self.dtype.itemsize > 1 else {}
        return {
            "shape": list(self.shape),
            "data_type": self.dtype.name,
            "chunk_grid": {
                "name": "regular",
                "configuration": {"chunk_shape": [self.chunk_rows, *self.shape[1:]]},
            },
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "fill_value": 0,
            "codecs": [
                {"name": "bytes", **endian},
                {"name": "zstd", "configuration": {"level": _ZSTD_LEVEL, "checksum": False}},
                {"name": "crc32c"},
            ],
            "attributes": {},
            "zarr_format": 3,
            "node_type": "array",
            "storage_transformers": [],
        }

    def _describe(self) -> None:
        write_document(self.path, self.document())

    # Rows ----------------------------------------------------------------------------------------------------

    def write(self, number: int, rows: npt.NDArray[Any]) -> None:
        """Store chunk *number*, which is all of its rows, in one piece or not at all."""
        whole = np.ascontiguousarray(rows, self.dtype.newbyteorder("<"))
        if len(rows) < self.chunk_rows:
            whole = np.zeros((self.chunk_rows, *self.shape[1:]), whole.dtype)
            whole[: len(rows)] = rows
        parts = _compress(whole)
        write_atomically(self.chunk_path(number), lambda file: file.writelines(parts))

    def write_all(self, rows: npt.NDArray[Any]) -> None:
        """Store every chunk."""
        for number in range(self.n_chunks):
            self.write(number, rows[number * self.chunk_rows : (number + 1) * self.chunk_rows])

    def read(self, start: int = 0, stop: int | None = None) -> npt.NDArray[Any]:
        """Rows ``[start, stop)``.

        Raises
        ------
        IntegrityError
            A chunk is missing or damaged.
        """
        stop = self.shape[0] if stop is None else min(stop, self.shape[0])
        out = np.empty((max(0, stop - start), *self.shape[1:]), self.dtype)
        for number, rows, within in self._parts(start, stop):
            out[rows] = self.read_chunk(number)[within]
        return out

    def _parts(self, start: int, stop: int) -> Iterator[tuple[int, slice, slice]]:
        """Of each chunk that ``[start, stop)`` touches: its number, the rows in the result, the rows in it."""
        at = start
        while at < stop:
            number, first = divmod(at, self.chunk_rows)
            n = min(self.chunk_rows - first, stop - at)
            yield number, slice(at - start, at - start + n), slice(first, first + n)
            at += n

    def read_chunk(self, number: int) -> npt.NDArray[Any]:
        """(chunk_rows, ...) all rows of a chunk; what lies beyond the array is zero."""
        try:
            data = self.chunk_path(number).read_bytes()
        except FileNotFoundError:  # which zarr would read as zeros
            raise array_lost(self.path, number) from None
        except OSError as e:
            raise array_damaged(self.path, e.strerror or str(e)) from None
        plain = _decompress(data, self.chunk_rows * self._row_bytes)
        if plain is None:
            raise array_damaged(self.path, f"the checksum of chunk {number} is wrong")
        rows = np.frombuffer(plain, self.dtype.newbyteorder("<")).astype(self.dtype, copy=False)
        return rows.reshape(self.chunk_rows, *self.shape[1:])


def array_lost(path: Path, number: int) -> IntegrityError:
    """What to raise where a chunk of the array at *path* is missing."""
    return IntegrityError(f"{path} has lost chunk {number}; rebuild it with framesift index")


def array_damaged(path: Path, why: str) -> IntegrityError:
    """What to raise where the array at *path* is not what was written."""
    return IntegrityError(f"{path} is damaged ({why}); rebuild it with framesift index")


def _compress(rows: npt.NDArray[Any]) -> tuple[memoryview, bytes]:
    """What is stored of *rows*, and its checksum; memory: that of the rows, at worst."""
    import google_crc32c  # late: other threads decode meanwhile

    data = zstd.compress(rows.reshape(-1).view(np.uint8), _ZSTD_LEVEL)
    checksum: int = google_crc32c.value(data)
    return data.data, checksum.to_bytes(_CRC_BYTES, "little")


def _decompress(data: bytes, n_bytes: int) -> bytes | None:
    """The *n_bytes* bytes that `_compress` was given; None if *data* is not what it made of them."""
    import google_crc32c

    body, checksum = data[:-_CRC_BYTES], int.from_bytes(data[-_CRC_BYTES:], "little")
    if len(data) <= _CRC_BYTES or google_crc32c.value(body) != checksum:
        return None
    return zstd.decompress(body, n_bytes)
