"""pandas' two HDF5 formats, read with h5py: ``fixed`` (DeepLabCut's labels) and ``table`` (its predictions).

Nothing is unpickled: see `literals`. Written by pandas 0.2x to 3; formats as of ``pandas/io/pytables.py``.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from framesift_kernels import F32, I64

from ..errors import SourceError
from .hdf5 import has, member, open_hdf5, read_array, read_text
from .limits import MAX_TEXT_BYTES, check_bytes
from .literals import read_literal
from .table import Table

_KEY = "df_with_missing"


def read_pandas(path: Path, start: int = 0, stop: int | None = None) -> Table:
    """Read the table of a file; of rows with frame indices those in ``[start, stop)``.

    Raises
    ------
    SourceError
        The file has none, or several.
    """
    with open_hdf5(path) as file:
        group = member(file, _key(file, path))
        kind = read_text(group.attrs["pandas_type"])
        if kind == "frame_table":
            return _read_table(path, group, start, stop)
        if kind == "frame":
            return _read_fixed(path, group, start, stop)
        raise SourceError(f"{path} holds a pandas {kind!r}; expected a DataFrame")


def _key(file: Any, path: Path) -> str:
    if has(file, _KEY):
        return _KEY
    keys = [name for name in file if "pandas_type" in getattr(member(file, name), "attrs", ())]
    if len(keys) != 1:
        raise SourceError(f"{path} holds {len(keys)} pandas tables, and none is named {_KEY}")
    return str(keys[0])


def _rows(index: I64 | list[str], start: int, stop: int | None) -> slice:
    """Rows to read, where they are in order: the rest is left on disk."""
    if isinstance(index, list) or (start == 0 and stop is None):
        return slice(0, len(index))
    if len(index) > 1 and not (np.diff(index) > 0).all():
        raise SourceError(
            "its rows are not in order, so that it can only be read whole (without start and stop)"
        )
    first = int(np.searchsorted(index, start))
    return slice(first, len(index) if stop is None else max(first, int(np.searchsorted(index, stop))))


def _cut(index: I64 | list[str], rows: slice) -> I64 | list[str]:
    return index[rows]


def _read_table(path: Path, group: Any, start: int, stop: int | None) -> Table:
    table = member(group, "table")
    if table.external or table.is_virtual:
        raise SourceError(f"{path} keeps its table in another file, which is not followed")
    check_bytes(len(table) * table.dtype["index"].itemsize, path)
    index = _plain_index(np.asarray(table.fields("index")[:]))
    rows = _rows(index, start, stop)
    check_bytes((rows.stop - rows.start) * table.dtype.itemsize, path)
    columns: list[tuple[str, ...]] = []
    values: list[F32] = []
    data = table[rows]
    for name in data.dtype.names:
        if not name.startswith("values_block_") or data.dtype[name].base.kind not in "iufb":
            continue
        found = _literal(table.attrs[f"{name}_kind"])
        columns += [_column(column) for column in found]
        values.append(np.asarray(data[name], np.float32).reshape(len(data), -1))
        if values[-1].shape[1] != len(found):
            raise SourceError(f"{path} has {len(found)} column names for {values[-1].shape[1]} columns")
    order = _in_written_order(columns, group)
    return Table(
        path=path,
        columns=[columns[i] for i in order],
        index=_cut(index, rows),
        values=np.concatenate([np.empty((len(data), 0), np.float32), *values], axis=1)[:, order],
    )


def _in_written_order(columns: list[tuple[str, ...]], group: Any) -> list[int]:
    """Blocks hold the columns of one type; the order of all of them is written down once."""
    axes = _literal(group.attrs["non_index_axes"])
    wanted = {_column(column): at for at, column in enumerate(axes[0][1])}
    return sorted(range(len(columns)), key=lambda i: wanted.get(columns[i], len(wanted)))


def _read_fixed(path: Path, group: Any, start: int, stop: int | None) -> Table:
    index = _axis(group, "axis1", "axis1")
    if not isinstance(index, np.ndarray):
        index = ["/".join(key) for key in index]
    columns = [_column(c) for c in _axis(group, "axis0", "axis0")]
    at = {column: i for i, column in enumerate(columns)}
    rows = _rows(index, start, stop)
    values = np.full((rows.stop - rows.start, len(columns)), np.nan, np.float32)
    check_bytes(values.nbytes, path)
    for block in range(int(group.attrs["nblocks"])):
        items = [_column(c) for c in _axis(group, f"block{block}_items", f"block{block}_items")]
        data = read_array(group, f"block{block}_values", rows)
        if data.dtype.kind in "iufb" and data.ndim == 2:
            values[:, [at[item] for item in items]] = data
    return Table(path=path, columns=columns, index=_cut(index, rows), values=values)


def _axis(group: Any, variety: str, name: str) -> Any:
    """Labels of an axis: integers as an array, else a list of tuples of texts."""
    kind = read_text(group.attrs[f"{variety}_variety"])
    if kind == "regular":
        labels = _plain_index(read_array(group, name))
        return labels if isinstance(labels, np.ndarray) else [(label,) for label in labels]
    if kind != "multi":
        raise ValueError(f"an axis of kind {kind!r}")
    parts: list[list[str]] = []
    for level in range(int(group.attrs[f"{variety}_nlevels"])):
        names = [_text(item) for item in read_array(group, f"{name}_level{level}", max_bytes=MAX_TEXT_BYTES)]
        codes = read_array(group, f"{name}_label{level}", max_bytes=MAX_TEXT_BYTES)
        parts.append([names[code] if code >= 0 else "" for code in codes.tolist()])
    return list(zip(*parts, strict=True))


def _text(item: Any) -> str:
    return read_text(item) if isinstance(item, bytes | str | np.bytes_) else str(item)


def _plain_index(array: npt.NDArray[Any]) -> I64 | list[str]:
    if array.dtype.kind in "iu":
        return array.astype(np.int64)
    if array.dtype.kind == "f" and (array == np.floor(array)).all():
        return array.astype(np.int64)
    if array.dtype.kind in "SO":
        return [_text(item).replace("\\", "/") for item in array]
    raise ValueError(f"an index of type {array.dtype}")


def _literal(value: Any) -> Any:
    data = value.tobytes() if isinstance(value, np.void | np.ndarray) else bytes(value)
    if len(data) > MAX_TEXT_BYTES:
        raise ValueError("names that are too long")
    return read_literal(data)


def _column(column: Any) -> tuple[str, ...]:
    return tuple(map(str, column)) if isinstance(column, tuple | list) else (str(column),)
