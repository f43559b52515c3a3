"""All that is measured of a decoded picture."""

from collections.abc import Sequence

import numpy as np

from .. import U8, U64, Plane, Region
from ..cpu.content_hash import _KEYS
from ._compile import transfers
from ._pictures import hash_plane, shrink_plane
from .sharpness import Sharpness


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
    """Thumbnail, sharpness and content hash of a picture: `framesift_kernels.cpu.picture`, bit for bit.

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

    All here or on the GPU.

    Returns
    -------
    sharpness : float
    content_hash : int

    Notes
    -----
    Written for GPUs, run in Numba's simulator, never on a GPU so far. Planes that lie here are copied, with each call.
    """
    state, rows = np.zeros(1, np.uint64), Sharpness(region, depth)
    with transfers() as arrays:
        lying, hashed, keys = arrays.read(luma), arrays.change(state), arrays.read(_KEYS)
        shrink_plane(arrays, lying, region, gain, bias, out.shape, arrays.write(out))
        rows.measure(arrays, lying)
        for plane, n_bytes in zip(planes, row_bytes, strict=True):
            hash_plane(arrays.read(plane), keys, n_bytes, hashed)
    return rows.variance, int(state[0])
