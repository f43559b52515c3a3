"""Many files of predictions to columns, in this process or in one of its own."""

import os
import pickle
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from ..json_text import read_bytes
from ..objects import Fault
from .checks import Checker, Row
from .schema import Schema

MAX_FILE_BYTES = 32 << 20
"""Largest file of one picture's predictions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is to be read."""

    folder: Path
    schema: Schema
    files: Sequence[str]
    """Relative to the folder."""
    geometry: bool = True
    strict: bool = False


@dataclass(slots=True)
class Part:
    """The predictions of some files."""

    columns: dict[str, Any]
    names: list[str] = field(default_factory=list)
    """``file_name`` of each file; empty where it cannot be used."""
    faults: list[Fault] = field(default_factory=list)


def read_part(request: Request) -> Part:
    """Read and check files. A file that cannot be used comes as one without objects, and its faults."""
    checker = Checker(schema=request.schema, strict=request.strict)
    rows: list[list[Row]] = []
    part, folder = Part({}), str(request.folder)
    for path in request.files:
        name, found, faults = _read(checker, folder, path)
        part.names.append(name)
        part.faults.extend(faults)
        rows.append(found)
    part.columns = columns_of(rows, len(request.schema.categories), geometry=request.geometry)
    return part


def _read(checker: Checker, folder: str, path: str) -> tuple[str, list[Row], list[Fault]]:
    try:
        return checker.check(read_bytes(f"{folder}/{path}", MAX_FILE_BYTES), path)
    except (OSError, ValueError) as e:
        reason = (e.strerror or str(e)) if isinstance(e, OSError) else str(e)
        return "", [], [Fault(file=path, field="", reason=f"cannot be read ({reason})")]


def columns_of(
    pictures: Sequence[Sequence[Row]], n_categories: int, *, geometry: bool = True
) -> dict[str, Any]:
    """Columns of the objects of pictures, for `objects.join`."""
    rows = list(chain.from_iterable(pictures))
    kept = rows if geometry else []
    has = np.array([row.probabilities is not None for row in rows], np.bool_)
    none = np.zeros(len(rows), np.int64)
    return {
        "sizes": np.array([len(found) for found in pictures], np.int64),
        "category": np.array([row.category for row in rows], np.int64),
        "score": np.array([row.score for row in rows], np.float64),
        "has_probabilities": has,
        "probabilities": np.array(
            [row.probabilities for row in rows if row.probabilities is not None], np.float64
        ).reshape(-1, n_categories),
        "bbox": np.array([row.bbox for row in kept], np.float64).reshape(-1, 4)
        if geometry
        else np.full((len(rows), 4), np.nan),
        "pixels": np.array([row.counts[1::2].sum() for row in rows], np.int64),
        "counts": np.concatenate([np.empty(0, np.int64), *(row.counts for row in kept)]),
        "n_counts": np.array([len(row.counts) for row in kept], np.int64) if geometry else none,
        "keypoints": np.array(list(chain.from_iterable(row.keypoints for row in kept)), np.float64).reshape(
            -1, 3
        ),
        "n_keypoints": np.array([len(row.keypoints) // 3 for row in kept], np.int64) if geometry else none,
    }


def main() -> None:
    """Answer requests on stdin until it ends: the loop of a process that reads for another."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what prints to stdout by mistake must not come between the answers
    while True:
        try:
            request = pickle.load(sys.stdin.buffer)
        except (EOFError, KeyboardInterrupt):
            return
        pickle.dump(read_part(request), answers, protocol=5)
        answers.flush()
