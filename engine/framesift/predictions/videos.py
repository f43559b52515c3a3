"""The frame-wise files of a video's predictions, named as LightlyOne expects.

Source: "Create Prediction Files for Videos" of LightlyOne's documentation.
"""

import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from framesift_kernels import U8

from .. import masks
from ..cores import count_threads
from ..errors import SourceError, UsageError
from ..progress import Progress, ProgressCallback, silent
from .lightly.checks import Checker, FieldError
from .lightly.names import frame_name, safe_path
from .lightly.schema import Schema
from .lightly.writing import TaskFolder, allowed
from .objects import TASK_TYPES, Category, TaskType

PathLike = str | os.PathLike[str]
Singletons = Iterable[Mapping[str, Any]]
Model = Callable[[U8], Singletons]
_BOX = ("x", "y", "width", "height")


def for_video(
    path: PathLike,
    model: Model | Mapping[int, Singletons] | Any,
    *,
    categories: Sequence[str] | Sequence[Category],
    task: str = "predictions",
    task_type: TaskType = "object-detection",
    root: PathLike | None = None,
    out: PathLike | None = None,
    threads: int | None = None,
    progress: ProgressCallback = silent,
) -> Path:
    """Write LightlyOne's predictions of every frame of a video.

    Every frame is decoded in the order in which PyAV yields it, which is what the worker counts. What a frame's
    predictions are is kept on disk until the number of frames, and with it the names of the files, is known.

    Parameters
    ----------
    path
        The video.
    model
        Called with each frame, (height, width, 3) uint8 RGB, it returns the frame's singletons: dicts of ``category_id``,
        ``score`` and so on; NumPy's numbers and arrays will do, and a (height, width) mask as ``segmentation``. Or a
        dict of singletons by frame index. Or a table of boxes: a data frame, or a dict of columns, ``frame``,
        ``category_id``, ``score``, ``x``, ``y``, ``width``, ``height``. Frames that are not named have no objects.
    categories
        Names, whose ids are 0, 1, ..., or categories.
    task
        Its name. A task that is there with the same schema is added to; files of this video are replaced.
    task_type
        One of LightlyOne's five.
    root
        The input folder, to which names are relative; by default the video's folder.
    out
        The folder of ``tasks.json``; by default ``.lightly/predictions`` in *root*.
    threads
        Of the decoder.

    Returns
    -------
    Path
        The task's folder.

    Raises
    ------
    SourceError
        It is no video, or has no frame.
    UsageError
        A singleton is wrong (with the frame, the field and the reason), or a frame that the video has not is named.
    """
    path = Path(path)
    top = path.parent if root is None else Path(root)
    name = _relative(path, top)
    schema = Schema(task_type=task_type, categories=_categories(categories))
    if task_type not in TASK_TYPES:
        raise UsageError(f"task_type must be one of {', '.join(TASK_TYPES)}, got {task_type!r}")
    checked = _Checked(Checker(schema=schema, strict=True))
    folder = top / ".lightly/predictions" if out is None else Path(out)
    predict, last = _prediction(model)
    with tempfile.TemporaryFile() as spool:
        n = 0
        for picture in _frames(path, count_threads(threads), pictures=callable(model)):
            spool.write(json.dumps(checked(n, predict(n, picture))).encode() + b"\n")
            n += 1
            progress(Progress(stage="read", done=n, total=n, source=path.name))
        if not n:
            raise SourceError(f"{path} has no frame that can be decoded")
        if last >= n:
            raise UsageError(f"{path} has {n} frames, but predictions are of frame {last}")
        _write(TaskFolder(folder, task, task_type, schema.categories, extend=True), name, n, spool)
    return folder / task


def _write(task: TaskFolder, name: str, n: int, spool: IO[bytes]) -> None:
    spool.seek(0)
    with task:
        for index, line in enumerate(spool):
            task.add(frame_name(name, index, n), json.loads(line))


def _relative(path: Path, top: Path) -> str:
    try:
        return safe_path(path.resolve().relative_to(top.resolve()).as_posix())
    except ValueError:
        raise UsageError(
            f"{path} is not in {top}, to which the names of frames are relative: give root="
        ) from None


