"""Indexing a video: segments side by side where its packets tell the truth, else in sequence."""

import re
from array import array
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from functools import partial
from itertools import chain, count, repeat
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
from ..video.packets import PacketIndex, merge, read_packets
from ..video.plan import KeyframePlan, Part, parts
from ..video.planes import Converter
from ..video.references import reference_reader
from .decoders import Decoders
from .job import Job
from .modes import Frames, Keyframes, row_of, shortcuts_for, wanted
from .pool import Task
from .rows import Cursor, Rows

_MIN_SEGMENT_FRAMES = 48
"""A seek and a drained decoder cost about a frame or two."""
_WORST_BALANCE = 1.2
"""Longest thread over an equal share of the whole video, above which frame threads beat segments."""
_FRAMES_A_TASK = 48
"""Of ``keyframes``, whose parts are short."""

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
    """Frames that were asked for."""
    frames: Frames
    """Those that the mode gives."""
    mode: str
    """What was asked for, or what is possible."""
    shortcuts: dict[str, str]
    rows: Rows

    def open(self, content: Fingerprint) -> Iterable[Task]:
        """Demux the packets, decode a first frame, and plan what to decode."""
        self.content = content
        self.n_errors = 0
        self.mode = self.context.options.decode
        self.shortcuts = {}
        self._why_not = ""
        self._given: Pts | None = None
        self._keyframes = Keyframes()
        self._mismatch = ""
        self._seam = -1
        self._seam_hashes: set[int] = set()
        self._probe(_decoders.get(self, self.source.path, {}))
        self._is_damaged = self._is_suspect = self.packets.is_damaged
        if not self.packets.segments:
            self._give_up(self.packets.doubt)
            return [self.guard(self._whole)]
        self.window = self.context.options.window(*self._clock(self.packets.pts))
        if self.mode == "fast":
            self._find_shortcuts()
        elif (
            self._reorders and not self.packets.is_reordered
        ):  # which shows only where every frame is decoded
            self._give_up("its time stamps do not tell the order of its frames")
        if self.mode == "keyframes":
            plan = KeyframePlan(self.packets, self.window, self.view.width * self.view.height)
            if not plan.is_sparse:
                return self._look(plan)
            self.mode, self._why_not = "coarse", "there are too few keyframes"
        if self.mode == "coarse":
            self._find_references()
        return self._launch(self._cut())

    def _probe(self, decoder: Decoder) -> None:
        stream = decoder.stream
        # MP4's demuxer leaves out of its index what an edit list hides; others count in the header alone.
        is_mp4 = decoder.container.format.name.startswith("mov")
        self.n_promised = len(stream.index_entries) if is_mp4 else stream.frames
        self.promised_s = _promised_s(stream)
        codec = stream.codec_context.codec.canonical_name
        self._references = reference_reader(codec, stream.codec_context.extradata)
        references = self._references if self.mode in ("coarse", "keyframes") else None
        self.packets = read_packets(decoder.container, stream, references=references)
        if self.packets.n_packets == 0:
            raise SourceError("there is no frame in it")
        first = decoder.any_frame()
        if first is None:  # a format without seeking is at its end now
            _decoders.close()
            decoder = _decoders.get(self, self.source.path, {})
            stream, first = decoder.stream, next(decoder.sequence(), None)
        if first is None:
            raise SourceError("no frame of it can be decoded")
        options = self.context.options
        self.view = make_view(first.width, first.height, first.rotation, options.crop, options.size)
        self._view = self.view
        self._reorders = stream.codec_context.reorder_depth > 0
        self.time_base = fraction(stream.time_base) or Fraction(1)
        self.facts = {
            "codec": codec,
            "pixel_format": first.format.name,
            "frame_rate": float(fraction(stream.average_rate) or 0),
        }

    def _begin(self, pts: Pts) -> None:
        """Open the rows of the frames that are wanted of a video with these *pts*."""
        self.window = self.context.options.window(*self._clock(pts))
        self.frames = self.window if self._given is None else wanted(self._given, self.window)
        self.n_total, self.n_done = len(self.frames), 0
        writer = SourceWriter(
            self.context.store,
            self.source.id,
            n_rows=len(self.frames),
            shape=self.view.shape,
            key=self.resume_key(self.content, self.window, self.frames, self.mode),
        )
        self.rows = Rows(writer, self.context.kernels)

    # Modes ---------------------------------------------------------------------------------------------------

    def _give_up(self, why_not: str) -> None:
        """Decode every frame, without shortcuts."""
        if self.mode != "exact":
            self._why_not = why_not
        self.mode, self.shortcuts, self._given, self._view = "exact", {}, None, self.view

    def _find_shortcuts(self) -> None:
        self.shortcuts, self._view = shortcuts_for(self.facts["codec"], self.view)
        if not self.shortcuts:
            self._give_up(f"no shortcut is known for such {self.facts['codec']}")

    def _find_references(self) -> None:
        """Leave out the frames that no other is predicted from."""
        self._given = np.flatnonzero(~self.packets.droppable[self.packets.position])
        if self._references is None:
            self._give_up(f"{self.facts['codec']} does not tell which frames others are predicted from")
        elif len(wanted(self._given, self.window)) == 0:
            self._give_up("no frame of the range is one that others are predicted from")

    @property
    def _needed(self) -> npt.NDArray[np.bool_] | None:
        """Packets to decode; None: all."""
        return None if self._given is None else ~self.packets.droppable

    def _look(self, plan: KeyframePlan) -> Iterable[Task]:
        """Measure the keyframes, then decide which frames after them are worth their time."""
        self._given = np.empty(0, np.int64)
        if plan.can_check_seam:
            self._seam = plan.keyframes[1].start
        if not Keyframes.fit(len(plan.keyframes), self.view.shape):
            return self._launch(plan.with_more(None))
        keys = plan.keys
        batches = [keys[at : at + _FRAMES_A_TASK] for at in range(0, len(keys), _FRAMES_A_TASK)]
        if len(batches) < self.context.threads:
            each = -(-len(keys) // self.context.threads)
            batches = [keys[at : at + each] for at in range(0, len(keys), each)]
        self._n_left = len(batches)

        def measured() -> Iterable[Task]:
            return self._launch(plan.with_more(self._keyframes.distances()))

        return [self.guard(partial(self._run, self._keep_keyframe, b, measured)) for b in batches]

    def _keep_keyframe(self, decoder: Decoder, part: Part) -> None:
        meter = Meter(self._view, self.context.kernels)
        for index, frame in self._decoded(decoder, part):
            if index == self._seam:
                self._check_seam(frame)
            thumbnail = np.empty(self.view.shape, np.uint8)
            sharpness, state = meter.measure(frame, thumbnail)
            self._keyframes.keep(index, thumbnail, sharpness, state, _flags(frame))

    # Parts ---------------------------------------------------------------------------------------------------

    def _cut(self) -> list[Part]:
        inside = [
            s for s in self.packets.segments if s.start < self.window.stop and s.stop > self.window.start
        ]
        return parts(self.packets, merge(inside, max(_MIN_SEGMENT_FRAMES, len(self.packets.pts) // 1000)))

    def _launch(self, planned: list[Part]) -> Iterable[Task]:
        if self.mode == "keyframes":
            self._given = np.concatenate([part.frames for part in planned])
        self._begin(self.packets.pts)
        left = [part for part in planned if not self._is_stored(part)]
        if not left:
            return self._finish(self.packets.pts)
        if self._is_unbalanced(left):
            return [self.guard(self._whole)]
        if self.mode != "keyframes" and len(left) > 1 and left[0].segment.stop == left[1].segment.start:
            self._seam = left[1].segment.start
        batches = _batches(left) if self.mode == "keyframes" else [[part] for part in left]
        self._n_left = len(batches)
        finish = partial(self._finish, self.packets.pts)
        return [self.guard(partial(self._run, self._measure_segment, batch, finish)) for batch in batches]

    def _is_stored(self, part: Part) -> bool:
        stored = self.rows.is_stored
        rows_a_chunk = self.rows.writer.rows_a_chunk
        first, last = part.frames[[0, -1]]
        rows = range(row_of(self.frames, int(first)), row_of(self.frames, int(last) + 1))
        if len(rows) == 0:
            return True
        return all(stored(row) for row in (*rows[::rows_a_chunk], rows[-1]))

    def _is_unbalanced(self, left: list[Part]) -> bool:
        """The last source's few segments may leave threads idle; then frame threads over all of it do better."""
        threads = self.context.threads
        assert self.context.pool is not None
        if threads == 1 or self.context.pool.has_roots or self.rows.writer.done or self.mode == "keyframes":
            return False
        loads = [0] * threads
        for segment, _ in left:  # in the order in which the pool takes them
            loads[loads.index(min(loads))] += min(segment.stop, self.window.stop) - segment.start
        return max(loads) * threads > _WORST_BALANCE * len(self.packets.pts)

    def _run(
        self, work: Callable[[Decoder, Part], None], batch: list[Part], then: Callable[[], Iterable[Task]]
    ) -> Iterable[Task]:
        """Do *work* for each part; whoever does the last goes on."""
        try:
            for part in batch:
                if not self._mismatch and not self.context.stopping.is_set():
                    work(_decoders.get(self, self.source.path, self.shortcuts), part)
        except SegmentMismatchError as e:
            self._mismatch = str(e)
        with self._lock:
            self._n_left -= 1
            last = self._n_left == 0
        if not last or self.context.stopping.is_set():
            return []
        if self._mismatch:
            if self.mode == "keyframes" or self._is_suspect:
                self._give_up(self._mismatch)
            return [self.guard(self._whole)]
        return then()

    def _decoded(self, decoder: Decoder, part: Part) -> Iterator[tuple[int, VideoFrame]]:
        """Frames of a part and their indices; at the first sign of damage the source is decoded in sequence."""
        n_errors = decoder.n_errors
        pts = self.packets.pts[part.frames]
        found = decoder.segment(part.segment, pts, self._needed)
        for index, frame in zip(part.frames.tolist(), found, strict=False):
            if frame.is_corrupt or decoder.n_errors > n_errors:  # then the rest depends on what came before
                self._is_suspect = True
                raise SegmentMismatchError(_DAMAGED)
            yield index, frame

    def _measure_segment(self, decoder: Decoder, part: Part) -> None:
        meter, cursor = self._meter(), self.rows.cursor()
        first = int(part.frames[0])
        if len(part.frames) == 1 and first in self._keyframes:
            self._put_keyframe(cursor, first)
            cursor.close()
            return
        for index, frame in self._decoded(decoder, self._and_on_to_the_seam(part)):
            if self._mismatch or self.context.stopping.is_set():
                return
            if index == self._seam:
                self._check_seam(frame)
            if index < part.segment.stop:
                self._measure(meter, cursor, index, frame)
            if index >= self.window.stop - 1:
                break
        cursor.close()

    def _and_on_to_the_seam(self, part: Part) -> Part:
        """The first segment goes on by one frame, to the keyframe at which the second begins."""
        segment = part.segment
        if segment.stop != self._seam:
            return part
        following = next(s for s in self.packets.segments if s.start == self._seam)
        n_packets = max(segment.n_packets, following.position + 1 - segment.position)
        return Part(segment._replace(n_packets=n_packets), np.append(part.frames, self._seam))

    def _check_seam(self, frame: VideoFrame) -> None:
        """A frame must be the same decoded after all before it and from its keyframe.

        It is not where a decoder keeps something from the beginning of a stream; so one frame a source is
        decoded both ways.
        """
        with self._lock:
            self._seam_hashes.add(content_hash(frame, self.context.kernels, Converter()))
            if len(self._seam_hashes) > 1:
                raise SegmentMismatchError("decoded from a keyframe it gives other pictures")

    def _meter(self) -> Meter:
        return Meter(self._view, self.context.kernels, quick=bool(self.shortcuts))

    def _measure(self, meter: Meter, cursor: Cursor, index: int, frame: VideoFrame) -> None:
        row = row_of(self.frames, index)
        if row == len(self.frames) or self.frames[row] != index or self.rows.is_stored(row):
            return
        chunk, at = cursor.at(row)
        chunk.sharpness[at], chunk.content_hash[at] = meter.measure(frame, chunk.thumbnails[at])
        chunk.flags[at] = _flags(frame)
        self.n_done += 1

    def _put_keyframe(self, cursor: Cursor, index: int) -> None:
        row = row_of(self.frames, index)
        if row < len(self.frames) and self.frames[row] == index and not self.rows.is_stored(row):
            self._keyframes.put(index, *cursor.at(row))
            self.n_done += 1

    # In sequence ---------------------------------------------------------------------------------------------

    def _whole(self) -> Iterable[Task]:
        """Decode the video from its beginning; its frames are what comes out."""
        _decoders.close()
        is_whole = self.context.options.is_whole
        pts = self.packets.pts
        if len(pts) == 0:
            pts = np.arange(self.packets.n_packets) if is_whole else self._read_pts()
        for _ in range(4):
            was_suspect = self._is_suspect
            seen = self._decode_whole(pts)
            if self.context.stopping.is_set():
                return []
            if self.mode != "exact" and (self._is_damaged or not np.array_equal(seen, self._promised())):
                self._give_up(_DAMAGED if self._is_damaged else _OTHERS)
                continue
            if self.mode == "coarse":
                return self._finish(pts)
            if self._is_suspect and not was_suspect:
                continue  # again, by one thread
            if len(seen) == 0:
                raise SourceError("no frame of it can be decoded")
            if len(seen) < len(pts) and is_whole:
                self.frames = self.window = range(len(seen))
            elif len(seen) != len(pts):  # the packets promised others: what is wanted may lie elsewhere
                pts = seen
                continue
            break
        return self._finish(seen)

    def _frames(self) -> Iterator[VideoFrame]:
        """Every frame in sequence.

        Frame threads lose frames behind damage, conceal it in their own way, and may hand a frame out before
        they mark it as damaged. So they stop at the first error, and what they do not decode to the last frame is
        suspect: one thread decodes it again. They also cost memory, and nothing is won where other sources wait.
        """
        assert self.context.pool is not None
        threads = 1 if self._is_suspect or self.context.pool.has_roots else self.context.threads
        is_damaged = self.packets.is_damaged
        n_frames = 0
        with open_video(self.source.path, threads=threads, shortcuts=self.shortcuts) as (container, stream):
            decoder = Decoder(container, stream)
            for frame in decoder.sequence(self._needed):
                is_damaged |= frame.is_corrupt
                n_frames += 1
                yield frame
        self.n_errors = decoder.n_errors
        self._is_damaged = is_damaged or self.n_errors > 0
        if threads > 1:
            n_promised = self.packets.n_packets if self._given is None else len(self._given)
            self._is_suspect = self._is_damaged or n_frames < n_promised

    def _read_pts(self) -> Pts:
        return np.array(array("q", (_pts(frame) for frame in self._frames())), np.int64)

    def _promised(self) -> Pts:
        """pts of the frames that should come out."""
        return self.packets.pts if self._given is None else self.packets.pts[self._given]

    def _decode_whole(self, pts: Pts) -> Pts:
        """Measure all wanted frames of a video believed to have *pts*; return the pts that came out."""
        self.context.store.discard(self.source.id)
        self._begin(pts)
        meter, cursor = self._meter(), self.rows.cursor()
        seen = array("q")
        indices = count() if self._given is None else chain(self._given.tolist(), repeat(-1))
        for index, frame in zip(indices, self._frames(), strict=False):
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
            doubt = _OTHERS
        seekable = not doubt
        pts, self.time_base = self._clock(pts)
        n_rows = len(self.frames)
        self.rows.finish(n_rows)
        listed = None if isinstance(self.frames, range) else self.frames
        record = SourceRecord(
            **self.base_record(self.content, self.window, self.view),
            **self.facts,
            n_frames=len(pts),
            time_base=(self.time_base.numerator, self.time_base.denominator),
            seekable=seekable,
            doubt=doubt,
            n_errors=self.n_errors,
            warnings=self._warnings(pts),
            decoded=self.mode,
            shortcuts=self.shortcuts,
            n_listed=None if listed is None else n_rows,
        )
        segments = self.packets.segments if seekable else []
        self.rows.writer.commit(record, pts, segments, n_rows=n_rows, frames=listed)
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
        if self._why_not:
            instead = "every frame" if self.mode == "exact" else "the frames that others are predicted from"
            found.append(f"not decode={self.context.options.decode} but {instead}: {self._why_not}")
        return found


_NO_PTS = -(1 << 63)
_DAMAGED = "damaged packets"
_OTHERS = "its packets promise other frames than come out"
_decoders = Decoders()


def _promised_s(stream: VideoStream) -> float:
    """When the stream should end, by the statistics that Matroska keeps; 0 where there are none."""
    match = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    return int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3]) if match else 0.0


def _pts(frame: VideoFrame) -> int:
    return _NO_PTS if frame.pts is None else frame.pts


def _flags(frame: VideoFrame) -> int:
    return Flag.KEYFRAME * frame.key_frame | Flag.DAMAGED * frame.is_corrupt


def _batches(planned: list[Part]) -> list[list[Part]]:
    """Neighbouring parts, in batches of some frames: what a thread does in one go."""
    found: list[list[Part]] = [[]]
    for part in planned:
        if sum(len(p.frames) for p in found[-1]) >= _FRAMES_A_TASK:
            found.append([])
        found[-1].append(part)
    return found
