"""Axes with lines, dots and steps in them, drawn by the kernels: any number of points in bounded memory."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from framesift_kernels import F32, F64, Kernels

from ..files import write_atomically

_INK, _FAINT, _GRID = (32, 33, 36), (95, 99, 104), (228, 230, 233)
_BLOCK = 1 << 16
_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF"}
SUFFIXES = tuple(_FORMATS)

Box = tuple[int, int, int, int]
"""Left, top, right, bottom."""
Range = tuple[float, float]


class Figure:
    """A white picture with axes on it; *scale* makes everything larger."""

    def __init__(self, kernels: Kernels, width: int, height: int, scale: float) -> None:
        self.kernels = kernels
        self.scale = scale
        self.pixels = np.full((round(height * scale), round(width * scale), 3), 255, np.uint8)
        self._texts: list[tuple[tuple[float, float], str, str, int, bool]] = []

    def text(
        self, at: tuple[float, float], text: str, anchor: str, size: int = 13, *, upright: bool = False
    ) -> None:
        """Text, read from below where *upright*. It comes on top of all else."""
        self._texts.append((at, text, anchor, size, upright))

    def legend(self, left: int, top: int, names: Sequence[str], colors: F32) -> None:
        """Names beside their colours; as many as there is room for."""
        room = max(1, int((self.pixels.shape[0] / self.scale - top - 20) // 20))
        shown = min(len(names), room)
        dots = np.array([[left, top + 10 + 20 * i] for i in range(shown)], np.float32).reshape(-1, 2)
        self.strokes(dots, dots, 5, colors[:shown], 1.0)
        for i, name in enumerate(names[:shown]):
            more = f" (+{len(names) - shown})" if i == shown - 1 < len(names) - 1 else ""
            self.text((left + 12, top + 10 + 20 * i), name[:24] + more, "lm", 12)

    def strokes(self, a: F32, b: F32, radius: float, color: F32, alpha: float) -> None:
        """Strokes between points of the unscaled picture; of one color (3,) or each of its own (n, 3)."""
        for at in range(0, len(a), _BLOCK):
            rows = slice(at, at + _BLOCK)
            n = len(a[rows])
            strokes, colors = np.empty((n, 5), np.float32), np.empty((n, 4), np.float32)
            strokes[:, :2], strokes[:, 2:4], strokes[:, 4] = a[rows], b[rows], radius
            colors[:, :3], colors[:, 3] = color[rows] if color.ndim == 2 else color, alpha
            self.kernels.draw(self.pixels, strokes * np.float32(self.scale), colors)

    def save(self, path: Path) -> None:
        """Write it in the format that the suffix names, one of `SUFFIXES`."""
        picture = Image.fromarray(self.pixels)
        for (x, y), text, anchor, size, upright in self._texts:
            font = ImageFont.load_default(size * self.scale)
            at = x * self.scale, y * self.scale
            if upright:
                _write_upright(picture, at, text, font, round(2 * size * self.scale))
            else:
                ImageDraw.Draw(picture).text(at, text, _INK, font=font, anchor=anchor)
        kind = _FORMATS[path.suffix.lower()]
        write_atomically(path, lambda file: picture.save(file, kind))


def _write_upright(
    picture: Image.Image,
    at: tuple[float, float],
    text: str,
    font: "ImageFont.FreeTypeFont | ImageFont.ImageFont",
    height: int,
) -> None:
    length = math.ceil(font.getlength(text))
    label = Image.new("RGB", (length, height), (255, 255, 255))
    ImageDraw.Draw(label).text((0, height / 2), text, _INK, font=font, anchor="lm")
    picture.paste(label.rotate(90, expand=True), (round(at[0] - height / 2), round(at[1] - length / 2)))


@dataclass(frozen=True, slots=True)
class Axes:
    """A rectangle of a figure that shows ranges of two numbers."""

    figure: Figure
    box: Box
    x: Range
    y: Range
    """Of the bottom, and of the top."""

    def frame(self, x_label: str, y_label: str) -> None:
        """Grid, numbers and labels; to be drawn first."""
        left, top, right, bottom = self.box
        grey, ink = np.array(_GRID, np.float32), np.array(_FAINT, np.float32)
        for value in ticks(*self.x, (right - left) / 80):
            at = float(self._to_x(np.array([value]))[0])
            self.figure.strokes(*_line(at, top, at, bottom), 0.5, grey, 1.0)
            self.figure.text((at, bottom + 6), f"{value:g}", "mt", 12)
        for value in ticks(*self.y, (bottom - top) / 40):
            at = float(self._to_y(np.array([value]))[0])
            self.figure.strokes(*_line(left, at, right, at), 0.5, grey, 1.0)
            self.figure.text((left - 6, at), f"{value:g}", "rm", 12)
        self.figure.strokes(*_line(left, bottom, right, bottom), 0.5, ink, 1.0)
        self.figure.strokes(*_line(left, top, left, bottom), 0.5, ink, 1.0)
        self.figure.text(((left + right) / 2, bottom + 26), x_label, "mt")
        self.figure.text((left - 52, (top + bottom) / 2), y_label, "mm", upright=True)

    def dots(self, x: npt.ArrayLike, y: npt.ArrayLike, color: F32, radius: float, alpha: float) -> None:
        """A dot for each point that is no NaN."""
        at = self._points(x, y)
        self.figure.strokes(at, at, radius, color, alpha)

    def line(self, x: npt.ArrayLike, y: npt.ArrayLike, color: F32, width: float) -> None:
        """A line from point to point, interrupted by NaN; a point between two of these is a dot."""
        at = self._points(x, y)
        self.figure.strokes(at[:-1], at[1:], width / 2, color, 1.0)
        known = np.isfinite(at).all(axis=1)
        around = np.concatenate([[False], known, [False]])
        alone = at[known & ~around[:-2] & ~around[2:]]
        self.figure.strokes(alone, alone, width / 2, color, 1.0)

    def steps(self, edges: F64, counts: npt.ArrayLike, color: F32, width: float) -> None:
        """The outline of a histogram, of bins between *edges*."""
        values = np.asarray(counts, np.float64)
        self.line(np.repeat(edges, 2), np.concatenate([[0], np.repeat(values, 2), [0]]), color, width)

    def _points(self, x: npt.ArrayLike, y: npt.ArrayLike) -> F32:
        points = [self._to_x(np.asarray(x, np.float64)), self._to_y(np.asarray(y, np.float64))]
        return np.stack(points, axis=1).astype(np.float32)

    def _to_x(self, x: F64) -> F64:
        left, _, right, _ = self.box
        return left + (x - self.x[0]) / (self.x[1] - self.x[0]) * (right - left)

    def _to_y(self, y: F64) -> F64:
        _, top, _, bottom = self.box
        return bottom - (y - self.y[0]) / (self.y[1] - self.y[0]) * (bottom - top)


def _line(x0: float, y0: float, x1: float, y1: float) -> tuple[F32, F32]:
    return np.array([[x0, y0]], np.float32), np.array([[x1, y1]], np.float32)


def ticks(low: float, high: float, n: float) -> list[float]:
    """About *n* round numbers between two: steps of 1, 2 or 5 times a power of ten."""
    low, high = min(low, high), max(low, high)
    rough = (high - low) / max(1.0, n)
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def span(*values: npt.NDArray[np.floating], pad: float = 0.04) -> Range:
    """The range of all finite values and a little more; 0 to 1 where there are none."""
    finite = [v[np.isfinite(v)] for v in values]
    finite = [v for v in finite if len(v)]
    if not finite:
        return 0.0, 1.0
    low, high = float(min(v.min() for v in finite)), float(max(v.max() for v in finite))
    more = (high - low) * pad or max(1.0, abs(low)) * 0.5
    return low - more, high + more
