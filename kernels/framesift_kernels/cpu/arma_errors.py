"""How far a series is from what ARMA processes lead one to expect."""

import numpy as np

from .. import F64


def arma_errors(y: F64, ar: F64, ma: F64) -> F64:
    """Errors of predicting a series by several stationary ARMA processes, so weighted that the least squares are the most likely.

    An error of `arma_filter` by its standard deviation, times the geometric mean of all these standard deviations.
    With S the sum of the squares of the k values that are known, the log likelihood at the best variance of the noise
    is ``-k / 2 * (log(2 pi S / k) + 1)``.

    Parameters
    ----------
    y : (n,) float64, C-contiguous
        NaN where missing.
    ar : (b, p) float64
    ma : (b, q) float64

    Returns
    -------
    (n, b) float64
        0 where missing.
    """
    from ._arma import filtered

    _, _, errors, logs = filtered(y, ar, ma)
    known = max(1, int(np.count_nonzero(~np.isnan(y))))
    errors *= np.exp(logs / (2 * known))
    return errors
