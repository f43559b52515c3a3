"""Prepared pictures of a source, decoded by several threads, in order."""

import queue
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from av.video.frame import VideoFrame
from PIL import Image

from framesift_kernels import I64, U8, Kernels

from ..ingest.pictures import (
    Timeline,
    VideoPictures,
    open_source,
    picture,
    split,
    write_images,
)
from ..source_store import Flag
from ..video.planes import Converter
from .preparing import Box, Shape, prepare_frame, prepare_picture

if TYPE_CHECKING:
    from ..index import Index

T = TypeVar("T")
_AHEAD = 16
"""Pictures of each thread that wait to be taken."""
_IMAGES_A_GROUP = 64
_POLL_S = 0.1

Put = Callable[[T], None]
Boxes = Mapping[int, Sequence[Box | None]]


def in_order(groups: Sequence[Callable[[Put[T]], object]], threads: int) -> Generator[T]:
    """What *groups* put, those of the first before those of the second, while *threads* of them run.

    What waits to be taken is bounded: 16 items a thread. When the consumer stops, so do they.
    """
    queues: list[queue.Queue[Any]] = [queue.Queue(_AHEAD) for _ in groups]
    numbers = iter(range(len(groups)))
    lock, stopping = threading.Lock(), threading.Event()
    end = object()

    def put(number: int, item: Any) -> None:
        while not stopping.is_set():
            try:
                return queues[number].put(item, timeout=_POLL_S)
            except queue.Full:
                continue
        raise _StoppedError

    def work() -> None:
        while not stopping.is_set():
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            last: Any = end
            try:
                groups[number](partial(put, number))
            except _StoppedError:
                return
            except BaseException as e:
                last = _Failure(e)
            try:
                put(number, last)
            except _StoppedError:
                return

    workers = [
        threading.Thread(target=work, name=f"framesift-pictures-{i}")
        for i in range(min(threads, len(groups)))
    ]
    for worker in workers:
        worker.start()
    try:
        for waiting in queues:
            while (item := waiting.get()) is not end:
                if isinstance(item, _Failure):
                    raise item.error
                yield item
    finally:
        stopping.set()
        for worker in workers:
            worker.join()


class _StoppedError(Exception):
    """Nobody takes what is put."""


class _Failure:
    def __init__(self, error: BaseException) -> None:
        self.error = error


def prepared(
    index: "Index",
    source: int,
    frames: I64,
    shape: Shape,
    kernels: Kernels,
    threads: int,
    boxes: Boxes | None = None,
) -> Generator[tuple[int, list[U8]]]:
    """Frame index and inputs of some frames of a source, in order: one of the whole, or one for each box.

    Frames are proven to be those of the index by their content hash, where it is of the same picture. Images that
    cannot be opened are left out.

    Parameters
    ----------
    frames : (n,)
        Frame indices, increasing.
    boxes
        Of each frame; None: the whole.

    Raises
    ------
    SourceError
        The source is gone.
    IntegrityError
        It has changed.
    """
    if not len(frames):
        return
    record = index.records[source]
    opened = open_source(record, index.elsewhere.get(record.id))
    wanted = frames.tolist()
    hashes = {} if record.shortcuts else _hashes(index, source, frames)
    make = partial(_inputs, shape=shape, boxes=boxes)
    groups: list[Callable[[Put[Any]], object]] = []
    if record.kind == "video":
        videos = VideoPictures(
            opened,
            Timeline(index.reader(source).read("pts"), index.reader(source).segments()),
            hashes,
            kernels,
            threads,
            render=partial(_render, shape=shape, whole=boxes is None),
        )
        groups = [partial(_of_video, videos, *group, make) for group in split(videos.timeline, wanted)]
    else:
        for start in range(0, len(wanted), _IMAGES_A_GROUP):
            part = wanted[start : start + _IMAGES_A_GROUP]

            def of_images(put: Put[Any], part: list[int] = part) -> None:
                write_images(opened, part, set(), hashes, kernels, lambda i, x: put((i, make(i, x))))

            groups.append(of_images)
    with closing(in_order(groups, threads)) as items:
        yield from items


def _of_video(
    videos: VideoPictures, segment: Any, frames: list[int], make: Callable[..., Any], put: Put[Any]
) -> None:
    def sink(at: int, rendered: Any) -> None:
        put((at, make(at, rendered)))

    missing = videos.write(segment, frames, sink)
    if missing:  # which the keyframe does not lead to
        videos.write(None, missing, sink)


def _render(frame: VideoFrame, converter: Converter, shape: Shape, whole: bool) -> Any:
    """The input for a whole frame, or a picture to cut from."""
    found = prepare_frame(frame, converter, shape) if whole else None
    return picture(frame, converter) if found is None else found


def _inputs(at: int, rendered: Any, shape: Shape, boxes: Boxes | None) -> list[U8]:
    if not isinstance(rendered, Image.Image):
        return [rendered]
    return [prepare_picture(rendered, box, shape) for box in ([None] if boxes is None else boxes[at])]


def _hashes(index: "Index", source: int, frames: I64) -> dict[int, int]:
    """Content hashes of undamaged frames."""
    reader = index.reader(source)
    rows = np.searchsorted(reader.frames(), frames)
    sound = reader.read("flags")[rows] & Flag.DAMAGED == 0
    known = reader.read("content_hash")[rows]
    return dict(zip(frames[sound].tolist(), known[sound].tolist(), strict=True))
