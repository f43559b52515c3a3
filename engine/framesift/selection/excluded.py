"""Frames that were extracted before: from a ``selection.json`` or from a folder of pictures."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from ..errors import UsageError
from ..index import Index
from ..sources import IMAGE_SUFFIXES
from .result import folder_names, read_selection

PathLike = str | os.PathLike[str]


def read_excluded(paths: PathLike | Iterable[PathLike] | None, index: Index) -> dict[int, set[int]]:
    """Frame indices extracted before, by the position of their source in ``index.records``.

    A ``selection.json`` names them, and so does a SLEAP project (``.slp``): frames that a user labelled, and those
    that it suggests. In a folder they are told by the names of the pictures:
    ``<source>/img0042.png`` as DeepLabCut and Lightning Pose write them, ``<source>_00000042.png`` as
    framesift's own layout does, and, where the index has one source only, any picture with one number that lies
    directly in the folder. A source also goes by the name that the export gives it, which begins with its
    folder's where two have one name.

    Raises
    ------
    UsageError
        A path does not exist, or is neither.
    """
    found: dict[int, set[int]] = {}
    for path in check_excluded(paths):
        for source, frame in _frames_of(path, index):
            found.setdefault(source, set()).add(frame)
    return found


def _frames_of(path: Path, index: Index) -> Iterable[tuple[int, int]]:
    if path.is_dir():
        return _in_folder(path, index)
    return _in_project(path, index) if path.suffix.lower() == ".slp" else _in_selection(path, index)


def check_excluded(paths: PathLike | Iterable[PathLike] | None) -> list[Path]:
    """The paths, of which each is a folder or a selection.

    Raises
    ------
    UsageError
        One is neither.
    """
    if paths is None:
        return []
    given = [Path(p) for p in ([paths] if isinstance(paths, str | os.PathLike) else paths)]
    for path in given:
        if path.is_file() and path.suffix.lower() == ".slp":
            from ..export.sleap import suggested_or_labelled

            suggested_or_labelled(path)
        elif path.is_file():
            read_selection(path)
        elif not path.is_dir():
            raise UsageError(
                f"exclude: {path} is neither a folder of pictures nor a selection.json nor a .slp"
            )
    return given


def _in_project(path: Path, index: Index) -> Iterable[tuple[int, int]]:
    from ..export.sleap import suggested_or_labelled

    for name, frames in suggested_or_labelled(path).items():
        for at, record in enumerate(index.records):
            if Path(record.uri).name == name:
                yield from ((at, frame) for frame in frames if frame < record.n_frames)


def _in_selection(path: Path, index: Index) -> Iterable[tuple[int, int]]:
    selection = read_selection(path)
    by_id = {record.id: at for at, record in enumerate(index.records)}
    by_content = {record.fingerprint: at for at, record in enumerate(index.records)}
    for frame in selection.frames:
        source = selection.sources[frame.source]
        at = by_id.get(source.id, by_content.get(source.fingerprint))
        if at is not None:
            yield at, frame.index


def _in_folder(folder: Path, index: Index) -> Iterable[tuple[int, int]]:
    by_name: dict[str, set[int]] = {}
    for at, (record, unique) in enumerate(zip(index.records, folder_names(index.records), strict=True)):
        for name in (record.name, unique, f"{Path(record.uri).parent.name}_{record.name}"):
            by_name.setdefault(name, set()).add(at)
    for path in folder.rglob("*"):
        if path.suffix.lower() not in IMAGE_SUFFIXES:
            continue
        own = re.fullmatch(r"(.+)_(\d+)", path.stem)
        numbered = re.fullmatch(r"\D*(\d+)\D*", path.stem)
        if own and own[1] in by_name:
            sources, frame = by_name[own[1]], int(own[2])
        elif numbered and (
            path.parent.name in by_name or (len(index.records) == 1 and path.parent == folder)
        ):
            sources, frame = by_name.get(path.parent.name, {0}), int(numbered[1])
        else:
            continue
        yield from ((at, frame) for at in sources if frame < index.records[at].n_frames)
