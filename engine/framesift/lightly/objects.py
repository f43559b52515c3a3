"""Vectors of the objects in pictures: what predicted boxes hold, or tiles, or the middle."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from framesift_kernels import F32, I64

from ..cores import count_threads
from ..errors import UsageError
from ..features.embedding import Embedding, Work
from ..features.framewise import COMPONENTS, FrameVectors
from ..features.models import OnnxModel, PathLike, read_model
from ..features.onnx import resolve_device
from ..features.pca import pca
from ..features.preparing import Box
from ..features.ragged import offsets_of
from ..features.stored import VectorFolder
from ..features.unit import check_rows, unit_rows
from ..index import Index
from ..predictions.objects import TaskPredictions
from ..progress import ProgressCallback, silent
from ..source_store import Flag
from .inputs import Objects


def tiles(width: float, height: float, n_rows: int, n_cols: int, overlap: float = 0.0) -> list[Box]:
    """The boxes of LightlyOne's auto task TILING: a grid that covers the picture.

    Parameters
    ----------
    width, height
        Of the picture, in pixels.
    n_rows, n_cols
        Of the grid.
    overlap
        Share of a tile that it has in common with the next, 0 to 1.

    Returns
    -------
    list of (x, y, width, height)
        Row by row.

    Raises
    ------
    UsageError
        The grid makes no sense.
    """
    if n_rows < 1 or n_cols < 1 or not 0 <= overlap <= 1:
        raise UsageError(
            f"tiles need at least a row and a column and an overlap from 0 to 1, got {n_rows = }, {n_cols = }, {overlap = }"
        )
    # n tiles of width w, each begun w (1 - overlap) after the last: w + (n - 1) w (1 - overlap) = width.
    w, h = width / (1 + (n_cols - 1) * (1 - overlap)), height / (1 + (n_rows - 1) * (1 - overlap))
    return [
        (col * w * (1 - overlap), row * h * (1 - overlap), w, h)
        for row in range(n_rows)
        for col in range(n_cols)
    ]


def middle(width: float, height: float) -> list[Box]:
    """The box of the auto task CROP: the largest square in the middle (the worker's is not documented)."""
    side = min(width, height)
    return [((width - side) / 2, (height - side) / 2, side, side)]


def boxes_of(predictions: TaskPredictions) -> list[list[Box]]:
    """The boxes of the objects of each picture; of keypoints without a box, the tight one around all of them.

    Raises
    ------
    UsageError
        The task has objects with neither.
    """
    boxes = predictions.bbox.copy()
    starts, ends = predictions.keypoint_offsets[:-1], predictions.keypoint_offsets[1:]
    for m in np.flatnonzero(np.isnan(boxes[:, 0])).tolist():
        points = predictions.keypoints[starts[m] : ends[m], :2]
        if not len(points):
            raise UsageError(
                f"task {predictions.task!r} ({predictions.task_type}) has objects without a box: object diversity needs "
                "boxes or keypoints"
            )
        low, high = points.min(axis=0), points.max(axis=0)
        boxes[m] = (*low, *np.maximum(high - low, 1))
    found: list[Box] = [(b[0], b[1], b[2], b[3]) for b in boxes.tolist()]
    offsets = predictions.offsets
    return [found[a:b] for a, b in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)]


def boxes_of_auto_task(index: Index, task: Mapping[str, Any]) -> list[list[Box]]:
    """The boxes of an auto task in each row of an index: in the rectangle that is looked at, if there is one.

    Raises
    ------
    UsageError
        A TILING lacks its rows or columns.
    """
    found: list[list[Box]] = []
    for record in index.records:
        x1, x2, y1, y2 = record.options.get("crop") or (0, record.width, 0, record.height)
        if task["type"] == "TILING":
            if missing := [name for name in ("num_rows", "num_cols") if name not in task]:
                raise UsageError(f"auto task {task.get('name')!r}: TILING needs {missing[0]!r}")
            boxes = tiles(x2 - x1, y2 - y1, task["num_rows"], task["num_cols"], task.get("overlap", 0.0))
        else:
            boxes = middle(x2 - x1, y2 - y1)
        found += [[(x + x1, y + y1, w, h) for x, y, w, h in boxes]] * record.n_rows
    return found


