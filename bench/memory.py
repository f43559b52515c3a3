"""Suite ``memory``: peak memory of indexing against the length of the video."""

import os
from typing import Any

from . import clips, ours
from .record import measure

_FRAMES = {"tiny": 60, "small": 600, "full": 1800}
_TIMES = {"tiny": (1, 4), "small": (1, 10), "full": (1, 60)}


def run(size: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Raw measurements, and a row a length."""
    threads = os.cpu_count() or 1
    width, height = (320, 180) if size == "tiny" else (1920, 1080)
    clip = clips.noisy(width, height, _FRAMES[size])
    measure(ours.index(clip, threads))
    rows = []
    for times in _TIMES[size]:
        path = clip if times == 1 else clips.repeated(clip, times)
        found = measure(ours.index(path, threads))
        rows.append(
            {
                "clip": path.name,
                "frames": times * _FRAMES[size],
                "seconds": found.wall_s,
                "frames/s": times * _FRAMES[size] / found.wall_s,
                "peak MB": found.peak_rss_bytes / 2**20,
            }
        )
    return rows, rows
