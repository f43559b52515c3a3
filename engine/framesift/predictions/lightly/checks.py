"""One file of predictions, checked: bytes in, rows or faults out.

Source: "Prediction Singletons" of LightlyOne's documentation, and the models ``prediction_singleton_*`` of the client's
OpenAPI package (lightly 1.5) where they allow more.
"""

import math
import posixpath
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from framesift_kernels import I64

from ..json_text import parse_json
from ..objects import Fault
from .names import path_fault
from .schema import Schema, kind, short

_NO_BOX = (math.nan,) * 4
_SUM = 0.01
"""By which probabilities may miss 1: they are rounded."""
_NUMBERS = frozenset((int, float))
_MAX = 1e300
"""Far from where a sum of numbers overflows."""
_MAX_FAULTS = 20
"""Of one file that are told."""
_FIELDS = {
    "classification": (),
    "object-detection": ("bbox",),
    "keypoint-detection": ("keypoints",),
    "instance-segmentation": ("segmentation", "bbox"),
    "semantic-segmentation": ("segmentation",),
}
"""What a singleton must have beside its category and score."""
_NO_COUNTS = np.empty(0, np.int64)


@dataclass(slots=True)
class Row:
    """One object."""

    category: int
    score: float
    probabilities: list[float] | None = None
    bbox: tuple[float, ...] = _NO_BOX
    counts: I64 = field(default_factory=lambda: _NO_COUNTS)
    keypoints: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checker:
    """Checks the files of one task."""

    schema: Schema
    strict: bool = False
    """Hold boxes to one pixel and scores of keypoints to 1, as the documentation does and the worker does not."""
    places: dict[int, int] = field(init=False)

    def __post_init__(self) -> None:
        places = {category.id: i for i, category in enumerate(self.schema.categories)}
        object.__setattr__(self, "places", places)

    def check(self, data: bytes, path: str) -> tuple[str, list[Row], list[Fault]]:
        """``file_name``, objects and faults of the file *path*, relative to the folder of its task."""
        try:
            found = parse_json(data)
        except ValueError as e:
            return "", [], [Fault(file=path, field="", reason=f"is not JSON ({e})")]
        if not isinstance(found, dict):
            return "", [], [Fault(file=path, field="", reason=f"expected an object, got {kind(found)}")]
        faults: list[Fault] = []
        name, items = found.get("file_name"), found.get("predictions")
        if reason := _name_fault(name, path):
            faults.append(Fault(file=path, field="file_name", reason=reason))
        if not isinstance(items, list):
            reason = f"expected a list, got {short(items)}"
            return "", [], [*faults, Fault(file=path, field="predictions", reason=reason)]
        if self.schema.task_type == "classification" and len(items) != 1:
            reason = f"expected exactly one of a classification, got {len(items)}"
            faults.append(Fault(file=path, field="predictions", reason=reason))
        rows = self._rows(items, path, faults)
        return ("", [], faults) if faults else (str(name), rows, [])

    def _rows(self, items: list[Any], path: str, faults: list[Fault]) -> list[Row]:
        rows: list[Row] = []
        for i, item in enumerate(items):
            if len(faults) >= _MAX_FAULTS:
                break
            try:
                row = self.row(item)
                if len(row.counts) and rows and len(rows[0].counts):
                    _check_sizes(rows[0].counts, row.counts)
                rows.append(row)
            except FieldError as e:
                where = f"predictions[{i}]" + (f".{e.field}" if e.field else "")
                faults.append(Fault(file=path, field=where, reason=e.reason))
        return rows

    def row(self, item: Any) -> Row:
        """One object of a file.

        Raises
        ------
        FieldError
            It is none.
        """
        if not isinstance(item, dict):
            raise FieldError("", f"expected an object, got {kind(item)}")
        place = _category(item.get("category_id"), self.places)
        given = item.get("probabilities")
        probabilities = None if given is None else _probabilities(given, len(self.places))
        score = item.get("score")
        if score is None and probabilities is not None and self.schema.task_type == "classification":
            score = probabilities[place]
        row = Row(place, _share(score, "score"), probabilities)
        needed = _FIELDS[self.schema.task_type]
        for name, read in _READ.items():
            value = item.get(name)
            if value is not None and (name in needed or name == "bbox"):
                read(row, value, self.strict)
            elif name in needed:
                raise FieldError(name, f"is missing: {self.schema.task_type} needs it")
        if self.schema.task_type == "keypoint-detection" and math.isnan(row.bbox[0]):
            row.bbox = _around(row.keypoints)
        return row


