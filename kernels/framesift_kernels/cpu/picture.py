"""All that is measured of a decoded picture, in one pass over it."""

from collections.abc import Sequence

from .. import U8, U64, Plane, Region
from ._picture import PictureAt


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
    A row is read from memory once: while it is in the cache it is hashed, added up and differentiated. Scratch: at
    most 20 bytes a column.
    """
    measure = PictureAt(luma, planes, row_bytes, region, depth, gain, bias, out)
    return measure(out.ctypes.data, [plane.ctypes.data for plane in planes])
