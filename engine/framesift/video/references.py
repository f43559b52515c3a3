"""Which packets hold pictures that no other picture is predicted from: read off their headers, not decoded."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .continuity import HEAD_BYTES, H264Numbering, HevcNumbering, MpegNumbering, Numbering

_START = b"\0\0\1"
_PICTURE, _GROUP, _PLANE = 0x00, 0xB8, 0xB6
"""Codes that begin a picture and a group of pictures of MPEG-1 and 2, and a picture of MPEG-4."""


class Reference(NamedTuple):
    """What the header of a packet says of its pictures."""

    is_droppable: bool
    """No picture of its own temporal layer or a lower one is predicted from them."""
    layer: int
    """Temporal layer; pictures of higher ones may be predicted from them."""


_KEEP = Reference(False, 0)
_DROP = Reference(True, 0)


class Reader:
    """Reads the headers of a stream's packets, one after the other.

    Parameters
    ----------
    header
        The codec's own, which says how its packets are cut into units.
    """

    numbering: Numbering | None = None
    """What the pictures count themselves by."""

    def __init__(self, header: bytes) -> None:
        """Take from *header* what is needed."""

    def __call__(self, packet: bytes) -> Reference:
        """What the header of *packet* says."""
        raise NotImplementedError


def reference_reader(codec: str, extradata: bytes | None) -> Reader | None:
    """What reads the packets of a stream; None for codecs whose headers do not tell.

    Parameters
    ----------
    codec
        FFmpeg's name of the format.
    extradata
        The codec's own header.
    """
    found = _READERS.get(codec)
    return None if found is None else found(extradata or b"")


def droppable(headers: Sequence[Reference]) -> npt.NDArray[np.bool_] | None:
    """(packets,) whether no other picture is predicted from each: of the highest temporal layer alone that holds."""
    if not headers:
        return None
    top = max(header.layer for header in headers)
    return np.array([header.is_droppable and header.layer == top for header in headers])


class _H264Reader(Reader):
    """Slices with ``nal_ref_idc`` 0 (H.264, 7.4.1), and no parameter set that later pictures need."""

    def __init__(self, header: bytes) -> None:
        self._size = (header[4] & 3) + 1 if len(header) > 6 and header[0] == 1 else 0
        self.numbering = self._numbering = H264Numbering()
        for unit in _units_of_avcc(header) if self._size else _cut(header, 0):
            if unit[0] & 31 in (7, 8):
                self._numbering.parameters(unit)

    def __call__(self, packet: bytes) -> Reference:
        size = self._size
        if size and len(packet) > size and packet[size] & 0x60 and 1 <= packet[size] & 31 <= 5:
            self._numbering.picture(packet[size : size + HEAD_BYTES])
            return _KEEP  # most are told by their first byte, and there may be a million
        n_slices, found = 0, _DROP
        for at, end in _units(packet, size):
            kind = packet[at] & 31
            if kind in (7, 8):
                self._numbering.parameters(packet[at:end])
                found = _KEEP
            elif 1 <= kind <= 5:
                if n_slices == 0:
                    self._numbering.picture(packet[at : at + HEAD_BYTES])
                n_slices += 1
                if packet[at] & 0x60:
                    return _KEEP
        return found if n_slices else _KEEP


class _HevcReader(Reader):
    """Slices of sub-layer non-reference pictures (H.265, table 7-1): even types below 16."""

    def __init__(self, header: bytes) -> None:
        self._size = (header[21] & 3) + 1 if len(header) > 22 and header[0] == 1 else 0
        self.numbering = self._numbering = HevcNumbering()
        for unit in _units_of_hvcc(header) if self._size else _cut(header, 0):
            if unit[0] >> 1 & 63 in (33, 34):
                self._numbering.parameters(unit)

    def __call__(self, packet: bytes) -> Reference:
        n_slices = layer = 0
        is_droppable = True
        for at, end in _units(packet, self._size):
            kind = packet[at] >> 1 & 63
            if kind < 32:
                if n_slices == 0:
                    self._numbering.picture(packet[at : at + HEAD_BYTES])
                layer = max(layer, (packet[at + 1] & 7) - 1)
                is_droppable &= kind < 16 and kind % 2 == 0
                n_slices += 1
            elif kind < 35:
                is_droppable = False
                if kind > 32:
                    self._numbering.parameters(packet[at:end])
        return Reference(is_droppable and n_slices > 0, layer)


class _MpegReader(Reader):
    """B pictures of MPEG-1 and 2, which are never predicted from."""

    def __init__(self, header: bytes) -> None:
        self.numbering = self._numbering = MpegNumbering()

    def __call__(self, packet: bytes) -> Reference:
        starts = [at for at in _after_start_codes(packet) if at + 2 < len(packet)]
        if any(packet[at] == _GROUP for at in starts):
            self._numbering.parameters(b"")
        pictures = [at for at in starts if packet[at] == _PICTURE]
        if pictures:
            self._numbering.picture(packet[pictures[0] : pictures[0] + HEAD_BYTES])
        return Reference(bool(pictures) and all(packet[at + 2] >> 3 & 7 == 3 for at in pictures), 0)


class _Mpeg4Reader(Reader):
    """B pictures of MPEG-4."""

    def __call__(self, packet: bytes) -> Reference:
        starts = [at for at in _after_start_codes(packet) if at + 2 < len(packet) and packet[at] == _PLANE]
        return Reference(bool(starts) and all(packet[at + 1] >> 6 == 2 for at in starts), 0)


_READERS: dict[str, Callable[[bytes], Reader]] = {
    "h264": _H264Reader,
    "hevc": _HevcReader,
    "mpeg1video": _MpegReader,
    "mpeg2video": _MpegReader,
    "mpeg4": _Mpeg4Reader,
}


def _units_of_avcc(header: bytes) -> list[bytes]:
    """Parameter sets of an MP4's header of H.264 (ISO 14496-15, 5.3.3)."""
    found: list[bytes] = []
    at = 5
    for mask in (31, 255):
        if at >= len(header):
            break
        n, at = header[at] & mask, at + 1
        at = _take(header, at, n, found)
    return found


