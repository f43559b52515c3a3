"""Scores of active learning, and what of classes there is, from predictions.

Source: "Active Learning Scorers" and "Objectness scores and class probabilities" of LightlyOne's documentation; for
what they leave open, ``lightly.active_learning.scorers`` of the client's version 1.2.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from framesift_kernels import F64, I64

from .objects import TaskPredictions

_ROWS = 65_536
"""Objects whose probabilities are looked at at a time."""
_PENALTY = 0.25
"""What each further object of a class counts in the frequency of objects."""
_LEAST_FREQUENCY = 0.9

F32Array = npt.NDArray[np.float32]


def scores(predictions: TaskPredictions, *, normalize: bool = True) -> dict[str, F64]:
    """Scores of active learning: high where a model is unsure, (n,) each.

    Parameters
    ----------
    predictions
        Of n pictures.
    normalize
        Map uncertainties to 0 (one class is certain) to 1 (all are equally likely), as LightlyOne does. Otherwise
        they are 1 - p₁, 1 - (p₁ - p₂) and the entropy in bits, of the largest probabilities p₁ and p₂.

    Returns
    -------
    dict
        ``uncertainty_least_confidence``, ``uncertainty_margin``, ``uncertainty_entropy``, and of objects also
        ``objectness_least_confidence``, one minus the mean score, and ``object_frequency``: the sum over classes of
        1 + (objects - 1) / 4, mapped from the least and most of all pictures to 0.9 and 1.

    Notes
    -----
    Uncertainties of a picture: of a classification its own; of objects the largest of any; of a semantic segmentation
    the mean over all pixels that segments cover. 0 where there is nothing. An object without probabilities is given
    its score for its class and equal shares of the rest for the others; a class alone is given a second.
    O(objects x classes).
    """
    found = dict(zip(_NAMES, _uncertainties(predictions, normalize), strict=True))
    if predictions.task_type == "classification":
        return {name: _largest(predictions, values) for name, values in found.items()}
    if predictions.task_type == "semantic-segmentation":
        return {name: _mean(predictions, values, predictions.pixels) for name, values in found.items()}
    result = {name: _largest(predictions, values) for name, values in found.items()}
    one = np.ones(len(predictions.score), np.int64)
    held = np.diff(predictions.offsets) > 0
    result["objectness_least_confidence"] = np.where(held, 1 - _mean(predictions, predictions.score, one), 0)
    result["object_frequency"] = _frequency(predictions)
    return result


_NAMES = ("uncertainty_least_confidence", "uncertainty_margin", "uncertainty_entropy")


def class_distribution(predictions: TaskPredictions) -> F32Array:
    """(n, C) float32: the sum of the probabilities of a picture's objects; 1 for the class of one that has none."""
    certain = ~predictions.has_probabilities
    n_classes = len(predictions.categories)
    found = np.zeros((len(predictions), n_classes), np.float32)
    picture = predictions.picture
    np.add.at(found, (picture[certain], predictions.category[certain]), 1)
    rows = picture[~certain]
    for start in range(0, len(rows), _ROWS):
        part = slice(start, start + _ROWS)
        np.add.at(found, rows[part], predictions.probabilities[part].astype(np.float32))
    return found


def category_count(predictions: TaskPredictions) -> npt.NDArray[np.int32]:
    """(n, C) int32: objects of each class in a picture."""
    found = np.zeros((len(predictions), len(predictions.categories)), np.int32)
    np.add.at(found, (predictions.picture, predictions.category), 1)
    return found


def for_select(
    predictions: Iterable[TaskPredictions] | TaskPredictions, *, normalize: bool = True
) -> dict[str, Any]:
    """What `lightly.select` takes: ``lightly.select(config, **for_select(read_lightly(folder, files=names).values()))``.

    Parameters
    ----------
    predictions
        Of tasks, all of the same pictures in the same order.
    normalize
        As for `scores`.

    Returns
    -------
    {"scores": {task: {name: (n,)}}, "predictions": {task: {"categories", "class_distribution", "category_count"}}}
    """
    tasks = [predictions] if isinstance(predictions, TaskPredictions) else list(predictions)
    return {
        "scores": {task.task: scores(task, normalize=normalize) for task in tasks},
        "predictions": {
            task.task: {
                "categories": task.names,
                "class_distribution": class_distribution(task),
                "category_count": category_count(task),
            }
            for task in tasks
        },
    }


# One object each --------------------------------------------------------------------------------------------------


def probabilities_of(predictions: TaskPredictions, objects: slice) -> F64:
    """(objects, at least 2): probabilities, approximated where there are none."""
    has = predictions.has_probabilities[objects]
    score, category = predictions.score[objects], predictions.category[objects]
    n_classes = max(2, len(predictions.categories))
    found = np.repeat(((1 - score) / (n_classes - 1))[:, None], n_classes, axis=1)
    found[np.arange(len(score)), category] = score
    first = int(np.count_nonzero(predictions.has_probabilities[: objects.start]))
    given = predictions.probabilities[first : first + int(np.count_nonzero(has))]
    if len(predictions.categories) == 1:
        given = np.concatenate([given, 1 - given], axis=1)
    found[has] = given
    return found


def _uncertainties(predictions: TaskPredictions, normalize: bool) -> tuple[F64, F64, F64]:
    """(m,) least confidence, margin and entropy."""
    m, n_classes = len(predictions.score), max(2, len(predictions.categories))
    confidence, margin, entropy = np.empty(m), np.empty(m), np.empty(m)
    for start in range(0, m, _ROWS):
        part = slice(start, min(start + _ROWS, m))
        p = probabilities_of(predictions, part)
        largest = np.partition(p, n_classes - 2, axis=1)[:, -2:]
        confidence[part] = 1 - largest[:, 1]
        margin[part] = 1 - (largest[:, 1] - largest[:, 0])
        entropy[part] = -(p * np.log2(p, out=np.zeros_like(p), where=p > 0)).sum(axis=1)
    if normalize:
        confidence = np.clip(confidence / (1 - 1 / n_classes), 0, 1)
        margin = np.clip(margin, 0, 1)
        entropy = np.clip(entropy / np.log2(n_classes), 0, 1)
    return confidence, margin, entropy


# A picture each ---------------------------------------------------------------------------------------------------


def _largest(predictions: TaskPredictions, values: F64) -> F64:
    found = np.zeros(len(predictions))
    np.maximum.at(found, predictions.picture, values)
    return found


def _mean(predictions: TaskPredictions, values: F64, weights: I64) -> F64:
    picture, n = predictions.picture, len(predictions)
    total = np.bincount(picture, weights, n)
    summed = np.bincount(picture, values * weights, n)
    found: F64 = np.divide(summed, total, out=np.zeros(n), where=total > 0)
    return found


def _frequency(predictions: TaskPredictions) -> F64:
    counts = category_count(predictions)
    found = np.where(counts > 0, 1 + _PENALTY * (counts - 1), 0).sum(axis=1)
    if not len(found):
        return np.zeros(0)
    mapped: F64 = np.interp(found, [found.min(), found.max()], [_LEAST_FREQUENCY, 1.0])
    return mapped
