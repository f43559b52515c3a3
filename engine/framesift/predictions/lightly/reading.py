"""Folders of LightlyOne's predictions → `TaskPredictions`."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...cores import count_threads
from ...errors import SourceError, UsageError
from ...progress import Progress, ProgressCallback, silent
from ..objects import Fault, TaskPredictions, join
from .names import prediction_path
from .parts import Request, columns_of
from .readers import reader
from .schema import Schema, predictions_folder, read_schema, read_tasks

_PART = 2000
"""Files of a request."""
_MAX_DEPTH = 64

PathLike = str | os.PathLike[str]


def read_lightly(
    folder: PathLike,
    tasks: Sequence[str] | None = None,
    *,
    files: Sequence[str] | None = None,
    geometry: bool = True,
    threads: int | None = None,
    progress: ProgressCallback = silent,
) -> dict[str, TaskPredictions]:
    """Read the predictions of LightlyOne's ``.lightly/predictions``: ``tasks.json``, schemas, a JSON a picture or frame.

    Files are checked against the schema; one that is wrong is set aside with the field and the reason, as the worker
    skips it. Files of 32 MiB and more, pipes and devices are refused. From 20,000 files on they are read by as many
    processes as there are threads.

    Parameters
    ----------
    folder
        That of ``tasks.json``, or one with ``.lightly/predictions`` in it.
    tasks
        Only these of ``tasks.json``.
    files
        Pictures to read of, in order, as paths relative to the input (``sub/image_1.png``; frames by
        `frame_name`); those without predictions are `TaskPredictions.missing`. By default all that there are, in the
        order of their paths.
    geometry
        Keep boxes, masks and keypoints; without them, they are checked but take no memory.
    threads
        By default as many as there are cores.

    Returns
    -------
    {task: TaskPredictions}

    Raises
    ------
    SourceError
        ``tasks.json`` or a schema is missing or wrong, or a task has files but none that can be used.
    UsageError
        There is no such task.
    """
    top = predictions_folder(Path(folder))
    known = read_tasks(top)
    wanted = known if tasks is None else list(tasks)
    if unknown := [name for name in wanted if name not in known]:
        raise UsageError(
            f"no task {unknown[0]!r} in {top / 'tasks.json'}, there are {', '.join(known) or 'none'}"
        )
    schemas = {name: read_schema(top / name / "schema.json") for name in wanted}
    found = {}
    for name, schema in schemas.items():
        read = _read_task(top / name, name, schema, files, geometry, count_threads(threads), progress)
        if read.set_aside and read.missing.all():
            raise SourceError(
                f"no predictions of task {name!r} can be used; {top / name / str(read.set_aside[0])}"
            )
        found[name] = read
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedTask:
    """What was found in a folder of one task."""

    task: str
    task_type: str | None
    """None where the schema is wrong."""
    n_files: int
    n_objects: int
    faults: tuple[Fault, ...]
    """By file, relative to the folder of ``tasks.json``."""

    @property
    def n_bad_files(self) -> int:
        """Files with faults."""
        return len({fault.file for fault in self.faults})


def validate_lightly(
    folder: PathLike, *, threads: int | None = None, progress: ProgressCallback = silent
) -> list[CheckedTask]:
    """Check all of a folder of LightlyOne's predictions, to the letter of the documentation.

    Beyond what `read_lightly` demands, boxes must be at least a pixel wide and high, scores of keypoints at most 1.

    Raises
    ------
    SourceError
        ``tasks.json`` is missing or wrong.
    """
    top = predictions_folder(Path(folder))
    return [_validate_task(top, name, count_threads(threads), progress) for name in read_tasks(top)]


def _validate_task(top: Path, name: str, threads: int, progress: ProgressCallback) -> CheckedTask:
    try:
        schema = read_schema(top / name / "schema.json")
    except SourceError as e:
        file = f"{name}/schema.json"
        reason = str(e).removeprefix(str(top / file)).lstrip(": ")
        return CheckedTask(
            task=name,
            task_type=None,
            n_files=0,
            n_objects=0,
            faults=(Fault(file=file, field="", reason=reason),),
        )
    found = _read_task(top / name, name, schema, None, False, threads, progress, strict=True)
    faults = tuple(
        Fault(file=f"{name}/{fault.file}", field=fault.field, reason=fault.reason)
        for fault in found.set_aside
    )
    return CheckedTask(
        task=name,
        task_type=schema.task_type,
        n_files=len(found) + len({fault.file for fault in faults}),
        n_objects=len(found.category),
        faults=faults,
    )


def _read_task(
    folder: Path,
    name: str,
    schema: Schema,
    files: Sequence[str] | None,
    geometry: bool,
    threads: int,
    progress: ProgressCallback,
    *,
    strict: bool = False,
) -> TaskPredictions:
    if files is None:
        paths = sorted(json_files(folder))
    else:
        paths = sorted({path for path in map(prediction_path, files) if (folder / path).exists()})
    requests = [
        Request(folder=folder, schema=schema, files=paths[i : i + _PART], geometry=geometry, strict=strict)
        for i in range(0, len(paths), _PART)
    ]
    columns = [columns_of([], len(schema.categories))]
    names: list[str] = []
    faults: list[Fault] = []
    progress(Progress(stage="read", done=0, total=len(paths), source=name))
    with reader(len(paths), threads) as read:
        for part in read(requests):
            columns.append(part.columns)
            names += part.names
            faults += part.faults
            progress(Progress(stage="read", done=len(names), total=len(paths), source=name))
    everything = TaskPredictions(
        task=name,
        task_type=schema.task_type,
        categories=schema.categories,
        files=tuple(names),
        missing=np.zeros(len(names), np.bool_),
        set_aside=tuple(faults),
        **join(columns),
    )
    wanted = [file for file in names if file] if files is None else list(files)
    return everything if wanted == names else everything.aligned(wanted)


def json_files(folder: Path) -> Iterator[str]:
    """JSON files below *folder* but its schema, relative to it. Links to folders are not followed."""
    stack = [("", 0)]
    while stack:
        inner, depth = stack.pop()
        try:
            with os.scandir(folder / inner) as entries:
                for entry in entries:
                    path = f"{inner}{entry.name}"
                    if entry.is_dir(follow_symlinks=False):
                        if depth < _MAX_DEPTH:
                            stack.append((f"{path}/", depth + 1))
                    elif entry.name.endswith(".json") and path != "schema.json":
                        yield path
        except OSError as e:
            raise SourceError(f"{folder / inner} cannot be read ({e.strerror or e})") from None
