"""Suite ``modes``: what each decode mode saves and what it costs, beside ffmpeg and simpler ways to leave frames out."""

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from itertools import pairwise
from math import exp, inf, log
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

from . import clips
from .metrics import distance_to_nearest, k_center
from .peers import ffmpeg
from .record import alternate, shared, turns
from .results import Settings, by, middle_of

MODES = ("exact", "fast", "coarse", "keyframes")
PICKS = (20, 100)
_TENTH = "first tenth of GOPs"
_FRAMES = {"tiny": 120, "small": 600, "full": 1800}
_REPEATS = {"tiny": 1, "small": 3, "full": 5}
"""Of what takes a tenth of the others' time; those once, but for ``full``."""
_LONGER = {"tiny": 1, "small": 2, "full": 20}
"""How often a real clip is repeated to be timed: as it is, opening a store is some of it."""

Row = dict[str, Any]
F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]


def measure(settings: Settings) -> list[Row]:
    """Of each clip the indexing in each mode, and ffmpeg; and what the frames chosen are worth."""
    size = settings.size
    measurements: list[Row] = []
    for path in shared(_material(size)):
        longer = path if size == "tiny" else clips.repeated(path, _LONGER[size])
        found = [*_looked_at(longer, size), *_ffmpeg(path, size), *_quality(path, longer, size)]
        measurements += [{"clip": path.name, **row} for row in found]
    return measurements


def rows(measurements: list[Row]) -> list[Row]:
    """A row for each clip and way of choosing.

    ``x exact`` is how many times more frames of the video a second are done with than in exact: demuxing, decoding and
    storing by all cores, in a process that is warm; in exact and keyframes of the clip some times over, since of the
    clip as it is opening and committing a store is some of it. Of fast and coarse with size full only (of fast see suite
    ``decode``). ``/ ffmpeg`` is the time a frame over that of the ffmpeg
    program, which decodes alone. ``decoding`` is the processor's time of decoding alone, over that of all frames; of
    fast and coarse with size full only.
    ``error`` is the mean difference of the thumbnails in grey levels. ``radius n`` (the largest distance from any
    frame of the video to the nearest of n chosen ones, between thumbnails decoded exactly) and ``mean n`` are over
    those of the greedy coreset of all frames; every mode chooses by the same greedy coreset of its frames.
    """
    timed = [row for row in measurements if "frame_s" in row]
    frame_s = {at: middle_of(runs, "frame_s") for at, runs in by(timed, "clip", "program").items()}
    found = [{**_speed(row["clip"], row["mode"], frame_s), **row} for row in measurements if "mode" in row]
    shown = [_shown(row) for row in found]
    if len({row["clip"] for row in found}) > 1:
        modes = dict.fromkeys(row["mode"] for row in found)
        shown += [_geometric_mean(name, [row for row in shown if row["mode"] == name]) for name in modes]
    return shown


def _threads() -> int:
    return os.cpu_count() or 1


def _material(size: str) -> list[Path]:
    # The cheapest first, so that all are begun where the time is short.
    real = sorted(clips.real(), key=_pixels) if size != "tiny" else []
    made = clips.noisy(320, 180, _FRAMES["tiny"], gop=20) if size == "tiny" else None
    return real or [made or clips.noisy(1280, 720, _FRAMES[size])]


# Speed ------------------------------------------------------------------------------------------------------------


def _pixels(path: Path) -> int:
    with open_video(path) as (_, stream):
        return stream.frames * stream.width * stream.height


def _looked_at(path: Path, size: str) -> list[Row]:
    """Times of ``keyframes``, after one that does not count."""
    found = [_index(path, "keyframes")[1] for turn in turns(_REPEATS[size])]
    return found[1:]


def _index(path: Path, mode: str) -> tuple[framesift.Index, Row]:
    """An index, and how long it took."""
    began = time.perf_counter()
    made = framesift.index(path, decode=mode, threads=_threads(), isolate=False)
    wall_s = time.perf_counter() - began
    return made, {"program": f"framesift {mode}", "frame_s": wall_s / made.records[0].n_frames}


