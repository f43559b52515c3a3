"""`TaskPredictions` → a folder of LightlyOne's predictions."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ...errors import UsageError
from ...files import disk_errors, write_json
from ...progress import Progress, ProgressCallback, silent
from ..objects import Category, TaskPredictions, TaskType
from .names import path_fault, prediction_path
from .schema import Schema, read_schema, read_tasks, write_category

PathLike = str | os.PathLike[str]


class TaskFolder:
    """The folder of one task while it is written: it is there, and in ``tasks.json``, when all of it is.

    Parameters
    ----------
    folder
        That of ``tasks.json``; made if it is not there.
    task
        Its name.
    extend
        A task that is there with the same schema is added to: files of the same names are replaced, one by one.

    Raises
    ------
    UsageError
        The task is there already, or with another schema, or has no name of a folder.
    """

    def __init__(
        self,
        folder: PathLike,
        task: str,
        task_type: TaskType,
        categories: Iterable[Category],
        *,
        extend: bool = False,
    ) -> None:
        self._top, self._task = Path(folder), task
        if path_fault(task):
            raise UsageError(f"a task has the name of a folder, got {task!r}")
        categories = tuple(categories)
        self._extends = extend and (self._top / task).exists()
        if self._extends and read_schema(self._top / task / "schema.json") != Schema(
            task_type=task_type, categories=categories
        ):
            raise UsageError(f"{self._top / task} has another schema: give the task another name")
        if (self._top / task).exists() and not extend:
            raise UsageError(f"{self._top / task} exists already: give the task another name, or remove it")
        self._schema = {"task_type": task_type, "categories": [write_category(c) for c in categories]}
        self._folders: set[str] = set()
        self._names: dict[str, str] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with disk_errors(self._top):
            self._top.mkdir(parents=True, exist_ok=True)
            self._partial = Path(tempfile.mkdtemp(prefix=".predictions.", suffix=".partial", dir=self._top))
            self._stack.callback(shutil.rmtree, self._partial, ignore_errors=True)
            self._partial.chmod(0o755)
        write_json(self._partial / "schema.json", self._schema)
        return self

    def add(self, file_name: str, singletons: list[dict[str, Any]]) -> None:
        """Write the predictions of a picture or frame.

        Raises
        ------
        UsageError
            Another picture has the same name up to its suffix, or the path leads out of the folder.
        ResourceError
            The disk is full.
        """
        path = prediction_path(file_name)
        if path in self._names or path == "schema.json":
            other = self._names.get(path, "the schema")
            raise UsageError(f"predictions of {file_name!r} and of {other!r} would have one file, {path}")
        self._names[path] = file_name
        text = json.dumps({"file_name": file_name, "predictions": singletons}, allow_nan=False)
        with disk_errors(self._top / self._task / path):
            inner = os.path.dirname(path)
            if inner not in self._folders:
                (self._partial / inner).mkdir(parents=True, exist_ok=True)
                self._folders.add(inner)
            with open(self._partial / path, "wb") as file:
                file.write(text.encode())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack:
            if kind is None:
                with disk_errors(self._top / self._task):
                    self._publish(self._top / self._task)
                known = read_tasks(self._top) if (self._top / "tasks.json").exists() else []
                if self._task not in known:
                    write_json(self._top / "tasks.json", [*known, self._task])

    def _publish(self, folder: Path) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if not self._extends:
            os.rename(self._partial, folder)
            return
        for inner in self._folders:
            (folder / inner).mkdir(parents=True, exist_ok=True)
        for path in self._names:
            os.replace(self._partial / path, folder / path)


def write_lightly(
    predictions: TaskPredictions, folder: PathLike, *, progress: ProgressCallback = silent
) -> None:
    """Write predictions as LightlyOne reads them: a JSON a picture, the schema, and the name in ``tasks.json``.

    The task's folder appears by one rename when all of it is written. Pictures without objects get a file too, those
    that are `TaskPredictions.missing` do not. Boxes less than a pixel wide or high are written as one pixel.

    Parameters
    ----------
    predictions
        Of one task.
    folder
        That of ``tasks.json``, ``.lightly/predictions``; made, or extended by this task.

    Raises
    ------
    UsageError
        The task is there already, or two pictures would share a file: they differ only in their suffix.
    ResourceError
        The disk is full.
    """
    with TaskFolder(folder, predictions.task, predictions.task_type, predictions.categories) as task:
        n = len(predictions) - int(predictions.missing.sum())
        for i, (name, items) in enumerate(predictions.each(), 1):
            task.add(name, [allowed(item) for item in items])
            if i % 256 == 0 or i == n:
                progress(Progress(stage="write", done=i, total=n, source=predictions.task))


def allowed(item: dict[str, Any]) -> dict[str, Any]:
    """An object with its box within what the format allows."""
    if "bbox" in item:
        x, y, width, height = item["bbox"]
        item["bbox"] = [max(x, 0), max(y, 0), max(width, 1), max(height, 1)]
    return item
