"""Predictions of any tool → `Poses`."""

import os
from pathlib import Path

from ..errors import SourceError, UsageError
from .hdf5 import has, open_hdf5
from .labels import read_table
from .limits import faults_of
from .poses import Poses
from .table import poses_of

_HDF5 = (".h5", ".hdf5", ".hdf")


def read(
    path: str | os.PathLike[str],
    *,
    start: int = 0,
    stop: int | None = None,
    video: str | int | None = None,
) -> Poses:
    """Read predicted keypoints: DeepLabCut ``.h5`` and ``.csv``, Lightning Pose ``.csv``, SLEAP ``.slp`` and analysis ``.h5``.

    Files are read with h5py or as text; nothing in them is run, no link to another file is followed, and what
    would need more than 2 GiB is refused. Memory: twice the arrays that come out.

    Parameters
    ----------
    path
        The file. Which kind it is shows in what it holds.
    start, stop
        Only frames with ``start <= index < stop``.
    video
        Of a ``.slp`` with several videos: the name (or its end) or number of one.

    Returns
    -------
    Poses
        ``frames`` (n,), ``xy`` (n, individuals, keypoints, 2) float32 and ``likelihood``; NaN where nothing was
        predicted. Instances of SLEAP without a track come as individuals ``untracked1``, ``untracked2``, …, best
        score first; an instance that a user corrected counts as the user left it.

    Raises
    ------
    SourceError
        It does not exist, is none of these, is damaged or too large.
    UsageError
        h5py is not installed, or *start* and *stop* are no range.
    """
    path = Path(path)
    if start < 0 or (stop is not None and stop < start):
        raise UsageError(f"start and stop must have 0 <= start <= stop, got {start = }, {stop = }")
    suffix = path.suffix.lower()
    if suffix == ".slp":
        from .sleap import read_slp

        with faults_of(path, "a SLEAP project"):
            return read_slp(path, start, stop, video)
    if suffix in _HDF5 and _is_analysis(path):
        from .sleap import read_analysis

        with faults_of(path, "an analysis file of SLEAP"):
            return read_analysis(path, start, stop)
    if suffix in _HDF5 or suffix == ".csv":
        table = read_table(path, start, stop)
        with faults_of(path, "a table of predictions"):
            return poses_of(table)
    if not path.exists():
        raise SourceError(f"{path} does not exist")
    raise SourceError(
        f"{path} is not known as predictions; expected .h5 or .csv of DeepLabCut, .csv of Lightning Pose, or .slp "
        "or .h5 of SLEAP"
    )


def _is_analysis(path: Path) -> bool:
    with faults_of(path, "HDF5"), open_hdf5(path) as file:
        return has(file, "tracks") and has(file, "node_names")
