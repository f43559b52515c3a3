"""Union and intersection of two masks."""

import numpy as np

from .. import I64
from ._compile import native
from ._rle import scratch


def rle_merge(a: I64, b: I64, both: bool) -> I64:
    """Run lengths of what either of two masks covers, or of what *both* do. O(runs).

    Parameters
    ----------
    a, b : (m,), (l,) int64
        Run lengths of masks of one size and order, at least one each.
    """
    out, numbers = np.empty(len(a) + len(b) + 1, np.int64), scratch.numbers
    _merge(a, b, int(both), out, numbers)
    return out[: int(numbers[0])].copy()


@native
def _merge(
    a: I64,  # IN   (m,)
    b: I64,  # IN   (l,)
    both: int,
    out: I64,  # OUT  (m + l + 1,)
    numbers: I64,  # OUT  (1,): runs
) -> None:
    n, i, j, value, run = 0, 0, 0, 0, 0
    left_a, left_b = a[0], b[0]
    while True:
        while left_a == 0 and i + 1 < len(a):
            i += 1
            left_a = a[i]
        while left_b == 0 and j + 1 < len(b):
            j += 1
            left_b = b[j]
        step = min(left_a, left_b)
        if step == 0:
            break
        now = (i & j & 1) if both else ((i | j) & 1)
        if now != value:
            out[n] = run
            n += 1
            value, run = now, 0
        run += step
        left_a -= step
        left_b -= step
    out[n] = run
    numbers[0] = n + 1
