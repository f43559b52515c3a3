"""Videos whose packets say of themselves what is not so: every mode gives the frames of a plain decode."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import framesift
from clips import painted, painted_number
from framesift.video.container import open_video
from framesift.video.continuity import H264Numbering
from framesift.video.decode import Decoder

SIZE = (176, 144)
N = 60
VOP, NOT_CODED = b"\0\0\1\xb6", b"\0\0\1\xb6\x50\x5f"


def encoded(codec: str, container: Any, options: dict[str, str]) -> tuple[Any, list[av.Packet]]:
    stream = container.add_stream(codec, rate=25, options=options)
    stream.width, stream.height = SIZE
    stream.pix_fmt = "yuv420p"
    stream.time_base = Fraction(1, 25)
    packets = []
    for number in range(N):
        frame = av.VideoFrame.from_ndarray(painted(number, SIZE), format="rgb24").reformat(format="yuv420p")
        frame.pts = number
        packets += stream.encode(frame)
    return stream, packets + stream.encode(None)


def plain(codec: str, **options: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with av.open(str(path), "w") as container:
            container.mux(encoded(codec, container, {"g": "12", **options})[1])

    return write


def write_packed(path: Path) -> None:
    """As DivX and Xvid pack B-frames in AVI: with the frame before them, an empty frame in their place."""
    with av.open(str(path), "w") as container:
        stream, packets = encoded("mpeg4", container, {"g": "12", "bf": "2", "b_strategy": "0"})
        found: list[tuple[bytes, bool]] = []
        for packet in packets:
            data = bytes(packet)
            at = data.index(VOP)
            is_b = data[at + 4] >> 6 == 2
            if not found:
                data = data[:at] + b"\0\0\1\xb2DivX503b1393p" + data[at:]
            if is_b and found[-1][0] != NOT_CODED and found[-1][0].count(VOP) == 1 and not found[-1][1]:
                found[-1] = found[-1][0] + data, False
                found.append((NOT_CODED, False))
            elif is_b:
                found.insert(-1, (data, False))
            else:
                found.append((data, packet.is_keyframe))
        for number, (data, is_keyframe) in enumerate(found):
            packet = av.Packet(data)
            packet.stream, packet.time_base, packet.is_keyframe = stream, Fraction(1, 25), is_keyframe
            packet.dts = packet.pts = number + 3
            container.mux(packet)


WRITERS = {
    "packed.avi": write_packed,
    "b_frames.avi": plain("mpeg4", bf="2", b_strategy="0"),
    "mpeg2_b_frames.avi": plain("mpeg2video", bf="2", b_strategy="0"),
    "all_called_keyframes.avi": plain("h263p"),
    "all_called_keyframes.h261": plain("h261"),
}
FALLS_BACK = {
    "packed.avi": "its time stamps do not tell the order of its frames",
    "all_called_keyframes.avi": "keyframes that are none",
    "all_called_keyframes.h261": "keyframes that are none",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd")
    for name, write in WRITERS.items():
        write(folder / name)
    return folder


def plainly_decoded(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "NONE"
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("mode", ["exact", "coarse", "keyframes"])
@pytest.mark.parametrize("name", WRITERS)
def test_rows_are_the_frames_of_a_plain_decode(folder: Path, name: str, mode: str, threads: int) -> None:
    truth = plainly_decoded(folder / name)
    with framesift.index(folder / name, size=max(SIZE), decode=mode, threads=threads, isolate=False) as made:
        record, reader = made.records[0], made.reader(0)
        frames, pictures = reader.frames(), reader.read("thumbnails")
    assert record.n_frames == len(truth)
    numbers = [painted_number(picture) for picture in pictures]
    assert numbers == [painted_number(truth[frame]) for frame in frames]
    for frame, picture in zip(frames, pictures, strict=True):
        grey = truth[frame] @ np.array([0.299, 0.587, 0.114])
        assert np.abs(grey - picture).mean() < 4, f"frame {frame} is another picture"
    if mode == "keyframes":
        why = FALLS_BACK.get(name)
        expected = f"not decode=keyframes but every frame: {why}"
        assert record.decoded == ("exact" if why else "keyframes")
        assert (expected in record.warnings) == bool(why)


def test_a_keyframe_that_is_none_is_not_taken_alone(folder: Path) -> None:
    path = folder / "all_called_keyframes.avi"
    with open_video(path) as (container, stream), open_video(path) as (other, its_stream):
        decoder = Decoder(other, its_stream)
        decoder.any_frame()
        packets = [packet for packet in container.demux(stream) if packet.size]
        found = [number for number, packet in enumerate(packets) if decoder.alone(packet) is not None]
    assert all(packet.is_keyframe for packet in packets)
    assert found == list(range(0, N, 12))


def packed_bits(bits: str) -> bytes:
    bits = bits.replace(" ", "") + "1"
    return int(bits.ljust(-len(bits) % 8 + len(bits), "0"), 2).to_bytes(-(-len(bits) // 8), "big")


def test_numbers_of_more_bits_than_there_may_be_tell_nothing() -> None:
    """As where streams of two codecs stand one after the other, and a parameter set is none."""
    numbering = H264Numbering()
    of_32_bits = packed_bits("01000010 00000000 00011110 1 000011101 011 1 0 1 1 1 1 0 0")
    numbering.parameters(b"\x67" + of_32_bits)
    numbering.parameters(b"\x68" + packed_bits("1 1 0 0"))
    for _ in range(3):
        numbering.picture(b"\x41" + b"\xe0" * 10)
    assert not numbering.has_gaps()
