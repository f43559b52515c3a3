"""Brightness and contrast of thumbnails."""

import math

import numpy as np

from .. import F32, U8
from ._compile import kernel, native

_CHUNK = 2**15  # the squares of this many pixels add up to less than 2**31


def luminance(thumbnails: U8) -> tuple[F32, F32, U8]:
    """Measure how bright thumbnails are.

    Parameters
    ----------
    thumbnails : (n, h, w) uint8, C-contiguous
        Not empty, at most 2**23 pixels each.

    Returns
    -------
    mean : (n,) float32
        Mean grey level.
    contrast : (n,) float32
        Standard deviation of the grey levels.
    brightest : (n,) uint8
        Largest grey level.

    Notes
    -----
    From exact integer sums, so that a constant picture has contrast 0.
    """
    n, h, w = thumbnails.shape
    mean, contrast = np.empty(n, np.float32), np.empty(n, np.float32)
    brightest = np.empty(n, np.uint8)
    _luminance(thumbnails.reshape(n, h * w), mean, contrast, brightest)
    return mean, contrast, brightest


@native
def _luminance(
    pictures: U8,  # IN   (n, pixels)
    mean: F32,  # OUT  (n,)
    contrast: F32,  # OUT  (n,)
    brightest: U8,  # OUT  (n,)
) -> None:
    for i in range(len(pictures)):
        pixels = pictures[i]
        n = len(pixels)
        total = squares = np.int64(0)
        for start in range(0, n, _CHUNK):
            part, part_squares = _sums(pixels[start : start + _CHUNK])
            total += part
            squares += part_squares
        mean[i] = total / n
        contrast[i] = math.sqrt((n * squares - total * total) / (n * n))
        brightest[i] = _largest(pixels)


@kernel
def _sums(pixels: U8) -> tuple[np.int64, np.int64]:
    total = squares = np.int32(0)
    for p in range(len(pixels)):
        v = np.int32(pixels[p])
        total = np.int32(total + v)
        squares = np.int32(squares + v * v)
    return np.int64(total), np.int64(squares)


@kernel
def _largest(pixels: U8) -> np.uint8:
    largest = np.uint8(0)
    for p in range(len(pixels)):
        largest = max(largest, pixels[p])
    return largest
