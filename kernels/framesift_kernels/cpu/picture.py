"""All that is measured of a decoded picture, in one pass over it."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import F64, I64, U8, U16, U32, U64, Plane, Region
from ._compile import kernel, native
from .content_hash import _begin_hash, _hash_rows
from .sharpness import _ROW_STEP, _add_row, _variance
from .thumbnail import _cells, _shrink_row

_MAX_PLANES = 4
_MAX_LAYOUTS = 8


def picture(
    luma: Plane,
    planes: Sequence[U64],
    row_bytes: tuple[int, ...],
    region: Region,
    depth: int,
    gain: float,
    bias: float,
    out: U8,
) -> tuple[float, int]:
    """Thumbnail, sharpness and content hash of a picture: exactly what the kernels of these names give.

    Parameters
    ----------
    luma : (rows, stride) uint8 or uint16, C-contiguous
        The plane that is shrunk. At most 16384 x 16384.
    planes : one to four of (rows, stride_words) uint64, C-contiguous
        What is hashed, eight bytes a word; as many rows in the first as in *luma*.
    row_bytes : of each of *planes*
        Bytes of a row that count.
    region : (x1, x2, y1, y2)
        Not empty, inside *luma*: what is shrunk and differentiated. The hash is over the whole planes.
    depth : int
        Bits a pixel of *luma*.
    gain, bias : float
        From value to grey.
    out : (h, w) uint8, 1 <= h <= y2 - y1, 1 <= w <= x2 - x1, C-contiguous
        The thumbnail; written.

    Returns
    -------
    sharpness : float
    content_hash : int

    Notes
    -----
    A row is read from memory once: while it is in the cache it is hashed, added up and differentiated. A thread
    keeps its scratch, at most 16 bytes a column, for pictures of up to eight layouts.
    """
    layout = (
        luma.dtype.char,
        luma.shape,
        *[p.shape for p in planes],
        row_bytes,
        region,
        gain,
        bias,
        out.shape,
    )
    found = _layouts.found
    if layout not in found:
        if len(found) == _MAX_LAYOUTS:
            found.clear()
        found[layout] = _bind(luma, planes, row_bytes, region, float(gain), float(bias), out)
    run, sums, hashed = found[layout]
    with np.errstate(over="ignore"):  # wraps around on purpose; matters in plain Python only
        run(luma, out, *planes)
    return _variance(sums, region, depth), int(hashed[0])


class _Layouts(threading.local):
    def __init__(self) -> None:
        self.found: dict[tuple[Any, ...], tuple[Callable[..., None], I64, U64]] = {}


_layouts = _Layouts()


def _bind(
    luma: Plane,
    planes: Sequence[U64],
    row_bytes: tuple[int, ...],
    region: Region,
    gain: float,
    bias: float,
    out: U8,
) -> tuple[Callable[..., None], I64, U64]:
    """The kernel for pictures of this layout, and where its sums and its hash come to stand."""
    x1, x2, y1, y2 = region
    h, w = out.shape
    rows, row_weight, cell_height = _cells(y2 - y1, h)
    columns, column_weight, cell_width = _cells(x2 - x1, w)
    n_missing = _MAX_PLANES - len(planes)
    sums, hashed = np.zeros(2, np.int64), np.zeros(1, np.uint64)
    bind: Callable[..., Callable[..., None]] = _picture.bind  # type: ignore[attr-defined]
    run = bind(
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
        columns,
        row_weight,
        column_weight,
        cell_height * cell_width,
        gain,
        bias,
        np.empty(x2 - x1, np.uint16) if luma.dtype == np.uint8 else np.empty(x2 - x1, np.uint32),
        np.empty(x2 - x1, np.uint32),
        np.empty(x2 - x1 + 1, np.uint64),
        np.empty(w, np.float64),
        sums,
        hashed,
    )
    return run, sums, hashed


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
    columns: I64,  # IN   (w, 4)
    row_weight: int,
    column_weight: int,
    cell: int,
    gain: float,
    bias: float,
    partial: U16 | U32,  # scratch (W,)
    line: U32,  # scratch (W,)
    prefix: U64,  # scratch (W + 1,)
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
            columns,
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
