"""The packet index: every frame's time, found by demuxing alone, and the segments that it allows."""

from array import array
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import av
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from .references import Reader, Reference, droppable
from .segment import Segment

Table: TypeAlias = npt.NDArray[np.int64]
"""(packets, 5): pts, dts, size, whether it is a keyframe, whether an edit list hides it."""
OnKeyframe: TypeAlias = Callable[["Packet[VideoStream]", "array[int]"], None]

NO_TIME = -(1 << 63)
"""Where a packet has no pts or dts, as in FFmpeg."""
_BROADCASTS = ("mpegts", "mpeg")
"""Containers that are received rather than made, without an index."""
_ANY_RATE = ("h264", "hevc")
"""Whose frames may have any times, and whose numbers tell."""
_GAP = 1.5
"""Of the usual time from frame to frame: a longer one means that some are missing."""
BYTES_A_PACKET = 128
"""Of memory, at most, while a stream is being indexed: its table, and what is made of it."""


class PacketIndex(NamedTuple):
    """What demuxing tells about the frames of a stream, in the order in which they are shown."""

    pts: npt.NDArray[np.int64]
    """(n,) presentation time stamps, increasing, edit list applied; empty when the packets do not tell them."""
    keyframe: npt.NDArray[np.bool_]
    """(n,) keyframe flags."""
    position: npt.NDArray[np.int64]
    """(n,) how many packets stand before that of each frame in the file."""
    packet_bytes: npt.NDArray[np.int64]
    """(packets,) sizes in the order of the file, those of hidden frames too."""
    droppable: npt.NDArray[np.bool_]
    """(packets,) no other picture is predicted from it, so it may be left out; all False unless asked for."""
    segments: list[Segment]
    """In order, covering all frames; empty when the stream must be decoded sequentially."""
    doubt: str
    """Why the stream must be decoded sequentially; empty when it need not be."""
    is_reordered: bool
    """Some frame stands elsewhere in the file than on the screen, as with B-frames it must."""
    n_packets: int
    """Packets of frames that are shown: the number of frames, if the container tells the truth."""
    n_hidden: int
    """Packets of frames that an edit list hides."""
    is_damaged: bool
    """Some packet is not whole, or the file cannot be read to its end."""
    is_lossy: bool = False
    """Packets are missing, so that only a decoder knows which frames the others give; told of streams with *references*, and
    in containers of broadcasts."""


def read_packets(
    container: InputContainer,
    stream: VideoStream,
    *,
    references: Reader | None = None,
    on_keyframe: OnKeyframe | None = None,
) -> PacketIndex:
    """Demux *stream* to its end and index its packets. No packet is decoded; memory is `BYTES_A_PACKET` each.

    With *references*, which reads the packets' headers, the index tells which of them are `droppable`. *on_keyframe*
    is called with each keyframe's packet, and with the sizes of the packets from the one before it on.
    """
    rows = array("q")
    n_told = 0
    headers: list[Reference] = []
    n_corrupt = 0
    try:
        for packet in container.demux(stream):
            if packet.size:
                pts, dts, is_keyframe = packet.pts, packet.dts, packet.is_keyframe
                if is_keyframe and on_keyframe is not None:
                    on_keyframe(packet, rows[n_told + 2 :: 5])
                    n_told = len(rows)
                rows.extend(
                    (
                        NO_TIME if pts is None else pts,
                        NO_TIME if dts is None else dts,
                        packet.size,
                        is_keyframe,
                        packet.is_discard,
                    )
                )
                n_corrupt += packet.is_corrupt
                if references is not None:
                    headers.append(references(bytes(packet)))
    except av.FFmpegError:
        return _doubtful(_table(rows), "the file cannot be read to its end", is_damaged=True)
    table = _table(rows)
    if n_corrupt:
        return _doubtful(table, "damaged packets", is_damaged=True)
    if not len(table):
        return _doubtful(table, "no packets")
    if stream.codec_context.pix_fmt == "pal8":
        # AVI says it once, with the first packet that is read, and after a seek never again.
        return _doubtful(table, "a palette comes with its packets")
    _number_first_dts(table[:, 1])
    if np.any(table[:, :2] == NO_TIME):
        return _doubtful(table, "packets without time stamps")
    is_lossy = _is_lossy(container, stream, table[:, 0], references)
    return _index(table, droppable(headers))._replace(is_lossy=is_lossy)


