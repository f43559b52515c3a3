"""The commands. Each is one call of the library; compiled code is imported when one runs."""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .progress import reporting

if TYPE_CHECKING:
    from framesift import Selection
    from framesift.sources import SetAside

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 all well; 1 internal error; 2 usage; 3 finished, but some inputs were set aside; "
    "4 nothing usable; 5 store busy; 6 integrity; 7 out of disk or memory; 130/143 stopped, and resumable.",
)


class Method(StrEnum):
    """Ways to choose."""

    coverage = "coverage"
    kmeans = "kmeans"
    coreset = "coreset"
    uniform = "uniform"
    random = "random"
    motion_kmeans = "motion-kmeans"


class Decode(StrEnum):
    """Ways to decode."""

    exact = "exact"
    fast = "fast"
    coarse = "coarse"
    keyframes = "keyframes"


class LayoutName(StrEnum):
    """Ways to lay out pictures."""

    images = "images"
    deeplabcut = "deeplabcut"
    lightning_pose = "lightning-pose"


class ImageFormat(StrEnum):
    """Formats of pictures."""

    png = "png"
    jpeg = "jpeg"


Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT...",
        help="Videos, folders, globs, zips of frames, s3://, gs://, https://; several at once.",
    ),
]
Store = Annotated[
    str | None,
    typer.Option(
        metavar="DIR", help="Keep the index in this folder, or s3://…: reused, resumed and extended later."
    ),
]
Size = Annotated[
    int, typer.Option(help="Longer side of the thumbnails that frames are compared by, in pixels.")
]
Start = Annotated[
    str | None, typer.Option(help="First frame to consider: 1200 (frame), 0.25 or 25%, 12.5s, 00:01:30.")
]
Stop = Annotated[str | None, typer.Option(help="Frame to stop before; as --start.")]
Step = Annotated[int, typer.Option(help="Consider every STEP-th frame.")]
Crop = Annotated[
    str | None, typer.Option(metavar="X1,X2,Y1,Y2", help="Look at this rectangle only, in pixels as shown.")
]
Mode = Annotated[
    Decode,
    typer.Option(
        help="exact: every frame; fast: every frame, slightly blurred where that saves time; coarse: frames that "
        "others build on; keyframes: keyframes and a few more, about ten times as fast."
    ),
]
Color = Annotated[
    bool, typer.Option("--color", help="Tell frames apart by their colours too, not by brightness alone.")
]
Stream = Annotated[
    bool, typer.Option("--stream", help="Read what is elsewhere by ranges, without a copy in scratch space.")
]
Scratch = Annotated[
    Path | None, typer.Option(help="Folder for copies of what is elsewhere; FRAMESIFT_SCRATCH by default.")
]
ScratchBytes = Annotated[
    str | None, typer.Option(help="Room for these copies, such as 20G; FRAMESIFT_SCRATCH_BYTES by default.")
]
Device = Annotated[str, typer.Option(help="Device of the kernels: cpu or cuda (an NVIDIA GPU).")]
Threads = Annotated[int | None, typer.Option(help="Threads; all cores by default.")]
Isolate = Annotated[
    bool | None,
    typer.Option(
        "--isolate/--no-isolate",
        help="Decode in a process that a broken file may crash; by default with several inputs.",
        show_default=False,
    ),
]
Timeout = Annotated[
    float,
    typer.Option(help="With --isolate: set a source aside that makes no progress for so many seconds."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no summary.")]
Out = Annotated[str, typer.Option(metavar="DIR", help="Folder to write to, or s3://…")]
Layout = Annotated[LayoutName, typer.Option(help="How the pictures are laid out.")]
Context = Annotated[
    int | None,
    typer.Option(help="Frames on either side to write along; 2 for lightning-pose, else 0, by default."),
]
Format = Annotated[ImageFormat, typer.Option(help="Format of the pictures.")]
PictureCrop = Annotated[
    str | None, typer.Option(metavar="X1,X2,Y1,Y2", help="Write only this rectangle of each picture.")
]


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Pick the frames worth labelling out of hours of video."""
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"framesift {installed('framesift')}")
        raise typer.Exit


@app.command()
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
        str | None, typer.Option(help="Least distance of two chosen frames: 15 (frames) or 0.5s.")
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(help="Frames extracted before: a folder of pictures or a selection.json; repeatable."),
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
    """Choose frames and write them as pictures."""
    import framesift

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


@app.command()
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
            f"{_count(len(made.records), 'source')}, {_count(made.n_rows, 'frame')} in {store} "
            f"({made.stats['sources_reused']:.0f} reused, {made.stats['index_s']:.1f} s)"
        )
    return _exit_code(made.set_aside, [(r.uri, r.warnings) for r in made.records])


@app.command()
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


@app.command()
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
            typer.echo(_line(source))
    return _exit_code(set_aside, [])


@app.command()
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
        counts = f"{_count(found['sources'], 'source')}, {_count(found['frames'], 'frame')}"
        say(f"{counts}, {len(found['damaged'])} damaged")
    for sentence in found["damaged"]:
        say(f"damaged: {sentence}")
    return 6 if found["damaged"] else 0


@app.command()
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


def place(text: str) -> Path | str:
    """A folder as a path; an address as it is, for a path would lose one of its slashes."""
    return text if "://" in text else Path(text)


def _in(out: str, file: str) -> str:
    return f"{out.rstrip('/')}/{file}" if "://" in out else str(Path(out) / file)


def show_selection(selection: "Selection", out: str, *, as_json: bool, quiet: bool) -> int:
    """Paths or JSON of what was chosen; the exit code."""
    if as_json:
        print_json(selection.to_json())
    else:
        for frame in selection.frames:
            if frame.file:
                typer.echo(_in(out, frame.file))
    if not quiet:
        seconds = sum(selection.stats.get(f"{stage}_s", 0) for stage in ("index", "select", "export"))
        n_sources = len({frame.source for frame in selection.frames})
        say(
            f"{_count(len(selection), 'frame')} of {_count(n_sources, 'source')} in {seconds:.1f} s; "
            f"look at {_in(out, 'contact-sheet.png')}"
        )
    return _exit_code(selection.set_aside, [(s.uri, s.warnings) for s in selection.sources])


def _exit_code(set_aside: "list[SetAside]", warnings: list[tuple[str, list[str]]]) -> int:
    for uri, sentences in warnings:
        for sentence in sentences:
            say(f"warning: {uri}: {sentence}")
    for item in set_aside:
        say(f"set aside: {item.uri}: {item.reason}")
    return 3 if set_aside else 0


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'s' * (n != 1)}"


def _line(source: dict[str, Any]) -> str:
    size = f"{source['width']}x{source['height']}"
    rate = f" at {source['frame_rate']:.6g} frames/s" if source.get("frame_rate") else ""
    codec = f", {source['codec']} {source['pixel_format']}" if "codec" in source else ""
    keys = f", {source['n_keyframes']} keyframes" if "n_keyframes" in source else ""
    mode = source.get("decoded", "exact")
    keys += f", {source['n_listed'] or 'all'} of them decoded ({mode})" if mode != "exact" else ""
    return f"{source['uri']}: {source['n_frames']} frames of {size}{rate}{codec}{keys}"


def print_json(data: Any) -> None:
    """One JSON object on stdout."""
    json.dump(data, sys.stdout, indent=2, allow_nan=False)
    sys.stdout.write("\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """A line on stderr."""
    typer.echo(text.encode(errors="backslashreplace").decode(), err=True)
