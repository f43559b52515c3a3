"""The colour differences of a picture, at thumbnail size."""

from .. import U8, Plane, Region
from ..cpu.chroma import _cells
from ._compile import transfers
from ._pictures import shrink


def chroma(plane: Plane, shift: tuple[int, int], region: Region, gain: float, bias: float, out: U8) -> None:
    """Shrink a region of one or two colour differences by exact area average: `framesift_kernels.cpu.chroma`, bit for bit.

    Parameters
    ----------
    plane : (rows, stride) uint8 or uint16, C-contiguous
        Samples of difference 0, or of 0 and 1 by turns. Padding at the right is not read. Here or on the GPU.
    shift : (x, y)
        0 to 2 each: a sample stands for ``2**shift[0]`` columns and ``2**shift[1]`` rows of the picture.
    region : (x1, x2, y1, y2)
        Of the picture, at most 16384 x 16384; not empty, inside of what the samples stand for.
    gain, bias : float
        From sample to level.
    out : (k, h, w) uint8, 1 <= k <= 2, 1 <= h <= y2 - y1, 1 <= w <= x2 - x1, C-contiguous
        Written; here or on the GPU.

    Notes
    -----
    Written for GPUs, run in Numba's simulator, never on a GPU so far.
    """
    x1, x2, y1, y2 = region
    _, h, w = out.shape
    rows, columns = _cells(y1, y2, h, shift[1])[:3], _cells(x1, x2, w, shift[0])[:3]
    with transfers() as arrays:
        place = x1 >> shift[0], y1 >> shift[1]
        shrink(arrays, arrays.read(plane), place, rows, columns, gain, bias, arrays.write(out))
