"""XXH3, 64 bits."""

from .. import U8
from ..cpu.xxh3 import xxh3 as on_cpu


def xxh3(data: U8, seed: int) -> int:
    """XXH3-64 of bytes.

    By `framesift_kernels.cpu.xxh3`: eight sums, each step of which needs the one before, of bytes that lie here.
    """
    return on_cpu(data, seed)
