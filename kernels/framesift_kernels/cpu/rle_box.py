"""Box around a mask."""

from .. import I64


def rle_box(counts: I64, height: int) -> tuple[int, int, int, int]:
    """First row and column, number of rows and columns of the box around the ones; zeros if there are none. O(runs).

    Parameters
    ----------
    counts : (m,) int64
        In column order; of row order, the answer is transposed if *height* is the width.
    height : int
        Pixels of a column.
    """
    from ._rle import box

    top, left, rows, columns = (int(value) for value in box(counts, height))
    return top, left, rows, columns
