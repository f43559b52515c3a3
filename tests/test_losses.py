"""Packets that were lost before a file was written: whatever the mode, frames are numbered as a full decode does."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from clips import CLIPS, Clip
from framesift.index import index
from framesift.video.container import open_video
from framesift.video.continuity import H264Numbering, HevcNumbering, MpegNumbering
from framesift.video.packets import PacketIndex, read_packets
from framesift.video.references import reference_reader
from real import video

N, GOP = 120, 12
TS_BYTES = 188
_VC2 = Clip(suffix=".mkv", codec="vc2", gop=1, options={"strict": "-2", "wavelet_depth": "3", "b": "60M"})
WHOLE = {
    "h264": replace(CLIPS["h264_b_frames"], n=N),
    "h264_pyramid": replace(CLIPS["h264_b_pyramid_4_refs"], n=N),
    "h264_open": replace(CLIPS["h264_open_gop_mkv"], n=N),
    "hevc": replace(CLIPS["hevc"], n=N),
    "hevc_open": replace(CLIPS["hevc_open_gop"], n=N),
    "mpeg2": replace(CLIPS["mpeg2_mkv"], n=N),
    "mpeg4": replace(CLIPS["mpeg4_mkv"], n=N),
    "vp9": replace(CLIPS["vp9_odd_mp4"], n=N, size=(96, 64), suffix=".webm"),
    "vc2": replace(_VC2, n=N),
}
IN_TS = [
    name for name in WHOLE if name not in ("vp9", "mpeg4")
]  # which has its header in the container alone
LOST = {
    "a frame": [5],
    "a keyframe": [0],
    "a keyframe and its neighbours": [-1, 0, 1],
    "frames after a keyframe": [1, 2],
    "a few": [4, 5, 6, 7],
    "a GOP": range(12),
    "as many frames as a GOP has": range(5, 17),
}
"""Which packets, from a keyframe in the middle on, in the order of the file."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("whole")
    known: dict[str, Path] = {}

    def get(name: str) -> Path:
        if name not in known:
            known[name] = WHOLE[name].make(folder / (name + WHOLE[name].suffix))
        return known[name]

    return get


def without(source: Path, path: Path, lost: set[int]) -> Path:
    """Copy the packets of a video but those *lost*, with their times."""
    with av.open(str(source)) as whole, av.open(str(path), "w") as container:
        stream = whole.streams.video[0]
        copy = container.add_stream_from_template(stream)
        for number, packet in enumerate(p for p in whole.demux(stream) if p.size):
            if number not in lost:
                packet.stream = copy
                container.mux(packet)
    return path


