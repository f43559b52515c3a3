"""Measures → scores of frames: how unusual, flagged or not, and because of which keypoint."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from framesift_kernels import F32, F64, I64

from ..errors import UsageError
from ..predictions.poses import Poses
from .measures import MEASURES, Measure, Settings, above
from .pca import TooFewPosesError

Bools = npt.NDArray[np.bool_]

DEFAULT_METHODS = ("uncertain", "jump", "fitting", "pca")
Z_BOUND = 3.0
TAIL = 0.05
"""Without a threshold of the user's, a measure flags the worst twentieth of the frames at most (ties included)."""
_MAD_TO_STD = 1.4826
_LP_Z = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What one method says of every frame."""

    method: str
    value: F32
    """(n,) the measure of the worst keypoint, in `unit`."""
    z: F32
    """(n,) how many (robust) standard deviations that is above what the keypoint usually has."""
    flagged: Bools
    """(n,)"""
    worst: I64
    """(n,) the worst keypoint, as individual * keypoints + keypoint; -1 where no keypoint has the measure."""
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """What all methods say of the frames of one video."""

    frames: I64
    """(n,) frame indices."""
    scores: tuple[Score, ...]
    individuals: tuple[str, ...]
    keypoints: tuple[str, ...]

    @property
    def n_flags(self) -> I64:
        """(n,) by how many methods each frame is flagged."""
        found: I64 = np.sum([score.flagged for score in self.scores], axis=0, dtype=np.int64)
        return found

    @property
    def rank(self) -> F64:
        """(n,) how much a frame is to be looked at: methods that flag it, and the mean share of frames that are better."""
        n = max(1, len(self.frames))
        shares = [np.searchsorted(np.sort(s.z), s.z, side="left") / n for s in self.scores]
        found: F64 = self.n_flags + np.mean(shares, axis=0)
        return found

    def counts(self) -> dict[str, int]:
        """Frames flagged by each method, and by any."""
        found = {score.method: int(np.count_nonzero(score.flagged)) for score in self.scores}
        return found | {"any": int(np.count_nonzero(self.n_flags))}

    def part(self, keypoint: int) -> str:
        """What a number of `Score.worst` is called."""
        individual, at = divmod(keypoint, len(self.keypoints))
        name = self.keypoints[at]
        return f"{self.individuals[individual]} {name}" if self.individuals[individual] else name

    def why(self, row: int) -> str:
        """In words, why a frame is flagged; or what is most unusual about it."""
        flagged = [score for score in self.scores if score.flagged[row]]
        return "; ".join(
            self._sentence(score, row) for score in flagged or [max(self.scores, key=lambda s: s.z[row])]
        )

    def _sentence(self, score: Score, row: int) -> str:
        if score.method == "list":
            return "listed"
        if score.worst[row] < 0:
            return f"{score.method}: nothing to judge by"
        value, part = float(score.value[row]), self.part(int(score.worst[row]))
        if score.method == "uncertain":
            likelihood = 1 / (1 + np.exp(value))
            return f"uncertain: {part} " + ("missing" if likelihood < 2e-6 else f"at {likelihood:.2g}")
        return f"{score.method}: {part} {value:.3g} {score.unit} ({score.z[row]:.1f} sd)"

    def to_json(self) -> dict[str, Any]:
        """Columns: ``frame``, ``rank``, ``n_flags`` and, of each method, value, z, flag and worst keypoint."""
        found: dict[str, Any] = {
            "frame": self.frames.tolist(),
            "rank": [round(float(v), 6) for v in self.rank],
            "n_flags": self.n_flags.tolist(),
        }
        for score in self.scores:
            name = score.method
            found[name] = [_plain(v) for v in score.value]
            found[f"{name}_z"] = [_plain(v) for v in score.z]
            found[f"{name}_flagged"] = score.flagged.astype(int).tolist()
            found[f"{name}_keypoint"] = [self.part(int(v)) if v >= 0 else "" for v in score.worst]
        return found


def _plain(value: float) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None


def score_poses(
    poses: Poses,
    method: str | Iterable[str] = DEFAULT_METHODS,
    *,
    settings: Settings,
    thresholds: Mapping[str, float] | None = None,
    frames: Iterable[int] = (),
    rows: Bools | None = None,
) -> Scores:
    """Score every frame by some methods.

    Parameters
    ----------
    poses
        Predictions of a video.
    method
        Some of ``uncertain``, ``jump``, ``fitting``, ``pca``, ``temporal``, ``ensemble``, ``list`` and, by SLEAP's own
        rules, ``prediction-score``, ``velocity`` and ``displacement``.
    settings
        What they need besides. Of the methods by default, ``pca`` is left out where there is too little to learn from.
    thresholds
        By method, the measure beyond which a frame is flagged: pixels; of ``uncertain`` the likelihood below which
        (DeepLabCut's ``p_bound``); of ``temporal`` the standard deviations (Lightning Pose's 3); of ``prediction-score`` the score at
        which an individual is doubtful (3), of ``velocity`` the share of the range (0.1), of ``displacement`` pixels
        (10). Without, SLEAP's three flag by those, and by the others a frame is flagged where a keypoint is 3 robust standard deviations above its usual, among the worst twentieth.
    frames
        Frame indices that ``list`` flags.
    rows : (n,) bool
        Rows that are scored; measures are taken on all, so that a range is as in the whole video.

    Raises
    ------
    UsageError
        A method is not known, or something it needs is missing.
    """
    methods = check_methods(method, thresholds or {})
    kept = np.ones(len(poses), bool) if rows is None else rows
    found = []
    for name in methods:
        if name == "list":
            found.append(_listed(poses.frames[kept], frames))
            continue
        try:
            measure = MEASURES[name](poses, settings)
        except TooFewPosesError:
            if tuple(methods) != DEFAULT_METHODS or settings.labels is not None or settings.views:
                raise
            continue  # nobody asked for it: a short video is judged by the others
        values = measure.values[kept]
        found.append(_score(measure, values, poses.missing[kept], (thresholds or {}).get(name)))
    return Scores(
        frames=poses.frames[kept],
        scores=tuple(found),
        individuals=poses.individuals,
        keypoints=poses.keypoints,
    )


def check_methods(method: str | Iterable[str], thresholds: Mapping[str, float]) -> list[str]:
    """The methods asked for.

    Raises
    ------
    UsageError
        One is not known, none is given, or a threshold is none.
    """
    known = [*MEASURES, "list"]
    methods = list(dict.fromkeys([method] if isinstance(method, str) else method))
    for name in [*methods, *thresholds]:
        if name not in known:
            raise UsageError(f"method must be some of {', '.join(known)}, got {name!r}")
    if not methods:
        raise UsageError(f"method must be some of {', '.join(known)}, got none")
    for name, value in thresholds.items():
        if not np.isfinite(value) or value < 0 or (name == "uncertain" and value > 1):
            what = "a likelihood from 0 to 1" if name == "uncertain" else "finite and not negative"
            raise UsageError(f"the threshold of {name} must be {what}, got {value}")
    return methods


def _listed(frames: I64, wanted: Iterable[int]) -> Score:
    flagged = np.isin(frames, np.fromiter(wanted, np.int64))
    value = flagged.astype(np.float32)
    return Score(
        method="list", value=value, z=value, flagged=flagged, worst=flagged.astype(np.int64) - 1, unit=""
    )


def _score(measure: Measure, values: F32, missing: Bools, threshold: float | None) -> Score:
    n, m, k = values.shape
    z = _z(values, robust=measure.name != "temporal")
    flat = np.where(np.isnan(z), -np.inf, z).reshape(n, m * k)
    worst = flat.argmax(axis=1) if m * k else np.zeros(n, np.int64)
    top = flat[np.arange(n), worst] if m * k else np.full(n, -np.inf, np.float32)
    value = values.reshape(n, m * k)[np.arange(n), worst] if m * k else np.full(n, np.nan, np.float32)
    known = np.isfinite(top) | (top == np.inf)
    if measure.flags is not None:
        flagged = measure.flags(values, threshold)
    elif threshold is None:
        bound = np.quantile(top[known], 1 - TAIL) if known.any() else np.inf
        flagged = known & (top > Z_BOUND) & (top >= bound)
    elif measure.name == "temporal":
        flagged = known & (top > threshold)
    else:
        limit = threshold if measure.name != "uncertain" else _log_odds(threshold)
        flagged = above(values, limit)
    if measure.name == "uncertain":  # what is missing is uncertain, whatever is usual
        flagged = flagged | (missing & np.isfinite(values)).any(axis=(1, 2))
    return Score(
        method=measure.name,
        value=np.where(known, value, np.nan).astype(np.float32),
        z=np.where(known, top, 0).astype(np.float32),
        flagged=flagged,
        worst=np.where(known, worst * (missing.shape[2] if k == 1 else 1), -1).astype(np.int64),
        unit=measure.unit,
    )


def _log_odds(likelihood: float) -> float:
    p = min(max(likelihood, 1e-6), 1 - 1e-6)
    return float(np.float32(np.log((1 - p) / p)))


def _z(values: F32, *, robust: bool) -> F32:
    """Standard deviations above the usual of each keypoint, over all frames and individuals.

    Robust: above the median, by the median absolute deviation; else by mean and standard deviation. Where all values
    are one, those that differ are infinitely far.
    """
    out = np.full(values.shape, np.nan, np.float64)
    for keypoint in range(values.shape[2]):
        column = values[:, :, keypoint].astype(np.float64)
        known = column[np.isfinite(column)]
        if not len(known):
            continue
        middle = np.median(known) if robust else known.mean()
        spread = _MAD_TO_STD * np.median(np.abs(known - middle)) if robust else known.std()
        if spread == 0:
            spread = known.std()
        with np.errstate(divide="ignore", invalid="ignore"):
            out[:, :, keypoint] = (
                (column - middle) / spread if spread else np.where(np.isnan(column), np.nan, 0)
            )
    return out.astype(np.float32)
