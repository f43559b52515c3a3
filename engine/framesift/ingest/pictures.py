"""Some frames of a source at full quality, each proven to be the frame that was indexed."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from PIL import Image

from framesift_kernels import Kernels

from ..errors import IntegrityError, SourceError
from ..measure import content_hash
from ..remote.address import is_uri, parse_address
from ..remote.content import Remote, RemoteObject, find_object
from ..sources import Source, fingerprint
from ..video.container import open_video
from ..video.decode import Decoder, SegmentMismatchError
from ..video.packets import read_packets
from ..video.planes import Converter, rgb_of
from ..video.segment import Segment
from .decoders import Decoders
from .images import UNREADABLE, image_hash, open_image, open_images

Sink = Callable[[int, Any], None]
"""Takes a frame index and its picture."""


class Recorded(Protocol):
    """What was written down of a source."""

    @property
    def uri(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...


def picture(frame: VideoFrame, converter: Converter) -> Image.Image:
    """A decoded frame as an RGB picture, turned as it is shown."""
    return Image.fromarray(rgb_of(frame, converter))


@dataclass(frozen=True, slots=True)
class Timeline:
    """Where the frames of a video are: from the index, or read anew."""

    pts: npt.NDArray[np.int64]
    segments: list[Segment]


def open_source(selected: Recorded, known: Source | None = None) -> Source:
    """The source of a selection, if it is still what it was. What is elsewhere will be streamed.

    Parameters
    ----------
    selected
        As it was written down.
    known
        The same source as it was given, where its address had something secret or it is a file object.

    Raises
    ------
    SourceError
        It is gone.
    IntegrityError
        It has changed.
    """
    source = _elsewhere(selected, known)
    if source is None:
        path = Path(selected.uri)
        source = Source(kind=selected.kind, path=path, name=selected.name)  # type: ignore[arg-type]
        if not os.path.exists(selected.uri):  # which, other than Path.exists, takes whatever a JSON may hold
            raise SourceError(f"{selected.uri} is no longer there")
    if fingerprint(source).digest != selected.fingerprint:
        raise IntegrityError(f"{selected.uri} has changed since it was indexed; select again")
    return source


def _elsewhere(selected: Recorded, known: Source | None) -> Source | None:
    if selected.uri.startswith("file-object:"):
        if known is None or known.remote is None:
            raise SourceError("it was a Python file object: give it again (inputs=)")
        known.remote.failure = None
        return known._replace(path=known.remote, origin=None)
    address = None
    if known is not None and isinstance(known.remote, RemoteObject):
        address = known.remote.address
    elif is_uri(selected.uri):
        address = parse_address(selected.uri)
    if address is None:
        return None
    return Source(kind=selected.kind, path=find_object(address), name=selected.name)  # type: ignore[arg-type]


def read_timeline(path: Path | Remote) -> Timeline:
    """Demux a video for where its frames are; empty where its packets do not tell."""
    with open_video(path) as (container, stream):
        packets = read_packets(container, stream)
    return Timeline(packets.pts, packets.segments)


def split(timeline: Timeline, frames: list[int]) -> list[tuple[Segment | None, list[int]]]:
    """Group *frames* by the segment from which they are decoded; None: in one go from the beginning."""
    if not timeline.segments:
        return [(None, frames)] if frames else []
    starts = [segment.start for segment in timeline.segments]
    at = np.searchsorted(starts, frames, side="right") - 1
    groups: dict[int, list[int]] = {}
    for segment, frame in zip(at, frames, strict=True):
        groups.setdefault(int(segment), []).append(frame)
    return [(timeline.segments[number], wanted) for number, wanted in groups.items()]


@dataclass(slots=True)
class VideoPictures:
    """Decodes some frames of one video."""

    source: Source
    timeline: Timeline
    hashes: dict[int, int]
    """Content hash of each frame whose hash is known."""
    kernels: Kernels
    threads: int = 1
    shortcuts: Mapping[str, str] = field(default_factory=dict)
    """Decoder options that the hashes go with."""
    render: Callable[[VideoFrame, Converter], Any] = picture
    """What becomes of a frame."""
    _decoders: Decoders = field(default_factory=Decoders, init=False)

    def write(self, segment: Segment | None, frames: list[int], sink: Sink, *, threads: int = 1) -> list[int]:
        """Decode *frames* (increasing) of one segment and hand them to *sink*; return those that failed.

        A segment is decoded by *threads* of the decoder's own, and what is decoded from the beginning by all.

        A frame fails when it is not the frame that was indexed; decoding from the beginning may then help.

        Raises
        ------
        IntegrityError
            Decoded from the beginning and still another frame: the file or the decoder has changed.
        """
        missing = self._pass(segment, frames, sink, threads if segment else self.threads)
        if missing and segment is None:  # damaged videos were indexed by one thread, and others may differ
            missing = self._pass(None, missing, sink, 1)
        if missing and segment is None:
            raise IntegrityError(
                f"frame {missing[0]} of {self.source.uri} decodes to another picture than when it was indexed"
            )
        return missing

    def _pass(self, segment: Segment | None, frames: list[int], sink: Sink, threads: int) -> list[int]:
        """Hand on those of *frames* that are proven, in one go; return the rest."""
        converter = Converter()

        def hand_on(index: int, frame: VideoFrame) -> None:
            sink(index, self.render(frame, converter))

        proof = partial(content_hash, kernels=self.kernels, converter=converter)
        if not self.shortcuts:
            rest = frames
            if segment and all(frame in self.hashes for frame in frames):
                rest = self._match(segment, rest, hand_on, threads, proof=proof, sparse=True)
            return rest and self._match(segment, rest, hand_on, threads, proof=proof)
        # Their hashes are of pictures that the shortcuts changed: prove the frames by those, then decode them well.
        rest = self._match(segment, frames, _nowhere, threads, proof=proof, shortcuts=self.shortcuts)
        proven = frames[: len(frames) - len(rest)]
        return (self._match(segment, proven, hand_on, threads) if proven else []) + rest

    def _match(
        self,
        segment: Segment | None,
        frames: list[int],
        take: Callable[[int, VideoFrame], None],
        threads: int,
        *,
        proof: Callable[[VideoFrame], int] | None = None,
        shortcuts: Mapping[str, str] | None = None,
        sparse: bool = False,
    ) -> list[int]:
        """Decode *frames* and have them taken up to the first that is missing or has another hash; return the rest.

        *sparse*: leave out frames between them where the decoder thinks that it can.
        """
        missing = list(frames)
        with (
            self._decoder(segment, threads, shortcuts or {}) as decoder,
            contextlib.suppress(SegmentMismatchError),
        ):
            for index, frame in self._decoded(decoder, segment, frames, sparse):
                if index != missing[0]:
                    continue
                known = None if proof is None else self.hashes.get(index)
                if proof is not None and known is not None and proof(frame) != known:
                    break
                take(index, frame)
                del missing[0]
                if not missing:
                    break
        return missing

    @contextlib.contextmanager
    def _decoder(
        self, segment: Segment | None, threads: int, shortcuts: Mapping[str, str]
    ) -> Iterator[Decoder]:
        """A decoder: for a segment of a file the one that this thread has open, since opening an hour takes a while."""
        if segment is not None and threads == 1 and isinstance(self.source.path, Path):
            # Its own decoders are for nobody else: were they to know it, both would stay open until there is a
            # collection of garbage.
            yield self._decoders.get(None, self.source.path, shortcuts)
            return
        with open_video(self.source.path, threads=threads, shortcuts=shortcuts) as (container, stream):
            yield Decoder(container, stream)

    def _decoded(
        self, decoder: Decoder, segment: Segment | None, frames: list[int], sparse: bool
    ) -> Iterator[tuple[int, VideoFrame]]:
        if segment is None:
            return enumerate(decoder.sequence())
        if sparse:
            return zip(frames, decoder.picks(segment, self.timeline.pts[frames]), strict=False)
        pts = self.timeline.pts[segment.start : frames[-1] + 1]
        return enumerate(decoder.segment(segment, pts), segment.start)


def _nowhere(_index: int, _frame: VideoFrame) -> None:
    """Take a frame that need only be proven."""


def write_images(
    source: Source, frames: list[int], chosen: set[int], hashes: dict[int, int], kernels: Kernels, sink: Sink
) -> None:
    """Hand images of a folder or zip to *sink*: those *chosen*, and those around them that can be opened.

    Raises
    ------
    IntegrityError
        An image is not what was indexed.
    """
    with open_images(source) as images:
        for index in frames:
            try:
                image = open_image(images.read(index))
            except UNREADABLE as e:
                if index in chosen:
                    raise IntegrityError(
                        f"{images.names[index]} of {source.uri} cannot be read ({e})"
                    ) from None
                continue
            if index in hashes and image_hash(image, kernels) != hashes[index]:
                raise IntegrityError(
                    f"{images.names[index]} of {source.uri} has changed since it was indexed"
                )
            sink(index, image if image.mode == "RGB" else image.convert("RGB"))