def remade(source: Path, path: Path, lost: Iterable[int]) -> Path:
    """The video without those packets, counted from its middle keyframe on."""
    with av.open(str(source)) as container:
        keys = [n for n, p in enumerate(p for p in container.demux(video=0) if p.size) if p.is_keyframe]
    middle = keys[len(keys) // 2]
    return without(source, path, {middle + n for n in lost})


def packets_of(path: Path) -> PacketIndex:
    with open_video(path) as (container, stream):
        context = stream.codec_context
        reader = reference_reader(context.codec.canonical_name, context.extradata)
        return read_packets(container, stream, references=reader)


def indexed(path: Path, mode: str) -> tuple[Any, dict[str, np.ndarray]]:
    with index(path, decode=mode, threads=2, isolate=False) as made:
        reader = made.reader(0)
        arrays = {name: reader.read(name) for name in ("pts", "content_hash", "thumbnails")}
        return made.records[0], arrays | {"frames": reader.frames()}


def assert_numbered_as_exact(path: Path) -> list[Any]:
    """Both modes that leave frames out agree with `exact`; their records."""
    _, exact = indexed(path, "exact")
    records = []
    for mode in ("coarse", "keyframes"):
        record, found = indexed(path, mode)
        records.append(record)
        np.testing.assert_array_equal(found["pts"], exact["pts"])
        for name in ("content_hash", "thumbnails"):
            np.testing.assert_array_equal(found[name], exact[name][found["frames"]])
        if record.decoded != mode:
            assert any(text.startswith(f"not decode={mode} but every frame: ") for text in record.warnings)
    return records


@pytest.mark.parametrize(
    ("name", "suffix"), [*((name, ".mkv") for name in WHOLE), *((name, ".ts") for name in IN_TS)]
)
def test_frames_are_numbered_as_all_of_them_are_whatever_was_lost(
    whole: Any, tmp_path: Path, name: str, suffix: str
) -> None:
    for what, lost in LOST.items():
        if name == "h264_pyramid" and what.startswith("as many"):
            continue  # its reference frames then are numbered as if nothing were missing
        records = assert_numbered_as_exact(remade(whole(name), tmp_path / f"{what}{suffix}", lost))
        if "a keyframe" in what and "after" not in what and name.startswith(("h264", "hevc", "mpeg2")):
            assert {record.decoded for record in records} == {"exact"}, what


@pytest.mark.parametrize("name", [name for name in IN_TS if name != "vc2"])
def test_nothing_is_missing_from_what_is_whole(whole: Any, tmp_path: Path, name: str) -> None:
    for suffix in (".mkv", ".ts"):
        path = without(whole(name), tmp_path / f"whole{suffix}", set())
        assert not packets_of(path).is_lossy
        for record in assert_numbered_as_exact(path):
            assert record.decoded != "exact"


@pytest.mark.parametrize("name", ["h264", "hevc_open", "mpeg2", "vc2"])
def test_a_transport_stream_says_that_packets_of_its_own_are_missing(
    whole: Any, tmp_path: Path, name: str
) -> None:
    path = without(whole(name), tmp_path / "whole.ts", set())
    data = path.read_bytes()
    packets = [data[at : at + TS_BYTES] for at in range(0, len(data), TS_BYTES)]
    of_video = [at for at, p in enumerate(packets) if (p[1] & 31) << 8 | p[2] == 256]
    for seed, n in ((0, 1), (1, 12)):
        rng = np.random.Generator(np.random.Philox(seed))
        lost = set(rng.choice(of_video[4:-4], n, replace=False).tolist())
        path.write_bytes(b"".join(p for at, p in enumerate(packets) if at not in lost))
        for record in assert_numbered_as_exact(path):
            assert record.decoded == "exact"


def test_in_a_broadcast_a_longer_time_between_frames_is_a_loss(tmp_path: Path) -> None:
    path = replace(WHOLE["mpeg4"], suffix=".ts").make(tmp_path / "whole.ts")
    assert not packets_of(path).is_lossy
    for suffix in (".ts", ".mkv"):
        found = packets_of(without(path, tmp_path / f"lost{suffix}", {65, 66}))
        assert found.is_lossy == (suffix == ".ts")


@pytest.mark.parametrize(
    "name",
    ["clip.mp4", "m3v1mp4.mp4", "test_vid.mp4", "h265_video.mp4", "nasa_13013_hdr.mp4", "small_robot.mp4"],
)
def test_nothing_is_missing_from_real_videos(name: str) -> None:
    assert not packets_of(video(name)).is_lossy


# Numbers in the headers of slices ---------------------------------------------------------------------------------


def bits_of(*fields: tuple[int, int] | int) -> bytes:
    """A number and how many bits it takes, or an Exp-Golomb code; padded, with escapes as in a stream."""
    text = ""
    for field in fields:
        if isinstance(field, int):
            text += "0" * ((field + 1).bit_length() - 1) + f"{field + 1:b}"
        else:
            text += f"{field[0]:0{field[1]}b}" if field[1] else ""
    text += "1" + "0" * (-(len(text) + 1) % 8)
    plain = bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))
    escaped = bytearray()
    for byte in plain:
        if byte <= 3 and escaped.endswith(b"\0\0"):
            escaped.append(3)
        escaped.append(byte)
    return bytes(escaped)


def h264(*, n_bits: int = 4, gaps: bool = False, frames: bool = True) -> H264Numbering:
    numbering = H264Numbering()
    sps = ((66, 8), (0, 16), 0, n_bits - 4, 0, 0, 1, (gaps, 1), 9, 7, (frames, 1))
    numbering.parameters(b"\x67" + bits_of(*sps))
    numbering.parameters(b"\x68" + bits_of(0, 0))
    return numbering


def feed_h264(numbering: H264Numbering, pictures: str, n_bits: int = 4) -> bool:
    """Pictures like ``I0 P1 b2 P2``: IDR, reference or not, and its number; whether something is missing."""
    for word in pictures.split():
        kind = {"I": b"\x65", "P": b"\x41", "b": b"\x01"}[word[0]]
        numbering.picture(kind + bits_of(0, 7, 0, (int(word[1:]), n_bits), (0, 40), (1, 1)))
    return numbering.has_gaps()


