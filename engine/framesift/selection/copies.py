"""Sources that show what another one shows: encoded anew, scaled, or a part of it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from framesift_kernels import F64, I64

from ..features.pixels import Pixels
from ..machine import load_kernels
from .candidates import Candidates, times_s

if TYPE_CHECKING:
    from ..index import Index

_ALIKE = 0.8
"""Correlation of what moves in two sources from which on their pictures are compared. A copy has 0.97 and more, other
videos have 0.35 and less."""
_LEAST_ROWS, _MOST_SOURCES = 16, 200
"""Frames of a source, and sources, of which it is looked for copies: every two sources are compared."""
_GREY_LEVELS, _SHARE = 4.0, 0.25
"""Root mean square difference of two thumbnails, or share of the usual one, up to which one is a copy of the other."""
_TELLING = 0.5
"""Of the usual difference of two frames, what that of most copies is at most: a still scene tells nothing."""
_BLOCK_ROWS = 512


@dataclass(frozen=True, slots=True)
class Copy:
    """Frames of a source that another one shows too."""

    source: int
    """Position in ``index.records`` of the one that is not chosen from."""
    of: int
    """Of the one that is."""
    rows: I64
    """Rows of *source*, as its reader counts them."""
    offset_s: float
    """Time in *of* at which *source* begins; frames for images."""


def drop_copies(candidates: Candidates) -> list[str]:
    """Close the frames that another source shows as well, and say so, a sentence a source."""
    index, notes = candidates.index, []
    if len(candidates.sources) > _MOST_SOURCES:
        return [f"sources that show the same were not looked for among more than {_MOST_SOURCES} sources"]
    copied = np.zeros(len(candidates), bool)
    for copy in find_copies(index, candidates.sources):
        rows = np.flatnonzero(candidates.source == copy.source)[copy.rows]
        copied[rows] = True
        own, other = index.records[copy.source], index.records[copy.of]
        notes.append(
            f"{own.uri} shows what {other.uri} shows from {copy.offset_s:.2f} "
            f"{'s' if own.kind == 'video' else 'frames'} on: {len(rows)} of its {own.n_rows} frames are not chosen from"
        )
    if notes:
        candidates.dropped["copied"] = int(np.count_nonzero(candidates.usable & copied))
        candidates.usable &= ~copied
    return notes


def find_copies(index: "Index", sources: list[int]) -> list[Copy]:
    """Copies among some sources.

    Of two that show the same the one of more pixels is kept, then of more bytes, then the first. Where what moves in
    two sources is correlated, at the shift in time at which it is most, their thumbnails there are compared.

    Notes
    -----
    By FFT, O(l log l) for each pair of sources of l frames together; memory is 16 bytes a frame, and 40 a frame of a pair. Sources
    are compared at one frame rate, the higher; of one that was indexed by keyframes alone a copy is not found.
    """
    order = sorted(sources, key=lambda s: (-_n_pixels(index, s), -index.records[s].n_bytes, s))
    signals = {source: _Signal.of(index, source) for source in sources}
    found: list[Copy] = []
    kept: list[int] = []
    for source in order:
        copy = next((c for other in kept if (c := _compare(index, source, other, signals)) is not None), None)
        if copy is None:
            kept.append(source)
        else:
            found.append(copy)
            if len(copy.rows) < index.records[source].n_rows:  # the rest may have copies of its own
                kept.append(source)
    return sorted(found, key=lambda c: c.source)


def _n_pixels(index: "Index", source: int) -> int:
    return index.records[source].width * index.records[source].height


@dataclass(frozen=True, slots=True)
class _Signal:
    """How much moves in a source."""

    times: F64
    step: float
    motion: F64

    @classmethod
    def of(cls, index: "Index", source: int) -> "_Signal":
        reader = index.reader(source)
        frames = reader.frames()
        is_video = index.records[source].kind == "video"
        times = times_s(index, source, frames) if is_video else frames.astype(np.float64)
        step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
        return cls(times, step, reader.statistic("motion").astype(np.float64))

    def even(self, step: float) -> F64:
        """It, about its mean, at even times from the first."""
        times = self.times - self.times[0]
        even = np.interp(np.arange(0, times[-1] + step / 2, step), times, self.motion)
        found: F64 = even - even.mean()
        return found


def _compare(index: "Index", source: int, other: int, signals: dict[int, _Signal]) -> Copy | None:
    if (index.records[source].kind == "video") != (index.records[other].kind == "video"):
        return None
    mine, theirs = signals[source].times, signals[other].times
    step = min(signals[source].step, signals[other].step)
    if min(len(mine), len(theirs)) < _LEAST_ROWS or step <= 0:
        return None
    shift = _shift(signals[source].even(step), signals[other].even(step))
    if shift is None:
        return None
    offset = theirs[0] + shift * step - mine[0]
    at = np.searchsorted(theirs, mine + offset - step / 2)
    there = (at < len(theirs)) & (mine + offset > theirs[0] - step)
    rows = np.flatnonzero(there)
    pixels = Pixels(index, [source, other], load_kernels("cpu"))
    apart = _apart(pixels, rows, len(mine) + at[rows])
    usual = float(np.median(_apart(pixels, rows, len(mine) + np.roll(at[rows], len(rows) // 3))))
    alike = rows[apart <= max(_GREY_LEVELS, _SHARE * usual)]
    if len(alike) < len(rows) / 2 or np.median(apart) > _TELLING * usual:
        return None
    return Copy(source, other, alike, float(offset))


def _shift(mine: F64, theirs: F64) -> int | None:
    """Where *mine* begins in *theirs*, if they are correlated there over half of the shorter at least."""
    length = 1 << int(np.ceil(np.log2(len(mine) + len(theirs))))
    shifts = np.arange(1 - len(mine), len(theirs))
    product = np.fft.irfft(np.conj(np.fft.rfft(mine, length)) * np.fft.rfft(theirs, length), length)[shifts]
    start, stop = np.maximum(0, -shifts), np.minimum(len(mine), len(theirs) - shifts)
    own = _energy(mine, start, stop)
    other = _energy(theirs, start + shifts, stop + shifts)
    long = (stop - start) * 2 >= min(len(mine), len(theirs))
    scale = np.sqrt(own * other)
    alike = np.where(long & (scale > 1e-12), product / np.maximum(scale, 1e-12), -1)
    best = int(alike.argmax())
    return int(shifts[best]) if alike[best] >= _ALIKE else None


def _energy(x: F64, start: I64, stop: I64) -> F64:
    total = np.concatenate([[0.0], np.cumsum(x * x)])
    return np.asarray(total[stop] - total[start], np.float64)


def _apart(pixels: Pixels, rows: I64, others: I64) -> Any:
    """Root mean square differences of *rows*, which increase, and *others*, in grey levels."""
    found = np.empty(len(rows))
    for start in range(0, len(rows), _BLOCK_ROWS):
        s = slice(start, start + _BLOCK_ROWS)
        unique, back = np.unique(others[s], return_inverse=True)
        a, b = pixels.take(rows[s]).astype(np.float32), pixels.take(unique)[back].astype(np.float32)
        found[s] = np.sqrt(np.mean((a - b) ** 2, axis=1))
    return found
