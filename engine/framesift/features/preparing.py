"""Pictures as models want them: part of a picture, at a size, as numbers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from PIL import Image

from framesift_kernels import U8

from ..positions import Crop
from ..video.planes import Converter

Box = tuple[float, float, float, float]
"""x, y, width and height in pixels of the picture as shown."""
_RESAMPLES = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
_SCALERS = {"bilinear": Interpolation.BILINEAR, "bicubic": Interpolation.BICUBIC}


class Placing(NamedTuple):
    """Where a picture goes in the input."""

    width: int
    """To which it is scaled."""
    height: int
    left: int
    """Of the scaled picture in the input; negative where it is cut."""
    top: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a model's input looks like."""

    height: int
    width: int
    fit: str
    resample: str
    color: str

    @property
    def n_channels(self) -> int:
        """Of a picture."""
        return 1 if self.color == "grey" else 3

    def placing(self, width: int, height: int) -> Placing:
        """Where a picture of some size goes."""
        if self.fit == "stretch":
            return Placing(self.width, self.height, 0, 0)
        choose: Callable[..., float] = max if self.fit == "crop" else min
        scale = choose(self.width / width, self.height / height)
        w, h = max(1, round(width * scale)), max(1, round(height * scale))
        return Placing(w, h, (self.width - w) // 2, (self.height - h) // 2)

    def place(self, scaled: U8, at: Placing) -> U8:
        """(height, width, channels) the input, of the (h, w, 3) picture that was scaled for it."""
        if self.color == "grey":
            scaled = np.asarray(Image.fromarray(scaled).convert("L"))[..., None]
        elif self.color == "bgr":
            scaled = scaled[..., ::-1]
        if scaled.shape[:2] == (self.height, self.width):
            return np.ascontiguousarray(scaled)
        out = np.zeros((self.height, self.width, self.n_channels), np.uint8)
        y, x = max(0, at.top), max(0, at.left)
        part = scaled[max(0, -at.top) :, max(0, -at.left) :][: self.height - y, : self.width - x]
        out[y : y + part.shape[0], x : x + part.shape[1]] = part
        return out


def prepare_picture(picture: Image.Image, box: Box | None, shape: Shape) -> U8:
    """The input for a picture, or for the part of it in a box."""
    if box is not None:  # cut out first: scaling by a box takes what lies around it into account
        picture = picture.crop(inside(box, picture.width, picture.height))
    at = shape.placing(picture.width, picture.height)
    scaled = picture.resize((at.width, at.height), _RESAMPLES[shape.resample])
    return shape.place(np.asarray(scaled), at)


def prepare_frame(frame: VideoFrame, converter: Converter, shape: Shape) -> U8 | None:
    """The input for a whole decoded frame, scaled before its colours are converted; None: `prepare_picture` must.

    That is much less work, and the same up to rounding, since both are weighted sums; but not where YUV holds
    colours that RGB cannot show, which are cut off after the averaging instead of before it.
    """
    turns = round(frame.rotation / 90) % 4
    shown = (frame.height, frame.width) if turns % 2 else (frame.width, frame.height)
    at = shape.placing(*shown)
    if at.width > shown[0] or at.height > shown[1]:  # the scalers enlarge colours in different ways
        return None
    size = (at.height, at.width) if turns % 2 else (at.width, at.height)
    rgb: U8 = (
        converter.scaled_rgb(frame, *size, _SCALERS[shape.resample]).to_ndarray().astype(np.uint8, copy=False)
    )
    return shape.place(np.rot90(rgb, turns) if turns else rgb, at)


def inside(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the part of a box that lies in a picture, in whole pixels: one at least."""
    left, top = min(max(0, round(box[0])), width - 1), min(max(0, round(box[1])), height - 1)
    right = min(max(left + 1, round(box[0] + box[2])), width)
    return left, top, right, min(max(top + 1, round(box[1] + box[3])), height)


def box_of(crop: Crop | None) -> Box | None:
    """A crop (x1, x2, y1, y2) as a box."""
    return None if crop is None else (crop[0], crop[2], crop[1] - crop[0], crop[3] - crop[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """How values become numbers: ``v * gain + offset``, a channel each, in a layout and type."""

    gain: npt.NDArray[np.float32]
    offset: npt.NDArray[np.float32]
    layout: str
    dtype: Any

    def of(self, pictures: Sequence[U8], n: int) -> npt.NDArray[Any]:
        """(n, ...) the input of at most *n* pictures; the last is repeated."""
        stacked = np.stack([*pictures, *[pictures[-1]] * (n - len(pictures))])
        if self.layout == "NCHW":
            stacked = stacked.transpose(0, 3, 1, 2)
        if np.dtype(self.dtype) == np.uint8:
            return np.ascontiguousarray(stacked)
        channels = (-1, 1, 1) if self.layout == "NCHW" else (-1,)
        found = stacked.astype(np.float32)
        found *= self.gain.reshape(channels)
        found += self.offset.reshape(channels)
        return np.ascontiguousarray(found, self.dtype)
