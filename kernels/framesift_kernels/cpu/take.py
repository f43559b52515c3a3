"""Some of the rows."""

from .. import I64, Rows


def take(x: Rows, rows: I64) -> Rows:
    """Gather rows.

    Parameters
    ----------
    x : (n, d) uint8, float16 or float32
    rows : (m,) integers, 0 <= rows < n
        In any order.

    Returns
    -------
    (m, d), of the type of *x*
    """
    return x[rows]
