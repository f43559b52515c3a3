"""Vectors that someone brings along, in a file: NumPy's, Parquet, zarr, or a table as LightlyOne writes it."""

import csv
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import UsageError

PathLike = str | os.PathLike[str]
NAMES = ("filenames", "filename", "file_names", "file_name", "names", "name")
VECTORS = ("vectors", "embeddings", "embedding", "vector", "features", "x")
_IGNORED = ("labels", "label", "masked", "selected")
"""Columns of tables that are no part of the vectors."""
_MAX_DIMENSIONS = 65_536
_MAX_RATIO, _SMALL_BYTES = 200, 1 << 30
_BLOCK_ROWS = 1024


@dataclass(frozen=True, slots=True)
class Brought:
    """Vectors and, where the file has some, names of what they are of."""

    x: Any
    """(n, d) numbers: an array, one on disk, or a zarr array."""
    names: list[str] | None
    what: str
    """What errors call it."""


def check_file(path: PathLike) -> None:
    """Refuse a file that `read_vectors` could not read, by its name alone.

    Raises
    ------
    UsageError
        It is not there, is of no known kind, or needs what is not installed.
    """
    found = Path(path)
    if not found.exists():
        raise UsageError(f"there are no vectors {found}")
    kind = _kind(found)
    if kind is _read_parquet and find_spec("pyarrow") is None:
        raise UsageError("Parquet needs pyarrow; install it with: pip install 'framesift[parquet]'")


def read_vectors(path: PathLike) -> Brought:
    """Vectors in a file.

    ``.npy``: rows. ``.npz``: rows under ``vectors`` or ``embeddings`` (or the only array of two dimensions), and perhaps
    ``filenames``. ``.parquet``: a column of lists, or a column of numbers for each dimension, and perhaps a column
    ``filenames``. A folder of zarr's: an array, or a group with arrays as in ``.npz``. ``.csv``: LightlyOne's,
    ``filenames,embedding_0,…,labels``. Tables are copied to a temporary file, ``.npy`` and zarr are read where they lie.

    Raises
    ------
    UsageError
        It cannot be read, or is nothing of that.
    """
    check_file(path)
    found = Path(path)
    try:
        return _kind(found)(found)
    except OSError as e:
        raise UsageError(f"{found} cannot be read: {e.strerror or e}") from None


def _kind(path: Path) -> Callable[[Path], Brought]:
    if path.is_dir():
        if any((path / name).exists() for name in ("zarr.json", ".zarray", ".zgroup")):
            return _read_zarr
        raise UsageError(
            f"{path} is a folder, but none of zarr's: expected vectors in {', '.join(_KINDS)} or zarr"
        )
    kind = _KINDS.get(path.suffix.lower())
    if kind is None:
        raise UsageError(
            f"{path}: expected vectors in {', '.join(_KINDS)} or a folder of zarr's, or a model (.onnx)"
        )
    return kind


# NumPy ------------------------------------------------------------------------------------------------------------


def _read_npy(path: Path) -> Brought:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as e:
        raise UsageError(f"{path} is no NumPy array of numbers ({e})") from None
    return Brought(_rows(array, str(path)), None, str(path))


def _read_npz(path: Path) -> Brought:
    try:
        with zipfile.ZipFile(path) as archive:
            for m in archive.infolist():
                if m.file_size > max(_SMALL_BYTES, _MAX_RATIO * m.compress_size):
                    raise UsageError(f"{path}: {m.filename!r} unpacks to {m.file_size} bytes: refused")
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, EOFError, zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError) as e:
        raise UsageError(f"{path} is no archive of NumPy arrays ({e})") from None
    return _of_arrays(arrays, str(path))


