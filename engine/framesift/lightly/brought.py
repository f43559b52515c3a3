"""What a selection is given beside the frames: folders of predictions and metadata, tables, what was selected before."""

import csv
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import SourceError, UsageError
from ..index import Index
from ..predictions.objects import TaskPredictions
from ..progress import ProgressCallback
from .config import Config
from .embeddings import predicted_object_tasks
from .names import find_beside, roots_of

PathLike = str | os.PathLike[str]
Column = npt.NDArray[Any]
_FILE_NAMES = ("filenames", "filename", "file_name")
_MAX_BYTES = 4 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """Where the inputs of strategies come from that an index has not."""

    predictions: PathLike | None = None
    """Folder of ``tasks.json``, or one with ``.lightly/predictions`` in it; None: that beside the input."""
    metadata: PathLike | None = None
    """Folder of metadata, or a CSV with a column ``filenames``; None: the folder beside the input."""
    scores: PathLike | None = None
    """CSV with a column ``filenames`` and a column a score, ``score`` or ``task/score``."""
    queries: Mapping[str, Any] | None = None
    """By tag, arrays of embeddings or paths of pictures; ``""`` for all tags."""
    preselected: tuple[Path, ...] = ()
    relevant: PathLike | None = None
    """File of relevant names."""
    near_distance: float | None = None
    """Frames as near as this to an earlier one are left out."""
    root: str | None = None
    """Folder that names are relative to."""
    vectors: Any = "pca"
    """See `framesift.select`."""
    normalize: bool = True
    threads: int | None = None
    """Of a model."""


def read_predictions(
    rules: Config,
    brought: Brought,
    made: Index,
    names: Callable[[str | None], Sequence[str]],
    progress: ProgressCallback,
) -> tuple[dict[str, Any], list[str]]:
    """What `Data` takes of the tasks that strategies name, and what is wrong with files that could not be used.

    Raises
    ------
    UsageError, SourceError
        The folder or a task is missing, or has nothing of these frames.
    """
    from ..predictions.lightly.reading import read_lightly
    from ..predictions.scores import for_select

    tasks = sorted(
        {e.input.task for e in rules.strategies if e.input.type in ("PREDICTIONS", "SCORES") and e.input.task}
    )
    if brought.scores is not None:
        tasks = sorted(
            {e.input.task for e in rules.strategies if e.input.type == "PREDICTIONS" and e.input.task}
        )
    if not tasks:
        return {}, []
    folder = brought.predictions or find_beside(made, brought.root, "predictions")
    if folder is None:
        raise UsageError(
            f"strategies need predictions of {', '.join(map(repr, tasks))}, and there is no .lightly/predictions "
            "beside the input: give the folder (predictions=, --predictions)"
        )
    for root in roots_of(made, brought.root, folder):
        files = names(root)
        read = read_lightly(folder, tasks, files=files, geometry=False, progress=progress)
        if not all(task.missing.all() for task in read.values()):
            break
    for name, task in read.items():
        if len(task) and task.missing.all():
            raise SourceError(
                f"{folder} has no predictions of task {name!r} for any of {len(files)} frames, the first of which is "
                f"{files[0]!r}; names are relative to the folder of the input (root=, --root)"
            )
    faults = [
        f"{Path(folder) / name / fault.file}\0{fault}"
        for name, task in read.items()
        for fault in task.set_aside
    ]
    return for_select(read.values()), faults


def read_objects(
    rules: Config,
    brought: Brought,
    made: Index,
    names: Callable[[str | None], Sequence[str]],
    progress: ProgressCallback,
) -> tuple[dict[str, TaskPredictions], list[str]]:
    """The predictions, with boxes, of the tasks whose objects strategies take the embeddings of, of the rows of *made*."""
    from ..predictions.lightly.reading import read_lightly

    tasks = predicted_object_tasks(rules)
    folder = (brought.predictions or find_beside(made, brought.root, "predictions")) if tasks else None
    if folder is None:
        return {}, []
    for root in roots_of(made, brought.root, folder):
        read = read_lightly(folder, tasks, files=names(root)[: made.n_rows], progress=progress)
        if not all(task.missing.all() for task in read.values()):
            break
    faults = [
        f"{Path(folder) / name / fault.file}\0{fault}"
        for name, task in read.items()
        for fault in task.set_aside
    ]
    return read, faults


