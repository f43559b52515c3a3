"""Suite ``decode``: indexing beside plain decoding, by whole processes on all cores."""

import os
from dataclasses import asdict
from math import inf
from pathlib import Path
from typing import Any

from . import clips, ours
from .peers import decord, ffmpeg, opencv, pyav
from .record import Run, alternate, journal, shared
from .results import Settings, by, geometric_mean, middle_of, spread_of
from .tables import columns

_FRAMES = {"tiny": 60, "small": 300, "full": 1800}
_CODED = {"small": 200, "full": 600}
_REPEATS = {"tiny": 1, "small": 3, "full": 7}
_ENOUGH_S = {"tiny": 0.0, "small": 1.0, "full": inf}
"""Seconds of runs of a clip after which a program is run no more: of size small what takes long is run once."""
_LONGER = {"tiny": 1, "small": 2, "full": 20}
"""How often the first real clip is repeated, for a long one of real content."""
_ALWAYS = ("framesift", "ffmpeg", "framesift fast", "framesift untouched")
"""Programs that are run on that too in size small; of the others the clip itself says what a frame takes."""

Row = dict[str, Any]


def measure(settings: Settings) -> list[Row]:
    """Whole processes on all cores: indexing each clip, and peers' decoding of it, in turn.

    To warm up, the programs are run on a clip of two seconds.
    """
    threads, size = os.cpu_count() or 1, settings.size
    warm_up = 0 if size == "tiny" else 1
    start_up = {_OURS: ours.index(clips.noisy(64, 64, 1), threads)}
    little = _commands(clips.noisy(320, 180, 60), threads)
    measurements = journal()
    measurements += _raw("(one frame)", 1, alternate(start_up, _REPEATS[size], warm_up=warm_up))
    for number, path in enumerate(shared(material(size))):
        path.read_bytes()  # the programs are warm after the first clip, the file is now
        commands = _commands(path, threads)
        if size == "small" and path == _longer(size):
            commands = {name: commands[name] for name in _ALWAYS if name in commands}
        warm = warm_up if number == 0 else 0
        runs = alternate(commands, _REPEATS[size], warm_up=warm, enough_s=_ENOUGH_S[size], little=little)
        measurements += _raw(path.name, clips.count(path), runs)
    return measurements


def material(size: str) -> list[Path]:
    """Clips: 1080p with sensor noise, other codecs, a screen recording, and the real ones."""
    if size == "tiny":
        return [clips.noisy(320, 180, _FRAMES[size])]
    coded = [clips.coded(codec, 1280, 720, _CODED[size]) for codec in clips.CODECS]
    paths = [clips.noisy(1920, 1080, _FRAMES[size]), *coded, clips.screen(1280, 720, _FRAMES[size])]
    longer = _longer(size)
    return [*paths, *clips.real(), *([longer] if longer else [])]


def _longer(size: str) -> Path | None:
    real = clips.real()
    return clips.repeated(real[0], _LONGER[size]) if real else None


def rows(measurements: list[Row]) -> list[Row]:
    """A row a clip: wall clock of whole processes, and ours over that of each peer.

    Our start-up (the interpreter, its imports, the compiled kernels from their cache, a store) is measured as
    the indexing of one tiny frame; ``decode/ffmpeg`` is the ratio to ffmpeg without it. ``/ untouched`` is ours
    over the same decoding with no pixel looked at.
    """
    by_clip: dict[str, dict[str, list[Row]]] = {}
    for (clip, program), found in by(measurements, "clip", "program").items():
        by_clip.setdefault(clip, {})[program] = found
    start_up = middle_of(by_clip.pop("(one frame)")[_OURS], "wall_s")
    shown = [_row(clip, runs, start_up) for clip, runs in by_clip.items()]
    return [*shown, _geometric_mean(shown)] if len(shown) > 1 else shown


_OURS = "framesift"


def _commands(path: Path, threads: int) -> dict[str, list[str]]:
    candidates = {
        _OURS: ours.index(path, threads),
        "ffmpeg": ffmpeg.decode(path, threads),
        "framesift fast": ours.index(path, threads, decode="fast"),
        "framesift untouched": ours.index(path, threads, untouched=True),
        "pyav": pyav.decode(path, threads),
        "opencv": opencv.thumbnails(path),
        "decord": decord.thumbnails(path, threads),
    }
    return {program: command for program, command in candidates.items() if command}


def _raw(clip: str, n_frames: int, runs: dict[str, list[Run]]) -> list[Row]:
    return [
        {"clip": clip, "program": program, "n_frames": n_frames, **asdict(run)}
        for program, found in runs.items()
        for run in found
    ]


def _row(clip: str, runs: dict[str, list[Row]], start_up_s: float) -> Row:
    own = runs[_OURS]
    mine = middle_of(own, "wall_s")
    row: Row = {
        "clip": clip,
        "framesift s": mine,
        "of it start-up": start_up_s,
        "cpu ms/frame": 1000 * middle_of(own, "cpu_s") / own[0]["n_frames"],
        "peak MB": middle_of(own, "peak_rss_bytes") / 2**20,
    }
    if "ffmpeg" in runs:
        theirs = middle_of(runs["ffmpeg"], "wall_s")
        row["/ ffmpeg"] = mine / theirs
        row["fast / ffmpeg"] = middle_of(runs["framesift fast"], "wall_s") / theirs
        # In short clips the start-up is most of it, and the rest is noise.
        row["decode/ffmpeg"] = (mine - start_up_s) / theirs if mine > 2 * start_up_s else ""
    for program in ("framesift untouched", "pyav", "opencv", "decord"):
        if program in runs:
            row[f"/ {program.removeprefix(_OURS).strip()}"] = mine / middle_of(runs[program], "wall_s")
    row["±"] = f"{100 * spread:.0f} %" if (spread := spread_of(own, "wall_s")) == spread else ""
    return row


def _geometric_mean(shown: list[Row]) -> Row:
    ratios = [name for name in columns(shown) if "/ " in name]
    means = {name: geometric_mean(row[name] for row in shown if row.get(name)) for name in ratios}
    return {"clip": "geometric mean", **means}
