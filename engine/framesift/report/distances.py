"""How far apart the frames of a set are, and how well a set stands for all frames."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from framesift_kernels import F32, F64, I64

from ..selection.neighbours import nearest
from .sets import ALL, CHOSEN, spread

Numbers = npt.NDArray[Any]

_PAIR_ROWS = 2048
_FIT_ROWS = 1024
_COMPONENTS = 128
_BLOCK_DIMENSIONS = 4096
MEASURES = ("mean", "min", "max", "p10", "p90")


def pair_distances(x: Numbers) -> F64:
    """(m (m - 1) / 2,) Euclidean distances of every two rows of *x*: (m, d).

    ``|a|^2 + |b|^2 - 2 a b`` in float64, which for pixels is exact.
    """
    m = len(x)
    gram = np.zeros((m, m))
    for start in range(0, x.shape[1], _BLOCK_DIMENSIONS):
        part = x[:, start : start + _BLOCK_DIMENSIONS].astype(np.float64)
        gram += part @ part.T
    square = gram.diagonal()
    upper = np.triu_indices(m, 1)
    found: F64 = np.sqrt(np.maximum(square[upper[0]] + square[upper[1]] - 2 * gram[upper], 0))
    return found


def summarise(values: Numbers) -> dict[str, float | None]:
    """Mean, least, greatest, 10th and 90th percentile; None of nothing."""
    if not len(values):
        return dict.fromkeys(MEASURES)
    low, high = np.percentile(values, (10, 90))
    found = (values.mean(dtype=np.float64), values.min(), values.max(), low, high)
    return {name: round(float(value), 6) for name, value in zip(MEASURES, found, strict=True)}


def unit_vectors(fit: Numbers, x: Mapping[str, Numbers]) -> tuple[dict[str, F32], dict[str, F64]]:
    """Principal components of rows, brought to unit length, as LightlyOne compares its embeddings.

    Parameters
    ----------
    fit : (m, d)
        Rows that the components are found by; 1024 of them, spread evenly.
    x
        (k, d) rows by name.

    Returns
    -------
    unit
        (k, c) float32 by name: at most 128 components, of unit length (or zero).
    plane
        (k, 2) the first two components as they are.
    """
    from threadpoolctl import threadpool_limits

    rows = fit[spread(len(fit), _FIT_ROWS)].astype(np.float64)
    mean = rows.mean(axis=0)
    rows -= mean
    with threadpool_limits(1):  # its sums depend on the number of threads
        values, vectors = np.linalg.eigh(rows @ rows.T)
        order = np.argsort(-values, kind="stable")[:_COMPONENTS]
        order = order[values[order] > 1e-9 * max(1e-300, float(values[-1]))]
        directions = (vectors[:, order].T @ rows) / np.sqrt(values[order])[:, None]
        if len(directions):
            largest = np.abs(directions).argmax(axis=1)
            directions *= np.sign(directions[np.arange(len(directions)), largest])[:, None]
        projected = {name: _project(part, mean, directions) for name, part in x.items()}
    unit = {}
    for name, part in projected.items():
        length = np.linalg.norm(part, axis=1, keepdims=True)
        unit[name] = (part / np.where(length > 0, length, 1)).astype(np.float32)
    return unit, {name: part[:, :2] for name, part in projected.items()}


def _project(rows: Numbers, mean: F64, directions: F64) -> F64:
    """(k, c) coordinates, at least two of them, in batches."""
    found = np.zeros((len(rows), max(2, len(directions))))
    for start in range(0, len(rows), 512):
        batch = rows[start : start + 512].astype(np.float64) - mean
        found[start : start + 512, : len(directions)] = batch @ directions.T
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Distances within sets of vectors, and from all vectors to the sets."""

    pairs: dict[str, dict[str, float | None]]
    """By set: `summarise` of the distances of every two."""
    n_paired: dict[str, int]
    """By set: vectors of which every two were compared."""
    nearest_in_set: dict[str, F32]
    """By set: distance of each to its nearest other."""
    to_cover: dict[str, F32]
    """By set but `ALL`: distance of each compared vector of all to the nearest of the set; the greatest is the
    coverage radius."""


def compare(x: Mapping[str, Numbers], scale: float = 1.0) -> Comparison:
    """Compare sets of vectors; distances are multiplied by *scale*."""
    paired = {name: part[spread(len(part), _PAIR_ROWS)] for name, part in x.items()}
    return Comparison(
        pairs={name: summarise(pair_distances(part) * scale) for name, part in paired.items()},
        n_paired={name: len(part) for name, part in paired.items()},
        nearest_in_set={
            name: nearest(part, None, 1)[1][:, 0] * np.float32(scale)
            for name, part in x.items()
            if len(part) > 1
        },
        to_cover={
            name: nearest(x[ALL], part, 1)[1][:, 0] * np.float32(scale)
            for name, part in x.items()
            if name != ALL and len(part) and len(x[ALL])
        },
    )


def removed_neighbours(x: Mapping[str, Numbers], rows: Mapping[str, I64]) -> tuple[I64, I64, F32]:
    """Of each chosen row the nearest compared row that was not chosen: rows chosen, rows not chosen, distances."""
    left = ~np.isin(rows[ALL], rows[CHOSEN])
    if not left.any() or not len(rows[CHOSEN]):
        nothing = np.empty(0, np.int64)
        return nothing, nothing, np.empty(0, np.float32)
    at, distances = nearest(x[CHOSEN], x[ALL][left], 1)
    return rows[CHOSEN], rows[ALL][left][at[:, 0]], distances[:, 0]


def least_covered(x: Mapping[str, Numbers], distances: F32, n: int) -> list[tuple[int, float]]:
    """Positions in the vectors of all, with their distances: the one farthest from what was chosen, then the one
    farthest from that and what was chosen, and so on, *n* of them."""
    left, found = distances.astype(np.float64) ** 2, []
    for _ in range(min(n, len(left))):
        at = int(left.argmax())
        if not left[at] > 0:
            break
        found.append((at, float(np.sqrt(left[at]))))
        for start in range(0, len(left), 256):
            apart = x[ALL][start : start + 256].astype(np.float32) - x[ALL][at].astype(np.float32)
            near = left[start : start + 256]
            np.minimum(near, np.einsum("ij,ij->i", apart, apart), out=near)
    return found
