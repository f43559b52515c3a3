"""What a worker process is told."""

from pathlib import Path
from typing import NamedTuple

from ..sources import Source
from .options import IndexOptions


class Order(NamedTuple):
    """What a worker is to do."""

    sources: list[Source]
    store: Path
    options: IndexOptions
    device: str
    threads: int
    room: Path | None = None
    """Folder for copies of what is elsewhere; None: it is streamed."""
    room_bytes: int = 0
