"""A part of a video that can be decoded on its own."""

from typing import NamedTuple


class Segment(NamedTuple):
    """Frames that can be decoded on their own: from one keyframe up to the next."""

    start: int
    """Index of the first frame."""
    stop: int
    """Index after the last frame."""
    key_pts: int
    """pts of the keyframe from which to decode."""
    key_dts: int
    """Its dts: where seeking lands on it in containers that seek by dts."""
    position: int
    """How many packets stand before it in the file."""
    n_packets: int
    """Packets to feed from the keyframe on, in file order, until every frame of the segment can come out."""
