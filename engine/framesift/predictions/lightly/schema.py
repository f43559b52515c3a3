"""``tasks.json`` and ``schema.json``: which tasks there are, and what they predict."""

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

from ...errors import SourceError
from ..json_text import read_json
from ..objects import TASK_TYPES, Category, TaskType
from .names import path_fault

_MAX_CATEGORIES = 1_000_000
_TASK = re.compile(r"[a-zA-Z0-9_+=,.@:/\-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """What a task predicts."""

    task_type: TaskType
    categories: tuple[Category, ...]
    """In the order of their ids."""


def predictions_folder(folder: Path) -> Path:
    """The folder of ``tasks.json``: *folder*, or ``predictions`` or ``.lightly/predictions`` in it.

    Raises
    ------
    SourceError
        There is none.
    """
    for inner in ("", "predictions", ".lightly/predictions"):
        if (folder / inner / "tasks.json").is_file():
            return folder / inner
    raise SourceError(f"{folder} has no tasks.json, in itself or in .lightly/predictions: it lists the tasks")


def read_tasks(folder: Path) -> list[str]:
    """Names of the tasks in ``tasks.json``.

    Raises
    ------
    SourceError
        It is missing or wrong.
    """
    path = folder / "tasks.json"
    found = read_json(path)
    if not isinstance(found, list):
        raise SourceError(f"{path}: expected a list of names of tasks, got {kind(found)}")
    for i, name in enumerate(found):
        if not isinstance(name, str) or not _TASK.fullmatch(name) or path_fault(name):
            raise SourceError(f"{path}: [{i}]: expected the name of a folder beside it, got {short(name)}")
    if len(set(found)) < len(found):
        raise SourceError(f"{path}: a task is listed twice")
    return found


def read_schema(path: Path) -> Schema:
    """A ``schema.json``.

    Raises
    ------
    SourceError
        It is missing or wrong.
    """
    found = read_json(path)
    if not isinstance(found, dict):
        raise SourceError(f"{path}: expected an object, got {kind(found)}")
    task_type = found.get("task_type")
    if task_type not in TASK_TYPES:
        raise SourceError(
            f"{path}: task_type: expected one of {', '.join(TASK_TYPES)}, got {short(task_type)}"
        )
    given = found.get("categories")
    if not isinstance(given, list) or not 0 < len(given) <= _MAX_CATEGORIES:
        raise SourceError(f"{path}: categories: expected a list of at least one, got {short(given)}")
    categories = [parse_category(item, f"{path}: categories[{i}]") for i, item in enumerate(given)]
    categories.sort(key=lambda category: category.id)
    for a, b in pairwise(categories):
        if a.id == b.id:
            raise SourceError(f"{path}: categories: id {a.id} is given twice")
    return Schema(task_type=cast(TaskType, task_type), categories=tuple(categories))


def parse_category(item: Any, where: str) -> Category:
    """A category of a schema.

    Raises
    ------
    SourceError
        It is none.
    """
    if not isinstance(item, dict):
        raise SourceError(f"{where}: expected an object, got {kind(item)}")
    number, name = item.get("id"), item.get("name")
    if type(number) is not int or not 0 <= number < 2**62:
        raise SourceError(f"{where}.id: expected an integer of at least 0, got {short(number)}")
    if not isinstance(name, str) or not name:
        raise SourceError(f"{where}.name: expected a name, got {short(name)}")
    names = item.get("keypoint_names")
    if names is not None and not (isinstance(names, list) and all(isinstance(n, str) for n in names)):
        raise SourceError(f"{where}.keypoint_names: expected a list of names, got {short(names)}")
    pairs = item.get("keypoint_skeleton")
    if pairs is not None and not (isinstance(pairs, list) and all(_is_pair(pair) for pair in pairs)):
        raise SourceError(f"{where}.keypoint_skeleton: expected pairs of integers, got {short(pairs)}")
    return Category(
        id=number,
        name=name,
        keypoint_names=None if names is None else tuple(names),
        keypoint_skeleton=None if pairs is None else tuple((a, b) for a, b in pairs),
    )


def write_category(category: Category) -> dict[str, Any]:
    """A category as ``schema.json`` has it."""
    found: dict[str, Any] = {"id": category.id, "name": category.name}
    if category.keypoint_names is not None:
        found["keypoint_names"] = list(category.keypoint_names)
    if category.keypoint_skeleton is not None:
        found["keypoint_skeleton"] = [list(pair) for pair in category.keypoint_skeleton]
    return found


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and all(type(i) is int and i >= 0 for i in pair)


def kind(value: Any) -> str:
    kinds: dict[type, str] = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "true or false",
        type(None): "null",
    }
    return kinds.get(type(value), "a number")


def short(value: Any) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
