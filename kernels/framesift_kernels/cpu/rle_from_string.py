"""Run lengths of COCO's characters."""

import numpy as np

from .. import I64, U8
from ._compile import native
from ._rle import scratch


def rle_from_string(text: bytes) -> I64 | None:
    """Read COCO's compressed string; see `rle_to_string`.

    Returns
    -------
    (m,) int64, or None if the text is none: another character, or an end within a number.
    """
    counts, numbers = np.empty(len(text), np.int64), scratch.numbers
    with np.errstate(over="ignore"):  # sums that wrap around; matters in plain Python only
        _from_string(np.frombuffer(text, np.uint8), counts, numbers)
    n = int(numbers[0])
    return None if n < 0 else counts[:n].copy()


@native
def _from_string(
    text: U8,  # IN   (n,)
    counts: I64,  # OUT  (n,)
    numbers: I64,  # OUT  (1,): how many; -1 if it is no text of run lengths
) -> None:
    numbers[0] = -1
    n, i = 0, 0
    while i < len(text):
        value, shift, more = np.int64(0), 0, True
        while more:
            if i == len(text) or text[i] < 48 or text[i] >= 112 or shift > 60:
                return
            bits = np.int64(text[i]) - 48
            value |= (bits & 31) << shift
            shift += 5
            more = bits & 32 != 0
            if not more and bits & 16 and shift < 64:
                value |= np.int64(-1) << shift
            i += 1
        counts[n] = value + (counts[n - 2] if n > 2 else 0)
        n += 1
    numbers[0] = n
