"""Keyframes that are decoded while the packets of their video are still being read."""

import threading
from array import array
from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeAlias

from av.packet import Packet
from av.video.stream import VideoStream

from ..measure import View
from ..video.plan import BUDGET, work_of
from .modes import Keyframes, Measured
from .pool import Task

KeyPacket: TypeAlias = "Packet[VideoStream]"
Then: TypeAlias = Callable[[], Iterable[Task]]

_MOST_WAITING = 16
"""Packets of keyframes that wait for a thread: what is left out now is decoded later."""
_MOST_REFUSED = 8
"""Keyframes that are too dear: with more of them not all will be wanted, and which ones is not known yet."""


class Ahead:
    """Hands keyframes from the thread that reads packets to idle ones, and keeps what these have measured.

    No more of them than the budget of ``keyframes`` allows, as far as is known. Which ones were done in time changes nothing but
    how long it takes: those that were not are decoded afterwards.
    """

    def __init__(self, n_helpers: int) -> None:
        self.n_pixels = 0
        """Of a frame."""
        self._n_helpers = n_helpers
        self._waiting: deque[KeyPacket] = deque()
        self._last: KeyPacket | None = None
        self._n_read = self._n_bytes = self._spent = self._n_refused = 0
        self._found: dict[int, tuple[View, Measured]] = {}
        self.begun: set[int | None] = set()
        """pts of the keyframes that helpers have decoded, or are about to."""
        self._is_over = False
        self._then: Then | None = None
        self._change = threading.Condition()

    # For who reads --------------------------------------------------------------------------------------------

    def met(self, packet: KeyPacket, sizes: "array[int]") -> None:
        """A keyframe's packet has been read, and so has the whole GOP of the one before; *sizes* are of the packets between."""
        self._n_read += len(sizes)
        self._n_bytes += sum(sizes)
        if packet.has_sidedata("new_extradata"):  # which those that are decoded alone would not be told
            self.end()
        last, self._last = self._last, packet
        if last is None or last.pts is None or last.is_discard or self._is_over:
            return
        spent = self._spent + work_of(self.n_pixels, 1, last.size)
        if spent * BUDGET > work_of(self.n_pixels, self._n_read, self._n_bytes):
            self._n_refused += 1
            if self._n_refused > _MOST_REFUSED:
                self.end()
            return
        with self._change:
            if len(self._waiting) < _MOST_WAITING:
                self._spent = spent
                self._waiting.append(last)
                self._change.notify()

    def end(self, then: Then | None = None) -> int:
        """Begin no other keyframe; returns how many helpers are left, each of which `leave` tells of *then*."""
        with self._change:
            self._is_over, self._then = True, then or self._then
            self._waiting.clear()
            self._last = None
            self._change.notify_all()
            return self._n_helpers

    def pop(self, pts: int, view: View) -> Measured | None:
        """What was measured of the keyframe at *pts*, seen by *view*."""
        found = self._found.pop(pts, None)
        return found[1] if found is not None and found[0] == view else None

    # For helpers ----------------------------------------------------------------------------------------------

    def take(self) -> "KeyPacket | None":
        """The next keyframe's packet, as soon as there is one; None when there will be no more."""
        with self._change:
            self._change.wait_for(lambda: self._waiting or self._is_over)
            if not self._waiting:
                return None
            packet = self._waiting.popleft()
            self.begun.add(packet.pts)
            return packet

    def keep(self, pts: int, view: View, measured: Measured) -> bool:
        """Keep what was measured of a keyframe; False where no more than this may be kept."""
        self._found[pts] = view, measured
        return Keyframes.fit(len(self._found) + 1, view.shape, color=measured.chroma is not None)

    def leave(self) -> Then | None:
        """A helper ends; returns what goes on when all have, if somebody waits for them."""
        with self._change:
            self._n_helpers -= 1
            return self._then
