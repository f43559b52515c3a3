"""What people labelled: the tables of pictures that DeepLabCut and Lightning Pose keep."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from framesift_kernels import F32

from .limits import faults_of
from .table import Table, fill, places_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """Keypoints of pictures; with n pictures, m individuals and k keypoints:"""

    files: tuple[str, ...]
    """n paths as they are written, with ``/``: ``labeled-data/<video>/img0042.png``."""
    individuals: tuple[str, ...]
    keypoints: tuple[str, ...]
    xy: F32
    """(n, m, k, 2) float32 pixels of the picture; NaN where nothing was labelled."""
    likelihood: F32
    """(n, m, k) of machine labels, else NaN."""
    present: npt.NDArray[np.bool_]
    """(m, k) which keypoints an individual has at all."""
    scorer: str

    def __len__(self) -> int:
        return len(self.files)


def read_table(path: Path, start: int = 0, stop: int | None = None) -> Table:
    """A table of keypoints, HDF5 or CSV.

    Raises
    ------
    SourceError
        It is none.
    """
    from .csv_table import read_csv
    from .pandas_table import read_pandas

    if path.suffix.lower() in (".h5", ".hdf5", ".hdf"):
        with faults_of(path, "a table that pandas wrote"):
            return read_pandas(path, start, stop)
    with faults_of(path, "a table of keypoints"):
        return read_csv(path, start, stop)


def read_labels(path: str | os.PathLike[str]) -> Labels:
    """Read labels: ``CollectedData*.h5`` or ``.csv``, or machine labels, of any version of DeepLabCut or Lightning Pose.

    Raises
    ------
    SourceError
        It is no table of labels.
    """
    table = read_table(Path(path))
    with faults_of(Path(path), "a table of labels"):
        places = places_of(table.columns, table.path)
        xy, likelihood, present = fill(table, places)
    return Labels(
        files=tuple(str(key).replace("\\", "/") for key in table.index),
        individuals=places.individuals,
        keypoints=places.keypoints,
        xy=xy,
        likelihood=likelihood,
        present=present,
        scorer=places.scorer,
    )
