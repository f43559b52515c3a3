"""Kalman filter of an ARMA process with missing data, in Harvey's form.

With r = max(p, q + 1) states, phi and theta padded by zeros to r, theta[0] = 1, and noise of variance 1::

    y[t] = a[0]    a' = T a + theta eta    (T a)[i] = phi[i] a[0] + a[i + 1]

The covariance of the state goes to theta theta' as the filter sees data without gaps; from there on it stays, and a
step costs 2 r multiplications, side by side for all processes. Durbin and Koopman, *Time Series Analysis by State Space Methods*, chapters 3 and 4.
"""

import math

import numpy as np

from .. import F64
from ._compile import kernel, native

_STEADY = 1e-13
_DOUBLINGS = 60


@kernel
def _next_covariance(cov: F64, phi: F64, theta: F64, out: F64) -> None:
    """out = T cov T' + theta theta'."""
    r = len(phi)
    for i in range(r):
        for j in range(r):
            value = phi[i] * phi[j] * cov[0, 0] + theta[i] * theta[j]
            if i + 1 < r:
                value += phi[j] * cov[i + 1, 0]
            if j + 1 < r:
                value += phi[i] * cov[0, j + 1]
            if i + 1 < r and j + 1 < r:
                value += cov[i + 1, j + 1]
            out[i, j] = value


@kernel
def _multiply(a: F64, b: F64, transposed: bool, out: F64) -> None:
    """out = a b, or a b'."""
    for i in range(len(a)):
        for j in range(len(a)):
            value = 0.0
            for k in range(len(a)):
                value += a[i, k] * (b[j, k] if transposed else b[k, j])
            out[i, j] = value


@kernel
def _stationary(phi: F64, theta: F64, cov: F64, power: F64, spare: F64, other: F64) -> None:
    """cov = the sum over k of T**k theta theta' T'**k, whose number of terms is doubled every time."""
    r = len(phi)
    for i in range(r):
        for j in range(r):
            cov[i, j] = theta[i] * theta[j]
            power[i, j] = (phi[i] if j == 0 else 0.0) + (1.0 if j == i + 1 else 0.0)
    for _ in range(_DOUBLINGS):
        _multiply(power, cov, False, spare)
        _multiply(spare, power, True, other)
        largest = 0.0
        for i in range(r):
            for j in range(r):
                cov[i, j] += other[i, j]
                largest = max(largest, abs(other[i, j]))
        _multiply(power, power, False, spare)
        for i in range(r):
            for j in range(r):
                power[i, j] = spare[i, j]
        if not largest > 1e-18 * cov[0, 0]:
            break


@kernel
def _settle(cov: F64, theta: F64) -> bool:
    """Whether the covariance has become theta theta'; then it is made to be exactly that."""
    r = len(theta)
    for i in range(r):
        for j in range(r):
            if not abs(cov[i, j] - theta[i] * theta[j]) < _STEADY:
                return False
    for i in range(r):
        for j in range(r):
            cov[i, j] = theta[i] * theta[j]
    return True


@kernel
def _unsteady_step(
    error: float, known: bool, phi: F64, theta: F64, state: F64, gain: F64, cov: F64, spare: F64
) -> bool:
    """One step of one process while its covariance changes; whether it has settled."""
    r = len(phi)
    f = cov[0, 0]
    for i in range(r):
        gain[i] = (phi[i] * f + (cov[i + 1, 0] if i + 1 < r else 0.0)) / f
    first = state[0]
    for i in range(r):
        state[i] = phi[i] * first + (state[i + 1] if i + 1 < r else 0.0) + (gain[i] * error if known else 0.0)
    _next_covariance(cov, phi, theta, spare)
    for i in range(r):
        for j in range(r):
            cov[i, j] = spare[i, j] - (gain[i] * gain[j] * f if known else 0.0)
    steady = _settle(cov, theta)
    if steady:
        for i in range(r):
            gain[i] = phi[i] + (theta[i + 1] if i + 1 < r else 0.0)
    return steady


