"""What is looked for in LightlyOne's terms, slowly and obviously."""

import re
from typing import Any

import numpy as np


def uniform_row_ratio(picture: Any) -> float:
    """Share of the inner rows, of which more than 97 % of the inner pixels have a Laplacian below 5 grey levels."""
    x = picture.astype(float)
    rows = 0
    for i in range(1, len(x) - 1):
        flat = 0
        for j in range(1, x.shape[1] - 1):
            neighbours = x[i - 1 : i + 2, j - 1 : j + 2].sum() - x[i, j]
            flat += abs(8 * x[i, j] - neighbours) < 5
        rows += flat / (x.shape[1] - 2) > 0.97
    return rows / max(1, len(x) - 2)


def is_ignored(name: str, patterns: list[str]) -> bool:
    """Whether gitignore's patterns leave out a path: the last that matches it or a folder that it is in decides."""
    ignored = False
    for pattern in patterns:
        again = pattern.startswith("!")
        plain = pattern.removeprefix("!")
        parts = name.split("/")
        for n in range(1, len(parts) + 1):
            is_folder = n < len(parts)
            if plain.endswith("/") and not is_folder:
                continue
            if _matches(parts[:n], plain.rstrip("/")):
                ignored = not again
    return ignored


def _matches(parts: list[str], pattern: str) -> bool:
    if "/" not in pattern:
        return _segment(parts[-1], pattern)
    return _path(parts, pattern.removeprefix("/").split("/"))


def _path(parts: list[str], patterns: list[str]) -> bool:
    if not patterns:
        return not parts
    if patterns[0] == "**":
        least = 1 if len(patterns) == 1 else 0
        return any(_path(parts[n:], patterns[1:]) for n in range(least, len(parts) + 1))
    return bool(parts) and _segment(parts[0], patterns[0]) and _path(parts[1:], patterns[1:])


def _segment(text: str, pattern: str) -> bool:
    regex = "".join({"*": "[^/]*", "?": "[^/]"}.get(c, re.escape(c)) for c in pattern)
    return re.fullmatch(regex, text) is not None


def pooled(column: Any, length: int, bounds: list[tuple[int, int]]) -> list[Any]:
    """Means of so many numbers or rows that follow one another, of each source; what is left is dropped."""
    found = []
    for start, stop in bounds:
        for at in range(start, stop - length + 1, length):
            found.append(np.mean(column[at : at + length], axis=0))
    return found


# The shape of LightlyOne's report (version 2): required keys, and types; "?" marks keys that may be missing.

NUMBERS = {"counts": [float], "metrics": dict.fromkeys(("mean", "std", "min", "median", "max"), float)}
NUMERIC = {
    "bins": int,
    "range": [float],
    "selected": NUMBERS,
    **dict.fromkeys(("input?", "random?", "preselectedDatapool?", "selectedWithDatapool?"), NUMBERS),
}
KINDS = {"counts": {str: int}, "metrics": {"giniImbalance": float, "normalizedEntropy": float}}
CATEGORICAL = {
    **dict.fromkeys(("input", "selected", "random"), KINDS),
    **dict.fromkeys(("preselectedDatapool?", "selectedWithDatapool?"), KINDS),
}
PLANE = {
    "input2dEmbeddings": [[float]],
    "datapool2dEmbeddings?": [[float]],
    "selectedExcludingDatapool2dEmbeddings": [[float]],
    "exampleImages": [{"location": [float], "filename": str}],
}
SIZES = dict.fromkeys(
    (
        "nInput",
        "nCorrupt",
        "nDuplicate",
        "nRemoved",
        "nSelected",
        "nPreselectedDatapool",
        "nSelectedWithDatapool",
    ),
    int,
)
SAVINGS = {"costSavings": float, "co2Savings": float}
EMBEDDING = {
    "distanceToNearestNeighborInSet": NUMERIC,
    "distanceToCoverInput": NUMERIC,
    "scatterPlotData": {"pcaEmbeddingData": PLANE, "umapEmbeddingData": PLANE},
}
BOXES = [
    {"filename": str, "predictions": [{"categoryId": int, "bbox": [float], "score": float, "epsilon": float}]}
]
TASK = {
    "taskType": str,
    "categoryIdToName": {str: str},
    "activeLearningScoreDistributions": {str: NUMERIC},
    "categoryDistribution": CATEGORICAL,
    "categoryToCountsPerSample": {str: NUMERIC},
    "predictionScoreDistribution?": NUMERIC,
    "detectionTaskInformation?": {"bboxExamples": BOXES, "cropEmbeddingInformation?": EMBEDDING},
    "categoryToImageWithCategoryCount?": CATEGORICAL,
}
REPORT = {
    "generalInformation": {
        "workerInformation": {"buildTime": str, "buildVersion": str},
        "runInformation": {
            **dict.fromkeys(("startTimestamp", "endTimestamp", "totalProcessingTimeS"), float),
            **dict.fromkeys(("runId", "runUrl"), str),
        },
        "datasetInformation": {
            "datasetSizes": SIZES,
            "videoLevelSizes?": SIZES,
            **dict.fromkeys(("datasetId", "datasetUrl", "datasetName"), str),
        },
        "annotationSavings": dict.fromkeys(
            ("imageClassification", "objectDetection", "semanticSegmentation"), SAVINGS
        ),
        "selectedAndRemovedImageExamples": [{"selectedImage": str, "removedImage": str, "distance": float}],
    },
    "datasetAnalysis": {
        "embeddingInformation": EMBEDDING,
        "metadataInformation": {
            "lightlyNumeric": {str: NUMERIC},
            "customNumeric": {str: NUMERIC},
            "customCategorical": {str: CATEGORICAL},
        },
    },
    "predictionTaskInformation": {str: TASK},
}


def misfits(found: Any, shape: Any, where: str = "report") -> list[str]:
    """Where something is not of a shape."""
    if isinstance(shape, type):
        allowed = (int, float) if shape is float else shape
        fits = isinstance(found, allowed) and not isinstance(found, bool)
        return [] if fits else [f"{where}: {found!r} is no {shape.__name__}"]
    if isinstance(shape, list):
        if not isinstance(found, list):
            return [f"{where}: {found!r} is no list"]
        return [m for i, item in enumerate(found) for m in misfits(item, shape[0], f"{where}[{i}]")]
    if not isinstance(found, dict):
        return [f"{where}: {found!r} is no object"]
    if list(shape) == [str]:
        return [m for name, item in found.items() for m in misfits(item, shape[str], f"{where}.{name}")]
    names = {name.removesuffix("?") for name in shape}
    wrong = [f"{where}: {name} is not known" for name in found if name not in names]
    wrong += [f"{where}: {name} is missing" for name in shape if not name.endswith("?") and name not in found]
    for name, inner in shape.items():
        plain = name.removesuffix("?")
        if plain in found:
            wrong += misfits(found[plain], inner, f"{where}.{plain}")
    return wrong


def gini(counts: list[int]) -> float:
    """Mean absolute difference of every two counts over twice their mean, brought to 0 to 1."""
    n = len(counts)
    if n < 2 or not sum(counts):
        return 0.0
    apart = sum(abs(a - b) for a in counts for b in counts)
    return apart / (2 * n * sum(counts)) * n / (n - 1)
