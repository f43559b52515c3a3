"""The ARMA filter is the Kalman filter of whole matrices, whatever is missing."""

import numpy as np
import pytest

import naive_pose
from framesift_kernels import Kernels

PROCESSES = [
    ([], []),
    ([0.9], []),
    ([], [0.5]),
    ([2.0, -1.2, 0.18], [-0.4]),
    ([1.2, -0.5], [0.3, 0.2, -0.1]),
    ([0.5, 0.3], [0.999]),
    ([0.999], []),
]


def series(rng: np.random.Generator, n: int, missing: float) -> np.ndarray:
    y = 50 + np.cumsum(rng.normal(size=n))
    y[rng.random(n) < missing] = np.nan
    return y


@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize(("ar", "ma"), PROCESSES)
def test_filter(
    kernels: Kernels, rng: np.random.Generator, ar: list[float], ma: list[float], missing: float
) -> None:
    y = series(rng, 60, missing)
    predicted, variance, likelihood, noise = kernels.arma_filter(y, np.array(ar), np.array(ma))
    truth = naive_pose.kalman(y, np.array(ar), np.array(ma))
    np.testing.assert_allclose(predicted, truth[0], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(variance, truth[1], rtol=1e-9)
    assert likelihood == pytest.approx(truth[2], rel=1e-9)
    known = ~np.isnan(y)
    assert noise == pytest.approx(((y - truth[0]) ** 2 / truth[1])[known].mean(), rel=1e-9)


@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_errors_of_several_processes_are_those_of_each(
    kernels: Kernels, rng: np.random.Generator, missing: float
) -> None:
    y = series(rng, 80, missing)
    y[40:50] = np.nan
    ar, ma = np.array([[0.5, 0.1], [1.5, -0.6], [0.0, 0.0]]), np.array([[0.2], [-0.9], [0.0]])
    errors = kernels.arma_errors(y, ar, ma)
    known = np.count_nonzero(~np.isnan(y))
    for lane in range(3):
        predicted, variance, likelihood = naive_pose.kalman(y, ar[lane], ma[lane])
        weight = np.exp(np.log(variance[~np.isnan(y)]).mean() / 2)
        truth = np.where(np.isnan(y), 0, (y - predicted) / np.sqrt(variance)) * weight
        np.testing.assert_allclose(errors[:, lane], truth, rtol=1e-8, atol=1e-9)
        square = float(errors[:, lane] @ errors[:, lane])
        assert -known / 2 * (np.log(2 * np.pi * square / known) + 1) == pytest.approx(likelihood, rel=1e-9)


@pytest.mark.parametrize("y", [[], [3.0], [np.nan], [np.nan, np.nan, 2.0]])
def test_short_series(kernels: Kernels, y: list[float]) -> None:
    predicted, variance, _, _ = kernels.arma_filter(np.array(y), np.array([0.5]), np.array([0.1]))
    assert len(predicted) == len(variance) == len(y)
    assert kernels.arma_errors(np.array(y), np.array([[0.5]]), np.array([[0.1]])).shape == (len(y), 1)
