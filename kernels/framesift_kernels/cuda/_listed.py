"""What is known of some rows, brought to the GPU for the time of a call: four or eight bytes a row listed, not all."""

from typing import Any

import numpy as np

from .. import F32, I32, I64
from ._compile import Transfers


class Listed:
    """The entries of *rows* in arrays of all rows, side by side on the GPU."""

    def __init__(self, arrays: Transfers, rows: I64, sqdist: F32, nearest: I32) -> None:
        self._all, self._which = (sqdist, nearest), rows
        self._some = (np.ascontiguousarray(sqdist[rows]), np.ascontiguousarray(nearest[rows]))
        self.rows: Any = arrays.read(rows)
        self.sqdist: Any = arrays.change(self._some[0])
        self.nearest: Any = arrays.change(self._some[1])

    def finish(self) -> None:
        """Put back what was found, once the call's arrays have come back."""
        for everything, some in zip(self._all, self._some, strict=True):
            everything[self._which] = some
