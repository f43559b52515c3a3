"""COCO's characters for run lengths."""

from .. import I64


def rle_to_string(counts: I64) -> bytes:
    """Write run lengths as COCO's compressed string.

    From the fourth on, a number is written as its difference to the last but one; 5 bits a character, the lowest
    first, 32 where more follow, from character 48 on. The last one's highest bit is the sign.

    Parameters
    ----------
    counts : (m,) int64
    """
    from ._rle import to_string

    return bytes(to_string(counts))
