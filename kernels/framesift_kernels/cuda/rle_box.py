"""Box around a mask."""

from .. import I64
from ..cpu.rle_box import rle_box as on_cpu


def rle_box(counts: I64, height: int) -> tuple[int, int, int, int]:
    """First row and column, number of rows and columns of the box around the ones.

    By `framesift_kernels.cpu.rle_box`: one after the other, and the runs of a mask are a few hundred numbers that lie here.
    A GPU would take longer to be told.
    """
    return on_cpu(counts, height)
