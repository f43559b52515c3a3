"""Indexing a video: segments side by side where its packets tell the truth, else in sequence."""

import re
import threading
from array import array
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ..errors import SourceError
from ..measure import Meter, View, content_hash, make_view
from ..sources import Fingerprint
from ..store import Flag, SourceRecord, SourceWriter
from ..video.container import fraction, open_video
from ..video.decode import Decoder, SegmentMismatchError
from ..video.packets import PacketIndex, Segment, merge, read_packets
from ..video.planes import Converter
from .job import Job
from .pool import Task
from .rows import Cursor, Rows

_MIN_SEGMENT_FRAMES = 48
"""A seek and a drained decoder cost about a frame or two."""
_WORST_BALANCE = 1.2
"""Longest thread over an equal share of the whole video, above which frame threads beat segments."""

Pts = npt.NDArray[np.int64]


class VideoJob(Job):
    """Indexing one video."""

    content: Fingerprint
    packets: PacketIndex
    view: View
    facts: dict[str, Any]
    """Codec, pixel format, frame rate: what the record says of the stream."""
    time_base: Fraction
    window: range
    rows: Rows

    def open(self, content: Fingerprint) -> Iterable[Task]:
        """Demux the packets, decode a first frame, and cut the video into segments."""
        self.content = content
        self.n_errors = 0
        self._mismatch = ""
        self._seam = -1
        self._seam_hashes: set[int] = set()
        self._probe(_decoders.get(self))
        self._is_damaged = self._is_suspect = self.packets.is_damaged
        if not self.packets.segments:
            return [self.guard(self._whole)]
        self._begin(self.packets.pts)
        segments = [s for s in self._cut() if not self._is_stored(s)]
        if not segments:
            return self._finish(self.packets.pts)
        if self._is_unbalanced(segments):
            return [self.guard(self._whole)]
        self._n_left = len(segments)
        if len(segments) > 1 and segments[0].stop == segments[1].start:
            self._seam = segments[1].start
        return [self.guard(partial(self._run, segment)) for segment in segments]

    def _probe(self, decoder: Decoder) -> None:
        stream = decoder.stream
        # MP4's demuxer leaves out of its index what an edit list hides; others count in the header alone.
        is_mp4 = decoder.container.format.name.startswith("mov")
        self.n_promised = len(stream.index_entries) if is_mp4 else stream.frames
        self.promised_s = _promised_s(stream)
        self.packets = read_packets(decoder.container, stream)
        if self.packets.n_packets == 0:
            raise SourceError("there is no frame in it")
        first = decoder.any_frame()
        if first is None:  # a format without seeking is at its end now
            _decoders.close()
            decoder = _decoders.get(self)
            stream, first = decoder.stream, next(decoder.sequence(), None)
        if first is None:
            raise SourceError("no frame of it can be decoded")
        options = self.context.options
        self.view = make_view(first.width, first.height, first.rotation, options.crop, options.size)
        self.time_base = fraction(stream.time_base) or Fraction(1)
        self.facts = {
            "codec": stream.codec_context.codec.canonical_name,
            "pixel_format": first.format.name,
            "frame_rate": float(fraction(stream.average_rate) or 0),
        }

    def _begin(self, pts: Pts) -> None:
        """Open the rows of the frames that are wanted of a video with these *pts*."""
        self.window = self.context.options.window(*self._clock(pts))
        self.n_total, self.n_done = len(self.window), 0
        writer = SourceWriter(
            self.context.store,
            self.source.id,
            n_rows=len(self.window),
            shape=self.view.shape,
            key=self.resume_key(self.content, self.window),
        )
        self.rows = Rows(writer, self.context.kernels)

    # Segments ------------------------------------------------------------------------------------------------

    def _cut(self) -> list[Segment]:
        inside = [
            s for s in self.packets.segments if s.start < self.window.stop and s.stop > self.window.start
        ]
        return merge(inside, max(_MIN_SEGMENT_FRAMES, len(self.packets.pts) // 1000))

    def _is_stored(self, segment: Segment) -> bool:
        stored = self.rows.is_stored
        rows_a_chunk = self.rows.writer.rows_a_chunk
        wanted = _rows(segment.start, segment.stop, self.window)
        if len(wanted) == 0:
            return True
        return all(stored(row) for row in (*wanted[::rows_a_chunk], wanted[-1]))

    def _is_unbalanced(self, segments: list[Segment]) -> bool:
        """The last source's few segments may leave threads idle; then frame threads over all of it do better."""
        threads = self.context.threads
        assert self.context.pool is not None
        if threads == 1 or self.context.pool.has_roots or self.rows.writer.done:
            return False
        loads = [0] * threads
        for segment in segments:  # in the order in which the pool takes them
            loads[loads.index(min(loads))] += min(segment.stop, self.window.stop) - segment.start
        return max(loads) * threads > _WORST_BALANCE * len(self.packets.pts)

    def _run(self, segment: Segment) -> Iterable[Task]:
        try:
            if not self._mismatch:
                self._measure_segment(_decoders.get(self), segment)
        except SegmentMismatchError as e:
            self._mismatch = str(e)
        with self._lock:
            self._n_left -= 1
            last = self._n_left == 0
        if not last or self.context.stopping.is_set():
            return []
        if self._mismatch:
            return [self.guard(self._whole)]
        return self._finish(self.packets.pts)

    def _measure_segment(self, decoder: Decoder, segment: Segment) -> None:
        meter, cursor = Meter(self.view, self.context.kernels), self.rows.cursor()
        n_errors = decoder.n_errors
        on = self._and_on_to_the_seam(segment)
        last = min(on.stop, self.window.stop) - 1
        for index, frame in enumerate(decoder.segment(on, self.packets.pts[on.start : on.stop]), on.start):
            if self._mismatch or self.context.stopping.is_set():
                return
            if frame.is_corrupt or decoder.n_errors > n_errors:  # then the rest depends on what came before
                self._is_suspect = True
                raise SegmentMismatchError(_DAMAGED)
            if index == self._seam:
                self._check_seam(frame)
            if index < segment.stop:
                self._measure(meter, cursor, index, frame)
            if index == last:
                break
        cursor.close()

    def _and_on_to_the_seam(self, segment: Segment) -> Segment:
        """The first segment goes on by one frame, to the keyframe at which the second begins."""
        if segment.stop != self._seam:
            return segment
        following = next(s for s in self.packets.segments if s.start == self._seam)
        n_packets = max(segment.n_packets, following.position + 1 - segment.position)
        return segment._replace(stop=segment.stop + 1, n_packets=n_packets)

    def _check_seam(self, frame: VideoFrame) -> None:
        """A frame must be the same decoded after all before it and from its keyframe.

        It is not where a decoder keeps something from the beginning of a stream; so one frame a source is
        decoded both ways.
        """
        with self._lock:
            self._seam_hashes.add(content_hash(frame, self.context.kernels, Converter()))
            if len(self._seam_hashes) > 1:
                raise SegmentMismatchError("decoded from a keyframe it gives other pictures")

    def _measure(self, meter: Meter, cursor: Cursor, index: int, frame: VideoFrame) -> None:
        row, rest = divmod(index - self.window.start, self.window.step)
        if rest or row < 0 or index >= self.window.stop or self.rows.is_stored(row):
            return
        chunk, at = cursor.at(row)
        chunk.sharpness[at], chunk.content_hash[at] = meter.measure(frame, chunk.thumbnails[at])
        chunk.flags[at] = Flag.KEYFRAME * frame.key_frame | Flag.DAMAGED * frame.is_corrupt
        self.n_done += 1

    # In sequence ---------------------------------------------------------------------------------------------

    def _whole(self) -> Iterable[Task]:
        """Decode the video from its beginning; its frames are what comes out."""
        _decoders.close()
        is_whole = self.context.options.is_whole
        pts = self.packets.pts
        if len(pts) == 0:
            pts = np.arange(self.packets.n_packets) if is_whole else self._read_pts()
        for _ in range(3):
            was_suspect = self._is_suspect
            seen = self._decode_whole(pts)
            if self.context.stopping.is_set():
                return []
            if self._is_suspect and not was_suspect:
                continue  # again, by one thread
            if len(seen) == 0:
                raise SourceError("no frame of it can be decoded")
            if len(seen) < len(pts) and is_whole:
                self.window = range(len(seen))
            elif len(seen) != len(pts):  # the packets promised others: what is wanted may lie elsewhere
                pts = seen
                continue
            break
        return self._finish(seen)

    def _frames(self) -> Iterator[VideoFrame]:
        """Every frame in sequence.

        Frame threads lose frames behind damage, conceal it in their own way, and may hand a frame out before
        they mark it as damaged. So they are strict, and what they do not decode to the last frame is suspect: one
        thread decodes it again. They also cost memory, and nothing is won where other sources wait.
        """
        assert self.context.pool is not None
        threads = 1 if self._is_suspect or self.context.pool.has_roots else self.context.threads
        is_damaged = self.packets.is_damaged
        n_frames = 0
        with open_video(self.source.path, threads=threads, strict=threads > 1) as (container, stream):
            decoder = Decoder(container, stream)
            for frame in decoder.sequence():
                is_damaged |= frame.is_corrupt
                n_frames += 1
                yield frame
        self.n_errors = decoder.n_errors
        self._is_damaged = is_damaged or self.n_errors > 0
        if threads > 1:
            self._is_suspect = self._is_damaged or n_frames < self.packets.n_packets

    def _read_pts(self) -> Pts:
        return np.array(array("q", (_pts(frame) for frame in self._frames())), np.int64)

    def _decode_whole(self, pts: Pts) -> Pts:
        """Measure all wanted frames of a video believed to have *pts*; return the pts that it has."""
        self.context.store.discard(self.source.id)
        self._begin(pts)
        meter, cursor = Meter(self.view, self.context.kernels), self.rows.cursor()
        seen = array("q")
        for index, frame in enumerate(self._frames()):
            if self.context.stopping.is_set():
                break
            seen.append(_pts(frame))
            self._measure(meter, cursor, index, frame)
        else:
            cursor.close()
        return np.array(seen, np.int64)

    # The end -------------------------------------------------------------------------------------------------

    def _finish(self, pts: Pts) -> Iterable[Task]:
        doubt = self.packets.doubt or (_DAMAGED if self._is_damaged else self._mismatch)
        if not doubt and not np.array_equal(pts, self.packets.pts):
            doubt = "its packets promise other frames than come out"
        seekable = not doubt
        pts, self.time_base = self._clock(pts)
        n_rows = len(self.window)
        self.rows.finish(n_rows)
        record = SourceRecord(
            **self.base_record(self.content, self.window, self.view),
            **self.facts,
            n_frames=len(pts),
            time_base=(self.time_base.numerator, self.time_base.denominator),
            seekable=seekable,
            doubt=doubt,
            n_errors=self.n_errors,
            warnings=self._warnings(pts),
        )
        segments = self.packets.segments if seekable else []
        self.rows.writer.commit(record, pts, segments, n_rows=n_rows)
        self.record, self.n_total = record, n_rows
        return []

    def _clock(self, pts: Pts) -> tuple[Pts, Fraction]:
        """Times of the frames and their unit; frames are counted where they have no times, or these repeat."""
        if pts[0] != _NO_PTS and np.all(pts[1:] > pts[:-1]):
            return pts, self.time_base
        return np.arange(len(pts)), 1 / Fraction(self.facts["frame_rate"] or 1).limit_denominator(1001)

    def _warnings(self, pts: Pts) -> list[str]:
        found = []
        if self.n_promised > self.packets.n_packets + self.packets.n_hidden:
            found.append(f"the container promises {self.n_promised} frames, {len(pts)} are there: cut off?")
        interval_s = (pts[-1] - pts[0]) / max(1, len(pts) - 1) * float(self.time_base)
        end_s = pts[-1] * float(self.time_base) + interval_s
        if self.promised_s > end_s + interval_s > end_s:
            found.append(
                f"the container promises {self.promised_s:.3f} s, it ends at {end_s:.3f} s: cut off?"
            )
        if self.n_errors:
            found.append(f"{self.n_errors} packets could not be decoded")
        elif self._is_damaged:
            found.append("some packets are damaged")
        return found


_NO_PTS = -(1 << 63)
_DAMAGED = "damaged packets"


def _promised_s(stream: VideoStream) -> float:
    """When the stream should end, by the statistics that Matroska keeps; 0 where there are none."""
    match = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    return int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3]) if match else 0.0


def _pts(frame: VideoFrame) -> int:
    return _NO_PTS if frame.pts is None else frame.pts


def _rows(start: int, stop: int, window: range) -> range:
    """Rows of the frames ``[start, stop)`` that *window* wants."""
    first = max(0, -(-(start - window.start) // window.step))
    last = -(-(min(stop, window.stop) - window.start) // window.step)
    return range(first, max(first, last))


class _Decoders(threading.local):
    """The open decoder of each thread, kept from one segment of a video to the next."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._job: VideoJob | None = None

    def get(self, job: VideoJob) -> Decoder:
        if self._job is not job:
            self.close()
            self._decoder = Decoder(*self._stack.enter_context(open_video(job.source.path, strict=True)))
            self._job = job
        return self._decoder

    def close(self) -> None:
        self._job = None
        self._stack.close()


_decoders = _Decoders()
