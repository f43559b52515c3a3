"""Union and intersection of two masks."""

from .. import I64
from ..cpu.rle_merge import rle_merge as on_cpu


def rle_merge(a: I64, b: I64, both: bool) -> I64:
    """Run lengths of what either of two masks covers, or of what *both* do.

    By `framesift_kernels.cpu.rle_merge`: one after the other, and the runs of a mask are a few hundred numbers that lie here.
    A GPU would take longer to be told.
    """
    return on_cpu(a, b, both)
