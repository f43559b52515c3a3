"""A table with several rows of column names, as pandas writes them for DeepLabCut and Lightning Pose."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from framesift_kernels import F32, I64

from ..errors import SourceError
from .limits import check_bytes
from .poses import Poses

COORDS = ("x", "y", "likelihood")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of numbers, with names."""

    path: Path
    columns: list[tuple[str, ...]]
    """Of each column: scorer, individual (in some), body part, coordinate; or one name."""
    index: I64 | list[str]
    """(n,) frame indices, or paths of pictures."""
    values: F32
    """(n, columns)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the columns of a table go."""

    scorer: str
    individuals: tuple[str, ...]
    keypoints: tuple[str, ...]
    columns: list[int]
    """Columns that are coordinates."""
    at: list[tuple[int, int, int]]
    """Of each: individual, keypoint, and 0, 1 or 2 for x, y, likelihood."""


def places_of(columns: list[tuple[str, ...]], path: Path) -> Places:
    """Sort the columns of a table of keypoints. Coordinates other than x, y and likelihood are left out.

    Raises
    ------
    SourceError
        They are no keypoints, or one is there twice.
    """
    depth = {len(column) for column in columns}
    if not depth <= {3, 4}:
        raise SourceError(
            f"{path} has {max(depth, default=0)} rows of column names; expected 3 (scorer, bodyparts, coords) or 4 "
            "(with individuals)"
        )
    scorers: dict[str, int] = {}
    individuals: dict[str, int] = {}
    keypoints: dict[str, int] = {}
    chosen, at = [], []
    for number, column in enumerate(columns):
        if column[-1].lower() not in COORDS:
            continue
        scorers.setdefault(column[0], len(scorers))
        individual = individuals.setdefault(column[1] if len(column) == 4 else "", len(individuals))
        keypoint = keypoints.setdefault(column[-2], len(keypoints))
        chosen.append(number)
        at.append((individual, keypoint, COORDS.index(column[-1].lower())))
    if not any(place[2] < 2 for place in at):
        raise SourceError(f"{path} has no columns named x and y; it is no table of keypoints")
    if len(set(at)) < len(at):
        raise SourceError(
            f"{path} has columns of one name twice (scorers: {', '.join(scorers)}); give one model's"
        )
    return Places(
        scorer=next(iter(scorers)),
        individuals=tuple(individuals),
        keypoints=tuple(keypoints),
        columns=chosen,
        at=at,
    )


def fill(table: Table, places: Places) -> tuple[F32, F32, np.ndarray[tuple[int, int], np.dtype[np.bool_]]]:
    """xy (n, m, k, 2), likelihood (n, m, k) and present (m, k) of a table."""
    n, m, k = len(table.values), len(places.individuals), len(places.keypoints)
    check_bytes(n * m * k * 12, table.path)
    xy = np.full((n, m, k, 2), np.nan, np.float32)
    likelihood = np.full((n, m, k), np.nan, np.float32)
    present = np.zeros((m, k), bool)
    for column, (individual, keypoint, coord) in zip(places.columns, places.at, strict=True):
        values = table.values[:, column]
        present[individual, keypoint] = True
        if coord == 2:
            likelihood[:, individual, keypoint] = values
        else:
            xy[:, individual, keypoint, coord] = values
    xy[~np.isfinite(xy).all(axis=3)] = np.nan  # half a point is none
    return xy, likelihood, present


def poses_of(table: Table, tool: str | None = None) -> Poses:
    """The predictions that a table holds.

    Raises
    ------
    SourceError
        It is a table of labels, or rows have one index.
    """
    if isinstance(table.index, list):
        raise SourceError(
            f"{table.path} has pictures for rows ({table.index[0] if table.index else 'none'}): it holds labels, "
            "not predictions of a video"
        )
    places = places_of(table.columns, table.path)
    xy, likelihood, present = fill(table, places)
    frames = table.index
    if len(frames) > 1 and not (np.diff(frames) > 0).all():
        order = np.argsort(frames, kind="stable")
        frames, xy, likelihood = frames[order], xy[order], likelihood[order]
        if not (np.diff(frames) > 0).all():
            twice = int(frames[1:][np.diff(frames) == 0][0])
            raise SourceError(f"{table.path} has two rows for frame {twice}")
    if len(frames) and frames[0] < 0:
        raise SourceError(f"{table.path} has a row for frame {frames[0]}")
    return Poses(
        frames=frames,
        individuals=places.individuals,
        keypoints=places.keypoints,
        xy=xy,
        likelihood=likelihood,
        present=present,
        scorer=places.scorer,
        tool=tool or tool_of(places.scorer),
        path=table.path,
    )


def tool_of(scorer: str) -> str:
    """The tool whose models are named so: Lightning Pose's end in ``_tracker``."""
    return "lightning-pose" if re.search(r"_tracker\b|^(eks|ensemble)", scorer) else "deeplabcut"
