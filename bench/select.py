"""Suite ``select``: the whole job, from a video to n pictures, beside the procedures of the pose tools."""

import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

import av
import numpy as np

from framesift.selection.checks import METHODS

from . import clips, metrics, ours
from .peers import deeplabcut, lightning_pose, sleap
from .record import OURS, alternate, journal, shared
from .results import Settings, by, middle_of, spread_of

N = 20
_REPEATS = {"tiny": 1, "small": 2, "full": 5}
_ENOUGH_S = {"tiny": 0.0, "small": 1.5, "full": inf}
"""Seconds of runs of a clip after which a program is run no more."""
_EVEN = "evenly spaced"
_SLEAP = "SLEAP image features"
Row = dict[str, Any]
Make = Callable[[Path, Path, int], list[str] | None]


def measure(settings: Settings) -> list[Row]:
    """Whole processes in turn, each turn with another seed; then their picks, judged all by the same code.

    The warm-up is on a clip of two seconds: what is warmed are imports, compiled kernels and the file system. SLEAP,
    which takes half a minute a clip, is run once. In size ``small`` it is run on the first clip alone, as are methods of
    ours that take what others do, and what takes long is run once.
    """
    measurements = journal()
    for number, path in enumerate(shared(material(settings.size))):
        with tempfile.TemporaryDirectory(prefix="framesift-bench-") as folder:
            measurements += _clip(path, Path(folder), settings, is_first=number == 0)
    return measurements


