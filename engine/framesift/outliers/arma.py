"""Fitting ARMA processes to the paths of keypoints: DeepLabCut's ``fitting``, by maximum likelihood.

The likelihood is that of statsmodels' ``SARIMAX(y, order=(p, 0, q))`` with its stationary and invertible
parameters; the variance of the noise is not searched for but computed. See ``docs/design/0016-outliers.md``.
"""

from collections.abc import Callable

import numpy as np

from framesift_kernels import F64, Kernels

Errors = Callable[[F64], F64]
"""Of points (b, d), their errors (n, b)."""
MIN_VALUES = 11
"""Fewer known values than this are not fitted, as in DeepLabCut."""
_STEP = 1e-5
_MAX_ITERATIONS = 50
_TOLERANCE = 1e-9
"""Relative decrease of the squares at which the search ends."""
_DAMPINGS = np.array([1e-3, 1.0, 1e3])
"""Tried at once, as multiples of the last that was best."""


def fit_arma(y: F64, p: int, q: int, kernels: Kernels) -> tuple[F64, F64]:
    """AR (p,) and MA (q,) coefficients under which a series is most likely.

    Parameters
    ----------
    y : (n,) float64, C-contiguous
        NaN where missing; `MIN_VALUES` known values at least.
    p, q
        How many coefficients.
    kernels
        Of a device.

    Notes
    -----
    With errors weighted as `Kernels.arma_errors` does, the largest likelihood is a problem of least squares: by
    Levenberg and Marquardt, over unrestricted parameters (Monahan 1984: partial autocorrelations,
    ``x / sqrt(1 + x**2)``), from the estimate of Hannan and Rissanen (1982).
    """
    scale = float(np.sqrt(np.nanmean(y * y))) or 1.0
    scaled = np.ascontiguousarray(y / scale)

    def errors(points: F64) -> F64:
        ar, ma = _coefficients(points, p)
        return kernels.arma_errors(scaled, ar, ma)

    ar, ma = _coefficients(_least_squares(errors, _start(scaled, p, q))[None], p)
    return ar[0], ma[0]


def _coefficients(points: F64, p: int) -> tuple[F64, F64]:
    """AR and MA coefficients (b, p), (b, q) of unrestricted parameters (b, p + q)."""
    partial = points / np.sqrt(1 + points * points)
    return _levinson(partial[:, :p]), -_levinson(partial[:, p:])


def _levinson(partial: F64) -> F64:
    """Coefficients of the stationary processes with these partial autocorrelations (Durbin and Levinson)."""
    out = partial.copy()
    for k in range(1, partial.shape[1]):
        out[:, :k] = out[:, :k] - partial[:, k : k + 1] * out[:, k - 1 :: -1][:, :k]
    return out


def _unrestricted(ar: F64, ma: F64) -> F64:
    return np.concatenate([_inverse(ar), _inverse(-ma)])


def _inverse(coefficients: F64) -> F64:
    """Unrestricted parameters of coefficients; those of no stationary process are brought inside first."""
    for shrink in (1.0, 0.99, 0.95, 0.9, 0.7, 0.4, 0.0):
        out = coefficients * shrink ** np.arange(1, len(coefficients) + 1)  # moves the roots
        partial = np.zeros(len(out))
        for k in range(len(out) - 1, -1, -1):
            partial[k] = out[k]
            if not abs(out[k]) < 1 - 1e-6:
                break
            out = (out[:k] + out[k] * out[:k][::-1]) / (1 - out[k] ** 2)
        else:
            found: F64 = partial / np.sqrt(1 - partial * partial)
            return found
    raise AssertionError("zeros are stationary")


def _start(y: F64, p: int, q: int) -> F64:
    """Least squares: a long autoregression, then one on past values and its residuals, where all are known."""
    long = p + 2 * q
    residuals = np.full(len(y), np.nan)
    found = _regress(y, [_lag(y, k) for k in range(1, long + 1)])
    if found is not None:
        residuals = y - sum(c * _lag(y, k + 1) for k, c in enumerate(found))
    found = _regress(y, [_lag(y, k) for k in range(1, p + 1)] + [_lag(residuals, k) for k in range(1, q + 1)])
    if found is None:
        return np.zeros(p + q)
    return _unrestricted(found[:p], found[p:])


def _lag(y: F64, k: int) -> F64:
    return np.concatenate([np.full(k, np.nan), y[:-k]])


def _regress(y: F64, columns: list[F64]) -> F64 | None:
    x = np.stack(columns, axis=1) if columns else np.empty((len(y), 0))
    known = np.isfinite(y) & np.isfinite(x).all(axis=1)
    if np.count_nonzero(known) <= x.shape[1]:
        return None
    return np.asarray(np.linalg.lstsq(x[known], y[known], rcond=None)[0], np.float64)


def _least_squares(errors: Errors, x: F64) -> F64:
    """The point of the least sum of squared errors that can be reached from *x*."""
    d = len(x)
    if not d:
        return x
    offsets = np.concatenate([np.zeros((1, d)), _STEP * np.eye(d), -_STEP * np.eye(d)])
    damping = 1e-3
    for _ in range(_MAX_ITERATIONS):
        found = errors(x + offsets)
        here = found[:, 0]
        slopes = (found[:, 1 : d + 1] - found[:, d + 1 :]) / (2 * _STEP)
        square, hessian, gradient = float(here @ here), slopes.T @ slopes, slopes.T @ here
        if not np.isfinite(hessian).all():
            break
        decrease = 0.0
        while damping < 1e12:
            tried = damping * _DAMPINGS
            points = np.stack([x - _solve(hessian, gradient, each) for each in tried])
            after = errors(points)
            squares = np.einsum("ij,ij->j", after, after)
            best = int(np.argmin(np.where(np.isfinite(squares), squares, np.inf)))
            damping = float(tried[best])
            if squares[best] < square:
                decrease = square - float(squares[best])
                x = points[best]
                break
            damping = float(tried[-1]) * 10
        damping = max(damping, 1e-12)
        if decrease <= _TOLERANCE * square:
            break
    return x


def _solve(hessian: F64, gradient: F64, damping: float) -> F64:
    diagonal = np.maximum(np.diag(hessian), 1e-12 * max(np.diag(hessian).max(), 1e-300))
    step = np.asarray(np.linalg.solve(hessian + damping * np.diag(diagonal), gradient), np.float64)
    clipped: F64 = np.clip(step, -5, 5)
    return clipped