class FieldError(Exception):
    """What is wrong with an object."""

    def __init__(self, field: str, reason: str) -> None:
        self.field, self.reason = field, reason


def _name_fault(name: Any, path: str) -> str | None:
    if not isinstance(name, str):
        return f"expected the path of the picture, got {short(name)}"
    if fault := path_fault(name):
        return f"{short(name)} {fault}"
    if posixpath.splitext(name)[0] != path[: -len(".json")]:
        return f"expected that of {path[: -len('.json')]}.*, after which the file is named, got {short(name)}"
    return None


def _category(value: Any, places: dict[int, int]) -> int:
    if type(value) is not int or value not in places:
        raise FieldError("category_id", f"expected an id of schema.json, got {short(value)}")
    return places[value]


def _share(value: Any, name: str) -> float:
    if type(value) not in (int, float) or not 0 <= value <= 1:
        raise FieldError(name, f"expected a number from 0 to 1, got {short(value)}")
    return float(value)


def _numbers(value: Any, name: str) -> list[float]:
    if not isinstance(value, list) or not _NUMBERS.issuperset(map(type, value)):
        raise FieldError(name, f"expected a list of numbers, got {short(value)}")
    if value and not (min(value) > -_MAX and max(value) < _MAX and math.isfinite(sum(value))):
        raise FieldError(name, "expected finite numbers")
    return value


def _probabilities(value: Any, n: int) -> list[float]:
    found = _numbers(value, "probabilities")
    if len(found) != n:
        raise FieldError("probabilities", f"expected {n}, one a category, got {len(found)}")
    if found and not (min(found) >= 0 and max(found) <= 1):
        raise FieldError("probabilities", f"expected numbers from 0 to 1, got {short(value)}")
    if abs(sum(found) - 1) > _SUM:
        raise FieldError("probabilities", f"expected that they add up to 1, got {sum(found):g}")
    return found


def _bbox(row: Row, value: Any, strict: bool) -> None:
    found = _numbers(value, "bbox")
    if len(found) != 4:
        raise FieldError("bbox", f"expected x, y, width and height, got {len(found)} numbers")
    if min(found) < 0:
        raise FieldError("bbox", f"expected nothing below 0, got {short(value)}")
    if strict and min(found[2:]) < 1:
        raise FieldError("bbox", f"expected a width and height of at least 1, got {short(value)}")
    row.bbox = tuple(found)


def _segmentation(row: Row, value: Any, _: bool) -> None:
    wrong = FieldError("segmentation", f"expected a list of run lengths, integers from 0, got {short(value)}")
    if not isinstance(value, list | np.ndarray) or not len(value):
        raise wrong
    try:
        counts = np.array(value)
    except (ValueError, OverflowError):  # lists of several lengths
        raise wrong from None
    if counts.dtype != np.int64 or counts.ndim != 1 or counts.min() < 0:
        raise wrong
    row.counts = counts


def _check_sizes(first: I64, counts: I64) -> None:
    sizes = [sum(found.tolist()) for found in (first, counts)]
    if sizes[0] != sizes[1]:
        reason = f"expected run lengths of the {sizes[0]} pixels of the others of the picture, got {sizes[1]}"
        raise FieldError("segmentation", reason)


def _keypoints(row: Row, value: Any, strict: bool) -> None:
    found = _numbers(value, "keypoints")
    if not found or len(found) % 3:
        raise FieldError("keypoints", f"expected x, y and score of each, got {len(found)} numbers")
    scores = found[2::3]
    if min(scores) < 0 or (strict and max(scores) > 1):
        raise FieldError("keypoints", f"expected scores from 0 to 1, got {short(scores)}")
    row.keypoints = found


def _around(keypoints: list[float]) -> tuple[float, ...]:
    """The tight box around all keypoints, as LightlyOne infers it."""
    x, y = keypoints[::3], keypoints[1::3]
    return min(x), min(y), max(x) - min(x), max(y) - min(y)


_READ: dict[str, Callable[[Row, Any, bool], None]] = {
    "segmentation": _segmentation,
    "bbox": _bbox,
    "keypoints": _keypoints,
}
