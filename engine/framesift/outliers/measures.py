"""What seems wrong with predictions, as numbers: larger is worse."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from framesift_kernels import F32, F64, Kernels

from ..cores import count_threads
from ..errors import UsageError
from ..predictions.labels import Labels
from ..predictions.poses import Poses
from .arma import MIN_VALUES, fit_arma
from .pca import multi_view_errors, single_view_errors

_SURE = 1e-6
"""Likelihoods nearer to 0 or 1 than this are as good as that."""
_VAGUE = 100.0
"""An expectation whose variance is so many times that of the noise says nothing of the value."""
_STILL = 1e-6
"""A path that varies less than this share of its size does not move."""

# Defaults of SLEAP's suggestions (sleap/config/suggestions.yaml, version 1.6).
_MOVED = 10.0
_FAST = 0.1
_DOUBTFUL, _HOW_MANY = 3.0, (1, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One number for every frame and keypoint."""

    name: str
    values: F32
    """(n, m, k) or, where it is of the whole pose, (n, m, 1); NaN where there is none."""
    unit: str
    flags: Callable[[F32, float | None], npt.NDArray[np.bool_]] | None = None
    """(n,) the frames that it flags, of values and of a threshold if one is given; None: those that are unusual."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What measures need beside the predictions."""

    kernels: Kernels
    p_bound: float = 0.01
    """Keypoints less likely than this are missing to ``fitting``, as in DeepLabCut."""
    orders: tuple[int, int] = (3, 1)
    """AR and MA degrees of ``fitting``."""
    labels: Labels | None = None
    """Poses that ``pca`` learns from, instead of confident predictions."""
    views: Sequence[Sequence[str]] = field(default_factory=list)
    """Names of the corresponding keypoints of each view, for ``pca``."""
    keep: float | int = 0.99
    """Share of the variance, or components, that ``pca`` keeps."""
    ensemble: Sequence[Poses] = field(default_factory=list)
    """Predictions of the same video by other models."""


def uncertain(poses: Poses, _: Settings) -> Measure:
    """How unlikely the model holds each keypoint, as log odds; what was not predicted is as unlikely as can be.

    An individual that is wholly absent from a frame is not uncertain where others are there: animals leave. It is
    where fewer individuals are there than in half of all frames.
    """
    likelihood = np.clip(poses.likelihood.astype(np.float64), _SURE, 1 - _SURE)
    odds = np.log((1 - likelihood) / likelihood)
    none = np.isnan(odds) & ~poses.missing & poses.present
    odds[none] = -np.log((1 - _SURE) / _SURE)  # of a format without likelihoods: what is there is certain
    odds[poses.missing] = np.log((1 - _SURE) / _SURE)
    odds[:, ~poses.present] = np.nan
    if len(poses.individuals) > 1 and len(poses):
        absent = (poses.missing | ~poses.present).all(axis=2)
        n_there = np.count_nonzero(~absent, axis=1)
        expected = absent & (n_there >= np.median(n_there))[:, None]
        odds[expected] = np.nan
    return Measure(name="uncertain", values=odds.astype(np.float32), unit="log odds")


def jump(poses: Poses, _: Settings) -> Measure:
    """How far each keypoint moved since the frame before (the later frame is blamed)."""
    out = np.full(poses.likelihood.shape, np.nan, np.float32)
    if len(poses) > 1:
        moved = np.hypot(*np.moveaxis(np.diff(poses.xy, axis=0), 3, 0))
        moved[np.diff(poses.frames) != 1] = np.nan
        out[1:] = moved
    return Measure(name="jump", values=out, unit="pixels")


def temporal(poses: Poses, settings: Settings) -> Measure:
    """Lightning Pose's temporal norm: the same distances, judged by their mean and standard deviation."""
    return Measure(name="temporal", values=jump(poses, settings).values, unit="pixels")


def fitting(poses: Poses, settings: Settings) -> Measure:
    """How far each pose is, in the mean over its keypoints, from what an ARMA model of every coordinate expects.

    DeepLabCut's ``fitting``; but frames keep their distance where some are missing, individuals are judged one by
    one, and a difference counts by how well the model could know (relative to its one-step error), so that the
    first frame, of which nothing is expected, and those after a gap are not blamed for that.
    """
    residuals = np.sqrt(_square_residuals(poses, settings).sum(axis=3))
    known = np.isfinite(residuals)
    counts = np.count_nonzero(known, axis=2)
    total = np.where(known, residuals, 0).sum(axis=2)
    mean = np.where(counts > 0, total / np.maximum(counts, 1), np.nan)
    return Measure(name="fitting", values=mean[:, :, None].astype(np.float32), unit="pixels")


