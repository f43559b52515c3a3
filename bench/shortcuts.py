"""Suite ``shortcuts``: what each way to decode faster costs in thumbnails, whether a mode uses it or not."""

import time
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.video.stream import VideoStream

from framesift.measure import make_view
from framesift.video.container import open_video
from framesift.video.planes import luma
from framesift_kernels import load

from . import clips
from .record import is_over, shared

_FRAMES = {"tiny": 60, "small": 300, "full": 3000}
_LOOP_FILTER = [{"skip_loop_filter": value} for value in ("noref", "bidir", "nokey", "all")]
_LOWRES = [{"lowres": value} for value in ("1", "2")]
_RUN = 12
"""Frames over which an error may add up: the worst mean of so many that follow each other."""
_SIDES = (64, 48, 32)
"""Longer sides of thumbnails of MJPEG, whose error depends on how much smaller they are."""

Row = dict[str, Any]
U8 = npt.NDArray[np.uint8]


def run(size: str) -> tuple[list[Row], list[Row]]:
    """Raw measurements, and a row a clip and decoder option.

    ``error`` is the mean difference of thumbnails from those of a plain decode in grey levels, over the frames of
    the clip's beginning, and ``worst`` the largest mean of 12 in a row. ``decoding`` is processor time over that of
    a plain decode, by one thread, the best of three.
    """
    rows: list[Row] = []
    for path in shared(clips.real() or [clips.noisy(320, 180, _FRAMES["tiny"])]):
        with av.open(str(path)) as container:
            codec = container.streams.video[0].codec_context.name
        if codec in ("h264", "hevc"):
            rows += _rows(path, 64, _LOOP_FILTER, _FRAMES[size])
        elif codec == "mpeg4":
            rows += _rows(path, 64, _LOWRES, _FRAMES[size])
    source = (clips.real() or [clips.noisy(320, 180, _FRAMES["tiny"])])[0]
    for side in _SIDES:
        if is_over(f"MJPEG to {side} pixels"):
            continue
        rows += _rows(_mjpeg(source, _FRAMES[size]), side, _LOWRES, _FRAMES[size])
    return rows, rows


def _rows(path: Path, side: int, ways: list[dict[str, str]], n_frames: int) -> list[Row]:
    truth, plain_s = _decoded(path, side, {}, n_frames)
    rows = []
    for way in ways:
        found, seconds = _decoded(path, side, way, n_frames)
        each = np.abs(found.astype(np.int16) - truth).reshape(len(truth), -1).mean(axis=1)
        in_a_row = np.convolve(each, np.ones(_RUN) / _RUN, "valid")
        rows.append(
            {
                "clip": path.name,
                "thumbnail": f"{truth.shape[2]}x{truth.shape[1]}",
                "option": " ".join(f"{name}={value}" for name, value in way.items()),
                "error": float(each.mean()),
                "worst": float(in_a_row.max()),
                "decoding": seconds / plain_s,
            }
        )
    return rows


def _decoded(path: Path, side: int, way: dict[str, str], n_frames: int) -> tuple[U8, float]:
    """Thumbnails, full range, and processor seconds of decoding alone."""
    kernels = load("cpu")
    seconds = []
    for _ in range(3):
        thumbnails, spent, shape = [], 0.0, (0, 0)
        with open_video(path, shortcuts=way) as (container, stream):
            if not shape[0]:
                shape = make_view(stream.width, stream.height, 0, None, side).shape
            began = time.process_time()
            for frame in container.decode(stream):
                spent += time.process_time() - began
                out = np.empty(shape, np.uint8)
                region = (0, frame.width, 0, frame.height)
                kernels.thumbnail(luma(frame.planes[0], 8), region, 1.0, 0.0, out)
                thumbnails.append(out)
                if len(thumbnails) == n_frames:
                    break
                began = time.process_time()
        seconds.append(spent)
    return np.stack(thumbnails), min(seconds)


def _mjpeg(source: Path, n_frames: int) -> Path:
    """The beginning of a clip as MJPEG, 640 pixels wide; cached."""
    path = clips.CACHE / f"{source.stem}-{n_frames}-mjpeg.avi"
    if path.exists():
        return path
    clips.CACHE.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.avi")
    with av.open(str(source)) as container, av.open(str(partial), "w") as target:
        stream = target.add_stream("mjpeg", rate=30)
        assert isinstance(stream, VideoStream)
        given = container.streams.video[0]
        stream.width, stream.height = 640, given.height * 640 // given.width // 16 * 16
        stream.pix_fmt = "yuvj420p"
        for number, frame in enumerate(container.decode(given)):
            if number == n_frames:
                break
            plain = av.VideoFrame.from_ndarray(frame.to_ndarray(format="rgb24"), format="rgb24")
            made = plain.reformat(stream.width, stream.height, "yuvj420p", dst_color_range=2)
            made.pts = number
            target.mux(stream.encode(made))
        target.mux(stream.encode(None))
    partial.replace(path)
    return path
