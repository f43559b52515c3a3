"""Inputs → index: the first pass, which decodes every frame once and keeps a thumbnail of it."""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from .cores import count_threads
from .errors import NothingUsableError, StoreBusyError, UsageError
from .ingest import process
from .ingest.options import IndexOptions
from .ingest.outcome import Outcome, find_whole, progress_of
from .positions import Position, check_order, parse_crop, parse_position, whole
from .progress import Progress, ProgressCallback, silent
from .remote.address import is_uri
from .remote.content import RemoteObject, version_digest
from .remote.scratch import Scratch
from .sources import Input, SetAside, Source, find_sources
from .store import SourceRecord, Store

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from framesift_kernels import Kernels

    from .ingest.running import Running
    from .packed_store import Commit, PackedStore
    from .source_store import SourceReader

PathLike = str | os.PathLike[str]
DECODE_MODES = ("exact", "fast", "coarse", "keyframes")


@dataclass(slots=True, eq=False)
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
    """``index_s`` seconds, ``frames_decoded``, ``sources_reused``; ``bytes_fetched`` where some were."""
    elsewhere: dict[str, Source] = field(default_factory=dict)
    """By id, the sources that have no path: their addresses as given, with what is secret in them, and file objects.
    In memory only."""
    uri: str = ""
    """Address of the store that `store` on disk stands for, if there is one."""
    room: Scratch | None = None
    """Scratch space that `store` lies in, if it does."""

    @property
    def n_rows(self) -> int:
        """Frames in the index, of all sources."""
        return sum(record.n_rows for record in self.records)

    @property
    def offsets(self) -> "npt.NDArray[np.int64]":
        """(sources + 1,) first row of each source among the rows of all."""
        import numpy as np  # late, as in all that is imported before a worker is told what to do

        return np.cumsum([0, *(record.n_rows for record in self.records)])

    def reader(self, source: int) -> "SourceReader":
        """Arrays of one source: ``reader(0).read("thumbnails")``, ``.statistic("luminance")``.

        Raises
        ------
        UsageError
            The index was closed, and its store with it.
        """
        from .source_store import SourceReader

        if not self.store.path.exists():
            raise UsageError(
                "the index is closed, and its temporary store deleted: use it before, or give index a store"
            )

        return SourceReader(self.store, self.records[source])

    def readers(self) -> "Iterator[SourceReader]":
        """A reader for each source."""
        return (self.reader(source) for source in range(len(self.records)))

    def to_json(self) -> dict[str, Any]:
        """What ``framesift index --json`` prints."""
        return {
            "store": self.uri or str(self.store.path),
            "n_frames": self.n_rows,
            "sources": [record._asdict() for record in self.records],
            "set_aside": [item._asdict() for item in self.set_aside],
            "stats": self.stats,
        }

    def close(self) -> None:
        """Delete the store if it is temporary, or stands for one elsewhere."""
        self.store.close()
        if self.room is not None:
            self.room.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def index(
    inputs: Input | Iterable[Input],
    store: PathLike | None = None,
    *,
    size: int = 64,
    start: str | float | Position | None = None,
    stop: str | float | Position | None = None,
    step: int = 1,
    crop: str | tuple[int, int, int, int] | None = None,
    decode: str = "exact",
    color: bool = False,
    device: str = "cpu",
    threads: int | None = None,
    isolate: bool | None = None,
    timeout_s: float = 300.0,
    stream: bool = False,
    scratch: PathLike | None = None,
    scratch_bytes: int | str | None = None,
    progress: ProgressCallback = silent,
) -> Index:
    """Decode the frames of *inputs* once and keep a thumbnail, statistics and a content hash of each.

    Decoding is a stream: memory is bounded by ``threads`` decoders and 4 chunks of some 2 MB each, whatever
    the length of the videos. Frames go to *store* chunk by chunk; a source counts once its commit record is
    written, last.

    Parameters
    ----------
    inputs
        Video files, zips of images, folders (searched recursively) and glob patterns; ``s3://`` and ``gs://``
        addresses of objects, prefixes and patterns, ``https://`` addresses of files; binary file objects.
    store
        Folder to keep the index in. What is in it already is reused where neither content nor options have
        changed, and what an interrupted run left is resumed. None: a temporary store. ``s3://…`` or ``gs://…``:
        sources are sent there one by one as they are whole, and what is reused is fetched to scratch space.
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
    color
        Keep the colour differences U and V too, at the size of the thumbnails: frames are then told apart by
        brightness and colour. Nothing else changes. The store takes up to three times the room.
    device
        ``"cpu"``, or ``"cuda"`` (the same result; never run on a GPU so far, see `kcenter_greedy`).
    threads
        Decoder threads; all cores by default.
    isolate
        Decode in a process of its own, which a file may crash or hang: that file is then set aside and the rest
        goes on. By default where there are several sources, but not in a frozen program; the command line has one
        at hand, on Linux and more than one core, and always uses it. Elsewhere it costs the start of a process.
    timeout_s
        With *isolate*: a source that makes no progress for so many seconds is set aside.
    stream
        Read what is elsewhere by ranges, about twice over, instead of copying it to scratch space first. The index
        is the same, bit for bit. Memory: 16 MB, and 8 MB a thread.
    scratch
        Folder for copies of what is elsewhere: at most 4, each deleted when it is indexed. ``FRAMESIFT_SCRATCH``
        or the system's folder for temporary files by default.
    scratch_bytes
        Room for them: bytes, or text such as ``"20G"``; ``FRAMESIFT_SCRATCH_BYTES``, or half of what is free and
        at most 64 GB, by default.
    progress
        Called about ten times a second, from this thread.

    Returns
    -------
    Index
        Sources that could not be used are in its ``set_aside``.

    Raises
    ------
    UsageError
        An option makes no sense, *store* cannot be a store, or an address is given and obstore is not installed.
    NothingUsableError
        No input could be used; says why for each.
    StoreBusyError, ResourceError, IntegrityError
        The store is being written by another process and lacks some of *inputs*, the disk is full, the store is
        damaged.
    """
    options = index_options(
        size=size, start=start, stop=stop, step=step, crop=crop, decode=decode, color=color
    )
    return make_index(
        inputs,
        store,
        options,
        device=device,
        threads=threads,
        isolate=isolate,
        timeout_s=timeout_s,
        stream=stream,
        scratch=scratch,
        scratch_bytes=scratch_bytes,
        progress=progress,
    )