def _of_arrays(arrays: dict[str, Any], what: str) -> Brought:
    name = next((name for name in VECTORS if name in arrays), None)
    flat = [key for key, a in arrays.items() if len(a.shape) == 2 and a.dtype.kind in "biuf"]
    if name is None and len(flat) != 1:
        raise UsageError(
            f"{what} has {', '.join(map(repr, arrays)) or 'nothing'}: expected vectors under 'vectors', a row a frame"
        )
    x = _rows(arrays[name or flat[0]], what)
    key = next((key for key in NAMES if key in arrays), None)
    if key is None:
        return Brought(x, None, what)
    names = np.asarray(arrays[key][:])
    if names.shape != (x.shape[0],) or names.dtype.kind not in "USOT":
        raise UsageError(
            f"{what}: {key!r} must be a text for each of {x.shape[0]} rows, got {names.shape = }"
        )
    return Brought(x, [str(name) for name in names.tolist()], what)


def _rows(array: Any, what: str) -> Any:
    if len(array.shape) != 2 or np.dtype(array.dtype).kind not in "biuf":
        raise UsageError(
            f"{what}: vectors must be numbers of two dimensions (a row a frame), got shape {tuple(array.shape)} of "
            f"{array.dtype}"
        )
    if not 1 <= array.shape[1] <= _MAX_DIMENSIONS:
        raise UsageError(f"{what}: vectors must have 1 to {_MAX_DIMENSIONS} dimensions, got {array.shape[1]}")
    return array


# zarr -------------------------------------------------------------------------------------------------------------


def _read_zarr(path: Path) -> Brought:
    import zarr  # late: it takes a fifth of a second

    try:
        opened = zarr.open(path, mode="r")
        if isinstance(opened, zarr.Array):
            return Brought(_rows(opened, str(path)), None, str(path))
        return _of_arrays(dict(opened.arrays()), str(path))
    except UsageError:
        raise
    except Exception as e:  # zarr raises whatever its codecs and metadata do
        raise UsageError(f"{path} is nothing that zarr can read ({type(e).__name__}: {e})") from None


# Tables -----------------------------------------------------------------------------------------------------------


def _read_csv(path: Path) -> Brought:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = csv.reader(file)
            head = next(lines, [])
            at, columns = _columns(head, str(path))
            return _spooled(
                _of_lines(lines, head, at, columns, path), len(columns), at is not None, str(path)
            )
    except (UnicodeDecodeError, csv.Error) as e:
        raise UsageError(f"{path} is no CSV ({e})") from None


def _columns(head: list[str], what: str) -> tuple[int | None, list[int]]:
    """Where the names are, and where the vectors."""
    if any(name != name.strip() for name in head):
        raise UsageError(
            f"{what}: the names of its columns have spaces around them, which LightlyOne refuses too"
        )
    at = next((head.index(name) for name in NAMES if name in head), None)
    columns = [i for i, name in enumerate(head) if i != at and name not in _IGNORED]
    numbered = [i for i in columns if head[i].startswith("embedding_")]
    columns = numbered or columns
    if not 1 <= len(columns) <= _MAX_DIMENSIONS:
        raise UsageError(
            f"{what}: expected columns filenames,embedding_0,embedding_1,…, got {', '.join(head[:5]) or 'none'}"
        )
    return at, columns


def _of_lines(
    lines: Iterable[list[str]], head: list[str], at: int | None, columns: list[int], path: Path
) -> Iterator[tuple[list[str], npt.NDArray[np.float32]]]:
    names: list[str] = []
    rows: list[list[float]] = []
    for number, line in enumerate(lines, 2):
        if not line:
            continue
        try:
            if len(line) != len(head):
                raise ValueError(f"expected {len(head)} columns, got {len(line)}")
            rows.append([float(line[i]) for i in columns])
        except ValueError as e:
            raise UsageError(f"{path}: line {number}: {e}") from None
        names += [] if at is None else [line[at]]
        if len(rows) == _BLOCK_ROWS:
            yield names, _float32(rows)
            names, rows = [], []
    if rows:
        yield names, _float32(rows)


