"""``framesift suggest``: chosen frames as suggestions in a SLEAP project."""

from pathlib import Path
from typing import Annotated

import typer

from .options import Quiet
from .showing import say


def suggest(
    selection: Annotated[
        Path, typer.Argument(metavar="SELECTION.json", help="What select or outliers wrote.")
    ],
    project: Annotated[
        Path, typer.Argument(metavar="PROJECT.slp", help="A SLEAP project; made if it is not there.")
    ],
    quiet: Quiet = False,
) -> int:
    """Suggest chosen frames in a SLEAP project.

    Those that are labelled in it are left out.
    """
    import framesift

    chosen = framesift.read_selection(selection)
    added = framesift.write_suggestions(chosen, project)
    if not quiet:
        say(f"{added} suggestions added to {project}, {len(chosen) - added} were there or are labelled")
    return 0