def _square_residuals(poses: Poses, settings: Settings) -> F64:
    """(n, m, k, 2) squared differences to the expected coordinates, by the relative variance of these."""
    expected, variance = expected_paths(poses, settings)
    square = (poses.xy - expected) ** 2 / variance
    square[variance > _VAGUE] = np.nan
    return square


def expected_paths(poses: Poses, settings: Settings) -> tuple[F64, F64]:
    """(n, m, k, 2) what ARMA models of all coordinates expect from the frames before, and its relative variance.

    NaN for paths of fewer than `MIN_VALUES` known frames. A path that does not move is expected where it is.
    """
    n, m, k, _ = poses.xy.shape
    expected, variances = np.full((n, m, k, 2), np.nan), np.ones((n, m, k, 2))
    if not n:
        return expected, variances
    rows = poses.frames - poses.frames[0]
    doubted = poses.likelihood < settings.p_bound

    def fit(place: tuple[int, int, int]) -> None:
        individual, keypoint, _ = place
        path = poses.xy[(slice(None), *place)].astype(np.float64)
        y = np.full(int(rows[-1]) + 1, np.nan)
        y[rows] = np.where(doubted[:, individual, keypoint], np.nan, path)
        if np.count_nonzero(np.isfinite(y)) < MIN_VALUES:
            return
        if np.nanstd(y) <= _STILL * np.nanmax(np.abs(y)):
            expected[(slice(None), *place)] = path
        else:
            ar, ma = fit_arma(y, *settings.orders, settings.kernels)
            predicted, variance, _, _ = settings.kernels.arma_filter(y, ar, ma)
            expected[(slice(None), *place)] = predicted[rows]
            variances[(slice(None), *place)] = variance[rows]

    places = [(i, j, axis) for i in range(m) for j in range(k) for axis in (0, 1) if poses.present[i, j]]
    with ThreadPoolExecutor(count_threads(None)) as pool:
        list(pool.map(fit, places))
    return expected, variances


def pca(poses: Poses, settings: Settings) -> Measure:
    """Lightning Pose's reprojection errors: of one view, or, with views, of several.

    Learned from labels, or from the predictions of which every keypoint is more likely than 0.9, in the mean of the
    whole pose where labels have none.
    """
    n, m, k, _ = poses.xy.shape
    good = _good_poses(poses, settings)
    flat = poses.xy.reshape(n * m, k, 2)
    if settings.views:
        errors = multi_view_errors(flat, good, [_numbers(poses, names) for names in settings.views])
    else:
        used = [i for i in range(k) if np.isfinite(good[:, i]).any()]
        errors = np.full((n * m, k), np.nan, np.float32)
        errors[:, used] = single_view_errors(flat[:, used], good[:, used], settings.keep)
    return Measure(name="pca", values=errors.reshape(n, m, k), unit="pixels")


def _good_poses(poses: Poses, settings: Settings) -> npt.NDArray[np.floating]:
    labels = settings.labels
    n, m, k, _ = poses.xy.shape
    if labels is None:
        if n * m == 0:
            raise UsageError("pca has no predictions to learn from")
        flat = poses.xy.reshape(n * m, k, 2)
        sure = np.isfinite(flat).all(axis=(1, 2))
        if poses.has_likelihood:
            sure &= ~(poses.likelihood.reshape(n * m, k) < 0.9).any(axis=1)
        return flat[sure]
    at = {name: i for i, name in enumerate(labels.keypoints)}
    missing = [name for name in poses.keypoints if name not in at]
    if missing:
        raise UsageError(
            f"the labels have no keypoint {missing[0]!r}; they have {', '.join(labels.keypoints)}"
        )
    found = labels.xy[:, :, [at[name] for name in poses.keypoints]]
    rows = found.reshape(-1, k, 2)
    return rows[np.isfinite(rows).any(axis=(1, 2))]


