"""A 64-bit fingerprint of the pixels of a plane."""

import numpy as np

from .. import U64
from ..cpu.content_hash import _KEYS
from ._compile import transfers
from ._pictures import hash_plane


def content_hash(plane: U64, row_bytes: int, seed: int) -> int:
    """Hash the bytes of a plane: the number that `framesift_kernels.cpu.content_hash` gives.

    Parameters
    ----------
    plane : (rows, stride_words) uint64, C-contiguous
        The plane, eight bytes a word, little-endian. Here or on the GPU.
    row_bytes : int
        Only the first *row_bytes* bytes of every row count.
    seed : int, 0 <= seed < 2**64
        0, or the hash of the plane before.

    Returns
    -------
    int
        ``0 <= hash < 2**64``.

    Notes
    -----
    Written for GPUs, run in Numba's simulator, never on a GPU so far.
    """
    state = np.array([seed], np.uint64)
    with transfers() as arrays:
        hash_plane(arrays.read(plane), arrays.read(_KEYS), row_bytes, arrays.change(state))
    return int(state[0])