def embed_objects(
    index: Index,
    boxes: TaskPredictions | Sequence[Sequence[Box]],
    model: OnnxModel | PathLike | None = None,
    *,
    options: PathLike | Mapping[str, Any] | None = None,
    normalize: bool = True,
    seed: int = 0,
    device: str = "cpu",
    threads: int | None = None,
    progress: ProgressCallback = silent,
) -> Objects:
    """Vectors of what boxes hold in the frames of an index.

    The frames are decoded once more at full size; what boxes hold is cut out of them, as far as they lie in the
    picture, and brought to the model's size. Results are kept in the store, as those of `framesift.embed` are.

    Parameters
    ----------
    index
        From `index` or `open_index`.
    boxes
        Of each row of the index, in pixels of the frame as shown: predictions of a task read for its frames
        (``predictions.read_lightly(folder, files=...)``), or lists of (x, y, width, height).
    model, options
        As for `framesift.embed`. None: pictures of 24 x 24 pixels in colour, and of these 128 principal components.
    normalize, seed, device, threads, progress
        As for `framesift.embed`; *seed* is of the principal components.

    Returns
    -------
    Objects
        A row a box. Frames that cannot be decoded have none.

    Raises
    ------
    UsageError
        There are not as many lists of boxes as rows, a box is no box, or the model cannot be used.
    """
    by_row = boxes_of(boxes) if isinstance(boxes, TaskPredictions) else [list(row) for row in boxes]
    if len(by_row) != index.n_rows:
        raise UsageError(f"boxes must be a list for each of {index.n_rows} frames, got {len(by_row)}")
    if model is not None and not isinstance(model, OnnxModel):
        model = read_model(model, options)
    chosen = "cpu" if model is None else resolve_device(model, device)
    work = Work(index, model, chosen, count_threads(threads), progress)
    folders: list[VectorFolder] = []
    sizes: list[I64] = []
    for at, record in enumerate(index.records):
        reader, start = index.reader(at), int(index.offsets[at])
        sound = reader.read("flags") & Flag.DAMAGED == 0
        mine = [row if ok else [] for row, ok in zip(by_row[start:], sound.tolist(), strict=False)]
        sizes.append(np.array([len(row) for row in mine], np.int64))
        frames = np.repeat(reader.frames(), sizes[-1])
        folders.append(work.objects(at, frames, [_checked(box, record.name) for row in mine for box in row]))
    work.finish()
    offsets = offsets_of(np.concatenate(sizes))
    rows = FrameVectors(Embedding(tuple(folders), work.facts, False), np.arange(int(offsets[-1])), False)
    return Objects(_finished(rows, model, normalize, seed), offsets)


def _checked(box: Sequence[float], source: str) -> Box:
    if len(box) != 4 or not np.isfinite(box).all() or box[2] <= 0 or box[3] <= 0:
        raise UsageError(
            f"{source}: a box must be x, y, width and height above 0, in pixels, got {tuple(box)}"
        )
    return float(box[0]), float(box[1]), float(box[2]), float(box[3])


def _finished(rows: FrameVectors, model: OnnxModel | None, normalize: bool, seed: int) -> F32:
    """All vectors of objects, in memory."""
    m, d = rows.shape
    if model is None:
        found: F32 = (
            pca(rows, COMPONENTS, np.random.Generator(np.random.Philox(seed)))
            if m
            else np.zeros((0, 1), np.float32)
        )
        return unit_rows(found) if normalize else found
    found = np.empty((m, d), np.float32)
    for start, block in rows.blocks():
        check_rows(block, str(model.path), lambda i, start=start: f"object {start + i}", zeros=not normalize)  # type: ignore[misc]
        found[start : start + len(block)] = unit_rows(block) if normalize else block
    return found
