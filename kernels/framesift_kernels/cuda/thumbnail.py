"""The picture in a plane, at thumbnail size."""

from typing import Any

from .. import U8, Plane, Region
from ..cpu.thumbnail import _cells
from ._compile import THREADS, Transfers, blocks, transfers
from ._pictures import shrink


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


def shrink_plane(
    arrays: Transfers,
    plane: Any,
    region: Region,
    gain: float,
    bias: float,
    shape: tuple[int, ...],
    out: Any,
) -> None:
    """`thumbnail`, on the device."""
    x1, x2, y1, y2 = region
    h, w = shape
    rows, row_weight, cell_height = _cells(y2 - y1, h)
    columns, column_weight, cell_width = _cells(x2 - x1, w)
    shrink[blocks(h * w, 1), THREADS](
        plane,
        x1,
        y1,
        arrays.read(rows),
        arrays.read(columns),
        h,
        w,
        row_weight,
        column_weight,
        cell_height * cell_width,
        float(gain),
        float(bias),
        out,
    )
