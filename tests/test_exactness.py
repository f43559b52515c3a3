"""Frame i of an index is frame i of a plain sequential decode, bit for bit, however the work was cut up."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from clips import CLIPS, decode, make_clip, painted_number
from framesift.index import index
from framesift.ingest.video import VideoJob
from framesift.measure import Meter, make_view
from framesift.source_store import Flag
from framesift.video.container import open_video
from framesift.video.decode import Decoder
from framesift.video.packets import _index, merge, read_packets
from framesift_kernels import load
from real import video

REAL = [
    "av1_video.mkv",
    "centered_pair_low_quality.mp4",
    "centered_pair_small.mp4",
    "clip.mp4",
    "discard_first_keyframe.mp4",
    "h265_video.mp4",
    "m3v1mp4.mp4",
    "nasa_13013.mp4",
    "nasa_13013_hdr.mp4",
    "nasa_13013_rotated.mp4",
    "small_robot.mp4",
    "small_robot_3_frame.mp4",
    "test_non_zero_start.mp4",
    "test_vid.mp4",
    "testsrc2_mpeg4.avi",
    "testsrc2_odd_height_and_width_vp9.mp4",
    "testsrc2_vp8.webm",
]
LARGE = {
    "centered_pair_low_quality.mp4",
    "centered_pair_small.mp4",
    "clip.mp4",
    "m3v1mp4.mp4",
    "test_vid.mp4",
}
SIZE = 64


@dataclass(frozen=True, slots=True)
class Truth:
    """What a plain decode by PyAV, with its own choice of threads, measures."""

    pts: list[int | None]
    keyframe: list[bool]
    thumbnails: np.ndarray
    sharpness: np.ndarray
    content_hash: np.ndarray
    turns: int


def plainly_decoded(path: Path) -> Truth:
    pts, keyframe, thumbnails, measured = [], [], [], []
    meter = None
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams.best("video")):
            if meter is None:
                view = make_view(frame.width, frame.height, frame.rotation, None, SIZE)
                meter = Meter(view, load("cpu"))
            thumbnail = np.empty(view.shape, np.uint8)
            measured.append(meter.measure(frame, thumbnail))
            thumbnails.append(thumbnail)
            pts.append(frame.pts)
            keyframe.append(bool(frame.key_frame))
    sharpness, content_hash = zip(*measured, strict=True)
    return Truth(
        pts,
        keyframe,
        np.stack(thumbnails),
        np.array(sharpness, np.float32),
        np.array(content_hash, np.uint64),
        view.rotation // 90,
    )


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, Truth]]:
    """A made clip or a real video by name, and the truth of it; each is made and decoded once."""
    folder = tmp_path_factory.mktemp("clips")
    known: dict[str, tuple[Path, Truth]] = {}

    def get(name: str) -> tuple[Path, Truth]:
        if name not in known:
            path = CLIPS[name].make(folder / (name + CLIPS[name].suffix)) if name in CLIPS else video(name)
            known[name] = path, plainly_decoded(path)
        return known[name]

    return get


@dataclass(slots=True)
class Route:
    """How the next indexing is to cut up its work, and what it did."""

    monkeypatch: pytest.MonkeyPatch
    n_segments: int = 0
    n_whole: int = 0

    def force(self, *, unbalanced: bool, min_frames: int = 1) -> None:
        self.monkeypatch.setattr("framesift.ingest.video._MIN_SEGMENT_FRAMES", min_frames)
        self.monkeypatch.setattr(VideoJob, "_is_unbalanced", lambda *_: unbalanced)
        self._count("_measure_segment", "n_segments")
        self._count("_decode_whole", "n_whole")

    def _count(self, method: str, counter: str) -> None:
        original = getattr(VideoJob, method)

        def counted(*args: Any) -> Any:
            setattr(self, counter, getattr(self, counter) + 1)
            return original(*args)

        self.monkeypatch.setattr(VideoJob, method, counted)


@pytest.fixture
def route(monkeypatch: pytest.MonkeyPatch) -> Route:
    return Route(monkeypatch)


def assert_exact(path: Path, truth: Truth, threads: int) -> Any:
    """Index *path*, hold every row against the truth, and return the record."""
    with index(path, size=SIZE, threads=threads) as made:
        (record,) = made.records
        reader = made.reader(0)
        pts, flags = reader.read("pts"), reader.read("flags")
        hashes, thumbnails = reader.read("content_hash"), reader.read("thumbnails")
        sharpness = reader.statistic("sharpness")
    assert record.n_frames == record.n_rows == len(truth.pts)
    if None in truth.pts or any(np.diff(truth.pts) <= 0):
        assert pts.tolist() == list(range(len(truth.pts))), "frames without usable times are counted"
    else:
        assert pts.tolist() == truth.pts
    assert np.flatnonzero(hashes != truth.content_hash).tolist() == []
    assert np.flatnonzero((thumbnails != truth.thumbnails).any(axis=(1, 2))).tolist() == []
    assert np.flatnonzero(sharpness != truth.sharpness).tolist() == []
    assert (flags & Flag.KEYFRAME).astype(bool).tolist() == truth.keyframe
    assert not (flags & Flag.DAMAGED).any()
    assert record.n_errors == 0
    assert [w for w in record.warnings if "several video streams" not in w] == []
    return record


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("name", CLIPS)
def test_each_gop_by_itself_gives_the_frames_of_a_plain_decode(
    material: Any, route: Route, name: str, threads: int
) -> None:
    path, truth = material(name)
    route.force(unbalanced=False)
    record = assert_exact(path, truth, threads)
    assert record.seekable == CLIPS[name].segments, record.doubt
    assert bool(record.doubt) != CLIPS[name].segments
    if CLIPS[name].segments:
        assert route.n_whole == 0
        assert route.n_segments == len(segments_of(path))
    else:
        assert route.n_whole > 0


@pytest.mark.parametrize("name", CLIPS)
def test_frame_threads_give_the_frames_of_a_plain_decode(material: Any, route: Route, name: str) -> None:
    path, truth = material(name)
    route.force(unbalanced=True)
    assert_exact(path, truth, threads=2)
    assert (route.n_whole, route.n_segments) == (1, 0)


@pytest.mark.parametrize("name", CLIPS)
def test_the_painted_number_is_the_index(material: Any, name: str) -> None:
    _, truth = material(name)
    clip = CLIPS[name]
    numbers = [painted_number(thumbnail, turns=truth.turns) for thumbnail in truth.thumbnails]
    assert numbers == list(range(clip.hidden, clip.n))
    assert truth.turns * 90 == clip.rotation


@pytest.mark.parametrize("n_joined", [1, 20])
@pytest.mark.parametrize("name", [name for name in CLIPS if CLIPS[name].segments])
def test_segments_decode_in_any_order_from_one_open_container(
    material: Any, name: str, n_joined: int
) -> None:
    path, truth = material(name)
    segments = merge(segments_of(path), n_joined)
    rng = np.random.Generator(np.random.Philox(3))
    with open_video(path) as (container, stream):
        pts = read_packets(container, stream).pts
        decoder = Decoder(container, stream)
        assert decoder.any_frame() is not None
        for at in [*rng.permutation(len(segments)), *rng.permutation(len(segments))]:
            segment = segments[at]
            frames = decoder.segment(segment, pts[segment.start : segment.stop])
            assert hashes(frames) == truth.content_hash[segment.start : segment.stop].tolist(), segment
        assert decoder.n_errors == 0


@pytest.mark.parametrize("name", [name for name in CLIPS if CLIPS[name].segments])
def test_segments_cover_every_frame_once(material: Any, name: str) -> None:
    path, truth = material(name)
    segments = segments_of(path)
    assert [s.start for s in segments] == [0, *(s.stop for s in segments[:-1])]
    assert segments[-1].stop == len(truth.pts)


def test_a_keyframe_amid_reordered_frames_opens_no_segment() -> None:
    """The second keyframe is shown before a frame that stands before it in the file; the third is not."""
    pts = [0, 3, 2, 1, 4, 5]
    key = [True, False, True, False, True, False]
    packets = [(p, dts, 100, k, False) for dts, (p, k) in enumerate(zip(pts, key, strict=True), -1)]
    found = _index(np.array(packets, np.int64))
    assert [tuple(s) for s in found.segments] == [(0, 4, 0, -1, 0, 4), (4, 6, 4, 3, 4, 2)]


def test_clips_really_have_several_segments(material: Any) -> None:
    one = [name for name, clip in CLIPS.items() if clip.segments and len(segments_of(material(name)[0])) < 2]
    assert one == ["h264_one_keyframe", "gif"]


@pytest.mark.parametrize("name", REAL)
def test_real_videos_give_the_frames_of_a_plain_decode(material: Any, route: Route, name: str) -> None:
    path, truth = material(name)
    route.force(unbalanced=False)
    record = assert_exact(path, truth, threads=3)
    assert record.seekable
    assert route.n_whole == 0


@pytest.mark.parametrize("name", [name for name in REAL if name not in LARGE])
def test_real_videos_are_alike_by_frame_threads(material: Any, route: Route, name: str) -> None:
    path, truth = material(name)
    route.force(unbalanced=True)
    assert_exact(path, truth, threads=2)
    assert route.n_whole == 1


def test_every_decoder_learns_from_the_first_packet_which_x264_wrote_the_stream(tmp_path: Path) -> None:
    """Before version 151, x264 wrote a 4:4:4 of its own; FFmpeg goes by the version, which stands there only."""
    options = {"preset": "veryfast", "bf": "0", "x264-params": "scenecut=0:partitions=i4x4:8x8dct=1:qp=12"}
    path = make_clip(tmp_path / "old.mp4", pix_fmt="yuv444p", gop=2, options=options)
    path.write_bytes(re.sub(rb" core \d\d\d ", b" core 150 ", path.read_bytes()))
    frames = decode(path)
    truth = hashes(iter(frames))
    n_compared = 0
    for segment in segments_of(path):
        if any(frame.is_corrupt for frame in frames[segment.start : segment.stop]):
            continue
        with open_video(path) as (container, stream):
            found = Decoder(container, stream).segment(segment, pts_of(frames)[segment.start : segment.stop])
            assert hashes(found) == truth[segment.start : segment.stop]
        n_compared += segment.start > 0
    assert n_compared > 1


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("mode", ["exact", "keyframes"])
def test_a_palette_that_comes_once_is_not_lost(tmp_path: Path, threads: int, mode: str) -> None:
    """AVI hands the palette out with the first packet that is read: after a seek all is black."""
    path = tmp_path / "palette.avi"
    rng = np.random.Generator(np.random.Philox(5))
    palette = np.concatenate([np.full((256, 1), 255), rng.integers(0, 256, (256, 3))], axis=1).astype(
        np.uint8
    )
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("rawvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "pal8"
        for _ in range(8):
            picture = rng.integers(0, 256, (48, 64)).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray((picture, palette), format="pal8")))
        container.mux(stream.encode(None))
    truth = plainly_decoded(path)
    assert np.ptp(truth.thumbnails) > 200
    with index(path, size=SIZE, threads=threads, decode=mode) as made:
        (record,), reader = made.records, made.reader(0)
        assert reader.read("content_hash").tolist() == truth.content_hash.tolist()
        assert np.array_equal(reader.read("thumbnails"), truth.thumbnails)
    assert record.doubt == "a palette comes with its packets"


@pytest.mark.parametrize("alike", [True, False])
def test_a_frame_that_differs_from_its_keyframe_on_sends_the_source_to_sequential_decoding(
    material: Any, route: Route, monkeypatch: pytest.MonkeyPatch, alike: bool
) -> None:
    path, truth = material("h264_b_frames")
    seen: list[int | None] = []

    def hashed(frame: Any, *_: Any) -> int:
        seen.append(frame.pts)
        return 0 if alike else len(seen)

    monkeypatch.setattr("framesift.ingest.video.content_hash", hashed)
    route.force(unbalanced=False)
    record = assert_exact(path, truth, threads=2)
    again = 0 if alike else 1  # beside the sequential decode
    assert seen == [truth.pts[segments_of(path)[1].start]] * (2 + again), "the first seam, from both sides"
    assert record.seekable == alike
    assert route.n_whole == (0 if alike else 1)


def test_a_stream_that_begins_between_keyframes_is_decoded_as_it_comes(tmp_path: Path, route: Route) -> None:
    whole = CLIPS["h264_b_frames"].make(tmp_path / "whole.mp4")
    path = tmp_path / "cut.mkv"
    with av.open(str(whole)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in [packet for packet in source.demux(video=0) if packet.size][5:]:
            packet.stream = stream
            target.mux(packet)
    route.force(unbalanced=False)
    record = assert_exact(path, plainly_decoded(path), 2)
    assert record.doubt
    assert not record.seekable


def pts_of(frames: list[Any]) -> np.ndarray:
    return np.array([frame.pts for frame in frames], np.int64)


def segments_of(path: Path) -> Any:
    with open_video(path) as (container, stream):
        return read_packets(container, stream).segments


def hashes(frames: Iterator[Any]) -> list[int]:
    found, meter = [], None
    for frame in frames:
        if meter is None:
            view = make_view(frame.width, frame.height, frame.rotation, None, SIZE)
            meter = Meter(view, load("cpu"))
        found.append(meter.measure(frame, np.empty(view.shape, np.uint8))[1])
    return found
