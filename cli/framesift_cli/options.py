"""Options that commands share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Method(StrEnum):
    """Ways to choose."""

    coverage = "coverage"
    kmeans = "kmeans"
    coreset = "coreset"
    uniform = "uniform"
    random = "random"
    motion_kmeans = "motion-kmeans"
    chunk = "chunk"


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


MinPerSource = Annotated[
    int, typer.Option(min=0, help="Of -n frames in all, so many of every source at least.")
]
MaxPerSource = Annotated[
    int | None, typer.Option(min=1, help="Of -n frames in all, so many of every source at most.")
]
Foreground = Annotated[
    bool,
    typer.Option(
        "--foreground",
        help="Compare what stands out from the still background only: for small animals on a still field.",
    ),
]
PreferSharp = Annotated[
    float,
    typer.Option(
        metavar="SHARE",
        help="Take the sharpest of frames nearer to a chosen one than this share (0.1, say) of the way to the next.",
    ),
]
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
Vectors = Annotated[
    str,
    typer.Option(
        metavar="thumbnails|pca|FILE",
        help="What frames are compared by: thumbnails, their principal components, a model (.onnx), or vectors of your "
        "own (.npy, .npz, .parquet, LightlyOne's .csv, a folder of zarr's).",
    ),
]
Preprocess = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="JSON that says what a model (--vectors X.onnx) is to be given: size, mean, std and so on; X.json or "
        "preprocessor_config.json beside it by default.",
    ),
]
RawVectors = Annotated[
    bool, typer.Option("--raw-vectors", help="Take vectors as they are, not brought to unit length.")
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
        help="Decode in a process that a broken file may crash; by default with several inputs; on Linux, with several cores, always.",
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
Metadata = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR|CSV",
        help="With --config: LightlyOne's metadata, or a table; .lightly/metadata beside the input by default.",
    ),
]
Scores = Annotated[
    Path | None,
    typer.Option(metavar="CSV", help="With --config: a table of scores, with a column filenames."),
]
Queries = Annotated[
    list[str] | None,
    typer.Option(
        "--query",
        metavar="[TAG=]PATH",
        help="With --config: pictures, folder, video or selection.json that SIMILARITY compares with; repeatable.",
    ),
]
Preselected = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="PATH",
        help="With --config: selected before, a datapool: selection.json, list of file names or store; repeatable.",
    ),
]
Relevant = Annotated[
    Path | None,
    typer.Option(
        "--relevant-filenames", metavar="FILE", help="With --config: names of the files that may be chosen."
    ),
]
NearDuplicates = Annotated[
    float | None,
    typer.Option(
        metavar="DISTANCE", help="With --config: leave out frames as near to an earlier one, from 0 to 2."
    ),
]
Root = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="With --config: folder that the names of predictions and lists are relative to; the input's by default.",
    ),
]


def by_tag(queries: list[str] | None) -> dict[str, list[Path]] | None:
    """Queries by what stands before their ``=``, if that is no path."""
    if not queries:
        return None
    found: dict[str, list[Path]] = {}
    for query in queries:
        tag, equals, path = query.partition("=")
        if not equals or Path(query).exists():
            tag, path = "", query
        found.setdefault(tag, []).append(Path(path))
    return found
