"""What predictions and metadata say of the sets that a report compares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from framesift_kernels import I64

from ..errors import FramesiftError
from ..index import Index
from ..predictions.objects import TaskPredictions, plain
from ..selection.result import Selection
from .histograms import distribution

_EXAMPLES = 12
_WITH_BOXES = ("object-detection", "instance-segmentation", "keypoint-detection")
Column = npt.NDArray[Any]
_Named = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Columns:
    """What was brought along, a row a row of the index."""

    numbers: dict[str, Column] = field(default_factory=dict)
    categories: dict[str, Column] = field(default_factory=dict)
    predictions: dict[str, TaskPredictions] = field(default_factory=dict)

    def tasks(self, rows: Mapping[str, I64], names: Sequence[str]) -> _Named:
        """``predictionTaskInformation``."""
        return {task: _task(found, rows, names) for task, found in self.predictions.items()}


def brought_along(selection: Selection, index: Index) -> Columns:
    """Predictions and metadata of the input, where a configuration selected: nothing where they cannot be read."""
    if selection.method != "lightly":
        return Columns()
    from ..lightly.names import find_beside, roots_of, sample_names
    from ..predictions.lightly.metadata import read_metadata
    from ..predictions.lightly.reading import read_lightly

    options = selection.options
    root = options.get("root")
    numbers: dict[str, Column] = {}
    texts: dict[str, Column] = {}
    tasks: dict[str, TaskPredictions] = {}
    for part in ("predictions", "metadata"):
        folder = options.get(part) or find_beside(index, root, part)
        if folder is None or not Path(folder).is_dir():
            continue
        for top in roots_of(index, root, folder):
            try:
                names = sample_names(index, top)
                if part == "metadata":
                    for key, column in read_metadata(folder, files=names).columns.items():
                        (numbers if column.dtype.kind in "iuf" else texts)[key] = column
                    break
                tasks = read_lightly(folder, files=names)
            except FramesiftError:
                continue
            if not all(task.missing.all() for task in tasks.values()):
                break
    return Columns(numbers, texts, tasks)


def _task(task: TaskPredictions, rows: Mapping[str, I64], names: Sequence[str]) -> _Named:
    from ..predictions.scores import category_count, scores

    counts = category_count(task)
    found: _Named = {
        "taskType": task.task_type,
        "categoryIdToName": {str(category.id): category.name for category in task.categories},
        "activeLearningScoreDistributions": {
            name: distribution({at: column[some] for at, some in rows.items()})
            for name, column in scores(task).items()
        },
        "categoryDistribution": per_set(counts, task.names, rows),
        "categoryToCountsPerSample": {
            name: distribution({at: counts[some, i] for at, some in rows.items()})
            for i, name in enumerate(task.names)
        },
        "predictionScoreDistribution": distribution(
            {at: task.score[np.isin(task.picture, some)] for at, some in rows.items()}
        ),
        "categoryToImageWithCategoryCount": per_set((counts > 0).astype(np.int64), task.names, rows),
    }
    if task.task_type in _WITH_BOXES:
        found["detectionTaskInformation"] = {"bboxExamples": _examples(task, rows["selected"], names)}
    return found


def per_set(counts: Column, names: Sequence[str], rows: Mapping[str, I64]) -> _Named:
    """A categorical distribution per set: how often each category is there, and how evenly.

    ``giniImbalance`` is the Gini coefficient of the counts, brought to 0 (all alike) to 1 (all of one category);
    ``normalizedEntropy`` their entropy over that of equal counts.
    """
    found = {}
    for name, some in rows.items():
        total = counts[some].sum(axis=0).astype(np.int64)
        found[name] = {
            "counts": dict(zip(names, total.tolist(), strict=True)),
            "metrics": {
                "giniImbalance": round(gini_imbalance(total), 6),
                "normalizedEntropy": round(normalized_entropy(total), 6),
            },
        }
    return found


def gini_imbalance(counts: Column) -> float:
    """Gini coefficient of (c,) counts times ``c / (c - 1)``; 0 of nothing."""
    c, total = len(counts), float(counts.sum())
    if c < 2 or not total:
        return 0.0
    ranks = 2 * np.arange(1, c + 1) - c - 1
    return float((ranks * np.sort(counts)).sum() / (total * (c - 1)))


def normalized_entropy(counts: Column) -> float:
    """Entropy of the shares of (c,) counts over ``ln c``; 0 of nothing."""
    c, total = len(counts), float(counts.sum())
    if c < 2 or not total:
        return 0.0
    p = counts[counts > 0] / total
    return float(-(p * np.log(p)).sum() / np.log(c))


def _examples(task: TaskPredictions, rows: I64, names: Sequence[str]) -> list[_Named]:
    """Boxes of some of the pictures that were selected."""
    from .sets import spread

    found = []
    for row in rows[spread(len(rows), _EXAMPLES)].tolist():
        boxes = [
            m
            for m in range(int(task.offsets[row]), int(task.offsets[row + 1]))
            if not np.isnan(task.bbox[m, 0])
        ]
        found.append(
            {
                "filename": names[row],
                "predictions": [
                    {
                        "categoryId": task.categories[task.category[m]].id,
                        "bbox": plain(task.bbox[m]),
                        "score": float(task.score[m]),
                        "epsilon": 0.0,  # theirs; it is required, and said nowhere what it is
                    }
                    for m in boxes
                ],
            }
        )
    return found