@pytest.mark.parametrize(
    ("pictures", "is_lossy"),
    [
        ("", False),
        ("I0", False),
        ("I0 P1 b2 b2 P2 b3 I0 P1", False),
        ("I0 P1 P2 P3 P4 P5 P6 P7 P8 P9 P10 P11 P12 P13 P14 P15 P0 P1 b2", False),
        ("P7 P8 b9 P9", False),
        ("b7 P8 P9", False),
        ("I0 P2", True),
        ("I0 b2", True),
        ("I0 P1 P2 P1 P2", True),
        ("I0 P1 P1", True),
        ("I0 P1 b2 P3", True),
    ],
)
def test_reference_frames_of_h264_are_numbered(pictures: str, is_lossy: bool) -> None:
    assert feed_h264(h264(), pictures) == is_lossy
    if pictures.count("P") < 9:
        assert feed_h264(h264(n_bits=16), pictures, 16) == is_lossy, "with escapes"


def test_where_numbers_may_be_left_out_or_are_unknown_nothing_is_missing() -> None:
    assert not feed_h264(h264(gaps=True), "I0 P2")
    assert not feed_h264(h264(frames=False), "I0 P1 P1"), "two fields of a frame"
    assert not feed_h264(H264Numbering(), "I0 P2")
    broken = H264Numbering()
    broken.parameters(b"\x67")
    broken.parameters(b"\x68\x00\x00")
    assert not feed_h264(broken, "I0 P2")


def test_parameter_sets_may_change() -> None:
    numbering = h264()
    assert not feed_h264(numbering, "I0 P1")
    numbering.parameters(b"\x67" + bits_of((66, 8), (0, 16), 0, 5, 0, 0, 1, (0, 1), 9, 7, (1, 1)))
    assert not feed_h264(numbering, "I0 P1 P2", 9)
    assert feed_h264(numbering, "P4", 9)


def feed_hevc(pictures: str, n_bits: int = 8) -> bool:
    """Pictures like ``I0 5``: an IDR picture, ``C`` a CRA, or another and its number."""
    numbering = HevcNumbering()
    sps = ((0, 4), (0, 3), (1, 1), (0, 96), 0, 1, 64, 64, (0, 1), 0, 0, n_bits - 4)
    numbering.parameters(b"\x42\x01" + bits_of(*sps))
    numbering.parameters(b"\x44\x01" + bits_of(0, 0, (0, 1), (0, 1), (0, 3)))
    for word in pictures.split():
        kind = {"I": 19, "C": 21}.get(word[0], 1)
        number = int(word.lstrip("IC")) % (1 << n_bits)
        intra: tuple[Any, ...] = ((0, 1),) if kind > 15 else ()
        order = () if kind == 19 else ((number, n_bits),)
        numbering.picture(bytes([kind << 1, 1]) + bits_of((1, 1), *intra, 0, 1, *order, (0, 40)))
    return numbering.has_gaps()


@pytest.mark.parametrize(
    ("pictures", "is_lossy"),
    [
        ("", False),
        ("I0 4 2 1 3 8 6 5 7", False),
        ("I0 2 1 I0 2 1", False),
        ("I0 4 2 8 6 I0 4 2", False),
        ("C8 6 7 12 10 9 11", False),
        (" ".join(map(str, [*range(1, 700)])), False),
        ("I0 4 2 3 8 6 5 7", True),
        ("I0 2 1 2 1 3", True),
        ("I0 1 2 3 C12 10 11 13", True),
    ],
)
def test_pictures_of_hevc_are_numbered_as_they_are_shown(pictures: str, is_lossy: bool) -> None:
    assert feed_hevc(pictures) == is_lossy
    assert feed_hevc(pictures, 16) == is_lossy


@pytest.mark.parametrize(
    ("groups", "is_lossy"),
    [
        ([], False),
        ([[2, 0, 1, 5, 3, 4], [2, 0, 1]], False),
        ([[2, 2, 0, 0, 1, 1]], False),
        ([[2, 5, 3, 4]], False),
        ([[2, 0, 1, 5, 4]], True),
        ([[2, 0, 1, 0, 1, 5, 3, 4]], True),
    ],
)
def test_pictures_of_mpeg_are_numbered_in_each_group(groups: list[list[int]], is_lossy: bool) -> None:
    numbering = MpegNumbering()
    for group in groups:
        numbering.parameters(b"")
        for number in group:
            numbering.picture(bytes([0, number >> 2, (number & 3) << 6 | 8, 3]))
    assert numbering.has_gaps() == is_lossy


def shuffled(rng: np.random.Generator, n: int) -> Iterator[int]:
    """Numbers near their own places."""
    yield from np.argsort(np.arange(n) + rng.uniform(0, 4, n)).tolist()


def test_many_packets_are_read_in_blocks() -> None:
    rng = np.random.Generator(np.random.Philox(3))
    order = list(shuffled(rng, 40_000))
    assert not feed_hevc(" ".join(map(str, order)))
    assert feed_hevc(" ".join(map(str, order[:30_000] + order[30_001:])))
