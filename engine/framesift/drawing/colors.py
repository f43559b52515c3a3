"""Colour maps by the names that matplotlib gives them, and colours by name."""

import colorsys
from collections.abc import Callable

import numpy as np
from PIL import ImageColor

from framesift_kernels import F32, F64

from ..errors import UsageError

_ANCHORS = {
    "viridis": "440154 482878 3e4a89 31688e 26828e 1f9e89 35b779 6dcd59 b4de2c fde725",
    "plasma": "0d0887 47039f 7301a8 9c179e bd3786 d8576b ed7953 fb9f3a fdca26 f0f921",
    "inferno": "000004 1b0c42 4b0c6b 781c6d a52c60 cf4446 ed6925 fb9a06 f7d03c fcffa4",
    "magma": "000004 180f3e 451077 721f81 9f2f7f cd4071 f1605d fd9567 fec98d fcfdbf",
    "cool": "00ffff ff00ff",
    "spring": "ff00ff ffff00",
    "summer": "008066 ffff66",
    "autumn": "ff0000 ffff00",
    "winter": "0000ff 00ff80",
    "gray": "000000 ffffff",
}
"""Evenly spaced colours, between which is interpolated."""
_LISTS = {
    "tab10": "1f77b4 ff7f0e 2ca02c d62728 9467bd 8c564b e377c2 7f7f7f bcbd22 17becf",
    "Set1": "e41a1c 377eb8 4daf4a 984ea3 ff7f00 ffff33 a65628 f781bf 999999",
    "Set2": "66c2a5 fc8d62 8da0cb e78ac3 a6d854 ffd92f e5c494 b3b3b3",
}
"""Colours that are taken by turns."""


def _jet(x: F64) -> F64:
    red = np.interp(x, (0, 0.35, 0.66, 0.89, 1), (0, 0, 1, 1, 0.5))
    green = np.interp(x, (0, 0.125, 0.375, 0.64, 0.91, 1), (0, 0, 1, 1, 0, 0))
    blue = np.interp(x, (0, 0.11, 0.34, 0.65, 1), (0.5, 1, 1, 0, 0))
    return np.stack([red, green, blue], axis=1)


def _rainbow(x: F64) -> F64:
    return np.stack([np.abs(2 * x - 0.5), np.sin(np.pi * x), np.cos(np.pi * x / 2)], axis=1).clip(0, 1)


def _hsv(x: F64) -> F64:
    return np.array([colorsys.hsv_to_rgb(h * 63 / 64, 1, 1) for h in x]).reshape(-1, 3)


_FORMULAS: dict[str, Callable[[F64], F64]] = {"jet": _jet, "rainbow": _rainbow, "hsv": _hsv}
NAMES = tuple(sorted([*_ANCHORS, *_LISTS, *_FORMULAS], key=str.lower))
"""Colour maps that there are; each also backwards, with ``_r`` behind its name."""


def colormap(name: str, n: int) -> F32:
    """(n, 3) float32 levels from 0 to 255: *n* colours, as far from each other as the map allows.

    Raises
    ------
    UsageError
        There is no such map.
    """
    known = {each.lower(): each for each in NAMES}
    base = known.get(name.lower().removesuffix("_r")) if isinstance(name, str) else None
    if base is None:
        raise UsageError(f"colormap must be one of {', '.join(NAMES)}, or one with _r behind, got {name!r}")
    x = np.linspace(0, 1, n)
    if base in _FORMULAS:
        found = _FORMULAS[base](x) * 255
    elif base in _ANCHORS:
        anchors = _levels(_ANCHORS[base])
        at = np.linspace(0, 1, len(anchors))
        found = np.stack([np.interp(x, at, anchors[:, i]) for i in range(3)], axis=1)
    else:
        listed = _levels(_LISTS[base])
        found = listed[np.arange(n) % len(listed)]
    return np.ascontiguousarray(found[::-1] if name.lower().endswith("_r") else found, np.float32)


def _levels(text: str) -> F64:
    return np.array([list(bytes.fromhex(each)) for each in text.split()], np.float64)


def color(name: str) -> F32:
    """(3,) float32 levels of a colour: a name of CSS, or ``#rrggbb``.

    Raises
    ------
    UsageError
        It is none.
    """
    try:
        return np.array(ImageColor.getrgb(name)[:3], np.float32)
    except (ValueError, AttributeError, TypeError):
        raise UsageError(f"a color must be a name such as white, or #rrggbb, got {name!r}") from None
