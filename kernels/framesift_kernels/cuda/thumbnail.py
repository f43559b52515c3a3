"""The picture in a plane, at thumbnail size."""

from .. import U8, Plane, Region
from ._compile import transfers
from ._pictures import shrink_plane


def thumbnail(plane: Plane, region: Region, gain: float, bias: float, out: U8) -> None:
    """Shrink a region of a plane by exact area average: `framesift_kernels.cpu.thumbnail`, bit for bit.

    Parameters
    ----------
    plane : (rows, stride) uint8 or uint16, C-contiguous
        At most 16384 x 16384. Here or on the GPU.
    region : (x1, x2, y1, y2)
        Not empty, inside the plane.
    gain, bias : float
        From value to grey.
    out : (h, w) uint8, 1 <= h <= y2 - y1, 1 <= w <= x2 - x1
        Written; here or on the GPU.

    Notes
    -----
    Written for GPUs, run in Numba's simulator, never on a GPU so far.
    """
    with transfers() as arrays:
        shrink_plane(arrays, arrays.read(plane), region, gain, bias, out.shape, arrays.write(out))
