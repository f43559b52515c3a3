"""What the frames are like before and after: histograms of their statistics."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from framesift_kernels import I64

from ..index import Index
from .sets import ALL, CHOSEN, RANDOM

BINS = 24
STATISTICS = ("luminance", "contrast", "sharpness", "motion")
KEYS = {ALL: "input", CHOSEN: "selected", RANDOM: "random"}
"""What LightlyOne's report calls the sets."""


def distribution(values: Mapping[str, npt.NDArray[Any]]) -> dict[str, Any]:
    """A numeric distribution per set, as LightlyOne's report writes it.

    Parameters
    ----------
    values
        Numbers by `input`, `selected` and `random`; what is not finite is left out.

    Returns
    -------
    dict
        ``bins``: how many; ``range``: the least and the greatest number of all sets; and for each set ``counts``,
        (bins,) ints, and ``metrics``: mean, std, min, median and max, None of nothing.
    """
    finite = {name: v[np.isfinite(v)].astype(np.float64) for name, v in values.items()}
    ends = [bound(v) for v in finite.values() if len(v) for bound in (np.min, np.max)]
    low, high = (float(min(ends)), float(max(ends))) if ends else (0.0, 0.0)
    bounds = (low, high) if high > low else (low, low + 1)
    return {
        "bins": BINS,
        "range": [round(low, 6), round(high, 6)],
        **{
            name: {"counts": np.histogram(v, BINS, bounds)[0].tolist(), "metrics": _metrics(v)}
            for name, v in finite.items()
        },
    }


def _metrics(values: npt.NDArray[np.float64]) -> dict[str, float | None]:
    names = ("mean", "std", "min", "median", "max")
    if not len(values):
        return dict.fromkeys(names)
    found = (values.mean(), values.std(), values.min(), np.median(values), values.max())
    return {name: round(float(value), 6) for name, value in zip(names, found, strict=True)}


def statistics(index: Index, rows: Mapping[str, I64]) -> dict[str, dict[str, Any]]:
    """Distributions of luminance, contrast, sharpness and motion, of all rows of each set, by LightlyOne's names."""
    found = {}
    for name in STATISTICS:
        column = np.concatenate([reader.statistic(name) for reader in index.readers()])
        found[name] = distribution({at: column[some] for at, some in rows.items()})
    return found
