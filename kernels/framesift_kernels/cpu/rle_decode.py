"""Masks of run lengths."""

from .. import I64, U8


def rle_decode(counts: I64, mask: U8, columns: bool) -> None:
    """Paint runs into a mask.

    Parameters
    ----------
    counts : (m,) int64
        Lengths of runs, zeros first, m >= 1, not negative, h * w in sum.
    mask : (h, w) uint8, C-contiguous
        OUT: 0 and 1.
    columns
        Whether runs go down the columns or along the rows. The mask is written in its own order either way.
    """
    from ._rle import decode_columns, decode_rows

    if columns:
        decode_columns(counts, mask)
    else:
        decode_rows(counts, mask.reshape(-1))
