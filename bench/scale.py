"""Suite ``scale``: cost against length of video, number of videos, rows, picks or clusters, and dimensions."""

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np

import framesift as fs

from . import clips, ours, strategies
from .cases import iteration, with_device_time
from .inputs import vectors
from .peers import clustering, ffmpeg, plain
from .record import OURS, Command, alternate, journal, shared
from .results import Settings, by, middle_of
from .workers import Work, calls

Row = dict[str, Any]
_REPEATS = {"tiny": 1, "small": 2, "full": 5}
_LENGTHS = {"tiny": (60, (1, 2)), "small": (300, (1, 2, 4, 8)), "full": (900, (1, 2, 4, 8, 16, 32))}
"""Frames of a clip, and how many times over it is indexed."""
_VIDEOS = {"tiny": (1, 3), "small": (1, 4, 16, 64), "full": (1, 4, 16, 64, 256, 1024)}
_ROWS = {"tiny": (500, 1000), "small": (12_500, 25_000, 50_000, 100_000), "full": (25_000, 100_000, 400_000)}
_COUNTS = {"tiny": (5, 10), "small": (25, 50, 100, 200), "full": (50, 100, 200, 400, 800)}
_DIMENSIONS = {"tiny": (8, 16), "small": (16, 32, 64, 128), "full": (16, 64, 256, 1024)}
_MANY = {
    "tiny": ((200, 400), 16, 5),
    "small": ((12_500, 25_000, 50_000), 512, 250),
    "full": ((62_500, 250_000, 1_000_000), 512, 10_000),
}
"""Rows, dimensions and picks of a selection by DIVERSITY, WEIGHTS and BALANCE."""
Make = Callable[[Any, int], Work]


def measure(settings: Settings) -> list[Row]:
    """Each at some lengths, counts and sizes, ours and a peer in turn."""
    measurements = journal()
    if settings.device == "cpu":
        for case, x, commands in shared([*_lengths(settings.size), *_videos(settings.size)], _label):
            warm_up = int(settings.size != "tiny" and x == 1)
            for program, runs in alternate(commands, _REPEATS[settings.size], warm_up=warm_up).items():
                measurements += [{"case": case, "program": program, "x": x, **asdict(run)} for run in runs]
        for case, x, commands in shared(list(_strategies(settings.size)), _label):
            for program, runs in alternate(commands, 1, warm_up=int(settings.size == "small")).items():
                measurements += [{"case": case, "program": program, "x": x, **asdict(run)} for run in runs]
    for case, x, make in shared(_vectors(settings), _label):
        timed = with_device_time(make(), settings.device)
        for program, made in calls(timed, _REPEATS[settings.size]).items():
            measurements += [
                {"case": case, "program": program, "x": x, "wall_s": call.wall_s, "cpu_s": call.cpu_s}
                | call.figures
                for call in made
            ]
    return measurements


def _label(case: tuple[str, int, Any]) -> str:
    return f"{case[0]}: {case[1]}"


def rows(measurements: list[Row]) -> list[Row]:
    """A row a case and program: from where to where, and exponents fitted to the medians.

    Cost is about x to the power of ``slope``, a least-squares fit of the logarithms; ``±`` is its standard error, and
    ``last`` the slope between the two largest, where what is paid once weighs least. ``memory`` is the slope of the
    peak memory of whole processes. On a GPU ``device s`` is what its kernels took of the longest, and ``device`` the
    slope of that.
    """
    shown = []
    for (case, program), found in by(measurements, "case", "program").items():
        points = curve(found, "wall_s")
        (low, _), (high, most) = points[0], points[-1]
        slope, error = fit(points)
        row = {"cost of": case, "program": program, "from": low, "to": high, "s at most": most}
        row |= {"slope": slope, "±": error, "last": fit(points[-2:])[0]}
        if "peak_rss_bytes" in found[0]:
            peaks = curve(found, "peak_rss_bytes")
            row |= {"peak MB": peaks[-1][1] / 2**20, "memory": fit(peaks)[0]}
        if "device_s" in found[0]:
            device = curve(found, "device_s")
            row |= {"device s": device[-1][1], "device": fit(device)[0]}
        shown.append(row)
    return shown


