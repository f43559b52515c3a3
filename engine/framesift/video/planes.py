"""Decoded planes as arrays, without a copy, and how their values become grey levels."""

import re
import sys
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

_FULL_RANGE = 2  # AVCOL_RANGE_JPEG
_LIMITED_RANGE = 1  # AVCOL_RANGE_MPEG
# Formats whose first plane is luma alone, in whole little-endian bytes: planar and semi-planar YUV, and grey.
_LUMA_FIRST = re.compile(r"(?:yuva?j?4[0-4][0-4]p(\d\d?)?(?:le)?|gray(\d\d?)?(?:le)?|nv(?:12|21|16|24|42))")
# How many columns and rows of the picture, as powers of two, a sample of its colour differences stands for.
_SHIFTS = {"444": (0, 0), "422": (1, 0), "420": (1, 1), "440": (0, 1), "411": (2, 0), "410": (2, 2)}
_NV_SHIFTS = {"nv12": (1, 1), "nv21": (1, 1), "nv16": (1, 0), "nv24": (0, 0), "nv42": (0, 0)}

Luma = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


class Reading(NamedTuple):
    """How to read the planes of frames of one format and size, and how luma becomes grey: ``v * gain + bias``."""

    depth: int
    """Bits of a luma sample."""
    gain: float
    bias: float
    row_bytes: tuple[int, ...]
    """Bytes that count in a row of each plane: what follows is padding."""


def reading_of(frame: VideoFrame) -> Reading | None:
    """How to read *frame* where its luma stands alone in its first plane, else None (see `Converter`)."""
    name = frame.format.name
    match = _LUMA_FIRST.fullmatch(name)
    if match is None or sys.byteorder != "little" or frame.planes[0].line_size < 0:
        return None
    depth = int(match[1] or match[2] or 8)
    if _is_full_range(frame, name):
        return Reading(depth, 255 / (2**depth - 1), 0.0, _row_bytes(frame, depth))
    return Reading(depth, 255 / (219 * 2 ** (depth - 8)), -16 * 255 / 219, _row_bytes(frame, depth))


def _is_full_range(frame: VideoFrame, name: str) -> bool:
    if name.startswith("gray"):  # as in swscale, grey is full range unless it says otherwise
        return frame.color_range != _LIMITED_RANGE
    return frame.color_range == _FULL_RANGE or name.startswith("yuvj")


def _row_bytes(frame: VideoFrame, depth: int) -> tuple[int, ...]:
    if frame.format.name.startswith("nv"):
        chroma = frame.width if frame.format.name in ("nv24", "nv42") else -(-frame.width // 2)
        return frame.width, 2 * chroma
    return tuple(plane.width * -(-depth // 8) for plane in frame.planes)


class ChromaReading(NamedTuple):
    """How to read the colour differences of frames of one format: ``v * gain + bias`` is a level around 128."""

    planes: tuple[int, ...]
    """Which planes: of blue (U) and of red (V), or of both by turns; none of a frame without colour."""
    shift: tuple[int, int]
    """See `framesift_kernels.cpu.chroma`."""
    depth: int
    gain: float
    bias: float
    red_first: bool


def chroma_reading_of(frame: VideoFrame) -> ChromaReading | None:
    """How to read the colour differences of *frame* from its planes; None: see `Converter`."""
    name = frame.format.name
    match = _LUMA_FIRST.fullmatch(name)
    if match is None or sys.byteorder != "little" or any(plane.line_size < 0 for plane in frame.planes):
        return None
    depth = int(match[1] or match[2] or 8)
    middle = 1 << depth - 1
    gain = 255 / (2 * middle - 1) if _is_full_range(frame, name) else 255 / (224 * 2 ** (depth - 8))
    bias = 128 - middle * gain
    if name.startswith("gray"):
        return ChromaReading((), (0, 0), depth, gain, bias, False)
    if name.startswith("nv"):
        return ChromaReading((1,), _NV_SHIFTS[name], depth, gain, bias, name in ("nv21", "nv42"))
    digits = name.removeprefix("yuv").lstrip("aj")[:3]
    if digits not in _SHIFTS:
        return None
    return ChromaReading((1, 2), _SHIFTS[digits], depth, gain, bias, False)


def luma(plane: VideoPlane, depth: int) -> Luma:
    """A plane as a (height, stride) array over the decoder's own memory; valid while its frame lives."""
    if depth == 8:
        return np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, -1)
    return np.frombuffer(memoryview(plane), np.uint16).reshape(plane.height, -1)


def words(plane: VideoPlane, row_bytes: int) -> npt.NDArray[np.uint64]:
    """A plane as a (height, words) uint64 array over the decoder's own memory, where its rows are whole words."""
    if plane.line_size % 8 == 0:
        return np.frombuffer(memoryview(plane), np.uint64).reshape(plane.height, -1)
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, -1)
    padded = np.zeros((plane.height, -(-row_bytes // 8) * 8), np.uint8)
    padded[:, :row_bytes] = rows[:, :row_bytes]
    return padded.view(np.uint64)


class Converter:
    """Turns frames of other formats (RGB, packed, palette, big-endian) into ones with readable planes.

    One per thread: FFmpeg's scaler keeps a context of megabytes.
    """

    def __init__(self) -> None:
        self._grey = VideoReformatter()
        self._rgb = VideoReformatter()
        self._yuv = VideoReformatter()

    def grey(self, frame: VideoFrame) -> VideoFrame:
        """The frame as full-range 8-bit grey."""
        return self._grey.reformat(frame, format="gray", dst_color_range=ColorRange.JPEG, threads=1)

    def yuv(self, frame: VideoFrame) -> VideoFrame:
        """The frame as full-range 8-bit luma and colour differences, all of its size."""
        return self._yuv.reformat(frame, format="yuv444p", dst_color_range=ColorRange.JPEG, threads=1)

    def rgb(self, frame: VideoFrame) -> VideoFrame:
        """The frame as 8-bit RGB: its own matrix and range, chroma interpolated, rounded accurately.

        A matrix that the file does not name is BT.601, as in FFmpeg, OpenCV and so in the labelling tools.
        """
        return self.scaled_rgb(frame, frame.width, frame.height, Interpolation.BICUBIC)

    def scaled_rgb(
        self, frame: VideoFrame, width: int, height: int, interpolation: Interpolation
    ) -> VideoFrame:
        """The frame as 8-bit RGB of another size, as `rgb` is made."""
        full = frame.color_range == _FULL_RANGE or frame.format.name.startswith("yuvj")
        return self._rgb.reformat(
            frame,
            width=width,
            height=height,
            format="rgb24",
            src_color_range=ColorRange.JPEG if full else None,
            dst_color_range=ColorRange.JPEG,
            interpolation=interpolation | Interpolation.FULL_CHR_H_INT | Interpolation.ACCURATE_RND,
            threads=1,
        )


def rgb_of(frame: VideoFrame, converter: Converter) -> npt.NDArray[np.uint8]:
    """(h, w, 3) the picture of a decoded frame, turned as it is shown."""
    rgb: Any = converter.rgb(frame).to_ndarray()
    turns = round(frame.rotation / 90) % 4
    shown: npt.NDArray[np.uint8] = np.ascontiguousarray(np.rot90(rgb, turns)) if turns else rgb
    return shown
