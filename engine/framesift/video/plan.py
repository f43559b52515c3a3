"""Which packets to decode: whole segments, segments without the pictures that no other needs, or keyframes and more.

A plan is a list of parts. Whatever the plan, a frame that comes out is the one that a plain decode yields: a packet is
left out only where no packet that is decoded needs it.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .packets import PacketIndex
from .segment import Segment

I64 = npt.NDArray[np.int64]

BUDGET = 12
"""Of ``keyframes``: a twelfth of the work of decoding everything."""
_WORK_OF_A_BYTE = 100
"""What decoding a byte costs, in pixels predicted and written."""
_DEPTH = (3, 10)
"""Up to three tenths of a GOP are its best part: farther from its keyframe, and not yet near the next one."""
_REST = 16
"""How much less the rest of a GOP counts, as a square of distances."""
_MIN_KEYFRAMES = 4
_CHECK_SHARE = 5
"""The seam after the first GOP is decoded up to where that takes at most a fifth of the budget."""


def work_of(n_pixels: int, n_packets: int, n_bytes: int) -> int:
    """What decoding so many packets costs: pixels predicted and written, and their bytes."""
    return n_packets * n_pixels + _WORK_OF_A_BYTE * n_bytes


class Part(NamedTuple):
    """A segment, or its beginning, and the frames that come out of it."""

    segment: Segment
    """Its ``n_packets`` reach to the last packet that is needed."""
    frames: I64
    """(k,) indices of the frames that come out, increasing."""


def parts(packets: PacketIndex, segments: list[Segment]) -> list[Part]:
    """Each segment with all of its frames but those of droppable packets."""
    found = []
    for segment in segments:
        position = packets.position[segment.start : segment.stop]
        kept = np.flatnonzero(~packets.droppable[position])
        if len(kept):
            n_packets = int(position[kept].max()) + 1 - segment.position
            found.append(Part(segment._replace(n_packets=n_packets), kept + segment.start))
    return found


class EvenPlan:
    """What has to be decoded for some frames of a video, and for the proof that keyframes are what they seem.

    Each of the frames is reached from its keyframe, without the pictures on the way that no other needs. The first
    GOP is decoded to its end, and the second one's keyframe on its own: see `can_check_seam`.

    Parameters
    ----------
    packets
        With their droppable ones marked.
    frames : (k,) int64
        Indices of the frames, increasing.
    """

    def __init__(self, packets: PacketIndex, frames: I64) -> None:
        self._packets = packets
        self.needed = ~packets.droppable
        """(packets,) to be decoded: what others need, and the frames themselves."""
        self.needed[packets.position[frames]] = True
        starts = np.array([segment.start for segment in packets.segments], np.int64)
        ends = dict(
            zip((np.searchsorted(starts, frames, side="right") - 1).tolist(), frames.tolist(), strict=True)
        )
        if self.can_check_seam:
            ends = ends | {0: packets.segments[0].stop - 1, 1: ends.get(1, packets.segments[1].start)}
        self.parts = [self._part(packets.segments[at], ends[at]) for at in sorted(ends)]

    @property
    def can_check_seam(self) -> bool:
        """There are two GOPs."""
        return len(self._packets.segments) > 1

    @property
    def share(self) -> float:
        """Of the frames of the video, those that are decoded."""
        return sum(len(part.frames) for part in self.parts) / len(self._packets.pts)

    def _part(self, segment: Segment, last: int) -> Part:
        """A segment up to one of its frames."""
        position = self._packets.position[segment.start : last + 1]
        kept = np.flatnonzero(self.needed[position])
        n_packets = int(position[kept].max()) + 1 - segment.position
        return Part(segment._replace(n_packets=n_packets), kept + segment.start)


class KeyframePlan:
    """Keyframes, and what a budget allows of the frames after them.

    Parameters
    ----------
    packets
        With their droppable ones marked.
    window
        Frames that are wanted.
    n_pixels
        Of a frame.
    """

    def __init__(self, packets: PacketIndex, window: range, n_pixels: int) -> None:
        self._packets = packets
        self._work = n_pixels + _WORK_OF_A_BYTE * packets.packet_bytes
        self._frame_of = np.full(len(packets.packet_bytes), -1, np.int64)
        self._frame_of[packets.position] = np.arange(len(packets.position))
        inside = [s for s in packets.segments if s.start < window.stop and s.stop > window.start]
        ends = [*(s.position for s in inside[1:]), inside[-1].position + inside[-1].n_packets]
        whole = self._work[inside[0].position : ends[-1]].sum()
        self._left = int(whole) // BUDGET
        self._ends = dict(zip(inside, ends, strict=True))
        shown = [s for s in inside if window.start <= self._frame_of[s.position] < window.stop]
        self.keyframes = self._affordable(shown)
        """The segments whose keyframes are decoded."""

    @property
    def is_sparse(self) -> bool:
        """So few keyframes that they, and what follows some of them, say little of the whole."""
        return len(self.keyframes) < _MIN_KEYFRAMES

    @property
    def keys(self) -> list[Part]:
        """The keyframes alone."""
        return [
            Part(s._replace(n_packets=1), self._frame_of[s.position : s.position + 1]) for s in self.keyframes
        ]

    @property
    def can_check_seam(self) -> bool:
        """The budget allows to decode the first GOP up to the second one's keyframe."""
        first, second = self.keyframes[:2]
        work = self._work[self._chain(first)].sum()
        return first.stop == second.start and int(work) * _CHECK_SHARE <= self._left

    def with_more(self, distances: I64 | None) -> list[Part]:
        """The keyframes, and after those where something happens as many frames as the budget allows.

        Something happens where many bytes stand between two keyframes that differ: GOPs are taken in the order
        of the product. Three tenths of each come first, since the frames before are like its keyframe and those
        after become like the next one; what is left goes to the rest of those where by far most happens. Whoever has
        *distances* has decoded the keyframes, and does so again before the frames that follow them.

        Parameters
        ----------
        distances : (keyframes - 1,) int64
            Sums of squares between the thumbnails of neighbouring keyframes; None: by bytes alone.

        Returns
        -------
        list of Part
            In order. Depends on the packets and *distances* alone.
        """
        n = len(self.keyframes)
        distance = np.ones(n, np.int64) if distances is None else np.append(distances, distances[-1])
        chains = [self._chain(segment) for segment in self.keyframes]
        depths = [1] * n
        first = int(
            distances is None
        )  # of a GOP's packets, to be decoded from now on: those looked at are again
        if self.can_check_seam:
            depths[0] = len(chains[0])
            self._left -= int(self._work[chains[0][first:]].sum())
        steps = []
        for at, chain in enumerate(chains):
            activity = int(distance[at]) * int(self._packets.packet_bytes[chain[1:]].sum())
            middle = max(1, len(chain) * _DEPTH[0] // _DEPTH[1])
            steps += [(-activity * _REST, at, middle), (-activity, at, len(chain))]
        for _, at, depth in sorted(steps):
            if depths[at] < depth:
                work = np.cumsum(self._work[chains[at][depths[at] : depth]])
                work += self._work[chains[at][0]] if depths[at] == 1 and not first else 0
                n_more = int(np.searchsorted(work, self._left, side="right"))
                self._left -= int(work[n_more - 1]) if n_more else 0
                depths[at] += n_more
                if depths[at] < depth:
                    break
        return [self._part(*item) for item in zip(self.keyframes, chains, depths, strict=True)]

    def _affordable(self, segments: list[Segment]) -> list[Segment]:
        """All segments whose keyframes the budget allows, or as many of them, evenly spaced."""
        work = int(self._work[[s.position for s in segments]].sum())
        n = len(segments)
        if work > self._left:
            n = max(min(n, _MIN_KEYFRAMES), n * self._left // work)
        chosen = [segments[(2 * i + 1) * len(segments) // (2 * n)] for i in range(n)]
        self._left -= int(self._work[[s.position for s in chosen]].sum())
        return chosen

    def _chain(self, segment: Segment) -> I64:
        """Packets of a GOP that others need, in the order of the file: each needs those before it alone."""
        after = np.arange(segment.position, self._ends[segment])
        return after[~self._packets.droppable[after]]

    def _part(self, segment: Segment, chain: I64, depth: int) -> Part:
        fed = self._frame_of[chain[:depth]]
        frames = np.sort(fed[(fed >= segment.start) & (fed < segment.stop)])
        return Part(segment._replace(n_packets=int(chain[depth - 1]) + 1 - segment.position), frames)
