"""Suite ``predictions``: reading LightlyOne's files, against parsing their JSON alone; probabilities to segments."""

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from framesift.predictions import (
    Category,
    TaskFolder,
    frame_name,
    read_lightly,
    segments_of_probabilities,
)

from .peers.lightly_document import convert_to_predictions

_REPEATS = {"tiny": 1, "small": 2, "full": 5}
_FILES = {"tiny": 200, "small": 4_000, "full": 200_000}
_SHAPE = {"tiny": (1, 4, 54, 96), "small": (8, 20, 540, 960), "full": (8, 20, 1080, 1920)}
_BOXES = 5

Row = dict[str, Any]


def _in_turn(repeats: int, **calls: Callable[[], Any]) -> tuple[list[Row], dict[str, float]]:
    """Raw times, and the shortest of each."""
    raw = []
    for _ in range(repeats):
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            raw.append({"what": name, "s": time.perf_counter() - began})
    return raw, {name: min(row["s"] for row in raw if row["what"] == name) for name in calls}


def _write(folder: Path, n: int) -> list[Path]:
    rng = np.random.default_rng(0)
    with TaskFolder(
        folder, "od", "object-detection", [Category(id=i, name=str(i)) for i in range(10)]
    ) as task:
        for i in range(n):
            items = [
                {"category_id": int(c), "bbox": [1.5, 2, 3, 4], "score": 0.5, "probabilities": [0.1] * 10}
                for c in rng.integers(0, 10, _BOXES)
            ]
            task.add(frame_name(f"v{i // 1000}.mp4", i % 1000, 1000), items)
    return list((folder / "od").glob("v*.json"))


def run(size: str) -> tuple[list[Row], list[Row]]:
    """Raw times, and a row a task: shortest times in turn."""
    repeats, n = _REPEATS[size], _FILES[size]
    with tempfile.TemporaryDirectory() as folder:
        paths = _write(Path(folder), n)
        raw, best = _in_turn(
            repeats,
            one=lambda: read_lightly(folder, threads=1),
            all=lambda: read_lightly(folder),
            parsing=lambda: [json.loads(path.read_bytes()) for path in paths],
        )
    rows: list[Row] = [
        {
            "what": f"{n} files of {_BOXES} boxes, {name}",
            "framesift ms": 1000 * best[key],
            "peer": "json.loads alone",
            "peer ms": 1000 * best["parsing"],
            "ratio": best["parsing"] / best[key],
        }
        for name, key in (("one thread", "one"), ("all cores", "all"))
    ]
    shape = _SHAPE[size]
    rng = np.random.default_rng(0)
    blocks = rng.random((*shape[:2], shape[2] // 18, shape[3] // 16), np.float32)
    volume = blocks.repeat(18, axis=2).repeat(16, axis=3)
    expected = convert_to_predictions(volume)
    assert list(segments_of_probabilities(volume)) == expected
    found, best = _in_turn(
        repeats,
        ours=lambda: list(segments_of_probabilities(volume)),
        document=lambda: convert_to_predictions(volume),
    )
    rows.append(
        {
            "what": f"probabilities {'x'.join(map(str, volume.shape))} to segments",
            "framesift ms": 1000 * best["ours"],
            "peer": "as documented",
            "peer ms": 1000 * best["document"],
            "ratio": best["document"] / best["ours"],
        }
    )
    return raw + found, rows
