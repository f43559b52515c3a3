"""Samples selected before: those of the index, and those of other inputs, whose vectors count all the same."""

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..index import Index, index, open_index
from ..selection.excluded import read_excluded
from ..selection.result import Selection, read_selection
from ..source_store import SourceReader
from ..sources import IMAGE_SUFFIXES, VIDEO_SUFFIXES

PathLike = str | os.PathLike[str]
_MAX_BYTES = 1 << 30


class Joined(Index):
    """The sources of several indexes, one after another; the first is the one that frames are selected from."""

    def __init__(self, parts: Sequence[Index]) -> None:
        first = parts[0]
        records = [record for part in parts for record in part.records]
        super().__init__(first.store, records, elsewhere=first.elsewhere)
        self.parts = list(parts)
        self._of = [(part, at) for part in parts for at in range(len(part.records))]

    def reader(self, source: int) -> SourceReader:
        """Arrays of one source."""
        part, at = self._of[source]
        return part.reader(at)


@dataclass(slots=True)
class Datapool:
    """What was selected before."""

    frames: dict[int, set[int]] = field(default_factory=dict)
    """Of the index: frame indices by position of the source."""
    others: list[Index] = field(default_factory=list)
    """Frames that are not in the index."""


def check_pools(paths: PathLike | Iterable[PathLike] | None) -> list[Path]:
    """The paths, of which each is a store, a selection or a list of names.

    Raises
    ------
    UsageError
        One is neither.
    """
    if paths is None:
        return []
    given = [Path(p) for p in ([paths] if isinstance(paths, str | os.PathLike) else paths)]
    for path in given:
        if path.suffix.lower() == ".json":
            read_selection(path)
        elif not (path.is_file() or (path / "zarr.json").is_file()):
            raise UsageError(f"preselected: {path} is no selection.json, no list of file names and no store")
    return given


def read_pool(paths: Iterable[Path], made: Index, names: Sequence[str], stack: ExitStack) -> Datapool:
    """Find what was selected before.

    Parameters
    ----------
    paths
        Each a ``selection.json``, whose frames are of the index, or else its pictures are there; a list of names, a
        line each, as ``filenames/sampled_filenames.txt``, all of the index; or a store, all frames of which count.
    made
        The index that will be selected from.
    names
        What its rows are called.
    stack
        Closes what is opened.

    Raises
    ------
    UsageError
        A list has names that are not of the index, a selection has frames that neither the index nor its folder has,
        or a store has a source of the index.
    """
    found = Datapool()
    for path in paths:
        if path.suffix.lower() == ".json":
            _add(found.frames, read_excluded(path, made))
            if others := _pictures(path, read_selection(path), made):
                found.others.append(_index_pictures(others, made, stack))
        elif path.is_dir():
            found.others.append(_open_store(path, made, stack))
        else:
            _add(found.frames, _of_list(path, made, names))
    return found


def _add(frames: dict[int, set[int]], more: Mapping[int, set[int]]) -> None:
    for source, some in more.items():
        frames.setdefault(source, set()).update(some)


def _of_list(path: Path, made: Index, names: Sequence[str]) -> dict[int, set[int]]:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise UsageError(f"{path} is too large to be a list of file names")
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as e:
        raise UsageError(f"{path} cannot be read: {e.strerror or e}") from None
    except ValueError as e:
        raise UsageError(f"{path} is no text ({e})") from None
    wanted = {line for line in lines if line}
    found: dict[int, set[int]] = {}
    row = 0
    for source, reader in enumerate(made.readers()):
        for frame in reader.frames().tolist():
            if names[row] in wanted:
                found.setdefault(source, set()).add(frame)
            row += 1
    if unknown := sorted(wanted.difference(names)):
        raise UsageError(
            f"preselected: {path} names {unknown[0]!r}, and {len(unknown) - 1} more that the input has not; "
            "give the selection.json of that selection, whose pictures will be read"
        )
    return found


def _open_store(path: Path, made: Index, stack: ExitStack) -> Index:
    opened = open_index(path)
    stack.callback(opened.close)
    ids = {record.id for record in made.records}
    if shared := [record.uri for record in opened.records if record.id in ids]:
        raise UsageError(
            f"preselected: the store {path} and the input both have {shared[0]}; "
            "give the selection.json, which says what of it was selected"
        )
    return opened


def _pictures(path: Path, selection: Selection, made: Index) -> list[Path]:
    """The pictures of frames whose sources are not in the index."""
    from ..report.storage import picture_path

    known = {record.id for record in made.records} | {record.fingerprint for record in made.records}
    found = []
    for frame in selection.frames:
        source = selection.sources[frame.source]
        if source.id in known or source.fingerprint in known:
            continue
        picture = picture_path(path.parent, frame)
        if picture is None or not picture.is_file():
            raise UsageError(
                f"preselected: {path} has frame {frame.index} of {source.uri}, which is neither in the input "
                "nor as a picture beside it; export that selection again, or give its source as well"
            )
        found.append(picture)
    return found


def _index_pictures(pictures: Iterable[Path], made: Index, stack: ExitStack) -> Index:
    """An index of some pictures, as *made* is one."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="framesift-")))
    for number, picture in enumerate(pictures):
        (folder / f"{number:08d}{picture.suffix.lower()}").symlink_to(picture.absolute())
    return index_like(folder, made, stack)


def index_like(inputs: Any, made: Index, stack: ExitStack) -> Index:
    """An index of *inputs* whose thumbnails can be compared with those of *made*."""
    options = made.records[0].options
    found = index(
        inputs,
        size=int(options.get("size", 64)),
        crop=None if options.get("crop") is None else tuple(options["crop"]),
        color=bool(options.get("color")),
        isolate=False,
    )
    stack.callback(found.close)
    if found.set_aside:
        raise UsageError(f"{found.set_aside[0].uri} cannot be used: {found.set_aside[0].reason}")
    return found


def index_queries(paths: Sequence[Path], made: Index, stack: ExitStack) -> Index:
    """An index of what samples are to be similar to: pictures, folders of them, videos, and selections."""
    pictures: list[Path] = []
    inputs: list[Path] = []
    for path in paths:
        if path.suffix.lower() == ".json":
            selection = read_selection(path)
            from ..report.storage import picture_path

            found = [picture_path(path.parent, frame) for frame in selection.frames]
            pictures += [p for p in found if p is not None and p.is_file()]
        elif path.is_file() and path.suffix.lower() in IMAGE_SUFFIXES:
            pictures.append(path)
        elif path.is_dir() or path.suffix.lower() in VIDEO_SUFFIXES | {".zip"}:
            inputs.append(path)
        else:
            raise UsageError(f"queries: {path} is no picture, no video, no folder and no selection.json")
    parts = [_index_pictures(pictures, made, stack)] if pictures else []
    parts += [index_like(inputs, made, stack)] if inputs else []
    if not parts:
        raise UsageError(f"queries: there is no picture in {', '.join(map(str, paths)) or 'nothing'}")
    return parts[0] if len(parts) == 1 else Joined(parts)
