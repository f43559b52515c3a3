"""Selection → files: pictures, what their tool wants beside them, the contact sheet, ``selection.json``."""

import os
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from framesift_kernels import Kernels

from ..cores import count_threads
from ..errors import NothingUsableError, SourceError, UsageError
from ..files import write_atomically, write_json
from ..index import Index
from ..ingest.kept import Kept
from ..ingest.pictures import (
    Sink,
    Timeline,
    VideoPictures,
    open_source,
    read_timeline,
    split,
    write_images,
)
from ..ingest.pool import Pool, Task
from ..machine import load_kernels, peak_rss_bytes
from ..positions import Crop, parse_crop
from ..progress import Progress, ProgressCallback, silent
from ..remote.address import is_uri
from ..remote.output import output_folder
from ..report.contact_sheet import ContactSheet
from ..report.html import write_report
from ..selection.result import SelectedSource, Selection, folder_names
from ..source_store import Flag
from ..sources import Input, SetAside, Source, find_sources
from ..video.segment import Segment
from .checks import FORMATS, LAYOUTS, check_export
from .images import IMAGES
from .layout import Layout

if TYPE_CHECKING:
    from ..report.measuring import Measured

_PNG_LEVEL = 3
"""Half the time of zlib's default for a few percent more bytes."""
_JPEG_QUALITY = 95
_OTHERS = " are not of this selection but of an earlier one; a new or empty out keeps them apart"


def export(
    selection: Selection,
    out: str | os.PathLike[str],
    *,
    layout: str = "images",
    context: int | None = None,
    image_format: str = "png",
    picture_crop: str | tuple[int, int, int, int] | None = None,
    device: str = "cpu",
    threads: int | None = None,
    inputs: Input | Iterable[Input] | None = None,
    report: bool = False,
    progress: ProgressCallback = silent,
) -> list[Path]:
    """Write the chosen frames at full quality, ``contact-sheet.png``, ``report.html`` and, last, ``selection.json``.

    Every frame is decoded again from its keyframe, matched by pts, and its decoded planes are compared, by
    their content hash, with those of the frame that was indexed: a picture is the frame that a plain sequential
    decode yields at its index, or there is an error. Of an index made with ``decode="fast"`` each frame is
    decoded twice: by the same shortcuts, for that comparison, and without, for the picture. Colours follow the video's matrix and range, and its
    rotation is applied. Files appear whole or not at all; those of the same name are replaced.

    Parameters
    ----------
    selection
        From `select` or `read_selection`.
    out
        Folder to write to; made if it is not there. Or ``s3://…``, ``gs://…``: then everything is made in scratch
        space and sent at the end, ``selection.json`` last.
    layout
        ``"images"``, ``"deeplabcut"`` or ``"lightning-pose"``.
    context
        Frames on either side to write along with each chosen one (never beyond the ends of the video); the
        layout's own by default: 2 for ``"lightning-pose"``, else 0.
    image_format
        ``"png"`` or ``"jpeg"`` (quality 95).
    picture_crop
        Write only this rectangle, x1, x2, y1, y2 in shown pixels, as DeepLabCut does for cropped videos.
    device
        Of the kernels that check the frames: ``"cpu"`` or ``"cuda"``.
    threads
        All cores by default.
    inputs
        Sources of the selection that cannot be opened by what it says of them: addresses with a secret in their
        query, of which it keeps none, and file objects. What is elsewhere is streamed.
    report
        Say in ``report.html``, and in ``report.json``, how good the selection is, as `report` does; its index must be
        open.
    progress
        Called about ten times a second, from this thread.

    Returns
    -------
    list of Path
        Pictures of the chosen frames, in the order of ``selection.frames``, whose ``file`` is set (relative to
        *out* where that is an address); sources that
        are gone are added to ``selection.set_aside``, and their frames have none.

    Raises
    ------
    UsageError
        An option makes no sense, or *out* cannot be written to.
    NothingUsableError
        All sources are gone.
    IntegrityError
        A source has changed since it was indexed.
    ResourceError
        The disk is full.
    """
    began = time.perf_counter()
    check_export(
        out,
        layout=layout,
        context=context,
        image_format=image_format,
        picture_crop=picture_crop,
        threads=threads,
    )
    known = _elsewhere(selection, inputs)
    if report and _open_index(selection) is None:
        raise UsageError(
            "report needs the index that the selection was made from, which is closed; use framesift.report"
        )

    def sent(done: int, total: int) -> None:
        progress(Progress(stage="upload", done=done, total=total))

    with output_folder(out, "selection.json", sent) as folder:
        job = _Export(
            selection,
            folder,
            LAYOUTS[layout],
            FORMATS[image_format],
            LAYOUTS[layout].context if context is None else context,
            parse_crop(picture_crop),
            load_kernels(device),
            count_threads(threads),
            known,
            report,
        )
        job.run(progress)
        selection.stats["export_s"] = time.perf_counter() - began
        if (peak := peak_rss_bytes()) is not None:
            selection.stats["peak_rss_bytes"] = peak
        write_json(folder / "selection.json", selection.to_json())
    place = Path() if is_uri(out) else folder
    return [place / frame.file for frame in selection.frames if frame.file]


