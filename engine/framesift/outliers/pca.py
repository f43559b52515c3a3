"""Poses that the principal components of good ones do not explain: Lightning Pose's reprojection errors.

Follows ``lightning_pose/utils/pca.py`` and ``metrics.py`` (Biderman et al., Nature Methods 2024): the mean and the
covariance over what is known of each pair of coordinates, the leading eigenvectors, and of each keypoint the distance
to where they put it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from framesift_kernels import F32, F64

from ..errors import UsageError

VIEWS_COMPONENTS = 3
"""What several views of one point share: its place in space."""


class TooFewPosesError(UsageError):
    """There is too little to learn from."""


@dataclass(frozen=True, slots=True)
class Subspace:
    """Principal components of vectors."""

    mean: F64
    """(d,)"""
    components: F64
    """(c, d), orthonormal."""

    def errors(self, x: F64) -> F64:
        """Distance (n, d / 2) of each point (two coordinates) to its reprojection; NaN in a row that has a NaN."""
        centered = x - self.mean
        rest = centered - (centered @ self.components.T) @ self.components
        found: F64 = np.sqrt((rest.reshape(len(x), -1, 2) ** 2).sum(axis=2))
        return found


def fit_subspace(x: F64, keep: float | int) -> Subspace:
    """Components of rows (n, d), some of whose values may be NaN.

    Parameters
    ----------
    x
        Good poses.
    keep
        How many components; or, below 1, the share of the variance that they explain at least.

    Raises
    ------
    TooFewPosesError
        There are fewer rows than coordinates, or a coordinate is never known.
    """
    n, d = x.shape
    if d == 0 or n < d or not np.isfinite(x).any(axis=0).all():
        raise TooFewPosesError(
            f"pca needs more good poses than coordinates, and every keypoint in some: got {n} for {d} coordinates; "
            "give labels (labels=), or leave keypoints out"
        )
    covariance = _covariance(x)
    values, vectors = np.linalg.eigh(covariance)
    values, vectors = np.clip(values[::-1], 0, None), vectors[:, ::-1]
    if isinstance(keep, int) or keep >= 1:
        count = int(keep)
    else:
        share = np.cumsum(values) / max(values.sum(), 1e-300)
        count = int(np.argmax(share >= keep)) + 1
    return Subspace(np.nanmean(x, axis=0), np.ascontiguousarray(vectors[:, : min(count, d)].T))


def _covariance(x: F64) -> F64:
    """Of every two columns over the rows in which both are known, each about its own mean, as `numpy.ma.cov`."""
    known = np.isfinite(x)
    rest = np.where(known, x - np.nanmean(x, axis=0), 0)
    counts = known.T.astype(np.float64) @ known
    found: F64 = rest.T @ rest / np.maximum(counts - 1, 1)
    return found


def single_view_errors(xy: F32, good: npt.NDArray[np.floating], keep: float | int = 0.99) -> F32:
    """Reprojection errors of poses of one view.

    Parameters
    ----------
    xy : (n, k, 2)
        Poses to judge; an error needs all keypoints of its row.
    good : (g, k, 2)
        Poses to learn from: labels, or confident predictions.
    keep
        See `fit_subspace`; Lightning Pose takes 0.99.

    Returns
    -------
    (n, k) float32
        Pixels.
    """
    space = fit_subspace(good.reshape(len(good), 2 * good.shape[1]).astype(np.float64), keep)
    return space.errors(xy.reshape(len(xy), 2 * xy.shape[1]).astype(np.float64)).astype(np.float32)


def multi_view_errors(
    xy: F32, good: npt.NDArray[np.floating], views: Sequence[Sequence[int]], keep: int = VIEWS_COMPONENTS
) -> F32:
    """Reprojection errors of points that several views show.

    Parameters
    ----------
    xy : (n, k, 2)
        Poses; keypoints of all views, side by side.
    good : (g, k, 2)
        Poses to learn from.
    views
        Of each view, the numbers of its keypoints, corresponding ones in the same place.
    keep
        Components; 3, the coordinates of space.

    Returns
    -------
    (n, k) float32
        Pixels; NaN for keypoints that are in no view.

    Raises
    ------
    UsageError
        The views are not of one length, or fewer than two.
    """
    same = len({len(view) for view in views}) == 1
    columns = np.asarray([list(view) for view in views] if same else [], np.int64)
    if columns.ndim != 2 or len(columns) < 2 or columns.shape[1] < 1:
        raise UsageError(
            f"views must be two or more lists of as many keypoints, got {[list(v) for v in views]}"
        )
    space = fit_subspace(_by_point(good, columns), keep)
    errors = space.errors(_by_point(xy, columns)).reshape(len(xy), columns.shape[1], len(columns))
    out = np.full(xy.shape[:2], np.nan, np.float32)
    for view, places in enumerate(columns):
        out[:, places] = errors[:, :, view]
    return out


def _by_point(xy: npt.NDArray[np.floating], columns: npt.NDArray[np.int64]) -> F64:
    """(n * points, 2 * views): every point of every row as all views see it."""
    seen = xy[:, columns].astype(np.float64)  # (n, views, points, 2)
    return seen.transpose(0, 2, 1, 3).reshape(-1, 2 * len(columns))