def _is_lossy(
    container: InputContainer, stream: VideoStream, pts: npt.NDArray[np.int64], references: Reader | None
) -> bool:
    numbering = None if references is None else references.numbering
    if numbering is not None and numbering.has_gaps():
        return True
    codec = stream.codec_context.codec.canonical_name
    if container.format.name not in _BROADCASTS or len(pts) < 2 or codec in _ANY_RATE:
        return False
    if codec == "dirac":  # cut into more packets than there are pictures
        return True
    steps = np.diff(np.sort(pts))
    return bool(steps.max() > _GAP * np.median(steps))


def _table(rows: "array[int]") -> Table:
    return np.frombuffer(rows, np.int64).reshape(-1, 5) if rows else np.empty((0, 5), np.int64)


def _number_first_dts(dts: npt.NDArray[np.int64]) -> None:
    """Number the first packets where Matroska, which stores no dts, cannot tell theirs for B-frames."""
    n = int(np.argmax(dts != NO_TIME))
    if dts[n] != NO_TIME:
        dts[:n] = np.arange(dts[n] - n, dts[n])


def _doubtful(table: Table, doubt: str, *, is_damaged: bool = False) -> PacketIndex:
    none = np.empty(0, np.int64)
    shown = int(np.count_nonzero(table[:, 4] == 0))
    return PacketIndex(
        pts=none,
        keyframe=none.astype(bool),
        position=none,
        packet_bytes=none,
        droppable=none.astype(bool),
        segments=[],
        doubt=doubt,
        is_reordered=False,
        n_packets=shown,
        n_hidden=len(table) - shown,
        is_damaged=is_damaged,
    )


def _index(packets: Table, unneeded: npt.NDArray[np.bool_] | None = None) -> PacketIndex:
    pts, dts, size, key, discard = packets.T
    position = np.flatnonzero(discard == 0)
    position = position[np.argsort(pts[position], kind="stable")]  # in the order of presentation
    shown = pts[position]
    segments: list[Segment] = []
    if len(shown) == 0:
        doubt = "no frame is shown"
    elif np.any(np.diff(shown) <= 0):
        doubt = "time stamps that repeat"
    elif np.any(np.diff(dts) <= 0):
        doubt = "decoding time stamps out of order"
    elif not key[0]:
        doubt = "it does not begin with a keyframe"
    else:
        doubt = ""
        segments = _segments(pts, dts, key, position)
    return PacketIndex(
        pts=shown,
        keyframe=key[position].astype(bool),
        position=position,
        packet_bytes=size.copy(),  # without the rest of the table
        droppable=key < 0 if unneeded is None else unneeded & (key == 0),
        segments=segments,
        doubt=doubt,
        is_reordered=bool(np.any(np.diff(position) < 0)),
        n_packets=len(shown),
        n_hidden=len(packets) - len(shown),
        is_damaged=False,
    )


def _segments(
    pts: npt.NDArray[np.int64],
    dts: npt.NDArray[np.int64],
    key: npt.NDArray[np.int64],
    position: npt.NDArray[np.int64],
) -> list[Segment]:
    """Cut the frames at the keyframes' pts.

    Leading frames of an open GOP (after the keyframe in the file, before it on the screen) thus belong to the
    segment before, which decodes on past that keyframe to get them. Where a keyframe is followed on the screen
    by a frame that stands before it in the file, it opens no segment.
    """
    shown = pts[position]
    # Earliest packet among each frame and all later ones.
    first_after = np.minimum.accumulate(position[::-1])[::-1]
    cuts: list[tuple[int, int]] = []  # (frame index, packet position of the keyframe)
    for at in map(int, np.flatnonzero(key)):
        row = int(np.searchsorted(shown, pts[at]))
        if not cuts or (row > cuts[-1][0] and row < len(shown) and first_after[row] >= at):
            cuts.append((row if cuts else 0, at))
    segments = []
    for (start, at), (stop, _) in zip(cuts, [*cuts[1:], (len(shown), -1)], strict=True):
        until = int(position[start:stop].max()) + 1
        segments.append(Segment(start, stop, int(pts[at]), int(dts[at]), at, until - at))
    return segments


def merge(segments: list[Segment], min_frames: int) -> list[Segment]:
    """Join neighbours until each segment has *min_frames* (but the last): a seek should be worth its while."""
    merged: list[Segment] = []
    for segment in segments:
        if merged and merged[-1].stop - merged[-1].start < min_frames:
            first = merged.pop()
            n_packets = max(first.n_packets, segment.position + segment.n_packets - first.position)
            segment = first._replace(stop=segment.stop, n_packets=n_packets)
        merged.append(segment)
    return merged
