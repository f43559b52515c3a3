"""Suite ``modes``: what each decode mode saves and what it costs, beside ffmpeg and simpler ways to leave frames out."""

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from itertools import pairwise
from math import exp, log
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import framesift
from framesift.video.container import open_video
from framesift.video.decode import Decoder
from framesift.video.packets import PacketIndex, read_packets
from framesift.video.plan import KeyframePlan, Part, parts
from framesift.video.references import reference_reader
from framesift.video.segment import Segment

from . import clips, ours
from .metrics import distance_to_nearest, k_center
from .peers import ffmpeg
from .record import Run, alternate, shared
from .results import Settings, by, middle_of

MODES = ("exact", "fast", "coarse", "keyframes")
PICKS = (20, 100)
_TENTH = "first tenth of GOPs"
_FRAMES = {"tiny": 120, "small": 600, "full": 1800}
_REPEATS = {"tiny": 1, "small": 2, "full": 5}
_LONGER = {"tiny": 1, "small": 3, "full": 20}
"""How often a real clip is repeated to be timed: as it is, start-up is most of it."""

Row = dict[str, Any]
F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]


def measure(settings: Settings) -> list[Row]:
    """Of each clip whole indexing processes in each mode, in turn with ffmpeg; and what the frames chosen are worth."""
    size = settings.size
    one = alternate({"framesift": ours.index(clips.noisy(64, 64, 1), _threads())}, _REPEATS[size])
    measurements = [{"clip": "(one frame)", "program": name, **asdict(r)} for name in one for r in one[name]]
    for path in shared(_material(size)):
        longer = path if size == "tiny" else clips.repeated(path, _LONGER[size])
        for program, runs in _wall(longer, size).items():
            measurements += [{"clip": path.name, "program": program, **asdict(run)} for run in runs]
        measurements += [{"clip": path.name, **found} for found in _quality(path)]
    return measurements


def rows(measurements: list[Row]) -> list[Row]:
    """A row for each clip and way of choosing.

    ``/ ffmpeg`` and ``x exact`` are wall clocks of whole indexing processes, the start-up taken off ours (one tiny
    frame indexed), over ffmpeg's and exact's; ``decoding`` is the time of decoding alone, over that of all frames.
    ``error`` is the mean difference of the thumbnails in grey levels. ``radius n`` (the largest distance from any
    frame of the video to the nearest of n chosen ones, between thumbnails decoded exactly) and ``mean n`` are over
    those of the greedy coreset of all frames; every mode chooses by the same greedy coreset of its frames.
    """
    wall = {at: middle_of(runs, "wall_s") for at, runs in by(measurements, "clip", "program").items()}
    start_up = wall["(one frame)", "framesift"]
    found = [
        {**_speed(row["clip"], row["mode"], wall, start_up), **row} for row in measurements if "mode" in row
    ]
    shown = [_shown(row) for row in found]
    if len({row["clip"] for row in found}) > 1:
        modes = dict.fromkeys(row["mode"] for row in found)
        shown += [_geometric_mean(name, [row for row in shown if row["mode"] == name]) for name in modes]
    return shown


def _threads() -> int:
    return os.cpu_count() or 1


def _material(size: str) -> list[Path]:
    real = clips.real() if size != "tiny" else []
    made = clips.noisy(320, 180, _FRAMES["tiny"], gop=20) if size == "tiny" else None
    return real or [made or clips.noisy(1280, 720, _FRAMES[size])]


# Speed ------------------------------------------------------------------------------------------------------------


def _wall(path: Path, size: str) -> dict[str, list[Run]]:
    commands = {f"framesift {mode}": ours.index(path, _threads(), mode) for mode in MODES}
    if (peer := ffmpeg.decode(path, _threads())) is not None:
        commands["ffmpeg"] = peer
    return alternate(commands, _REPEATS[size], warm_up=int(size != "tiny"))


def _speed(clip: str, mode: str, wall: dict[tuple[Any, ...], float], start_up: float) -> Row:
    if (clip, f"framesift {mode}") not in wall:
        return {}
    exact, net = (wall[clip, f"framesift {name}"] - start_up for name in ("exact", mode))
    row: Row = {"x exact": exact / net if net > 0 else None}
    if (clip, "ffmpeg") in wall:
        row["/ ffmpeg"] = net / wall[clip, "ffmpeg"]
    return row


# Quality ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Way:
    """Frames that may be chosen, in the thumbnails by which they are, and how long decoding them took."""

    name: str
    frames: I64
    thumbnails: F32
    decoding_s: float
    decoded: str = ""


