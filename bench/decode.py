"""Suite ``decode``: indexing beside plain decoding, by whole processes on all cores."""

import os
from dataclasses import asdict
from math import exp, log
from pathlib import Path
from typing import Any

from . import clips, ours
from .peers import decord, ffmpeg, opencv, pyav
from .record import Run, alternate, middle

_FRAMES = {"tiny": 60, "small": 600, "full": 1800}
_REPEATS = {"tiny": 1, "small": 3, "full": 7}
_LONGER = {"tiny": 1, "small": 3, "full": 20}
"""How often the first real clip is repeated, for a long one of real content."""

Row = dict[str, Any]


def run(size: str) -> tuple[list[Row], list[Row]]:
    """Raw measurements, and a row a clip: wall clock of whole processes, and ours over that of each peer.

    Our start-up (the interpreter, its imports, the compiled kernels from their cache, a store) is measured as
    the indexing of one tiny frame; ``decode/ffmpeg`` is the ratio to ffmpeg without it. ``/ untouched`` is ours
    over the same decoding with no pixel looked at.
    """
    threads = os.cpu_count() or 1
    width, height = (320, 180) if size == "tiny" else (1920, 1080)
    paths = [clips.noisy(width, height, _FRAMES[size])]
    if size != "tiny" and (real := clips.real()):
        paths += [*real, clips.repeated(real[0], _LONGER[size])]
    start_up = alternate({_OURS: ours.index(clips.noisy(64, 64, 1), threads)}, _REPEATS[size])[_OURS]
    measurements, rows = _raw("(one frame)", _OURS, start_up), []
    for path in paths:
        runs = alternate(_commands(path, threads), _REPEATS[size])
        for program, found in runs.items():
            measurements += _raw(path.name, program, found)
        rows.append(_row(path, runs, middle(start_up, "wall_s")))
    if len(rows) > 1:
        rows.append(_geometric_mean(rows))
    return measurements, rows


_OURS = "framesift"


def _commands(path: Path, threads: int) -> dict[str, list[str]]:
    candidates = {
        _OURS: ours.index(path, threads),
        "ffmpeg": ffmpeg.decode(path, threads),
        "fast": ours.index(path, threads, decode="fast"),
        "untouched": ours.index(path, threads, untouched=True),
        "pyav": pyav.decode(path, threads),
        "opencv": opencv.thumbnails(path),
        "decord": decord.thumbnails(path, threads),
    }
    return {program: command for program, command in candidates.items() if command}


def _raw(clip: str, program: str, runs: list[Run]) -> list[Row]:
    return [{"clip": clip, "program": program, **asdict(run)} for run in runs]


def _row(path: Path, runs: dict[str, list[Run]], start_up_s: float) -> Row:
    mine = middle(runs[_OURS], "wall_s")
    row: Row = {
        "clip": path.name,
        "framesift s": mine,
        "of it start-up": start_up_s,
        "cpu ms/frame": 1000 * middle(runs[_OURS], "cpu_s") / clips.count(path),
        "peak MB": middle(runs[_OURS], "peak_rss_bytes") / 2**20,
    }
    if "ffmpeg" in runs:
        theirs = middle(runs["ffmpeg"], "wall_s")
        row["/ ffmpeg"] = mine / theirs
        row["fast / ffmpeg"] = middle(runs["fast"], "wall_s") / theirs
        # In short clips the start-up is most of it, and the rest is noise.
        row["decode/ffmpeg"] = (mine - start_up_s) / theirs if mine > 2 * start_up_s else ""
    for program in ("untouched", "pyav", "opencv", "decord"):
        if program in runs:
            row[f"/ {program}"] = mine / middle(runs[program], "wall_s")
    return row


def _geometric_mean(rows: list[Row]) -> Row:
    ratios = [name for name in rows[0] if "/ " in name]
    means = {name: exp(sum(log(row[name]) for row in rows) / len(rows)) for name in ratios}
    return {name: means.get(name, "") for name in rows[0]} | {"clip": "geometric mean"}