def _numbers(poses: Poses, names: Sequence[str]) -> list[int]:
    unknown = [name for name in names if name not in poses.keypoints]
    if unknown:
        raise UsageError(f"there is no keypoint {unknown[0]!r}; there are {', '.join(poses.keypoints)}")
    return [poses.keypoints.index(name) for name in names]


def ensemble(poses: Poses, settings: Settings) -> Measure:
    """How far the predictions of several models are apart: the root of the sum of the variances of x and y.

    Where one model does not predict a keypoint that others do, the rest counts; one alone has no spread.
    """
    members = [poses, *settings.ensemble]
    if len(members) < 2:
        raise UsageError("ensemble needs the predictions of other models of the same video (ensemble=)")
    for other in members[1:]:
        if (other.keypoints, other.individuals) != (poses.keypoints, poses.individuals):
            raise UsageError(f"{other.path} has other keypoints or individuals than {poses.path}")
        if not np.array_equal(other.frames, poses.frames):
            raise UsageError(f"{other.path} has other frames than {poses.path}: an ensemble is of one video")
    stacked = np.stack([member.xy.astype(np.float64) for member in members])
    count = np.count_nonzero(np.isfinite(stacked), axis=0)
    mean = np.where(np.isfinite(stacked), stacked, 0).sum(axis=0) / np.maximum(count, 1)
    square = (np.where(np.isfinite(stacked), stacked - mean, 0) ** 2).sum(axis=0) / np.maximum(count, 1)
    spread = np.where(count > 1, square, np.nan).sum(axis=3)
    return Measure(name="ensemble", values=np.sqrt(spread).astype(np.float32), unit="pixels")


def displacement(poses: Poses, settings: Settings) -> Measure:
    """SLEAP's max point displacement: the mean over an individual's keypoints of how far they moved, above 10 pixels."""
    moved = jump(poses, settings).values
    known = np.isfinite(moved)
    count = np.count_nonzero(known, axis=2)
    mean = np.where(known, moved, 0).sum(axis=2) / np.maximum(count, 1)
    values = np.where(count > 0, mean, np.nan)[:, :, None].astype(np.float32)
    return Measure(name="displacement", values=values, unit="pixels", flags=_flag_moved)


def _flag_moved(values: F32, threshold: float | None) -> npt.NDArray[np.bool_]:
    return above(values, _MOVED if threshold is None else threshold)


def velocity(poses: Poses, settings: Settings) -> Measure:
    """SLEAP's velocity: how far a keypoint moved, above the least by more than a tenth of the range of all frames."""
    return Measure(name="velocity", values=jump(poses, settings).values, unit="pixels", flags=_flag_fast)


def _flag_fast(values: F32, threshold: float | None) -> npt.NDArray[np.bool_]:
    if not np.isfinite(values).any():
        return np.zeros(len(values), bool)
    least, most = float(np.nanmin(values)), float(np.nanmax(values))
    share = _FAST if threshold is None else threshold
    return above(values - np.float32(least), share * (most - least))


def prediction_score(poses: Poses, _: Settings) -> Measure:
    """SLEAP's prediction score, of whole individuals, negative: one or two of a frame are at 3 or below.

    A threshold is that limit.
    """
    if poses.instance_score is None:
        raise UsageError(
            f"prediction-score is of whole individuals, and {poses.path or 'these predictions'} has no scores of such; "
            "SLEAP's files have, of others use uncertain"
        )
    return Measure(
        name="prediction-score", values=-poses.instance_score[:, :, None], unit="score", flags=_flag_doubtful
    )


def _flag_doubtful(values: F32, threshold: float | None) -> npt.NDArray[np.bool_]:
    limit = _DOUBTFUL if threshold is None else threshold
    count = np.count_nonzero(-values <= limit, axis=(1, 2))
    return np.asarray((count >= _HOW_MANY[0]) & (count <= _HOW_MANY[1]), bool)


def above(values: F32, limit: float) -> npt.NDArray[np.bool_]:
    """(n,) frames of which any value lies above *limit*."""
    return np.asarray((np.where(np.isnan(values), -np.inf, values) > limit).any(axis=(1, 2)), bool)


MEASURES = {
    "uncertain": uncertain,
    "jump": jump,
    "fitting": fitting,
    "pca": pca,
    "temporal": temporal,
    "ensemble": ensemble,
    "prediction-score": prediction_score,
    "velocity": velocity,
    "displacement": displacement,
}
