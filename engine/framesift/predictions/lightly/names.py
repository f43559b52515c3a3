"""Which file holds the predictions of which picture or frame.

Source: "Prediction Format" of LightlyOne's documentation, sections "Prediction Files" and "Prediction Files for
Videos".
"""

import posixpath
import re
from typing import NamedTuple

from ...errors import UsageError

_FRAME = re.compile(r"(?P<stem>.+)-(?P<index>[0-9]{1,18})-(?P<suffix>[^-./]+)\.png")


class FrameName(NamedTuple):
    """What the name of a frame says."""

    video: str
    """Path of the video relative to the input, with ``/``."""
    frame: int
    """From 0, in the order of decoding."""
    digits: int
    """To which the index is padded: those of the number of frames of the video."""


def frame_name(video: str, index: int, n_frames: int) -> str:
    """The ``file_name`` of a frame of a video: ``sub/video-099-mp4.png`` for frame 99 of 200 of ``sub/video.mp4``.

    Parameters
    ----------
    video
        Relative to the input, with ``/``.
    index
        From 0, in the order of decoding.
    n_frames
        Of the video: the index is padded with zeros to as many digits.

    Raises
    ------
    UsageError
        The video has no such frame, or its path is not relative.
    """
    if not 0 <= index < n_frames:
        raise UsageError(f"index must be of one of the frames, 0 to {n_frames - 1}, got {index}")
    stem, suffix = posixpath.splitext(safe_path(video))
    return f"{stem}-{index:0{len(str(n_frames))}}-{suffix[1:]}.png"


def parse_frame_name(name: str) -> FrameName | None:
    """What the ``file_name`` of a frame says, or None if it is not named as one."""
    found = _FRAME.fullmatch(name)
    if found is None:
        return None
    digits = found["index"]
    return FrameName(f"{found['stem']}.{found['suffix']}", int(digits), len(digits))


def prediction_path(file_name: str) -> str:
    """Where in a task's folder the predictions of a picture are: its path with ``.json`` in place of its suffix.

    Raises
    ------
    UsageError
        The path leads out of the folder.
    """
    return posixpath.splitext(safe_path(file_name))[0] + ".json"


def safe_path(name: str) -> str:
    """*name*, if it is a relative path with ``/`` that stays below where it starts.

    Raises
    ------
    UsageError
        It does not.
    """
    if fault := path_fault(name):
        raise UsageError(f"a path relative to the input is expected, {name!r} {fault}")
    return name


def path_fault(name: str) -> str | None:
    """What is wrong with a path relative to the input, if anything."""
    if not name or name.startswith("/") or re.match("[A-Za-z]:", name):
        return "is not relative"
    if "\\" in name or "\0" in name:
        return "has a character that is none of a path with '/'"
    if any(part in ("", ".", "..") for part in name.split("/")):
        return "has parts that are no names"
    return None
