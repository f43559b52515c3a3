"""The embeddings that a configuration's inputs name, of the frames of an index."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from framesift_kernels import F32

from ..errors import UsageError
from ..features.framewise import PCA, THUMBNAILS, check_given, frame_vectors
from ..features.models import OnnxModel
from ..features.vectors import Vectors
from ..index import Index
from ..machine import load_kernels
from ..predictions.objects import TaskPredictions
from ..progress import ProgressCallback, silent
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


def read_embeddings(
    index: Index,
    rules: Config,
    predictions: Mapping[str, TaskPredictions],
    *,
    vectors: Any = PCA,
    normalize: bool = True,
    seed: int = 0,
    device: str = "cpu",
    threads: int | None = None,
    progress: ProgressCallback = silent,
) -> tuple[dict[str, F32 | Objects], Any]:
    """Embeddings by task, ``""`` for whole pictures, and what a selection says of where they come from.

    Parameters
    ----------
    index
        Of the frames.
    rules
        What is not named in it is not made.
    predictions
        Of the tasks of `predicted_object_tasks`, with boxes, of the rows of the index.
    vectors
        As for `framesift.select`, but that ``"thumbnails"`` are their principal components. Objects are embedded by the
        model, if it is one, and else by small pictures of them: vectors that were brought along are of whole frames.
    normalize, seed, device, threads, progress
        As for `framesift.select`.

    Raises
    ------
    UsageError
        A task has neither predictions nor is it an auto task; vectors do not go with the frames.
    """
    given = check_given(PCA if isinstance(vectors, str) and vectors == THUMBNAILS else vectors)
    how: dict[str, Any] = {
        "normalize": normalize,
        "seed": seed,
        "device": device,
        "threads": threads,
        "progress": progress,
    }
    found: dict[str, F32 | Objects] = {}
    said: Any = None
    whole = any(e.input.type == "EMBEDDINGS" and not e.input.task for e in rules.strategies)
    if whole or rules.remove_exact_duplicates:
        rows, said = frame_vectors(index, given, load_kernels(device), **how)
        found[""] = as_array(rows)
    automatic = {task["name"]: task for task in rules.auto_tasks}
    model = given if isinstance(given, OnnxModel) else None
    for name in object_tasks(rules):
        boxes: Any
        if name in automatic:
            boxes = boxes_of_auto_task(index, automatic[name])
        elif name in predictions:
            boxes = predictions[name]
        else:
            raise UsageError(
                f"a strategy takes embeddings of the objects of task {name!r}, of which there are no predictions: give "
                "their folder, or an auto task of that name"
            )
        found[name] = embed_objects(index, boxes, model, **how)
    return found, said


def as_array(vectors: Vectors) -> F32:
    """(n, d) float32: all of them, in memory."""
    whole = vectors.in_memory
    if whole is not None:
        return whole.astype(np.float32, copy=False)
    found = np.empty(vectors.shape, np.float32)
    for start, block in vectors.blocks():
        found[start : start + len(block)] = block
    return found
