"""Which packets hold pictures that no other picture is predicted from: read off their headers, not decoded."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

_START = b"\0\0\1"


class Reference(NamedTuple):
    """What the header of a packet says of its pictures."""

    is_droppable: bool
    """No picture of its own temporal layer or a lower one is predicted from them."""
    layer: int
    """Temporal layer; pictures of higher ones may be predicted from them."""


_KEEP = Reference(False, 0)
_DROP = Reference(True, 0)
Reader = Callable[[bytes], Reference]
"""Reads a packet."""


def reference_reader(codec: str, extradata: bytes | None) -> Reader | None:
    """What reads the packets of a stream; None for codecs whose headers do not tell.

    Parameters
    ----------
    codec
        FFmpeg's name of the format.
    extradata
        The codec's own header, which says how its packets are cut into units.
    """
    header = extradata or b""
    if codec == "h264":
        size = (header[4] & 3) + 1 if len(header) > 6 and header[0] == 1 else 0
        return lambda packet: _h264(packet, size)
    if codec == "hevc":
        size = (header[21] & 3) + 1 if len(header) > 22 and header[0] == 1 else 0
        return lambda packet: _hevc(packet, size)
    if codec in ("mpeg1video", "mpeg2video"):
        return lambda packet: _pictures(packet, 0x00, lambda at: packet[at + 1] >> 3 & 7 == 3)
    if codec == "mpeg4":
        return lambda packet: _pictures(packet, 0xB6, lambda at: packet[at] >> 6 == 2)
    return None


def droppable(headers: Sequence[Reference]) -> npt.NDArray[np.bool_] | None:
    """(packets,) whether no other picture is predicted from each: of the highest temporal layer alone that holds."""
    if not headers:
        return None
    top = max(header.layer for header in headers)
    return np.array([header.is_droppable and header.layer == top for header in headers])


def _h264(packet: bytes, size: int) -> Reference:
    """Slices with ``nal_ref_idc`` 0 (H.264, 7.4.1), and no parameter set that later pictures need."""
    if size and len(packet) > size and packet[size] & 0x60 and 1 <= packet[size] & 31 <= 5:
        return _KEEP  # most are told by their first byte, and there may be a million
    n_slices = 0
    for at in _units(packet, size):
        kind = packet[at] & 31
        if kind in (7, 8) or (1 <= kind <= 5 and packet[at] & 0x60):
            return _KEEP
        n_slices += 1 <= kind <= 5
    return _DROP if n_slices else _KEEP


def _hevc(packet: bytes, size: int) -> Reference:
    """Slices of sub-layer non-reference pictures (H.265, table 7-1): even types below 16."""
    n_slices = layer = 0
    is_droppable = True
    for at in _units(packet, size):
        kind = packet[at] >> 1 & 63
        if kind < 32:
            layer = max(layer, (packet[at + 1] & 7) - 1)
            is_droppable &= kind < 16 and kind % 2 == 0
            n_slices += 1
        elif kind < 35:
            is_droppable = False
    return Reference(is_droppable and n_slices > 0, layer)


def _units(packet: bytes, size: int) -> list[int]:
    """Where the units of a packet begin: after a length of *size* bytes, or, with 0, after a start code.

    None of a packet that is not cut as it should be.
    """
    if not size:
        return [at for at in _after_start_codes(packet) if at + 1 < len(packet)]
    found, at = [], 0
    while at < len(packet):
        n_bytes = int.from_bytes(packet[at : at + size], "big")
        if n_bytes > 1:
            found.append(at + size)
        at += size + n_bytes
    return found if at == len(packet) else []


def _after_start_codes(packet: bytes) -> list[int]:
    found, at = [], packet.find(_START)
    while at >= 0:
        found.append(at + 3)
        at = packet.find(_START, at + 3)
    return found


def _pictures(packet: bytes, code: int, is_bidirectional: Callable[[int], bool]) -> Reference:
    """MPEG's B pictures, which are never predicted from; *code* begins a picture's header."""
    headers = [at + 1 for at in _after_start_codes(packet) if at + 2 < len(packet) and packet[at] == code]
    return Reference(bool(headers) and all(map(is_bidirectional, headers)), 0)
