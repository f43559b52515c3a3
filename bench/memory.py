"""Suite ``memory``: peak memory of indexing against the length of the video."""

import os
from dataclasses import asdict
from typing import Any

from . import clips, ours, record
from .results import Settings

Row = dict[str, Any]

_FRAMES = {"tiny": 60, "small": 600, "full": 1800}
_TIMES = {"tiny": (1, 4), "small": (1, 10), "full": (1, 60)}


def measure(settings: Settings) -> list[Row]:
    """Whole processes that index a clip, and the same clip many times over."""
    threads, size = os.cpu_count() or 1, settings.size
    width, height = (320, 180) if size == "tiny" else (1920, 1080)
    clip = clips.noisy(width, height, _FRAMES[size])
    if size != "tiny":
        record.measure(ours.index(clip, threads))
    found = []
    for times in _TIMES[size]:
        path = clip if times == 1 else clips.repeated(clip, times)
        run = record.measure(ours.index(path, threads))
        found.append({"clip": path.name, "n_frames": times * _FRAMES[size], **asdict(run)})
    return found


def rows(measurements: list[Row]) -> list[Row]:
    """A row a length."""
    return [
        {
            "clip": found["clip"],
            "frames": found["n_frames"],
            "seconds": found["wall_s"],
            "frames/s": found["n_frames"] / found["wall_s"],
            "peak MB": found["peak_rss_bytes"] / 2**20,
        }
        for found in measurements
    ]
