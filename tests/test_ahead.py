"""Keyframes that idle threads decode while the packets of their video are still being read."""

import time
from array import array
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from clips import make_clip, painted
from framesift import index
from framesift.ingest.ahead import Ahead
from framesift.ingest.modes import Keyframes
from framesift.measure import make_view
from framesift.source_store import Flag
from framesift.video.decode import Decoder
from framesift.video.plan import BUDGET, work_of

N_GOPS, GOP = 8, 40
SIZE = 160, 240
ARRAYS = ("thumbnails", "statistics", "content_hash", "flags", "pts", "frames")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures that stand still but in the first GOPs, of whose work the keyframes are little."""
    n = N_GOPS * GOP
    numbers = [number if number < 2 * GOP else GOP * (number // GOP) for number in range(n)]
    pictures = {number: painted(number, SIZE) for number in set(numbers)}
    for picture in pictures.values():
        picture[40:] = 90  # below the number it costs many bytes
    return make_clip(
        tmp_path_factory.mktemp("film") / "film.mp4",
        n=n,
        size=SIZE,
        gop=GOP,
        pictures=[pictures[number] for number in numbers],
        options={"preset": "veryfast", "crf": "30", "sc_threshold": "0"},
    )


def found_in(path: Path, threads: int, **options: Any) -> tuple[Any, dict[str, np.ndarray]]:
    with index(path, decode="keyframes", threads=threads, isolate=False, **options) as made:
        reader = made.reader(0)
        reader.check()
        names = (*ARRAYS, "chroma") if options.get("color") else ARRAYS
        return made.records[0], {
            name: reader.frames() if name == "frames" else reader.read(name) for name in names
        }


def assert_same(one: tuple[Any, dict[str, np.ndarray]], other: tuple[Any, dict[str, np.ndarray]]) -> None:
    assert one[0] == other[0]
    for name, expected in one[1].items():
        np.testing.assert_array_equal(other[1][name], expected, err_msg=name)


def read_slowly(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Reading waits for helpers, which may do them all; returns what these have made of keyframes."""
    monkeypatch.setattr("framesift.ingest.ahead.BUDGET", 1)
    met, alone = Ahead.met, Decoder.alone
    made: list[Any] = []

    def slow(self: Ahead, packet: Any, sizes: Any) -> None:
        met(self, packet, sizes)
        until = time.monotonic() + 5
        while (self._waiting or len(self.begun) > len(made)) and time.monotonic() < until:
            time.sleep(0.001)

    def counted(self: Decoder, packet: Any) -> Any:
        frame = alone(self, packet)
        made.append(frame)
        return frame

    monkeypatch.setattr(Ahead, "met", slow)
    monkeypatch.setattr(Decoder, "alone", counted)
    return made


@pytest.mark.parametrize("threads", [2, 4])
@pytest.mark.parametrize("color", [False, True])
def test_helpers_change_nothing(
    film: Path, monkeypatch: pytest.MonkeyPatch, threads: int, color: bool
) -> None:
    expected = found_in(film, 1, color=color)
    assert expected[0].decoded == "keyframes"
    made = read_slowly(monkeypatch)
    assert_same(expected, found_in(film, threads, color=color))
    n_keyframes = np.count_nonzero(expected[1]["flags"] & Flag.KEYFRAME)
    assert len(made) == n_keyframes - 1 == N_GOPS - 1, (
        "all but the last, whose GOP is not known to have ended"
    )
    assert None not in made


