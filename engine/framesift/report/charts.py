"""Drawings of a report, as SVG without text, so that they shrink to a phone's width."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt


def timeline(n_frames: int, picks: Iterable[int], motion: npt.NDArray[Any] | None) -> str:
    """The chosen frames of a source as ticks, over how much moves.

    Parameters
    ----------
    motion
        (b,) from 0 to 1, of so many equal parts of the source.
    """
    length = max(1, n_frames)
    area = ""
    if motion is not None and len(motion):
        step = 1000 / len(motion)
        steps = "".join(f"V{38 - 30 * m:.1f}h{step:.2f}" for m in motion.tolist())
        area = f'<path class="area" d="M0 38{steps}V38Z"/>'
    ticks = "".join(
        f'<rect class="tick" x="{1000 * (i + 0.5) / length - 1.25:.2f}" y="2" width="2.5" height="38">'
        f"<title>#{i}</title></rect>"
        for i in picks
    )
    return (
        '<svg class="timeline" viewBox="0 0 1000 42" preserveAspectRatio="none" role="img" '
        f'aria-label="chosen frames in time">{area}<rect class="axis" y="38" width="1000" height="2"/>{ticks}</svg>'
    )


def histogram(before: Sequence[int], after: Sequence[int]) -> str:
    """Shares of two sets in the same bins: the first filled, the second as a line."""
    shares = [np.asarray(counts, np.float64) / max(1, sum(counts)) for counts in (before, after)]
    top = max(1e-9, *(float(s.max(initial=0)) for s in shares))
    heights = [100 - 96 * s / top for s in shares]
    step = 300 / max(1, len(before))
    bars = "".join(f"V{y:.1f}h{step:.2f}" for y in heights[0].tolist())
    line = "".join(f"V{y:.1f}h{step:.2f}" for y in heights[1].tolist())
    return (
        '<svg class="histogram" viewBox="0 0 300 102" preserveAspectRatio="none" role="img" aria-label="histogram">'
        f'<path class="before" d="M0 100{bars}V100Z"/><path class="after" d="M0 100{line}V100"/></svg>'
    )


def scatter(
    all_points: Sequence[Sequence[float]], chosen: Sequence[Sequence[float]], labels: Sequence[str]
) -> str:
    """Points between 0 and 1; the chosen ones have labels, which are text already escaped."""
    grey = "".join(f"M{10 + 580 * x:.0f} {390 - 380 * y:.0f}h0" for x, y in all_points)
    dots = "".join(
        f'<circle cx="{10 + 580 * x:.0f}" cy="{390 - 380 * y:.0f}" r="5"><title>{label}</title></circle>'
        for (x, y), label in zip(chosen, labels, strict=True)
    )
    return (
        '<svg class="map" viewBox="0 0 600 400" role="img" aria-label="map of the frames">'
        f'<path class="dots" d="{grey}"/>{dots}</svg>'
    )


def pooled(values: npt.NDArray[Any], frames: npt.NDArray[np.int64], n_frames: int, bins: int = 250) -> Any:
    """(bins,) the greatest value of each equal part of a source, from 0 to 1: 1 is the 99th percentile and above."""
    finite = np.isfinite(values)
    out = np.zeros(min(bins, max(1, n_frames)))
    if not finite.any():
        return out
    np.maximum.at(out, frames[finite] * len(out) // max(1, n_frames), values[finite])
    top = float(np.percentile(out, 99)) or float(out.max()) or 1.0
    return np.clip(out / top, 0, 1)
