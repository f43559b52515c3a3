"""Packets that are missing: what pictures count themselves by says so, without decoding any.

A recorder that loses packets writes a file that is whole: but the pictures before and after them do not follow each other,
and a decoder then leaves out some that are there. H.264 numbers its reference frames (7.4.3, ``frame_num``), HEVC (8.3.1) and
MPEG-1 and 2 (6.3.9, ``temporal_reference``) number pictures in the order in which they are shown. Each number stands
in the first bytes of the packet's first slice; these are kept, and read of all packets at once.
"""

from array import array
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

U8: TypeAlias = npt.NDArray[np.uint8]
I32: TypeAlias = npt.NDArray[np.int32]
I64: TypeAlias = npt.NDArray[np.int64]

HEAD_BYTES = 12
"""Of a slice, that are kept: its number is within the first seven, which may hold three bytes of escapes."""
_BLOCK = 1 << 14
_MOST_BITS = 16
"""Of a number, in both standards."""
_ESCAPE = b"\0\0\3"
_HIGH_PROFILES = (100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135)


class _Bits:
    """Reads a parameter set from its first bit on."""

    def __init__(self, unit: bytes) -> None:
        escaped = unit.replace(_ESCAPE, b"\0\0")
        self._value, self._left = int.from_bytes(escaped, "big"), 8 * len(escaped)

    def u(self, n: int) -> int:
        """The next *n* bits as a number."""
        if n > self._left:
            raise ValueError("a parameter set ends too early")
        self._left -= n
        return self._value >> self._left & (1 << n) - 1

    def ue(self) -> int:
        """The next Exp-Golomb code."""
        n = 0
        while not self.u(1):
            n += 1
        return (1 << n) - 1 + self.u(n)


class _Sequence(NamedTuple):
    """What a sequence parameter set says of the headers of slices."""

    n_bits: int
    """Of a picture's number."""
    has_planes: bool
    """Two bits say of which colour a slice is."""
    has_gaps: bool
    """Numbers may be left out."""
    only_frames: bool


class _Picture(NamedTuple):
    """What a picture parameter set says of them."""

    sequence: int
    n_extra: int
    has_output_flag: bool


class Numbering:
    """The numbers that the pictures of a stream count themselves by; fed packet by packet, in the order of the file."""

    _n_columns: int

    def __init__(self) -> None:
        self._heads = bytearray()
        self._epochs = array("i")
        self._known: dict[bytes, tuple[bool, int]] = {}
        self._sequences: dict[int, _Sequence] = {}
        self._pictures: dict[int, _Picture] = {}
        self._tables: list[npt.NDArray[np.int64]] = []
        self._is_new = True

    def picture(self, slice_: bytes) -> None:
        """A packet whose first slice, with its unit's header, begins so."""
        if self._is_new:
            self._tables.append(self._table())
            self._is_new = False
        self._heads += slice_[:HEAD_BYTES].ljust(HEAD_BYTES, b"\0")
        self._epochs.append(len(self._tables) - 1)

    def parameters(self, unit: bytes) -> None:
        """A parameter set, to be looked at where it is another than before."""
        unit = unit.rstrip(b"\0")  # which belong to the start code that follows
        if unit in self._known:
            return
        try:
            key = self._parse(unit)
        except ValueError:
            return
        self._known = {u: k for u, k in self._known.items() if k != key} | {unit: key}
        self._is_new = True

    def has_gaps(self) -> bool:
        """Some picture does not follow the one before: others were there."""
        if not self._tables:
            return False
        heads = np.frombuffer(self._heads, np.uint8).reshape(-1, HEAD_BYTES)
        epochs = np.frombuffer(self._epochs, np.int32)
        columns = np.empty((self._n_columns, len(heads)), np.int32)
        for at in range(0, len(heads), _BLOCK):
            columns[:, at : at + _BLOCK] = self._read(heads[at : at + _BLOCK], epochs[at : at + _BLOCK])
        return self._is_broken(*columns)

    def _parse(self, unit: bytes) -> tuple[bool, int]:
        raise NotImplementedError

    def _read(self, heads: U8, epochs: I32) -> I32:
        """(columns, packets) what `_is_broken` wants to know of them."""
        raise NotImplementedError

    def _is_broken(self, *columns: I32) -> bool:
        raise NotImplementedError

    def _table(self) -> I64:
        """(64, 7) by number of the picture parameter set: whether it is known, and the fields of both."""
        table = np.zeros((64, 7), np.int64)
        for number, picture in self._pictures.items():
            sequence = self._sequences.get(picture.sequence)
            if sequence is not None and number < len(table):
                table[number] = (1, picture.n_extra, picture.has_output_flag, *sequence)
        return table

    def _fields(self, numbers: I64, epochs: I32) -> list[I64]:
        found = np.stack(self._tables)[epochs, np.minimum(numbers, 63)]
        return list(found.T)


