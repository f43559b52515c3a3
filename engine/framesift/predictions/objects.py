"""The one form in memory of what models of pictures predict: classes, boxes, masks, keypoints."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self, get_args

import numpy as np
import numpy.typing as npt

from framesift_kernels import F64, I64

from ..features.ragged import offsets_of, spans

TaskType = Literal[
    "classification",
    "object-detection",
    "keypoint-detection",
    "instance-segmentation",
    "semantic-segmentation",
]
TASK_TYPES: tuple[str, ...] = get_args(TaskType)
_ARRAYS = ("category", "score", "has_probabilities", "bbox")


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """A class of objects."""

    id: int
    name: str
    keypoint_names: tuple[str, ...] | None = None
    keypoint_skeleton: tuple[tuple[int, int], ...] | None = None
    """Pairs of keypoints, counted from 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with a file of predictions."""

    file: str
    field: str
    """Such as ``predictions[3].bbox``; empty where it is the whole file."""
    reason: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.file, self.field, self.reason) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPredictions:
    """What one model predicted of n pictures or frames: m objects of C categories, picture by picture."""

    task: str
    task_type: TaskType
    categories: tuple[Category, ...]
    """C, in the order of their ids: the order of probabilities too."""
    files: tuple[str, ...]
    """n paths of the pictures relative to the input, with ``/``."""
    missing: npt.NDArray[np.bool_]
    """(n,) pictures of which nothing usable was there."""
    offsets: I64
    """(n + 1,): where the objects of a picture begin and end."""
    category: I64
    """(m,) which of the categories, counted from 0."""
    score: F64
    """(m,) 0 to 1."""
    has_probabilities: npt.NDArray[np.bool_]
    """(m,)"""
    probabilities: F64
    """(p, C): of the objects that have some, in order."""
    bbox: F64
    """(m, 4): x, y, width, height in pixels; NaN where there is none."""
    pixels: I64
    """(m,) pixels of the mask, 0 where there is none."""
    counts: I64
    """Run lengths of all masks, along the rows, end to end."""
    count_offsets: I64
    """(m + 1,): where the run lengths of an object begin and end."""
    keypoints: F64
    """(k, 3): x, y in pixels, and score, of all objects end to end."""
    keypoint_offsets: I64
    """(m + 1,): where the keypoints of an object begin and end."""
    set_aside: tuple[Fault, ...] = ()
    """Files that could not be used, and why."""

    def __len__(self) -> int:
        return len(self.files)

    @property
    def names(self) -> list[str]:
        """Of the categories."""
        return [category.name for category in self.categories]

    @property
    def picture(self) -> I64:
        """(m,) which picture an object is of."""
        return np.repeat(np.arange(len(self.files)), np.diff(self.offsets))

    def aligned(self, files: Sequence[str]) -> Self:
        """The predictions of these pictures, in this order; empty and `missing` where there are none."""
        rows = {name: i for i, name in enumerate(self.files)}
        at = np.array([rows.get(name, -1) for name in files], np.int64)
        found = at >= 0
        sizes = np.where(found, np.diff(self.offsets)[at] if len(self.files) else 0, 0)
        objects = spans(self.offsets[at[found]], sizes[found])
        taken = self._objects(objects)
        missing = ~found
        missing[found] = self.missing[at[found]]
        return replace(taken, files=tuple(files), missing=missing, offsets=offsets_of(sizes))

    def _objects(self, objects: I64) -> Self:
        which = np.cumsum(self.has_probabilities) - 1
        runs, points = np.diff(self.count_offsets)[objects], np.diff(self.keypoint_offsets)[objects]
        changed: dict[str, Any] = {name: getattr(self, name)[objects] for name in (*_ARRAYS, "pixels")}
        return replace(
            self,
            **changed,
            probabilities=self.probabilities[which[objects][self.has_probabilities[objects]]],
            counts=self.counts[spans(self.count_offsets[objects], runs)],
            count_offsets=offsets_of(runs),
            keypoints=self.keypoints[spans(self.keypoint_offsets[objects], points)],
            keypoint_offsets=offsets_of(points),
        )

    def singletons(self, i: int) -> list[dict[str, Any]]:
        """The objects of picture *i*, as LightlyOne writes them."""
        return self._singletons(i, int(np.count_nonzero(self.has_probabilities[: self.offsets[i]])))

    def each(self) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """File name and `singletons` of each picture that is not missing."""
        firsts = np.concatenate([[0], np.cumsum(self.has_probabilities)])[self.offsets]
        for i in np.flatnonzero(~self.missing).tolist():
            yield self.files[i], self._singletons(i, int(firsts[i]))

    def _singletons(self, i: int, row: int) -> list[dict[str, Any]]:
        """*row* is where the picture's probabilities begin."""
        found = []
        for m in range(int(self.offsets[i]), int(self.offsets[i + 1])):
            item: dict[str, Any] = {"category_id": self.categories[self.category[m]].id}
            if not np.isnan(self.bbox[m, 0]):
                item["bbox"] = plain(self.bbox[m])
            if len(counts := self.counts[self.count_offsets[m] : self.count_offsets[m + 1]]):
                item["segmentation"] = counts.tolist()
            if len(points := self.keypoints[self.keypoint_offsets[m] : self.keypoint_offsets[m + 1]]):
                item["keypoints"] = plain(points.reshape(-1))
            item["score"] = float(self.score[m])
            if self.has_probabilities[m]:
                item["probabilities"] = self.probabilities[row].tolist()
                row += 1
            found.append(item)
        return found


def join(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Columns of parts, end to end: those of `TaskPredictions` with sizes in place of offsets."""
    names = (
        "category",
        "score",
        "has_probabilities",
        "probabilities",
        "bbox",
        "pixels",
        "counts",
        "keypoints",
    )
    found: dict[str, Any] = {name: np.concatenate([part[name] for part in parts]) for name in names}
    for name, sizes in (
        ("offsets", "sizes"),
        ("count_offsets", "n_counts"),
        ("keypoint_offsets", "n_keypoints"),
    ):
        found[name] = offsets_of(np.concatenate([part[sizes] for part in parts]))
    return found


def plain(values: F64) -> list[float]:
    """Numbers for JSON, whole ones without a point."""
    return [int(v) if v.is_integer() else v for v in values.tolist()]
