"""Run lengths of COCO's characters."""

from .. import I64
from ..cpu.rle_from_string import rle_from_string as on_cpu


def rle_from_string(text: bytes) -> I64 | None:
    """Read COCO's compressed string.

    By `framesift_kernels.cpu.rle_from_string`: one after the other, and the runs of a mask are a few hundred numbers that lie here.
    A GPU would take longer to be told.
    """
    return on_cpu(text)
