"""``framesift label-video``, ``plot-trajectories`` and ``check-labels``: predictions and labels to look at."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import AsJson, Quiet, Start, Stop, Threads
from .progress import reporting
from .showing import print_json, say

if TYPE_CHECKING:
    from framesift import Drawn


class ColorBy(StrEnum):
    """What has a colour of its own."""

    keypoint = "keypoint"
    individual = "individual"


class Codec(StrEnum):
    """Codecs of labelled videos."""

    h264 = "h264"
    h265 = "h265"
    mpeg4 = "mpeg4"


Config = Annotated[
    Path | None,
    typer.Option(
        help="A DeepLabCut project, of whose pcutoff, dotsize, colormap … are those not given here."
    ),
]
Keypoint = Annotated[
    list[str] | None, typer.Option(help="Draw this keypoint only; repeatable. All by default.")
]
Individual = Annotated[list[str] | None, typer.Option(help="Draw this individual only; repeatable.")]
Bone = Annotated[list[str] | None, typer.Option(metavar="FROM,TO", help="Connect two keypoints; repeatable.")]
Pcutoff = Annotated[
    float | None,
    typer.Option(help="Draw keypoints that are more likely; 0.6 by default.", show_default=False),
]
DotSize = Annotated[
    float | None,
    typer.Option(help="Radius of dots in pixels; by default by the size of the picture.", show_default=False),
]
Alpha = Annotated[float | None, typer.Option(help="Opacity from 0 to 1; 0.7 by default.", show_default=False)]
Colormap = Annotated[
    str | None, typer.Option(help="By matplotlib's names; rainbow by default.", show_default=False)
]
SkeletonColor = Annotated[
    str | None, typer.Option(help="white, #ff0000; black by default.", show_default=False)
]


def label_video(
    videos: Annotated[list[str], typer.Argument(metavar="VIDEO...", help="Videos, folders, globs.")],
    predictions: Annotated[
        list[Path] | None,
        typer.Option("--predictions", "-p", help="File or folder; repeatable. By default beside the videos."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder to write to; by default beside the videos.")
    ] = None,
    config: Config = None,
    keypoint: Keypoint = None,
    individual: Individual = None,
    bone: Bone = None,
    skeleton: Annotated[bool, typer.Option("--skeleton", help="Draw the skeleton of --config.")] = False,
    skeleton_color: SkeletonColor = None,
    trail: Annotated[int, typer.Option(help="Draw the dots of so many frames before too.")] = 0,
    pcutoff: Pcutoff = None,
    dot_size: DotSize = None,
    alpha: Alpha = None,
    colormap: Colormap = None,
    color_by: Annotated[ColorBy, typer.Option(help="What has a colour of its own.")] = ColorBy.keypoint,
    keypoints_only: Annotated[bool, typer.Option("--keypoints-only", help="Draw on black.")] = False,
    crop: Annotated[
        str | None, typer.Option(metavar="X1,X2,Y1,Y2", help="Show this rectangle only, in pixels as shown.")
    ] = None,
    start: Start = None,
    stop: Stop = None,
    frame_rate: Annotated[
        float | None, typer.Option(help="Frames a second, in place of their times.")
    ] = None,
    codec: Annotated[Codec, typer.Option(help="Of the videos written.")] = Codec.h264,
    save_frames: Annotated[
        bool, typer.Option("--save-frames", help="Write every frame as a PNG too, in temp-….")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Make anew what is there.")] = False,
    partial: Annotated[
        bool, typer.Option("--partial", help="Predictions of some frames only are right.")
    ] = False,
    threads: Threads = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Make videos with the predictions drawn on.

    They are called <predictions>_labeled.mp4.
    """
    import framesift

    pairs: Any = [text.split(",") for text in bone or ()] or skeleton
    with reporting(quiet=quiet) as progress:
        found = framesift.label_video(
            videos,
            predictions or None,
            out,
            config=config,
            keypoints=keypoint or None,
            individuals=individual or None,
            skeleton=pairs,
            skeleton_color=skeleton_color,
            trail=trail,
            pcutoff=pcutoff,
            dot_size=dot_size,
            alpha=alpha,
            colormap=colormap,
            color_by=color_by.value,
            keypoints_only=keypoints_only,
            crop=crop,
            start=start,
            stop=stop,
            frame_rate=frame_rate,
            codec=codec.value,
            save_frames=save_frames,
            overwrite=overwrite,
            partial=partial,
            threads=threads,
            progress=progress,
        )
    return _show(found, as_json=as_json, quiet=quiet)


