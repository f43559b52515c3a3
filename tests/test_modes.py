"""Decode modes: fewer frames, or a little blurred ones, but always at their own indices."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from clips import CLIPS, decode, make_clip, painted, painted_number, truncate
from framesift.errors import IntegrityError
from framesift.export.exporting import export
from framesift.index import Index, index, open_index
from framesift.ingest.job import Job
from framesift.ingest.modes import shortcuts_for, wanted
from framesift.ingest.video import VideoJob, _biggest_at_the_end_first
from framesift.inspection import describe_store, verify
from framesift.measure import Meter, make_view
from framesift.pipeline import extract
from framesift.selection.checks import METHODS
from framesift.selection.choice import select
from framesift.selection.result import read_selection
from framesift.source_store import Flag, SourceWriter
from framesift.video.container import open_video
from framesift.video.packets import PacketIndex, _index, read_packets
from framesift.video.plan import BUDGET, KeyframePlan, Part, parts
from framesift.video.planes import Converter
from framesift.video.references import Reference, droppable, reference_reader
from framesift_kernels import load
from real import video

SIZE = 64
LONG = ["centered_pair_low_quality.mp4", "centered_pair_small.mp4", "clip.mp4", "m3v1mp4.mp4", "test_vid.mp4"]
REAL = [
    *LONG,
    "av1_video.mkv",
    "discard_first_keyframe.mp4",
    "h265_video.mp4",
    "nasa_13013.mp4",
    "nasa_13013_hdr.mp4",
    "nasa_13013_rotated.mp4",
    "small_robot.mp4",
    "small_robot_3_frame.mp4",
    "test_non_zero_start.mp4",
    "testsrc2_mpeg4.avi",
    "testsrc2_odd_height_and_width_vp9.mp4",
    "testsrc2_vp8.webm",
]
UNTIMED = ["h264_raw", "h264_avi"]
"""Packets that do not tell when their frames are shown."""
ARRAYS = ["thumbnails", "statistics", "content_hash", "flags"]


@dataclass(frozen=True, slots=True)
class Truth:
    """What a plain decode by PyAV measures."""

    pts: list[int | None]
    thumbnails: np.ndarray
    content_hash: np.ndarray
    keyframe: np.ndarray
    turns: int


def plainly_decoded(path: Path) -> Truth:
    pts, thumbnails, hashes, keyframe, meter = [], [], [], [], None
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams.best("video")):
            if meter is None:
                view = make_view(frame.width, frame.height, frame.rotation, None, SIZE)
                meter = Meter(view, load("cpu"))
            thumbnails.append(np.empty(view.shape, np.uint8))
            hashes.append(meter.measure(frame, thumbnails[-1])[1])
            pts.append(frame.pts)
            keyframe.append(bool(frame.key_frame))
    return Truth(
        pts, np.stack(thumbnails), np.array(hashes, np.uint64), np.array(keyframe), view.rotation // 90
    )


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, Truth]]:
    """A made clip or a real video by name, and the truth of it."""
    folder = tmp_path_factory.mktemp("clips")
    known: dict[str, tuple[Path, Truth]] = {}

    def get(name: str) -> tuple[Path, Truth]:
        if name not in known:
            path = CLIPS[name].make(folder / (name + CLIPS[name].suffix)) if name in CLIPS else video(name)
            known[name] = path, plainly_decoded(path)
        return known[name]

    return get


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film_that_moves_once(tmp_path_factory.mktemp("film") / "film.mp4", n_gops=12)


def film_that_moves_once(path: Path, n_gops: int) -> Path:
    """GOPs of thirty frames; the picture changes in the sixth and stands still in the others."""
    n = 30 * n_gops
    numbers = [number if 150 <= number < 180 else 30 * (number // 30) for number in range(n)]
    shown = [painted(number, (240, 160)) for number in numbers]
    for picture in shown:
        picture[60:] = 90  # what is painted below the number costs many bytes
    return make_clip(
        path, n=n, size=(240, 160), gop=30, pictures=shown, options=CLIPS["h264_b_frames"].options
    )


def contents(made: Index) -> dict[str, np.ndarray]:
    reader = made.reader(0)
    return {name: reader.read(name) for name in [*ARRAYS, "pts"]} | {"frames": reader.frames()}


def indexed(path: Path, **options: Any) -> tuple[Any, dict[str, np.ndarray]]:
    with index(path, size=SIZE, **options) as made:
        made.reader(0).check()
        return made.records[0], contents(made)


def assert_equal(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def packets_of(path: Path, *, references: bool = True) -> PacketIndex:
    with open_video(path) as (container, stream):
        codec = stream.codec_context.codec.canonical_name
        reader = reference_reader(codec, stream.codec_context.extradata) if references else None
        return read_packets(container, stream, references=reader)


def force(monkeypatch: pytest.MonkeyPatch, *, unbalanced: bool) -> None:
    """Have the next indexing cut the video at every keyframe, or not at all."""
    monkeypatch.setattr("framesift.ingest.video._MIN_SEGMENT_FRAMES", 1)
    monkeypatch.setattr("framesift.ingest.video._FRAMES_A_TASK", 1)
    monkeypatch.setattr(VideoJob, "_is_unbalanced", lambda *_: unbalanced)


# Every frame at its index -----------------------------------------------------------------------------------------


def assert_exact(path: Path, truth: Truth, **options: Any) -> Any:
    record, found = indexed(path, **options)
    frames = found["frames"]
    assert record.n_frames == len(truth.pts)
    assert record.n_rows == len(frames) > 0
    if None not in truth.pts and all(np.diff(truth.pts) > 0):
        assert found["pts"].tolist() == truth.pts
    assert np.flatnonzero(found["content_hash"] != truth.content_hash[frames]).tolist() == []
    np.testing.assert_array_equal(found["thumbnails"], truth.thumbnails[frames])
    np.testing.assert_array_equal((found["flags"] & Flag.KEYFRAME).astype(bool), truth.keyframe[frames])
    assert record.shortcuts == {}
    assert (record.decoded == options["decode"]) != any("not decode=" in text for text in record.warnings)
    return record


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("mode", ["coarse", "keyframes"])
@pytest.mark.parametrize("name", CLIPS)
def test_frames_that_are_left_out_change_no_other(
    material: Any, monkeypatch: pytest.MonkeyPatch, name: str, mode: str, threads: int
) -> None:
    path, truth = material(name)
    force(monkeypatch, unbalanced=False)
    assert not packets_of(path).is_lossy
    record = assert_exact(path, truth, decode=mode, threads=threads)
    assert record.seekable == CLIPS[name].segments, record.doubt
    if name in UNTIMED:
        assert record.decoded == "exact"
        assert record.n_rows == record.n_frames


@pytest.mark.parametrize("name", CLIPS)
def test_frame_threads_give_the_same_coarse_frames(
    material: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path, truth = material(name)
    force(monkeypatch, unbalanced=False)
    _, expected = indexed(path, decode="coarse", threads=1)
    force(monkeypatch, unbalanced=True)
    assert_exact(path, truth, decode="coarse", threads=2)
    assert_equal(indexed(path, decode="coarse", threads=2)[1], expected)


@pytest.mark.parametrize("mode", ["coarse", "keyframes"])
@pytest.mark.parametrize("name", REAL)
def test_frames_of_real_videos_are_those_of_a_plain_decode(material: Any, name: str, mode: str) -> None:
    path, truth = material(name)
    record = assert_exact(path, truth, decode=mode, threads=2)
    if name in LONG:
        assert record.decoded == mode
        assert record.n_rows < record.n_frames * (0.15 if mode == "keyframes" else 0.9)


@pytest.mark.parametrize("name", [*CLIPS, *REAL])
def test_coarse_leaves_out_what_ffmpeg_knows_as_not_referred_to(material: Any, name: str) -> None:
    path, truth = material(name)
    record, found = indexed(path, decode="coarse", threads=1)
    if record.decoded != "coarse":
        return
    with av.open(str(path)) as container:
        stream = container.streams.best("video")
        stream.codec_context.skip_frame = "NONREF"
        left = {frame.pts for frame in container.decode(stream)}
    given = {truth.pts[frame] for frame in found["frames"]}
    if record.codec == "h264":
        assert given == left
    assert given >= left
    assert len(given) == len(left) or record.codec == "hevc", "FFmpeg drops what higher layers refer to"


# Fast -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REAL)
def test_thumbnails_decoded_fast_are_within_half_a_grey_level(material: Any, name: str) -> None:
    path, truth = material(name)
    record, found = indexed(path, decode="fast", threads=2)
    assert found["frames"].tolist() == list(range(len(truth.pts)))
    error = np.abs(found["thumbnails"].astype(int) - truth.thumbnails)
    assert error.mean() <= 0.5
    assert (record.decoded == "fast") == (record.codec in ("h264", "hevc")) == bool(record.shortcuts)
    if record.decoded == "exact":
        np.testing.assert_array_equal(found["content_hash"], truth.content_hash)
        assert record.warnings == [
            f"not decode=fast but every frame: no shortcut is known for such {record.codec}"
        ]


@pytest.mark.parametrize(
    "name", [name for name, clip in CLIPS.items() if clip.codec in ("libx264", "libx265")]
)
def test_what_is_decoded_fast_depends_on_no_thread(
    material: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path, _ = material(name)
    force(monkeypatch, unbalanced=False)
    record, expected = indexed(path, decode="fast", threads=1)
    assert record.decoded == ("exact" if name in UNTIMED else "fast")
    assert_equal(indexed(path, decode="fast", threads=3)[1], expected)
    force(monkeypatch, unbalanced=True)
    assert_equal(indexed(path, decode="fast", threads=2)[1], expected)


def film_of(path: Path, numbers: list[int], size: tuple[int, int] = (656, 512), **options: Any) -> Path:
    pictures = [painted(number, size) for number in numbers]
    options = {"codec": "mjpeg", "pix_fmt": "yuvj420p", "full_range": True, **options}
    return make_clip(path, n=len(numbers), size=size, pictures=pictures, **options)


def test_large_mjpeg_is_decoded_at_a_quarter_of_its_size(tmp_path: Path) -> None:
    path = film_of(tmp_path / "clip.mkv", [*range(20), 3, 3], options={"qmin": "3", "qmax": "3"})
    truth = plainly_decoded(path)
    record, found = indexed(path, decode="fast")
    assert record.shortcuts == {"lowres": "2"}
    assert np.abs(found["thumbnails"].astype(int) - truth.thumbnails).mean() <= 1.5, "noise and sharp edges"
    assert (record.width, record.height) == (656, 512)
    assert [painted_number(thumbnail) for thumbnail in found["thumbnails"]] == [*range(20), 3, 3]
    hashes = found["content_hash"].tolist()
    assert hashes[20] == hashes[21] == hashes[3]
    assert len(set(hashes)) == 20
    _, cropped = indexed(path, decode="fast", crop=(0, 656, 0, 512))
    np.testing.assert_array_equal(cropped["thumbnails"], found["thumbnails"])


@pytest.mark.parametrize("name", ["clip.mp4", "m3v1mp4.mp4", "testsrc2_mpeg4.avi"])
def test_real_pictures_as_mjpeg_are_within_half_a_grey_level(tmp_path: Path, name: str) -> None:
    with av.open(str(video(name))) as container:
        frames = [
            frame.to_ndarray(format="rgb24")
            for frame, _ in zip(container.decode(video=0), range(30), strict=False)
        ]
    size = (frames[0].shape[1], frames[0].shape[0])
    options = {"q": "4"}
    path = make_clip(
        tmp_path / "clip.mkv",
        n=30,
        size=size,
        codec="mjpeg",
        pix_fmt="yuvj420p",
        pictures=frames,
        options=options,
    )
    record, found = indexed(path, decode="fast")
    assert record.shortcuts == {"lowres": "2"}
    assert np.abs(found["thumbnails"].astype(int) - plainly_decoded(path).thumbnails).mean() <= 0.5


@pytest.mark.parametrize(
    ("crop", "can"),
    [(None, True), ((0, 640, 0, 512), True), ((12, 656, 0, 512), True), ((10, 656, 0, 512), False)],
)
def test_a_quarter_of_the_size_must_fit_the_crop_and_the_thumbnail(crop: Any, can: bool) -> None:
    for rotation in (0, 90, 180, 270):
        shown = (656, 512) if rotation % 180 == 0 else (512, 656)
        if crop is not None and rotation:
            continue
        view = make_view(656, 512, rotation, crop, 64)
        assert shown == view.shown
        shortcuts, reduced = shortcuts_for("mjpeg", view)
        assert bool(shortcuts) == can
        if can:
            assert (reduced.width, reduced.height, reduced.shape) == (164, 128, view.shape)
            assert reduced.region == tuple(edge // 4 for edge in view.region)
    assert shortcuts_for("mjpeg", make_view(630, 630, 0, None, 64))[0] == {}
    assert shortcuts_for("mpeg4", make_view(1920, 1080, 0, None, 64))[0] == {}


@pytest.mark.parametrize("name", ["h264_b_frames", "h264_open_gop", "h264_one_keyframe", "hevc", "mjpeg"])
def test_pictures_of_a_fast_index_are_those_of_a_plain_decode(
    material: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = film_of(tmp_path / "c.mkv", list(range(40))) if name == "mjpeg" else material(name)[0]
    found = extract(path, 5, tmp_path / "out", method="uniform", decode="fast", context=1)
    assert found.sources[0].shortcuts
    assert found.sources[0].decoded == "fast"
    assert_pictures(path, tmp_path / "out", found.indices(), context=1)
    again = read_selection(tmp_path / "out" / "selection.json")
    assert again.sources[0].shortcuts == found.sources[0].shortcuts
    export(again, tmp_path / "again", context=1)
    assert_pictures(path, tmp_path / "again", found.indices(), context=1)


def assert_pictures(path: Path, out: Path, chosen: list[int], *, context: int) -> None:
    frames, converter = decode(path), Converter()
    numbers = sorted({i + k for i in chosen for k in range(-context, context + 1)} & set(range(len(frames))))
    written = sorted((out / "frames").iterdir())
    assert [int(p.stem[-8:]) for p in written] == numbers
    for number, picture in zip(numbers, written, strict=True):
        with Image.open(picture) as image:
            np.testing.assert_array_equal(np.asarray(image), converter.rgb(frames[number]).to_ndarray())


@pytest.mark.parametrize("mode", ["fast", "coarse", "keyframes"])
def test_a_frame_that_is_not_the_one_that_was_indexed_is_refused(
    film: Path, tmp_path: Path, mode: str
) -> None:
    with index(film, decode=mode) as made:
        chosen = select(made, 3)
        assert len({frame.content_hash for frame in chosen.frames}) == 3
        other = f"{int(chosen.frames[1].content_hash or '', 16) ^ 1:016x}"
    chosen.index, chosen.frames[1].content_hash = None, other
    with pytest.raises(IntegrityError, match="decodes to another picture"):
        export(chosen, tmp_path / "out")


def test_the_hash_of_a_fast_index_proves_the_place_of_a_frame(film: Path, tmp_path: Path) -> None:
    with index(film, decode="fast") as made:
        chosen = select(made, 3, method="uniform")
    hashes = [frame.content_hash for frame in chosen.frames]
    for frame, found in zip(chosen.frames, hashes[1:] + hashes[:1], strict=True):
        frame.content_hash = found
    chosen.index = None
    with pytest.raises(IntegrityError, match="decodes to another picture"):
        export(chosen, tmp_path / "out")


# Keyframes --------------------------------------------------------------------------------------------------------


def made_packets(gops: list[list[int]], *, drop_every: int = 0) -> PacketIndex:
    """A stream whose packets have these sizes, the first of each GOP being a keyframe."""
    sizes = [size for gop in gops for size in gop]
    keys = [at == 0 for gop in gops for at in range(len(gop))]
    rows = [(n, n, size, key, False) for n, (size, key) in enumerate(zip(sizes, keys, strict=True))]
    unneeded = np.array([bool(drop_every) and n % drop_every == 1 for n in range(len(rows))])
    return _index(np.array(rows, np.int64), unneeded)


def planned(
    packets: PacketIndex, distances: list[int] | None, window: range | None = None
) -> list[list[int]]:
    plan = KeyframePlan(packets, window or range(len(packets.pts)), 10_000)
    chosen = plan.with_more(None if distances is None else np.array(distances, np.int64))
    return [part.frames.tolist() for part in chosen]


def work_of(packets: PacketIndex, frames: list[list[int]], *, looked_at: bool = False) -> float:
    """Share of the work; keyframes that were looked at are decoded again where more follows."""
    work = 10_000 + 100 * packets.packet_bytes
    again = [found[0] for found in frames if len(found) > 1 and looked_at]
    return float((work[np.concatenate(frames)].sum() + work[again].sum()) / work.sum())


QUIET, BUSY = [100] + [5] * 49, [100] + [50] * 49


def test_the_budget_goes_where_something_happens() -> None:
    packets = made_packets([QUIET, QUIET, BUSY, QUIET, QUIET, QUIET])
    found = planned(packets, [9] * 5)
    lengths = [len(frames) for frames in found]
    assert lengths[2] == max(lengths) >= 10
    assert [frames[0] for frames in found] == [0, 50, 100, 150, 200, 250]
    assert all(frames == list(range(frames[0], frames[0] + len(frames))) for frames in found)
    assert 0.9 / BUDGET < work_of(packets, found, looked_at=True) <= 1 / BUDGET


def test_keyframes_that_differ_say_that_something_happens() -> None:
    packets = made_packets([QUIET] * 6)
    lengths = [len(frames) for frames in planned(packets, [1, 1, 1, 500, 1])]
    assert lengths[3] == max(lengths) > 10
    assert [len(frames) for frames in planned(packets, None)] == [17, 1, 1, 1, 1, 1]


def test_many_gops_to_two_fifths_come_before_the_rest_of_a_few() -> None:
    lengths = [len(frames) for frames in planned(made_packets([QUIET] * 40), None)]
    assert lengths[:5] == [20] * 5
    assert set(lengths[6:]) == {1}
    by_far = [1] * 10 + [20] + [1] * 28
    assert [len(frames) for frames in planned(made_packets([QUIET] * 40), by_far)][9:12] == [1, 50, 1]


@pytest.mark.parametrize("n_gops", [4, 5, 40, 400])
@pytest.mark.parametrize("length", [1, 2, 12, 250])
def test_the_budget_is_kept_whatever_the_gops(n_gops: int, length: int) -> None:
    packets = made_packets([([300] + [40] * 249)[:length]] * n_gops, drop_every=3)
    for distances in (
        [1] * (len(KeyframePlan(packets, range(len(packets.pts)), 10_000).keyframes) - 1),
        None,
    ):
        found = planned(packets, distances)
        share = work_of(packets, found, looked_at=distances is not None)
        assert share <= max(1 / BUDGET, 4 * 40_000 / (10_000 * len(packets.pts)))
    frames = np.concatenate(found)
    assert len(found) >= 4
    assert np.all(np.diff(frames) > 0)
    if length == 1 and n_gops == 400:
        assert set(np.diff(frames)) == {11, 12}, "keyframes alone are evenly spaced"


def test_the_first_gop_is_decoded_up_to_the_seam_where_that_costs_little() -> None:
    few, many = made_packets([QUIET] * 5), made_packets([QUIET] * 100)
    assert not KeyframePlan(few, range(250), 10_000).can_check_seam
    plan = KeyframePlan(many, range(5000), 10_000)
    assert plan.can_check_seam
    assert plan.with_more(None)[0].frames.tolist() == list(range(50))


def test_what_follows_a_keyframe_leaves_out_what_can_be_dropped() -> None:
    packets = made_packets([QUIET] * 6, drop_every=2)
    found = planned(packets, None)
    assert found[0][:4] == [0, 2, 4, 6]
    assert all(not packets.droppable[packets.position[frames]].any() for frames in found)


def test_keyframes_outside_the_range_are_left_out() -> None:
    packets = made_packets([QUIET] * 10)
    found = planned(packets, None, range(60, 430))
    assert [frames[0] for frames in found] == [100, 150, 200, 250, 300, 350, 400]
    assert KeyframePlan(packets, range(60, 200), 10_000).is_sparse
    assert KeyframePlan(packets, range(60, 90), 10_000).is_sparse


def test_parts_reach_to_the_last_packet_that_is_needed() -> None:
    packets = made_packets([QUIET, QUIET], drop_every=2)
    first, second = parts(packets, packets.segments)
    assert first.frames.tolist() == list(range(0, 50, 2))
    assert first.segment.n_packets == 49
    assert second.frames.tolist() == list(range(50, 100, 2))


def test_the_last_batches_are_begun_in_the_order_of_their_work() -> None:
    """Not all of them: a long video's rows must come about in order, for chunks that are not whole are in memory."""
    packets = made_packets([QUIET] * 8)
    lengths = [1, 30, 1, 5, 50, 1, 20, 40]
    batches = [
        [Part(s._replace(n_packets=n), np.arange(s.start, s.start + n))]
        for s, n in zip(packets.segments, lengths, strict=True)
    ]
    found = _biggest_at_the_end_first(batches, 5)
    assert [len(part.frames) for (part,) in found] == [1, 30, 1, 50, 40, 20, 5, 1]
    assert [len(part.frames) for (part,) in _biggest_at_the_end_first(batches, 50)] == [
        50,
        40,
        30,
        20,
        5,
        1,
        1,
        1,
    ]


