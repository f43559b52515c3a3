"""Videos of a project by path or name."""

import os
from collections.abc import Iterable
from pathlib import Path

from ..errors import NothingUsableError, UsageError
from .config import Project, ProjectVideo

PathLike = str | os.PathLike[str]


def some_of(project: Project, wanted: Iterable[PathLike] | None) -> list[ProjectVideo]:
    """The videos of a project that are *wanted*, or all.

    Raises
    ------
    NothingUsableError
        It has none.
    UsageError
        One is not in it.
    """
    videos = project.videos()
    if not videos:
        raise NothingUsableError(f"{project.config} has no videos in {project.section}")
    if wanted is None:
        return videos
    found = []
    for item in wanted:
        hits = [video for video in videos if _names(video, item)]
        if not hits:
            names = ", ".join(video.name for video in videos[:5])
            raise UsageError(f"{os.fspath(item)} is not in the project; its videos are {names}")
        found.append(hits[0])
    return found


def is_of(project: Project, item: PathLike) -> bool:
    """Whether a video is in a project."""
    return any(_names(video, item) for video in project.videos())


def _names(video: ProjectVideo, item: PathLike) -> bool:
    text = os.fspath(item)
    return text in (video.key, video.name, Path(video.key).name) or (
        Path(text).exists() and video.path.exists() and Path(text).resolve() == video.path.resolve()
    )
