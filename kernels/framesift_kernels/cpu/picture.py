"""All that is measured of a decoded picture, in one pass over it."""

import threading
from collections.abc import Sequence
from typing import Any

from .. import U8, U64, Plane, Region
from ._picture import PictureAt

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
        found[layout] = PictureAt(luma, planes, row_bytes, region, depth, gain, bias, out)
    bound = found[layout]
    bound.run(luma, out, *planes)
    return bound.sharpness(), bound.content_hash()


class _Layouts(threading.local):
    def __init__(self) -> None:
        self.found: dict[tuple[Any, ...], PictureAt] = {}


_layouts = _Layouts()