def _open_index(selection: Selection) -> Index | None:
    """The index that the selection was made from, unless it was closed."""
    index = selection.index
    return index if index is not None and index.store.path.exists() else None


def _elsewhere(selection: Selection, inputs: Input | Iterable[Input] | None) -> dict[str, Source]:
    """By id, the sources that are given beside the selection, or that its index still knows."""
    known = {} if selection.index is None else dict(selection.index.elsewhere)
    if inputs is not None:
        found, set_aside = find_sources(inputs)
        if set_aside:
            raise UsageError(f"inputs: {set_aside[0].uri}: {set_aside[0].reason}")
        known |= {source.id: source for source in found}
    return known


@dataclass(slots=True)
class _Export:
    selection: Selection
    out: Path
    layout: Layout
    suffix: str
    context: int
    crop: Crop | None
    kernels: Kernels
    threads: int
    elsewhere: dict[str, Source]
    report: bool
    _written: dict[tuple[int, int], Path] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _sheet: ContactSheet = field(init=False)
    _pool: Pool = field(init=False)
    _n_sources: int = field(init=False)
    """Of which there are frames to write."""

    def run(self, progress: ProgressCallback) -> None:
        self._sheet = ContactSheet(self.selection)
        folders = folder_names(self.selection.sources)
        wanted = {
            at: _with_context(self.selection.indices(at), self.context, source.n_frames)
            for at, source in enumerate(self.selection.sources)
        }
        total = sum(map(len, wanted.values()))
        roots = [partial(self._source, at, frames, folders[at]) for at, frames in wanted.items() if frames]
        for at, frames in wanted.items():
            if frames:
                _check_crop(self.crop, self.selection.sources[at])
        self._n_sources = len(roots)
        self._pool = Pool(roots, self.threads)
        self._pool.run(lambda: progress(Progress(stage="export", done=len(self._written), total=total)))
        if total and not self._written:
            raise NothingUsableError("; ".join(f"{s.uri}: {s.reason}" for s in self.selection.set_aside))
        self._finish(folders)
        progress(Progress(stage="export", done=len(self._written), total=total))

    def _source(self, at: int, frames: list[int], folder: str) -> Iterable[Task]:
        """Find the frames of one source, and return a task for each group of them that is decoded together."""
        selected = self.selection.sources[at]
        try:
            source = open_source(selected, self.elsewhere.get(selected.id))
            sink = partial(self._hand_on, at, folder)
            if source.kind != "video":
                chosen = set(self.selection.indices(at))
                write_images(source, frames, chosen, self._hashes(at, frames), self.kernels, sink)
                return []
            videos = VideoPictures(
                source,
                self._timeline(at, source),
                self._hashes(at, frames),
                self.kernels,
                self.threads,
                selected.shortcuts,
            )
            kept = self._kept(at)
            there = [] if kept is None else [frame for frame in frames if frame in kept]
            groups = split(videos.timeline, sorted(set(frames).difference(there)))
            groups.sort(key=_longest_first)
            # Threads that no group is left for decode along with others.
            each = max(1, self.threads // max(1, len(groups))) if self._n_sources == 1 else 1
        except SourceError as e:
            self._set_aside(selected, e)
            return []
        tasks: list[Task] = [partial(self._group, selected, videos, *group, sink, each) for group in groups]
        return tasks + [partial(self._take, kept, frame, sink) for frame in there if kept]

    def _kept(self, at: int) -> Kept | None:
        """The pictures of a source that were kept when it was indexed."""
        index = _open_index(self.selection)
        if index is None or not index.store.temporary:
            return None
        return Kept(index.store, self.selection.sources[at].id)

    def _take(self, kept: Kept, frame: int, sink: Sink) -> Iterable[Task]:
        sink(frame, Image.fromarray(kept.get(frame)))
        return []

    def _group(
        self,
        selected: SelectedSource,
        videos: VideoPictures,
        segment: Segment | None,
        frames: list[int],
        sink: Sink,
        threads: int = 1,
    ) -> Iterable[Task]:
        try:
            missing = videos.write(segment, frames, sink, threads=threads)
        except SourceError as e:
            self._set_aside(selected, e)
            return []
        return [partial(self._group, selected, videos, None, missing, sink)] if missing else []

    def _set_aside(self, selected: SelectedSource, error: SourceError) -> None:
        gone = SetAside(selected.uri, str(error).removeprefix(f"{selected.uri} "))
        with self._lock:
            if gone not in self.selection.set_aside:  # as it is when this selection was exported before
                self.selection.set_aside.append(gone)

    def _timeline(self, at: int, source: Source) -> Timeline:
        index = _open_index(self.selection)
        if index is not None:
            reader = index.reader(at)
            return Timeline(reader.read("pts"), reader.segments())
        return read_timeline(source.path)

    def _hashes(self, at: int, frames: list[int]) -> dict[int, int]:
        """What is known of the frames' content: of the chosen ones, and of their neighbours in the index."""
        known = {
            frame.index: int(frame.content_hash, 16)
            for frame in self.selection.frames
            if frame.source == at and frame.content_hash
        }
        index = _open_index(self.selection)
        if index is not None:
            reader = index.reader(at)
            hashes, flags = reader.read("content_hash"), reader.read("flags")
            _, rows, _ = np.intersect1d(reader.frames(), frames, return_indices=True)
            for row, frame in zip(rows, reader.frames()[rows], strict=True):
                if not flags[row] & Flag.DAMAGED:
                    known[int(frame)] = int(hashes[row])
        return known

    def _hand_on(self, at: int, folder: str, index: int, image: Image.Image) -> None:
        """Write a picture, or have an idle thread do it: that takes as long as decoding dozens of small frames."""
        if not self._pool.has_idle:
            self._write(at, folder, index, image)
            return

        def write() -> Iterable[Task]:
            self._write(at, folder, index, image)
            return []

        self._pool.add(write)

    def _write(self, at: int, folder: str, index: int, image: Image.Image) -> None:
        source = self.selection.sources[at]
        path = self.layout.path(folder, source, index, self.suffix)
        shown = image
        if self.crop is not None:
            x1, x2, y1, y2 = self.crop
            shown = image.crop((x1, y1, x2, y2))
        if self.suffix == ".png":
            write_atomically(self.out / path, lambda file: shown.save(file, "PNG", compress_level=_PNG_LEVEL))
        else:
            write_atomically(
                self.out / path, lambda file: shown.save(file, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
            )
        self._sheet.add((at, index), shown)
        with self._lock:
            self._written[at, index] = path

    def _finish(self, folders: list[str]) -> None:
        pictures: dict[str, list[Path]] = {}
        chosen: dict[str, list[Path]] = {}
        for (at, _), path in sorted(self._written.items()):
            pictures.setdefault(folders[at], []).append(self.out / path)
            chosen.setdefault(folders[at], [])
        for frame in self.selection.frames:
            written = self._written.get((frame.source, frame.index))
            frame.file = None if written is None else written.as_posix()
            if written is not None:
                chosen[folders[frame.source]].append(self.out / written)
        self.layout.finish(self.out, pictures, chosen)
        self._note_others()
        self._sheet.write(self.out / "contact-sheet.png")
        measured = self._measured() if self.report else None
        write_report(self.out / "report.html", self.selection, self._sheet.tiles, measured)

    def _note_others(self) -> None:
        """Say that an earlier selection's pictures lie among these. Tools' layouts are there to be added to."""
        if self.layout is not IMAGES or not self._written:
            return
        mine = {path.name for path in self._written.values()}
        folder = (self.out / next(iter(self._written.values()))).parent
        n_others = sum(path.name not in mine and path.name[0] != "." for path in folder.iterdir())
        notes = [note for note in self.selection.notes if not note.endswith(_OTHERS)]
        self.selection.notes[:] = notes + (
            [f"{n_others} more pictures in {folder.name}{_OTHERS}"] if n_others else []
        )

    def _measured(self) -> "Measured":
        from ..report.measuring import measure  # late: few ask for it
        from ..report.reporting import write_measured

        assert self.selection.index is not None
        measured = measure(self.selection, self.selection.index, self.out)
        write_measured(self.out, measured)
        return measured


def _longest_first(group: tuple[Segment | None, list[int]]) -> int:
    """Minus how many frames are decoded: so threads end together."""
    segment, frames = group
    return -(frames[-1] - (segment.start if segment else 0))


def _with_context(frames: list[int], context: int, n_frames: int) -> list[int]:
    around = {i + k for i in frames for k in range(-context, context + 1)}
    return sorted(i for i in around if 0 <= i < n_frames)


def _check_crop(crop: Crop | None, source: SelectedSource) -> None:
    if crop is not None and (crop[1] > source.width or crop[3] > source.height):
        text = ",".join(map(str, crop))
        raise UsageError(
            f"picture_crop {text} reaches outside the {source.width}x{source.height} frames of {source.uri}"
        )
