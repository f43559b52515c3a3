"""The nearest two picks of every client."""

import numpy as np
from numba import cuda

from .. import F32, I32
from ._compile import THREADS, blocks, device, kernel, transfers


def nearest_two(picked: F32, replaced: int, base: F32, near: F32, second: F32, slot: I32, other: I32) -> None:
    """Bring up to date which picks are nearest to the clients: `framesift_kernels.cpu.nearest_two`, bit for bit.

    Parameters
    ----------
    picked : (k, n) float32
        Cost of each client by each pick.
    replaced : int
        The pick that has changed; negative: all.
    base : (n,) float32
        Cost of each client by what is never replaced, which counts as pick k.
    near, second : (n,) float32
        In place: the lowest and the second lowest cost of each client; infinity, if there is no second.
    slot, other : (n,) int32
        In place: picks that have them; -1, if there is no second.

    All here or on the GPU.

    Notes
    -----
    Written for GPUs, run in Numba's simulator, never on a GPU so far. A thread has a client.
    """
    n = len(near)
    if n:
        with transfers() as arrays:
            _replace[blocks(n), THREADS](
                arrays.read(picked),
                replaced,
                arrays.read(base),
                n,
                *(arrays.change(a) for a in (near, second, slot, other)),
            )


@kernel
def _replace(
    picked: F32,  # IN  (k, n)
    replaced: int,
    base: F32,  # IN  (n,)
    n: int,
    near: F32,  # INOUT  (n,)
    second: F32,  # INOUT  (n,)
    slot: I32,  # INOUT  (n,)
    other: I32,  # INOUT  (n,)
) -> None:
    k = picked.shape[0]
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        if replaced < 0 or slot[i] == replaced or other[i] == replaced:
            near[i], slot[i], second[i], other[i] = base[i], k, np.float32(np.inf), -1
            for p in range(k):
                _take(picked[p, i], p, i, near, second, slot, other)
        else:
            _take(picked[replaced, i], replaced, i, near, second, slot, other)


@device
def _take(cost: np.float32, pick: int, i: int, near: F32, second: F32, slot: I32, other: I32) -> None:
    """A pick as the nearest or second of client i, if it is."""
    if cost < near[i]:
        second[i], other[i] = near[i], slot[i]
        near[i], slot[i] = cost, pick
    elif cost < second[i]:
        second[i], other[i] = cost, pick
