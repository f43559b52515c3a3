"""Discs and lines, smooth at their edges, onto a picture."""

import math

from .. import F32, U8
from ._compile import kernel, native


def draw(picture: U8, strokes: F32, colors: F32) -> None:
    """Draw strokes, one after the other: lines with round ends, and discs where these fall together.

    A pixel is covered by ``radius + 1/2 - distance`` of its centre to the stroke, from 0 to 1, and becomes
    ``old + coverage * opacity * (color - old)``, rounded.

    Parameters
    ----------
    picture : (h, w, c) uint8, C-contiguous
        Drawn on.
    strokes : (n, 5) float32, C-contiguous
        x and y of the beginning, x and y of the end, radius. Pixels; the centre of the first one is 0, 0. Strokes
        may lie outside; those with a NaN are left out.
    colors : (n, c + 1) float32, C-contiguous
        Levels from 0 to 255, and opacity from 0 to 1.
    """
    _draw(picture, strokes, colors)


@native
def _draw(
    picture: U8,  # OUT  (h, w, c)
    strokes: F32,  # IN   (n, 5)
    colors: F32,  # IN   (n, c + 1)
) -> None:
    h, w, c = picture.shape
    for s in range(len(strokes)):
        x0, y0, x1, y1 = (
            float(strokes[s, 0]),
            float(strokes[s, 1]),
            float(strokes[s, 2]),
            float(strokes[s, 3]),
        )
        reach = float(strokes[s, 4]) + 0.5
        top, bottom = min(y0, y1) - reach, max(y0, y1) + reach
        left, right = min(x0, x1) - reach, max(x0, x1) + reach
        if not (top < h and bottom > -1 and left < w and right > -1) or math.isnan(x0 + y0 + x1 + y1):
            continue
        for y in range(math.ceil(max(0.0, top)), math.floor(min(h - 1.0, bottom)) + 1):
            # Of the stroke, only the part whose rows are near counts: from a to b of its length.
            a, b = _near(y0, y1, y, reach)
            left = min(x0 + a * (x1 - x0), x0 + b * (x1 - x0)) - reach
            right = max(x0 + a * (x1 - x0), x0 + b * (x1 - x0)) + reach
            if not (left < w and right > -1):
                continue
            for x in range(math.ceil(max(0.0, left)), math.floor(min(w - 1.0, right)) + 1):
                covered = min(1.0, reach - _distance(float(x), float(y), x0, y0, x1, y1))
                if covered > 0:
                    opacity = covered * float(colors[s, c])
                    for i in range(c):
                        old = float(picture[y, x, i])
                        picture[y, x, i] = int(old + opacity * (float(colors[s, i]) - old) + 0.5)


@kernel
def _near(y0: float, y1: float, y: int, reach: float) -> tuple[float, float]:
    """Between which shares of its length a line is less than *reach* above or below *y*."""
    if y0 == y1:
        return 0.0, 1.0
    a, b = (y - reach - y0) / (y1 - y0), (y + reach - y0) / (y1 - y0)
    return max(0.0, min(a, b, 1.0)), min(1.0, max(a, b, 0.0))


@kernel
def _distance(x: float, y: float, x0: float, y0: float, x1: float, y1: float) -> float:
    """Of a point to a line from one point to another."""
    dx, dy = x1 - x0, y1 - y0
    square = dx * dx + dy * dy
    t = 0.0 if square == 0 else max(0.0, min(1.0, ((x - x0) * dx + (y - y0) * dy) / square))
    return math.sqrt((x - x0 - t * dx) ** 2 + (y - y0 - t * dy) ** 2)
