"""What it costs to serve clients by candidates: powers of distances."""

from typing import Any

import numpy as np

from .. import F32, I64, Rows


def pair_costs(
    x: Rows, rows: I64, clients: F32, scale: float, order: int, out: F32, first: int, mirror: bool
) -> None:
    """Fill some columns of *out*: ``out[r, first + i] = (scale * |x[rows[r]] - clients[i]|**2) ** (order / 2)``.

    Parameters
    ----------
    x : (n, d) uint8, float16 or float32, C-contiguous
    rows : (b,) int64
        Rows of *x*: the candidates.
    clients : (c, d) float32, C-contiguous
    scale : float
        A power of two, so that it rounds nothing.
    order : int
        At least 1.
    out : (b, columns) float32, C-contiguous
        OUT: columns ``[first, first + c)``.
    first : int
    mirror : bool
        The first c candidates are the clients: of the square that all candidates make, only what lies on and below
        the diagonal is computed, and ``out[i, first + r] = out[r, first + i]``.

    Notes
    -----
    Distances are chains of FMAs, as in `assign`; the power is ``order // 2`` factors from the left, and the square
    root if the order is odd, all in float32. O(b c d). Scratch: a copy of the clients.
    """
    from ._coverage import fill_costs
    from ._rows import aligned, bits, scratch
    from ._vector import WIDTH

    packed = aligned((-(-len(clients) // WIDTH), clients.shape[1], WIDTH))
    floats: Any = x if x.dtype == np.float32 else np.empty((0, x.shape[1]), np.float32)
    block, values = scratch(x.shape[1])[:2]
    fill_costs(
        bits(x), floats, rows, clients, float(scale), order, out, first, int(mirror), packed, block, values
    )
