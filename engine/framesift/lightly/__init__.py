"""Selection as LightlyOne's worker does it, from its configuration."""

from typing import TYPE_CHECKING, Any

from .selecting import select

if TYPE_CHECKING:
    from .frames import select_frames

__all__ = ["select", "select_frames"]


def __getattr__(name: str) -> Any:
    # Only when asked for: it needs what reads an index, which selecting from arrays does not.
    if name == "select_frames":
        from .frames import select_frames

        return select_frames
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
