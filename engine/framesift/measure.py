"""One decoded frame → thumbnail, sharpness and content hash, straight from the decoder's planes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane

from framesift_kernels import U8, Kernels, PictureAt, Region

from .errors import SourceError
from .positions import Crop
from .video import planes


class View(NamedTuple):
    """What of a frame is looked at, and how large its thumbnail is."""

    width: int
    """Of the coded frame, in pixels."""
    height: int
    rotation: int
    """Degrees counterclockwise to turn the coded frame by to show it: 0, 90, 180 or 270."""
    region: Region
    """Pixels looked at, in the coded frame: x1, x2, y1, y2."""
    shape: tuple[int, int]
    """Height and width of the thumbnail, as shown."""
    crop: Crop | None = None
    """Shown pixels looked at, where that is not all of them."""

    @property
    def shown(self) -> tuple[int, int]:
        """Width and height of the frame as shown."""
        return (self.height, self.width) if self.rotation % 180 else (self.width, self.height)


def make_view(width: int, height: int, rotation: int, crop: Crop | None, size: int) -> View:
    """The view of a video: *crop* is in shown pixels, *size* the longer side of the thumbnail.

    A thumbnail keeps the aspect of what it shows and is never larger than it.

    Raises
    ------
    SourceError
        *crop* reaches outside the frame.
    """
    turns = round(rotation / 90) % 4
    shown = (height, width) if turns % 2 else (width, height)
    x1, x2, y1, y2 = crop or (0, shown[0], 0, shown[1])
    if x2 > shown[0] or y2 > shown[1]:
        raise SourceError(f"crop {x1},{x2},{y1},{y2} reaches outside the {shown[0]}x{shown[1]} frame")
    w, h = x2 - x1, y2 - y1
    scale = min(1.0, size / max(w, h))
    shape = (max(1, round(h * scale)), max(1, round(w * scale)))
    region = [
        (x1, x2, y1, y2),
        (width - y2, width - y1, x1, x2),  # shown = coded turned by 90 degrees counterclockwise
        (width - x2, width - x1, height - y2, height - y1),
        (y1, y2, height - x2, height - x1),
    ][turns]
    return View(width=width, height=height, rotation=turns * 90, region=region, shape=shape, crop=crop)


def resized(view: View, width: int, height: int) -> View:
    """The view of frames of another coded size in the same video.

    Their thumbnails have the same shape, whatever their aspect, as if they had been scaled to the size of the first. A
    crop is of the same pixels.

    Raises
    ------
    SourceError
        The crop reaches outside such frames.
    """
    found = make_view(width, height, view.rotation, view.crop, max(width, height))
    return found._replace(shape=view.shape)


class ResizeError(Exception):
    """A frame has another size than those before: decode the source sequentially."""


@dataclass(slots=True, eq=False, repr=False)
class Meter:
    """Measures the frames of one source; not to be shared between threads."""

    view: View
    """Of the first frame."""
    kernels: Kernels
    resizes: bool = False
    """Frames of other sizes are measured too, and not an error."""
    is_resized: bool = field(default=False, init=False)
    """Some frame had another size."""
    _layout: tuple[Any, ...] = ()
    """Of the last frame: size, format, range, bytes from row to row of each plane."""
    _reading: planes.Reading | None = None
    _own: View | None = None
    """Of frames of this layout."""
    _at: PictureAt | None = None
    """Measures frames of this layout, where that can be done without a copy."""
    _converter: planes.Converter = field(default_factory=planes.Converter)

    def measure(self, frame: VideoFrame, thumbnail: U8) -> tuple[float, int]:
        """Write the thumbnail of *frame* and return its sharpness and content hash.

        Parameters
        ----------
        frame
            As decoded.
        thumbnail : (h, w) uint8, written
            Mean grey levels, 0 black to 255 white, turned as shown.

        Returns
        -------
        sharpness : float
            Variance of the Laplacian on every eighth row, in grey levels squared.
        content_hash : int
            64 bits over every visible byte of every plane; the basis of exact-duplicate removal.

        Raises
        ------
        ResizeError
            The frame has another size than the view, and `resizes` is not set.
        SourceError
            It has, and a crop reaches outside it.
        """
        found = frame.planes
        layout = (
            frame.width,
            frame.height,
            frame.format.name,
            frame.color_range,
            *[plane.line_size for plane in found],
        )
        turns = self.view.rotation // 90
        unturned = np.empty(thumbnail.shape[:: -1 if turns % 2 else 1], np.uint8) if turns else thumbnail
        if layout != self._layout:
            self._prepare(frame, found, unturned)
            self._layout = layout
        if self._at is not None:
            sharpness, state = self._at(unturned.ctypes.data, [plane.buffer_ptr for plane in found])
        else:
            sharpness, state = self._by_copy(frame, found, unturned)
        if turns:
            thumbnail[...] = np.rot90(unturned, turns)
        return sharpness, state

    def chroma(self, frame: VideoFrame, out: U8) -> None:
        """Write the colour differences of *frame*, which was measured, at the size of its thumbnail.

        Parameters
        ----------
        frame
            As decoded.
        out : (2, h, w) uint8, written
            Means of U, blue against luma, and of V, red: 128 is no colour, 1 and 255 are full saturation, whatever
            the range and the depth of the video. They are of the video's own matrix.
        """
        view = self._view
        reading = planes.chroma_reading_of(frame)
        if reading is None or self._is_small:
            frame = self._converter.yuv(frame)
            reading = planes.ChromaReading((1, 2), (0, 0), 8, 1.0, 0.0, False)
        if not reading.planes:
            out[:] = 128
            return
        turns = view.rotation // 90
        shape = out.shape[:0:-1] if turns % 2 else out.shape[1:]
        unturned = np.empty((2, *shape), np.uint8) if turns else out
        parts = unturned[None] if len(reading.planes) == 1 else unturned[:, None]
        for at, part in zip(reading.planes, parts, strict=True):
            plane, region = planes.luma(frame.planes[at], reading.depth), view.region
            if self._is_small:
                plane, region = _enlarged(plane, region, shape)
            self.kernels.chroma(plane, reading.shift, region, reading.gain, reading.bias, part)
        if reading.red_first:
            unturned[:] = unturned[::-1].copy()
        if turns:
            out[...] = np.rot90(unturned, turns, axes=(1, 2))

    @property
    def _view(self) -> View:
        return self._own or self.view

    @property
    def _is_small(self) -> bool:
        """What is looked at has fewer pixels than the thumbnail, which happens only to frames of other sizes."""
        x1, x2, y1, y2 = self._view.region
        h, w = self.view.shape[:: -1 if self.view.rotation % 180 else 1]
        return x2 - x1 < w or y2 - y1 < h

    def _prepare(self, frame: VideoFrame, found: Sequence[VideoPlane], thumbnail: U8) -> None:
        """Get ready for frames that lie in memory as this one does."""
        self._own = None
        if (frame.width, frame.height) != (self.view.width, self.view.height):
            self._resize(frame)
        self._reading, self._at = planes.reading_of(frame), None
        if (
            self._reading is not None
            and not self._is_small
            and not any(plane.line_size % 8 for plane in found)
        ):
            self._at = self.kernels.picture_at(*self._arguments(self._reading, found, thumbnail))

    def _resize(self, frame: VideoFrame) -> None:
        first = f"{self.view.width}x{self.view.height}"
        if not self.resizes:
            raise ResizeError("the size of its frames changes")
        self.is_resized = True
        try:
            self._own = resized(self.view, frame.width, frame.height)
        except SourceError as e:
            raise SourceError(f"{e} that follows others of {first} (pts {frame.pts})") from None

    def _arguments(
        self, reading: planes.Reading, found: Sequence[VideoPlane], thumbnail: U8
    ) -> tuple[Any, ...]:
        """What the kernels are told of a picture."""
        return (
            planes.luma(found[0], reading.depth),
            [planes.words(p, n_bytes) for p, n_bytes in zip(found, reading.row_bytes, strict=True)],
            reading.row_bytes,
            self._view.region,
            reading.depth,
            reading.gain,
            reading.bias,
            thumbnail,
        )

    def _by_copy(self, frame: VideoFrame, found: Sequence[VideoPlane], thumbnail: U8) -> tuple[float, int]:
        """Measure a frame whose planes cannot be read as they lie."""
        reading = self._reading
        if reading is not None and not self._is_small:
            return self.kernels.picture(*self._arguments(reading, found, thumbnail))
        depth, gain, bias, state = 8, 1.0, 0.0, 0
        if reading is not None:
            depth, gain, bias = reading.depth, reading.gain, reading.bias
            luma, state = planes.luma(found[0], depth), _hash_planes(found, reading.row_bytes, self.kernels)
        else:
            luma = planes.luma(self._converter.grey(frame).planes[0], depth)
            state = _hash_rgb(self._converter.rgb(frame), self.kernels)
        region = self._view.region
        sharpness = self.kernels.sharpness(luma, region, depth)
        if self._is_small:
            luma, region = _enlarged(luma, region, thumbnail.shape)
        self.kernels.thumbnail(luma, region, gain, bias, thumbnail)
        return sharpness, state


def _enlarged(plane: planes.Luma, region: Region, shape: tuple[int, ...]) -> tuple[planes.Luma, Region]:
    """A region of a plane, each pixel repeated until there are as many as in a thumbnail; and where it is."""
    x1, x2, y1, y2 = region
    across, down = -(-shape[1] // (x2 - x1)), -(-shape[0] // (y2 - y1))
    found = plane[y1:y2, x1:x2].repeat(down, axis=0).repeat(across, axis=1)
    return found, (0, found.shape[1], 0, found.shape[0])


def content_hash(frame: VideoFrame, kernels: Kernels, converter: planes.Converter) -> int:
    """The content hash that `Meter.measure` gives of *frame*."""
    reading = planes.reading_of(frame)
    if reading is None:
        return _hash_rgb(converter.rgb(frame), kernels)
    return _hash_planes(frame.planes, reading.row_bytes, kernels)


def _hash_planes(all_planes: Sequence[VideoPlane], row_bytes: Sequence[int], kernels: Kernels) -> int:
    state = 0
    for plane, n_bytes in zip(all_planes, row_bytes, strict=True):
        state = kernels.content_hash(planes.words(plane, n_bytes), n_bytes, state)
    return state


def _hash_rgb(frame: VideoFrame, kernels: Kernels) -> int:
    return _hash_planes(frame.planes, [3 * frame.width], kernels)
