"""Whether numbers are numbers."""

import numpy as np

from .. import Rows


def is_finite(x: Rows) -> bool:
    """Say whether no number is NaN or infinite.

    Parameters
    ----------
    x : (n, d) uint8, float16 or float32
    """
    return x.dtype == np.uint8 or bool(np.isfinite(x).all())
