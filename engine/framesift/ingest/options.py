"""What shapes the rows of an index."""

from typing import Any, NamedTuple

from ..positions import Crop, Position


class Even(NamedTuple):
    """Which frames of a video evenly spaced ones are chosen from: those, and some around each."""

    n: int
    """Parts of the video; the frame in the middle of each is wanted."""
    around: int = 0
    """Frames on either side of each that are wanted too, among those of the range and step asked for."""


class Drawn(NamedTuple):
    """Which frames of a video random ones are chosen from: the first of a random order of all."""

    n: int
    """How many are wanted."""
    seed: int
    """Of the order; see `window.random_order`."""
    more: int = 0
    """Frames after those, for the ones that cannot be chosen."""


class IndexOptions(NamedTuple):
    """Everything that shapes the rows of an index."""

    size: int
    """Longer side of a thumbnail, in pixels."""
    start: Position | None
    stop: Position | None
    step: int
    crop: Crop | None
    """x1, x2, y1, y2 in shown pixels."""
    decode: str
    """How frames are decoded, and which: a name of `index.DECODE_MODES`."""
    color: bool = False
    """Keep colour differences beside the thumbnails."""
    even: Even | Drawn | None = None
    """Of a video these frames alone, where it allows to reach them; with ``decode="exact"``."""

    def to_json(self) -> dict[str, Any]:
        """As it is kept in commit records."""
        return {
            "size": self.size,
            "start": None if self.start is None else str(self.start),
            "stop": None if self.stop is None else str(self.stop),
            "step": self.step,
            "crop": None if self.crop is None else list(self.crop),
            "decode": self.decode,
            **({"color": True} if self.color else {}),  # without it as before there was colour
            **({type(self.even).__name__.lower(): list(self.even)} if self.even else {}),
        }

    @property
    def is_whole(self) -> bool:
        """Every frame of a source is wanted."""
        return self.start is None and self.stop is None and self.step == 1
