"""A step of Lloyd's iteration."""

from .. import F32, F64, I32, I64, Rows
from ._compile import transfers
from ._nearest import begin, lower
from ._sums import add_up, no_sums


def assign_sums(x: Rows, centers: F32, labels: I32, sqdist: F32) -> tuple[F64 | I64, I64]:
    """`assign`, and `cluster_sums` of the labels found: `framesift_kernels.cpu.assign_sums`, bit for bit.

    Parameters
    ----------
    x : (n, d) uint8, float16 or float32, C-contiguous
    centers : (k, d) float32
        At least one.
    labels : (n,) int32
        OUT: index of the nearest centre, the lowest on a tie.
    sqdist : (n,) float32
        OUT: squared distance to it.

    All here or on the GPU.

    Returns
    -------
    sums : (k, d) int64 or float64
    counts : (k,) int64
        NumPy arrays.

    Notes
    -----
    Written for GPUs, run in Numba's simulator, never on a GPU so far.
    """
    k = len(centers)
    sums, counts = no_sums(x, k)
    with transfers() as arrays:
        rows, found, value = arrays.read(x), arrays.write(labels), arrays.write(sqdist)
        begin(len(x), found, value)
        lower(rows, None, len(x), arrays.read(centers), 0, value, found)
        add_up(arrays, rows, found, k, arrays.write(sums), arrays.write(counts))
    return sums, counts
