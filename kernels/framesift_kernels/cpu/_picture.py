"""Thumbnail, sharpness and content hash of a picture, in one pass over it."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import F64, I64, U8, U16, U32, U64, Plane, Region
from ._compile import kernel, native
from .content_hash import _begin_hash, _hash_rows
from .sharpness import _ROW_STEP, _add_row, _variance
from .thumbnail import _cells, _scratch, _shrink_row

_MAX_PLANES = 4


class PictureAt:
    """What measures pictures of one layout; see `picture_at`."""

    def __init__(
        self,
        luma: Plane,
        planes: Sequence[U64],
        row_bytes: tuple[int, ...],
        region: Region,
        depth: int,
        gain: float,
        bias: float,
        out: U8,
    ) -> None:
        x1, x2, y1, y2 = region
        h, w = out.shape
        rows, row_weight, cell_height = _cells(y2 - y1, h)
        column_weight, cell_width = _cells(x2 - x1, w)[1:]
        places = np.arange(w + 1) * cell_width
        partial, line, prefix, borders = _scratch(x2 - x1, places, column_weight, luma.dtype)
        n_missing = _MAX_PLANES - len(planes)
        self._region, self._depth = region, depth
        self._sums, self._hashed = np.zeros(2, np.int64), np.zeros(1, np.uint64)
        bind: Callable[..., Any] = _picture.bind  # type: ignore[attr-defined]
        self._bound = bind(
            luma,
            out,
            *planes,
            *[np.empty((0, 0), np.uint64)] * n_missing,
            len(planes),
            np.array([*row_bytes, *[0] * n_missing], np.int64),
            x1,
            x2,
            y1,
            y2,
            rows,
            borders,
            row_weight,
            column_weight,
            cell_height * cell_width,
            float(gain),
            float(bias),
            partial,
            line,
            prefix,
            np.empty(w, np.float64),
            self._sums,
            self._hashed,
        )

    def __call__(self, out: int, planes: Sequence[int]) -> tuple[float, int]:
        """Measure the picture whose planes lie at these addresses, luma first; the thumbnail goes to *out*.

        Returns sharpness and content hash.
        """
        self._bound.at([planes[0], out, *planes])
        return _variance(self._sums, self._region, self._depth), int(self._hashed[0])


@native
def _picture(
    luma: Plane,  # IN   (rows, stride)
    out: U8,  # OUT  (h, w)
    plane_0: U64,  # IN   (rows, stride_words)
    plane_1: U64,
    plane_2: U64,
    plane_3: U64,
    n_planes: int,
    row_bytes: I64,  # IN   (4,)
    x1: int,
    x2: int,
    y1: int,
    y2: int,
    rows: I64,  # IN   (h, 4)
    borders: I64,  # IN   (2, w + 1)
    row_weight: int,
    column_weight: int,
    cell: int,
    gain: float,
    bias: float,
    partial: U16 | U32,  # scratch (W,)
    line: U32,  # scratch (W,) or (W / 2,)
    prefix: U64,  # scratch (len(line),)
    means: F64,  # scratch (w,)
    sums: I64,  # OUT  (2,)
    hashed: U64,  # OUT  (1,)
) -> None:
    sums[:] = 0
    state = _begin_hash(np.uint64(0), plane_0, row_bytes[0])
    done = 0  # rows hashed
    y = y1 + 1  # next row to differentiate
    for i in range(len(rows)):
        stop = y1 + rows[i, 1] + min(rows[i, 3], 1)
        state = _hash_rows(plane_0, done, stop, row_bytes[0], state)
        done = max(done, stop)
        _shrink_row(
            luma,
            x1,
            y1,
            rows[i],
            borders,
            row_weight,
            column_weight,
            cell,
            gain,
            bias,
            partial,
            line,
            prefix,
            means,
            out[i],
        )
        while y < min(stop, y2) - 1:
            _add_row(luma, x1, x2, y, sums)
            y += _ROW_STEP
    state = _hash_rows(plane_0, done, len(plane_0), row_bytes[0], state)
    if n_planes > 1:
        state = _hash_plane(plane_1, row_bytes[1], state)
    if n_planes > 2:
        state = _hash_plane(plane_2, row_bytes[2], state)
    if n_planes > 3:
        state = _hash_plane(plane_3, row_bytes[3], state)
    hashed[0] = state


@kernel
def _hash_plane(plane: U64, row_bytes: int, state: np.uint64) -> np.uint64:
    return _hash_rows(plane, 0, len(plane), row_bytes, _begin_hash(state, plane, row_bytes))