def plot_trajectories(
    files: Annotated[
        list[Path], typer.Argument(metavar="PREDICTIONS...", help="Files of predictions of any tool.")
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder, in place of plot-poses beside each file.")
    ] = None,
    config: Config = None,
    keypoint: Keypoint = None,
    individual: Individual = None,
    pcutoff: Pcutoff = None,
    alpha: Alpha = None,
    colormap: Colormap = None,
    line_width: Annotated[float, typer.Option(help="In pixels.")] = 1.0,
    resolution: Annotated[int, typer.Option(help="Pixels an inch; 100: 800 to 1000 pixels wide.")] = 100,
    image_type: Annotated[str, typer.Option(help=".png, .jpg or .tif.")] = ".png",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Plot where keypoints go and how likely they are.

    And how they jump, and how often by how much: plot-poses/<video>/*.png.
    """
    import framesift

    found = framesift.plot_trajectories(
        files,
        out,
        config=config,
        keypoints=keypoint or None,
        individuals=individual or None,
        pcutoff=pcutoff,
        alpha=alpha,
        colormap=colormap,
        line_width=line_width,
        resolution=resolution,
        image_type=image_type,
    )
    return _show(found, as_json=as_json, quiet=quiet)


def check_labels(
    labels: Annotated[
        list[Path],
        typer.Argument(
            metavar="LABELS...", help="DeepLabCut projects, or CollectedData….h5 or .csv of any tool."
        ),
    ],
    config: Config = None,
    bone: Bone = None,
    skeleton: Annotated[
        bool, typer.Option("--skeleton/--no-skeleton", help="Draw the project's skeleton, if it has one.")
    ] = True,
    skeleton_color: SkeletonColor = None,
    pcutoff: Pcutoff = None,
    dot_size: DotSize = None,
    alpha: Alpha = None,
    colormap: Colormap = None,
    color_by: Annotated[
        ColorBy | None,
        typer.Option(help="By default individual where there are several.", show_default=False),
    ] = None,
    scale: Annotated[float, typer.Option(help="Size of the pictures written.")] = 1.0,
    threads: Threads = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Draw labels on their pictures, to check them.

    The pictures are labeled-data/<video>_labeled/*.png.
    """
    import framesift

    pairs: Any = [text.split(",") for text in bone or ()] or (None if skeleton else False)
    with reporting(quiet=quiet) as progress:
        found = framesift.check_labels(
            labels,
            config=config,
            skeleton=pairs,
            skeleton_color=skeleton_color,
            pcutoff=pcutoff,
            dot_size=dot_size,
            alpha=alpha,
            colormap=colormap,
            color_by=None if color_by is None else color_by.value,
            scale=scale,
            threads=threads,
            progress=progress,
        )
    return _show(found, as_json=as_json, quiet=quiet)


def _show(found: "Drawn", *, as_json: bool, quiet: bool) -> int:
    if as_json:
        print_json(found.to_json())
    else:
        for path in found.files:
            typer.echo(path)
    if not quiet:
        for item in found.skipped:
            say(f"skipped: {item.uri}: {item.reason}")
    for item in found.set_aside:
        say(f"set aside: {item.uri}: {item.reason}")
    return 3 if found.set_aside else 0