def test_keyframes_that_a_helper_cannot_decode_are_decoded_afterwards(
    film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = found_in(film, 1)
    made = read_slowly(monkeypatch)
    counted, n = Decoder.alone, iter(range(100))
    monkeypatch.setattr(Decoder, "alone", lambda *args: counted(*args) if next(n) % 2 else made.append(None))
    assert_same(expected, found_in(film, 3))
    assert made.count(None) == 4


def test_helpers_that_are_late_are_waited_for(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = found_in(film, 1)
    alone = Decoder.alone

    def late(self: Decoder, packet: Any) -> Any:
        time.sleep(0.3)
        return alone(self, packet)

    monkeypatch.setattr(Decoder, "alone", late)
    assert_same(expected, found_in(film, 2))


def test_only_whole_videos_are_looked_at_ahead(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = read_slowly(monkeypatch)
    found_in(film, 2, start=GOP)
    assert made == []


def test_a_keyframe_alone_is_the_one_in_sequence(film: Path) -> None:
    from framesift.video.container import open_video

    with open_video(film) as (container, stream):
        truth = {f.pts: f.to_ndarray() for f in container.decode(stream)}
    with open_video(film) as (container, stream), open_video(film) as (other, its_stream):
        decoder = Decoder(other, its_stream)
        decoder.any_frame()
        packets = [packet for packet in container.demux(stream) if packet.size]
        for packet in packets:
            frame = decoder.alone(packet)
            if packet.is_keyframe:
                assert frame is not None
                np.testing.assert_array_equal(frame.to_ndarray(), truth[packet.pts])
            else:
                assert frame is None or frame.is_corrupt or frame.pts == packet.pts
        assert decoder.n_errors == 0


# What is handed on ------------------------------------------------------------------------------------------------


def a_packet(pts: int | None, size: int = 100, *, hidden: bool = False, header: bool = False) -> Any:
    return SimpleNamespace(pts=pts, size=size, is_discard=hidden, has_sidedata=lambda _: header)


def handed_on(*met: tuple[Any, list[int]], n_pixels: int = 100) -> list[Any]:
    ahead = Ahead(1)
    ahead.n_pixels = n_pixels
    for packet, sizes in met:
        ahead.met(packet, array("q", sizes))
    ahead._is_over = True
    return [packet.pts for packet in iter(ahead.take, None)]


def test_a_keyframe_is_handed_on_when_its_gop_is_known_to_be_long_enough() -> None:
    keys = [a_packet(40 * number) for number in range(4)]
    long, short = [100] + [20] * 70, [100] * 3
    assert work_of(100, 71, sum(long)) > BUDGET * work_of(100, 1, 100) > work_of(100, 3, sum(short))
    assert handed_on((keys[0], []), (keys[1], long), (keys[2], long)) == [0, 40]
    assert handed_on((keys[0], []), (keys[1], short), (keys[2], short), (keys[3], long)) == [80]
    assert handed_on(*((key, [100]) for key in keys * 20)) == [], "of keyframes alone there are too many"


def test_hidden_keyframes_and_those_without_a_time_are_passed_over() -> None:
    gop = [100] + [500] * 60
    met = [a_packet(0, hidden=True), a_packet(None), a_packet(80), a_packet(120)]
    assert handed_on((met[0], []), *((packet, gop) for packet in met[1:])) == [80]


def test_nothing_is_handed_on_once_the_header_changes() -> None:
    gop = [100] + [500] * 60
    met = [a_packet(0), a_packet(40), a_packet(80, header=True), a_packet(120), a_packet(160)]
    assert handed_on((met[0], []), *((packet, gop) for packet in met[1:2])) == [0]
    assert handed_on((met[0], []), *((packet, gop) for packet in met[1:])) == []


def test_so_many_wait_and_no_more() -> None:
    gop = [100] + [500] * 60
    met = [(a_packet(40 * number), gop) for number in range(100)]
    assert handed_on(*met) == [40 * number for number in range(16)]


def test_what_was_measured_counts_only_for_the_view_it_was_measured_by(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    view, other = make_view(64, 48, 0, None, 32), make_view(64, 64, 0, None, 32)
    ahead, measured = Ahead(1), SimpleNamespace(chroma=None)
    assert ahead.keep(1, view, measured)  # type: ignore[arg-type]
    assert ahead.keep(2, view, measured)  # type: ignore[arg-type]
    assert ahead.pop(1, other) is None
    assert ahead.pop(2, view) is measured
    assert ahead.pop(3, view) is None
    monkeypatch.setattr("framesift.ingest.modes._RETAINED_BYTES", 2 * 24 * 32)
    assert Keyframes.fit(2, view.shape)
    assert ahead.keep(4, view, measured)  # type: ignore[arg-type]
    assert not ahead.keep(5, view, measured)  # type: ignore[arg-type]
