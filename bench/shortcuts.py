"""Suite ``shortcuts``: what each way to decode faster costs in thumbnails, whether a mode uses it or not."""

import time
from itertools import islice
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
from .record import shared

_REPEATS = {"tiny": 1, "small": 2, "full": 3}
_FRAMES = {"tiny": 60, "small": 300, "full": 3000}
_LOOP_FILTER = [{"skip_loop_filter": value} for value in ("noref", "bidir", "nokey", "all")]
_LOWRES = [{"lowres": value} for value in ("1", "2")]
_WAYS = {"h264": _LOOP_FILTER, "hevc": _LOOP_FILTER, "mpeg4": _LOWRES, "mjpeg": _LOWRES}
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
    a plain decode, by one thread, the best of some.
    """
    rows: list[Row] = []
    paths = clips.real() or [clips.noisy(320, 180, _FRAMES["tiny"])]
    for path in shared([*paths, _mjpeg(paths[0], _FRAMES[size])]):
        with av.open(str(path)) as container:
            codec = container.streams.video[0].codec_context.name
        if codec in _WAYS:
            sides = _SIDES if codec == "mjpeg" else _SIDES[:1]
            rows += _rows(path, sides, _WAYS[codec], _FRAMES[size], _REPEATS[size])
    return rows, rows


def _rows(
    path: Path, sides: tuple[int, ...], ways: list[dict[str, str]], n_frames: int, repeats: int
) -> list[Row]:
    truth, plain_s = _decoded(path, sides, {}, n_frames, repeats)
    found = [(way, *_decoded(path, sides, way, n_frames, repeats)) for way in ways]
    return [
        {
            "clip": path.name,
            "thumbnail": f"{exact.shape[2]}x{exact.shape[1]}",
            "option": " ".join(f"{name}={value}" for name, value in way.items()),
            **_errors(exact, thumbnails[side]),
            "decoding": seconds / plain_s,
        }
        for side, exact in truth.items()
        for way, thumbnails, seconds in found
    ]


def _errors(exact: U8, found: U8) -> Row:
    each = np.abs(found.astype(np.int16) - exact).reshape(len(exact), -1).mean(axis=1)
    in_a_row = np.convolve(each, np.ones(_RUN) / _RUN, "valid")
    return {"error": float(each.mean()), "worst": float(in_a_row.max())}


def _decoded(
    path: Path, sides: tuple[int, ...], way: dict[str, str], n_frames: int, repeats: int
) -> tuple[dict[int, U8], float]:
    """Thumbnails of each side, full range, and processor seconds of decoding alone, the least of some times."""
    seconds: list[float] = []
    thumbnails: dict[int, list[U8]] = {side: [] for side in sides}
    for _ in range(repeats):
        spent = 0.0
        with open_video(path, shortcuts=way) as (container, stream):
            frames = islice(container.decode(stream), n_frames)
            began = time.process_time()
            for frame in frames:
                spent += time.process_time() - began
                for side, made in thumbnails.items() if not seconds else ():
                    made.append(
                        _thumbnail(frame, make_view(stream.width, stream.height, 0, None, side).shape)
                    )
                began = time.process_time()
        seconds.append(spent)
    return {side: np.stack(made) for side, made in thumbnails.items()}, min(seconds)


def _thumbnail(frame: Any, shape: tuple[int, int]) -> U8:
    out = np.empty(shape, np.uint8)
    load("cpu").thumbnail(luma(frame.planes[0], 8), (0, frame.width, 0, frame.height), 1.0, 0.0, out)
    return out


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
