"""Nearest of a growing set of centres, many of them at once."""

from .. import F32, I32, I64, Rows
from ._compile import transfers
from ._listed import Listed
from ._nearest import lower


def lower_nearest(x: Rows, rows: I64, centers: F32, first: int, sqdist: F32, nearest: I32) -> None:
    """Take ``centers[first:]`` into account for some rows: `framesift_kernels.cpu.lower_nearest`, bit for bit.

    Parameters
    ----------
    x : (n, d) uint8, float16 or float32, C-contiguous
        Here or on the GPU.
    rows : (m,) int64
        Rows of *x* to bring up to date, each once.
    centers : (k, d) float32, C-contiguous
    first : int
        Centres before it are known already. One of those taken into account again changes nothing.
    sqdist : (n,) float32
        Lowered in place; a negative one stays.
    nearest : (n,) int32
        Number of the centre at that distance, the lowest on a tie. Where nothing is nearer it stays.

    NumPy arrays but *x*: of *sqdist* and *nearest* only what belongs to *rows* travels to the GPU and back.

    Notes
    -----
    Written for GPUs, run in Numba's simulator, never on a GPU so far.
    """
    if not len(rows) or first >= len(centers):
        return
    with transfers() as arrays:
        state = Listed(arrays, rows, sqdist, nearest)
        lower(
            arrays.read(x),
            state.rows,
            len(rows),
            arrays.read(centers),
            first,
            state.sqdist,
            state.nearest,
        )
    state.finish()
