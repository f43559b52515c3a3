"""Places in a video as people write them: a fraction, a frame, seconds, a timecode."""

import math
import operator
import re
from typing import Any, Literal, NamedTuple

from .errors import UsageError

_TIMECODE = r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:\.\d+)?)"
_EXPECTED = "a frame (1200), a fraction (0.25 or 25%), seconds (12.5s) or a timecode (00:01:30.5)"


Crop = tuple[int, int, int, int]
"""x1, x2, y1, y2 in pixels of the frame as shown."""


class Position(NamedTuple):
    """A place in a video, still without the video."""

    unit: Literal["frame", "fraction", "seconds"]
    value: float

    def __str__(self) -> str:
        if self.unit == "frame":
            return str(int(self.value))
        return f"{self.value:g}s" if self.unit == "seconds" else repr(float(self.value))


def whole(name: str, value: Any) -> int:
    """*value* as an int: NumPy's are taken too.

    Raises
    ------
    UsageError
        It is no whole number.
    """
    try:
        return operator.index(value)
    except TypeError:
        raise UsageError(f"{name} must be a whole number, got {value!r}") from None


def parse_position(text: "str | int | float | Position", name: str) -> Position:
    """Read a position.

    An `int` (or digits) is a frame index, a `float` (or a number with a point, or with ``%``) a fraction of
    the video, ``12.5s`` seconds and ``[HH:]MM:SS[.fff]`` a timecode, both from the first frame.

    Raises
    ------
    UsageError
        *text* is none of these, negative, infinite, or a fraction above 1.
    """
    if isinstance(text, Position):
        return text
    if isinstance(text, bool):
        raise UsageError(f"{name} must be {_EXPECTED}, got {text!r}")
    if isinstance(text, str):
        position = _parse(text.strip(), name)
    elif hasattr(text, "__index__"):  # NumPy's numbers too
        position = Position("frame", int(text))
    elif hasattr(text, "__float__"):
        position = Position("fraction", float(text))
    else:
        raise UsageError(f"{name} must be {_EXPECTED}, got {text!r}")
    if not 0 <= position.value < math.inf or (position.unit == "fraction" and position.value > 1):
        raise UsageError(
            f"{name} must not be negative, nor a fraction above 1, got {text!r}; expected {_EXPECTED}"
        )
    return position


def _parse(text: str, name: str) -> Position:
    if match := re.fullmatch(_TIMECODE, text):
        hours, minutes, seconds = match.groups()
        return Position("seconds", int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds))
    try:
        if text.lstrip("+-").isdigit():
            return Position("frame", int(text))
        if text.endswith("%"):
            return Position("fraction", float(text[:-1]) / 100)
        if text.endswith("s"):
            return Position("seconds", float(text[:-1]))
        return Position("fraction", float(text))
    except ValueError:
        raise UsageError(f"{name} must be {_EXPECTED}, got {text!r}") from None


def check_order(start: Position | None, stop: Position | None) -> None:
    """Refuse a range that is empty whatever the video.

    Raises
    ------
    UsageError
        Both ends have one unit and *start* is not before *stop*.
    """
    if start and stop and start.unit == stop.unit and start.value >= stop.value:
        raise UsageError(f"start must be before stop, got start={start} and stop={stop}")


def parse_crop(text: "str | tuple[int, int, int, int] | None") -> tuple[int, int, int, int] | None:
    """Read ``x1,x2,y1,y2`` (DeepLabCut's order): half-open pixel ranges of the picture as it is shown.

    Raises
    ------
    UsageError
        Not four whole numbers, or an empty rectangle.
    """
    if text is None:
        return None
    try:
        x1, x2, y1, y2 = (int(part) for part in (text.split(",") if isinstance(text, str) else text))
    except (ValueError, TypeError):
        raise UsageError(f"crop must be x1,x2,y1,y2 in whole pixels, got {text!r}") from None
    if not (0 <= x1 < x2 and 0 <= y1 < y2):
        raise UsageError(f"crop must have 0 <= x1 < x2 and 0 <= y1 < y2, got {x1},{x2},{y1},{y2}")
    return x1, x2, y1, y2