class H264Numbering(Numbering):
    """``frame_num``: one more after each reference frame, from 0 at an IDR picture."""

    _n_columns = 7

    def _parse(self, unit: bytes) -> tuple[bool, int]:
        bits = _Bits(unit[1:])
        if unit[0] & 31 == 8:
            number = bits.ue()
            self._pictures[number] = _Picture(bits.ue(), 0, False)
            return False, number
        profile = bits.u(8)
        bits.u(16)
        number = bits.ue()
        has_planes = profile in _HIGH_PROFILES and _skip_high_profile(bits)
        n_bits = bits.ue() + 4
        if n_bits > _MOST_BITS:
            raise ValueError("no parameter set")
        _skip_order(bits)
        bits.ue()
        has_gaps = bits.u(1) == 1
        bits.ue(), bits.ue()
        self._sequences[number] = _Sequence(n_bits, has_planes, has_gaps, bits.u(1) == 1)
        return True, number

    def _read(self, heads: U8, epochs: I32) -> I32:
        heads = _unescaped(heads)
        unit, bits = heads[:, 0], _Words(heads[:, 1:9])
        bits.ue()
        bits.ue()
        known, _, _, n_bits, has_planes, may_skip, only_frames = self._fields(bits.ue(), epochs)
        bits.u(2 * has_planes)
        number = bits.u(n_bits)
        is_first = unit & 31 == 5
        return _columns(
            np.where(is_first, 0, number), n_bits, unit & 0x60 != 0, is_first, known, may_skip, only_frames
        )

    def _is_broken(self, *columns: I32) -> bool:
        number, n_bits, is_ref, is_first, known, may_skip, only_frames = columns
        at = np.arange(len(number), dtype=np.int32)
        # The reference frame before each but the first.
        before = np.maximum.accumulate(np.where(is_ref == 1, at, np.int32(-1)))[:-1]
        step = (number[1:] - number[before]) % (1 << n_bits[1:])
        again = (step == 0) & (is_ref[1:] == 1) & (before == at[:-1]) & (only_frames[1:] == 1)
        gap = ((step > 1) & (may_skip[1:] == 0)) | again
        can_tell = (is_first[1:] == 0) & (before >= 0) & (known[1:] == 1) & (known[before] == 1)
        return bool(np.any(gap & can_tell))


