"""Predictions and an index → the frames on which the model is worth correcting."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import NotEnoughFramesError, UsageError
from ..features.pixels import Pixels
from ..features.vectors import Vectors
from ..index import Index, PathLike
from ..machine import load_kernels
from ..predictions.labels import Labels
from ..predictions.poses import Poses
from ..selection.candidates import Candidates, gather, times_s
from ..selection.checks import Limits, check_limits
from ..selection.choice import frames_of, new_selection
from ..selection.chooser import Chooser
from ..selection.copies import drop_copies
from ..selection.excluded import read_excluded
from ..selection.gaps import Gap, parse_gap
from ..selection.result import Selection
from ..selection.strategy import Pick
from ..sources import SetAside
from .judging import Predictions, Video, make_judging
from .scores import DEFAULT_METHODS, Scores
from .thinning import pose_vectors, thin


@dataclass(frozen=True, slots=True)
class _Rules:
    n: int
    diversity: str
    gap: Gap | None
    flagged_only: bool
    limits: Limits
    keep_duplicates: bool


DIVERSITIES = ("pose", "pixels", "none")


@dataclass(slots=True, kw_only=True)
class Outliers:
    """Frames that a model seems to get wrong."""

    selection: Selection
    """The frames chosen; `export` takes it. Each says why."""
    scores: dict[int, Scores]
    """By position of the source, what every method says of every frame."""
    poses: dict[int, Poses]
    """By position of the source, its predictions."""

    def counts(self) -> dict[str, int]:
        """Frames flagged by each method, and by any, over all sources."""
        return total_counts(self.scores.values())


def total_counts(scores: Iterable[Scores]) -> dict[str, int]:
    """Frames flagged by each method, and by any, over several videos."""
    total: dict[str, int] = {}
    for each in scores:
        for name, count in each.counts().items():
            total[name] = total.get(name, 0) + count
    return total


def outliers(
    index: Index,
    predictions: Predictions,
    n: int,
    *,
    method: str | Iterable[str] = DEFAULT_METHODS,
    per_source: bool = False,
    max_per_source: int | None = None,
    keep_duplicates: bool = False,
    keypoints: Sequence[str] | None = None,
    thresholds: Mapping[str, float] | None = None,
    frames: Iterable[int] = (),
    labels: PathLike | Labels | None = None,
    views: Sequence[Sequence[str]] = (),
    ensemble: Sequence[PathLike] = (),
    ar_ma: tuple[int, int] = (3, 1),
    p_bound: float = 0.01,
    diversity: str = "pose",
    min_gap: str | int | None = 10,
    flagged_only: bool = False,
    exclude: PathLike | Iterable[PathLike] | None = None,
    offset: int = 0,
    partial: bool = False,
    device: str = "cpu",
) -> Outliers:
    """Choose exactly *n* frames on which predictions look wrong: flagged, far apart in time, different, worst first.

    Parameters
    ----------
    index
        Of the videos; only its frames are candidates (``start``, ``stop``, ``step``).
    predictions
        Files and folders, matched to the videos by name and length; or `Poses` by name of the video.
    n
        Frames in all, or of each video with *per_source*.
    max_per_source
        Of *n* frames in all, how many of every video at most.
    keep_duplicates
        Exact duplicates, and what several videos show, may be chosen.
    method
        Some of ``"uncertain"`` (low likelihood, or nothing predicted), ``"jump"`` (moved far since the frame before),
        ``"fitting"`` (far from what an ARMA model of its path expects), ``"pca"`` (a pose unlike the others),
        ``"temporal"`` (Lightning Pose's norm), ``"ensemble"`` (models disagree) and ``"list"``. Individuals are
        judged one by one; frames before the first of the index are looked at too.
    keypoints
        Judge these only.
    thresholds, labels, views, ensemble, ar_ma, p_bound, frames
        See `score_poses` and `Settings`. *labels*: what ``pca`` learns from; *views*: names of the corresponding
        keypoints of each view; *ensemble*: files of other models, of one video.
    diversity
        Of the worst 5 n frames take those that differ most: in ``"pose"`` or in ``"pixels"``; ``"none"``: the worst.
    min_gap
        Least distance of two chosen frames of one video: frames, or ``"0.5s"``.
    flagged_only
        Take fewer than *n* where fewer are flagged; else the next in rank follow.
    exclude
        Frames extracted before, see `select`; *min_gap* holds to them too.
    offset
        Added to the index of the predictions.
    partial
        Predictions of some frames only are right.
    device
        ``"cpu"``.

    Returns
    -------
    Outliers

    Raises
    ------
    UsageError
        An option makes no sense.
    SourceError
        Predictions cannot be read, or do not fit the only video; of several, a video is set aside.
    NotEnoughFramesError
        Fewer than *n* frames can be had.
    """
    began = time.perf_counter()
    if n < 1:
        raise UsageError(f"n must be at least 1, got {n}")
    if diversity not in DIVERSITIES:
        raise UsageError(f"diversity must be one of {', '.join(DIVERSITIES)}, got {diversity!r}")
    judging = make_judging(
        predictions,
        method=method,
        keypoints=keypoints,
        thresholds=thresholds,
        frames=frames,
        labels=labels,
        views=views,
        ensemble=ensemble,
        ar_ma=ar_ma,
        p_bound=p_bound,
        offset=offset,
        partial=partial,
        device=device,
    )
    limits = check_limits(n, 0, max_per_source, per_source=per_source)
    rules = _Rules(n, diversity, parse_gap(min_gap), flagged_only, limits, keep_duplicates)
    options: dict[str, Any] = {
        "n": n,
        "per_source": per_source,
        "methods": judging.methods,
        "keypoints": judging.keypoints,
        "thresholds": judging.thresholds,
        "diversity": diversity,
        "min_gap": None if min_gap is None else str(min_gap),
        "flagged_only": flagged_only,
    }
    found = Outliers(selection=new_selection(index, "outliers", 0, options), scores={}, poses={})
    videos = [Video(uri=r.uri, name=r.name, n_frames=r.n_frames) for r in index.records]
    found.poses.update(judging.load(videos, found.selection.set_aside))
    for source, poses in found.poses.items():
        found.scores[source] = judging.score(poses, index.reader(source).frames())
    excluded = read_excluded(exclude, index)
    groups = [[source] for source in found.poses] if per_source else [list(found.poses)]
    for group in groups:
        try:
            _choose(found, group, excluded, rules)
        except NotEnoughFramesError as e:
            if len(groups) == 1:
                raise
            found.selection.set_aside.append(SetAside(index.records[group[0]].uri, str(e)))
    found.selection.stats["select_s"] = time.perf_counter() - began
    return found


def _choose(found: Outliers, group: list[int], excluded: dict[int, set[int]], rules: _Rules) -> None:
    index = found.selection.index
    assert index is not None
    candidates = gather(index, group, excluded, keep_duplicates=rules.keep_duplicates)
    if len(group) > 1 and not rules.keep_duplicates:
        found.selection.notes += drop_copies(candidates)
    for reason, count in candidates.dropped.items():
        found.selection.dropped[reason] = found.selection.dropped.get(reason, 0) + count
    chooser = Chooser(candidates, rules.gap, rules.limits)
    for at, source in enumerate(group):
        before = np.array(sorted(excluded.get(source, ())), np.int64)
        chooser.block_around(at, before, times_s(index, source, before))
    _pick(found, candidates, chooser, rules)


def _pick(found: Outliers, candidates: Candidates, chooser: Chooser, rules: _Rules) -> None:
    n_rows = len(candidates)
    rank, flagged = np.full(n_rows, -1.0), np.zeros(n_rows, bool)
    row_of = np.full(n_rows, -1, np.int64)
    for source in candidates.sources:
        scores = found.scores[source]
        rows = np.flatnonzero(candidates.source == source)
        at = np.searchsorted(scores.frames, candidates.frame[rows])
        known = at < len(scores.frames)
        known[known] = scores.frames[at[known]] == candidates.frame[rows[known]]
        row_of[rows[known]] = at[known]
        rank[rows[known]] = scores.rank[at[known]]
        flagged[rows[known]] = scores.n_flags[at[known]] > 0
    chooser.open &= row_of >= 0
    if rules.flagged_only:
        chooser.open &= flagged
    wanted = min(rules.n, chooser.capacity) if rules.flagged_only else rules.n
    if wanted:
        vectors = _vectors(found, candidates, row_of, rules.diversity)
        chosen = thin(wanted, rank, flagged & chooser.open, chooser, vectors)
        picks = [Pick(row, score=float(rank[row])) for row in chosen.rows]
        made = frames_of(candidates, picks)
        for frame in made:
            scores = found.scores[frame.source]
            frame.why = scores.why(int(np.searchsorted(scores.frames, frame.index)))
        found.selection.frames += made


def _vectors(
    found: Outliers, candidates: Candidates, row_of: np.ndarray[Any, np.dtype[np.int64]], diversity: str
) -> "np.ndarray[Any, np.dtype[np.float32]] | Vectors | None":
    if diversity == "none":
        return None
    if diversity == "pixels":
        return Pixels(candidates.index, candidates.sources, load_kernels("cpu"))
    names = {found.poses[source].keypoints for source in candidates.sources}
    if len(names) > 1:
        raise UsageError("the videos' predictions have different keypoints; use diversity='pixels'")
    width = max(
        2 * len(found.poses[s].individuals) * (len(found.poses[s].keypoints) + 1) for s in candidates.sources
    )
    out = np.zeros((len(candidates), width), np.float32)
    for source in candidates.sources:
        poses = found.poses[source]
        rows = np.flatnonzero((candidates.source == source) & (row_of >= 0))
        out[rows] = pose_vectors(poses, np.searchsorted(poses.frames, candidates.frame[rows]), width)
    return out
