"""Folders of LightlyOne's metadata → columns.

Source: "Metadata Format" of LightlyOne's documentation: ``schema.json``, and a JSON a picture, frame or video.
"""

import os
import posixpath
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import SourceError
from ...progress import Progress, ProgressCallback, silent
from ..json_text import parse_json, read_bytes, read_json
from ..objects import Fault
from .names import parse_frame_name, path_fault, prediction_path
from .parts import MAX_FILE_BYTES
from .reading import json_files
from .schema import kind, short

PathLike = str | os.PathLike[str]
_KINDS = ("image", "frame", "video")


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e308


def _is_integer(value: Any) -> bool:
    return type(value) is int and abs(value) < 2**63


_TYPES: dict[str, tuple[Any, Callable[[Any], bool]]] = {
    "NUMERIC_INT": (np.int64, _is_integer),
    "NUMERIC_FLOAT": (np.float64, _is_number),
    "CATEGORICAL_STRING": (np.str_, lambda value: isinstance(value, str)),
    "CATEGORICAL_INT": (np.int64, _is_integer),
    "CATEGORICAL_BOOLEAN": (np.bool_, lambda value: isinstance(value, bool)),
    "CATEGORICAL_DATETIME": (np.str_, lambda value: isinstance(value, str)),
    "CATEGORICAL_TIMESTAMP": (np.int64, _is_integer),
    "OTHER_STRING": (np.str_, lambda value: isinstance(value, str)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """Columns of metadata, a row a picture or frame."""

    files: tuple[str, ...]
    columns: dict[str, npt.NDArray[Any]]
    """(n,) by name: what `lightly.select` takes as ``metadata``."""
    by_path: dict[str, npt.NDArray[Any]]
    """The same by their paths, ``"weather.temperature"``: what a selection configuration calls them as ``key``."""
    set_aside: tuple[Fault, ...]
    """Files and values that could not be used; the defaults stand in their places."""


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    path: tuple[str, ...]
    default: Any
    type: str


def read_metadata(
    folder: PathLike, *, files: Sequence[str] | None = None, progress: ProgressCallback = silent
) -> Metadata:
    """Read LightlyOne's ``.lightly/metadata``.

    Parameters
    ----------
    folder
        That of its ``schema.json``, or one with ``.lightly/metadata`` in it.
    files
        Pictures and frames in order, as for `read_lightly`; by default all that have metadata of their own.
        Metadata of a video hold for all of its frames, but where a frame has its own.

    Raises
    ------
    SourceError
        The schema is missing or wrong.
    """
    top = _top(Path(folder))
    fields = _read_schema(top / "schema.json")
    reader = _Reader(top)
    if files is None:
        files = list(_own_files(reader, sorted(json_files(top))))
    values: list[list[Any]] = [[] for _ in fields]
    for i, name in enumerate(files, 1):
        records = reader.records(name)
        for column, field in zip(values, fields, strict=True):
            column.append(reader.value(records, field))
        if i % 1000 == 0 or i == len(files):
            progress(Progress(stage="read", done=i, total=len(files), source="metadata"))
    columns = {
        field.name: np.array(column, _TYPES[field.type][0])
        for field, column in zip(fields, values, strict=True)
    }
    by_path = {".".join(field.path): columns[field.name] for field in fields}
    return Metadata(files=tuple(files), columns=columns, by_path=by_path, set_aside=tuple(reader.faults))


def _top(folder: Path) -> Path:
    for inner in (".lightly/metadata", "metadata", ""):
        if (folder / inner / "schema.json").is_file():
            return folder / inner
    raise SourceError(f"{folder} has no schema.json of metadata, in itself or in .lightly/metadata")


def _read_schema(path: Path) -> list[_Field]:
    found = read_json(path)
    if not isinstance(found, list):
        raise SourceError(f"{path}: expected a list, got {kind(found)}")
    fields = [_field(item, f"{path}: [{i}]") for i, item in enumerate(found)]
    names = [field.name for field in fields]
    if len(set(names)) < len(names):
        raise SourceError(f"{path}: a name is given twice")
    return fields


def _field(item: Any, where: str) -> _Field:
    if not isinstance(item, dict):
        raise SourceError(f"{where}: expected an object, got {kind(item)}")
    for name in ("name", "path"):
        if not isinstance(item.get(name), str) or not item[name]:
            raise SourceError(f"{where}.{name}: expected a text, got {short(item.get(name))}")
    given = item.get("valueDataType")
    if given not in _TYPES:
        raise SourceError(f"{where}.valueDataType: expected one of {', '.join(_TYPES)}, got {short(given)}")
    default = item.get("defaultValue")
    if not _TYPES[given][1](default):
        raise SourceError(f"{where}.defaultValue: expected one of type {given}, got {short(default)}")
    return _Field(item["name"], tuple(item["path"].split(".")), default, given)


class _Reader:
    """Reads each file once, those of videos too."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.faults: dict[Fault, None] = {}  # each once, in order
        self._video: tuple[str, dict[str, Any] | None] = ("", None)

    def records(self, name: str) -> list[tuple[str, dict[str, Any]]]:
        """Files and their metadata that hold for a picture or frame, the nearest first."""
        paths = [prediction_path(name)]
        frame = parse_frame_name(name)
        found = [(paths[0], self.read(paths[0]))]
        if frame is not None:
            path = prediction_path(frame.video)
            if self._video[0] != path:
                self._video = path, self.read(path)
            found.append((path, self._video[1]))
        return [(path, record["metadata"]) for path, record in found if record is not None]

    def read(self, path: str) -> dict[str, Any] | None:
        """The content of a file, None if there is none that can be used."""
        try:
            found = parse_json(read_bytes(self.top / path, MAX_FILE_BYTES))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as e:
            self._fault(path, "", f"cannot be read as JSON ({e})")
            return None
        if wrong := _wrong(found, path):
            self._fault(path, *wrong)
            return None
        record: dict[str, Any] = found
        return record

    def value(self, records: list[tuple[str, dict[str, Any]]], field: _Field) -> Any:
        """A picture's value of a field, or its default."""
        for file, record in records:
            found: Any = record
            for part in field.path:
                found = found.get(part) if isinstance(found, dict) else None
            if found is None:
                continue
            if _TYPES[field.type][1](found):
                return found
            where = "metadata." + ".".join(field.path)
            self._fault(file, where, f"expected one of type {field.type}, got {short(found)}")
        return field.default

    def _fault(self, file: str, field: str, reason: str) -> None:
        self.faults[Fault(file=file, field=field, reason=reason)] = None


def _wrong(found: Any, path: str) -> tuple[str, str] | None:
    """Field and reason, if a file is no metadata."""
    if not isinstance(found, dict):
        return "", f"expected an object, got {kind(found)}"
    name, metadata = found.get("file_name"), found.get("metadata")
    if not isinstance(name, str) or path_fault(name) or posixpath.splitext(name)[0] + ".json" != path:
        return "file_name", f"expected that after which the file is named, got {short(name)}"
    if found.get("type") not in _KINDS:
        return "type", f"expected one of {', '.join(_KINDS)}, got {short(found.get('type'))}"
    if not isinstance(metadata, dict):
        return "metadata", f"expected an object, got {short(metadata)}"
    return None


def _own_files(reader: _Reader, paths: Sequence[str]) -> Iterator[str]:
    """Names of pictures and frames that have a file."""
    for path in paths:
        record = reader.read(path)
        if record is not None and record["type"] != "video":
            yield record["file_name"]
