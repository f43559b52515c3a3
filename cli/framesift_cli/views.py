"""``framesift select-views``: the same moments of synchronous cameras."""

from enum import StrEnum
from typing import Annotated

import typer

from .options import (
    AsJson,
    Context,
    Decode,
    Device,
    Foreground,
    Format,
    ImageFormat,
    Inputs,
    Layout,
    LayoutName,
    Mode,
    Out,
    PreferSharp,
    Quiet,
    Size,
    Store,
    Threads,
)
from .outliers import Exclude
from .progress import reporting
from .showing import place, show_selection


class JointMethod(StrEnum):
    """Ways to choose over several views."""

    coverage = "coverage"
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
    min_per_session: Annotated[
        int, typer.Option(min=0, help="Of -n moments in all, so many of every session at least.")
    ] = 0,
    max_per_session: Annotated[
        int | None, typer.Option(min=1, help="Of -n moments in all, so many of every session at most.")
    ] = None,
    foreground: Foreground = False,
    prefer_sharp: PreferSharp = 0.0,
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
    """Choose the same moments in all views.

    The views are of synchronous cameras.
    """
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
                min_per_session=min_per_session,
                max_per_session=max_per_session,
                foreground=foreground,
                prefer_sharp=prefer_sharp,
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
