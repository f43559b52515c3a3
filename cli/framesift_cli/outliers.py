"""``framesift outliers``: frames on which a pose model seems to be wrong."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from .options import (
    AsJson,
    Context,
    Device,
    Format,
    ImageFormat,
    Inputs,
    Layout,
    LayoutName,
    Out,
    Quiet,
    Start,
    Stop,
    Store,
    Threads,
)
from .progress import reporting
from .showing import place, print_json, say, show_selection


class Sign(StrEnum):
    """What a frame is judged by."""

    uncertain = "uncertain"
    jump = "jump"
    fitting = "fitting"
    pca = "pca"
    temporal = "temporal"
    ensemble = "ensemble"
    prediction_score = "prediction-score"
    velocity = "velocity"
    displacement = "displacement"
    list = "list"


class Diversity(StrEnum):
    """What chosen frames differ in."""

    pose = "pose"
    pixels = "pixels"
    none = "none"


Predictions = Annotated[
    list[Path],
    typer.Option(
        "--predictions", "-p", help="File or folder of predictions; repeatable. Matched by name and length."
    ),
]
Signs = Annotated[
    list[Sign] | None,
    typer.Option(
        "--method",
        help="What to judge by; repeatable. By default uncertain, jump, fitting and pca; prediction-score, velocity and "
        "displacement are SLEAP's.",
    ),
]
Threshold = Annotated[
    list[str] | None,
    typer.Option(
        metavar="METHOD=VALUE",
        help="Flag beyond this: jump=20 (pixels), uncertain=0.01 (likelihood); repeatable. Without, what is unusual.",
    ),
]
Keypoint = Annotated[list[str] | None, typer.Option(help="Judge these keypoints only; repeatable.")]
FlaggedOnly = Annotated[
    bool, typer.Option("--flagged-only", help="Take fewer than -n where fewer are flagged.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only say how many frames are flagged; write nothing.")
]
MinGap = Annotated[str, typer.Option(help="Least distance of two chosen frames: 15 (frames) or 0.5s.")]
Exclude = Annotated[
    list[str] | None,
    typer.Option(help="Frames extracted before: a folder of pictures or a selection.json; repeatable."),
]


def outliers(
    inputs: Inputs,
    predictions: Predictions,
    n: Annotated[
        int, typer.Option("-n", help="How many frames: in all, or of each video with --per-source.")
    ] = 20,
    method: Signs = None,
    threshold: Threshold = None,
    per_source: Annotated[
        bool, typer.Option("--per-source", help="Choose -n frames of every video.")
    ] = False,
    keypoint: Keypoint = None,
    frame: Annotated[list[int] | None, typer.Option(help="A frame for the method list; repeatable.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Labels that pca learns from: CollectedData….")] = None,
    view: Annotated[
        list[str] | None,
        typer.Option(
            metavar="A,B,…", help="For pca: the keypoints of one view, as many for each; repeatable."
        ),
    ] = None,
    ensemble: Annotated[
        list[Path] | None, typer.Option(help="Predictions of another model; repeatable.")
    ] = None,
    diversity: Annotated[
        Diversity, typer.Option(help="What chosen frames should differ in.")
    ] = Diversity.pose,
    min_gap: MinGap = "10",
    flagged_only: FlaggedOnly = False,
    exclude: Exclude = None,
    offset: Annotated[int, typer.Option(help="Added to the frame numbers of the predictions.")] = 0,
    partial: Annotated[
        bool, typer.Option("--partial", help="Predictions of some frames only are right.")
    ] = False,
    start: Start = None,
    stop: Stop = None,
    store: Store = None,
    out: Out = "framesift-out",
    layout: Layout = LayoutName.images,
    context: Context = None,
    image_format: Format = ImageFormat.png,
    dry_run: DryRun = False,
    device: Device = "cpu",
    threads: Threads = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Choose frames on which a model looks wrong.

    Judged by its predictions, and written as pictures.
    """
    import framesift

    judging: dict[str, Any] = {
        "thresholds": thresholds(threshold),
        "keypoints": keypoint or None,
        "frames": frame or (),
        "labels": labels,
        "views": [names.split(",") for names in view or ()],
        "ensemble": ensemble or (),
        "min_gap": min_gap,
        "offset": offset,
        "partial": partial,
        "start": start,
        "stop": stop,
        "device": device,
    }
    if method:
        judging["method"] = [each.value for each in method]
    if dry_run:
        return show_counts(
            framesift.count_outliers(inputs, predictions, **judging), as_json=as_json, quiet=quiet
        )
    with reporting(quiet=quiet) as progress:
        found = framesift.extract_outliers(
            inputs,
            predictions,
            n,
            place(out),
            per_source=per_source,
            diversity=diversity.value,
            flagged_only=flagged_only,
            exclude=exclude or None,
            store=None if store is None else place(store),
            layout=layout.value,
            context=context,
            image_format=image_format.value,
            threads=threads,
            progress=progress,
            **judging,
        )
    if not quiet:
        say(_counts(found.counts()))
    return show_selection(found.selection, out, as_json=as_json, quiet=quiet)


def thresholds(given: list[str] | None) -> dict[str, float]:
    """``["jump=20"]`` as a dict."""
    found = {}
    for text in given or ():
        name, _, value = text.partition("=")
        try:
            found[name] = float(value)
        except ValueError:
            raise typer.BadParameter(
                f"--threshold must be METHOD=VALUE, such as jump=20, got {text!r}"
            ) from None
    return found


def show_counts(found: dict[str, Any], *, as_json: bool, quiet: bool) -> int:
    """What a dry run says."""
    if as_json:
        print_json(found)
    elif not quiet:
        for name, source in found["sources"].items():
            typer.echo(f"{name}: {_counts(source['flagged'])}")
        if len(found["sources"]) > 1:
            typer.echo(f"all: {_counts(found['flagged'])}")
    for item in found["set_aside"]:
        say(f"set aside: {item['uri']}: {item['reason']}")
    return 3 if found["set_aside"] else 0


def _counts(flagged: dict[str, int]) -> str:
    by = ", ".join(f"{name} {count}" for name, count in flagged.items() if name not in ("any", "apart"))
    apart = f", {flagged['apart']} of them with the gap" if "apart" in flagged else ""
    return f"{flagged['any']} frames flagged ({by}){apart}"
