"""What an ARMA process leads one to expect next."""

from .. import F64
from ..cpu.arma_filter import arma_filter as on_cpu


def arma_filter(y: F64, ar: F64, ma: F64) -> tuple[F64, F64, float, float]:
    """Predict every value of a series from those before it, with a stationary ARMA process of mean 0.

    By `framesift_kernels.cpu.arma_filter`: each step waits for the one before, on a few numbers that lie here. A GPU
    would take longer to be told.
    """
    return on_cpu(y, ar, ma)