def _clip(path: Path, folder: Path, settings: Settings, *, is_first: bool) -> list[Row]:
    size = settings.size
    width, height, n_frames = _geometry(path)
    programs = {name: make for name, make in _PROGRAMS[size].items() if make(path, folder, 0)}
    found: list[Row] = []
    if _SLEAP in programs and (reason := sleap.too_much(width, height, n_frames)):
        found.append({"clip": path.name, "program": _SLEAP, "left_out": reason})
        del programs[_SLEAP]
    path.read_bytes()
    commands = {name: _command(make, name, path, folder, settings.device) for name, make in programs.items()}
    if size == "small" and not is_first:
        commands = {name: command for name, command in commands.items() if name not in _ON_ONE}
    slow = {_SLEAP: commands.pop(_SLEAP)} if _SLEAP in commands else {}
    warm_up = int(is_first and size != "tiny")
    little = {name: commands[name] for name in _WARMING if name in commands}
    runs = alternate(commands, _REPEATS[size], warm_up=warm_up, enough_s=_ENOUGH_S[size], little=little)
    runs |= alternate(slow, 1, warm_up=0)
    for name, made in runs.items():
        for turn, run in enumerate(made):
            row: Row = {"clip": path.name, "program": name, "n": N, "n_frames": n_frames, **asdict(run)}
            found.append({**row, **_answer(_out(folder, name, turn))})
    even = ((2 * np.arange(N) + 1) * n_frames // (2 * N)).tolist()
    found.append({"clip": path.name, "program": _EVEN, "picks": even})
    _judge(path, [row for row in found if "picks" in row])
    return found


def material(size: str) -> list[Path]:
    """Clips: static with rare events, real ones, a screen, 1080p with sensor noise; those that must not be cut first."""
    if size == "tiny":
        return [clips.static(320, 180, 120)]
    if size == "small":
        made = [clips.static(480, 270, 500), clips.screen(1280, 720, 300), clips.noisy(1920, 1080, 150)]
        return [made[0], *clips.real()[:2], *made[1:]]
    made = [clips.static(640, 360, 6000), clips.screen(1280, 720, 1800), clips.noisy(1920, 1080, 1800)]
    return [made[0], *clips.real(), *made[1:]]


def rows(measurements: list[Row]) -> list[Row]:
    """A row for each clip and program.

    ``x framesift`` is the wall clock over that of framesift's default. ``radius`` (the largest distance from any frame
    to its nearest pick) and ``mean`` (the mean of that distance) are over those of evenly spaced frames, ``apart`` is
    the 10th percentile of the distances among the picks over theirs: in features that no program selects by (see
    `metrics.features_of`). ``longest gap`` is the longest stretch of time without a pick, over an even gap.
    """
    shown = []
    for (clip,), found in by(measurements, "clip").items():
        programs = {name: made for (name,), made in by(found, "program").items()}
        even = programs.pop(_EVEN)[0]
        fastest = middle_of(programs[OURS], "wall_s")
        shown += [_row(clip, name, made, even, fastest) for name, made in programs.items()]
        shown.append(_row(clip, _EVEN, [even], even, fastest))
    return shown


def _row(clip: str, name: str, made: list[Row], even: Row, fastest: float) -> Row:
    row: Row = {"clip": clip, "program": name}
    if "left_out" in made[0]:
        return row | {"s": made[0]["left_out"]}
    if "wall_s" in made[0]:
        noise = spread_of(made, "wall_s")
        row |= {
            "s": middle_of(made, "wall_s"),
            "±": f"{100 * noise:.0f} %" if noise == noise else "",
            "x framesift": middle_of(made, "wall_s") / fastest,
            "cpu s": middle_of(made, "cpu_s"),
            "peak MB": middle_of(made, "peak_rss_bytes") / 2**20,
        }
    row["picks"] = f"{middle_of(made, 'n_distinct'):.0f}"
    for title, key in (("radius", "radius"), ("mean", "mean_distance"), ("apart", "picks_p10")):
        row[title] = middle_of(made, key) / even[key] if even[key] else ""
    row["longest gap"] = middle_of(made, "longest_gap")
    if "n_scenes" in made[0]:
        row["scenes"] = f"{middle_of(made, 'scenes_found'):.3g} of {made[0]['n_scenes']}"
    return row


def _framesift(
    path: Path, out: Path, seed: int, method: str, decode: str = "exact", min_gap: str | None = None
) -> list[str]:
    return ours.select(path, N, out, seed, method=method, decode=decode, min_gap=min_gap)


def _deeplabcut(path: Path, out: Path, seed: int, algorithm: str) -> list[str] | None:
    return deeplabcut.extract(path, N, out, seed, algorithm)


_OURS_TOO: dict[str, Make] = {
    f"{OURS} {method}": partial(_framesift, method=method)
    for method in ("coverage", "coreset", "uniform", "random", "motion-kmeans")
    if method in METHODS
}
_PEERS: dict[str, Make] = {
    "DeepLabCut kmeans": partial(_deeplabcut, algorithm="kmeans"),
    "DeepLabCut uniform": partial(_deeplabcut, algorithm="uniform"),
    "Lightning Pose": lambda path, out, seed: lightning_pose.extract(path, N, out, seed),
    _SLEAP: lambda path, out, seed: sleap.suggest(path, N, out, seed),
}
_ALL: dict[str, Make] = {
    OURS: partial(_framesift, method="kmeans"),
    f"{OURS} min-gap 0": partial(_framesift, method="kmeans", min_gap="0"),
    f"{OURS} fast": partial(_framesift, method="kmeans", decode="fast"),
    f"{OURS} keyframes": partial(_framesift, method="kmeans", decode="keyframes"),
    **_OURS_TOO,
    **_PEERS,
}
_FEWER = (f"{OURS} fast", f"{OURS} coreset")
"""Left out of size ``small``: what they take is what others do."""
_WARMING = (OURS, "DeepLabCut kmeans", "Lightning Pose")
"""Those that import everything that one of them imports."""
_ON_ONE = (_SLEAP, *(f"{OURS} {method}" for method in ("min-gap 0", "uniform", "motion-kmeans")))
"""Run on the first clip alone in size ``small``."""
_PROGRAMS = {
    "tiny": {OURS: _ALL[OURS], **_PEERS},
    "small": {name: make for name, make in _ALL.items() if name not in _FEWER},
    "full": _ALL,
}


def _command(make: Make, name: str, path: Path, folder: Path, device: str) -> Callable[[int], list[str]]:
    there = ["--device", device] if name.startswith(OURS) and device != "cpu" else []

    def command(turn: int) -> list[str]:
        given = path if turn >= 0 else clips.noisy(320, 180, 60)
        made = make(given, _out(folder, name, turn), max(0, turn))
        assert made is not None
        return [*made, *there]

    return command


def _out(folder: Path, name: str, turn: int) -> Path:
    return folder / name.replace(" ", "-") / str(turn)


def _answer(out: Path) -> Row:
    """The picks that a program wrote, and how many bytes of pictures."""
    selection = out / "selection.json"
    if selection.exists():
        picks = [frame["index"] for frame in json.loads(selection.read_text())["frames"]]
    else:
        picks = json.loads((out / "picks.json").read_text())
    pictures = [file.stat().st_size for file in out.rglob("*.png") if file.name != "contact-sheet.png"]
    return {"picks": picks, "n_pictures": len(pictures)}


def _judge(path: Path, found: list[Row]) -> None:
    features, scenes = metrics.features_of(path), clips.scenes(path)
    for row in found:
        row |= metrics.judge(features, row["picks"], scenes)


def _geometry(path: Path) -> tuple[int, int, int]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return stream.width, stream.height, clips.count(path)
