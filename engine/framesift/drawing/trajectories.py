"""Plots of predictions over time, as DeepLabCut's ``plot_trajectories``."""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from framesift_kernels import F32, Kernels

from ..errors import SourceError, UsageError
from ..machine import load_kernels
from ..predictions.matching import as_places
from ..predictions.poses import Poses
from ..predictions.reading import read
from .charts import SUFFIXES, Axes, Figure, span
from .drawn import Drawn, each
from .overlay import chosen, likely, palette
from .style import Style, make_style

PathLike = str | os.PathLike[str]
_MODEL = re.compile(r"(?:DLC|DeepCut)[_A-Z0-9]")
_BINS = 100
_RIGHT = 170
"""Room for the names of the keypoints."""


def plot_trajectories(
    predictions: PathLike | Iterable[PathLike],
    out: PathLike | None = None,
    *,
    config: PathLike | None = None,
    keypoints: Sequence[str] | None = None,
    individuals: Sequence[str] | None = None,
    pcutoff: float | None = None,
    alpha: float | None = None,
    colormap: str | None = None,
    line_width: float = 1.0,
    resolution: int = 100,
    image_type: str = ".png",
) -> Drawn:
    """Plot where keypoints go: four pictures for each individual, in ``plot-poses/<video>`` beside the predictions.

    ``trajectory``: y against x. ``plot``: x and y over time. ``plot-likelihood``: likelihoods over time. ``hist``: how
    often x and y differ by how much from one frame to the next. Keypoints that are not likely are left out, but in
    ``plot-likelihood``. Differences over missing frames are not counted.

    Parameters
    ----------
    predictions
        Files of any tool.
    out
        Folder, in place of ``plot-poses`` beside each file.
    config
        A DeepLabCut project, whose pcutoff, alphavalue and colormap are taken where they are not given here.
    keypoints, individuals, pcutoff, alpha, colormap
        See `label_video`.
    line_width
        In pixels at a resolution of 100.
    resolution
        Pixels an inch; 100 makes pictures 800 to 1000 pixels wide.
    image_type
        ``.png``, ``.jpg`` or ``.tif``.

    Returns
    -------
    Drawn
        Pictures made, and files set aside.

    Raises
    ------
    UsageError
        An option makes no sense.
    SourceError, NothingUsableError
        A file cannot be used.
    """
    style = make_style(
        config, keypoints=keypoints, individuals=individuals, pcutoff=pcutoff, alpha=alpha, colormap=colormap
    )
    if image_type.lower() not in SUFFIXES:
        raise UsageError(f"image_type must be one of {', '.join(SUFFIXES)}, got {image_type!r}")
    if not 10 <= resolution <= 1200 or not 0 < line_width <= 100:
        raise UsageError(
            f"resolution must be from 10 to 1200 and line_width positive, got {resolution = }, {line_width = }"
        )
    kernels = load_kernels("cpu")

    def make(path: Path, found: Drawn) -> None:
        poses = chosen(read(path), style)
        if not len(poses):
            raise SourceError(f"{path} holds no predictions")
        folder = (path.parent / "plot-poses" if out is None else Path(out)) / _video_name(path)
        if any(file.parent == folder and file.stem.startswith("hist") for file in found.files):
            raise SourceError(
                f"plots of another file were written to {folder} just now; plot them one by one"
            )
        filtered = "_filtered" if path.stem.endswith("_filtered") else ""
        for number, name in enumerate(poses.individuals):
            plots = _Plots(poses, number, style, kernels, resolution / 100, line_width)
            for kind, figure in plots.all().items():
                place = folder / f"{kind}{filtered}{_safe(name)}{image_type}"
                figure.save(place)
                found.files.append(place)

    return each(as_places(predictions), str, make)


def _video_name(path: Path) -> str:
    """Name of the video in the name of its predictions."""
    return _MODEL.split(path.stem, maxsplit=1)[0] or path.stem


def _safe(name: str) -> str:
    """An individual's name within a file's."""
    return re.sub(r"[/\\\0]", "-", name)


