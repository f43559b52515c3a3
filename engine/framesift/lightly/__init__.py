"""Selection as LightlyOne's worker does it, from its configuration."""

from .frames import select_frames
from .selecting import select

__all__ = ["select", "select_frames"]
