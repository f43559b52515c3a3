"""What all candidates would save, brought up to date by the clients that have changed."""

from .. import F32, F64, I32, I64


def add_savings(
    costs: F32,
    rows: I64,
    low: F32,
    high: F32,
    weights: F32,
    slots: I32,
    start: int,
    stop: int,
    sums: F64,
) -> None:
    """Add ``weights[i] * max(0, high[i] - max(low[i], costs[rows[i], j]))`` to ``sums[slots[i], j]``.

    What the candidates j save where a client i costs *high*, and no more than down to *low*. A weight may be
    negative: that takes away what was added before.

    Parameters
    ----------
    costs : (m, n) float32, C-contiguous, n a multiple of 16
    rows : (e,) int64
        Rows of *costs*: of clients that are candidates as well, as the costs of a symmetric square are.
    low, high, weights : (e,) float32
    slots : (e,) int32
        Rows of *sums*. Entries of one slot had best follow one another.
    start, stop : int
        Columns j, multiples of 16.
    sums : (s, n) float64, C-contiguous
        In place.

    Notes
    -----
    A term is rounded twice, to float32; up to eight of the same slot that follow one another are added by FMAs in
    float32, in order, and then to *sums* in float64. So they are within 2**-20 of the sum of the sizes of all terms
    that were ever added. O(e (stop - start)), of rows read from one end to the other.
    """
    from ._coverage import add_savings_of

    add_savings_of(costs, rows, low, high, weights, slots, start, stop, sums)
