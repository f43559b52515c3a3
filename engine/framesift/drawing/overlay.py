"""Poses → the strokes that are drawn on each frame."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from framesift_kernels import F32

from ..errors import UsageError
from ..predictions.poses import Poses
from .colors import color, colormap
from .style import Style

Drawing = tuple[F32, F32]
"""(n, 5) strokes and (n, 4) levels of red, green and blue, and opacity; see the kernel ``draw``."""


def chosen(poses: Poses, style: Style) -> Poses:
    """The keypoints and individuals that a style asks for.

    Raises
    ------
    UsageError
        One is not there.
    """
    for what, asked, there in (
        ("keypoints", style.keypoints, poses.keypoints),
        ("individuals", style.individuals, poses.individuals),
        ("keypoints of the skeleton", [name for pair in style.skeleton for name in pair], poses.keypoints),
    ):
        unknown = [name for name in asked or () if name not in there]
        if unknown:
            raise UsageError(f"{what} must be some of {', '.join(there)}, got {unknown[0]!r}")
    if style.individuals is not None:
        at = [i for i, name in enumerate(poses.individuals) if name in style.individuals]
        poses = replace(
            poses,
            individuals=tuple(poses.individuals[i] for i in at),
            xy=poses.xy[:, at],
            likelihood=poses.likelihood[:, at],
            present=poses.present[at],
        )
    return poses if style.keypoints is None else poses.with_keypoints(style.keypoints)


def likely(poses: Poses, pcutoff: float) -> npt.NDArray[np.bool_]:
    """(n, m, k) keypoints that are there and more likely than *pcutoff*; where no likelihood is known, all."""
    unknown = np.isnan(poses.likelihood)
    found: npt.NDArray[np.bool_] = np.isfinite(poses.xy).all(axis=3) & (
        unknown | (poses.likelihood > pcutoff)
    )
    return found


def palette(poses: Poses, style: Style) -> F32:
    """(m, k, 3) levels."""
    m, k = poses.present.shape
    if style.color_by == "individual":
        return np.repeat(colormap(style.colormap, m)[:, None], k, axis=1)
    return np.repeat(colormap(style.colormap, k)[None], m, axis=0)


class Overlay:
    """What is drawn on the frames of one video.

    Parameters
    ----------
    poses
        Of the video. Memory: once more what they hold.
    style
        See `Style`.
    size
        Width and height of the frames.
    trail
        Dots of so many frames before are drawn too, fading.
    """

    def __init__(self, poses: Poses, style: Style, size: tuple[int, int], trail: int = 0) -> None:
        shown = chosen(poses, style)
        n, m, k = shown.likelihood.shape
        xy = np.where(
            likely(shown, style.pcutoff)[..., None], shown.xy + np.array(style.shift, np.float32), np.nan
        )
        self._frames = shown.frames
        self._xy: F32 = np.ascontiguousarray(xy.reshape(n, m * k, 2), np.float32)
        self._colors = palette(shown, style).reshape(m * k, 3)
        self._bones = _bones(shown, style.skeleton)
        self._bone_color = color(style.skeleton_color)
        self._radius = max(1.5, min(size) / 100) if style.dot_size is None else style.dot_size
        self._alpha = style.alpha
        self._trail = trail

    def on(self, frame: int) -> Drawing:
        """What is drawn on a frame: the skeleton, the trail from its end on, the dots."""
        row = int(np.searchsorted(self._frames, frame))
        parts: list[tuple[F32, F32, F32, float, F32 | float]] = []
        if row < len(self._frames) and self._frames[row] == frame:
            here = self._xy[row]
            if len(self._bones):
                a, b = here[self._bones[:, 0]], here[self._bones[:, 1]]
                line = np.broadcast_to(self._bone_color, (len(a), 3))
                parts.append((a, b, line, max(0.5, self._radius / 6), self._alpha))
        else:
            here = self._xy[:0].reshape(0, 2)
        if self._trail:
            first = int(np.searchsorted(self._frames, frame - self._trail))
            parts.append(self._past(slice(first, row), frame))
        parts.append((here, here, self._colors[: len(here)], self._radius, self._alpha))
        return _joined(parts)

    def _past(self, rows: slice, frame: int) -> tuple[F32, F32, F32, float, F32]:
        dots = self._xy[rows]
        age = (frame - self._frames[rows]) / (self._trail + 1)
        fade = np.repeat(self._alpha * (1 - age), dots.shape[1]).astype(np.float32)
        colors = np.tile(self._colors, (len(dots), 1))
        flat = dots.reshape(-1, 2)
        return flat, flat, colors, self._radius / 2, fade


def _bones(poses: Poses, skeleton: Sequence[tuple[str, str]]) -> npt.NDArray[np.int64]:
    """(bones, 2) flat numbers of keypoints, of every individual."""
    k = len(poses.keypoints)
    pairs = [
        (poses.keypoints.index(a), poses.keypoints.index(b))
        for a, b in skeleton
        if a in poses.keypoints and b in poses.keypoints
    ]
    found = [(i * k + a, i * k + b) for i in range(len(poses.individuals)) for a, b in pairs]
    return np.array(found, np.int64).reshape(-1, 2)


def _joined(parts: list[tuple[F32, F32, F32, float, F32 | float]]) -> Drawing:
    n = sum(len(a) for a, *_ in parts)
    strokes, colors = np.empty((n, 5), np.float32), np.empty((n, 4), np.float32)
    at = 0
    for a, b, levels, radius, opacity in parts:
        rows = slice(at, at + len(a))
        strokes[rows, :2], strokes[rows, 2:4], strokes[rows, 4] = a, b, radius
        colors[rows, :3], colors[rows, 3] = levels, opacity
        at += len(a)
    keep = np.isfinite(strokes).all(axis=1)
    return strokes[keep], colors[keep]