def _quality(path: Path) -> list[Row]:
    ways = [_indexed(path, mode) for mode in MODES]
    full = ways[0]
    with open_video(path) as (container, stream):
        packets = read_packets(container, stream)
    tenth = [_beginning(packets, segment) for segment in packets.segments]
    frames = np.concatenate([part.frames for part in tenth])
    ways.append(_Way(_TENTH, frames, full.thumbnails[frames], _decoding_s(path, packets, tenth)))
    best = {n: distance_to_nearest(full.thumbnails, k_center(full.thumbnails, n)) for n in PICKS}
    rows = []
    for way in ways:
        error = np.abs(way.thumbnails - full.thumbnails[way.frames]).mean()
        row: Row = {
            "mode": way.name,
            "decoded": way.decoded,
            "n_frames": len(full.frames),
            "n_rows": len(way.frames),
            "decoding": way.decoding_s / full.decoding_s,
            "error": float(error),
        }
        for n in PICKS:
            chosen = way.frames[k_center(way.thumbnails, n)]
            row |= _against(n, distance_to_nearest(full.thumbnails, chosen), best[n])
        rows.append(row)
    return rows + [_baseline(name, full, choose, best) for name, choose in _BASELINES.items()]


def _against(n: int, found: F32, best: F32) -> Row:
    return {
        f"radius {n}": float(found.max() / best.max()),
        f"mean {n}": float(found.mean() / best.mean()),
        f"raw {n}": [float(x) for x in (found.max(), found.mean(), best.max(), best.mean())],
    }


def _baseline(name: str, full: _Way, choose: Callable[[int, int], list[I64]], best: dict[int, F32]) -> Row:
    row: Row = {"mode": name, "n_frames": len(full.frames), "n_rows": len(full.frames)}
    for n in PICKS:
        found = [distance_to_nearest(full.thumbnails, rows) for rows in choose(len(full.frames), n)]
        each = [_against(n, distances, best[n]) for distances in found]
        row |= {key: float(np.mean([e[key] for e in each])) for key in (f"radius {n}", f"mean {n}")}
    return row


def _evenly(n_frames: int, n: int) -> list[I64]:
    return [(2 * np.arange(min(n, n_frames)) + 1) * n_frames // (2 * min(n, n_frames))]


def _at_random(n_frames: int, n: int) -> list[I64]:
    rngs = [np.random.Generator(np.random.Philox(seed)) for seed in range(5)]
    return [rng.choice(n_frames, min(n, n_frames), replace=False) for rng in rngs]


_BASELINES = {"evenly spaced": _evenly, "random": _at_random}


def _indexed(path: Path, mode: str) -> _Way:
    with framesift.index(path, decode=mode) as index:
        reader, record = index.reader(0), index.records[0]
        thumbnails = reader.read("thumbnails").reshape(record.n_rows, -1).astype(np.float32)
        frames = reader.frames()
    with open_video(path) as (container, stream):
        some = record.decoded in ("coarse", "keyframes")
        reader_of = reference_reader(record.codec, stream.codec_context.extradata) if some else None
        packets = read_packets(container, stream, references=reader_of)
    planned = parts(packets, packets.segments)
    if record.decoded == "keyframes":
        plan = KeyframePlan(packets, range(len(packets.pts)), record.width * record.height)
        at = np.searchsorted(frames, [part.frames[0] for part in plan.keys])
        squares = [
            int(np.square(thumbnails[b] - thumbnails[a], dtype=np.float64).sum()) for a, b in pairwise(at)
        ]
        planned = plan.with_more(np.array(squares, np.int64))
    seconds = _decoding_s(path, packets, planned, record.shortcuts)
    return _Way(mode, frames, thumbnails, seconds, record.decoded)


def _beginning(packets: PacketIndex, segment: Segment) -> Part:
    """The first tenth of the packets of a segment."""
    n_packets = -(-segment.n_packets // 10)
    position = packets.position[segment.start : segment.stop]
    fed = np.flatnonzero(position < segment.position + n_packets) + segment.start
    return Part(segment._replace(n_packets=n_packets), fed)


def _decoding_s(
    path: Path, packets: PacketIndex, planned: Iterable[Part], shortcuts: dict[str, str] | None = None
) -> float:
    """Processor seconds of decoding, by one thread, the best of three."""
    needed = ~packets.droppable
    seconds = []
    for _ in range(3):
        with open_video(path, shortcuts=shortcuts) as (container, stream):
            decoder = Decoder(container, stream)
            began = time.process_time()
            for part in planned:
                for _frame in decoder.segment(part.segment, packets.pts[part.frames], needed):
                    pass
            seconds.append(time.process_time() - began)
    return min(seconds)


# The table --------------------------------------------------------------------------------------------------------

_COLUMNS = (
    "x exact",
    "/ ffmpeg",
    "decoding",
    "error",
    *(f"{what} {n}" for n in PICKS for what in ("radius", "mean")),
)


def _shown(row: Row) -> Row:
    names = (
        row["mode"] if row.get("decoded", "") in ("", row["mode"]) else f"{row['mode']} ({row['decoded']})"
    )
    cells = {name: row.get(name, "") for name in _COLUMNS}
    return {"clip": row["clip"], "mode": names, "frames": row["n_rows"], **cells}


def _geometric_mean(mode: str, rows: list[Row]) -> Row:
    def mean(name: str) -> float | str:
        values = [row[name] for row in rows if isinstance(row[name], float) and row[name] > 0]
        return exp(sum(map(log, values)) / len(values)) if len(values) == len(rows) else ""

    return {"clip": "geometric mean", "mode": mode, "frames": "", **{name: mean(name) for name in _COLUMNS}}
