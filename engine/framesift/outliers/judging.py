"""Which predictions are judged, by what: the options of `outliers`, checked once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from framesift_kernels import I64

from ..errors import SourceError, UsageError
from ..index import PathLike
from ..machine import load_kernels
from ..predictions.labels import Labels, read_labels
from ..predictions.matching import as_places, check_fits, find_one
from ..predictions.poses import Poses
from ..predictions.reading import read
from ..predictions.sleap import count_videos
from ..sources import SetAside
from .measures import Settings
from .scores import Scores, check_methods, score_poses

Predictions = PathLike | Iterable[PathLike] | Mapping[str, Poses]
"""Files and folders, or poses by name of the video."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    """What predictions are matched to."""

    uri: str
    name: str
    n_frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """How predictions are found, read and scored."""

    predictions: Predictions
    methods: list[str]
    settings: Settings
    keypoints: list[str] | None
    thresholds: dict[str, float]
    frames: list[int]
    offset: int
    partial: bool

    def load(self, videos: list[Video], set_aside: list[SetAside]) -> dict[int, Poses]:
        """The predictions of each video by its position; videos without fitting ones are set aside.

        Raises
        ------
        SourceError
            No video has predictions that fit.
        """
        found: dict[int, Poses] = {}
        reasons: list[str] = []
        for at, video in enumerate(videos):
            try:
                poses = self._one(video, videos)
                check_fits(poses, video.uri, video.n_frames, partial=self.partial)
                found[at] = poses
            except SourceError as e:
                reasons.append(str(e))
                set_aside.append(SetAside(video.uri, str(e)))
        if not found:
            raise SourceError("; ".join(reasons[:3]))
        return found

    def score(self, poses: Poses, frames: I64) -> Scores:
        """Scores of those of *frames* that have predictions.

        Raises
        ------
        UsageError
            A keypoint is not known, or a method lacks something.
        """
        used = poses
        if self.keypoints is not None:
            unknown = [name for name in self.keypoints if name not in poses.keypoints]
            if unknown:
                raise UsageError(
                    f"there is no keypoint {unknown[0]!r}; there are {', '.join(poses.keypoints)}"
                )
            used = poses.with_keypoints(self.keypoints)
        return score_poses(
            used,
            self.methods,
            settings=self.settings,
            thresholds=self.thresholds,
            frames=self.frames,
            rows=np.isin(used.frames, frames),
        )

    def _one(self, video: Video, videos: list[Video]) -> Poses:
        given = self.predictions
        if isinstance(given, Mapping):
            if video.name not in given:
                raise SourceError(
                    f"no predictions are given for {video.name}, but for {', '.join(given) or 'none'}"
                )
            return shifted(given[video.name], self.offset)
        path = find_one(Path(video.uri), [Path(other.uri) for other in videos], as_places(given))
        is_one_of_several = path.suffix.lower() == ".slp" and count_videos(path) > 1
        return shifted(read(path, video=Path(video.uri).name if is_one_of_several else None), self.offset)


def make_judging(
    predictions: Predictions,
    *,
    method: str | Iterable[str],
    keypoints: Sequence[str] | None,
    thresholds: Mapping[str, float] | None,
    frames: Iterable[int],
    labels: PathLike | Labels | None,
    views: Sequence[Sequence[str]],
    ensemble: Sequence[PathLike],
    ar_ma: tuple[int, int],
    p_bound: float,
    offset: int,
    partial: bool,
    device: str,
) -> Judging:
    """The options of `outliers`, checked.

    Raises
    ------
    UsageError
        One makes no sense.
    """
    methods = check_methods(method, thresholds or {})
    if not (1 <= ar_ma[0] <= 20 and 0 <= ar_ma[1] <= 20):
        raise UsageError(f"ar_ma must be degrees from 1 and 0 to 20, got {ar_ma}")
    if not 0 <= p_bound <= 1:
        raise UsageError(f"p_bound must be a likelihood from 0 to 1, got {p_bound}")
    return Judging(
        predictions=predictions,
        methods=methods,
        settings=Settings(
            kernels=load_kernels(device),
            p_bound=p_bound,
            orders=ar_ma,
            labels=labels if labels is None or isinstance(labels, Labels) else read_labels(labels),
            views=views,
            ensemble=[shifted(read(path), offset) for path in ensemble],
        ),
        keypoints=None if keypoints is None else list(keypoints),
        thresholds=dict(thresholds or {}),
        frames=list(frames),
        offset=offset,
        partial=partial,
    )


def shifted(poses: Poses, offset: int) -> Poses:
    """*poses* with *offset* added to their frames."""
    return replace(poses, frames=poses.frames + offset) if offset else poses
