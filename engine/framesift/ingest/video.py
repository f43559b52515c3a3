"""Indexing a video: segments side by side where its packets tell the truth, else in sequence."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np
from av.video.frame import VideoFrame

from ..errors import SourceError
from ..measure import Meter, ResizeError, content_hash
from ..video.decode import Decoder, SegmentMismatchError
from ..video.packets import merge
from ..video.plan import EvenPlan, KeyframePlan, Part, parts
from ..video.planes import Converter
from .ahead import Ahead
from .modes import Keyframes, Measured, row_of, shortcuts_for, wanted
from .pool import Task
from .rows import Cursor
from .sequential import DAMAGED, EVEN, SequentialJob, flags_of
from .window import even_frames, window

_MIN_SEGMENT_FRAMES = 48
"""A seek and a drained decoder cost about a frame or two."""
_WORST_BALANCE = 1.2
"""Longest thread over an equal share of the whole video, above which frame threads beat segments."""
_MOST_SHARE = 0.9
"""Of a video, that may be decoded for evenly spaced frames; above it all of it is, which says more."""
_FRAMES_A_TASK = 48
"""Of ``keyframes``, whose parts are short."""
_KEYFRAMES_A_TASK = 8
"""While keyframes alone are looked at."""
_FRAMES_IN_ORDER = 16
"""So many show whether times tell the order of frames."""
_MOST_HELPERS = 4
"""Threads that decode keyframes while one reads packets."""
_TAIL = 8
"""So many of the last batches a thread are begun in falling order of their work."""


class VideoJob(SequentialJob):
    """Indexing one video, by as many of its segments at a time as there are threads."""

    def open(self) -> Iterable[Task]:
        """Demux the packets, decode a first frame, and plan what to decode."""
        self._reset()
        self._keyframes = Keyframes()
        self._seam = -1
        self._seam_hashes: set[int] = set()
        self._ahead = self._get_ready()
        try:
            return self._plan()
        finally:
            if self._ahead is not None:
                self._ahead.end()

    def _plan(self) -> Iterable[Task]:
        self._probe(self._decoders.get(self, self.source.path, {}), self._ahead)
        self._is_damaged = self.packets.is_damaged
        self._is_suspect = self._is_damaged or self._hides_damage
        if not self.packets.segments or self._hides_damage:
            self._give_up(self.packets.doubt or "damage to it would not show")
            return [self.guard(self._whole)]
        self.window = window(self.context.options, *self._clock(self.packets.pts))
        if self.mode == "fast":
            self._find_shortcuts()
        elif self._reorders and not (self.packets.is_reordered and self._begins_in_order()):
            # Otherwise this shows only where every frame is decoded.
            self._give_up("its time stamps do not tell the order of its frames")
        elif self.mode != "exact" and self.packets.is_lossy:
            self._give_up("packets are missing, and which frames come out shows only where all are decoded")
        if self.mode == "keyframes":
            plan = KeyframePlan(self.packets, self.window, self.view.width * self.view.height)
            if not plan.is_sparse:
                return self._look(plan)
            self.mode, self._why_not = "coarse", "there are too few keyframes"
        if self.mode == "coarse":
            self._find_references()
        if self.mode == EVEN:
            return self._evenly()
        return self._launch(self._cut())

    def _get_ready(self) -> Ahead | None:
        """Let idle threads open the video meanwhile, as they will want to, and decode keyframes as they are met."""
        pool, options = self.context.pool, self.context.options
        assert pool is not None
        n_helpers = min(pool.n_free, _MOST_HELPERS)
        is_whole = options.start is None and options.stop is None
        ahead = Ahead(n_helpers) if self.mode == "keyframes" and n_helpers and is_whole else None
        for number in range(n_helpers):
            pool.add(self.guard(partial(self._help, ahead, is_first=number == 0)))
        return ahead

    def _help(self, ahead: Ahead | None, *, is_first: bool) -> Iterable[Task]:
        then = None
        try:
            if is_first:
                self.content  # noqa: B018  # will be asked for
            decoder = self._decoders.get(self, self.source.path, {})
            first = decoder.any_frame()
            if first is not None and ahead is not None:
                self._look_ahead(decoder, first, ahead)
        finally:
            then = None if ahead is None else ahead.leave()
        return [] if then is None else self._end(then)

    def _look_ahead(self, decoder: Decoder, first: VideoFrame, ahead: Ahead) -> None:
        try:
            view = self._view_of(first)
        except SourceError:  # which whoever reads the packets will tell
            return
        meter = Meter(view, self.context.kernels)
        while (packet := ahead.take()) is not None and not self.context.stopping.is_set():
            frame, pts = decoder.alone(packet), packet.pts
            if frame is None or pts is None:
                continue
            with contextlib.suppress(ResizeError):
                if not ahead.keep(pts, view, self._measured(meter, frame)):
                    return

    # Modes ---------------------------------------------------------------------------------------------------

    def _find_shortcuts(self) -> None:
        self.shortcuts, self._view = shortcuts_for(self.facts["codec"], self.view)
        if not self.shortcuts:
            self._give_up(f"no shortcut is known for such {self.facts['codec']}")

    def _begins_in_order(self) -> bool:
        """The first frames come out in the order of their times, which for AVI, that keeps none, FFmpeg guesses."""
        if self.mode != "keyframes" or not self._guesses_times:
            return True
        first = self.packets.segments[0]
        n_packets = min(first.n_packets, _FRAMES_IN_ORDER)
        position = self.packets.position[: first.stop]
        pts = self.packets.pts[: first.stop][position < first.position + n_packets]
        decoder = self._decoders.get(self, self.source.path, {})
        try:
            return len(list(decoder.segment(first._replace(n_packets=n_packets), pts))) == len(pts)
        except SegmentMismatchError:
            return False

    def _find_references(self) -> None:
        """Leave out the frames that no other is predicted from."""
        self._given = np.flatnonzero(~self.packets.droppable[self.packets.position])
        if self._references is None:
            self._give_up(f"{self.facts['codec']} does not tell which frames others are predicted from")
        elif len(wanted(self._given, self.window)) == 0:
            self._give_up("no frame of the range is one that others are predicted from")

    def _evenly(self) -> Iterable[Task]:
        """Decode what the frames need that are wanted, or everything where that is not much more."""
        assert self.context.options.even is not None
        frames = even_frames(self.context.options.even, self.window)
        plan = EvenPlan(self.packets, frames)
        if plan.share > _MOST_SHARE:
            self._give_up("")
            return self._launch(self._cut())
        self._given, self._planned = frames, plan.needed
        if plan.can_check_seam:
            self._seam = plan.parts[1].segment.start
        return self._launch(plan.parts)

    def _look(self, plan: KeyframePlan) -> Iterable[Task]:
        """Measure the keyframes, then decide which frames after them are worth their time."""
        self._given = np.empty(0, np.int64)
        if plan.can_check_seam:
            self._seam = plan.keyframes[1].start
        if not Keyframes.fit(len(plan.keyframes), self.view.shape, color=self.context.options.color):
            return self._launch(plan.with_more(None))
        with self._lock:  # `_end` waits for it
            n_helpers = 0 if self._ahead is None else self._ahead.end(partial(self._look_at_rest, plan))
            left = [part for part in plan.keys if not self._is_begun(part)]
            batches = self._batches_of_keyframes(left)
            self._n_left = n_helpers + len(batches)
        return self._look_at(batches, plan) if self._n_left else self._look_at_rest(plan)

    def _look_at_rest(self, plan: KeyframePlan) -> Iterable[Task]:
        """Take what helpers have measured, have measured what is left, and go on."""
        for part in plan.keys:
            self._take_over(int(part.frames[0]))
        left = [part for part in plan.keys if int(part.frames[0]) not in self._keyframes]
        if not left:
            return self._launch(plan.with_more(self._keyframes.distances()))
        batches = self._batches_of_keyframes(left)
        self._n_left = len(batches)
        return self._look_at(batches, plan)

    def _look_at(self, batches: list[list[Part]], plan: KeyframePlan) -> Iterable[Task]:
        then = partial(self._look_at_rest, plan)
        return [self.guard(partial(self._run, self._keep_keyframe, batch, then)) for batch in batches]

    def _batches_of_keyframes(self, keys: list[Part]) -> list[list[Part]]:
        each = max(1, min(_KEYFRAMES_A_TASK, -(-len(keys) // self.context.threads)))
        return [keys[at : at + each] for at in range(0, len(keys), each)]

    def _is_begun(self, part: Part) -> bool:
        """A helper has decoded the keyframe, or is about to."""
        return self._ahead is not None and int(self.packets.pts[part.frames[0]]) in self._ahead.begun

    def _take_over(self, index: int) -> None:
        measured = None if self._ahead is None else self._ahead.pop(int(self.packets.pts[index]), self.view)
        if measured is not None:
            if index == self._seam:
                self._check_seam(measured.content_hash)
            self._keyframes.keep(index, measured)

    def _keep_keyframe(self, decoder: Decoder, part: Part) -> None:
        meter = self._meter()
        for index, frame in self._decoded(decoder, part):
            measured = self._measured(meter, frame)
            if index == self._seam:
                self._check_seam(measured.content_hash)
            self._keyframes.keep(index, measured)

    def _measured(self, meter: Meter, frame: VideoFrame) -> Measured:
        shape = meter.view.shape
        thumbnail = np.empty(shape, np.uint8)
        sharpness, state = meter.measure(frame, thumbnail)
        chroma = np.empty((2, *shape), np.uint8) if self.context.options.color else None
        if chroma is not None:
            meter.chroma(frame, chroma)
        return Measured(thumbnail, chroma, sharpness, state, flags_of(frame))

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
        # Of evenly spaced frames nothing is stored, and the first GOP is there for a proof alone.
        left = [part for part in planned if self.mode == EVEN or not self._is_stored(part)]
        if not left:
            return self._finish(self.packets.pts)
        if self._is_unbalanced(left):
            return [self.guard(self._whole)]
        if (
            self.mode not in ("keyframes", EVEN)
            and len(left) > 1
            and left[0].segment.stop == left[1].segment.start
        ):
            self._seam = left[1].segment.start
        batches = [[part] for part in left]
        if self.mode == "keyframes":
            batches = _biggest_at_the_end_first(_batches(left), _TAIL * self.context.threads)
        self._n_left = len(batches)
        finish = partial(self._finish, self.packets.pts)
        self.rows.hand_over = partial(self._hand_over, finish)
        return [self.guard(partial(self._run, self._measure_segment, batch, finish)) for batch in batches]

    def _hand_over(self, then: Callable[[], Iterable[Task]], store: Callable[[], None]) -> bool:
        """Let an idle thread store a chunk; what follows the last segment waits for it."""
        assert self.context.pool is not None
        if not self.context.pool.has_idle:
            return False

        def stored() -> Iterable[Task]:
            store()
            return self._end(then)

        with self._lock:
            self._n_left += 1
        self.context.pool.add(self.guard(stored))
        return True

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
        if threads == 1 or not self._can_thread or self.mode in ("keyframes", EVEN):
            return False
        if self.context.pool.has_roots or self.rows.writer.done:
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
                    work(self._decoders.get(self, self.source.path, self.shortcuts), part)
        except (SegmentMismatchError, ResizeError) as e:
            self._mismatch = str(e)
        return self._end(then)

    def _end(self, then: Callable[[], Iterable[Task]]) -> Iterable[Task]:
        with self._lock:
            self._n_left -= 1
            last = self._n_left == 0
        if not last or self.context.stopping.is_set():
            return []
        if self._mismatch:
            if self.mode in ("keyframes", EVEN) or self._is_suspect:
                self._give_up(self._mismatch)
            return [self.guard(self._whole)]
        return then()

    def _whole(self) -> Iterable[Task]:
        """Decode the video from its beginning, and see whether a keyframe gives the same frame by itself."""
        cut = self._cut() if self.packets.segments and not self._is_suspect else []
        if len(cut) > 1:
            self._alone = cut[1].segment.start, self._hash_alone(cut[1])
        return super()._whole()

    def _hash_alone(self, part: Part) -> int:
        """Content hash of the first frame of a part, decoded from its keyframe; -1 if it cannot be."""
        decoder = self._decoders.get(self, self.source.path, self.shortcuts)
        n_errors = decoder.n_errors
        only = Part(part.segment._replace(n_packets=1), part.frames[:1])
        try:
            (frame,) = decoder.segment(only.segment, self.packets.pts[only.frames])
        except SegmentMismatchError:
            return -1
        if frame.is_corrupt or decoder.n_errors > n_errors:
            return -1
        return content_hash(frame, self.context.kernels, Converter())

    def _decoded(self, decoder: Decoder, part: Part) -> Iterator[tuple[int, VideoFrame]]:
        """Frames of a part and their indices; at the first sign of damage the source is decoded in sequence."""
        n_errors = decoder.n_errors
        pts = self.packets.pts[part.frames]
        found = decoder.segment(part.segment, pts, self._needed)
        for index, frame in zip(part.frames.tolist(), found, strict=False):
            if frame.is_corrupt or decoder.n_errors > n_errors:  # then the rest depends on what came before
                self._is_suspect = True
                raise SegmentMismatchError(DAMAGED)
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
                self._check_seam(content_hash(frame, self.context.kernels, Converter()))
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

    def _check_seam(self, found: int) -> None:
        """A frame must have the same content hash decoded after all before it and from its keyframe.

        It is not where a decoder keeps something from the beginning of a stream; so one frame a source is
        decoded both ways.
        """
        with self._lock:
            self._seam_hashes.add(found)
            if len(self._seam_hashes) > 1:
                raise SegmentMismatchError("decoded from a keyframe it gives other pictures")

    def _put_keyframe(self, cursor: Cursor, index: int) -> None:
        row = row_of(self.frames, index)
        if row < len(self.frames) and self.frames[row] == index and not self.rows.is_stored(row):
            self._keyframes.put(index, *cursor.at(row))
            self.n_done += 1


def _batches(planned: list[Part]) -> list[list[Part]]:
    """Neighbouring parts, in batches of some frames: what a thread does in one go."""
    found: list[list[Part]] = [[]]
    for part in planned:
        if sum(len(p.frames) for p in found[-1]) >= _FRAMES_A_TASK:
            found.append([])
        found[-1].append(part)
    return found


def _biggest_at_the_end_first(batches: list[list[Part]], n: int) -> list[list[Part]]:
    """The last *n* batches in falling order of their work, so that threads end together.

    Not all: rows that come out of order wait for their chunk to be whole.
    """
    at = max(0, len(batches) - n)
    return batches[:at] + sorted(
        batches[at:], key=lambda b: -sum(p.segment.n_packets for p in b if len(p.frames) > 1)
    )
