"""PyAV with frame threads: decoding from Python, no pixel looked at."""

import sys
from pathlib import Path

_SCRIPT = """
import sys, av
with av.open(sys.argv[1]) as container:
    stream = container.streams.best("video")
    stream.thread_type, stream.codec_context.thread_count = "FRAME", int(sys.argv[2])
    for frame in container.decode(stream):
        pass
"""


def decode(path: Path, threads: int) -> list[str]:
    """Command that decodes *path*."""
    return [sys.executable, "-c", _SCRIPT, str(path), str(threads)]
