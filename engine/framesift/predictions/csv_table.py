"""CSV tables of DeepLabCut and Lightning Pose, row by row."""

import csv
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import IO

import numpy as np

from framesift_kernels import F32

from ..errors import SourceError
from .limits import MAX_BYTES, check_bytes
from .table import Table

_HEADERS = ("scorer", "individuals", "bodyparts", "coords")
_PICTURES = (".png", ".jpg", ".jpeg")
_BLOCK_ROWS = 4096


def read_csv(path: Path, start: int = 0, stop: int | None = None) -> Table:
    """Read a table whose first rows name its columns; of rows with frame indices those in ``[start, stop)``.

    The rows of names begin with ``scorer``, ``individuals``, ``bodyparts`` and ``coords``; or there is one, which
    begins with an empty cell (Lightning Pose's metrics). Empty cells are NaN, in the first row too (pandas would
    take such a row for names).

    Raises
    ------
    SourceError
        A row does not fit the names.
    """
    check_bytes(path.stat().st_size, path)
    with path.open(newline="", encoding="utf-8-sig") as file:
        return _read(path, file, start, stop)


def _read(path: Path, file: IO[str], start: int, stop: int | None) -> Table:
    rows = csv.reader(file)
    names, first = _names(rows)
    if not names:
        raise SourceError(
            f"{path} does not begin with rows of names (scorer, bodyparts, coords); it is no table of keypoints"
        )
    n_index = 1
    while (
        len(names) > 1
        and n_index < len(names[0])
        and not any(row[n_index : n_index + 1] != [""] for row in names)
    ):
        n_index += 1  # the index of newer label tables has three columns, which have no name
    width = len(names[0])
    index: list[str] = []
    blocks: list[F32] = []
    held: list[list[float]] = []
    n_bytes = 0
    for row in chain(first, rows):
        if len(row) != width:
            if not row:
                continue
            raise SourceError(f"{path}: line {rows.line_num} has {len(row)} cells, the names have {width}")
        key = "/".join(row[:n_index])
        if not index and not held and _names_the_index(row, n_index):
            continue
        if key.isdecimal() and not (start <= int(key) and (stop is None or int(key) < stop)):
            continue
        index.append(key)
        held.append(_numbers(row[n_index:], path, rows.line_num))
        if len(held) == _BLOCK_ROWS:
            blocks.append(np.array(held, np.float32))
            n_bytes += blocks[-1].nbytes
            check_bytes(n_bytes, path, MAX_BYTES)
            held = []
    blocks.append(np.array(held, np.float32).reshape(len(held), width - n_index))
    columns = [tuple(row[i] for row in names) for i in range(n_index, width)]
    return Table(path=path, columns=columns, index=_index(index, path), values=np.concatenate(blocks))


def _names(rows: Iterator[list[str]]) -> tuple[list[list[str]], list[list[str]]]:
    """The rows of names, and the row behind them, in a list that is empty at the end of the file."""
    names: list[list[str]] = []
    for row in rows:
        if (
            row and row[0] in _HEADERS and len(names) < len(_HEADERS) and not (names and names[0][0] == "")
        ) or (row and row[0] == "" and not names):
            names.append(row)
        else:
            return names, [row]
    return names, []


def _names_the_index(row: list[str], n_index: int) -> bool:
    """Whether *row* is what pandas writes for an index that has a name: that name, and nothing behind it."""
    key = row[0].lower()
    is_key = key.replace(".", "", 1).isdecimal() or key.endswith(_PICTURES)
    return n_index == 1 and not is_key and not any(row[1:])


def _numbers(cells: list[str], path: Path, line: int) -> list[float]:
    try:
        return [float(cell) if cell else np.nan for cell in cells]
    except ValueError:
        return [_number(cell, path, line) for cell in cells]


def _number(cell: str, path: Path, line: int) -> float:
    """A number; the last column of some tables of Lightning Pose says which set a row is of."""
    if cell in ("", "train", "validation", "test", "unused", "unlabeled"):
        return np.nan
    try:
        return float(cell)
    except ValueError:
        raise SourceError(f"{path}: line {line} has {cell[:40]!r} where a number was expected") from None


def _index(keys: list[str], path: Path) -> "np.ndarray[tuple[int], np.dtype[np.int64]] | list[str]":
    try:
        return np.array([int(key) if key.isdecimal() else _whole(key) for key in keys], np.int64)
    except ValueError:
        return keys


def _whole(key: str) -> int:
    number = float(key)
    if number != int(number):
        raise ValueError(key)
    return int(number)
