"""Inputs → index: the first pass, which decodes every frame once and keeps a thumbnail of it."""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from .errors import NothingUsableError, UsageError
from .ingest.isolation import Isolation
from .ingest.job import Context, IndexOptions
from .ingest.running import Outcome, prepare, progress_of
from .machine import count_threads, load_kernels, warming_up
from .positions import Position, check_order, parse_crop, parse_position
from .progress import ProgressCallback, silent
from .sources import SetAside, Source, find_sources
from .store import SourceReader, SourceRecord, Store

PathLike = str | os.PathLike[str]
DECODE_MODES = ("exact", "fast", "coarse", "keyframes")


@dataclass(slots=True)
class Index:
    """Thumbnails and statistics of every frame of some sources, in a store on disk.

    Made by `index`, or from a store with `open_index`. Use it as a context manager, or `close` it, so that a
    temporary store is deleted.
    """

    store: Store
    records: list[SourceRecord]
    """One for each source, in the order of the inputs."""
    set_aside: list[SetAside] = field(default_factory=list)
    """Inputs that could not be used, and why."""
    stats: dict[str, float] = field(default_factory=dict)
    """``index_s`` seconds, ``frames_decoded``, ``sources_reused``."""

    @property
    def n_rows(self) -> int:
        """Frames in the index, of all sources."""
        return sum(record.n_rows for record in self.records)

    @property
    def offsets(self) -> npt.NDArray[np.int64]:
        """(sources + 1,) first row of each source among the rows of all."""
        return np.cumsum([0, *(record.n_rows for record in self.records)])

    def reader(self, source: int) -> SourceReader:
        """Arrays of one source: ``reader(0).read("thumbnails")``, ``.statistic("luminance")``."""
        return SourceReader(self.store, self.records[source])

    def readers(self) -> Iterator[SourceReader]:
        """A reader for each source."""
        return (self.reader(source) for source in range(len(self.records)))

    def to_json(self) -> dict[str, Any]:
        """What ``framesift index --json`` prints."""
        return {
            "store": str(self.store.path),
            "n_frames": self.n_rows,
            "sources": [asdict(record) for record in self.records],
            "set_aside": [asdict(item) for item in self.set_aside],
            "stats": self.stats,
        }

    def close(self) -> None:
        """Delete the store if it is temporary."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def index(
    inputs: PathLike | Iterable[PathLike],
    store: PathLike | None = None,
    *,
    size: int = 64,
    start: str | float | Position | None = None,
    stop: str | float | Position | None = None,
    step: int = 1,
    crop: str | tuple[int, int, int, int] | None = None,
    decode: str = "exact",
    device: str = "cpu",
    threads: int | None = None,
    isolate: bool | None = None,
    timeout_s: float = 300.0,
    progress: ProgressCallback = silent,
) -> Index:
    """Decode the frames of *inputs* once and keep a thumbnail, statistics and a content hash of each.

    Decoding is a stream: memory is bounded by ``threads`` decoders and 4 chunks of at most 4 MB each, whatever
    the length of the videos. Frames go to *store* chunk by chunk; a source counts once its commit record is
    written, last.

    Parameters
    ----------
    inputs
        Video files, zips of images, folders (searched recursively) and glob patterns.
    store
        Folder to keep the index in. What is in it already is reused where neither content nor options have
        changed, and what an interrupted run left is resumed. None: a temporary store.
    size
        Longer side of a thumbnail, in pixels, 8 to 512. Aspect is kept; nothing is enlarged.
    start, stop
        Restrict the frames to ``[start, stop)``: an int (frame), a float (fraction of the video), or a string:
        ``"12.5s"``, ``"00:01:30"``, ``"1200"``, ``"25%"``. Frames keep their indices.
    step
        Keep every step-th of them, or of those that *decode* gives.
    crop
        Look at this rectangle only: x1, x2, y1, y2 in pixels of the frame as shown (DeepLabCut's order).
    decode
        ``"exact"``: every frame, without shortcuts. ``"fast"``: every frame, but H.264 and HEVC without the loop
        filter on frames that no other is predicted from, and large MJPEG at a quarter of its size, so that
        thumbnails differ by a fraction of a grey level. ``"coarse"``: only frames that others are predicted from,
        often every other one. ``"keyframes"``: keyframes, and where packet sizes and neighbouring keyframes say
        that something happens, frames after them, for about a tenth of the work. Frames keep their indices in
        every mode. Where a source does not allow for a mode it is decoded in full, and its record says so:
        ``decoded`` is what was done, ``warnings`` why. Images are always taken as they are.
    device
        ``"cpu"``.
    threads
        Decoder threads; all cores by default.
    isolate
        Decode in a process of its own, which a file may crash or hang: that file is then set aside and the rest
        goes on. By default where there are several sources. It costs the start of a process.
    timeout_s
        With *isolate*: a source that makes no progress for so many seconds is set aside.
    progress
        Called about ten times a second, from this thread.

    Returns
    -------
    Index
        Sources that could not be used are in its ``set_aside``.

    Raises
    ------
    UsageError
        An option makes no sense, or *store* cannot be a store.
    NothingUsableError
        No input could be used; says why for each.
    StoreBusyError, ResourceError, IntegrityError
        The store is being written by another process, the disk is full, the store is damaged.
    """
    began = time.perf_counter()
    options = _options(size=size, start=start, stop=stop, step=step, crop=crop, decode=decode)
    n_threads = count_threads(threads)
    if not timeout_s > 0:
        raise UsageError(f"timeout_s must be more than 0, got {timeout_s}")
    kernels = load_kernels(device)
    sources, set_aside = find_sources(inputs)
    if not sources:
        raise NothingUsableError(_nothing(set_aside))
    opened = Store(store)
    try:
        with opened.writing():
            outcomes: Sequence[Outcome]
            if len(sources) > 1 if isolate is None else isolate:
                isolation = Isolation(
                    store=opened, options=options, device=device, threads=n_threads, timeout_s=timeout_s
                )
                outcomes = isolation.run(sources, progress)
            else:
                outcomes = _run_here(sources, Context(opened, options, kernels, n_threads), progress)
        set_aside += [SetAside(str(o.source.path), o.reason) for o in outcomes if o.reason is not None]
        records = [o.record for o in outcomes if o.record is not None]
        if not records:
            raise NothingUsableError(_nothing(set_aside))
    except BaseException:
        opened.close()
        raise
    stats = {
        "index_s": time.perf_counter() - began,
        "frames_decoded": sum(o.n_done for o in outcomes if not o.reused),
        "sources_reused": sum(o.reused for o in outcomes),
    }
    return Index(opened, records, set_aside, stats)


def open_index(store: PathLike) -> Index:
    """The index of every whole source in a store.

    Raises
    ------
    UsageError
        There is no store at *store*.
    NothingUsableError
        It holds no whole source.
    """
    opened = Store(store, create=False)
    records = list(opened.records().values())
    if not records:
        raise NothingUsableError(f"the store {opened.path} holds no whole source yet")
    return Index(opened, records)


def _options(*, size: int, step: int, decode: str, **others: Any) -> IndexOptions:
    if not 8 <= size <= 512:
        raise UsageError(f"size must be from 8 to 512 pixels, got {size}")
    if step < 1:
        raise UsageError(f"step must be at least 1, got {step}")
    if decode not in DECODE_MODES:
        raise UsageError(f"decode must be one of {', '.join(DECODE_MODES)}, got {decode!r}")
    first = None if others["start"] is None else parse_position(others["start"], "start")
    last = None if others["stop"] is None else parse_position(others["stop"], "stop")
    check_order(first, last)
    crop = parse_crop(others["crop"])
    return IndexOptions(size=size, start=first, stop=last, step=step, crop=crop, decode=decode)


def _run_here(sources: list[Source], context: Context, progress: ProgressCallback) -> Sequence[Outcome]:
    running = prepare(sources, context)
    with warming_up(context.kernels):
        running.run(lambda: progress(progress_of(running.jobs)))
    return running.jobs


def _nothing(set_aside: list[SetAside]) -> str:
    if len(set_aside) == 1:
        return f"{set_aside[0].uri}: {set_aside[0].reason}"
    shown = "; ".join(f"{item.uri}: {item.reason}" for item in set_aside[:3])
    more = f"; and {len(set_aside) - 3} more" if len(set_aside) > 3 else ""
    return f"none of the {len(set_aside)} inputs can be used: {shown}{more}"
