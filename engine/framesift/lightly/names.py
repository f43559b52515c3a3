"""What LightlyOne calls the samples of an index: paths relative to the input folder."""

import os
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path, PurePosixPath

from ..errors import UsageError
from ..index import Index
from ..remote.address import is_uri
from ..selection.result import SelectedFrame, SelectedSource, Selection, _text

FOLDER = ".lightly"
"""Beside the input: predictions and metadata."""
PathLike = str | os.PathLike[str]


def sample_names(index: Index, root: PathLike | None = None) -> list[str]:
    """(n,) what the worker calls each row of the index.

    A frame is called ``<video>-<index>-<extension>.png``, the index padded to as many digits as the number of frames
    has; an image goes by its own name. Names are relative to *root*, by default to the folder that all sources have
    in common.
    """
    top = str(common_folder(index) if root is None else root)
    return [name for at in range(len(index.records)) for name in _of_source(index, at, top)]


def _of_source(index: Index, at: int, root: str) -> list[str]:
    from ..export.pictures import open_source
    from ..ingest.images import open_images

    record, reader = index.records[at], index.reader(at)
    frames = reader.frames().tolist()
    place = _below(_folder(record.kind, record.uri), root)
    if record.kind == "video":
        return [_text(_frame(place / record.name, i, record.n_frames, record.uri)) for i in frames]
    inside = place if record.kind == "images" else place / record.name
    source = SelectedSource(**{f.name: getattr(record, f.name) for f in fields(SelectedSource)})
    with open_images(open_source(source, index.elsewhere.get(record.id))) as images:
        return [_text(str(inside / images.names[i])) for i in frames]


def source_names(index: Index, root: PathLike | None = None) -> list[str]:
    """What each source is called: the path of a video or zip, or of a folder of images."""
    top = str(common_folder(index) if root is None else root)
    return [_text(str(_below(record.uri, top))) for record in index.records]


def _below(path: str, root: str) -> PurePosixPath:
    """*path* relative to *root*; all of it where there is no root.

    Raises
    ------
    UsageError
        It lies elsewhere.
    """
    if not root:
        return PurePosixPath()
    found = PurePosixPath(os.path.relpath(path, root))
    if ".." in found.parts:
        raise UsageError(f"{path} is not in {root}, to which names are to be relative: give another root")
    return found


def frame_of_source(selection: Selection, frame: SelectedFrame) -> str | None:
    """What the worker calls a frame that was chosen, if it is of a video."""
    source = selection.sources[frame.source]
    if source.kind != "video":
        return None
    folders = [_folder(other.kind, other.uri) for other in selection.sources]
    together = len({folder.startswith("/") for folder in folders}) == 1
    root = selection.options.get("root") or (os.path.commonpath(folders) if together else "")
    try:
        place = _below(_folder(source.kind, source.uri), root)
    except UsageError:
        place = PurePosixPath()
    return _text(_frame(place / source.name, frame.index, source.n_frames, source.uri))


def _frame(stem: PurePosixPath, index: int, n_frames: int, uri: str) -> str:
    return f"{stem}-{index:0{len(str(n_frames))}d}-{PurePosixPath(uri).suffix[1:]}.png"


def _folder(kind: str, uri: str) -> str:
    return uri if kind == "images" else str(PurePosixPath(uri).parent)


def common_folder(index: Index) -> str:
    """The folder that all sources have in common; empty if they have none."""
    folders = [_folder(record.kind, record.uri) for record in index.records]
    return os.path.commonpath(folders) if len({folder.startswith("/") for folder in folders}) == 1 else ""


def input_root(inputs: object) -> str | None:
    """The folder that was given as the only input, to which the worker's names are relative."""
    given = [inputs] if isinstance(inputs, str | os.PathLike) else inputs
    if not isinstance(given, Iterable):
        return None
    only = list(given) if isinstance(given, list | tuple) else []
    if len(only) != 1 or not isinstance(only[0], str | os.PathLike) or is_uri(only[0]):
        return None
    path = Path(only[0])
    return str(path.absolute()) if path.is_dir() else None


def find_beside(index: Index, root: PathLike | None, part: str) -> Path | None:
    """``.lightly/<part>`` in the folder of the input, or in the nearest above that has one."""
    first = common_folder(index) if root is None else os.fspath(root)
    if not os.path.isabs(first):
        return None
    folders = (top / FOLDER / part for top in (Path(first), *Path(first).parents))
    return next((folder for folder in folders if folder.is_dir()), None)


def roots_of(index: Index, root: str | None, folder: PathLike) -> list[str | None]:
    """What names in *folder* may be relative to: the folder that ``.lightly`` lies in, if the input does too, or else
    *root*."""
    top = next((path.parent for path in (Path(folder), *Path(folder).parents) if path.name == FOLDER), None)
    found: list[str | None] = [root]
    if top is not None and str(top.absolute()) in map(str, Path(common_folder(index) or "/").parents):
        found.insert(0, str(top.absolute()))
    return found
