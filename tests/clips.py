"""Small clips made by PyAV, with the number of each frame painted in so that it can be read off the pixels."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
from av.video.frame import PictureType, VideoFrame

Picture = npt.NDArray[np.uint8]

RATE = 25
_COLUMNS, _ROWS = 8, 2
_NUMBER_BITS = 12
_X264 = {"preset": "ultrafast", "sc_threshold": "0"}
_CLOSED = {**_X264, "bf": "3", "x264-params": "scenecut=0"}
_OPEN = {**_X264, "bf": "3", "x264-params": "open-gop=1:scenecut=0:keyint=12:min-keyint=6"}
_X265 = {"preset": "ultrafast"}
_X265_OPEN = {
    **_X265,
    "x265-params": "open-gop=1:keyint=12:min-keyint=6:bframes=3:scenecut=0:log-level=none:pools=1",
}
_JITTER = np.random.Generator(np.random.Philox(7)).integers(1, 90, 200)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """How a clip is encoded; see `make_clip`, whose parameters these are."""

    suffix: str = ".mp4"
    codec: str = "libx264"
    n: int = 60
    size: tuple[int, int] = (96, 64)
    pix_fmt: str = "yuv420p"
    gop: int = 12
    options: dict[str, str] = field(default_factory=dict)
    muxer: dict[str, str] = field(default_factory=dict)
    pts: Sequence[int] | None = None
    start_pts: int = 0
    rotation: int = 0
    hidden: int = 0
    keys: tuple[int, ...] = ()
    full_range: bool = False
    segments: bool = True
    """Its frames can be reached segment by segment: nothing forces a sequential decode."""

    def make(self, path: Path) -> Path:
        """Write the clip to *path*, or skip the test where this build of FFmpeg has no such encoder."""
        if self.codec not in av.codecs_available:
            pytest.skip(f"this build of PyAV has no encoder {self.codec}")
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        del values["suffix"], values["segments"]
        return make_clip(path, **values)


_H264 = Clip(options=_CLOSED)
_MPEG2 = Clip(codec="mpeg2video", options={"bf": "2", "b": "2M"})

CLIPS = {
    "h264_b_frames": _H264,
    "h264_no_b_frames": Clip(options={**_X264, "bf": "0", "x264-params": "scenecut=0"}),
    "h264_b_pyramid_4_refs": Clip(
        options={
            "preset": "veryfast",
            "bf": "4",
            "x264-params": "scenecut=0:b-pyramid=normal:ref=4:b-adapt=0",
        }
    ),
    "h264_open_gop": Clip(options=_OPEN),
    "h264_open_gop_mkv": Clip(suffix=".mkv", options=_OPEN),
    "h264_one_keyframe": replace(_H264, gop=1000),
    "h264_all_intra": Clip(n=40, gop=1, options=_X264),
    "h264_intra_refresh": Clip(
        gop=15,
        options={**_X264, "x264-params": "intra-refresh=1:scenecut=0:bframes=0:keyint=15"},
        segments=False,
    ),
    "h264_near_keyframes": replace(
        _H264, keys=(7, 8, 11, 30, 31, 32), options={**_CLOSED, "forced-idr": "1"}
    ),
    "h264_near_keyframes_open": replace(_H264, keys=(7, 8, 11, 30, 31, 32), options=_OPEN),
    "h264_444": replace(_H264, pix_fmt="yuv444p"),
    "h264_422": replace(_H264, pix_fmt="yuv422p"),
    "h264_full_range": replace(_H264, pix_fmt="yuvj420p", full_range=True),
    "h264_10_bit": replace(_H264, pix_fmt="yuv420p10le"),
    "h264_interlaced": replace(_H264, size=(96, 96), options={**_CLOSED, "flags": "+ildct+ilme"}),
    "h264_vfr": replace(_H264, pts=tuple(int(t) for t in np.cumsum(_JITTER))),
    "h264_start": replace(_H264, start_pts=1234),
    "h264_start_mkv": replace(_H264, suffix=".mkv", start_pts=1234),
    "h264_hidden_start": replace(_H264, hidden=5),
    "h264_hidden_gop": replace(_H264, hidden=14),
    "h264_fragmented": replace(_H264, muxer={"movflags": "frag_keyframe+empty_moov"}),
    "h264_faststart": replace(_H264, muxer={"movflags": "faststart"}),
    "h264_odd": replace(_H264, pix_fmt="yuv444p", size=(161, 121), n=40),
    "h264_portrait": replace(_H264, size=(64, 112)),
    "h264_rotated_90": replace(_H264, rotation=90),
    "h264_rotated_180": replace(_H264, rotation=180),
    "h264_rotated_270": replace(_H264, rotation=270),
    "h264_odd_rotated": replace(_H264, pix_fmt="yuv444p", size=(97, 65), rotation=90, n=30),
    "h264_mkv": replace(_H264, suffix=".mkv"),
    "h264_mov": replace(_H264, suffix=".mov"),
    "h264_ts": replace(_H264, suffix=".ts"),
    "h264_raw": replace(_H264, suffix=".h264", segments=False),
    "h264_avi": Clip(suffix=".avi", options=_CLOSED, segments=False),
    "hevc": Clip(
        codec="libx265",
        options={**_X265, "x265-params": "open-gop=0:log-level=none:pools=1:bframes=3:scenecut=0"},
    ),
    "hevc_leading_frames": Clip(
        codec="libx265",
        options={
            **_X265,
            "x265-params": "open-gop=0:radl=2:keyint=12:min-keyint=12:bframes=3:scenecut=0:log-level=none:pools=1",
        },
    ),
    "hevc_open_gop": Clip(codec="libx265", options=_X265_OPEN),
    "hevc_10_bit": Clip(codec="libx265", pix_fmt="yuv420p10le", options=_X265_OPEN),
    "mpeg4_avi": Clip(suffix=".avi", codec="mpeg4"),
    "mpeg4_b_frames_avi": Clip(suffix=".avi", codec="mpeg4", options={"bf": "2"}),
    "mpeg4_mkv": Clip(suffix=".mkv", codec="mpeg4", options={"bf": "2"}),
    "mpeg4_mp4": Clip(codec="mpeg4", options={"bf": "2"}),
    "mjpeg_avi": Clip(suffix=".avi", codec="mjpeg", pix_fmt="yuvj420p", full_range=True, n=40),
    "mjpeg_raw": Clip(suffix=".mjpeg", codec="mjpeg", pix_fmt="yuvj420p", full_range=True, n=20),
    "mpeg2_ts": replace(_MPEG2, suffix=".ts"),
    "mpeg2_mpg": replace(_MPEG2, suffix=".mpg"),
    "mpeg2_mkv": replace(_MPEG2, suffix=".mkv"),
    "vp8": Clip(suffix=".webm", codec="libvpx", options={"deadline": "realtime", "cpu-used": "8"}),
    "vp8_lag": Clip(
        suffix=".webm",
        codec="libvpx",
        gop=24,
        options={"deadline": "good", "cpu-used": "5", "auto-alt-ref": "1", "lag-in-frames": "16"},
    ),
    "vp9_alt_ref": Clip(
        suffix=".webm",
        codec="libvpx-vp9",
        gop=24,
        options={"deadline": "good", "cpu-used": "8", "auto-alt-ref": "1", "lag-in-frames": "16"},
    ),
    "vp9_odd_mp4": Clip(
        codec="libvpx-vp9", size=(161, 121), options={"deadline": "realtime", "cpu-used": "8"}
    ),
    "av1": Clip(codec="libsvtav1", options={"preset": "12", "svtav1-params": "lp=1"}),
    "av1_webm": Clip(suffix=".webm", codec="libsvtav1", options={"preset": "12", "svtav1-params": "lp=1"}),
    "ffv1": Clip(suffix=".mkv", codec="ffv1", n=30),
    "ffv1_rgb": Clip(suffix=".mkv", codec="ffv1", pix_fmt="bgr0", n=30),
    "ffv1_grey": Clip(suffix=".mkv", codec="ffv1", pix_fmt="gray", n=30),
    "ffv1_grey_16_bit": Clip(suffix=".mkv", codec="ffv1", pix_fmt="gray16le", n=30),
    "ffv1_alpha": Clip(suffix=".mkv", codec="ffv1", pix_fmt="yuva420p", size=(98, 66), n=30),
    "ffv1_16_bit": Clip(suffix=".mkv", codec="ffv1", pix_fmt="yuv444p16le", n=30),
    "raw_rgb_avi": Clip(suffix=".avi", codec="rawvideo", pix_fmt="bgr24", size=(66, 48), n=30),
    "raw_yuv_avi": Clip(suffix=".avi", codec="rawvideo", pix_fmt="yuv420p", n=30),
    "gif": Clip(suffix=".gif", codec="gif", pix_fmt="rgb8", n=30),
    "png_mov": Clip(suffix=".mov", codec="png", pix_fmt="rgb24", n=30),
}
"""Every kind of clip on which the index must be exact."""


def make_clip(
    path: Path,
    *,
    n: int = 60,
    size: tuple[int, int] = (96, 64),
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    gop: int = 12,
    options: dict[str, str] | None = None,
    muxer: dict[str, str] | None = None,
    pts: Sequence[int] | None = None,
    start_pts: int = 0,
    rotation: int = 0,
    hidden: int = 0,
    keys: Sequence[int] = (),
    full_range: bool = False,
    pictures: Sequence[Picture] | None = None,
) -> Path:
    """Write a clip of *n* frames whose numbers `painted_number` reads.

    Parameters
    ----------
    size
        Coded width and height.
    gop
        Frames from one keyframe to the next, at most.
    options, muxer
        Of the encoder and of the container.
    pts
        When each frame is shown, in milliseconds; 25 frames a second without it.
    start_pts
        When the first frame is shown, in milliseconds.
    rotation
        Degrees counterclockwise to turn the frames by to show them (MP4 and MOV).
    hidden
        Frames at the start that an edit list hides (MP4 and MOV).
    keys
        Frames that must be keyframes.
    pictures
        RGB pictures to show instead of the painted ones.
    """
    with av.open(str(path), "w", options=muxer or {}) as container:
        stream: Any = container.add_stream(codec, rate=RATE, options=dict(options or {}))
        stream.width, stream.height = size
        stream.pix_fmt = pix_fmt
        context = stream.codec_context
        context.gop_size = gop
        context.thread_count = 1
        if full_range:
            context.color_range = 2
        in_milliseconds = pts is not None or start_pts
        if in_milliseconds:
            context.time_base = Fraction(1, 1000)
        for number in range(n):
            picture = painted(number, size) if pictures is None else pictures[number]
            frame = _frame(picture, pix_fmt, full_range=full_range)
            frame.time_base = Fraction(1, 1000) if in_milliseconds else Fraction(1, RATE)
            shown = number * (1000 // RATE if in_milliseconds else 1) if pts is None else pts[number]
            frame.pts = shown + start_pts
            frame.pict_type = PictureType.I if number in keys else PictureType.NONE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    if rotation:
        _rotate(path, rotation)
    if hidden:
        _hide(path, hidden)
    return path


def painted(number: int, size: tuple[int, int]) -> Picture:
    """An RGB picture with *number* in black and white blocks across its top, above a texture that moves."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    red = 128 + 90 * np.sin((x + 3 * number) / 9) * np.cos((y - number) / 7)
    green = 128 + 80 * np.sin((x - y + 2 * number) / 11)
    blue = (x * 255 // width + 5 * number) % 256
    noise = np.random.Generator(np.random.Philox(number)).integers(-12, 13, (height, width))
    picture = np.stack([red + noise, green + noise, blue], axis=-1).clip(0, 255).astype(np.uint8)
    block = width / _COLUMNS
    for bit, is_set in enumerate(_bits(number)):
        row, column = divmod(bit, _COLUMNS)
        rows = slice(round(row * block), round((row + 1) * block))
        picture[rows, round(column * block) : round((column + 1) * block)] = 255 * is_set
    return picture


def _bits(number: int) -> list[int]:
    """The number and a check sum, which a picture without a number fails."""
    check = (number * 7 + 5) % 16
    coded = number << 4 | check
    return [coded >> bit & 1 for bit in range(_NUMBER_BITS + 4)]


def painted_number(picture: npt.NDArray[Any], *, turns: int = 0, size: tuple[int, int] | None = None) -> int:
    """Read the number off a grey or RGB picture of any scale, or a crop of one.

    Parameters
    ----------
    picture
        (h, w) or (h, w, 3), 0 to 255.
    turns
        Quarters counterclockwise by which the picture was turned after it was painted.
    size
        Width and height, in the scale of *picture*, of the whole of which it is the upper left crop.
    """
    grey = np.rot90(picture if picture.ndim == 2 else picture.mean(axis=2), -turns)
    block = (grey.shape[1] if size is None else size[0]) / _COLUMNS
    coded = 0
    for bit in range(_COLUMNS * _ROWS):
        row, column = divmod(bit, _COLUMNS)
        y, x = round((row + 0.3) * block), round((column + 0.3) * block)
        width = max(1, round(0.4 * block))
        coded |= int(grey[y : y + width, x : x + width].mean() > 127) << bit
    number = coded >> 4
    if coded & 15 != (number * 7 + 5) % 16:
        raise AssertionError(f"no number is painted into this picture: the bits are {coded:016b}")
    return number


def _frame(picture: Picture, pix_fmt: str, *, full_range: bool) -> VideoFrame:
    frame = VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    if pix_fmt == "rgb24":
        return frame
    return frame.reformat(format=pix_fmt, dst_color_range=2 if full_range else None)


def decode(path: Path) -> list[VideoFrame]:
    """Every frame of a plain sequential decode by PyAV as it comes: the truth."""
    with av.open(str(path)) as container:
        return list(container.decode(container.streams.best("video")))


# MP4 boxes, which PyAV cannot write ------------------------------------------------------------------------------


def _rotate(path: Path, rotation: int) -> None:
    """Write a display matrix that turns the picture counterclockwise."""
    a, b = {90: (0, -1), 180: (-1, 0), 270: (0, 1)}[rotation]
    matrix = struct.pack(">9i", a << 16, b << 16, 0, -b << 16, a << 16, 0, 0, 0, 1 << 30)
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd")
    assert data[at + 4] == 0, "a version 0 track header"
    data[at + 44 : at + 80] = matrix
    path.write_bytes(data)


def _hide(path: Path, n: int) -> None:
    """Let the edit list begin *n* frames later."""
    data = bytearray(path.read_bytes())
    at = data.index(b"elst")
    count, duration, media_time = struct.unpack_from(">IIi", data, at + 8)
    assert count == 1
    (media_scale,) = struct.unpack_from(">I", data, data.index(b"mdhd") + 16)
    (movie_scale,) = struct.unpack_from(">I", data, data.index(b"mvhd") + 16)
    struct.pack_into(
        ">Ii", data, at + 12, duration - n * movie_scale // RATE, media_time + n * media_scale // RATE
    )
    path.write_bytes(data)


# Damage ----------------------------------------------------------------------------------------------------------


def truncate(path: Path, fraction: float) -> Path:
    """Cut the end off a file."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * fraction)])
    return path


def corrupt(path: Path, seed: int, n_bytes: int) -> Path:
    """Overwrite *n_bytes* random bytes of a file by random ones."""
    rng = np.random.Generator(np.random.Philox(seed))
    data = bytearray(path.read_bytes())
    for at in rng.integers(0, len(data), n_bytes):
        data[at] = int(rng.integers(0, 256))
    path.write_bytes(data)
    return path
