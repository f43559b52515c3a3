"""``framesift select-views``: the same moments of synchronous cameras."""

from enum import StrEnum
from typing import Annotated

import typer

from .commands import (
    AsJson,
    Context,
    Decode,
    Device,
    Format,
    ImageFormat,
    Inputs,
    Layout,
    LayoutName,
    Mode,
    Out,
    Quiet,
    Size,
    Store,
    Threads,
    place,
    show_selection,
)
from .outliers import Exclude
from .progress import reporting


class JointMethod(StrEnum):
    """Ways to choose over several views."""

    kmeans = "kmeans"
    coreset = "coreset"
    uniform = "uniform"
    random = "random"


class Align(StrEnum):
    """What makes frames of two views one moment."""

    check = "check"
    by_index = "index"
    times = "times"


def select_views(
    inputs: Inputs,
    view: Annotated[
        list[str], typer.Option(help="Name of a view: videos are <session>_<view>; repeat for each.")
    ],
    n: Annotated[int, typer.Option("-n", help="How many moments in all.")] = 20,
    method: Annotated[JointMethod, typer.Option(help="How moments are chosen.")] = JointMethod.kmeans,
    align: Annotated[
        Align, typer.Option(help="By index, checked against the times; by index alone; or by the times.")
    ] = Align.check,
    min_gap: Annotated[
        str | None, typer.Option(help="Least distance of two chosen moments: 15 (frames) or 0.5s.")
    ] = None,
    exclude: Exclude = None,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    size: Size = 64,
    decode: Mode = Decode.exact,
    store: Store = None,
    out: Out = "framesift-out",
    layout: Layout = LayoutName.lightning_pose,
    context: Context = None,
    image_format: Format = ImageFormat.png,
    device: Device = "cpu",
    threads: Threads = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Choose the same moments in all views of synchronous cameras."""
    import framesift

    with reporting(quiet=quiet) as progress:
        where = None if store is None else place(store)
        options = {"size": size, "decode": decode.value, "device": device, "threads": threads}
        with framesift.index(inputs, where, progress=progress, **options) as made:  # type: ignore[arg-type]
            selection = framesift.select_views(
                made,
                n,
                view,
                method=method.value,
                align=align.value,
                seed=seed,
                min_gap=min_gap,
                exclude=exclude or None,
                device=device,
                progress=progress,
            )
            framesift.export(
                selection,
                place(out),
                layout=layout.value,
                context=context,
                image_format=image_format.value,
                device=device,
                threads=threads,
                progress=progress,
            )
    return show_selection(selection, out, as_json=as_json, quiet=quiet)
