"""decord: read every frame at thumbnail size, its own way of doing it."""

import importlib.util
import sys
from pathlib import Path

_SCRIPT = """
import sys, decord
first = decord.VideoReader(sys.argv[1])[0].shape
reader = decord.VideoReader(sys.argv[1], width=64, height=64 * first[0] // first[1], num_threads=int(sys.argv[2]))
for i in range(len(reader)):
    reader[i].asnumpy()
"""


def thumbnails(path: Path, threads: int) -> list[str] | None:
    """Command that decodes and downsamples *path*; None where decord is not installed."""
    if importlib.util.find_spec("decord") is None:
        return None
    return [sys.executable, "-c", _SCRIPT, str(path), str(threads)]