@kernel
def _steady_steps(
    y: F64, t: int, phi: F64, gain: F64, state: F64, lanes: F64, predicted: F64, errors: F64
) -> int:
    """All processes, side by side, until a value is missing; where they stopped. phi, gain, state: (r, b)."""
    r, b = phi.shape
    row, last, row_gain = phi[r - 1], state[r - 1], gain[r - 1]
    first = lanes
    while t < len(y) and not math.isnan(y[t]):
        value, error = y[t], errors[t]
        predicted[t] = state[0, 0]
        for lane in range(b):
            first[lane] = state[0, lane]
            error[lane] = value - first[lane]
        for i in range(r - 1):
            for lane in range(b):
                state[i, lane] = phi[i, lane] * first[lane] + state[i + 1, lane] + gain[i, lane] * error[lane]
        for lane in range(b):
            last[lane] = row[lane] * first[lane] + row_gain[lane] * error[lane]
        t += 1
    return t


@native
def run(
    y: F64,  # IN   (n,) NaN where missing
    phi: F64,  # IN   (r, b)
    theta: F64,  # IN   (b, r), the first of each 1
    state: F64,  # SCRATCH  (2 r + 1, b)
    own: F64,  # SCRATCH  (3, r)
    covs: F64,  # SCRATCH  (b + 3, r, r)
    predicted: F64,  # OUT  (n,) by the first process
    variance: F64,  # OUT  (n,) of that
    errors: F64,  # OUT  (n, b) by their standard deviation; 0 where missing
    logs: F64,  # OUT  (b,) sum of the logs of the variances of what is not missing
) -> None:
    r, b = phi.shape
    now, gain, lanes = state[:r], state[r : 2 * r], state[2 * r]
    power, spare, other = covs[b], covs[b + 1], covs[b + 2]
    own_phi, own_state, own_gain = own[0], own[1], own[2]
    for lane in range(b):
        for i in range(r):
            own_phi[i] = phi[i, lane]
            now[i, lane] = 0.0
        _stationary(own_phi, theta[lane], covs[lane], power, spare, other)
        logs[lane] = 0.0
    t = 0
    steady = False
    for i in range(len(y)):
        variance[i] = 1.0
    while t < len(y):
        known = not math.isnan(y[t])
        if steady and known:
            t = _steady_steps(y, t, phi, gain, now, lanes, predicted, errors)
            continue
        predicted[t], variance[t] = now[0, 0], covs[0, 0, 0]
        steady = True
        for lane in range(b):
            for i in range(r):
                own_phi[i], own_state[i] = phi[i, lane], now[i, lane]
            f = covs[lane, 0, 0]
            error = y[t] - own_state[0]
            errors[t, lane] = error / math.sqrt(f) if known else 0.0
            if known:
                logs[lane] += math.log(f)
            settled = _unsteady_step(
                error, known, own_phi, theta[lane], own_state, own_gain, covs[lane], spare
            )
            steady = steady and settled
            for i in range(r):
                now[i, lane], gain[i, lane] = own_state[i], own_gain[i]
        t += 1


def filtered(y: F64, ar: F64, ma: F64) -> tuple[F64, F64, F64, F64]:
    """Predictions and their variance (n,) by the first of b processes, errors (n, b) and logs (b,) of all."""
    b, r = len(ar), max(ar.shape[1], ma.shape[1] + 1)
    phi, theta = np.zeros((r, b)), np.zeros((b, r))
    phi[: ar.shape[1]] = ar.T
    theta[:, 0] = 1
    theta[:, 1 : 1 + ma.shape[1]] = ma
    n = len(y)
    predicted, variance, errors, logs = np.empty(n), np.empty(n), np.empty((n, b)), np.empty(b)
    scratch = np.empty((2 * r + 1, b)), np.empty((3, r)), np.empty((b + 3, r, r))
    run(y, phi, theta, *scratch, predicted, variance, errors, logs)
    return predicted, variance, errors, logs
