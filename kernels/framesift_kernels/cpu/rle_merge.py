"""Union and intersection of two masks."""

from .. import I64


def rle_merge(a: I64, b: I64, both: bool) -> I64:
    """Run lengths of what either of two masks covers, or of what *both* do. O(runs).

    Parameters
    ----------
    a, b : (m,), (l,) int64
        Run lengths of masks of one size and order, at least one each.
    """
    from ._rle import merge

    merged: I64 = merge(a, b, both)
    return merged
