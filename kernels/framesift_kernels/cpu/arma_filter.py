"""What an ARMA process leads one to expect next."""

import numpy as np

from .. import F64


def arma_filter(y: F64, ar: F64, ma: F64) -> tuple[F64, F64, float, float]:
    """Predict every value of a series from those before it, with a stationary ARMA process of mean 0.

    ``y[t] = ar[0] y[t-1] + ... + e[t] + ma[0] e[t-1] + ...``, with noise e of the variance under which the series is
    most likely.

    Parameters
    ----------
    y : (n,) float64, C-contiguous
        NaN where missing.
    ar : (p,) float64
        Coefficients of a stationary process.
    ma : (q,) float64

    Returns
    -------
    predicted : (n,) float64
        Expected from all values before.
    variance : (n,) float64
        Of that expectation, in units of the noise's.
    log_likelihood : float
    noise : float
        Variance of the noise.

    Notes
    -----
    O(n r**2) with r = max(p, q + 1), and O(n r) where no value is missing for a while. The filter of statsmodels'
    ``SARIMAX(y, order=(p, 0, q))``.
    """
    from ._arma import filtered

    predicted, variance, errors, logs = filtered(y, ar[None], ma[None])
    known = max(1, int(np.count_nonzero(~np.isnan(y))))
    noise = float((errors[:, 0] @ errors[:, 0]) / known)
    log_likelihood = -0.5 * (known * (np.log(2 * np.pi * noise) + 1) + logs[0]) if noise else np.inf
    return predicted, variance, float(log_likelihood), noise
