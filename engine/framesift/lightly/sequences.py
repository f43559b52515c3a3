"""Frames that follow one another, selected together."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from framesift_kernels import I64

from ..errors import UsageError
from ..features.unit import unit_rows
from ..index import Index
from ..selection.candidates import Candidates
from .inputs import Data

Column = npt.NDArray[Any]


def cut(candidates: Candidates, made: Index, length: int) -> I64:
    """(s, length) rows of each sequence: every source is cut into as many as it holds, and what is left is dropped.

    After these, each row of other inputs than *made*, which stands for itself, *length* times over.

    Raises
    ------
    UsageError
        A source is not a video of which every frame (or every step-th) is in the index, or none is so long.
    """
    found = []
    for at, (record, first) in enumerate(zip(made.records, made.offsets[:-1].tolist(), strict=True)):
        if record.kind != "video" or record.n_listed is not None:
            what = "is no video" if record.kind != "video" else f"was decoded by {record.decoded!r}"
            raise UsageError(f"sequences are of videos decoded in full, source {at} ({record.uri}) {what}")
        n = record.n_rows // length
        found.append(first + np.arange(n * length).reshape(n, length))
    rows = np.concatenate(found)
    if not len(rows):
        raise UsageError(f"no video has {length} frames, of which a sequence is to be")
    others = np.arange(made.n_rows, len(candidates))
    return np.concatenate([rows, np.repeat(others[:, None], length, axis=1)])


def pooled(data: Data, rows: I64, *, unit: bool) -> Data:
    """What holds for each sequence: means of embeddings, scores, numbers and classes, and the category most frequent.

    Parameters
    ----------
    data
        A row a frame.
    rows : (s, length)
        Of each sequence.
    unit
        Bring the means of embeddings to unit length.
    """
    embeddings = data.embeddings
    if embeddings is not None:
        x = embeddings[""] if isinstance(embeddings, Mapping) else embeddings
        x = np.stack([x[part].mean(axis=0, dtype=np.float64) for part in rows])
        embeddings = unit_rows(x) if unit else x.astype(np.float32)
    return Data(
        embeddings=embeddings,
        queries=data.queries,
        scores={name: _each(given, rows) for name, given in data.scores.items()},
        metadata={key: _pooled(np.asarray(data.metadata[key]), rows) for key in data.metadata or ()},
        predictions={task: _each(given, rows) for task, given in data.predictions.items()},
    )


def _each(given: Any, rows: I64) -> Any:
    if not isinstance(given, Mapping):
        return _pooled(np.asarray(given), rows)
    return {
        name: part if name == "categories" else _pooled(np.asarray(part), rows)
        for name, part in given.items()
    }


def _pooled(column: Column, rows: I64) -> Column:
    if column.dtype.kind in "iuf":
        found: Column = column[rows].mean(axis=1)
        return found
    kinds, labels = np.unique(column, return_inverse=True)
    counts = np.zeros((len(rows), len(kinds)), np.int64)
    np.add.at(counts, (np.arange(len(rows))[:, None], labels.reshape(-1)[rows]), 1)
    most: Column = kinds[counts.argmax(axis=1)]
    return most