def curve(found: list[Row], name: str) -> list[tuple[int, float]]:
    """Median of a result at each x."""
    return [(x, middle_of(made, name)) for (x,), made in sorted(by(found, "x").items())]


def fit(points: list[tuple[int, float]]) -> tuple[float, float]:
    """Slope of the logarithms and its standard error; that of two points has none, and is 0.

    What took no time that could be measured has no logarithm, and is left out.
    """
    points = [point for point in points if point[1] > 0]
    if len(points) < 2:
        return math.nan, math.nan
    x, y = np.log(np.array(points, float)).T
    x = x - x.mean()
    slope = float(x @ y / (x @ x))
    if len(points) < 3:
        return slope, 0.0
    left = y - y.mean() - slope * x
    return slope, math.sqrt(float(left @ left) / (len(points) - 2) / float(x @ x))


Case = tuple[str, int, dict[str, Command]]


def _lengths(size: str) -> Iterator[Case]:
    n_frames, times = _LENGTHS[size]
    width, height = (320, 180) if size == "tiny" else (1280, 720)
    clip, threads = clips.noisy(width, height, n_frames), os.cpu_count() or 1
    for many in times:
        path = clip if many == 1 else clips.repeated(clip, many)
        commands: dict[str, Command] = {OURS: ours.index(path, threads)}
        if peer := ffmpeg.decode(path, threads):
            commands["ffmpeg"] = peer
        yield "indexing, by frames", many * n_frames, commands


def _videos(size: str) -> Iterator[Case]:
    for many in _VIDEOS[size]:
        yield "indexing, by videos", many, {OURS: ours.index(clips.short(many), os.cpu_count() or 1)}


def _strategies(size: str) -> Iterator[Case]:
    rows, d, picks = _MANY[size]
    for n in rows:
        commands: dict[str, Command] = {OURS: strategies.command(n, d, picks)}
        if size == "small":  # it holds one core for half an hour otherwise
            commands["lightly-mundig"] = strategies.command(n, d, picks, "mundig")
        yield f"{picks} picks by 3 strategies of rows x {d}", n, commands


def _vectors(settings: Settings) -> list[tuple[str, int, Callable[[], dict[str, Work | None]]]]:
    """Case, x, and what makes the vectors and says what is called with them."""
    size, device = settings.size, settings.device
    ranges = {"rows": _ROWS[size], "picks": _COUNTS[size], "dimensions": _DIMENSIONS[size]}
    usual = {what: values[-2] for what, values in ranges.items()}
    families: tuple[tuple[str, dict[str, Make]], ...] = (
        ("k-center", {OURS: partial(_kcenter, device=device), "plain sweep": _sweep}),
        (
            "k-means iteration",
            {OURS: partial(_lloyd, device=device), "scikit-learn lloyd": _scikit_learn},
        ),
    )
    found = []
    for case, programs in families:
        for what, values in list(ranges.items())[: 1 if size == "tiny" else None]:
            name = "clusters" if what == "picks" and case != "k-center" else what
            for value in values:
                make = partial(_works, programs, {**usual, what: value})
                found.append((f"{case}, by {name}", value, make))
    return found


def _works(programs: dict[str, Make], given: dict[str, int]) -> dict[str, Work | None]:
    x = vectors("clustered", given["rows"], given["dimensions"])
    return {program: make(x, given["picks"]) for program, make in programs.items()}


def _kcenter(x: Any, k: int, device: str) -> Work:
    return lambda: fs.kcenter_greedy(x, k, device=device)


def _sweep(x: Any, k: int) -> Work:
    return lambda: plain.kcenter(x, k)


def _lloyd(x: Any, k: int, device: str) -> Work:
    def fit(x: Any, init: Any, n: int) -> Any:
        return fs.kmeans(x, k, init=init, tol=0, max_iter=n, device=device).centers

    return iteration(fit, x, x[:k].copy())


def _scikit_learn(x: Any, k: int) -> Work:
    return iteration(clustering.scikit_learn("lloyd"), x, x[:k].copy())
