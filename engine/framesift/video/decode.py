"""Decoding: a whole stream in sequence, or one segment of it."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, compress, islice
from typing import TypeAlias

import av
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from .checksums import is_intact
from .segment import Segment

Packets: TypeAlias = "Iterator[Packet[VideoStream]]"
Needed: TypeAlias = npt.NDArray[np.bool_]


class SegmentMismatchError(Exception):
    """A segment did not yield the frames that the packet index promised: decode the source sequentially."""


def is_predicted(frame: VideoFrame) -> bool:
    """The frame is predicted from others, by what its decoder says: the packet of such a one is no keyframe's.

    AVI without an index, and formats without marks, call every packet one.
    """
    return frame.pict_type in (PictureType.P, PictureType.B)


@dataclass(slots=True, eq=False, repr=False)
class Decoder:
    """The decoder of one open stream; not to be shared between threads."""

    container: InputContainer
    stream: VideoStream
    n_errors: int = 0
    """Packets so far that the decoder refused, or whose damage it hid, and reads that failed."""
    damaged_pts: set[int | None] = field(default_factory=set)
    """Of the frames whose damage it hid."""
    _fresh: bool = True
    _checks: bool = field(init=False)
    _is_intact: bool = False
    """Some packet had all of its checksums, so that they all should have them."""
    _is_tainted: bool = False

    def __post_init__(self) -> None:
        self._checks = self.stream.codec_context.name == "ffv1"

    @property
    def hides_damage(self) -> bool:
        """The decoder covers damage up and, so far, no checksum has told what is whole."""
        return self._checks and not self._is_intact

    def any_frame(self) -> VideoFrame | None:
        """Some frame from the beginning of the stream, for what all its frames have in common.

        Errors on the way are not counted.
        """
        n_errors = self.n_errors
        self._fresh = False
        with contextlib.suppress(av.FFmpegError):  # not every format can seek
            self.container.seek(self.stream.start_time or 0, stream=self.stream)
        frame = next(self._sequence(), None)
        self.n_errors = n_errors
        return frame

    def sequence(self, needed: Needed | None = None) -> Iterator[VideoFrame]:
        """Every frame of a stream just opened, in the order of presentation.

        Damaged packets are counted and passed over, as the ffmpeg program does. With *needed*, (packets,) in the
        order of the file, only the packets that it marks are decoded.
        """
        assert self._fresh
        self._fresh = False
        return self._sequence(needed)

    def _sequence(self, needed: Needed | None = None) -> Iterator[VideoFrame]:
        packets = self._packets() if needed is None else compress(self._packets(), needed)
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError:  # the file ends in the middle of something
                self.n_errors += 1
                packet = None
            yield from self._decode(packet)
            if packet is None:
                return

    def segment(
        self, segment: Segment, pts: npt.NDArray[np.int64], needed: Needed | None = None
    ) -> Iterator[VideoFrame]:
        """The frames of *segment*, whose time stamps must be exactly *pts*, in order.

        Decoding begins at the segment's own keyframe and is fed no packet that the segment does not need: no
        frame of the next GOP is decoded but what an open GOP demands. With *needed*, (packets of the stream,) in
        the order of the file, packets that it does not mark are left out.

        Raises
        ------
        SegmentMismatchError
            Seeking does not reach the keyframe, or other frames come out than promised.
        """
        found = 0
        packets: Packets = islice(self._from_keyframe(segment), segment.n_packets)
        if needed is not None:
            packets = compress(packets, needed[segment.position :])
        for packet in chain(packets, [None]):
            for frame in self._decode(packet):
                if segment.start and frame.pts is not None and frame.pts < pts[0]:
                    continue  # a leading frame of an open GOP: the segment before has it
                if frame.pts != pts[found]:
                    raise SegmentMismatchError(f"frame with pts {frame.pts} where {pts[found]} was promised")
                if frame.pts == segment.key_pts and is_predicted(frame):
                    raise SegmentMismatchError("keyframes that are none")
                yield frame
                found += 1
                if found == len(pts):
                    return
        raise SegmentMismatchError(f"{found} frames where {len(pts)} were promised")

    def alone(self, packet: "Packet[VideoStream]") -> VideoFrame | None:
        """The frame of a keyframe's packet, read by another decoder of the same stream; None unless all is well with it.

        To be called after `any_frame`. Errors are not counted.
        """
        if self._checks:
            return None
        n_errors = self.n_errors
        self.stream.codec_context.flush_buffers()
        frames = [*self._decode(packet), *self._decode(None)]
        self.stream.codec_context.flush_buffers()
        is_well = self.n_errors == n_errors and len(frames) == 1 and not is_predicted(frames[0])
        self.n_errors = n_errors
        return frames[0] if is_well and frames[0].pts == packet.pts and not frames[0].is_corrupt else None

    def picks(self, segment: Segment, pts: npt.NDArray[np.int64]) -> Iterator[VideoFrame]:
        """The frames of *segment* that have these *pts*, in order, decoding no frame in vain that nothing leans on.

        Which frame a decoder may leave out is its own knowledge: prove what comes out.

        Raises
        ------
        SegmentMismatchError
            Seeking does not reach the keyframe.
        """
        wanted, context = set(pts.tolist()), self.stream.codec_context
        try:
            for packet in chain(islice(self._from_keyframe(segment), segment.n_packets), [None]):
                is_wanted = packet is None or packet.pts in wanted
                context.skip_frame = "DEFAULT" if is_wanted else "NONREF"
                yield from (frame for frame in self._decode(packet) if frame.pts in wanted)
        finally:
            context.skip_frame = "DEFAULT"

    def _from_keyframe(self, segment: Segment) -> Packets:
        """Packets from the segment's keyframe on.

        MP4 seeks by dts and others by pts, and a seek may overshoot; so try the pts, then the dts, then the
        beginning, and pass over (without decoding) what lies before the keyframe.
        """
        if self._fresh and segment.start == 0:
            self._fresh = False
            return self._packets()
        if self._fresh:
            # Only the first packet says which x264 wrote the stream, and early ones wrote a 4:4:4 of their own.
            self.any_frame()
        for target in (segment.key_pts, segment.key_dts, min(self.stream.start_time or 0, segment.key_dts)):
            try:
                self.container.seek(target, stream=self.stream)
                packets = self._packets()
                for packet in packets:
                    if packet.pts == segment.key_pts and packet.is_keyframe:
                        return chain([packet], packets)
                    if packet.dts is not None and packet.dts > segment.key_dts:
                        break  # overshot
            except av.FFmpegError:
                continue
        raise SegmentMismatchError(f"seeking does not reach the keyframe at pts {segment.key_pts}")

    def _packets(self) -> Packets:
        return (packet for packet in self.container.demux(self.stream) if packet.size)

    def _decode(self, packet: "Packet[VideoStream] | None") -> list[VideoFrame]:
        if self._checks and packet is not None:
            self._check(packet)
        try:
            return self.stream.codec_context.decode(packet)
        except av.FFmpegError:
            self.n_errors += 1
            return []

    def _check(self, packet: "Packet[VideoStream]") -> None:
        """Count a damaged packet; its frame is damaged, and those up to the next keyframe lean on it."""
        if is_intact(bytes(packet)):
            self._is_intact = True
            self._is_tainted &= not packet.is_keyframe
        elif self._is_intact:
            self.n_errors += 1
            self._is_tainted = True
        if self._is_tainted:
            self.damaged_pts.add(packet.pts)
