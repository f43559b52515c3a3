"""How keypoints are drawn: options, with the defaults of DeepLabCut or of a project's config."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import UsageError
from .colors import color, colormap

Pairs = Sequence[Sequence[str]]
COLORS_BY = ("keypoint", "individual")


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How keypoints are drawn."""

    keypoints: tuple[str, ...] | None
    """Those that are drawn; None: all."""
    individuals: tuple[str, ...] | None
    skeleton: tuple[tuple[str, str], ...]
    """Keypoints that lines connect."""
    skeleton_color: str
    pcutoff: float
    """Only keypoints more likely than this are drawn."""
    dot_size: float | None
    """Radius of dots in pixels; None: a hundredth of the picture's smaller side."""
    alpha: float
    """Opacity, 0 to 1."""
    colormap: str
    color_by: str
    """One of `COLORS_BY`."""
    shift: tuple[int, int]
    """Where the frames that were analysed begin in the whole ones."""


def make_style(
    config: str | os.PathLike[str] | None,
    *,
    keypoints: Sequence[str] | None = None,
    individuals: Sequence[str] | None = None,
    skeleton: Pairs | bool = False,
    skeleton_color: str | None = None,
    pcutoff: float | None = None,
    dot_size: float | None = None,
    alpha: float | None = None,
    colormap: str | None = None,
    color_by: str = "keypoint",
) -> Style:
    """What was asked for, else what the ``config.yaml`` of a project says, else DeepLabCut's defaults.

    Raises
    ------
    UsageError
        An option makes no sense.
    """
    data: dict[str, Any] = {}
    shift = (0, 0)
    if config is not None:
        from ..deeplabcut.config import read_project

        project = read_project(config)
        data, shift = project.data, project.analysis_offset
    style = Style(
        keypoints=None if keypoints is None else tuple(keypoints),
        individuals=None if individuals is None else tuple(individuals),
        skeleton=_pairs(skeleton, data, config),
        skeleton_color=str(_first(skeleton_color, data.get("skeleton_color"), "black")),
        pcutoff=_number("pcutoff", pcutoff, data, 0.6),
        dot_size=None
        if _first(dot_size, data.get("dotsize")) is None
        else _number("dotsize", dot_size, data, 0),
        alpha=_number("alphavalue", alpha, data, 0.7),
        colormap=str(_first(colormap, data.get("colormap"), "rainbow")),
        color_by=color_by,
        shift=shift,
    )
    _check(style)
    return style


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _number(name: str, given: float | None, data: dict[str, Any], default: float) -> float:
    value = _first(given, data.get(name), default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageError(f"{name} must be a number, got {value!r}")
    return float(value)


def _pairs(
    skeleton: Pairs | bool, data: dict[str, Any], config: str | os.PathLike[str] | None
) -> tuple[tuple[str, str], ...]:
    if skeleton is False:
        return ()
    given = (data.get("skeleton") or ()) if skeleton is True else skeleton
    if skeleton is True and not given:
        where = (
            f"{Path(config)} has none" if config is not None else "there is no config (--config) to have it"
        )
        raise UsageError(f"a skeleton was asked for, and {where}; give pairs of keypoints")
    if not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in given):
        raise UsageError(f"a skeleton is pairs of keypoints, got {list(given)[:3]}")
    return tuple((str(a), str(b)) for a, b in given)


def _check(style: Style) -> None:
    if not 0 <= style.alpha <= 1:
        raise UsageError(f"alpha must be from 0 to 1, got {style.alpha}")
    if style.dot_size is not None and not 0 < style.dot_size <= 1000:
        raise UsageError(f"dot_size must be from 0 to 1000 pixels, got {style.dot_size}")
    if style.color_by not in COLORS_BY:
        raise UsageError(f"color_by must be one of {', '.join(COLORS_BY)}, got {style.color_by!r}")
    colormap(style.colormap, 1)
    color(style.skeleton_color)
