"""Sums of the rows of every cluster."""

from .. import F64, I32, I64, Rows
from ._compile import transfers
from ._sums import add_up, no_sums


def cluster_sums(x: Rows, labels: I32, k: int) -> tuple[F64 | I64, I64]:
    """Add up the rows of every cluster: `framesift_kernels.cpu.cluster_sums`, bit for bit, and of float16 too.

    Parameters
    ----------
    x : (n, d) uint8, float16 or float32, C-contiguous
        Here or on the GPU.
    labels : (n,) int32
        Cluster of every row, less than *k*; rows with a negative label are left out.
    k : int
        Number of clusters.

    Returns
    -------
    sums : (k, d) int64 or float64
    counts : (k,) int64
        NumPy arrays.

    Notes
    -----
    Written for GPUs, run in Numba's simulator, never on a GPU so far. A thread for each number of the result, so the
    largest cluster decides how long it takes; scratch: 8 bytes a row and 256 bytes a cluster.
    """
    sums, counts = no_sums(x, k)
    with transfers() as arrays:
        add_up(arrays, arrays.read(x), arrays.read(labels), k, arrays.write(sums), arrays.write(counts))
    return sums, counts
