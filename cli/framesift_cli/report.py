"""``framesift report``: how good a selection is."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .options import AsJson, Quiet, Threads
from .progress import reporting
from .showing import place, print_json, say


class MapName(StrEnum):
    """Ways to draw the vectors on a plane."""

    auto = "auto"
    pca = "pca"
    umap = "umap"
    pacmap = "pacmap"


def report(
    selection: Annotated[Path, typer.Argument(metavar="SELECTION.json", help="What select wrote.")],
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder to write to; that of SELECTION.json by default."),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(
            metavar="DIR", help="Store that it was chosen from; without it the sources are decoded again."
        ),
    ] = None,
    map_name: Annotated[
        MapName,
        typer.Option(
            "--map", help="Map beside that of principal components; auto: the one that is installed."
        ),
    ] = MapName.auto,
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", help="Address of a source whose query was secret and not kept; repeatable."),
    ] = None,
    threads: Threads = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Report what was chosen, and how good it is.

    Writes report.html and report.json.
    """
    import framesift

    with reporting(quiet=quiet) as progress:
        found = framesift.report(
            selection,
            out,
            store=None if store is None else place(store),
            map_name=map_name.value,
            inputs=inputs or None,
            threads=threads,
            progress=progress,
        )
    if as_json:
        print_json(found)
    elif not quiet:
        say(f"look at {(selection.parent if out is None else out) / 'report.html'}")
    return 0
