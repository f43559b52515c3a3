"""``machinelabels-iter<k>.h5`` and ``machinelabels.csv``: predictions of extracted frames, for people to correct."""

from pathlib import Path
from typing import Any

import numpy as np

from framesift_kernels import F32

from ..errors import UsageError
from ..files import write_atomically
from ..predictions.labels import Labels, read_labels
from ..predictions.poses import Poses

KEY = "df_with_missing"


def load_pandas() -> Any:
    """The pandas module, with PyTables.

    Raises
    ------
    UsageError
        One is not installed.
    """
    try:
        import pandas
        import tables  # noqa: F401
    except ImportError:
        raise UsageError(
            "DeepLabCut's HDF5 needs pandas and tables; install them with: pip install 'framesift[pose]'"
        ) from None
    return pandas


def labels_of(poses: Poses, frames: list[int], files: list[str], shift: tuple[float, float]) -> Labels:
    """Predictions of *frames* as labels of *files*, moved by *shift* (x, y)."""
    rows = np.searchsorted(poses.frames, frames)
    known = (rows < len(poses)) & (poses.frames[np.minimum(rows, len(poses) - 1)] == frames)
    rows = rows[known]
    return Labels(
        files=tuple(name for name, is_known in zip(files, known, strict=True) if is_known),
        individuals=poses.individuals,
        keypoints=poses.keypoints,
        xy=poses.xy[rows] + np.array(shift, np.float32),
        likelihood=poses.likelihood[rows],
        present=poses.present,
        scorer=poses.scorer,
    )


def write_machine_labels(folder: Path, iteration: int, new: Labels) -> Path:
    """Add *new* to a folder's machine labels; of a picture that has some already, these stay.

    Tables of another model keep its name: rows of both are columns of one table. HDF5 is in pandas' ``fixed`` format,
    which pandas 2 and 3 read alike.
    """
    pandas = load_pandas()
    path = folder / f"machinelabels-iter{iteration}.h5"
    merged = _merge(read_labels(path), new) if path.exists() else new
    table = to_pandas(merged, pandas)
    temporary = path.with_name(f".{path.name}.partial")
    try:
        table.to_hdf(temporary, key=KEY, mode="w", format="fixed")
        data = temporary.read_bytes()
    finally:
        temporary.unlink(missing_ok=True)
    write_atomically(path, lambda file: file.write(data))
    text = table.to_csv()
    write_atomically(folder / "machinelabels.csv", lambda file: file.write(text.encode()))
    return path


def to_pandas(labels: Labels, pandas: Any) -> Any:
    """The DataFrame that DeepLabCut keeps: three levels of rows, three or four of columns."""
    multi = labels.individuals != ("",)
    columns, values = [], []
    for i, individual in enumerate(labels.individuals):
        for k, keypoint in enumerate(labels.keypoints):
            if not labels.present[i, k]:
                continue
            name = (labels.scorer, individual, keypoint) if multi else (labels.scorer, keypoint)
            columns += [(*name, coord) for coord in ("x", "y", "likelihood")]
            values += [labels.xy[:, i, k, 0], labels.xy[:, i, k, 1], labels.likelihood[:, i, k]]
    names = ["scorer", "individuals", "bodyparts", "coords"] if multi else ["scorer", "bodyparts", "coords"]
    return pandas.DataFrame(
        np.array(values, np.float64).reshape(len(columns), len(labels)).T,
        index=pandas.MultiIndex.from_tuples([tuple(file.split("/")[-3:]) for file in labels.files]),
        columns=pandas.MultiIndex.from_tuples(columns, names=names),
    )


def _merge(old: Labels, new: Labels) -> Labels:
    individuals = tuple(dict.fromkeys([*old.individuals, *new.individuals]))
    keypoints = tuple(dict.fromkeys([*old.keypoints, *new.keypoints]))
    added = [i for i, name in enumerate(new.files) if name not in set(old.files)]
    files = (*old.files, *(new.files[i] for i in added))
    shape = (len(files), len(individuals), len(keypoints))
    xy: F32 = np.full((*shape, 2), np.nan, np.float32)
    likelihood: F32 = np.full(shape, np.nan, np.float32)
    present = np.zeros(shape[1:], bool)
    for labels, rows, at in ((old, slice(None), slice(0, len(old))), (new, added, slice(len(old), None))):
        i = [individuals.index(name) for name in labels.individuals]
        k = [keypoints.index(name) for name in labels.keypoints]
        part = np.ix_(range(*at.indices(shape[0])), i, k)
        xy[part], likelihood[part] = labels.xy[rows], labels.likelihood[rows]
        present[np.ix_(i, k)] |= labels.present
    return Labels(
        files=files,
        individuals=individuals,
        keypoints=keypoints,
        xy=xy,
        likelihood=likelihood,
        present=present,
        scorer=old.scorer,
    )