def make_index(
    inputs: Input | Iterable[Input],
    store: PathLike | None,
    options: IndexOptions,
    *,
    device: str,
    threads: int | None,
    isolate: bool | None,
    timeout_s: float,
    stream: bool,
    scratch: PathLike | None,
    scratch_bytes: int | str | None,
    progress: ProgressCallback,
) -> Index:
    """`index`, with the options that shape its rows as `index_options` has checked them."""
    began = time.perf_counter()
    n_threads = count_threads(threads)
    if not timeout_s > 0:
        raise UsageError(f"timeout_s must be more than 0, got {timeout_s}")
    if device != "cpu":
        _load_kernels(device)  # is there such a device?
    sources, set_aside = find_sources(inputs)
    if not sources:
        raise NothingUsableError(_nothing(set_aside))
    n_bytes = 0
    with ExitStack() as stack:
        is_copied = not stream and any(isinstance(s.path, RemoteObject) for s in sources)
        room = stack.enter_context(Scratch(scratch, scratch_bytes)) if is_copied or is_uri(store) else None
        opened, packed = _open(store, room, stack)
        with ExitStack() as held:
            try:
                held.enter_context(opened.writing())
            except (StoreBusyError, UsageError):  # nothing needs to be written where all is there
                there = None if packed is not None else find_whole(opened, sources, options)
                if there is None:
                    raise
                outcomes: Sequence[Outcome] = there
            else:
                outcomes, n_bytes = _fill(
                    opened,
                    packed,
                    sources,
                    options,
                    isolate=isolate,
                    device=device,
                    threads=n_threads,
                    timeout_s=timeout_s,
                    copies=room if is_copied else None,
                    progress=progress,
                )
        made = Index(opened, [o.record for o in outcomes if o.record is not None])
        made.set_aside = set_aside + [
            SetAside(o.source.uri, o.reason) for o in outcomes if o.reason is not None
        ]
        if not made.records:
            raise NothingUsableError(_nothing(made.set_aside))
        _keep(made, room, packed, stack)
    made.stats = {
        "index_s": time.perf_counter() - began,
        "frames_decoded": sum(o.n_done for o in outcomes if o.record is not None and not o.reused),
        "sources_reused": sum(o.reused for o in outcomes),
    }
    if n_bytes:
        made.stats["bytes_fetched"] = n_bytes
    made.elsewhere = {s.id: s for s in sources if s.remote is not None}
    return made


