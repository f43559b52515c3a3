"""The commands of the main job. Each is one call of the library; compiled code is imported when one runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import (
    AsJson,
    Color,
    Context,
    Crop,
    Decode,
    Device,
    Format,
    ImageFormat,
    Inputs,
    Isolate,
    Layout,
    LayoutName,
    Metadata,
    Method,
    Mode,
    NearDuplicates,
    Out,
    PictureCrop,
    Predictions,
    Preselected,
    Queries,
    Quiet,
    Relevant,
    Root,
    Scores,
    Scratch,
    ScratchBytes,
    Size,
    Start,
    Step,
    Stop,
    Store,
    Stream,
    Threads,
    Timeout,
    by_tag,
)
from .progress import reporting
from .showing import (
    count,
    exit_code,
    line,
    place,
    print_json,
    say,
    show_plan,
    show_selection,
)

if TYPE_CHECKING:
    from framesift.sources import SetAside


def select(
    inputs: Inputs,
    n: Annotated[
        int, typer.Option("-n", help="How many frames: in all, or of each source with --per-source.")
    ] = 20,
    method: Annotated[Method, typer.Option(help="How frames are chosen.")] = Method.kmeans,
    per_source: Annotated[
        bool, typer.Option("--per-source", help="Choose -n frames of every source.")
    ] = False,
    min_gap: Annotated[
        str | None,
        typer.Option(
            help="Least distance of two chosen frames: 15 (frames), 0.5s, auto; kmeans and coverage keep apart by default."
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            help="Frames extracted before: a folder of pictures, a selection.json or a SLEAP project; repeatable."
        ),
    ] = None,
    at_most: Annotated[
        bool, typer.Option("--at-most", help="Take all there are if there are fewer than -n.")
    ] = False,
    keep_duplicates: Annotated[
        bool, typer.Option("--keep-duplicates", help="Exact duplicates may be chosen.")
    ] = False,
    order: Annotated[
        int, typer.Option(min=1, max=16, help="Of coverage: the higher, the more rare frames count.")
    ] = 4,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Choose by LightlyOne's selection configuration (JSON), which says how many; without -n and --method.",
        ),
    ] = None,
    skip_near: Annotated[
        bool,
        typer.Option(
            "--skip-near",
            help="With --config: pass over frames below its minimum distance and go on, instead of stopping.",
        ),
    ] = False,
    predictions: Predictions = None,
    metadata: Metadata = None,
    scores: Scores = None,
    queries: Queries = None,
    preselected: Preselected = None,
    relevant_filenames: Relevant = None,
    near_duplicates: NearDuplicates = None,
    root: Root = None,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    start: Start = None,
    stop: Stop = None,
    step: Step = 1,
    crop: Crop = None,
    size: Size = 64,
    decode: Mode = Decode.exact,
    color: Color = False,
    store: Store = None,
    out: Out = "framesift-out",
    layout: Layout = LayoutName.images,
    context: Context = None,
    image_format: Format = ImageFormat.png,
    picture_crop: PictureCrop = None,
    report: Annotated[
        bool,
        typer.Option(
            "--report", help="Measure how good the choice is: report.html says more, and report.json."
        ),
    ] = False,
    stream: Stream = False,
    scratch: Scratch = None,
    scratch_bytes: ScratchBytes = None,
    device: Device = "cpu",
    threads: Threads = None,
    isolate: Isolate = None,
    timeout: Timeout = 300.0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what it will take: memory, disk and time.")
    ] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Choose frames and write them as pictures."""
    import framesift

    if dry_run:
        found = framesift.plan(
            inputs,
            n,
            method=method.value,
            per_source=per_source,
            config=config,
            size=size,
            start=start,
            stop=stop,
            step=step,
            crop=crop,
            decode=decode.value,
            color=color,
            layout=layout.value,
            context=context,
            image_format=image_format.value,
            device=device,
            threads=threads,
        )
        return show_plan(found, as_json=as_json)
    with reporting(quiet=quiet) as progress:
        selection = framesift.extract(
            inputs,
            n,
            place(out),
            store=None if store is None else place(store),
            method=method.value,
            per_source=per_source,
            seed=seed,
            min_gap=min_gap,
            exclude=exclude or None,
            at_most=at_most,
            keep_duplicates=keep_duplicates,
            order=order,
            config=config,
            skip_near=skip_near,
            predictions=predictions,
            metadata=metadata,
            scores=scores,
            queries=by_tag(queries),
            preselected=preselected or None,
            relevant_filenames=relevant_filenames,
            near_duplicates=near_duplicates,
            root=root,
            size=size,
            start=start,
            stop=stop,
            step=step,
            crop=crop,
            decode=decode.value,
            color=color,
            layout=layout.value,
            context=context,
            image_format=image_format.value,
            picture_crop=picture_crop,
            report=report,
            stream=stream,
            scratch=scratch,
            scratch_bytes=scratch_bytes,
            device=device,
            threads=threads,
            isolate=isolate,
            timeout_s=timeout,
            progress=progress,
        )
    return show_selection(selection, out, as_json=as_json, quiet=quiet)


