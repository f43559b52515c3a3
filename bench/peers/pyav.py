"""PyAV with frame threads: decoding from Python, no pixel looked at; and single frames as pictures."""

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


# Frame indices are turned into times by the average rate, as tools that use it do.
_SEEKING = """
import sys, av
from pathlib import Path
picks, out, counter = [int(x) for x in sys.argv[2].split(",")], Path(sys.argv[3]), Path(sys.argv[4])
n = 0
with av.open(sys.argv[1]) as container:
    stream = container.streams.best("video")
    stream.thread_type, stream.codec_context.thread_count = "AUTO", int(sys.argv[5])
    for pick in picks:
        pts = (stream.start_time or 0) + round(pick / stream.average_rate / stream.time_base)
        container.seek(pts, stream=stream)
        for frame in container.decode(stream):
            n += 1
            if frame.pts >= pts:
                frame.to_image().save(out / f"img{pick:06}.png", compress_level=3)
                break
counter.write_text(str(n))
"""
_PASSING = """
import sys, av
from pathlib import Path
picks, out, counter = {int(x) for x in sys.argv[2].split(",")}, Path(sys.argv[3]), Path(sys.argv[4])
with av.open(sys.argv[1]) as container:
    stream = container.streams.best("video")
    stream.thread_type, stream.codec_context.thread_count = "FRAME", int(sys.argv[5])
    for n, frame in enumerate(container.decode(stream)):
        if n in picks:
            frame.to_image().save(out / f"img{n:06}.png", compress_level=3)
        if n == max(picks):
            break
counter.write_text(str(n + 1))
"""


def seeking(path: Path, picks: list[int]) -> list[str]:
    """Command that seeks to each frame of *picks*; a folder, a file for its count, and threads are to follow."""
    return [sys.executable, "-c", _SEEKING, str(path), ",".join(map(str, picks))]


def passing(path: Path, picks: list[int]) -> list[str]:
    """The same by decoding everything up to the last of them."""
    return [sys.executable, "-c", _PASSING, str(path), ",".join(map(str, picks))]
