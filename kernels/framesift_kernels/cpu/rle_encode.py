"""Run lengths of a mask."""

from .. import I64, U8


def rle_encode(mask: U8, columns: bool) -> I64:
    """Encode a mask.

    Parameters
    ----------
    mask : (h, w) uint8, C-contiguous
        Any number but zero counts as one.
    columns
        Whether runs go down the columns (COCO) or along the rows (Lightly). The mask is read in its own order
        either way, once.

    Returns
    -------
    counts : (m,) int64
        Lengths of runs of zeros and ones in turn, zeros first; the first may be 0, no other is, and they add up to
        h * w.
    """
    from ._rle import encode_columns, encode_rows

    counts: I64 = encode_columns(mask, mask.reshape(-1)) if columns else encode_rows(mask.reshape(-1))
    return counts