class HevcNumbering(Numbering):
    """Picture order counts: one after the other, as pictures are shown, from one IDR or BLA picture to the next."""

    _n_columns = 4

    def _parse(self, unit: bytes) -> tuple[bool, int]:
        bits = _Bits(unit[2:])
        if unit[0] >> 1 & 63 == 34:
            number, sequence = bits.ue(), bits.ue()
            bits.u(1)
            has_output_flag = bits.u(1) == 1
            self._pictures[number] = _Picture(sequence, bits.u(3), has_output_flag)
            return False, number
        bits.u(4)
        _skip_profiles(bits)
        number = bits.ue()
        has_planes = bits.ue() == 3 and bits.u(1) == 1
        bits.ue(), bits.ue()
        for _ in range(4 * bits.u(1)):
            bits.ue()
        bits.ue(), bits.ue()
        n_bits = bits.ue() + 4
        if n_bits > _MOST_BITS:
            raise ValueError("no parameter set")
        self._sequences[number] = _Sequence(n_bits, has_planes, False, True)
        return True, number

    def _read(self, heads: U8, epochs: I32) -> I32:
        heads = _unescaped(heads)
        kind, bits = heads[:, 0] >> 1 & 63, _Words(heads[:, 2:10])
        is_first = bits.u(1)
        bits.u(((kind >= 16) & (kind <= 23)).astype(np.int64))
        known, n_extra, has_output_flag, n_bits, has_planes, _, _ = self._fields(bits.ue(), epochs)
        bits.u(n_extra)
        bits.ue()
        bits.u(has_output_flag)
        bits.u(2 * has_planes)
        is_idr = (kind == 19) | (kind == 20)
        is_reset = (kind >= 16) & (kind <= 20)
        return _columns(np.where(is_idr, 0, bits.u(n_bits)), n_bits, is_reset, known & is_first)

    def _is_broken(self, *columns: I32) -> bool:
        number, n_bits, is_reset, known = columns
        if not known.all():
            return False
        size = 1 << n_bits[1:]
        steps = (np.diff(number) + size // 2) % size - size // 2  # the shorter way round
        return _have_holes(
            np.cumsum(np.append(0, steps), dtype=np.int32), np.cumsum(is_reset, dtype=np.int32)
        )


class MpegNumbering(Numbering):
    """``temporal_reference``: from 0 in each group of pictures; a slice is a picture's header here, a parameter set a group's."""

    _n_columns = 2

    def __init__(self) -> None:
        super().__init__()
        self._n_groups = 0

    def parameters(self, unit: bytes) -> None:
        """The header of a group of pictures."""
        self._n_groups += 1
        self._is_new = True

    def _table(self) -> I64:
        return np.array([self._n_groups])

    def _read(self, heads: U8, epochs: I32) -> I32:
        number = heads[:, 1].astype(np.int64) << 2 | heads[:, 2] >> 6
        return _columns(number, np.concatenate(self._tables)[epochs])

    def _is_broken(self, *columns: I32) -> bool:
        number, groups = columns
        is_second = np.append(False, (np.diff(number) == 0) & (np.diff(groups) == 0))  # of two fields
        inside = (groups > 0) & ~is_second
        return _have_holes(number[inside], groups[inside])


def _columns(*columns: npt.NDArray[np.generic]) -> I32:
    return np.stack([column.astype(np.int32) for column in columns])


def _have_holes(numbers: I32, runs: I32) -> bool:
    """Whether a run's numbers, which may come in any order, repeat or are not evenly spaced."""
    if len(numbers) < 2:
        return False
    order = np.lexsort((numbers, runs))
    steps = np.diff(numbers[order])[np.diff(runs[order]) == 0]
    return bool(len(steps)) and bool(np.any(steps != np.bincount(np.maximum(steps, 0)).argmax()))


def _unescaped(heads: U8) -> U8:
    """The bytes without those that keep start codes out of what follows a unit's header."""
    escaped = (heads[:, :-2] == 0) & (heads[:, 1:-1] == 0) & (heads[:, 2:] == 3)
    found = heads.copy()
    for row in np.flatnonzero(escaped.any(axis=1)):
        plain = heads[row].tobytes().replace(_ESCAPE, b"\0\0").ljust(HEAD_BYTES, b"\0")
        found[row] = np.frombuffer(plain, np.uint8)
    return found


class _Words:
    """Reads the next bits of many headers at once: of (n, 8) uint8."""

    def __init__(self, heads: U8) -> None:
        words = np.ascontiguousarray(heads).view(">u8").ravel()
        self._left: npt.NDArray[np.uint64] = words.astype(np.uint64)

    def u(self, n: I64 | int) -> I64:
        """The next *n* bits of each."""
        width = np.asarray(n, np.uint64)
        found = self._left >> np.uint64(1) >> (np.uint64(63) - width)
        self._left = self._left << width
        return found.astype(np.int64)

    def ue(self) -> I64:
        """The next Exp-Golomb code of each; of what is none, something."""
        n_zeros = 32 - np.frexp((self._left >> np.uint64(32)).astype(np.float64))[1]
        n = np.minimum(n_zeros, 15)
        return self.u((2 * n + 1).astype(np.int64)) - 1


def _skip_high_profile(bits: _Bits) -> bool:
    """What only high profiles have; whether a slice says of which colour it is."""
    form = bits.ue()
    has_planes = form == 3 and bits.u(1) == 1
    bits.ue(), bits.ue(), bits.u(1)
    if bits.u(1):
        for at in range(12 if form == 3 else 8):
            if bits.u(1):
                _skip_scaling(bits, 16 if at < 6 else 64)
    return has_planes


def _skip_scaling(bits: _Bits, n: int) -> None:
    last = following = 8
    for _ in range(n):
        if following:
            code = bits.ue()
            following = (last + (-(code // 2) if code % 2 == 0 else (code + 1) // 2)) % 256
        last = following or last


def _skip_order(bits: _Bits) -> None:
    kind = bits.ue()
    if kind == 0:
        bits.ue()
    elif kind == 1:
        bits.u(1), bits.ue(), bits.ue()
        for _ in range(bits.ue()):
            bits.ue()


def _skip_profiles(bits: _Bits) -> None:
    """HEVC's profile_tier_level (7.3.3), and what stands before it of the number of its layers."""
    n_more = bits.u(3)
    bits.u(1)
    bits.u(96)
    layers = [(bits.u(1), bits.u(1)) for _ in range(n_more)]
    bits.u(2 * (8 - n_more) if n_more else 0)
    for has_profile, has_level in layers:
        bits.u(88 * has_profile + 8 * has_level)
