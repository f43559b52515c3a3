"""``framesift filter`` and ``framesift skeleton``: predictions, smoothed and measured."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Filter(StrEnum):
    """Ways to smooth."""

    median = "median"
    arima = "arima"


Files = Annotated[
    list[Path], typer.Argument(metavar="PREDICTIONS...", help="Files of predictions of any tool.")
]

Out = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Folder to write to; by default beside each file.")
]


def filter_predictions(
    files: Files,
    method: Annotated[Filter, typer.Option(help="How paths are smoothed.")] = Filter.median,
    window: Annotated[int, typer.Option(help="Frames of a median, odd.")] = 5,
    p_bound: Annotated[float, typer.Option(help="Keypoints less likely are missing to arima.")] = 0.001,
    ar: Annotated[int, typer.Option(help="Autoregressive degree of arima.")] = 3,
    ma: Annotated[int, typer.Option(help="Moving average degree of arima.")] = 1,
    keypoint: Annotated[
        list[str] | None, typer.Option(help="Smooth these keypoints only; repeatable. All by default.")
    ] = None,
    out: Out = None,
) -> int:
    """Smooth predictions.

    Writes <name>_filtered.h5 and .csv beside each file.
    """
    from framesift import predictions

    for path in files:
        for written in predictions.filter_file(
            path,
            method.value,
            out,
            window=window,
            p_bound=p_bound,
            ar_ma=(ar, ma),
            keypoints=keypoint or None,
        ):
            typer.echo(written)
    return 0


def skeleton(
    files: Files,
    bone: Annotated[
        list[str] | None, typer.Option(metavar="FROM,TO", help="Two keypoints; repeatable.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="A DeepLabCut project, of whose skeleton the bones are.")
    ] = None,
    out: Out = None,
) -> int:
    """Measure lengths and orientations of bones.

    Writes <name>_skeleton.h5 and .csv beside each file.
    """
    from framesift import predictions

    pairs = [text.split(",") for text in bone or ()]
    if config is not None:
        from framesift.deeplabcut.config import read_project

        pairs += [list(map(str, pair)) for pair in read_project(config).data.get("skeleton") or ()]
    for path in files:
        for written in predictions.skeleton_file(path, pairs, out):
            typer.echo(written)
    return 0
