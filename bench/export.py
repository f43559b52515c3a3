"""Suite ``export``: 20 frames of an hour of video at full quality, beside a pass over it and beside seeking."""

import os
import re
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

import framesift
from framesift.files import write_json
from framesift.ingest.pictures import read_timeline
from framesift.sources import find_sources, fingerprint

from . import clips
from .peers import opencv, pyav
from .record import Run, alternate, middle

_SIZES = {"tiny": (320, 180, 60), "small": (1920, 1080, 300), "full": (1920, 1080, 300)}
_TIMES = {"tiny": 4, "small": 360, "full": 360}
"""The clip repeated so often: at 30 frames a second an hour, but for tiny."""
_SHARE = {"tiny": 1, "small": 120, "full": 1}
"""Of the hour, the part that the pass over it is measured on; its time is multiplied."""
_REPEATS = {"tiny": 1, "small": 2, "full": 5}
_ENOUGH_S = {"tiny": 0.0, "small": 3.0, "full": inf}
"""Seconds of runs after which a program is run no more."""
_LITTLE = (320, 180, 60)
"""Width, height and frames of the clip that programs are warmed up on."""
_PICKS = 20
_NEAR = 3.0
"""Mean difference in levels of two ways to turn one frame into RGB; two frames of the clip differ by more."""

Row = dict[str, Any]

_EXPORT = "framesift export"
_OURS = """
import atexit, sys
from framesift.video.decode import Decoder
_, selection, out, counted_in, threads = sys.argv
n, original = [], Decoder._decode
def counted(self, packet):
    frames = original(self, packet)
    n.append(len(frames))
    return frames
Decoder._decode = counted
atexit.register(lambda: print(sum(n), file=open(counted_in, "w")))
sys.argv = ["framesift", "export", selection, "--out", out, "--quiet", "--threads", threads]
from framesift_cli.main import main
main()
"""


def run(size: str) -> tuple[list[Row], list[Row]]:
    """Raw measurements, and a row a way.

    ``seconds`` is the wall clock of a whole process, the opening of the video included. Ours starts from a
    ``selection.json`` alone, so it demuxes the hour too. ``decoded`` counts frames; ``right`` are the pictures
    that show the frame asked for, as the hashes in the selection prove it of ours.
    """
    threads = os.cpu_count() or 1
    short = clips.noisy(*_SIZES[size], crf=30)
    long = clips.repeated(short, _TIMES[size])
    with tempfile.TemporaryDirectory(prefix="framesift-bench-") as folder:
        out = Path(folder)
        picks = _select(short, long, out, _TIMES[size])
        passed = [pick // _SHARE[size] for pick in picks]
        commands = _commands(long, out, picks, passed, threads)
        small = clips.noisy(*_LITTLE)
        little = _select(small, small, out / "little", 1)
        warm = _commands(small, out / "little", little, little, threads)
        runs = alternate(commands, _REPEATS[size], enough_s=_ENOUGH_S[size], little=warm)
        raw = [{"program": name, **asdict(r)} for name, found in runs.items() for r in found]
        right = _right(out, list(runs), picks)
        rows = [_row(name, found, out, right, _SHARE[size]) for name, found in runs.items()]
    ours = rows[0]["seconds"]
    return raw, [{**row, "/ ours": row["seconds"] / ours} for row in rows]


def _commands(
    path: Path, out: Path, picks: list[int], passed: list[int], threads: int
) -> dict[str, list[str]]:
    """What writes *picks* into a folder each of *out*, and *passed* the one that decodes up to the last of them."""
    commands = {
        _EXPORT: [sys.executable, "-c", _OURS, str(out / "selection.json")],
        "PyAV, seeking": pyav.seeking(path, picks),
        "OpenCV, seeking": opencv.seeking(path, picks),
        "PyAV, a pass": pyav.passing(path, passed),
    }
    whole = {
        name: [*command, str(out / name), str(out / f"{name}.txt"), str(threads)]
        for name, command in commands.items()
        if command is not None
    }
    for name in whole:
        (out / name).mkdir(parents=True)
    return whole


def _select(short: Path, long: Path, out: Path, times: int) -> list[int]:
    """Write a selection and return its indices: of frames of *long*, which is *short* some times over."""
    with framesift.index(short) as index:
        selection = framesift.select(index, _PICKS, method="random", at_most=True)
        n = index.records[0].n_frames
    out.mkdir(exist_ok=True)
    (source,), _ = find_sources(long)
    pts = read_timeline(source.path).pts
    for at, frame in enumerate(selection.frames):
        frame.index += at * times // _PICKS * n
        frame.pts = int(pts[frame.index])
    content = fingerprint(source)
    selection.sources[0] = replace(
        selection.sources[0],
        id=source.id,
        uri=source.uri,
        name=source.name,
        n_frames=len(pts),
        n_bytes=content.n_bytes,
        fingerprint=content.digest,
    )
    write_json(out / "selection.json", selection.to_json())
    return selection.indices()


def _right(out: Path, ways: list[str], picks: list[int]) -> dict[str, int]:
    """How many pictures of each way show what ours shows."""
    pictures = {name: _pictures(out / name) for name in ways}

    def are_alike(pick: int) -> list[str]:
        paths = {name: found[pick] for name, found in pictures.items() if pick in found}
        ours = _read(paths[_EXPORT])
        return [name for name, path in paths.items() if name == _EXPORT or _alike(ours, _read(path))]

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = [name for names in pool.map(are_alike, picks) for name in names]
    return {name: found.count(name) for name in ways}


def _row(name: str, runs: list[Run], out: Path, right: dict[str, int], share: int) -> Row:
    factor = share if name.endswith("a pass") else 1
    decoded = (out / f"{name}.txt").read_text().strip()
    return {
        "way": name if factor == 1 else f"{name} (a {share}th of it, x {share})",
        "frames": right[_EXPORT],
        "right": right[name] if factor == 1 else "",
        "decoded": int(decoded) * factor if decoded.isdecimal() else "",
        "seconds": middle(runs, "wall_s") * factor,
        "cpu s": middle(runs, "cpu_s") * factor,
    }


def _pictures(folder: Path) -> dict[int, Path]:
    """Pictures by the frame index at the end of their names."""
    named = ((re.search(r"(\d+)\.png$", path.name), path) for path in folder.rglob("*.png"))
    return {int(match[1]): path for match, path in named if match}


def _read(path: Path) -> npt.NDArray[np.int16]:
    return np.asarray(Image.open(path).convert("RGB")).astype(np.int16)


def _alike(a: npt.NDArray[np.int16], b: npt.NDArray[np.int16]) -> bool:
    return a.shape == b.shape and bool(np.abs(a - b).mean() < _NEAR)
