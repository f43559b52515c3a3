"""Run lengths of COCO's characters."""

import numpy as np

from .. import I64


def rle_from_string(text: bytes) -> I64 | None:
    """Read COCO's compressed string; see `rle_to_string`.

    Returns
    -------
    (m,) int64, or None if the text is none: another character, or an end within a number.
    """
    from ._rle import from_string

    counts: I64 = from_string(np.frombuffer(text, np.uint8))
    return None if len(counts) and counts[0] == -1 else counts