def _categories(given: Sequence[str] | Sequence[Category]) -> tuple[Category, ...]:
    found = [item if isinstance(item, Category) else _named(i, item) for i, item in enumerate(given)]
    if not found or len({category.id for category in found}) < len(found):
        raise UsageError(f"categories must be at least one, with an id each, got {given!r}")
    return tuple(sorted(found, key=lambda category: category.id))


def _named(number: int, name: object) -> Category:
    if not isinstance(name, str) or not name:
        raise UsageError(f"categories must be names or Category, got {name!r}")
    return Category(id=number, name=name)


def _frames(path: Path, threads: int, *, pictures: bool) -> Iterator[U8 | None]:
    """Every frame as RGB, or None for each."""
    from ..video.container import open_video
    from ..video.decode import Decoder
    from ..video.planes import Converter

    converter = Converter()
    if not path.is_file():
        raise SourceError(f"{path} does not exist")
    with open_video(path, threads=threads) as (container, stream):
        for frame in Decoder(container, stream).sequence():
            yield np.asarray(converter.rgb(frame).to_ndarray(), np.uint8) if pictures else None


def _prediction(model: Any) -> tuple[Callable[[int, Any], Singletons], int]:
    """What gives a frame's singletons, and the last frame that it names."""
    if callable(model):
        return lambda _, picture: model(picture), -1
    given = model if _is_by_frame(model) else _by_frame(model)
    return lambda index, _: given.get(index, ()), max(given, default=-1)


def _is_by_frame(model: Any) -> bool:
    if not isinstance(model, Mapping) or not all(isinstance(key, int | np.integer) for key in model):
        return False
    if negative := [key for key in model if key < 0]:
        raise UsageError(f"frames are counted from 0, got predictions of frame {negative[0]}")
    return True


def _by_frame(table: Any) -> dict[int, list[dict[str, Any]]]:
    """Singletons of a table of boxes."""
    names = ("frame", "category_id", "score", *_BOX)
    try:
        columns = {name: np.asarray(table[name]) for name in names}
    except (KeyError, TypeError, IndexError, ValueError):
        raise UsageError(
            f"a model is a function, a dict by frame index, or a table with columns {', '.join(names)}; "
            f"got {type(table).__name__} without all of them"
        ) from None
    lengths = {len(column) if column.ndim == 1 else -1 for column in columns.values()}
    frames = columns["frame"]
    if (
        len(lengths) > 1
        or -1 in lengths
        or (len(frames) and (frames.dtype.kind not in "iu" or frames.min() < 0))
    ):
        raise UsageError("columns of a table must be of one length, and frames integers from 0")
    found: dict[int, list[dict[str, Any]]] = {}
    for i, frame in enumerate(frames.tolist()):
        item = {name: columns[name][i] for name in ("category_id", "score")}
        found.setdefault(frame, []).append(item | {"bbox": [columns[name][i] for name in _BOX]})
    return found


class _Checked:
    """Makes singletons plain and checks them."""

    def __init__(self, checker: Checker) -> None:
        self._checker = checker

    def __call__(self, index: int, singletons: Singletons) -> list[dict[str, Any]]:
        found = [_plain(item) for item in singletons]
        if self._checker.schema.task_type == "classification" and len(found) != 1:
            raise UsageError(
                f"frame {index}: expected exactly one prediction of a classification, got {len(found)}"
            )
        for i, item in enumerate(found):
            try:
                self._checker.row(item)
            except FieldError as e:
                where = f"predictions[{i}]" + (f".{e.field}" if e.field else "")
                raise UsageError(f"frame {index}: {where}: {e.reason}") from None
        return [allowed(item) for item in found]


def _plain(value: Any) -> Any:
    """NumPy's numbers and arrays as JSON has them, masks as run lengths."""
    if isinstance(value, Mapping):
        found = {str(name): _plain(item) for name, item in value.items() if name != "segmentation"}
        if "segmentation" in value:
            given = value["segmentation"]
            is_mask = isinstance(given, np.ndarray) and given.ndim == 2
            found["segmentation"] = masks.encode(given, "row").tolist() if is_mask else _plain(given)
        return found
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
