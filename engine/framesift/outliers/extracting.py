"""The whole job in one call: videos and predictions in, the frames to correct out; or only how many there are."""

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UsageError
from ..export.checks import check_export
from ..export.exporting import export
from ..export.lightning_pose import LIGHTNING_POSE
from ..export.lightning_project import enqueue, find_project
from ..index import PathLike, index
from ..inspection import describe
from ..machine import load_kernels
from ..positions import Position, check_order, parse_position
from ..predictions.labels import Labels
from ..predictions.matching import check_places
from ..progress import ProgressCallback, silent
from ..selection.excluded import check_excluded
from ..selection.gaps import parse_gap
from ..sources import Input, SetAside
from ..times import resolve
from .choosing import Outliers, outliers
from .judging import Predictions, Video, make_judging
from .scores import DEFAULT_METHODS, Scores, check_methods
from .tables import summary, write_scores


def extract_outliers(
    inputs: Input | Iterable[Input],
    predictions: Predictions,
    n: int,
    out: str | os.PathLike[str],
    *,
    method: str | Iterable[str] = DEFAULT_METHODS,
    per_source: bool = False,
    keypoints: Sequence[str] | None = None,
    thresholds: Mapping[str, float] | None = None,
    frames: Iterable[int] = (),
    labels: PathLike | Labels | None = None,
    views: Sequence[Sequence[str]] = (),
    ensemble: Sequence[PathLike] = (),
    ar_ma: tuple[int, int] = (3, 1),
    p_bound: float = 0.01,
    diversity: str = "pose",
    min_gap: str | int | None = 10,
    flagged_only: bool = False,
    exclude: PathLike | Iterable[PathLike] | None = None,
    offset: int = 0,
    partial: bool = False,
    store: PathLike | None = None,
    start: str | float | Position | None = None,
    stop: str | float | Position | None = None,
    layout: str = "images",
    context: int | None = None,
    image_format: str = "png",
    device: str = "cpu",
    threads: int | None = None,
    progress: ProgressCallback = silent,
) -> Outliers:
    """Videos and predictions in, frames on which the model seems wrong out: `index`, `outliers`, `export`, all scores.

    The options are those of the three; see there, also for what they raise. Beside the pictures stand
    ``scores/<video>.csv`` and ``scores.json``.
    """
    check_export(
        out, layout=layout, context=context, image_format=image_format, picture_crop=None, threads=threads
    )
    exclude = check_excluded(exclude)
    check_places(predictions)
    check_methods(method, thresholds or {})
    with index(
        inputs, store, start=start, stop=stop, device=device, threads=threads, progress=progress
    ) as made:
        found = outliers(
            made,
            predictions,
            n,
            method=method,
            per_source=per_source,
            keypoints=keypoints,
            thresholds=thresholds,
            frames=frames,
            labels=labels,
            views=views,
            ensemble=ensemble,
            ar_ma=ar_ma,
            p_bound=p_bound,
            diversity=diversity,
            min_gap=min_gap,
            flagged_only=flagged_only,
            exclude=exclude,
            offset=offset,
            partial=partial,
            device=device,
        )
        export(
            found.selection,
            out,
            layout=layout,
            context=context,
            image_format=image_format,
            device=device,
            threads=threads,
            progress=progress,
        )
    found.selection.index = None
    write_scores(Path(out), found)
    if layout == LIGHTNING_POSE.name:
        _add_guesses(Path(out), found)
    return found


def _add_guesses(out: Path, found: Outliers) -> None:
    """Let labelling in a project of Lightning Pose begin from the predictions."""
    project = find_project(out)
    if project is None:
        return
    frames: dict[str, list[Path]] = {}
    guesses: dict[str, dict[str, tuple[float, float]]] = {}
    model = ""
    for frame in found.selection.frames:
        poses = found.poses[frame.source]
        if frame.file is None or len(poses.individuals) > 1:
            continue
        row = int(np.searchsorted(poses.frames, frame.index))
        points = {
            name: xy
            for name, xy in zip(poses.keypoints, poses.xy[row, 0], strict=True)
            if np.isfinite(xy).all()
        }
        guesses[frame.file] = {name: (float(x), float(y)) for name, (x, y) in points.items()}
        frames.setdefault(Path(frame.file).parent.name, []).append(out / frame.file)
        model = poses.scorer
    enqueue(project, frames, guesses, model, int(time.time() * 1000))


def count_outliers(
    inputs: Input | Iterable[Input],
    predictions: Predictions,
    *,
    method: str | Iterable[str] = DEFAULT_METHODS,
    keypoints: Sequence[str] | None = None,
    thresholds: Mapping[str, float] | None = None,
    frames: Iterable[int] = (),
    labels: PathLike | Labels | None = None,
    views: Sequence[Sequence[str]] = (),
    ensemble: Sequence[PathLike] = (),
    ar_ma: tuple[int, int] = (3, 1),
    p_bound: float = 0.01,
    min_gap: str | int | None = 10,
    offset: int = 0,
    partial: bool = False,
    start: str | float | Position | None = None,
    stop: str | float | Position | None = None,
    device: str = "cpu",
) -> dict[str, Any]:
    """How many frames `outliers` would flag, without decoding a frame but one.

    Returns
    -------
    dict
        ``flagged``: frames by method, by ``any``, and ``apart``, how many of these can be had with *min_gap* (in
        frames); ``sources``: the same and every score of every frame, by video; ``set_aside``.
    """
    judging = make_judging(
        predictions,
        method=method,
        keypoints=keypoints,
        thresholds=thresholds,
        frames=frames,
        labels=labels,
        views=views,
        ensemble=ensemble,
        ar_ma=ar_ma,
        p_bound=p_bound,
        offset=offset,
        partial=partial,
        device=device,
    )
    load_kernels(device)
    first = None if start is None else parse_position(start, "start")
    last = None if stop is None else parse_position(stop, "stop")
    check_order(first, last)
    described, set_aside = describe(inputs)
    videos = [Video(uri=d["uri"], name=Path(d["uri"]).stem, n_frames=d["n_frames"]) for d in described]
    scores: dict[str, Scores] = {}
    apart: dict[str, int] = {}
    for at, poses in judging.load(videos, set_aside).items():
        rate = described[at].get("frame_rate") or 0.0
        if (rate == 0) and any(p is not None and p.unit == "seconds" for p in (first, last)):
            raise UsageError("start and stop must be frames or fractions for images, which have no times")
        times = np.arange(videos[at].n_frames) / (rate or 1.0)
        begin = 0 if first is None else resolve(first, times, end=False)
        end = len(times) if last is None else resolve(last, times, end=True)
        name = videos[at].uri
        scores[name] = judging.score(poses, np.arange(begin, max(begin, end)))
        apart[name] = _apart(scores[name], min_gap, rate)
    found = summary(scores)
    found["flagged"]["apart"] = sum(apart.values())
    for name, count in apart.items():
        found["sources"][name]["flagged"]["apart"] = count
    found["set_aside"] = [_plain(item) for item in set_aside]
    return found


def _plain(item: SetAside) -> dict[str, str]:
    return {"uri": item.uri, "reason": item.reason}


def _apart(scores: Scores, min_gap: str | int | None, rate: float) -> int:
    """Most flagged frames that can be had at least *min_gap* apart."""
    gap = parse_gap(min_gap)
    least = 1.0 if gap is None else gap.value * (rate if gap.unit == "seconds" else 1)
    count, before = 0, -np.inf
    for frame in scores.frames[scores.n_flags > 0]:
        if frame - before >= least - 1e-9:
            count, before = count + 1, float(frame)
    return count
