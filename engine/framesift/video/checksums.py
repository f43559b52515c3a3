"""Damage that a decoder hides: FFV1's slices end in a checksum, and what does not fit it is covered up in silence."""

import zlib

_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_TRAILER = 8
"""Bytes after a slice: its size (3), an error status (1), the checksum (4)."""


def is_intact(packet: bytes) -> bool:
    """Whether every slice of an FFV1 frame has its checksum (RFC 9043, 4.9); not if it is written without.

    The checksum is a CRC-32 over the slice and its trailer, highest bit first, from 0: of what is whole it is 0.
    zlib's has the lowest bit first and inverts what goes in and comes out.
    """
    at = len(packet)
    while at >= _TRAILER:
        size = int.from_bytes(packet[at - _TRAILER : at - _TRAILER + 3], "big") + _TRAILER
        if size > at or zlib.crc32(packet[at - size : at].translate(_REVERSED), 0xFFFFFFFF) != 0xFFFFFFFF:
            return False
        at -= size
    return at == 0 and len(packet) > 0