def _float32(rows: Any) -> npt.NDArray[np.float32]:
    with np.errstate(over="ignore"):  # too large: infinite, and refused as such later
        return np.asarray(rows, np.float64).astype(np.float32)


def _read_parquet(path: Path) -> Brought:
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
            at = next((schema.names.index(name) for name in NAMES if name in schema.names), None)
            lists = [f.name for f in schema if _is_list(f.type)]
            numbers = [
                f.name
                for i, f in enumerate(schema)
                if i != at
                and f.name not in _IGNORED
                and (pyarrow.types.is_floating(f.type) or pyarrow.types.is_integer(f.type))
            ]
            columns = _parquet_columns(lists, numbers, str(path))
            asked = columns + ([] if at is None else [schema.names[at]])
            blocks = (
                _of_table(batch, columns, None if at is None else schema.names[at], lists != [], path)
                for batch in file.iter_batches(_BLOCK_ROWS, columns=asked)
            )
            return _spooled(blocks, None if lists else len(columns), at is not None, str(path))
    except pyarrow.ArrowException as e:
        raise UsageError(f"{path} is no Parquet file that can be read ({str(e).splitlines()[0]})") from None


def _is_list(kind: Any) -> bool:
    import pyarrow

    is_list = any(
        test(kind)
        for test in (pyarrow.types.is_list, pyarrow.types.is_large_list, pyarrow.types.is_fixed_size_list)
    )
    return is_list and (
        pyarrow.types.is_floating(kind.value_type) or pyarrow.types.is_integer(kind.value_type)
    )


def _parquet_columns(lists: list[str], numbers: list[str], what: str) -> list[str]:
    named = [name for name in VECTORS if name in lists]
    if named or len(lists) == 1:
        return (named or lists)[:1]
    numbered = [name for name in numbers if name.startswith("embedding_")] or numbers
    if lists or not 1 <= len(numbered) <= _MAX_DIMENSIONS:
        raise UsageError(
            f"{what}: expected a column 'vectors' of lists, or columns embedding_0, embedding_1, …"
        )
    return numbered


def _of_table(
    batch: Any, columns: list[str], names: str | None, is_lists: bool, path: Path
) -> tuple[list[str], npt.NDArray[np.float32]]:
    called = [] if names is None else [str(name) for name in batch.column(names).to_pylist()]
    if not is_lists:
        parts = [batch.column(name).to_numpy(zero_copy_only=False) for name in columns]
        return called, _float32(np.stack(parts, axis=1))
    column = batch.column(columns[0])
    sizes = column.value_lengths().to_numpy(zero_copy_only=False)
    if column.null_count or len(set(sizes.tolist())) > 1:
        raise UsageError(f"{path}: {columns[0]!r} must have vectors of one length in every row")
    values = column.flatten().to_numpy(zero_copy_only=False)
    return called, _float32(values.reshape(len(batch), -1))


def _spooled(
    blocks: Iterable[tuple[list[str], npt.NDArray[np.float32]]], d: int | None, has_names: bool, what: str
) -> Brought:
    """The rows of a table, in a temporary file that goes when nobody reads it any more."""
    names: list[str] = []
    n = 0
    with tempfile.TemporaryFile(prefix="framesift-") as file:
        for called, rows in blocks:
            d = rows.shape[1] if d is None else d
            if rows.shape[1] != d:
                raise UsageError(f"{what}: row {n} has {rows.shape[1]} dimensions, those before have {d}")
            names += called
            file.write(np.ascontiguousarray(rows).tobytes())
            n += len(rows)
        file.flush()
        if not n or not d:
            raise UsageError(f"{what} has no vector")
        x = np.memmap(file, np.float32, "r", shape=(n, d))
    return Brought(_rows(x, what), names if has_names else None, what)


_KINDS: dict[str, Callable[[Path], Brought]] = {
    ".npy": _read_npy,
    ".npz": _read_npz,
    ".csv": _read_csv,
    ".parquet": _read_parquet,
    ".pq": _read_parquet,
}
