"""Sums of the rows of every cluster."""

import numpy as np

from .. import F64, I32, I64, Rows
from ._compile import native


def cluster_sums(x: Rows, labels: I32, k: int) -> tuple[F64 | I64, I64]:
    """Add up the rows of every cluster.

    Parameters
    ----------
    x : (n, d) uint8 or float32, C-contiguous
    labels : (n,) int32
        Cluster of every row, less than *k*; rows with a negative label are left out.
    k : int
        Number of clusters.

    Returns
    -------
    sums : (k, d) int64 or float64
        int64, exact, for uint8; float64, added in the order of the rows, for float32.
    counts : (k,) int64
        Rows in every cluster.
    """
    shape = (k, x.shape[1])
    sums = np.zeros(shape, np.int64) if x.dtype == np.uint8 else np.zeros(shape, np.float64)
    counts = np.zeros(k, np.int64)
    _cluster_sums(x, labels, sums, counts)
    return sums, counts


@native
def _cluster_sums(
    x: Rows,  # IN     (n, d)
    labels: I32,  # IN     (n,)
    sums: F64 | I64,  # INOUT  (k, d)
    counts: I64,  # INOUT  (k,)
) -> None:
    for i in range(len(x)):
        label = labels[i]
        if label >= 0:
            counts[label] += 1
            row, total = x[i], sums[label]
            for j in range(len(row)):
                total[j] += row[j]
