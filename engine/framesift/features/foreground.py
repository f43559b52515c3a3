"""Thumbnails as vectors: only what stands out from a background that stays where it is, and where."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from framesift_kernels import I64, U8, Rows

from .pixels import Pixels
from .vectors import in_threads, take_from_blocks

I16 = npt.NDArray[np.int16]
_MODEL_ROWS, _MODEL_BYTES = 2048, 16 << 20
"""Rows of a source that its background is found from, at most, and bytes of them."""
_NOISE, _LEAST = 3.0, 2
"""Robust standard deviations, and grey levels at least, that a pixel must differ by to count."""
_MAD_TO_STD = 1.4826
_MOST = 64
"""Grey levels beyond which a pixel counts no more: where the animal is matters, not how bright it is."""
_REACH = 32
"""One part of how many of the longer side what stands out is spread over, so that near places look alike."""
_GAIN_ROWS = 256
"""Rows of a source that the scale is found from, at most."""
_BLOCK_ROWS = 16


@dataclass(slots=True)
class Foreground:
    """Thumbnails less the background of their source, one flattened row a frame, uint8, as `Pixels` has them.

    The background of a pixel is its median over at most 2048 frames spread evenly over the source (16 MB of them).
    From every difference the median one of the frame, a change of light, is taken off. What is left counts as far as
    it exceeds three robust standard deviations of that pixel (and 2 grey levels), and by 64 grey levels at most. What is
    left is blurred twice by a box of a sixteenth of the longer side, so that an animal of a pixel or two is nearer to
    where it was a moment ago than to the other end of the field, and scaled to 255 (the 99th percentile of the
    source that has most). All in integers: threads and chunks change nothing.

    An animal that stays at one place for more than half of the time is background there.
    """

    pixels: Pixels
    _offsets: I64 = field(init=False)
    _models: list[tuple[I16, I16]] = field(init=False)
    """Background and threshold (planes, height, width) of each source."""
    _gain: int = field(default=256, init=False)
    """Of what stands out, in 1/256."""
    _cache: U8 | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        counts = [self.pixels.index.records[s].n_rows for s in self.pixels.sources]
        self._offsets = np.cumsum([0, *counts])
        self._models, tops = [], [0.0]
        for first, n in zip(self._offsets, counts, strict=False):
            rows = first + _spread(n, max(64, min(_MODEL_ROWS, _MODEL_BYTES // self.shape[1])))
            sample = take_from_blocks(self.pixels.read(rows), rows)
            self._models.append(self._model(sample))
            some = sample[_spread(len(sample), _GAIN_ROWS)]
            found = self._blurred(some, len(self._models) - 1)
            if found.any():
                tops.append(float(np.percentile(found[found > 0], 99)))
        self._gain = max(1, round(255 * 256 / max(tops))) if max(tops) else 256

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and dimensions."""
        return self.pixels.shape

    @property
    def in_memory(self) -> U8 | None:
        """All rows, if they may lie in memory."""
        if self._cache is None and self.pixels.fit:
            whole = np.empty(self.shape, np.uint8)
            for start, block in self._read():
                whole[start : start + len(block)] = block
            self._cache = whole
        return self._cache

    def blocks(self) -> Iterator[tuple[int, Rows]]:
        """First row and rows of each block, in order."""
        whole = self.in_memory
        for start, stop in self.pixels.bounds():
            yield start, self._part(start, stop) if whole is None else whole[start:stop]

    def take(self, rows: I64) -> Rows:
        """Some rows; *rows* increase."""
        if (whole := self.in_memory) is not None:
            return whole[rows]
        found = np.empty((len(rows), self.shape[1]), np.uint8)
        taken = take_from_blocks(self.pixels.read(rows), rows)
        cuts = np.searchsorted(rows, self._offsets)
        for source, (start, stop) in enumerate(itertools.pairwise(cuts)):
            found[start:stop] = self._apply(taken[start:stop], source)
        return found

    def _part(self, start: int, stop: int) -> U8:
        rows = np.arange(start, stop)
        return self._apply(take_from_blocks(self.pixels.read(rows), rows), self._source(start))

    def _read(self) -> Iterator[tuple[int, U8]]:
        for start, block in self.pixels.read():
            yield start, self._apply(block, self._source(start))

    def _source(self, row: int) -> int:
        return int(np.searchsorted(self._offsets, row, side="right")) - 1

    def _apply(self, rows: Any, source: int) -> U8:
        found = np.empty(rows.shape, np.uint8)

        def fill(s: slice) -> None:
            found[s] = np.minimum(self._blurred(rows[s], source).astype(np.int64) * self._gain >> 8, 255)

        in_threads(fill, len(rows), _BLOCK_ROWS)
        return found

    @property
    def _picture(self) -> tuple[int, int, int]:
        height, width = self.pixels.picture_shape
        return self.shape[1] // (height * width), height, width

    def _model(self, sample: Any) -> tuple[I16, I16]:
        background = np.median(sample, axis=0).astype(np.int16)
        apart = np.empty(sample.shape, np.int16)
        for start in range(0, len(sample), _BLOCK_ROWS):
            rows = slice(start, start + _BLOCK_ROWS)
            apart[rows] = np.abs(self._without_light(sample[rows] - background)).reshape(-1, apart.shape[1])
        deviation = np.median(apart, axis=0)
        threshold = np.maximum(_LEAST, np.ceil(_NOISE * _MAD_TO_STD * deviation)).astype(np.int16)
        return background.reshape(self._picture), threshold.reshape(self._picture)

    def _without_light(self, apart: I16) -> I16:
        """(b, planes, height, width) differences to the background, less the median of each plane."""
        pictures = apart.reshape(-1, *self._picture)
        pictures -= _middle(pictures)
        return pictures

    def _blurred(self, rows: Any, source: int) -> npt.NDArray[np.int32]:
        """(b, d) what stands out, spread, not yet scaled."""
        background, threshold = self._models[source]
        apart = self._without_light(rows.reshape(-1, *self._picture) - background)
        found = np.clip(np.abs(apart) - threshold, 0, _MOST).astype(np.int32)
        radius = max(1, round(max(apart.shape[2:]) / _REACH))
        for axis in (2, 3, 2, 3):
            found = _box(found, radius, axis)
        flat: npt.NDArray[np.int32] = found.reshape(len(rows), -1)
        return flat


