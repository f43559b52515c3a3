"""What it costs to serve clients by candidates: powers of distances."""

import math

import numpy as np
from numba import cuda

from .. import F32, I64, Rows
from ._compile import blocks, device, kernel, transfers
from ._nearest import (
    _C_SHAPE,
    _CENTERS,
    _CHAINS,
    _DEPTH,
    _ROWS,
    _THREADS,
    _TILE_CENTERS,
    _X_SHAPE,
    COLUMNS,
    LINES,
    TILE_ROWS,
    _extend,
    _load,
    _load_rows,
)


def pair_costs(
    x: Rows, rows: I64, clients: F32, scale: float, order: int, out: F32, first: int, mirror: bool
) -> None:
    """Fill some columns of *out* with powers of distances: `framesift_kernels.cpu.pair_costs`, bit for bit.

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
        The first c candidates are the clients: of the square that all candidates make, only tiles on and below the
        diagonal are computed, and ``out[i, first + r] = out[r, first + i]``.

    All here or on the GPU.

    Notes
    -----
    Written for GPUs, run in Numba's simulator, never on a GPU so far. The tiles of `assign`.
    """
    b, c = len(rows), len(clients)
    if b and c:
        with transfers() as arrays:
            tiles = -(-b // TILE_ROWS) * -(-c // _TILE_CENTERS)
            _costs[blocks(tiles, 1), _THREADS](
                arrays.read(x),
                arrays.read(rows),
                b,
                x.shape[1],
                arrays.read(clients),
                c,
                np.float32(scale),
                order,
                arrays.change(out),
                first,
                mirror,
            )


@kernel
def _costs(
    x: Rows,  # IN  (n, d)
    rows: I64,  # IN  (b,)
    b: int,
    d: int,
    clients: F32,  # IN  (c, d)
    c: int,
    scale: np.float32,
    order: int,
    out: F32,  # OUT  (b, columns)
    first: int,
    mirror: bool,
) -> None:
    """A block a tile. Where the diagonal passes through one, both halves are written twice, with the same bits."""
    xs = cuda.shared.array(_X_SHAPE, np.float32)
    cs = cuda.shared.array(_C_SHAPE, np.float32)
    chains, costs = cuda.local.array(_CHAINS, np.float32), cuda.local.array(_CHAINS, np.float32)
    t = cuda.threadIdx.x
    column, line = t % COLUMNS, t // COLUMNS
    across = (c + _TILE_CENTERS - 1) // _TILE_CENTERS
    tiles = (b + TILE_ROWS - 1) // TILE_ROWS * across
    for tile in range(cuda.blockIdx.x, tiles, cuda.gridDim.x):
        start, c0 = tile // across * TILE_ROWS, tile % across * _TILE_CENTERS
        if mirror and start + TILE_ROWS <= c0:
            continue
        for i in range(_CHAINS):
            chains[i] = np.float32(0)
        for j0 in range(0, d, _DEPTH):
            cuda.syncthreads()
            _load_rows(x, rows, True, start, b, j0, d, t, xs)
            _load(clients, c0, c, j0, d, t, _TILE_CENTERS, cs)
            cuda.syncthreads()
            _extend(xs, cs, min(_DEPTH, d - j0), column, line, chains)
        _raise(chains, scale, order, costs)
        for r in range(_ROWS):
            for q in range(_CENTERS):
                row, client = start + line + r * LINES, c0 + column + q * COLUMNS
                if row < b and client < c:
                    out[row, first + client] = costs[r * _CENTERS + q]
                    if mirror:
                        out[client, first + row] = costs[r * _CENTERS + q]


@device
def _raise(
    sqdist: F32,  # IN
    scale: np.float32,
    order: int,
    costs: F32,  # OUT
) -> None:
    """``(sqdist * scale) ** (order / 2)``: products from the left, and a root.

    The loops over the chains are the inner ones, so that these stay in registers.
    """
    for i in range(_CHAINS):
        costs[i] = sqdist[i] * scale if order > 1 else np.float32(1)
    for _ in range(order // 2 - 1):
        for i in range(_CHAINS):
            costs[i] = costs[i] * (sqdist[i] * scale)
    if order % 2:
        for i in range(_CHAINS):
            costs[i] = costs[i] * np.float32(math.sqrt(sqdist[i] * scale))