def _units_of_hvcc(header: bytes) -> list[bytes]:
    """Parameter sets of an MP4's header of HEVC (ISO 14496-15, 8.3.3)."""
    found: list[bytes] = []
    at = 23
    for _ in range(header[22]):
        at = _take(header, at + 3, int.from_bytes(header[at + 1 : at + 3], "big"), found)
    return found


def _take(header: bytes, at: int, n: int, found: list[bytes]) -> int:
    for _ in range(n):
        n_bytes = int.from_bytes(header[at : at + 2], "big")
        unit = header[at + 2 : at + 2 + n_bytes]
        at += 2 + n_bytes
        if len(unit) > 2:
            found.append(unit)
    return at


def _cut(packet: bytes, size: int) -> list[bytes]:
    return [packet[at:end] for at, end in _units(packet, size)]


def _units(packet: bytes, size: int) -> list[tuple[int, int]]:
    """Where the units of a packet begin and end: after a length of *size* bytes, or, with 0, after a start code.

    None of a packet that is not cut as it should be.
    """
    if not size:
        starts = [at for at in _after_start_codes(packet) if at + 1 < len(packet)]
        ends = [at - 3 for at in starts[1:]] + [len(packet)]
        return list(zip(starts, ends, strict=False))
    found, at = [], 0
    while at < len(packet):
        n_bytes = int.from_bytes(packet[at : at + size], "big")
        if n_bytes > 1:
            found.append((at + size, at + size + n_bytes))
        at += size + n_bytes
    return found if at == len(packet) else []


def _after_start_codes(packet: bytes) -> list[int]:
    found, at = [], packet.find(_START)
    while at >= 0:
        found.append(at + 3)
        at = packet.find(_START, at + 3)
    return found