def _spread(n: int, most: int) -> I64:
    """At most so many of n rows, evenly spaced."""
    k = min(n, most)
    return (2 * np.arange(k) + 1) * n // (2 * k)


def _middle(apart: I16) -> I16:
    """(b, planes, 1, 1) lower median of each plane of int16 from -255 to 255, by counting: many are equal."""
    flat = apart.reshape(-1, apart.shape[-2] * apart.shape[-1]).astype(np.int64)
    n = len(flat)
    keys = flat + (255 + 511 * np.arange(n))[:, None]
    counts = np.bincount(keys.ravel(), minlength=511 * n).reshape(n, 511)
    level = (counts.cumsum(axis=1) > (flat.shape[1] - 1) // 2).argmax(axis=1) - 255
    middle: I16 = level.astype(np.int16).reshape(*apart.shape[:2], 1, 1)
    return middle


def _box(x: npt.NDArray[np.int32], radius: int, axis: int) -> npt.NDArray[np.int32]:
    """Sums over *radius* neighbours on either side along an axis."""
    shape, n = list(x.shape), x.shape[axis]
    shape[axis] += 2 * radius
    padded = np.zeros(shape, np.int32)

    def part(start: int) -> tuple[slice, ...]:
        return tuple(slice(start, start + n) if a == axis else slice(None) for a in range(x.ndim))

    padded[part(radius)] = x
    total = np.zeros_like(x)
    for start in range(2 * radius + 1):
        total += padded[part(start)]
    return total