@dataclass(frozen=True, slots=True)
class _Plots:
    """The plots of one individual."""

    poses: Poses
    individual: int
    style: Style
    kernels: Kernels
    scale: float
    width: float

    def all(self) -> dict[str, Figure]:
        return {
            "trajectory": self._trajectory(),
            "plot": self._over_time(),
            "plot-likelihood": self._likelihood(),
            "hist": self._differences(),
        }

    def _paths(self) -> F32:
        """(n, k, 2) of what is likely, in frames without gaps; NaN elsewhere."""
        shown = likely(self.poses, self.style.pcutoff)[:, self.individual, :, None]
        return np.where(shown, self.poses.xy[:, self.individual], np.float32(np.nan))

    def _figure(self, width: int, height: int) -> tuple[Figure, F32]:
        figure = Figure(self.kernels, width, height, self.scale)
        colors = palette(self.poses, self.style)[self.individual]
        figure.legend(width - _RIGHT + 20, 20, self.poses.keypoints, colors)
        return figure, colors

    def _trajectory(self) -> Figure:
        figure, colors = self._figure(800, 600)
        xy = self._paths()
        box = (75, 20, 800 - _RIGHT, 545)
        (x0, x1), (y0, y1) = span(xy[..., 0]), span(xy[..., 1])
        per_pixel = max((x1 - x0) / (box[2] - box[0]), (y1 - y0) / (box[3] - box[1]))  # one scale for both
        w, h = per_pixel * (box[2] - box[0]) / 2, per_pixel * (box[3] - box[1]) / 2
        (cx, cy) = (x0 + x1) / 2, (y0 + y1) / 2
        axes = Axes(figure, box, (cx - w, cx + w), (cy + h, cy - h))  # y downwards, as in the picture
        axes.frame("X position in pixels", "Y position in pixels")
        for k, color in enumerate(colors):
            axes.dots(xy[:, k, 0], xy[:, k, 1], color, 2, self.style.alpha)
        return figure

    def _over_time(self) -> Figure:
        figure, colors = self._figure(1000, 560)
        xy = self._paths()
        for axis, label in enumerate(("X position in pixels", "Y position in pixels")):
            top = 20 + 270 * axis
            axes = Axes(figure, (75, top, 1000 - _RIGHT, top + 215), self._time(), span(xy[..., axis]))
            axes.frame("Frame Index", label)
            for k, color in enumerate(colors):
                axes.line(*self._gapped(xy[:, k, axis]), color, self.width)
        return figure

    def _likelihood(self) -> Figure:
        figure, colors = self._figure(1000, 300)
        values = self.poses.likelihood[:, self.individual]
        known = values[np.isfinite(values)]
        low, high = float(known.min(initial=0)), float(known.max(initial=1))
        axes = Axes(figure, (75, 20, 1000 - _RIGHT, 245), self._time(), (low, high + 0.02 * (high - low)))
        axes.frame("Frame Index", "Likelihood")
        for k, color in enumerate(colors):
            axes.line(*self._gapped(values[:, k]), color, self.width)
        return figure

    def _differences(self) -> Figure:
        figure, colors = self._figure(800, 480)
        moved = np.diff(self._paths(), axis=0)
        moved[np.diff(self.poses.frames) != 1] = np.nan
        finite = np.abs(moved[np.isfinite(moved)])
        most = max(1.0, float(finite.max(initial=0)))
        edges = np.linspace(-most, most, _BINS + 1)
        counts = [[np.histogram(moved[:, k, axis], edges)[0] for axis in (0, 1)] for k in range(len(colors))]
        logs = np.log10(1 + np.array(counts, np.float64)).reshape(-1, 2, _BINS)
        axes = Axes(
            figure, (75, 20, 800 - _RIGHT, 425), (-most, most), (0, max(1.0, logs.max(initial=0)) * 1.05)
        )
        axes.frame("DeltaX (thick) and DeltaY (thin) in pixels", "log10 (1 + count)")
        for k, color in enumerate(colors):
            axes.steps(edges, logs[k, 0], color, 2 * self.width)
            axes.steps(edges, logs[k, 1], color, self.width)
        return figure

    def _time(self) -> tuple[float, float]:
        return float(self.poses.frames[0]), float(max(self.poses.frames[-1], self.poses.frames[0] + 1))

    def _gapped(self, values: F32) -> tuple[F32, F32]:
        """Frames and values, with a NaN where frames are missing."""
        gaps = np.flatnonzero(np.diff(self.poses.frames) != 1) + 1
        frames = np.insert(self.poses.frames.astype(np.float64), gaps, np.nan)
        return frames.astype(np.float32), np.insert(values, gaps, np.nan)
