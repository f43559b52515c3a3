"""Selection as LightlyOne's worker does it, from its configuration."""

from typing import TYPE_CHECKING, Any

from .inputs import Objects
from .selecting import select

if TYPE_CHECKING:
    from ..export.worker import write_outputs
    from .frames import select_frames
    from .objects import embed_objects, tiles

__all__ = ["Objects", "embed_objects", "select", "select_frames", "tiles", "write_outputs"]


def __getattr__(name: str) -> Any:
    # Only when asked for: it needs what reads an index, which selecting from arrays does not.
    if name == "select_frames":
        from .frames import select_frames

        return select_frames
    if name in ("embed_objects", "tiles"):
        from . import objects

        return getattr(objects, name)
    if name == "write_outputs":
        from ..export.worker import write_outputs

        return write_outputs
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
