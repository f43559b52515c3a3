"""Suite ``memory``: peak memory of indexing against the length of the video."""

import os
from dataclasses import asdict
from typing import Any

from framesift.ingest.memory import chunk_bytes, length_bytes

from . import clips, ours, record
from .results import Settings, by

_SIZES = {"tiny": (320, 180, 60), "small": (1920, 1080, 1800), "full": (1920, 1080, 1800)}
"""Width, height, and frames: at 30 a second a minute, but for tiny."""
_TIMES = {"tiny": (1, 4), "small": (1, 4), "full": (1, 60)}

Row = dict[str, Any]


def measure(settings: Settings) -> list[Row]:
    """Whole processes, once each, that index a clip and a longer one, grey and in colour; after one on two seconds."""
    threads = os.cpu_count() or 1
    width, height, n_frames = _SIZES[settings.size]
    clip = clips.quiet(width, height, n_frames)
    measurements = []
    for color in ("no", "yes"):
        little = ours.index(clips.noisy(320, 180, 60), threads, color=color == "yes")
        record.measure(little)  # compiles what is not compiled yet
        for times in _TIMES[settings.size]:
            path = clip if times == 1 else clips.repeated(clip, times)
            found = record.measure(ours.index(path, threads, color=color == "yes"))
            row = {"clip": path.name, "program": record.OURS, "color": color, "n_frames": times * n_frames}
            shape = (round(64 * height / width), 64)
            measurements.append({**row, "threads": threads, "shape": shape, **asdict(found)})
    return measurements


def rows(measurements: list[Row]) -> list[Row]:
    """A row a length and way to decode it, every frame of it.

    ``peak MB`` is the sum of the peaks of the process that was started and of the one that decodes; what they share is
    counted twice.
    ``more MB`` is the peak over that of the shortest clip. ``formula MB`` is what may be more of it: the packet
    index (`ingest.memory.length_bytes`) and chunks of rows that a short clip does not fill (`chunk_bytes`). The
    clip is as cheap to decode as video can be; its pictures are of full size all the same.
    """
    shown = []
    for found in by(measurements, "color").values():
        first = found[0]
        for row in found:
            n = row["n_frames"]
            more = length_bytes(n - first["n_frames"], row["threads"]) + _chunks(row) - _chunks(first)
            shown.append(
                {
                    "clip": row["clip"],
                    "color": row["color"],
                    "minutes": n / 30 / 60,
                    "frames": n,
                    "seconds": row["wall_s"],
                    "frames/s": n / row["wall_s"],
                    "peak MB": row["peak_rss_bytes"] / 2**20,
                    "more MB": (row["peak_rss_bytes"] - first["peak_rss_bytes"]) / 2**20,
                    "formula MB": more / 2**20,
                }
            )
    return shown


def _chunks(row: Row) -> int:
    """Bytes of rows that wait for their chunk: all there are, or as many as may be."""
    (height, width), color = row["shape"], row["color"] == "yes"
    every = row["n_frames"] * height * width * (3 if color else 1)
    return min(chunk_bytes((height, width), row["threads"], color=color), every)
