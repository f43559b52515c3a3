"""Lightning Pose's metrics of predictions: one number a frame and keypoint."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from framesift_kernels import F32, I64

from ..errors import SourceError
from .csv_table import read_csv
from .limits import faults_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric of n frames and k keypoints."""

    frames: I64
    """(n,) frame indices."""
    keypoints: tuple[str, ...]
    values: F32
    """(n, k) pixels; NaN where there is none."""


def read_metric(path: str | os.PathLike[str]) -> Metric:
    """Read ``<predictions>_temporal_norm.csv``, ``_pca_singleview_error.csv``, ``_pca_multiview_error.csv``.

    Raises
    ------
    SourceError
        It is none of them.
    """
    path = Path(path)
    with faults_of(path, "a metric of Lightning Pose"):
        table = read_csv(path)
    names = [column[0] for column in table.columns]
    if any(len(column) != 1 for column in table.columns) or not isinstance(table.index, np.ndarray):
        raise SourceError(
            f"{path} is not a metric of Lightning Pose: expected one row of names, and frame numbers"
        )
    kept = [i for i, name in enumerate(names) if name != "set"]
    return Metric(frames=table.index, keypoints=tuple(names[i] for i in kept), values=table.values[:, kept])
