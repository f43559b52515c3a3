"""COCO's characters for run lengths."""

import numpy as np

from .. import I64, U8
from ._compile import native
from ._rle import scratch

_MOST_CHARACTERS = 13  # of a number of 64 bits, 5 each


def rle_to_string(counts: I64) -> bytes:
    """Write run lengths as COCO's compressed string.

    From the fourth on, a number is written as its difference to the last but one; 5 bits a character, the lowest
    first, 32 where more follow, from character 48 on. The last one's highest bit is the sign.

    Parameters
    ----------
    counts : (m,) int64
    """
    text: U8 = scratch.text
    if _MOST_CHARACTERS * len(counts) > len(text):
        text = np.empty(_MOST_CHARACTERS * len(counts), np.uint8)
    numbers = scratch.numbers
    _to_string(counts, text, numbers)
    return text[: int(numbers[0])].tobytes()


@native
def _to_string(
    counts: I64,  # IN   (m,)
    text: U8,  # OUT  (13 m,)
    numbers: I64,  # OUT  (1,): characters
) -> None:
    n = 0
    for i in range(len(counts)):
        value = counts[i] - (counts[i - 2] if i > 2 else 0)
        more = True
        while more:
            bits = value & 31
            value >>= 5
            more = value != (-1 if bits & 16 else 0)
            text[n] = 48 + (bits | (32 if more else 0))
            n += 1
    numbers[0] = n