def index(
    inputs: Inputs,
    store: Annotated[
        str, typer.Option(metavar="DIR", help="Folder of the store, or s3://…: made, or extended.")
    ],
    size: Size = 64,
    start: Start = None,
    stop: Stop = None,
    step: Step = 1,
    crop: Crop = None,
    decode: Mode = Decode.exact,
    color: Color = False,
    stream: Stream = False,
    scratch: Scratch = None,
    scratch_bytes: ScratchBytes = None,
    device: Device = "cpu",
    threads: Threads = None,
    isolate: Isolate = None,
    timeout: Timeout = 300.0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Decode videos once, into a store."""
    import framesift

    with reporting(quiet=quiet) as progress:
        made = framesift.index(
            inputs,
            place(store),
            size=size,
            start=start,
            stop=stop,
            step=step,
            crop=crop,
            decode=decode.value,
            color=color,
            stream=stream,
            scratch=scratch,
            scratch_bytes=scratch_bytes,
            device=device,
            threads=threads,
            isolate=isolate,
            timeout_s=timeout,
            progress=progress,
        )
    if as_json:
        print_json(made.to_json())
    elif not quiet:
        say(
            f"{count(len(made.records), 'source')}, {count(made.n_rows, 'frame')} in {store} "
            f"({made.stats['sources_reused']:.0f} reused, {made.stats['index_s']:.1f} s)"
        )
    return exit_code(made.set_aside, [(r.uri, r.warnings) for r in made.records])


def export(
    selection: Annotated[Path, typer.Argument(metavar="SELECTION.json", help="What select wrote.")],
    out: Out = "framesift-out",
    layout: Layout = LayoutName.images,
    context: Context = None,
    image_format: Format = ImageFormat.png,
    picture_crop: PictureCrop = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", help="Address of a source whose query was secret and not kept; repeatable."),
    ] = None,
    device: Device = "cpu",
    threads: Threads = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Write the pictures of a selection again."""
    import framesift

    chosen = framesift.read_selection(selection)
    with reporting(quiet=quiet) as progress:
        framesift.export(
            chosen,
            place(out),
            layout=layout.value,
            context=context,
            image_format=image_format.value,
            picture_crop=picture_crop,
            inputs=inputs or None,
            device=device,
            threads=threads,
            progress=progress,
        )
    return show_selection(chosen, out, as_json=as_json, quiet=quiet)


def info(
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT...|STORE", help="Videos and the like, or a store.")
    ],
    as_json: AsJson = False,
) -> int:
    """Say what is in videos, or in a store."""
    import framesift
    from framesift.inspection import is_store

    set_aside: list[SetAside] = []
    if len(inputs) == 1 and is_store(inputs[0]):
        found: dict[str, Any] = framesift.describe_store(inputs[0])
    else:
        sources, set_aside = framesift.describe(inputs)
        found = {"sources": sources, "set_aside": [{"uri": s.uri, "reason": s.reason} for s in set_aside]}
    if as_json:
        print_json(found)
    else:
        for name, value in found.items():
            if name not in ("sources", "set_aside"):
                typer.echo(f"{name}: {value}")
        for source in found["sources"]:
            typer.echo(line(source))
    return exit_code(set_aside, [])


def verify(
    store: Annotated[str, typer.Argument(metavar="STORE", help="Folder of the store, or its address.")],
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Read everything in a store and check its checksums."""
    import framesift

    with reporting(quiet=quiet) as progress:
        found = framesift.verify(place(store), progress=progress)
    if as_json:
        print_json(found)
    elif not quiet:
        counts = f"{count(found['sources'], 'source')}, {count(found['frames'], 'frame')}"
        say(f"{counts}, {len(found['damaged'])} damaged")
    for sentence in found["damaged"]:
        say(f"damaged: {sentence}")
    return 6 if found["damaged"] else 0


def demo(
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("framesift-demo"),
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Make a clip of known scenes and find them."""
    from framesift.demo import demo as run

    with reporting(quiet=quiet) as progress:
        found = run(out, progress=progress)
    if as_json:
        print_json(found)
    elif not quiet:
        typer.echo(found["summary"])
    return 0