def read_metadata(
    rules: Config,
    brought: Brought,
    made: Index,
    names: Callable[[str | None], Sequence[str]],
    known: Iterable[str],
) -> tuple[dict[str, Column], list[str]]:
    """Columns of metadata, if a strategy names some that are not *known*, and what is wrong with files."""
    from ..predictions.lightly.metadata import read_metadata as read_folder

    keys = {e.input.key for e in rules.strategies if e.input.type == "METADATA"} - {None}
    found = _of_names(rules.path_regex, names(None)) if rules.path_regex and keys else {}
    if brought.metadata is None and keys <= {*found, *known}:
        return found, []
    if brought.metadata is not None and Path(brought.metadata).is_file():
        return found | read_table(brought.metadata, names(None)[: made.n_rows]), []
    folder = brought.metadata or find_beside(made, brought.root, "metadata")
    if folder is None:
        return found, []
    top = roots_of(made, brought.root, folder)[0]
    read = read_folder(folder, files=names(top))
    faults = [f"{Path(folder) / fault.file}\0{fault}" for fault in read.set_aside]
    return found | read.columns | read.by_path, faults


def _of_names(pattern: str, names: Sequence[str]) -> dict[str, Column]:
    """What the named groups of a regular expression find in names; empty where it does not match.

    Raises
    ------
    UsageError
        It has no named group, or matches no name.
    """
    regex = re.compile(pattern)
    if not regex.groupindex:
        raise UsageError(
            f"config.lightly_path_regex: expected a named group, such as (?P<camera>..), got {pattern!r}"
        )
    matches = [regex.search(name) for name in names]
    if names and not any(matches):
        raise UsageError(f"config.lightly_path_regex: {pattern!r} matches no name; the first is {names[0]!r}")
    return {
        key: np.array([(match and match[key]) or "" for match in matches], np.str_)
        for key in regex.groupindex
    }


def read_table(path: PathLike, names: Sequence[str]) -> dict[str, Column]:
    """Columns of a CSV by the names of samples: numbers, where all are.

    Raises
    ------
    UsageError
        It cannot be read, has no column ``filenames``, a name twice, or not all of *names*.
    """
    try:
        if Path(path).stat().st_size > _MAX_BYTES:
            raise UsageError(f"{path} is too large to be a table")
        with open(path, newline="", encoding="utf-8-sig") as file:
            lines = csv.reader(file)
            head = [name.strip() for name in next(lines, [])]
            rows = [line for line in lines if line]
    except OSError as e:
        raise UsageError(f"{path} cannot be read: {e.strerror or e}") from None
    except (ValueError, csv.Error) as e:
        raise UsageError(f"{path} is no CSV ({e})") from None
    at = next((head.index(name) for name in _FILE_NAMES if name in head), None)
    if at is None or len(set(head)) < len(head):
        raise UsageError(f"{path}: expected a column 'filenames' and each column once, got {', '.join(head)}")
    if wrong := [number for number, row in enumerate(rows, 2) if len(row) != len(head)]:
        raise UsageError(f"{path}: line {wrong[0]}: expected {len(head)} columns")
    place = {row[at]: number for number, row in enumerate(rows)}
    if len(place) < len(rows):
        raise UsageError(f"{path} names a sample twice")
    order = [place.get(name, -1) for name in names]
    if -1 in order:
        raise UsageError(
            f"{path} has no row for {names[order.index(-1)]!r}, and {order.count(-1) - 1} others"
        )
    columns = {name: [rows[i][c] for i in order] for c, name in enumerate(head) if c != at}
    return {name: _typed(column) for name, column in columns.items()}


def _typed(column: list[str]) -> Column:
    for kind in (np.int64, np.float64):
        try:
            found: Column = np.array(column, np.str_).astype(kind)
        except (ValueError, OverflowError):
            continue
        return found
    return np.array(column, np.str_)
