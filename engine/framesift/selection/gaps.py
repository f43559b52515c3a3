"""How far apart the frames chosen of one source are at least."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ..errors import UsageError

if TYPE_CHECKING:
    from ..index import Index

AUTO: Literal["auto"] = "auto"
_KEPT_APART = ("kmeans", "coverage")
"""Methods of which the automatic gap is part; what the others choose is fixed by their names."""
_EVEN_GAPS = 8
"""The automatic gap is an eighth of that between evenly spaced frames: several times one event is not chosen, and where
things happen often no choice suffers."""


@dataclass(frozen=True, slots=True)
class Gap:
    """The least distance between two frames chosen of one source."""

    value: float
    unit: str
    """``"frames"`` or ``"seconds"``."""


def parse_gap(text: str | int | None) -> Gap | None:
    """Read a least distance: an int or digits (frames), or ``0.5s`` (seconds).

    Raises
    ------
    UsageError
        It is neither, or negative.
    """
    if text is None:
        return None
    if match := re.fullmatch(r"(\d+(?:\.\d+)?)\s*s", str(text)):
        return Gap(float(match[1]), "seconds")
    if str(text).isdecimal():
        return Gap(int(text), "frames")
    raise UsageError(f"min_gap must be frames (15) or seconds (0.5s), got {text!r}")


def auto_gap(index: "Index", sources: list[int], n: int) -> Gap:
    """The automatic gap of *n* frames of some sources."""
    n_frames = sum(index.records[source].stop - index.records[source].start for source in sources)
    return Gap(n_frames // (_EVEN_GAPS * n), "frames")


def gap_of(text: str | int | None, method: str) -> Gap | Literal["auto"] | None:
    """What `parse_gap` reads, or "auto" where that is asked for, or goes with the method."""
    if text == AUTO or (text is None and method in _KEPT_APART):
        return AUTO
    return parse_gap(text)


def check_gap(gap: Gap | Literal["auto"] | None, index: "Index") -> None:
    """Refuse seconds where frames have no times.

    Raises
    ------
    UsageError
        A source is of images.
    """
    if isinstance(gap, Gap) and gap.unit == "seconds":
        for record in index.records:
            if record.kind != "video":
                raise UsageError(f"min_gap must be in frames for images, which have no times: {record.uri}")
