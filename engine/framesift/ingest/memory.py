"""What indexing holds in memory, as formulas; ``python -m bench memory`` sets the measured peak beside them."""

from ..source_store import rows_a_chunk
from ..video.packets import BYTES_A_PACKET

_BESIDE_THE_THUMBNAIL = 32
"""Bytes of a row: sharpness, content hash, flags, and its statistics when it is stored."""
_CHUNKS_A_THREAD = 3
_DEMUXER_BYTES = 64
"""What FFmpeg's demuxer keeps of a packet in each container that is open: MP4's sample tables and index."""


def chunk_bytes(shape: tuple[int, int], threads: int, *, color: bool = False) -> int:
    """Most bytes of the rows that wait for their chunk to be whole, for thumbnails of *shape*.

    Each thread fills one chunk and shares another at the seam of two segments; while it stores one, there is room
    for the worst that Zstandard may make of it. All of it is in pages that the system has back at once (`pages`).
    """
    row = shape[0] * shape[1] * (3 if color else 1) + _BESIDE_THE_THUMBNAIL
    return _CHUNKS_A_THREAD * threads * rows_a_chunk(shape, color=color) * row


def length_bytes(n_frames: int, threads: int) -> int:
    """Most bytes that grow with the length of a video: its packet index, and what each open container keeps."""
    return n_frames * (BYTES_A_PACKET + _DEMUXER_BYTES * threads)
