"""Frames → a video, which is there whole or not at all."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import IO

import av
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ..errors import ResourceError, UsageError
from ..files import write_atomically
from ..video.container import reason
from .canvas import FORMAT

CODECS = {"h264": "libx264", "h265": "libx265", "mpeg4": "mpeg4"}
_OPTIONS = {
    "h264": {"preset": "veryfast", "crf": "20"},
    "h265": {"preset": "veryfast", "crf": "22", "x265-params": "log-level=none"},
    "mpeg4": {"flags": "+qscale", "global_quality": "354"},  # 3 times FF_QP2LAMBDA
}
_MOST_TICKS = 65535
"""MPEG-4 counts time in at most so many parts of a second."""

Timed = tuple[VideoFrame, int | None]
"""A frame of `canvas.Canvas`, and when it is shown, if times are known."""


def check_codec(codec: str) -> None:
    """Refuse a codec that there is not.

    Raises
    ------
    UsageError
        It is not one of `CODECS`, or this build of FFmpeg has no encoder for it.
    """
    if codec not in CODECS:
        raise UsageError(f"codec must be one of {', '.join(CODECS)}, got {codec!r}")
    if CODECS[codec] not in av.codecs_available:
        raise UsageError(f"this build of FFmpeg has no encoder {CODECS[codec]} for {codec}; use mpeg4")


def encode(
    path: Path,
    frames: Iterable[Timed],
    *,
    codec: str,
    rate: Fraction,
    time_base: Fraction | None,
    threads: int,
) -> int:
    """Encode *frames* to an ``.mp4`` as they come, and return their number.

    Memory: of some tens of frames, which encoders look ahead.

    Parameters
    ----------
    path
        The ``.mp4``.
    codec
        One of `CODECS`, see `check_codec`.
    rate
        Frames a second.
    time_base
        Of the times of the frames; None: they follow each other at the rate.

    Raises
    ------
    ResourceError
        The disk is full, or the encoder gives up.
    """
    rate = rate.limit_denominator(1001) if codec != "mpeg4" else rate.limit_denominator(_MOST_TICKS // 1000)
    base = None if codec == "mpeg4" else time_base

    n = 0

    def write(file: IO[bytes]) -> None:
        nonlocal n
        with av.open(file, "w", format="mp4") as container:
            n = _encode(container, frames, codec, rate, base, threads)

    try:
        write_atomically(path, write)
    except av.FFmpegError as e:
        raise ResourceError(f"{path} could not be written ({reason(e)})") from e
    return n


def _encode(
    container: OutputContainer,
    frames: Iterable[Timed],
    codec: str,
    rate: Fraction,
    time_base: Fraction | None,
    threads: int,
) -> int:
    stream: VideoStream | None = None
    n, last = 0, -1
    for frame, pts in frames:
        if stream is None:
            stream = container.add_stream(CODECS[codec], rate=rate, options=_OPTIONS[codec])  # type: ignore[assignment]
            assert stream is not None
            _set_up(stream, frame, time_base or 1 / rate, threads)
        if time_base is None or pts is None:
            frame.pts, frame.time_base = n, 1 / rate
        else:  # times that repeat cannot be encoded: a tick later
            last = max(pts, last + 1)
            frame.pts, frame.time_base = last, time_base
        container.mux(stream.encode(frame))
        n += 1
    if stream is not None:
        container.mux(stream.encode(None))
    return n


def _set_up(stream: VideoStream, frame: VideoFrame, time_base: Fraction, threads: int) -> None:
    context = stream.codec_context
    context.width, context.height, context.pix_fmt = frame.width, frame.height, FORMAT
    context.time_base = time_base
    context.thread_count = threads
    context.colorspace, context.color_range = frame.colorspace, frame.color_range
    context.color_primaries, context.color_trc = frame.color_primaries, frame.color_trc
