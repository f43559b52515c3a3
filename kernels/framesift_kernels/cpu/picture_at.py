"""All that is measured of decoded pictures of one layout, by the addresses of their planes."""

from collections.abc import Sequence

from .. import U8, U64, Plane, Region
from ._picture import PictureAt


def picture_at(
    luma: Plane,
    planes: Sequence[U64],
    row_bytes: tuple[int, ...],
    region: Region,
    depth: int,
    gain: float,
    bias: float,
    out: U8,
) -> PictureAt:
    """What `picture` does, for all pictures of one layout, without an array of each plane.

    A picture of a hundred thousand pixels is measured in the time that Python takes to make these arrays and to check
    them.

    Parameters
    ----------
    luma, planes, row_bytes, region, depth, gain, bias, out
        As for `picture`, of one of the pictures. Of the arrays only shapes and strides count.

    Returns
    -------
    PictureAt
        ``measure(out, planes)``: takes the address of a thumbnail and those of the planes, luma first, and returns
        sharpness and content hash. The memory there must be laid out as *out* and *planes* are, and stay until it
        returns. Not to be shared between threads.
    """
    return PictureAt(luma, planes, row_bytes, region, depth, gain, bias, out)
