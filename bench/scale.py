"""Suite ``scale``: cost against length of video, number of videos, rows, picks or clusters, and dimensions."""

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import framesift as fs

from . import clips, ours, strategies
from .cases import iteration, with_device_time
from .inputs import vectors
from .peers import clustering, ffmpeg, plain
from .record import OURS, Command, alternate, journal, shared
from .results import Settings, by, middle_of
from .workers import Given, Work, series

Row = dict[str, Any]
_REPEATS = {"tiny": 1, "small": 2, "full": 5}
_ENOUGH_S = {"tiny": 0.0, "small": 1.0, "full": math.inf}
"""Seconds of runs, or of calls, at one x after which a program is run no more."""
_LENGTHS = {"tiny": (60, (1, 2)), "small": (300, (1, 2, 4, 8)), "full": (900, (1, 2, 4, 8, 16, 32))}
"""Frames of a clip, and how many times over it is indexed."""
_VIDEOS = {"tiny": (1, 3), "small": (1, 4, 16, 64), "full": (1, 4, 16, 64, 256, 1024)}
_ROWS = {"tiny": (500, 1000), "small": (20_000, 40_000, 80_000, 160_000), "full": (25_000, 100_000, 400_000)}
_COUNTS = {"tiny": (5, 10), "small": (25, 50, 100, 200), "full": (50, 100, 200, 400, 800)}
_DIMENSIONS = {"tiny": (8, 16), "small": (16, 32, 64, 128), "full": (16, 64, 256, 1024)}
_LITTLE = 2000
"""Rows on which all are warmed up."""
_MANY = {
    "tiny": ((200, 400), 16, 5),
    "small": ((12_500, 25_000, 50_000), 512, 250),
    "full": ((62_500, 250_000, 1_000_000), 512, 10_000),
}
"""Rows, dimensions and picks of a selection by DIVERSITY, WEIGHTS and BALANCE."""
Make = Callable[[Any, int], Work]
Point = tuple[int, dict[str, Command]]
"""An x, and what is run there."""
Case = tuple[str, Callable[[], Iterable[Row]]]
"""What a cost is of, and what measures it."""


def measure(settings: Settings) -> list[Row]:
    """Each at some lengths, counts and sizes, ours and a peer in turn.

    Programs are fresh processes; on vectors each has a process of its own for all x of a case.
    """
    measurements = journal()
    families: list[_Family] = [_vectors]
    if settings.device == "cpu":
        families = [_lengths, _videos, _strategies, _vectors]
    for case, measured in shared([case for family in families for case in family(settings)], _label):
        measurements += [{"case": case, **row} for row in measured()]
    return measurements


_Family = Callable[[Settings], Iterable[Case]]


def _label(case: Case) -> str:
    return case[0]


def _processes(points: Iterable[Point], size: str, little: dict[str, Command]) -> Iterator[Row]:
    """What whole processes take at each x; *little* is what they are warmed up on."""
    for number, (x, commands) in enumerate(points):
        warm_up = int(size != "tiny" and number == 0)
        runs = alternate(commands, _REPEATS[size], warm_up=warm_up, enough_s=_ENOUGH_S[size], little=little)
        for program, made in runs.items():
            yield from ({"program": program, "x": x, **asdict(run)} for run in made)


def _calls(points: Callable[[], dict[int, dict[str, Work | None]]], settings: Settings) -> Iterator[Row]:
    """What calls take at each x."""
    programs = {x: with_device_time(works, settings.device) for x, works in points().items()}
    found = series(programs, _REPEATS[settings.size], enough_s=_ENOUGH_S[settings.size])
    for x, at in found:
        for program, made in at.items():
            for call in made:
                row = {"program": program, "x": x, "wall_s": call.wall_s, "cpu_s": call.cpu_s}
                yield row | call.figures


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


def _lengths(settings: Settings) -> Iterator[Case]:
    size, threads = settings.size, os.cpu_count() or 1
    n_frames, times = _LENGTHS[size]
    clip = clips.noisy(*((320, 180) if size == "tiny" else (1280, 720)), n_frames)

    def commands(path: Path) -> dict[str, Command]:
        peer = ffmpeg.decode(path, threads)
        return {OURS: ours.index(path, threads), **({"ffmpeg": peer} if peer else {})}

    def points() -> Iterator[Point]:
        for many in times:
            yield many * n_frames, commands(clip if many == 1 else clips.repeated(clip, many))

    little = commands(clips.noisy(320, 180, 60))
    yield "indexing, by frames", lambda: _processes(points(), size, little)


def _videos(settings: Settings) -> Iterator[Case]:
    def command(many: int) -> dict[str, Command]:
        return {OURS: ours.index(clips.short(many), os.cpu_count() or 1)}

    def points() -> Iterator[Point]:
        for many in _VIDEOS[settings.size]:
            yield many, command(many)

    yield "indexing, by videos", lambda: _processes(points(), settings.size, command(1))


def _strategies(settings: Settings) -> Iterator[Case]:
    rows, d, picks = _MANY[settings.size]
    # Of size full it would hold one core for half an hour.
    programs = {OURS: "ours"} | ({"lightly-mundig": "mundig"} if settings.size == "small" else {})

    def commands(n: int) -> dict[str, Command]:
        return {name: strategies.command(n, d, picks, what) for name, what in programs.items()}

    points = [(n, commands(n)) for n in rows]
    yield (
        f"{picks} picks by 3 strategies of rows x {d}, by rows",
        lambda: _processes(points, settings.size, points[0][1]),
    )


def _vectors(settings: Settings) -> Iterator[Case]:
    """Both procedures by rows, picks or clusters, and dimensions; the others as they usually are."""
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
    for case, programs in families:
        for what, values in list(ranges.items())[: 1 if size == "tiny" else None]:
            name = "clusters" if what == "picks" and case != "k-center" else what
            points = partial(_points, programs, usual, what, values)
            yield f"{case}, by {name}", partial(_calls, points, settings)


def _points(
    programs: dict[str, Make], usual: dict[str, int], what: str, values: Sequence[int]
) -> dict[int, dict[str, Work | None]]:
    return {value: _works(programs, {**usual, what: value}) for value in values}


def _works(programs: dict[str, Make], given: dict[str, int]) -> dict[str, Work | None]:
    x = vectors("clustered", given["rows"], given["dimensions"])
    return {program: make(x, given["picks"]) for program, make in programs.items()}


def _kcenter(x: Any, k: int, device: str) -> Work:
    return Given(partial(fs.kcenter_greedy, device=device), (x, k), (x[:_LITTLE], k))


def _sweep(x: Any, k: int) -> Work:
    return Given(plain.kcenter, (x, k), (x[:_LITTLE], k))


def _lloyd(x: Any, k: int, device: str) -> Work:
    def fit(x: Any, init: Any, n: int) -> Any:
        return fs.kmeans(x, k, init=init, tol=0, max_iter=n, device=device).centers

    return _iterations(fit, x, k)


def _scikit_learn(x: Any, k: int) -> Work:
    return _iterations(clustering.scikit_learn("lloyd"), x, k)


def _iterations(fit: Callable[[Any, Any, int], Any], x: Any, k: int) -> Work:
    return Given(partial(iteration, fit), (x, x[:k].copy()), (x[:_LITTLE], x[:k].copy()))
