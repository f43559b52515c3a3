"""A number of frames shared out over the videos of a project."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from ..errors import FramesiftError, NothingUsableError
from ..index import Index
from ..selection.result import Selection
from .config import ProjectVideo


@contextmanager
def store_for(store: str | os.PathLike[str] | None, folder: Path) -> Iterator[str | os.PathLike[str]]:
    """*store*, or a temporary one in *folder*."""
    if store is not None:
        yield store
        return
    with TemporaryDirectory(prefix=".framesift-", dir=folder) as scratch:
        yield scratch


def choose_together(
    videos: Iterable[ProjectVideo],
    open_one: Callable[[ProjectVideo], Index],
    choose: Callable[[Index], Selection],
) -> dict[str, Selection]:
    """What *choose* takes of all *videos* together, by key of the video. Those that cannot be used have nothing.

    Raises
    ------
    NothingUsableError
        None can be used.
    """
    joint: Index | None = None
    keys: list[str] = []
    names: set[str] = set()
    for video in videos:
        if video.name.casefold() in names:
            continue
        try:
            made = open_one(video)
        except FramesiftError:  # said again where its pictures would be written
            continue
        names.add(video.name.casefold())
        keys.append(video.key)
        if joint is None:
            joint = made
        else:
            joint.records += made.records
    if joint is None:
        raise NothingUsableError("no video of the project can be used, or all have pictures already")
    chosen = choose(joint)
    return {key: _part(chosen, at) for at, key in enumerate(keys)}


def _part(chosen: Selection, source: int) -> Selection:
    frames = [replace(frame, source=0) for frame in chosen.frames if frame.source == source]
    return replace(chosen, sources=[chosen.sources[source]], frames=frames)
