"""How far a series is from what ARMA processes lead one to expect."""

from .. import F64
from ..cpu.arma_errors import arma_errors as on_cpu


def arma_errors(y: F64, ar: F64, ma: F64) -> F64:
    """Errors of predicting a series by several stationary ARMA processes, weighted for least squares.

    By `framesift_kernels.cpu.arma_errors`: each step waits for the one before, on a few numbers that lie here. A GPU
    would take longer to be told.
    """
    return on_cpu(y, ar, ma)
