"""``framesift suggest``: chosen frames as suggestions in a SLEAP project."""

from pathlib import Path
from typing import Annotated

import typer

from .commands import Quiet, say


def suggest(
    selection: Annotated[
        Path, typer.Argument(metavar="SELECTION.json", help="What select or outliers wrote.")
    ],
    project: Annotated[
        Path, typer.Argument(metavar="PROJECT.slp", help="A SLEAP project; made if it is not there.")
    ],
    quiet: Quiet = False,
) -> int:
    """Add chosen frames to the suggestions of a SLEAP project, but those that are labelled in it."""
    import framesift

    chosen = framesift.read_selection(selection)
    added = framesift.write_suggestions(chosen, project)
    if not quiet:
        say(f"{added} suggestions added to {project}, {len(chosen) - added} were there or are labelled")
    return 0