def _ffmpeg(path: Path, size: str) -> list[Row]:
    if (peer := ffmpeg.decode(path, _threads())) is None:
        return []
    little = ffmpeg.decode(clips.noisy(320, 180, 60), _threads())
    repeats = _REPEATS[size] if size == "full" else 1
    runs = alternate({"ffmpeg": peer}, repeats, little={"ffmpeg": little} if little else None)
    n = clips.count(path)
    return [{"program": "ffmpeg", **asdict(run), "frame_s": run.wall_s / n} for run in runs.get("ffmpeg", [])]


def _speed(clip: str, mode: str, frame_s: dict[tuple[Any, ...], float]) -> Row:
    if (clip, f"framesift {mode}") not in frame_s:
        return {}
    exact, taken = (frame_s[clip, f"framesift {name}"] for name in ("exact", mode))
    row: Row = {"x exact": exact / taken}
    if (clip, "ffmpeg") in frame_s:
        row["/ ffmpeg"] = taken / frame_s[clip, "ffmpeg"]
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


def _quality(path: Path, longer: Path, size: str) -> list[Row]:
    repeats = {
        name: 3 if size == "full" else int(name not in ("fast", "coarse")) for name in (*MODES, _TENTH)
    }
    timed: list[Row] = []
    on_longer = ("exact", "fast", "coarse") if size == "full" else ("exact",)
    ways = [
        _indexed(path, mode, repeats[mode], longer if mode in on_longer else path, timed) for mode in MODES
    ]
    full = ways[0]
    with open_video(path) as (container, stream):
        packets = read_packets(container, stream)
    tenth = [_beginning(packets, segment) for segment in packets.segments]
    frames = np.concatenate([part.frames for part in tenth])
    ways.append(
        _Way(_TENTH, frames, full.thumbnails[frames], _decoding_s(path, packets, tenth, repeats[_TENTH]))
    )
    best = {n: distance_to_nearest(full.thumbnails, k_center(full.thumbnails, n)) for n in PICKS}
    alike = [
        f"framesift {mode}" for mode in (MODES[:3] if longer == path else on_longer)
    ]  # timed on one clip
    rows = [row for row in timed if row["program"] in alike]
    for way in ways:
        error = np.abs(way.thumbnails - full.thumbnails[way.frames]).mean()
        row: Row = {
            "mode": way.name,
            "decoded": way.decoded,
            "n_frames": len(full.frames),
            "n_rows": len(way.frames),
            "decoding": way.decoding_s / full.decoding_s if way.decoding_s < inf else "",
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


def _indexed(path: Path, mode: str, repeats: int, longer: Path, timed: list[Row]) -> _Way:
    """The frames that a mode gives of *path*, from an index of *longer*, which begins like it."""
    made, row = _index(longer, mode)
    timed.append(row)
    with made:
        reader, record = made.reader(0), made.records[0]
        frames = reader.frames()
        frames = frames[frames < clips.count(path)]
        thumbnails = reader.read("thumbnails")[: len(frames)].reshape(len(frames), -1).astype(np.float32)
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
    seconds = _decoding_s(path, packets, planned, repeats, record.shortcuts)
    return _Way(mode, frames, thumbnails, seconds, record.decoded)


def _beginning(packets: PacketIndex, segment: Segment) -> Part:
    """The first tenth of the packets of a segment."""
    n_packets = -(-segment.n_packets // 10)
    position = packets.position[segment.start : segment.stop]
    fed = np.flatnonzero(position < segment.position + n_packets) + segment.start
    return Part(segment._replace(n_packets=n_packets), fed)


def _decoding_s(
    path: Path,
    packets: PacketIndex,
    planned: Iterable[Part],
    repeats: int,
    shortcuts: dict[str, str] | None = None,
) -> float:
    """Processor seconds of decoding, by one thread, the best of some; infinite of none."""
    needed = ~packets.droppable
    seconds = []
    for _ in range(repeats):
        with open_video(path, shortcuts=shortcuts) as (container, stream):
            decoder = Decoder(container, stream)
            began = time.process_time()
            for part in planned:
                for _frame in decoder.segment(part.segment, packets.pts[part.frames], needed):
                    pass
            seconds.append(time.process_time() - began)
    return min(seconds, default=inf)


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
