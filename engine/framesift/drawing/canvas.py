"""Frames that are drawn on: copies of decoded ones, as an encoder takes them."""

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from framesift_kernels import F32, U8, Kernels

from ..deeplabcut.config import Crop
from ..errors import SourceError
from .overlay import Drawing

FORMAT = "yuv420p"
_FULL_RANGE = 2  # AVCOL_RANGE_JPEG
_LUMA_WEIGHTS = {1: (0.2126, 0.0722), 9: (0.2627, 0.0593), 10: (0.2627, 0.0593)}  # of red and blue, by matrix
_BT601 = (0.299, 0.114)


class Canvas:
    """Copies decoded frames, as they are shown, to frames of 4:2:0 with even sides, and draws on them.

    The pixels of frames that are 8-bit 4:2:0 already are copied, without going through RGB; so is what a frame says of
    its colours. Sides that are odd are made even by repeating the last column and row.

    Parameters
    ----------
    crop
        x1, x2, y1, y2 of the frames as they are shown; all by default.
    is_blank
        Draw on black.
    """

    def __init__(self, kernels: Kernels, crop: Crop | None = None, *, is_blank: bool = False) -> None:
        self._kernels = kernels
        self._crop = crop
        self._is_blank = is_blank
        self._reformatter = VideoReformatter()

    def copy(self, frame: VideoFrame) -> VideoFrame:
        """A frame to draw on.

        Raises
        ------
        SourceError
            The crop does not lie inside it.
        """
        planes = self._planes(frame)
        height, width = planes[0].shape
        x1, x2, y1, y2 = self._crop or (0, width, 0, height)
        if x2 > width or y2 > height:
            raise SourceError(f"the crop {self._crop} does not lie inside its {width}x{height} frames")
        out = VideoFrame((x2 - x1 + 1) // 2 * 2, (y2 - y1 + 1) // 2 * 2, FORMAT)
        for number, (plane, target) in enumerate(zip(planes, _arrays(out), strict=True)):
            half = 1 + (number > 0)
            part = plane[y1 // half : -(-y2 // half), x1 // half : -(-x2 // half)]
            h, w = min(part.shape[0], out.height // half), min(part.shape[1], out.width // half)
            target[:h, :w] = (128 if number else _black(frame)) if self._is_blank else part[:h, :w]
            target[h : out.height // half, :w] = target[h - 1, :w]
            target[: out.height // half, w : out.width // half] = target[: out.height // half, w - 1 : w]
        out.colorspace, out.color_range = frame.colorspace, frame.color_range
        out.color_primaries, out.color_trc = frame.color_primaries, frame.color_trc
        if frame.format.name.startswith("yuvj"):
            out.color_range = ColorRange.JPEG
        return out

    def draw(self, frame: VideoFrame, drawing: Drawing) -> None:
        """Draw on a frame of `copy`; coordinates are those of the whole frame as it is shown."""
        strokes, colors = drawing
        if not len(strokes):
            return
        x1, _, y1, _ = self._crop or (0, 0, 0, 0)
        moved = strokes - np.array([x1, y1, x1, y1, 0], np.float32)
        levels = to_yuv(colors[:, :3], frame)
        # A sample of the colour planes lies on every other column, and between two rows.
        half = (moved - np.array([0, 0.5, 0, 0.5, 0], np.float32)) / np.float32(2)
        for number, plane in enumerate(_arrays(frame)):
            ink = np.stack([levels[:, number], colors[:, 3]], axis=1)
            self._kernels.draw(plane[..., None], half if number else moved, ink)

    def _planes(self, frame: VideoFrame) -> list[U8]:
        """Its 8-bit planes of 4:2:0, in its own matrix and range, turned as it is shown."""
        if frame.format.name not in (FORMAT, "yuvj420p") or any(p.line_size < 0 for p in frame.planes):
            full = frame.color_range == _FULL_RANGE or frame.format.name.startswith("yuvj")
            same = ColorRange.JPEG if full else ColorRange.MPEG
            is_yuv = frame.format.name.startswith(("yuv", "nv", "p0", "gray"))
            frame_420 = self._reformatter.reformat(
                frame,
                format=FORMAT,
                src_color_range=same if is_yuv else None,
                dst_color_range=same,
                interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND,
                threads=1,
            )
        else:
            frame_420 = frame
        turns = round(frame.rotation / 90) % 4
        w, h = frame_420.width, frame_420.height
        sizes = [(h, w), (-(-h // 2), -(-w // 2)), (-(-h // 2), -(-w // 2))]
        planes = [array[:r, :c] for array, (r, c) in zip(_arrays(frame_420), sizes, strict=True)]
        return [np.rot90(plane, turns) for plane in planes] if turns else planes


def _arrays(frame: VideoFrame) -> list[U8]:
    """(height, stride) of each plane, over the frame's own memory."""
    return [np.frombuffer(memoryview(p), np.uint8).reshape(-1, p.line_size)[: p.height] for p in frame.planes]


def _black(frame: VideoFrame) -> int:
    return 0 if frame.color_range == _FULL_RANGE or frame.format.name.startswith("yuvj") else 16


def to_yuv(rgb: F32, frame: VideoFrame) -> F32:
    """(n, 3) levels of luma and colour differences, in the matrix and range of *frame*.

    A matrix that it does not name is BT.601, as in FFmpeg and OpenCV. Source: ITU-R BT.601 and BT.709.
    """
    red, blue = _LUMA_WEIGHTS.get(int(frame.colorspace), _BT601)
    r, g, b = rgb.T.astype(np.float64)
    luma = red * r + (1 - red - blue) * g + blue * b
    u, v = (b - luma) / (2 * (1 - blue)), (r - luma) / (2 * (1 - red))
    if frame.color_range == _FULL_RANGE:
        out = np.stack([luma, 128 + u, 128 + v], axis=1)
    else:
        out = np.stack([16 + luma * 219 / 255, 128 + u * 224 / 255, 128 + v * 224 / 255], axis=1)
    return out.clip(0, 255).astype(np.float32)
