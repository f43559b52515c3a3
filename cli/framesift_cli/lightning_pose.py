"""``framesift import-zip``: frames that someone zipped by hand, into a Lightning Pose project."""

from pathlib import Path
from typing import Annotated

import typer

from .showing import say


def import_zip(
    zips: Annotated[list[Path], typer.Argument(metavar="ZIP...", help="One for each video, of its name.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The project, or a folder to begin one in.")],
) -> int:
    """Put zips of frames into a Lightning Pose project.

    They are checked, and go to its labeled-data.
    """
    import framesift
    from framesift.errors import SourceError

    failed = 0
    for path in zips:
        try:
            for frame in framesift.import_zip(path, out):
                typer.echo(frame)
        except SourceError as e:
            failed += 1
            say(f"set aside: {e}")
    return (4 if failed == len(zips) else 3) if failed else 0
