"""How long work tells that it goes on: calls to a function that the caller brings."""

from collections.abc import Callable
from typing import Literal, NamedTuple


class Progress(NamedTuple):
    """A step of long work."""

    stage: Literal[
        "download",
        "index",
        "embed",
        "select",
        "export",
        "upload",
        "verify",
        "report",
        "read",
        "write",
        "draw",
    ]
    done: int
    """Frames (pictures for the export, bytes for downloads and uploads, files of predictions) done so far."""
    total: int
    """Frames there are; for the index a guess, by the sizes of the files, until all sources are open."""
    source: str = ""
    """Name of the source that it is about."""
    message: str = ""
    """Something the user should read, once."""


ProgressCallback = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """Report nothing."""
