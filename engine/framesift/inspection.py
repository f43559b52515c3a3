"""What is in a video, an image folder, a zip or a store, and whether a store is undamaged."""

import os
from collections.abc import Iterable
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

from .errors import IntegrityError, NothingUsableError, SourceError
from .features.stored import check_vectors
from .files import write_json
from .index import PathLike
from .ingest.images import open_image, open_images
from .measure import make_view
from .packed_store import PackedStore, is_packed_store
from .progress import Progress, ProgressCallback, silent
from .remote.address import is_uri
from .remote.scratch import Scratch
from .sources import Input, SetAside, Source, find_sources
from .store import Store
from .times import times_s
from .video.container import fraction, open_video, other_films
from .video.decode import Decoder
from .video.packets import read_packets


def describe(inputs: Input | Iterable[Input]) -> tuple[list[dict[str, Any]], list[SetAside]]:
    """What is known of each source without decoding it (but for one frame), and the inputs set aside.

    What is elsewhere is streamed.

    Raises
    ------
    NothingUsableError
        No input could be opened.
    """
    sources, set_aside = find_sources(inputs)
    found = []
    for source in sources:
        try:
            found.append(_describe_video(source) if source.kind == "video" else _describe_images(source))
        except SourceError as e:
            set_aside.append(SetAside(source.uri, str(e)))
    if not found:
        raise NothingUsableError("; ".join(f"{item.uri}: {item.reason}" for item in set_aside))
    return found, set_aside


def _describe_video(source: Source) -> dict[str, Any]:
    with open_video(source.path) as (container, stream):
        packets = read_packets(container, stream)
        times = times_s(packets.pts, fraction(stream.time_base) or Fraction(1))
        facts = {
            "uri": source.uri,
            "kind": source.kind,
            "container": container.format.name,
            "codec": stream.codec_context.codec.canonical_name,
            "n_frames": packets.n_packets,
            "n_keyframes": int(packets.keyframe.sum()),
            "frame_rate": float(fraction(stream.average_rate) or 0),
            "duration_s": float(times[-1]) if len(times) else None,
            "n_bytes": source.n_bytes,
            "sequential_because": packets.doubt or None,
        }
        if others := other_films(container, stream):
            facts |= {"stream": stream.index, "other_video_streams": [s.index for s in others]}
    with open_video(source.path) as (container, stream):
        frame = Decoder(container, stream).any_frame()
        if frame is None:
            raise SourceError("no frame of it can be decoded")
        view = make_view(frame.width, frame.height, frame.rotation, None, 64)
        facts |= {
            "width": view.shown[0],
            "height": view.shown[1],
            "rotation": view.rotation,
            "pixel_format": frame.format.name,
        }
    return facts


def _describe_images(source: Source) -> dict[str, Any]:
    with open_images(source) as images:
        first = open_image(images.read(0))
        return {
            "uri": source.uri,
            "kind": source.kind,
            "n_frames": len(images.names),
            "width": first.width,
            "height": first.height,
        }


def is_store(path: PathLike) -> bool:
    """*path* is a folder, or an address, that a store lives in."""
    if is_uri(path):
        return not str(path).lower().startswith("http") and is_packed_store(str(path))
    return (Path(path) / "zarr.json").is_file()


def describe_store(path: PathLike) -> dict[str, Any]:
    """What a store holds.

    Raises
    ------
    UsageError, StoreVersionError, IntegrityError
        It is no store, one of another version, or a damaged one.
    """
    if is_uri(path):
        return _describe_packed(str(path))
    with Store(path, create=False) as store:
        records = store.records().values()
        files = (Path(folder) / name for folder, _, names in os.walk(store.path) for name in names)
        return {
            "store": str(store.path),
            "n_bytes": sum(file.stat().st_size for file in files),
            "n_frames": sum(record.n_rows for record in records),
            "sources": [record._asdict() for record in records],
        }


def _describe_packed(uri: str) -> dict[str, Any]:
    with Scratch() as room:
        packed = PackedStore(uri, room, create=False)
        commits = packed.commits()
        packed.close()
        for commit in commits:
            write_json(packed.local.path / "commits" / f"{commit.id}.json", commit.record)
        found = describe_store(packed.local.path)
    return found | {"store": packed.uri, "n_bytes": sum(commit.n_bytes for commit in commits)}


def verify(path: PathLike, *, progress: ProgressCallback = silent) -> dict[str, Any]:
    """Read everything in a store, and so check every checksum.

    Returns
    -------
    dict
        ``sources`` and ``frames``: how many were read; ``damaged``: one sentence for each damaged source.

    Raises
    ------
    UsageError, StoreVersionError, IntegrityError
        It is no store, one of another version, or its records cannot be read.
    """
    damaged: list[str] = []
    packed = None
    with ExitStack() as stack:
        if is_uri(path):
            packed = PackedStore(str(path), stack.enter_context(Scratch()), create=False)
            stack.callback(packed.close)
            damaged += packed.fetch_what_can_be()
            store = packed.local
        else:
            store = stack.enter_context(Store(path, create=False))
        records = store.records()
        total, done = sum(record.n_rows for record in records.values()), 0
        for source_id, record in records.items():
            try:
                store.reader(source_id).check()
                check_vectors(store, record)
            except IntegrityError as e:
                damaged.append(str(e))
            done += record.n_rows
            progress(Progress(stage="verify", done=done, total=total, source=record.name))
        lost = 0 if packed is None else packed.n_commits - len(records)
    return {"sources": len(records) + lost, "frames": total, "damaged": damaged}
