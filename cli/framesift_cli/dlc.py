"""``framesift dlc``: DeepLabCut projects."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import AsJson, Foreground, Method, PreferSharp, Quiet, Start, Stop, Store, Threads
from .outliers import (
    Diversity,
    DryRun,
    FlaggedOnly,
    Keypoint,
    MinGap,
    Signs,
    Threshold,
    show_counts,
    thresholds,
)
from .progress import reporting
from .showing import count, print_json, say

if TYPE_CHECKING:
    from framesift.deeplabcut import Extracted

dlc = typer.Typer(
    name="dlc",
    help="Make DeepLabCut projects, and add frames to them.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class SplitBy(StrEnum):
    """What is on one side as a whole."""

    frame = "frame"
    video = "video"


class Existing(StrEnum):
    """What to do where pictures are."""

    skip = "skip"
    extend = "extend"


Config = Annotated[Path, typer.Argument(metavar="CONFIG", help="config.yaml, or the project's folder.")]
Videos = Annotated[list[str], typer.Argument(metavar="VIDEO...", help="Videos, folders, globs.")]
Copy = Annotated[
    bool, typer.Option("--copy", help="Copy the videos into the project, rather than link them.")
]
Some = Annotated[
    list[str] | None,
    typer.Option("--video", help="A video of the project, by path or name; repeatable. All by default."),
]
Count = Annotated[int | None, typer.Option("-n", help="Frames of each video; numframes2pick by default.")]


@dlc.command()
def create(
    project: Annotated[str, typer.Argument(help="Name of the task.")],
    experimenter: Annotated[str, typer.Argument(help="Name of who labels.")],
    videos: Videos,
    folder: Annotated[Path, typer.Option(help="Where the project's folder is made.")] = Path("."),
    copy: Copy = False,
    bodypart: Annotated[list[str] | None, typer.Option(help="A body part; repeatable.")] = None,
    individual: Annotated[
        list[str] | None, typer.Option(help="An individual, of a multi-animal project; repeatable.")
    ] = None,
    n: Annotated[int, typer.Option("-n", help="numframes2pick.")] = 20,
) -> int:
    """Make a project: folders, config.yaml, videos."""
    from framesift import deeplabcut

    parts = {"bodyparts": bodypart} if bodypart else {}
    typer.echo(
        deeplabcut.create(
            project,
            experimenter,
            videos,
            folder=folder,
            copy_videos=copy,
            individuals=individual or (),
            n=n,
            **parts,  # type: ignore[arg-type]
        )
    )
    return 0


@dlc.command()
def add_videos(
    config: Config,
    videos: Videos,
    copy: Copy = False,
    crop: Annotated[
        list[str] | None,
        typer.Option(metavar="X1,X2,Y1,Y2", help="Rectangle of each video, in their order; repeatable."),
    ] = None,
) -> int:
    """Add videos to a project."""
    from framesift import deeplabcut
    from framesift.positions import parse_crop

    crops = [parse_crop(text) for text in crop] if crop else None
    for path in deeplabcut.add_videos(config, videos, copy_videos=copy, crops=crops):  # type: ignore[arg-type]
        typer.echo(path)
    return 0


@dlc.command()
def extract(
    config: Config,
    video: Some = None,
    n: Count = None,
    total: Annotated[
        int | None, typer.Option(min=1, help="Instead of -n: frames of all videos together, shared out.")
    ] = None,
    min_per_video: Annotated[
        int, typer.Option(min=0, help="With --total: of every video at least so many.")
    ] = 0,
    max_per_video: Annotated[
        int | None, typer.Option(min=1, help="With --total: of every video at most so many.")
    ] = None,
    method: Annotated[Method, typer.Option(help="How frames are chosen.")] = Method.kmeans,
    start: Start = None,
    stop: Stop = None,
    crop: Annotated[
        bool, typer.Option("--crop", help="Use the rectangle of each video in config.yaml.")
    ] = False,
    existing: Annotated[
        Existing, typer.Option(help="Videos that have pictures: skip them, or extend these by -n others.")
    ] = Existing.skip,
    min_gap: Annotated[
        str | None,
        typer.Option(
            help="Least distance of two chosen frames: 15 (frames), 0.5s, auto; kmeans and coverage keep apart by default."
        ),
    ] = None,
    foreground: Foreground = False,
    prefer_sharp: PreferSharp = 0.0,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    store: Store = None,
    threads: Threads = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Extract frames to label from the videos of a project."""
    from framesift import deeplabcut

    with reporting(quiet=quiet) as progress:
        found = deeplabcut.extract(
            config,
            videos=video or None,
            n=n,
            total=total,
            min_per_video=min_per_video,
            max_per_video=max_per_video,
            method=method.value,
            start=start,
            stop=stop,
            crop=crop,
            existing=existing.value,
            min_gap=min_gap,
            foreground=foreground,
            prefer_sharp=prefer_sharp,
            seed=seed,
            store=store,
            threads=threads,
            progress=progress,
        )
    return _show(found, as_json=as_json, quiet=quiet)


