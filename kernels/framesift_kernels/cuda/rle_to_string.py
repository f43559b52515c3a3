"""COCO's characters for run lengths."""

from .. import I64
from ..cpu.rle_to_string import rle_to_string as on_cpu


def rle_to_string(counts: I64) -> bytes:
    """Write run lengths as COCO's compressed string.

    By `framesift_kernels.cpu.rle_to_string`: one after the other, and the runs of a mask are a few hundred numbers that lie here.
    A GPU would take longer to be told.
    """
    return on_cpu(counts)
