"""`Poses` → files that DeepLabCut, napari and pandas read."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from framesift_kernels import I64

from ..files import write_atomically
from .poses import Poses

_KEY = "df_with_missing"


def write_table(
    path: Path,
    columns: Sequence[tuple[str, ...]],
    names: list[str],
    values: npt.NDArray[np.floating],
    index: I64,
) -> list[Path]:
    """Write *values* (n, columns) as HDF5 at *path* and as CSV beside it; returns both.

    HDF5 is in pandas' ``fixed`` format: what pandas 3 writes as ``table`` pandas 2 cannot read.

    Raises
    ------
    UsageError
        pandas or tables is not installed.
    """
    from ..deeplabcut.machinelabels import load_pandas

    pandas = load_pandas()
    table = pandas.DataFrame(
        values.astype(np.float64),
        index=index,
        columns=pandas.MultiIndex.from_tuples(list(columns), names=names),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.partial")
    try:
        table.to_hdf(temporary, key=_KEY, mode="w", format="fixed")
        data = temporary.read_bytes()
    finally:
        temporary.unlink(missing_ok=True)
    write_atomically(path, lambda file: file.write(data))
    text = table.to_csv().encode()
    write_atomically(path.with_suffix(".csv"), lambda file: file.write(text))
    return [path, path.with_suffix(".csv")]


def write_poses(poses: Poses, path: Path) -> list[Path]:
    """Write predictions as DeepLabCut's, HDF5 at *path* and CSV beside it."""
    multi = poses.individuals != ("",)
    columns: list[tuple[str, ...]] = []
    values = []
    for i, individual in enumerate(poses.individuals):
        for k, keypoint in enumerate(poses.keypoints):
            if poses.present[i, k]:
                name = (poses.scorer, individual, keypoint) if multi else (poses.scorer, keypoint)
                columns += [(*name, coord) for coord in ("x", "y", "likelihood")]
                values += [poses.xy[:, i, k, 0], poses.xy[:, i, k, 1], poses.likelihood[:, i, k]]
    names = ["scorer", "individuals", "bodyparts", "coords"] if multi else ["scorer", "bodyparts", "coords"]
    return write_table(path, columns, names, np.stack(values, axis=1), poses.frames)
