"""Folders of LightlyOne's predictions, made up."""

import json
from pathlib import Path
from typing import Any

import numpy as np

TYPES = [
    "classification",
    "object-detection",
    "keypoint-detection",
    "instance-segmentation",
    "semantic-segmentation",
]


def singleton(rng: np.random.Generator, task_type: str, ids: list[int], size=(6, 7)) -> dict[str, Any]:
    """An object, with probabilities or without."""
    item: dict[str, Any] = {"category_id": int(rng.choice(ids)), "score": float(rng.random())}
    if rng.random() < 0.5:
        item["probabilities"] = rng.dirichlet(np.ones(len(ids))).tolist()
    elif task_type == "classification" and rng.random() < 0.5:
        item["score"] = 1.0
    if task_type in ("object-detection", "instance-segmentation"):
        item["bbox"] = [float(v) for v in rng.integers(0, 4, 2)] + (1 + 4 * rng.random(2)).tolist()
    if task_type.endswith("segmentation"):
        cuts = np.sort(rng.integers(0, size[0] * size[1] + 1, 5))
        item["segmentation"] = np.diff(cuts, prepend=0, append=size[0] * size[1]).tolist()
    if task_type == "keypoint-detection":
        xy = 9 * rng.random((3, 2))
        item["keypoints"] = np.column_stack([xy, rng.random(3)]).reshape(-1).tolist()
    return item


def pictures(
    rng: np.random.Generator, task_type: str, ids: list[int], n: int
) -> dict[str, list[dict[str, Any]]]:
    """Singletons of n pictures, by file name."""
    found = {}
    for i in range(n):
        k = 1 if task_type == "classification" else int(rng.integers(0, 4))
        folder = "sub/deep/" if i % 3 == 0 else ""
        found[f"{folder}image {i:03d}.png"] = [singleton(rng, task_type, ids) for _ in range(k)]
    return found


def write(top: Path, tasks: dict[str, tuple[str, list[dict[str, Any]], dict[str, list[Any]]]]) -> Path:
    """{task: (type, categories, {file name: singletons})} as a folder."""
    folder = top / ".lightly/predictions"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tasks.json").write_text(json.dumps(list(tasks)))
    for task, (task_type, categories, found) in tasks.items():
        (folder / task).mkdir(parents=True)
        (folder / task / "schema.json").write_text(
            json.dumps({"task_type": task_type, "categories": categories})
        )
        for name, items in found.items():
            path = folder / task / (name.rsplit(".", 1)[0] + ".json")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"file_name": name, "predictions": items}))
    return folder
