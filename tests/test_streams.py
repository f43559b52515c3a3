"""Which of several video streams frames are of."""

from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import pytest
from av.stream import Disposition

import framesift
from clips import painted, painted_number
from framesift.inspection import describe
from framesift.video.container import films, open_video
from framesift_cli.showing import line

BIG, SMALL = (192, 144), (160, 96)
CHEAP, DEAR = {"g": "10", "b": "200000"}, {"g": "10", "qmin": "2", "qmax": "2"}
N = 30


class Part(NamedTuple):
    """One video stream of a file: its frames have numbers from *first* on painted in."""

    size: tuple[int, int]
    first: int
    options: dict[str, str] = CHEAP
    codec: str = "mpeg4"
    n: int = N
    rate: int = 25
    disposition: Disposition = Disposition(0)


def written(path: Path, *parts: Part) -> Path:
    """A file with these streams, their packets in the order of their times."""
    packets = []
    with av.open(str(path), "w") as container:
        streams = []
        for part in parts:
            stream: Any = container.add_stream(part.codec, rate=part.rate, options=part.options)
            stream.width, stream.height = part.size
            stream.pix_fmt = "yuvj420p" if part.codec == "mjpeg" else "yuv420p"
            stream.time_base = Fraction(1, part.rate)
            stream.disposition = part.disposition
            streams.append(stream)
        for stream, part in zip(streams, parts, strict=True):
            for number in range(part.n):
                frame = av.VideoFrame.from_ndarray(painted(part.first + number, part.size), format="rgb24")
                frame = frame.reformat(format=stream.pix_fmt)
                frame.pts = number
                packets += stream.encode(frame)
            packets += stream.encode(None)
        for packet in sorted(packets, key=lambda p: p.dts * p.time_base):
            container.mux(packet)
    return path


def frames_of(path: Path) -> tuple[list[int], Any]:
    """The numbers painted into what framesift makes of a video, and its record."""
    with framesift.index(path, size=96, isolate=False) as made:
        numbers = [painted_number(picture) for picture in made.reader(0).read("thumbnails")]
        return numbers, made.records[0]


DEFAULT, NOT = Disposition.default, Disposition(0)
CASES = {
    # suffix, streams, which of them
    "the largest": (".ts", [Part(SMALL, 100), Part(BIG, 200)], 1),
    "the largest, whatever its rate": (".ts", [Part(BIG, 200), Part(SMALL, 100, n=4 * N, rate=100)], 0),
    "the largest, whatever it costs": (".avi", [Part(SMALL, 100, DEAR), Part(BIG, 200)], 1),
    "of two programs' the largest": (".mpg", [Part(SMALL, 100, codec="mpeg2video"), Part(BIG, 200, codec="mpeg2video")], 1),
    "of two that are alike the first": (".avi", [Part(SMALL, 100), Part(SMALL, 200, DEAR)], 0),
    "the default one": (".mkv", [Part(BIG, 200), Part(SMALL, 100, disposition=DEFAULT)], 1),
    "of two default ones the largest": (
        ".mkv",
        [Part(SMALL, 100, disposition=DEFAULT), Part(BIG, 200, disposition=DEFAULT)],
        1,
    ),
    "not a picture": (".mp4", [Part(BIG, 300, codec="mjpeg", n=1), Part(SMALL, 100)], 1),
    "not a cover": (
        ".mp4",
        [Part(SMALL, 100), Part(BIG, 300, codec="mjpeg", n=1, disposition=Disposition.attached_pic)],
        0,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("streams")


@pytest.mark.parametrize("name", CASES)
def test_frames_are_of_the_stream_that_is_meant(folder: Path, name: str) -> None:
    suffix, parts, which = CASES[name]
    path = written(folder / f"{list(CASES).index(name)}{suffix}", *parts)
    numbers, record = frames_of(path)
    expected = parts[which]
    assert numbers == list(range(expected.first, expected.first + expected.n))
    assert (record.width, record.height) == expected.size
    with open_video(path) as (container, stream):
        assert stream.index == which
        assert {s.index for s in films(container)} == set(range(len(parts)))
    is_told = which > 0 and parts[0].n > 1
    assert [w for w in record.warnings if "OpenCV" in w] == record.warnings
    assert bool(record.warnings) == is_told


def test_what_is_exported_is_of_the_same_stream(folder: Path) -> None:
    path = written(folder / "exported.ts", Part(SMALL, 100), Part(BIG, 200))
    with framesift.index(path, size=64, isolate=False) as made:
        selection = framesift.select(made, 5, method="uniform")
        files = framesift.export(selection, folder / "out")
    pictures = [av.open(str(file)).decode(video=0).__next__().to_ndarray(format="rgb24") for file in files]
    assert [painted_number(picture) for picture in pictures] == [200 + f.index for f in selection.frames]


def test_info_says_which_stream_it_is(folder: Path) -> None:
    path = written(folder / "told.ts", Part(SMALL, 100), Part(BIG, 200), Part(SMALL, 300))
    ((facts,), _) = describe(path)
    assert (facts["stream"], facts["other_video_streams"]) == (1, [0, 2])
    assert (facts["width"], facts["height"]) == BIG
    assert line(facts).endswith("; of stream #1, not of #0 and #2")
    alone = written(folder / "alone.ts", Part(SMALL, 100))
    ((facts,), _) = describe(alone)
    assert "stream" not in facts
    assert "#" not in line(facts)


def test_a_cover_alone_is_a_video_of_one_frame(folder: Path) -> None:
    path = written(folder / "cover.mp4", Part(SMALL, 100, codec="mjpeg", n=1))
    assert frames_of(path)[0] == [100]


def test_streams_are_those_of_a_plain_decode(folder: Path) -> None:
    path = written(folder / "plain.ts", Part(SMALL, 100), Part(BIG, 200))
    with framesift.index(path, size=64, isolate=False) as made:
        pts = made.reader(0).read("pts")
    with av.open(str(path)) as container:
        expected = [frame.pts for frame in container.decode(container.streams.video[1])]
    np.testing.assert_array_equal(pts, expected)
