"""Box around a mask."""

from .. import I64
from ._compile import native
from ._rle import scratch


def rle_box(counts: I64, height: int) -> tuple[int, int, int, int]:
    """First row and column, number of rows and columns of the box around the ones; zeros if there are none. O(runs).

    Parameters
    ----------
    counts : (m,) int64
        In column order; of row order, the answer is transposed if *height* is the width.
    height : int
        Pixels of a column.
    """
    numbers = scratch.numbers
    _box(counts, height, numbers)
    top, left, rows, columns = numbers.tolist()
    return top, left, rows, columns


@native
def _box(
    counts: I64,  # IN   (m,)
    height: int,
    box: I64,  # OUT  (4,)
) -> None:
    top, bottom, left, right, at = height, -1, -1, -1, 0
    for i in range(len(counts)):
        if i % 2 and counts[i]:
            first, last = at, at + counts[i] - 1
            first_column, right = first // height, last // height
            if left < 0:
                left = first_column
            if first_column < right:
                top, bottom = 0, height - 1
            else:
                top, bottom = min(top, first % height), max(bottom, last % height)
        at += counts[i]
    box[:] = 0
    if left >= 0:
        box[0], box[1], box[2], box[3] = top, left, bottom - top + 1, right - left + 1