@dlc.command()
def outliers(
    config: Config,
    video: Some = None,
    predictions: Annotated[
        list[Path] | None,
        typer.Option("--predictions", "-p", help="File or folder; repeatable. By default beside the videos."),
    ] = None,
    n: Count = None,
    method: Signs = None,
    threshold: Threshold = None,
    keypoint: Keypoint = None,
    frame: Annotated[list[int] | None, typer.Option(help="A frame for the method list; repeatable.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Labels that pca learns from: CollectedData….")] = None,
    diversity: Annotated[
        Diversity, typer.Option(help="What chosen frames should differ in.")
    ] = Diversity.pose,
    min_gap: MinGap = "10",
    flagged_only: FlaggedOnly = False,
    start: Start = None,
    stop: Stop = None,
    store: Store = None,
    threads: Threads = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Add frames on which a model looks wrong to a project.

    With its labels of them, to be corrected.
    """
    from framesift import deeplabcut

    judging: dict[str, Any] = {
        "thresholds": thresholds(threshold),
        "keypoints": keypoint or None,
        "frames": frame or (),
        "labels": labels,
        "min_gap": min_gap,
    }
    if method:
        judging["method"] = [each.value for each in method]
    common: dict[str, Any] = {
        "videos": video or None,
        "predictions": predictions or None,
        "start": start,
        "stop": stop,
    }
    if dry_run:
        return show_counts(deeplabcut.count(config, **common, **judging), as_json=as_json, quiet=quiet)
    with reporting(quiet=quiet) as progress:
        found = deeplabcut.outliers(
            config,
            n=n,
            diversity=diversity.value,
            flagged_only=flagged_only,
            store=store,
            threads=threads,
            progress=progress,
            **common,
            **judging,
        )
    return _show(found, as_json=as_json, quiet=quiet)


@dlc.command()
def split(
    config: Config,
    fraction: Annotated[
        float | None, typer.Option(help="Share that trains; TrainingFraction by default.", show_default=False)
    ] = None,
    shuffles: Annotated[int, typer.Option(help="Splits to make.")] = 1,
    by: Annotated[
        SplitBy, typer.Option(help="Pictures by themselves, or all of a video on one side.")
    ] = SplitBy.frame,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """List which labelled pictures train and which test.

    In framesift/splits.csv and .json in the project.
    """
    from framesift import deeplabcut

    found = deeplabcut.split(config, fraction=fraction, n_shuffles=shuffles, by=by.value, seed=seed)
    if as_json:
        print_json(found.to_json())
    else:
        for path in found.written:
            typer.echo(path)
    if not quiet:
        for item in found.skipped:
            say(f"skipped: {item.uri}: {item.reason}")
        for number, (train, test) in enumerate(zip(found.train, found.test, strict=True), 1):
            say(f"shuffle {number}: {len(train)} train, {len(test)} test")
    return 0


def _show(found: "Extracted", *, as_json: bool, quiet: bool) -> int:
    if as_json:
        print_json(found.to_json())
    else:
        for paths in found.pictures.values():
            for path in paths:
                typer.echo(path)
    if not quiet:
        for item in found.skipped:
            say(f"skipped: {item.uri}: {item.reason}")
        n = sum(map(len, found.pictures.values()))
        say(
            f"{count(n, 'picture')} of {count(len(found.pictures), 'video')}; look at framesift/*/contact-sheet.png in the project"
        )
    for item in found.set_aside:
        say(f"set aside: {item.uri}: {item.reason}")
    return 3 if found.set_aside else 0
