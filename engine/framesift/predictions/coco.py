"""COCO's annotations and results ↔ `TaskPredictions`.

Source: "Data format" and "Results format" of the COCO dataset, and COCO's API.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from framesift_kernels import I64

from .. import masks
from ..errors import SourceError, UsageError
from .json_text import read_json
from .lightly.checks import Checker, FieldError, Row
from .lightly.names import path_fault
from .lightly.parts import columns_of
from .lightly.schema import Schema, kind, parse_category, short
from .limits import MAX_BYTES
from .objects import TASK_TYPES, Category, Fault, TaskPredictions, TaskType, join

_VISIBLE = 2
"""COCO's flag of a keypoint that is labelled and visible."""

_MAX_PIXELS = 2**28
"""Of a mask."""
_OUTSIDE = 16
"""Times a picture's longer side that a polygon may reach outside."""

PathLike = str | os.PathLike[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CocoImage:
    """A picture of a COCO dataset."""

    id: int | str
    file_name: str
    shape: tuple[int, int] | None
    """Height and width, if it says them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CocoDataset:
    """The pictures and classes of a COCO dataset."""

    images: tuple[CocoImage, ...]
    categories: tuple[Category, ...]
    annotations: list[Any]
    """As they are in the file, unchecked."""

    @property
    def shapes(self) -> dict[str, tuple[int, int]]:
        """Height and width by file name."""
        return {image.file_name: image.shape for image in self.images if image.shape is not None}


def read_coco(
    path: PathLike,
    *,
    annotations: PathLike | None = None,
    task: str = "coco",
    task_type: TaskType | None = None,
    score: float = 1.0,
) -> TaskPredictions:
    """Read COCO's annotations, or results of a model.

    Parameters
    ----------
    path
        Annotations (an object with ``images``, ``annotations``, ``categories``), or results (a list).
    annotations
        Of results: the annotations that have their pictures and categories.
    task
        What to call the task.
    task_type
        By default ``"keypoint-detection"`` if all objects have keypoints, else ``"instance-segmentation"`` if all have
        masks, else ``"object-detection"``.
    score
        Of annotations that have none: they are certain.

    Returns
    -------
    TaskPredictions
        Pictures in the order of the file. Masks are polygons, run lengths or strings there, and cover the picture
        here; boxes are cut off at the picture's upper and left edge. Of annotated keypoints the score is half the flag:
        0, 0.5 (hidden) or 1. Objects that cannot be used are in ``set_aside``.

    Raises
    ------
    SourceError
        It is no such file, or has objects of which none can be used.
    UsageError
        Results came without *annotations*.
    """
    path = Path(path)
    found = read_json(path, MAX_BYTES)
    if isinstance(found, list):
        if annotations is None:
            raise UsageError(
                f"{path} has results of COCO, without pictures: give the annotations= they are for"
            )
        dataset, items, where = read_coco_dataset(annotations), found, ""
    else:
        dataset = _dataset(found, path)
        items, where = dataset.annotations, "annotations"
    schema = Schema(task_type=task_type or _task_type(items), categories=dataset.categories)
    if schema.task_type not in TASK_TYPES or schema.task_type == "classification":
        raise UsageError(f"COCO has no {schema.task_type!r}; expected one of {', '.join(TASK_TYPES[1:])}")
    reader = _Reader(Checker(schema=schema), dataset, score, is_annotated=bool(where))
    faults = [
        fault for i, item in enumerate(items) if (fault := reader.add(item, f"{where}[{i}]", path.name))
    ]
    if items and len(faults) == len(items):
        raise SourceError(f"no object of {path} can be used; {faults[0]}")
    return TaskPredictions(
        task=task,
        task_type=schema.task_type,
        categories=schema.categories,
        files=tuple(image.file_name for image in dataset.images),
        missing=np.zeros(len(dataset.images), np.bool_),
        set_aside=tuple(faults),
        **join([columns_of(reader.rows, len(schema.categories))]),
    )


def read_coco_dataset(path: PathLike) -> CocoDataset:
    """Pictures and classes of COCO's annotations.

    Raises
    ------
    SourceError
        It is no such file.
    """
    return _dataset(read_json(Path(path), MAX_BYTES), Path(path))


def _dataset(found: Any, path: Path) -> CocoDataset:
    if not isinstance(found, dict):
        raise SourceError(f"{path}: expected COCO's annotations, an object, got {kind(found)}")
    parts: dict[str, Any] = {}
    for name in ("images", "categories", "annotations"):
        parts[name] = found.get(name, [] if name == "annotations" else None)
        if not isinstance(parts[name], list):
            raise SourceError(f"{path}: {name}: expected a list, got {short(parts[name])}")
    images = tuple(_image(item, f"{path}: images[{i}]") for i, item in enumerate(parts["images"]))
    categories = [_category(item, f"{path}: categories[{i}]") for i, item in enumerate(parts["categories"])]
    categories.sort(key=lambda category: category.id)
    for what, values in (
        ("images: an id", [image.id for image in images]),
        ("images: a file_name", [image.file_name for image in images]),
        ("categories: an id", [category.id for category in categories]),
    ):
        if len(set(values)) < len(values):
            raise SourceError(f"{path}: {what} is given twice")
    if not categories:
        raise SourceError(f"{path}: categories: expected at least one, got none")
    return CocoDataset(images=images, categories=tuple(categories), annotations=parts["annotations"])


def _image(item: Any, where: str) -> CocoImage:
    if not isinstance(item, dict):
        raise SourceError(f"{where}: expected an object, got {kind(item)}")
    number, name = item.get("id"), item.get("file_name")
    if type(number) not in (int, str):
        raise SourceError(f"{where}.id: expected an integer, got {short(number)}")
    if not isinstance(name, str):
        raise SourceError(f"{where}.file_name: expected a path, got {short(name)}")
    if fault := path_fault(name):
        raise SourceError(f"{where}.file_name: {short(name)} {fault}")
    shape = (item.get("height"), item.get("width"))
    if shape == (None, None):
        return CocoImage(id=cast(int | str, number), file_name=name, shape=None)
    if not all(type(v) is int and 0 < v < 2**31 for v in shape):
        raise SourceError(f"{where}: height and width must be positive integers, got {short(shape)}")
    return CocoImage(id=cast(int | str, number), file_name=name, shape=cast(tuple[int, int], shape))


def _category(item: Any, where: str) -> Category:
    """COCO's skeletons count from 1, ours from 0."""
    if not isinstance(item, dict):
        raise SourceError(f"{where}: expected an object, got {kind(item)}")
    given = {name: item[name] for name in ("id", "name") if name in item}
    if item.get("keypoints"):
        given["keypoint_names"] = item["keypoints"]
    pairs = item.get("skeleton")
    if pairs:
        try:
            given["keypoint_skeleton"] = [[a - 1, b - 1] for a, b in pairs]
        except (TypeError, ValueError):
            raise SourceError(f"{where}.skeleton: expected pairs of integers, got {short(pairs)}") from None
    return parse_category(given, where)


def _task_type(items: list[Any]) -> TaskType:
    objects = [item for item in items if isinstance(item, dict)]
    if objects and all(item.get("keypoints") for item in objects):
        return "keypoint-detection"
    if objects and all(item.get("segmentation") for item in objects):
        return "instance-segmentation"
    return "object-detection"


class _Reader:
    """Objects of COCO, picture by picture."""

    def __init__(self, checker: Checker, dataset: CocoDataset, score: float, *, is_annotated: bool) -> None:
        self.checker, self.score, self.is_annotated = checker, score, is_annotated
        self.rows: list[list[Row]] = [[] for _ in dataset.images]
        self.images = dataset.images
        self.places = {image.id: i for i, image in enumerate(dataset.images)}

    def add(self, item: Any, where: str, file: str) -> Fault | None:
        """Add an object, or tell why not."""
        try:
            if not isinstance(item, dict):
                raise FieldError("", f"expected an object, got {kind(item)}")
            number = item.get("image_id")
            if type(number) not in (int, str) or number not in self.places:
                raise FieldError("image_id", f"expected an id of one of the images, got {short(number)}")
            place = self.places[number]
            self.rows[place].append(self.checker.row(self._singleton(item, self.images[place].shape)))
        except FieldError as e:
            return Fault(file=file, field=where + (f".{e.field}" if e.field else ""), reason=e.reason)
        return None

    def _singleton(self, item: dict[str, Any], shape: tuple[int, int] | None) -> dict[str, Any]:
        """An object as LightlyOne has it."""
        task_type = self.checker.schema.task_type
        found = {
            name: item.get(name) for name in ("category_id", "score", "bbox", "keypoints", "probabilities")
        }
        if found["score"] is None and self.is_annotated:
            found["score"] = self.score
        if task_type.endswith("segmentation"):
            counts, size = coco_counts(item.get("segmentation"), shape)
            found["segmentation"] = counts
            if found["bbox"] is None and task_type == "instance-segmentation":
                found["bbox"] = list(masks.bbox(counts, size, "row"))
        if found["bbox"] is not None:
            found["bbox"] = _inside(found["bbox"])
        if task_type == "keypoint-detection":
            found["keypoints"] = _flags_to_scores(found["keypoints"], self.is_annotated)
        return found


def coco_counts(given: Any, shape: tuple[int, int] | None) -> tuple[I64, tuple[int, int]]:
    """Run lengths along the rows, and (height, width), of polygons, run lengths or a string.

    Raises
    ------
    FieldError
        It is none of these, or does not fit the picture.
    """
    try:
        if isinstance(given, Mapping):
            size, counts = given.get("size"), given.get("counts")
            if not (isinstance(size, list) and len(size) == 2 and all(type(v) is int for v in size)):
                raise FieldError("segmentation.size", f"expected height and width, got {short(size)}")
            found = (int(size[0]), int(size[1]))
            if shape is not None and found != shape:
                raise FieldError("segmentation.size", f"expected that of the picture, {shape}, got {size}")
            _check_pixels(found)
            runs = masks.from_string(counts) if isinstance(counts, str) else np.asarray(counts)
            return masks.convert(runs, found, "column", "row"), found
        if not isinstance(given, list) or not given:
            raise FieldError("segmentation", f"expected polygons or run lengths, got {short(given)}")
        if shape is None:
            raise FieldError("segmentation", "the height and width of the picture are needed for polygons")
        _check_pixels(shape)
        polygons = [np.asarray(polygon, np.float64) for polygon in given]
        far = _OUTSIDE * max(shape)
        if not all(polygon.size and np.abs(polygon).max() <= far for polygon in polygons):
            raise FieldError("segmentation", f"expected corners within {far} pixels, got {short(given)}")
        return masks.from_polygons(polygons, shape, "row"), shape
    except (UsageError, ValueError, TypeError, OverflowError, MemoryError) as e:
        raise FieldError("segmentation", str(e) or "too large") from None


def _check_pixels(shape: tuple[int, int]) -> None:
    if min(shape) < 1 or shape[0] * shape[1] > _MAX_PIXELS:
        raise FieldError("segmentation", f"expected a mask of 1 to {_MAX_PIXELS} pixels, got {shape}")


def _inside(box: Any) -> Any:
    """A box without what is left of or above the picture."""
    if not isinstance(box, list) or len(box) != 4 or not all(type(v) in (int, float) for v in box):
        return box  # which is told where it is checked
    x, y, width, height = box
    return [max(x, 0), max(y, 0), max(width + min(x, 0), 0), max(height + min(y, 0), 0)]


def _flags_to_scores(keypoints: Any, is_annotated: bool) -> Any:
    if not isinstance(keypoints, list):
        return keypoints
    third = keypoints[2::3]
    if all(type(v) in (int, float) and v in (0, 1, 2) for v in third) and (is_annotated or _VISIBLE in third):
        keypoints = list(keypoints)
        keypoints[2::3] = [v / _VISIBLE for v in third]
    return keypoints
