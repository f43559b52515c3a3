"""Selection and index → ``report.json``: what was chosen, and how good it is."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from framesift_kernels import I64

from ..errors import FramesiftError
from ..features.pixels import Pixels
from ..index import Index
from ..machine import load_kernels
from ..selection.result import Selection, _text
from .distances import Comparison, compare, least_covered, removed_neighbours, unit_vectors
from .maps import project
from .sets import ALL, CHOSEN, Sets, find_sets, spread
from .shape import in_shape
from .storage import estimate_storage

MAP_POINTS = 1500
_LEAST_COVERED = 6
_Named = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A selection, measured."""

    json: dict[str, Any]
    """``report.json``: the keys of LightlyOne's report (version 2), and our own under ``framesift``."""
    index: Index
    sets: Sets


def measure(selection: Selection, index: Index, folder: Path, *, map_name: str = "pca") -> Measured:
    """Compare what was chosen with all frames, with as many evenly spaced, and with as many random ones.

    Distances are measured twice: between the thumbnails, as the root mean square difference of two pixels in grey
    levels (what framesift's own methods choose by), and between their first 128 principal components of unit
    length, from 0 to 2 (as LightlyOne does). Of each set at most 4096 frames, spread evenly, are compared (2048 of
    them with each other), and at most 64 MB of thumbnails; ``sampling`` says how many. Histograms are of all frames.

    Parameters
    ----------
    selection
        What was chosen.
    index
        Holds those frames.
    folder
        The pictures' paths are relative to it.
    map_name
        As for `report`.

    Raises
    ------
    IntegrityError
        The index does not hold the frames that were chosen, or its data are damaged.
    """
    began = time.perf_counter()
    sets = find_sets(selection, index)
    pixels = Pixels(index, list(range(len(index.records))), load_kernels("cpu"))
    rows = sets.compared(pixels.shape[1])
    x = _gather(pixels, rows)
    unit, plane = unit_vectors(x[ALL] if len(x[ALL]) else x[CHOSEN], x)
    scale = 1 / float(np.sqrt(max(1, pixels.shape[1])))
    by = {"pixels": compare(x, scale), "unit": compare(unit)}
    chosen, removed, apart = removed_neighbours(x, rows)
    to_chosen = by["pixels"].to_cover.get(CHOSEN)
    uncovered = [] if to_chosen is None else least_covered(x, to_chosen / np.float32(scale), _LEAST_COVERED)
    names = _Names(selection, index, sets)
    found: _Named = {
        "distances": {name: _tables(c) for name, c in by.items()},
        "sampling": _sampling(sets, rows, by["pixels"]),
        "removed_neighbours": [
            {"selected": names(a), "removed": names(b), "distance": round(float(d) * scale, 6)}
            for a, b, d in zip(chosen, removed, apart, strict=True)
        ],
        "least_covered": [{**names(rows[ALL][at]), "distance": round(d * scale, 6)} for at, d in uncovered],
        "maps": _maps(unit, plane, rows, names, map_name, selection.seed),
        "storage": estimate_storage(selection, folder),
    }
    shape = in_shape(selection, index, sets, by["unit"], found, names.files())
    found["report_s"] = round(time.perf_counter() - began, 3)
    return Measured(json={**shape, "framesift": found}, index=index, sets=sets)


def _gather(pixels: Pixels, rows: Mapping[str, I64]) -> dict[str, Any]:
    """The thumbnails of all sets, in one pass over the store."""
    union = np.unique(np.concatenate(list(rows.values())))
    taken = pixels.take(union)
    return {name: np.ascontiguousarray(taken[np.searchsorted(union, part)]) for name, part in rows.items()}


def _tables(c: Comparison) -> _Named:
    return {
        "pairs": c.pairs,
        "coverage": {
            name: {"radius": round(float(d.max()), 6), "mean": round(float(d.mean(dtype=np.float64)), 6)}
            for name, d in c.to_cover.items()
        },
        "nearest_in_set": {
            name: {"min": round(float(d.min()), 6), "mean": round(float(d.mean(dtype=np.float64)), 6)}
            for name, d in c.nearest_in_set.items()
        },
    }


def _sampling(sets: Sets, rows: Mapping[str, I64], c: Comparison) -> _Named:
    return {
        name: {"n": len(sets.rows[name]), "compared": len(rows[name]), "paired": c.n_paired[name]}
        for name in rows
    }


class _Names:
    """Says which frame a row of the index is."""

    def __init__(self, selection: Selection, index: Index, sets: Sets) -> None:
        by_id = {source.id: at for at, source in enumerate(selection.sources)}
        self._sources = [by_id.get(record.id, -1) for record in index.records]
        self._sets = sets
        self._selection, self._index = selection, index

    def files(self) -> dict[tuple[int, int], str]:
        """What LightlyOne calls each frame, by position in ``selection.sources`` and index; where the names of
        pictures are no longer to be had, by the name of their source."""
        from ..lightly.names import sample_names

        try:
            called = sample_names(self._index, self._selection.options.get("root"))
        except FramesiftError:
            at = self._index.records
            rows = zip(self._sets.source.tolist(), self._sets.frame.tolist(), strict=True)
            called = [f"{_text(at[source].name)}#{frame}" for source, frame in rows]
        keys = [
            (self._sources[s], f)
            for s, f in zip(self._sets.source.tolist(), self._sets.frame.tolist(), strict=True)
        ]
        return dict(zip(keys, called, strict=True))

    def __call__(self, row: int | np.int64) -> dict[str, int]:
        """Position in ``selection.sources`` (-1: in none) and frame index of a row."""
        source = self._sources[int(self._sets.source[row])]
        return {"source": source, "index": int(self._sets.frame[row])}


def _maps(
    unit: Mapping[str, Any],
    plane: Mapping[str, Any],
    rows: Mapping[str, I64],
    names: _Names,
    which: str,
    seed: int,
) -> _Named:
    """Points of at most 1500 of all frames and 1500 chosen ones, between 0 and 1."""
    some, picked = (spread(len(rows[name]), MAP_POINTS) for name in (ALL, CHOSEN))
    both = np.concatenate([unit[ALL][some], unit[CHOSEN][picked]])
    corner = np.concatenate([plane[ALL][some], plane[CHOSEN][picked]])
    found = {}
    for name, points in project(both, corner, which, seed).items():
        low, high = points.min(axis=0), points.max(axis=0)
        points = ((points - low) / np.where(high > low, high - low, 1)).round(4)
        found[name] = {"all": points[: len(some)].tolist(), "chosen": points[len(some) :].tolist()}
    return {**found, "frames": [names(row) for row in rows[CHOSEN][picked]]}
