"""The embeddings that a configuration's inputs name, of the frames of an index."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from framesift_kernels import F32

from ..errors import UsageError
from ..features.models import OnnxModel
from ..features.vectors import Vectors
from ..index import Index
from ..predictions.objects import TaskPredictions
from .config import Config
from .inputs import Objects
from .objects import boxes_of_auto_task, embed_objects


def object_tasks(rules: Config) -> list[str]:
    """Tasks whose objects strategies take the embeddings of."""
    return sorted({e.input.task for e in rules.strategies if e.input.type == "EMBEDDINGS" and e.input.task})


def predicted_object_tasks(rules: Config) -> list[str]:
    """Those that must be predicted: no auto tasks."""
    automatic = {task["name"] for task in rules.auto_tasks}
    return [task for task in object_tasks(rules) if task not in automatic]


def objects_of(
    index: Index,
    rules: Config,
    predictions: Mapping[str, TaskPredictions],
    model: OnnxModel | None,
    how: Mapping[str, Any],
) -> dict[str, Objects]:
    """Embeddings of the objects of every task that strategies name.

    Parameters
    ----------
    predictions
        Of the tasks of `predicted_object_tasks`, with boxes, of the rows of the index.
    model
        None: small pictures of the objects.
    how
        Options of `embed_objects`.

    Raises
    ------
    UsageError
        A task has neither predictions nor is it an auto task.
    """
    automatic = {task["name"]: task for task in rules.auto_tasks}
    found = {}
    for name in object_tasks(rules):
        boxes: Any
        if name in automatic:
            boxes = boxes_of_auto_task(index, automatic[name])
        elif name in predictions:
            boxes = predictions[name]
        else:
            raise UsageError(
                f"a strategy takes embeddings of the objects of task {name!r}, of which there are no predictions: give "
                "their folder (predictions=, --predictions), or an auto task of that name"
            )
        found[name] = embed_objects(index, boxes, model, **how)
    return found


def as_array(vectors: Vectors) -> F32:
    """(n, d) float32: all of them, in memory."""
    whole = vectors.in_memory
    if whole is not None:
        return whole.astype(np.float32, copy=False)
    found = np.empty(vectors.shape, np.float32)
    for start, block in vectors.blocks():
        found[start : start + len(block)] = block
    return found
