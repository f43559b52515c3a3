"""The one form in memory of what every tool predicts."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from framesift_kernels import F32, I64


@dataclass(frozen=True, slots=True, kw_only=True)
class Poses:
    """Keypoints of every frame of one video.

    With n frames, m individuals and k keypoints:
    """

    frames: I64
    """(n,) int64 frame indices, increasing. They need not start at 0, and some may be missing."""
    individuals: tuple[str, ...]
    """m names; one, the empty string, where the file knows no individuals."""
    keypoints: tuple[str, ...]
    """k names."""
    xy: F32
    """(n, m, k, 2) float32 in pixels of the frame; NaN where nothing was predicted."""
    likelihood: F32
    """(n, m, k) float32, 0 to 1 in most tools; NaN where nothing was predicted, or the file has no likelihoods."""
    present: npt.NDArray[np.bool_]
    """(m, k) which keypoints an individual has at all; those it has not are NaN in every frame."""
    scorer: str
    """Name of the model, or of the person; empty where the file has none."""
    tool: str
    """``"deeplabcut"``, ``"lightning-pose"`` or ``"sleap"``."""
    instance_score: F32 | None = None
    """(n, m) float32, of whole individuals, where the file says them (SLEAP's); NaN where nobody was predicted."""
    path: Path | None = None
    """Where they were read."""
    video: str | None = None
    """File name of the video, where the file says it."""
    n_video_frames: int | None = None
    """Frames of that video, where the file says it."""

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def has_likelihood(self) -> bool:
        """Whether any keypoint has a likelihood."""
        return not bool(np.isnan(self.likelihood).all())

    @property
    def missing(self) -> npt.NDArray[np.bool_]:
        """(n, m, k) keypoints that an individual has and that were not predicted."""
        gone: npt.NDArray[np.bool_] = np.isnan(self.xy).any(axis=3) & self.present
        return gone

    def between(self, start: int, stop: int) -> Self:
        """The frames with ``start <= index < stop``."""
        first, last = np.searchsorted(self.frames, (start, stop))
        return self._rows(slice(int(first), int(last)))

    def with_keypoints(self, names: list[str] | tuple[str, ...]) -> Self:
        """Some keypoints only, in their order here. Names must be among `keypoints`."""
        at = [i for i, name in enumerate(self.keypoints) if name in names]
        return replace(
            self,
            keypoints=tuple(self.keypoints[i] for i in at),
            xy=self.xy[:, :, at],
            likelihood=self.likelihood[:, :, at],
            present=self.present[:, at],
        )

    def _rows(self, rows: slice) -> Self:
        score = None if self.instance_score is None else self.instance_score[rows]
        return replace(
            self,
            frames=self.frames[rows],
            xy=self.xy[rows],
            likelihood=self.likelihood[rows],
            instance_score=score,
        )
