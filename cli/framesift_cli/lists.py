"""``framesift lists``: what labelling tools and LightlyOne's worker list of a selection."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .options import Quiet, Threads
from .progress import reporting
from .showing import place


class ListFormat(StrEnum):
    """Ways to list pictures."""

    label_studio = "label-studio"
    coco = "coco"
    yolo = "yolo"
    cvat = "cvat"
    csv = "csv"
    lightly = "lightly"


def lists(
    selection: Annotated[Path, typer.Argument(metavar="SELECTION.json", help="What select wrote.")],
    formats: Annotated[
        list[ListFormat],
        typer.Option(
            "--format", help="Repeatable; lightly: the file lists, sequences and embeddings of its worker."
        ),
    ],
    categories: Annotated[
        list[str] | None,
        typer.Option("--category", help="What will be labelled, for coco and yolo; repeatable."),
    ] = None,
    prefix: Annotated[
        str, typer.Option(help="What Label Studio finds the pictures by, before their paths.")
    ] = "/data/local-files/?d=",
    store: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="For lightly: store that it was chosen from; else decoded again."),
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(help="For lightly: what was given to select as extracted before.")
    ] = None,
    threads: Threads = None,
    quiet: Quiet = False,
) -> int:
    """List the chosen pictures for labelling tools.

    The lists stand beside the pictures.
    """
    import framesift

    written = []
    tools = [name.value for name in formats if name is not ListFormat.lightly]
    if tools:
        written += framesift.write_lists(selection, tools, categories=categories or (), prefix=prefix)
    if ListFormat.lightly in formats:
        with reporting(quiet=quiet) as progress:
            written += framesift.lightly.write_outputs(
                selection,
                selection.parent,
                store=None if store is None else place(store),
                exclude=exclude or None,
                threads=threads,
                progress=progress,
            )
    for path in written:
        typer.echo(str(path))
    return 0