def test_keyframes_mode_looks_into_the_gop_that_moves(tmp_path: Path) -> None:
    film = film_that_moves_once(tmp_path / "film.mp4", n_gops=24)
    record, found = indexed(film, decode="keyframes")
    frames = found["frames"].tolist()
    moving = [frame for frame in frames if 150 < frame < 180]
    assert record.decoded == "keyframes"
    assert len(moving) >= 2
    assert [frame for frame in frames if frame % 30 == 0] == list(range(0, 720, 30))
    assert len(frames) <= 720 // BUDGET


def test_few_keyframes_are_decoded_coarsely_instead(film: Path, material: Any) -> None:
    for path, options in ((material("h264_one_keyframe")[0], {}), (film, {"start": 20, "stop": 100})):
        record, found = indexed(path, decode="keyframes", **options)
        _, expected = indexed(path, decode="coarse", **options)
        assert record.decoded == "coarse"
        assert record.warnings == [
            "not decode=keyframes but the frames that others are predicted from: there are too few keyframes"
        ]
        assert_equal(found, expected)


def test_without_room_for_thumbnails_the_packets_alone_decide(
    film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, usual = indexed(film, decode="keyframes")
    monkeypatch.setattr("framesift.ingest.modes._RETAINED_BYTES", 0)
    record, found = indexed(film, decode="keyframes")
    assert record.decoded == "keyframes"
    assert any(150 < frame < 180 for frame in found["frames"])
    both, at_usual, at_found = np.intersect1d(usual["frames"], found["frames"], return_indices=True)
    assert len(both) >= 12
    for name in ("thumbnails", "content_hash", "flags"):
        np.testing.assert_array_equal(usual[name][at_usual], found[name][at_found])


# Where a mode is not possible -------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["fast", "coarse", "keyframes"])
@pytest.mark.parametrize("name", ["h264_raw", "h264_avi", "vp8_lag", "truncated"])
def test_a_mode_that_is_not_possible_is_exact_and_says_so(tmp_path: Path, name: str, mode: str) -> None:
    clip = CLIPS["h264_fragmented" if name == "truncated" else name]
    path = clip.make(tmp_path / f"clip{clip.suffix}")
    if name == "truncated":
        truncate(path, 0.7)
    exact, expected = indexed(path, decode="exact", threads=2)
    record, found = indexed(path, decode=mode, threads=2)
    assert record.decoded == "exact"
    assert record.shortcuts == {}
    assert_equal(found, expected)
    (why,) = set(record.warnings) - set(exact.warnings)
    assert why.startswith(f"not decode={mode} but every frame: ")
    assert record.doubt == exact.doubt


@pytest.mark.parametrize("mode", ["fast", "coarse", "keyframes"])
def test_packets_that_promise_other_frames_send_every_mode_to_a_sequential_decode(
    material: Any, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    path, _ = material("h264_b_frames")
    _, expected = indexed(path)

    def shifted(*args: Any, **kwargs: Any) -> PacketIndex:
        found = read_packets(*args, **kwargs)
        found.pts[40:] += 1
        return found

    for unbalanced in (False, True):
        with monkeypatch.context() as patch:
            force(patch, unbalanced=unbalanced)
            patch.setattr("framesift.ingest.sequential.read_packets", shifted)
            record, found = indexed(path, decode=mode, threads=2)
        assert record.decoded == "exact"
        assert not record.seekable
        assert_equal(found, expected)


@pytest.mark.parametrize("mode", ["coarse", "keyframes"])
@pytest.mark.parametrize("n_b_frames", [1, 3])
def test_an_avi_does_not_tell_when_reordered_frames_are_shown(
    tmp_path: Path, n_b_frames: int, mode: str
) -> None:
    """Its time stamps are those of decoding, which look right as long as only frames in order are decoded."""
    options = {"preset": "veryfast", "bf": str(n_b_frames), "x264-params": "scenecut=0:b-pyramid=0:b-adapt=0"}
    path = make_clip(tmp_path / "clip.avi", n=240, gop=40, options=options)
    for threads in (1, 2):
        record = assert_exact(path, plainly_decoded(path), decode=mode, threads=threads)
        assert record.decoded == "exact"


def test_a_range_without_frames_that_others_need_is_decoded_in_full(material: Any) -> None:
    path, _ = material("h264_b_frames")
    _, coarse = indexed(path, decode="coarse")
    missing = int(np.setdiff1d(np.arange(60), coarse["frames"])[0])
    record, found = indexed(path, decode="coarse", start=missing, stop=missing + 1)
    assert found["frames"].tolist() == [missing]
    assert record.decoded == "exact"
    assert "no frame of the range" in record.warnings[0]


# Rows and frames downstream ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("start", "stop", "step"), [(0, 360, 1), (13, 300, 1), (5, 351, 3), (0, 360, 500)])
@pytest.mark.parametrize("mode", ["coarse", "keyframes"])
def test_a_range_and_a_step_restrict_what_the_mode_gives(
    film: Path, mode: str, start: int, stop: int, step: int
) -> None:
    record, found = indexed(film, decode=mode, start=start, stop=stop, step=step)
    whole = indexed(film, decode="coarse")[1]
    frames = found["frames"].tolist()
    assert record.n_frames == 360
    assert (record.start, record.stop, record.step) == (start, stop, step)
    assert all(start <= frame < stop for frame in frames)
    assert set(frames) <= set(whole["frames"].tolist())
    if mode == "coarse":
        inside = [frame for frame in whole["frames"].tolist() if start <= frame < stop]
        assert frames == inside[::step]


def test_frames_that_fill_the_window_are_not_listed() -> None:
    assert wanted(np.arange(10), range(2, 8)) == range(2, 8)
    assert wanted(np.arange(0, 10, 2), range(0, 10, 2)).tolist() == [0, 4, 8]
    assert wanted(np.array([1, 4]), range(2, 4)).tolist() == []


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("mode", ["coarse", "keyframes"])
def test_gaps_exclusion_and_pictures_go_by_frame_indices(
    film: Path, tmp_path: Path, mode: str, method: str
) -> None:
    with index(film, decode=mode) as made:
        given = made.reader(0).frames().tolist()
        first = select(made, 4, method=method, min_gap=13, keep_duplicates=True)
        assert all(b - a >= 13 for a, b in pairwise(first.indices()))
        export(first, tmp_path / "out", context=2)
        second = select(
            made,
            4,
            method=method,
            min_gap=13,
            exclude=tmp_path / "out" / "selection.json",
            keep_duplicates=True,
        )
        both = sorted(first.indices() + second.indices())
        assert all(b - a >= 13 for a, b in pairwise(both))
        reader = made.reader(0)
        hashes = dict(zip(given, reader.read("content_hash").tolist(), strict=True))
        assert [int(f.content_hash or "", 16) for f in first.frames] == [hashes[i] for i in first.indices()]
        assert [f.pts for f in first.frames] == reader.read("pts")[first.indices()].tolist()
    assert set(both) <= set(given)
    assert_pictures(film, tmp_path / "out", first.indices(), context=2)
    alone = read_selection(tmp_path / "out" / "selection.json")
    assert alone.sources[0].decoded == mode
    export(alone, tmp_path / "again", context=2)
    assert_pictures(film, tmp_path / "again", first.indices(), context=2)


def test_uniform_is_evenly_spaced_in_the_video_and_not_in_the_rows(film: Path, tmp_path: Path) -> None:
    with index(film, decode="keyframes") as made:
        given = made.reader(0).frames()
        found = select(made, 5, method="uniform", keep_duplicates=True).indices()
    nearest = [int(given[np.abs(given - middle).argmin()]) for middle in (36, 108, 180, 252, 324)]
    assert found == nearest


def test_a_store_of_a_mode_is_described_verified_and_opened(film: Path, tmp_path: Path) -> None:
    with index(film, tmp_path / "store", decode="keyframes") as made:
        n, expected = made.n_rows, contents(made)
        identity = made.records[0].id
    assert n < 60
    assert describe_store(tmp_path / "store")["n_frames"] == n
    (source,) = describe_store(tmp_path / "store")["sources"]
    assert (source["n_frames"], source["n_listed"], source["decoded"]) == (360, n, "keyframes")
    assert verify(tmp_path / "store") == {"sources": 1, "frames": n, "damaged": []}
    assert_equal(contents(open_index(tmp_path / "store")), expected)
    (chunk,) = (tmp_path / "store" / "sources" / identity / "frames" / "c").iterdir()
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 4
    chunk.write_bytes(data)
    assert len(verify(tmp_path / "store")["damaged"]) == 1
    with pytest.raises(IntegrityError):
        select(open_index(tmp_path / "store"), 3)


# Threads and interruption -----------------------------------------------------------------------------------------


def tree(store: Path) -> dict[str, bytes]:
    files = (p for p in store.rglob("*") if p.is_file() and p.name != "writer.lock")
    return {str(p.relative_to(store)): p.read_bytes() for p in files}


@pytest.mark.parametrize("mode", ["fast", "coarse", "keyframes"])
def test_stores_are_alike_byte_by_byte_whatever_the_threads(film: Path, tmp_path: Path, mode: str) -> None:
    for threads in (1, 2, 5):
        index(film, tmp_path / str(threads), decode=mode, threads=threads)
    assert tree(tmp_path / "1") == tree(tmp_path / "2") == tree(tmp_path / "5")


class Stop(BaseException):
    """Stands for whatever may end a run at any place."""


@pytest.mark.parametrize(("method", "call"), [("write", 1), ("write", 3), ("write_motion", 1), ("commit", 1)])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("mode", ["fast", "coarse", "keyframes"])
def test_an_interrupted_run_is_resumed_and_ends_bit_identical(
    film: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
    threads: int,
    method: str,
    call: int,
) -> None:
    monkeypatch.setattr("framesift.source_store.chunk_rows", lambda _: 4)
    index(film, tmp_path / "whole", decode=mode)
    original, n_calls = getattr(SourceWriter, method), 0

    def interrupted(*args: Any, **kwargs: Any) -> None:
        nonlocal n_calls
        n_calls += 1
        if n_calls == call:
            raise Stop
        original(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(SourceWriter, method, interrupted)
        with pytest.raises(Stop):
            index(film, tmp_path / "store", decode=mode, threads=threads)
    index(film, tmp_path / "store", decode=mode, threads=threads)
    assert tree(tmp_path / "store") == tree(tmp_path / "whole")


def test_chunks_of_another_mode_are_not_used(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("framesift.source_store.chunk_rows", lambda _: 4)

    def stop(*_: Any, **__: Any) -> None:
        raise Stop

    with monkeypatch.context() as patch:
        patch.setattr(SourceWriter, "commit", stop)
        with pytest.raises(Stop):
            index(film, tmp_path / "store", decode="coarse")
    index(film, tmp_path / "store", decode="keyframes")
    index(film, tmp_path / "anew", decode="keyframes")
    assert tree(tmp_path / "store") == tree(tmp_path / "anew")


def test_chunks_of_other_frames_are_not_used() -> None:
    """As when another version, with the same options, plans otherwise."""
    job: Any = SimpleNamespace(context=SimpleNamespace(options=SimpleNamespace(to_json=dict)))
    content: Any = SimpleNamespace(digest="")
    ways = [(range(9), "exact"), (range(9), "fast"), (np.array([0, 4]), "exact"), (np.array([0, 5]), "exact")]
    keys = [Job.resume_key(job, content, range(9), frames, mode) for frames, mode in ways]
    assert len({json.dumps(key) for key in keys}) == 4


# Headers of packets -----------------------------------------------------------------------------------------------


def h264(*units: int, size: int = 4) -> bytes:
    """Units that begin with these bytes."""
    cut = [bytes([unit, 9, 9]) for unit in units]
    return b"".join((len(u).to_bytes(size, "big") if size else b"\0\0\1") + u for u in cut)


@pytest.mark.parametrize("size", [0, 2, 4])
@pytest.mark.parametrize(
    ("units", "expected"),
    [
        ((0x01,), True),
        ((0x41,), False),
        ((0x65,), False),
        ((0x06, 0x01), True),
        ((0x01, 0x01, 0x01), True),
        ((0x01, 0x21), False),
        ((0x68, 0x01), False),
        ((0x67, 0x01), False),
        ((0x06,), False),
        ((), False),
    ],
)
def test_slices_of_h264_say_whether_others_refer_to_them(
    units: tuple[int, ...], expected: bool, size: int
) -> None:
    header = bytes([1, 100, 0, 30, 0xFC | (size - 1), 0xE1, 0, 0]) if size else b"\0\0\1\x67"
    reader = reference_reader("h264", header)
    assert reader is not None
    assert reader(h264(*units, size=size)).is_droppable == expected


def test_broken_packets_are_kept() -> None:
    for codec in ("h264", "hevc", "mpeg2video", "mpeg4"):
        for header in (None, b"", b"\1", bytes([1] * 40)):
            reader = reference_reader(codec, header)
            assert reader is not None
            for packet in (b"", b"\0", b"\0\0\1", b"\xff" * 9, b"\0\0\0\1", b"\0\0\1\0", b"\0\0\1\xb6"):
                assert not reader(packet).is_droppable


def test_only_the_highest_temporal_layer_of_hevc_may_be_dropped() -> None:
    reader = reference_reader("hevc", None)
    assert reader is not None
    kept, low, high = bytes([1 << 1, 1, 9]), bytes([0, 1, 9]), bytes([0, 2, 9])
    headers = [reader(b"\0\0\1" + unit) for unit in (kept, low, high)]
    assert headers == [Reference(False, 0), Reference(True, 0), Reference(True, 1)]
    assert np.array_equal(droppable(headers), [False, False, True])
    assert np.array_equal(droppable(headers[:2]), [False, True])
    assert droppable([]) is None


def test_codecs_whose_headers_do_not_tell_have_no_reader() -> None:
    assert reference_reader("vp9", None) is None
    assert reference_reader("mjpeg", None) is None
