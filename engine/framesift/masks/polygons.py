"""Polygons as run-length masks."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from framesift_kernels import I64

from ..errors import UsageError
from .arithmetic import convert, merge
from .runs import Order, as_shape

_POLYGON_SCALE = 5
"""COCO's polygons are traced at five times the resolution."""


def from_polygons(polygons: Sequence[npt.ArrayLike], shape: Sequence[int], order: Order = "column") -> I64:
    """Counts of what any of the polygons covers, by COCO's rules, to the pixel.

    Parameters
    ----------
    polygons
        Each a list ``[x0, y0, x1, y1, ...]`` or (k, 2) array of corners in pixels.
    shape : (h, w)

    Raises
    ------
    UsageError
        One has fewer than three corners, or one that is not finite.

    Notes
    -----
    The runs lie between the places at which the outline crosses a column's centre, as in COCO's API
    (``rleFrPoly``). O(length of the outlines).
    """
    shape = as_shape(shape)
    if not len(polygons):
        return np.array([shape[0] * shape[1]])
    return convert(merge([_fill(p, shape) for p in polygons]), shape, "column", order)


def _fill(polygon: npt.ArrayLike, shape: tuple[int, int]) -> I64:
    """Run lengths, in column order, of what a polygon covers.

    The runs lie between the places at which the outline crosses a column's centre, as in COCO's API
    (``rleFrPoly``).

    Parameters
    ----------
    polygon
        ``[x0, y0, x1, y1, ...]`` or (k, 2) corners in pixels.
    shape : (h, w)

    Raises
    ------
    UsageError
        It has fewer than three corners, or one is not finite.
    """
    corners = np.asarray(polygon, np.float64).reshape(-1)
    if len(corners) < 6 or len(corners) % 2 or not np.isfinite(corners).all():
        raise UsageError(f"a polygon has at least three finite corners (x, y), got {polygon!r}")
    height, width = shape
    points = np.trunc(_POLYGON_SCALE * corners.reshape(-1, 2) + 0.5).astype(np.int64)
    x, y = _outline(points, np.roll(points, -1, axis=0))
    step = np.flatnonzero(x[1:] != x[:-1]) + 1
    column = np.where(x[step] < x[step - 1], x[step], x[step] - 1)
    column = (column + 0.5) / _POLYGON_SCALE - 0.5
    inside = (np.floor(column) == column) & (column >= 0) & (column <= width - 1)
    row = (np.minimum(y[step], y[step - 1]) + 0.5) / _POLYGON_SCALE - 0.5
    row = np.ceil(np.clip(row, 0, height))
    places = np.sort((column * height + row)[inside].astype(np.int64))
    lengths = np.diff(places, prepend=0, append=height * width)
    value = np.arange(len(lengths)) % 2
    value, lengths = value[lengths > 0], lengths[lengths > 0]
    if not len(lengths):
        return np.zeros(1, np.int64)
    firsts = np.flatnonzero(
        np.concatenate([[True], value[1:] != value[:-1]])
    )  # the others join the one before
    counts: I64 = np.add.reduceat(lengths, firsts)
    return np.concatenate([[0], counts]) if value[0] else counts


def _outline(starts: I64, stops: I64) -> tuple[I64, I64]:
    """Points along the edges, both ends included, a step of one along the longer side."""
    span = stops - starts
    size = np.abs(span)
    flat = size[:, 0] >= size[:, 1]
    flipped = np.where(flat, span[:, 0] < 0, span[:, 1] < 0)
    begin = np.where(flipped[:, None], stops, starts)
    long = size.max(axis=1)
    short = np.where(flat, span[:, 1], span[:, 0]) * np.where(flipped, -1, 1)
    with np.errstate(invalid="ignore"):
        slope = short / long
    edge = np.repeat(np.arange(len(long)), long + 1)
    at = np.arange(len(edge)) - np.repeat(np.cumsum(long + 1) - (long + 1), long + 1)
    at = np.where(flipped[edge], long[edge] - at, at)
    along = begin[edge, np.where(flat, 0, 1)[edge]] + at
    slope = np.where(long > 0, slope, 0)
    across = np.trunc(begin[edge, np.where(flat, 1, 0)[edge]] + slope[edge] * at + 0.5).astype(np.int64)
    horizontal = flat[edge]
    return np.where(horizontal, along, across), np.where(horizontal, across, along)
