"""Indexing a video in sequence: its frames are what a decode from its beginning yields."""

import re
from array import array
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain, count, repeat
from typing import Any

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ..errors import SourceError
from ..measure import Meter, ResizeError, View, content_hash, make_view
from ..source_store import Flag, SourceWriter
from ..store import SourceRecord
from ..video.container import can_thread, fraction, open_video, other_films
from ..video.decode import Decoder
from ..video.packets import PacketIndex, read_packets
from ..video.planes import Converter, rgb_of
from ..video.references import reference_reader
from .ahead import Ahead
from .decoders import Decoders
from .job import Job
from .kept import Kept, frames_to_keep
from .modes import Frames, row_of, wanted
from .options import Drawn
from .pool import Task
from .rows import Cursor, Rows
from .window import window

Pts = npt.NDArray[np.int64]

DAMAGED = "damaged packets"
EVEN = "even"
"""The mode that decodes what evenly spaced or random frames need: see `options.Even`."""
_UNLIKE = "decoded from a keyframe it gives other frames"
_RESIZED = "the size of its frames changes"
_OTHERS = "its packets promise other frames than come out"
_NO_PTS = -(1 << 63)


class SequentialJob(Job):
    """Indexing one video, from `_probe` and `_begin` by `_whole` to `_finish`."""

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

    def _reset(self) -> None:
        self.n_errors = 0
        options = self.context.options
        self.mode = EVEN if options.even and options.decode == "exact" else options.decode
        self.shortcuts = {}
        self._decoders = _decoders
        self._why_not = ""
        self._given: Pts | None = None
        """Frames that the mode gives of the whole video; None: all."""
        self._planned: npt.NDArray[np.bool_] | None = None
        """Packets to decode, where a plan says so."""
        self._mismatch = ""
        self._is_damaged = self._is_suspect = False
        self._hidden: set[int | None] = set()
        """pts of frames whose damage the decoder hid."""
        self._alone: tuple[int, int] | None = None
        """Index and content hash of a frame that was decoded from its keyframe, the hash -1 where it cannot be."""
        self._is_unlike = False
        """It was another frame than in sequence."""
        self._is_resized = False
        """Frames that are wanted have different sizes."""

    def _probe(self, decoder: Decoder, ahead: Ahead | None = None) -> None:
        stream = decoder.stream
        # MP4's demuxer leaves out of its index what an edit list hides; others count in the header alone.
        is_mp4 = decoder.container.format.name.startswith("mov")
        self._guesses_times = decoder.container.format.name == "avi"
        self.n_promised = len(stream.index_entries) if is_mp4 else stream.frames
        self.promised_s = _promised_s(stream)
        codec = stream.codec_context.codec.canonical_name
        others = other_films(decoder.container, stream)
        self._is_not_first = bool(others) and others[0].index < stream.index
        self._references = reference_reader(codec, stream.codec_context.extradata)
        references = self._references if self.mode in ("coarse", "keyframes", EVEN) else None
        if ahead is not None:
            ahead.n_pixels = stream.width * stream.height
        met = None if ahead is None else ahead.met
        self.packets = read_packets(decoder.container, stream, references=references, on_keyframe=met)
        if self.packets.n_packets == 0:
            raise SourceError("there is no frame in it")
        first = decoder.any_frame()
        starts = self.packets.pts[:1]
        if first is None or (first.pts is not None and np.any(first.pts > starts)):
            # A format without seeking is at its end now, and MPEG-TS's goes to a keyframe nearby.
            self._decoders.close()
            decoder = self._decoders.get(self, self.source.path, {})
            stream, first = decoder.stream, next(decoder.sequence(), None)
        if first is None:
            raise SourceError("no frame of it can be decoded")
        self.view = self._view_of(first)
        self._view = self.view
        self._hides_damage = decoder.hides_damage
        self._can_thread = can_thread(stream.codec_context)
        self._reorders = stream.codec_context.reorder_depth > 0
        self.time_base = fraction(stream.time_base) or Fraction(1)
        self.facts = {
            "codec": codec,
            "pixel_format": first.format.name,
            "frame_rate": float(fraction(stream.average_rate) or 0),
        }

    def _view_of(self, first: VideoFrame) -> View:
        options = self.context.options
        return make_view(first.width, first.height, first.rotation, options.crop, options.size)

    def _begin(self, pts: Pts) -> None:
        """Open the rows of the frames that are wanted of a video with these *pts*."""
        self.window = window(self.context.options, *self._clock(pts))
        if self.mode == EVEN and self._given is not None:
            self.frames = self._given
        else:
            self.frames = self.window if self._given is None else wanted(self._given, self.window)
        self.n_total, self.n_done = len(self.frames), 0
        self._pictures = Kept(self.context.store, self.source.id)
        self._pictures.clear()
        self._to_keep = frames_to_keep(self.context.options, self.window, self.view)
        writer = SourceWriter(
            self.context.store,
            self.source.id,
            n_rows=len(self.frames),
            shape=self.view.shape,
            key=self.resume_key(self.window, self.frames, self.mode),
            color=self.context.options.color,
        )
        self.rows = Rows(writer, self.context.kernels)

    def _give_up(self, why_not: str) -> None:
        """Decode every frame, without shortcuts."""
        if self.mode not in ("exact", EVEN):  # which nobody has asked for
            self._why_not = why_not
        self.mode, self.shortcuts, self._given, self._view = "exact", {}, None, self.view
        self._planned = None
        self.packets = self.packets._replace(droppable=np.zeros_like(self.packets.droppable))

    @property
    def _needed(self) -> npt.NDArray[np.bool_] | None:
        """Packets to decode; None: all."""
        if self._planned is not None:
            return self._planned
        return None if self._given is None else ~self.packets.droppable

    def _meter(self) -> Meter:
        return Meter(self._view, self.context.kernels)

    def _measure(self, meter: Meter, cursor: Cursor, index: int, frame: VideoFrame) -> None:
        row = row_of(self.frames, index)
        if row == len(self.frames) or self.frames[row] != index or self.rows.is_stored(row):
            return
        chunk, at = cursor.at(row)
        chunk.sharpness[at], chunk.content_hash[at] = meter.measure(frame, chunk.thumbnails[at])
        if chunk.chroma is not None:
            meter.chroma(frame, chunk.chroma[at])
        chunk.flags[at] = flags_of(frame) | Flag.DAMAGED * (frame.pts in self._hidden)
        if index in self._to_keep:
            self._pictures.put(index, rgb_of(frame, Converter()))
        self.n_done += 1

    def _whole(self) -> Iterable[Task]:
        """Decode the video from its beginning; its frames are what comes out."""
        self._decoders.close()
        is_whole = self.context.options.is_whole
        pts = self.packets.pts
        if len(pts) == 0:
            pts = np.arange(self.packets.n_packets) if is_whole else self._read_pts()
        for _ in range(4):
            was_suspect = self._is_suspect
            try:
                seen = self._decode_whole(pts)
            except ResizeError:
                self._give_up(_RESIZED)
                continue
            if self.context.stopping.is_set():
                return []
            if self.mode != "exact" and (self._is_damaged or not np.array_equal(seen, self._promised())):
                self._give_up(DAMAGED if self._is_damaged else _OTHERS)
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
        with open_video(self.source.path, threads=threads, strict=threads > 1, shortcuts=self.shortcuts) as (
            container,
            stream,
        ):
            decoder = Decoder(container, stream)
            self._hidden = decoder.damaged_pts
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
        meter.resizes = self.mode == "exact"
        seen = array("q")
        indices = count() if self._given is None else chain(self._given.tolist(), repeat(-1))
        for index, frame in zip(indices, self._frames(), strict=False):
            if self.context.stopping.is_set():
                break
            seen.append(_pts(frame))
            if self._alone is not None and index == self._alone[0]:
                found = content_hash(frame, self.context.kernels, Converter())
                self._is_unlike = found != self._alone[1]
            self._measure(meter, cursor, index, frame)
        else:
            cursor.close()
        self._is_resized = meter.is_resized
        return np.array(seen, np.int64)

    # The end -------------------------------------------------------------------------------------------------

    def _finish(self, pts: Pts) -> Iterable[Task]:
        # Of what was tried nothing may show that another number of threads would not have tried.
        doubt = self.packets.doubt or (DAMAGED if self._is_damaged else _UNLIKE if self._is_unlike else "")
        doubt = doubt or (_RESIZED if self._is_resized else "")
        if not doubt and not np.array_equal(pts, self.packets.pts):
            doubt = _OTHERS
        seekable = not doubt
        pts, self.time_base = self._clock(pts)
        n_rows = len(self.frames)
        self.rows.finish(n_rows)
        listed = None if isinstance(self.frames, range) else self.frames
        is_drawn = self.mode == EVEN and isinstance(self.context.options.even, Drawn)
        record = SourceRecord(
            **self.base_record(self.window, self.view),
            **self.facts,
            n_frames=len(pts),
            time_base=(self.time_base.numerator, self.time_base.denominator),
            seekable=seekable,
            doubt=doubt,
            n_errors=self.n_errors,
            warnings=self._warnings(pts),
            decoded="drawn" if is_drawn else self.mode,
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
        if self._is_resized:
            size = f"{self.view.width}x{self.view.height}"
            found.append(f"{_RESIZED}: thumbnails of all have the shape of the first, which is of {size}")
        if self._is_not_first:
            shown = "{}x{}".format(*self.view.shown)
            found.append(
                f"it has several video streams: these frames are of the largest or default one, {shown}; OpenCV, by "
                "which DeepLabCut, Lightning Pose and SLEAP read videos, takes the first"
            )
        if self._why_not:
            instead = "every frame" if self.mode == "exact" else "the frames that others are predicted from"
            found.append(f"not decode={self.context.options.decode} but {instead}: {self._why_not}")
        return found


_decoders = Decoders()


def _promised_s(stream: VideoStream) -> float:
    """When the stream should end, by the statistics that Matroska keeps; 0 where there are none."""
    match = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    return int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3]) if match else 0.0


def _pts(frame: VideoFrame) -> int:
    return _NO_PTS if frame.pts is None else frame.pts


def flags_of(frame: VideoFrame) -> int:
    return Flag.KEYFRAME * frame.key_frame | Flag.DAMAGED * frame.is_corrupt