def _fill(
    opened: Store,
    packed: "PackedStore | None",
    sources: list[Source],
    options: IndexOptions,
    *,
    isolate: bool | None,
    device: str,
    threads: int,
    timeout_s: float,
    copies: Scratch | None,
    progress: ProgressCallback,
) -> tuple[Sequence[Outcome], int]:
    """Index *sources* into a store that is held for writing; also how many bytes were copied for that."""
    share = None if packed is None else _Share(packed, sources, options)
    if _is_isolated(isolate, sources):
        from .ingest.isolation import Isolation  # late, as one of the two is not wanted

        isolation = Isolation(
            store=opened,
            options=options,
            device=device,
            threads=threads,
            timeout_s=timeout_s,
            room=copies,
            on_end=_no_one if share is None else share.send,
        )
        outcomes: Sequence[Outcome] = isolation.run(sources, progress)
        n_bytes = isolation.n_bytes
    else:
        from .ingest.job import Context
        from .ingest.running import prepare
        from .machine import warming_up

        context = Context(opened, options, _load_kernels(device), threads)
        running = prepare(sources, context, copies)
        if share is not None:
            for job in running.jobs:
                job.when_done.append(share.send)
        with warming_up(context.kernels):
            running.run(lambda: _report(running, progress))
        outcomes, n_bytes = running.jobs, running.n_bytes
    if packed is not None:
        packed.finish()
    return outcomes, n_bytes


def open_index(store: PathLike) -> Index:
    """The index of every whole source in a store. One in a bucket is fetched to scratch space.

    Raises
    ------
    UsageError
        There is no store at *store*.
    NothingUsableError
        It holds no whole source.
    """
    with ExitStack() as stack:
        room = stack.enter_context(Scratch()) if is_uri(store) else None
        opened, packed = _open(store, room, stack, create=False)
        if packed is not None:
            packed.fetch(packed.commits())
        made = Index(opened, list(opened.records().values()))
        if not made.records:
            raise NothingUsableError(
                f"the store {packed.uri if packed else opened.path} holds no whole source yet"
            )
        _keep(made, room, packed, stack)
    return made


def _open(
    store: PathLike | None, room: Scratch | None, stack: ExitStack, *, create: bool = True
) -> tuple[Store, "PackedStore | None"]:
    """The store on disk, and the one in a bucket that it stands for; *stack* closes them."""
    packed = None
    if is_uri(store):
        from .packed_store import PackedStore

        assert room is not None
        packed = PackedStore(str(store), room, create=create)
        stack.callback(packed.close)
    opened = Store(store, create=create) if packed is None else packed.local
    stack.callback(opened.close)
    return opened, packed


def _keep(made: Index, room: Scratch | None, packed: "PackedStore | None", stack: ExitStack) -> None:
    """Leave open what *made* needs: its store, with the scratch space that this lies in."""
    stack.pop_all()
    if packed is not None:
        packed.close()
        made.uri, made.room = packed.uri, room
    elif room is not None:
        room.close()


def index_options(*, size: int, step: int, decode: str, color: bool, **others: Any) -> IndexOptions:
    """The options of `index` that shape its rows.

    Raises
    ------
    UsageError
        One makes no sense.
    """
    size, step = whole("size", size), whole("step", step)
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
    return IndexOptions(
        size=size, start=first, stop=last, step=step, crop=crop, decode=decode, color=bool(color)
    )


def _load_kernels(device: str) -> "Kernels":
    from .machine import load_kernels

    return load_kernels(device)


def _is_isolated(isolate: bool | None, sources: list[Source]) -> bool:
    """As was asked, else where there are several sources and it can be done, or a process is there already."""
    if isolate is not None:
        return isolate
    return process.is_ahead() or (len(sources) > 1 and process.can_begin())


class _Share:
    """Fetches from a store in a bucket what *sources* may reuse, and sends there what is added."""

    def __init__(self, packed: "PackedStore", sources: list[Source], options: IndexOptions) -> None:
        self._packed = packed
        by_id = {source.id: source for source in sources}

        def is_reusable(commit: "Commit") -> bool:
            remote = by_id[commit.id].remote
            is_same = (
                remote is None
                or not remote.version
                or commit.record.get("fingerprint") == version_digest(remote)
            )
            return is_same and commit.record.get("options") == options.to_json()

        packed.fetch(filter(is_reusable, packed.commits(by_id)))

    def send(self, done: Outcome) -> None:
        """Send a source, if it is in the store and was not before."""
        if done.record is not None and not done.reused:
            self._packed.send(done.source.id)


def _no_one(_: Outcome) -> None:
    """There is no one to tell."""


def _report(running: "Running", progress: ProgressCallback) -> None:
    if running.fetcher is not None:
        progress(Progress(stage="download", done=running.fetcher.n_bytes, total=running.fetcher.n_total))
    progress(progress_of(running.jobs))


def _nothing(set_aside: list[SetAside]) -> str:
    if len(set_aside) == 1:
        return f"{set_aside[0].uri}: {set_aside[0].reason}"
    shown = "; ".join(f"{item.uri}: {item.reason}" for item in set_aside[:3])
    more = f"; and {len(set_aside) - 3} more" if len(set_aside) > 3 else ""
    return f"none of the {len(set_aside)} inputs can be used: {shown}{more}"
