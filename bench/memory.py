"""Suite ``memory``: peak memory of indexing against the length of the video."""

import os
from typing import Any

from framesift.ingest.memory import chunk_bytes, length_bytes

from . import clips, ours
from .record import measure

_SIZES = {"tiny": (320, 180, 60), "small": (1920, 1080, 1800), "full": (1920, 1080, 1800)}
"""Width, height, and frames: at 30 a second a minute, but for tiny."""
_TIMES = {"tiny": (1, 4), "small": (1, 10), "full": (1, 60)}

Row = dict[str, Any]


def run(size: str) -> tuple[list[Row], list[Row]]:
    """Raw measurements, and a row a length and way to decode it, every frame of it.

    ``more MB`` is the peak over that of the shortest clip. ``formula MB`` is what may be more of it: the packet
    index (`ingest.memory.length_bytes`) and chunks of rows that a short clip does not fill (`chunk_bytes`). The
    clip is as cheap to decode as video can be; its pictures are of full size all the same.
    """
    threads = os.cpu_count() or 1
    width, height, n_frames = _SIZES[size]
    clip = clips.quiet(width, height, n_frames)
    shape = (round(64 * height / width), 64)
    measure(ours.index(clip, threads))
    rows: list[Row] = []
    for color in (False, True):
        first: Row = {}
        for times in _TIMES[size]:
            path = clip if times == 1 else clips.repeated(clip, times)
            found = measure(ours.index(path, threads, color=color))
            n = times * n_frames
            peak = found.peak_rss_bytes
            first = first or {"peak": peak, "chunks": _chunks(n, shape, threads, color), "length": n}
            more = length_bytes(n - first["length"], threads)
            more += _chunks(n, shape, threads, color) - first["chunks"]
            rows.append(
                {
                    "clip": path.name,
                    "color": "yes" if color else "no",
                    "minutes": n / 30 / 60,
                    "frames": n,
                    "seconds": found.wall_s,
                    "frames/s": n / found.wall_s,
                    "peak MB": peak / 2**20,
                    "more MB": (peak - first["peak"]) / 2**20,
                    "formula MB": more / 2**20,
                }
            )
    return rows, rows


def _chunks(n_frames: int, shape: tuple[int, int], threads: int, color: bool) -> int:
    """Bytes of rows that wait for their chunk: all there are, or as many as may be."""
    row = shape[0] * shape[1] * (3 if color else 1)
    return min(chunk_bytes(shape, threads, color=color), n_frames * row)
