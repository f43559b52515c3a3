"""What an index holds, whatever way it was made."""

import shutil
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import naive
from clips import CLIPS, corrupt, decode, make_clip, painted, painted_number
from framesift.errors import UsageError
from framesift.index import Index, index, open_index
from framesift.ingest import running
from framesift.ingest.job import Job
from framesift.progress import Progress
from framesift.source_store import Flag
from framesift.video.packets import BYTES_A_PACKET, read_packets

ARRAYS = ["thumbnails", "statistics", "content_hash", "flags"]
LIMITED = (255 / 219, -16 * 255 / 219)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return CLIPS["h264_b_frames"].make(tmp_path / "clip.mp4")


def contents(made: Index, source: int = 0) -> dict[str, np.ndarray]:
    reader = made.reader(source)
    return {name: reader.read(name) for name in [*ARRAYS, "pts"]}


def indexed(*inputs: Path, **options: Any) -> dict[str, np.ndarray]:
    with index(inputs, **options) as made:
        assert made.set_aside == []
        return contents(made)


def assert_equal(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def small_chunks(monkeypatch: pytest.MonkeyPatch, rows: int = 7) -> None:
    monkeypatch.setattr("framesift.source_store.chunk_rows", lambda _: rows)


# Which frames -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "frames"),
    [
        ({"start": 13}, range(13, 60)),
        ({"stop": 13}, range(13)),
        ({"start": 11, "stop": 12}, range(11, 12)),
        ({"start": 5, "stop": 55, "step": 7}, range(5, 55, 7)),
        ({"step": 100}, range(0, 60, 100)),
        ({"start": 0.5, "stop": "75%"}, range(30, 45)),
        ({"start": "0.4s", "stop": "00:00:01.2"}, range(10, 30)),
        ({"start": 50, "stop": 1000}, range(50, 60)),
        ({"step": 13}, range(0, 60, 13)),
    ],
)
@pytest.mark.parametrize("name", ["h264_open_gop", "h264_raw"])
def test_start_stop_and_step_restrict_frames_and_never_renumber_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, options: dict[str, Any], frames: range
) -> None:
    path = CLIPS[name].make(tmp_path / f"clip{CLIPS[name].suffix}")
    whole = indexed(path)
    small_chunks(monkeypatch, 16)
    monkeypatch.setattr("framesift.ingest.video._MIN_SEGMENT_FRAMES", 1)
    with index(path, threads=2, **options) as made:
        (record,) = made.records
        part = contents(made)
    assert range(record.start, record.stop, record.step) == frames
    assert (record.n_frames, record.n_rows) == (60, len(frames))
    assert [painted_number(thumbnail) for thumbnail in part["thumbnails"]] == list(frames)
    for array in ("thumbnails", "content_hash", "flags"):
        np.testing.assert_array_equal(part[array], whole[array][frames.start : frames.stop : frames.step])
    np.testing.assert_array_equal(part["pts"], whole["pts"])


def test_frames_outside_the_range_are_not_decoded_when_segments_allow_it(clip: Path) -> None:
    with index(clip, start=30, stop=32) as made:
        assert made.stats["frames_decoded"] == 2


@pytest.mark.parametrize("crop", [(0, 96, 0, 32), (10, 61, 7, 58), (95, 96, 63, 64)])
def test_a_crop_is_the_thumbnail_of_the_cropped_picture(clip: Path, crop: tuple[int, int, int, int]) -> None:
    found = indexed(clip, crop=crop, size=24)["thumbnails"]
    for frame, thumbnail in zip(decode(clip), found, strict=True):
        luma = frame.to_ndarray()[:64]
        np.testing.assert_array_equal(thumbnail, naive.thumbnail(luma, crop, *LIMITED, thumbnail.shape))


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_crop_is_in_pixels_of_the_picture_as_shown(tmp_path: Path, rotation: int) -> None:
    path = make_clip(tmp_path / "turned.mp4", n=3, size=(96, 64), rotation=rotation)
    crop = (3, 50, 11, 60)
    found = indexed(path, crop=crop, size=20)["thumbnails"]
    for frame, thumbnail in zip(decode(path), found, strict=True):
        shown = np.rot90(frame.to_ndarray()[:64], rotation // 90)
        np.testing.assert_array_equal(thumbnail, naive.thumbnail(shown, crop, *LIMITED, thumbnail.shape))


def test_what_a_crop_leaves_out_is_not_looked_at(tmp_path: Path) -> None:
    """Sharpness and black frames are those of the crop; equal contents are told by the whole picture."""
    pictures = [np.zeros((48, 64, 3), np.uint8) for _ in range(2)]
    pictures[1][:, 32:] = painted(1, (64, 48))[:, 32:]
    path = make_clip(tmp_path / "half.mkv", n=2, size=(64, 48), codec="ffv1", pictures=pictures)
    found = indexed(path, crop=(0, 32, 0, 48))
    assert (found["flags"] & Flag.BLACK).tolist() == [Flag.BLACK, Flag.BLACK]
    assert found["statistics"][:, 2].tolist() == [0, 0]
    assert found["content_hash"][0] != found["content_hash"][1]


@pytest.mark.parametrize(
    ("shape", "size", "expected"),
    [((96, 64), 64, (43, 64)), ((64, 96), 64, (64, 43)), ((64, 64), 8, (8, 8)), ((96, 64), 512, (64, 96))],
)
def test_a_thumbnail_keeps_its_aspect_and_is_never_enlarged(
    tmp_path: Path, shape: tuple[int, int], size: int, expected: tuple[int, int]
) -> None:
    path = make_clip(tmp_path / "clip.mp4", n=2, size=shape)
    assert indexed(path, size=size)["thumbnails"].shape == (2, *expected)


# What is measured -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 7, 59, 60, 512])
def test_statistics_are_those_of_the_whole_source_whatever_the_chunks(
    clip: Path, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    small_chunks(monkeypatch, rows)
    monkeypatch.setattr("framesift.ingest.video._MIN_SEGMENT_FRAMES", 1)
    found = indexed(clip, threads=2)
    luminance, contrast, _, motion = found["statistics"].T
    expected = naive.luminance(found["thumbnails"])
    np.testing.assert_array_equal(motion, naive.motion_energy(found["thumbnails"], None))
    np.testing.assert_array_equal(luminance, expected[0])
    np.testing.assert_allclose(contrast, expected[1], rtol=1e-6)


@pytest.mark.parametrize(("threads", "rows"), [(1, 5), (2, 5), (4, 5), (4, 64)])
@pytest.mark.parametrize("name", ["h264_open_gop", "h264_raw", "mpeg4_b_frames_avi"])
def test_threads_and_chunks_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, rows: int, threads: int
) -> None:
    path = CLIPS[name].make(tmp_path / f"clip{CLIPS[name].suffix}")
    expected = indexed(path, threads=1)
    small_chunks(monkeypatch, rows)
    monkeypatch.setattr("framesift.ingest.video._MIN_SEGMENT_FRAMES", 1)
    assert_equal(indexed(path, threads=threads), expected)


def test_black_frames_are_flagged(tmp_path: Path) -> None:
    pictures = [np.full((48, 64, 3), level, np.uint8) for level in (0, 9, 60, 255)]
    pictures.append(pictures[0].copy())
    pictures[-1][20:40, 20:40] = 200
    path = make_clip(tmp_path / "dark.mkv", n=5, size=(64, 48), codec="ffv1", pictures=pictures)
    flags = indexed(path)["flags"]
    assert (flags & Flag.BLACK).astype(bool).tolist() == [True, True, False, False, False]


def test_equal_pictures_have_equal_hashes_and_others_do_not(tmp_path: Path) -> None:
    numbers = [0, 1, 1, 2, 0, 3]
    pictures = [painted(number, (64, 48)) for number in numbers]
    pictures.append(pictures[0].copy())
    pictures[-1][-1, -1] ^= 255
    path = make_clip(tmp_path / "twice.mkv", n=7, size=(64, 48), codec="ffv1", pictures=pictures)
    hashes = indexed(path)["content_hash"].tolist()
    assert [hashes.index(h) for h in hashes] == [0, 1, 1, 3, 0, 5, 6]


def test_progress_ends_with_every_frame_done(clip: Path) -> None:
    seen: list[Progress] = []
    index(clip, progress=seen.append).close()
    assert (seen[-1].done, seen[-1].total) == (60, 60)
    assert [p.done for p in seen] == sorted(p.done for p in seen)


# Images -----------------------------------------------------------------------------------------------------------


def save_images(folder: Path, numbers: list[int], suffix: str = ".png") -> None:
    folder.mkdir(exist_ok=True)
    for number in numbers:
        Image.fromarray(painted(number, (64, 48))).save(folder / f"frame{number}{suffix}")


def save_zip(path: Path, numbers: list[int]) -> Path:
    save_images(path.with_suffix(""), numbers)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in numbers:
            archive.write(path.with_suffix("") / f"frame{number}.png", f"frame{number}.png")
    return path


NUMBERS = [100, 2, 11, 1, 10, 20]


@pytest.mark.parametrize("kind", ["images", "zip"])
def test_images_are_frames_in_natural_order(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_chunks(monkeypatch, 4)
    path = save_zip(tmp_path / "frames.zip", NUMBERS)
    with index(path.with_suffix("") if kind == "images" else path, threads=2) as made:
        (record,) = made.records
        found = contents(made)
    assert [painted_number(t) for t in found["thumbnails"]] == sorted(NUMBERS)
    assert found["pts"].tolist() == list(range(6))
    assert (record.kind, record.n_frames, record.width, record.height) == (kind, 6, 64, 48)


def test_images_keep_their_indices_when_restricted(tmp_path: Path) -> None:
    path = save_zip(tmp_path / "frames.zip", NUMBERS)
    found = indexed(path, start=1, step=2)
    assert [painted_number(t) for t in found["thumbnails"]] == [2, 11, 100]


@pytest.mark.parametrize("at", [0, 3])
def test_an_image_that_cannot_be_opened_keeps_its_index_and_is_flagged(tmp_path: Path, at: int) -> None:
    save_images(tmp_path / "frames", NUMBERS)
    (tmp_path / "frames" / f"frame{sorted(NUMBERS)[at]}.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    with index(tmp_path / "frames") as made:
        found, (record,) = contents(made), made.records
    assert np.flatnonzero(found["flags"] & Flag.DAMAGED).tolist() == [at]
    assert record.n_errors == 1
    assert record.warnings == ["1 images could not be opened"]
    others = [
        painted_number(t) for t, flags in zip(found["thumbnails"], found["flags"], strict=True) if flags == 1
    ]
    assert others == [n for n in sorted(NUMBERS) if n != sorted(NUMBERS)[at]]


def test_an_encrypted_or_broken_member_of_a_zip_is_flagged(tmp_path: Path) -> None:
    path = save_zip(tmp_path / "frames.zip", NUMBERS)
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        offsets = {m.filename: m.header_offset for m in archive.infolist()}
    encrypted, broken = offsets["frame10.png"], offsets["frame20.png"]
    data[encrypted + 6] |= 1
    entry = data.index(b"frame10.png", data.index(b"PK\x01\x02")) - 46
    data[entry + 8] |= 1
    data[broken + 500] ^= 255
    path.write_bytes(data)
    flags = indexed(path)["flags"]
    assert [sorted(NUMBERS)[i] for i in np.flatnonzero(flags & Flag.DAMAGED)] == [10, 20]


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("frame1.ppm", b"P6 4000 4000 255\n" + bytes(48_000_000))
    clip = make_clip(tmp_path / "clip.mp4", n=2)
    with index([path, clip]) as made:
        (aside,) = made.set_aside
    assert aside.uri == str(path)
    assert "'frame1.ppm' in the zip unpacks to 48000017 bytes: refused" in aside.reason


# Batches ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 3])
def test_broken_members_of_a_batch_are_set_aside_with_a_reason_and_the_rest_goes_on(
    tmp_path: Path, threads: int
) -> None:
    good = [make_clip(tmp_path / f"good{i}.mp4", n=5 + i) for i in range(2)]
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("not a video")
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 and no more")
    names = ["good1.mp4", "empty.mp4", "text.mp4", "gone.mp4", "broken.zip", "good0.mp4"]
    with index([tmp_path / name for name in names], threads=threads) as made:
        assert [r.uri for r in made.records] == [str(good[1]), str(good[0])]
        assert [r.n_rows for r in made.records] == [6, 5]
        assert made.offsets.tolist() == [0, 6, 11]
        reasons = {Path(aside.uri).name: aside.reason for aside in made.set_aside}
    assert reasons == {
        "gone.mp4": "no such file or folder",
        "empty.mp4": "the file is empty",
        "text.mp4": "not a video that can be opened (Invalid data found when processing input)",
        "broken.zip": "not a zip that can be opened (File is not a zip file)",
    }


def test_each_source_of_a_batch_is_indexed_as_it_is_alone(tmp_path: Path) -> None:
    names = ["h264_open_gop", "h264_raw", "mjpeg_avi", "h264_rotated_90", "vp8"]
    paths = [CLIPS[name].make(tmp_path / f"{name}{CLIPS[name].suffix}") for name in names]
    with index(paths, threads=4) as made:
        for source, path in enumerate(paths):
            assert_equal(contents(made, source), indexed(path, threads=1))


def test_sources_that_begin_at_the_same_time_do_not_get_in_each_others_way(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "0.mp4", n=1)
    paths = [Path(shutil.copy(clip, tmp_path / f"{i}.mp4")) for i in range(1, 9)]
    for _ in range(5):
        with index(paths, threads=8) as made:
            assert len(made.records) == 8


def test_one_file_given_twice_is_one_source(clip: Path) -> None:
    with index([clip, clip.parent, str(clip)]) as made:
        assert len(made.records) == 1


def test_a_store_can_be_opened_again(clip: Path, tmp_path: Path) -> None:
    with index(clip, tmp_path / "store") as made, open_index(tmp_path / "store") as opened:
        assert opened.records == made.records
        assert_equal(contents(opened), contents(made))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"size": 7}, "size must be from 8 to 512 pixels, got 7"),
        ({"size": 513}, "size must be from 8 to 512 pixels, got 513"),
        ({"step": 0}, "step must be at least 1, got 0"),
        ({"threads": 0}, "threads must be at least 1, got 0"),
        ({"decode": "quick"}, "decode must be one of exact, fast, coarse, keyframes, got 'quick'"),
        ({"device": "tpu"}, "device must be 'cpu' or 'cuda', got 'tpu'"),
        ({"start": 5, "stop": 5}, "start must be before stop, got start=5 and stop=5"),
        ({"crop": "1,2,3"}, "crop must be x1,x2,y1,y2 in whole pixels, got '1,2,3'"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(clip: Path, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError) as error:
        index(clip, **options)
    assert str(error.value) == sentence


# Memory -----------------------------------------------------------------------------------------------------------

_PEAK = """
import resource, sys
from framesift.index import index
for path in sys.argv[1:]:
    index(path, threads=2).close()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def test_peak_memory_is_flat_in_the_length_of_the_video(tmp_path: Path) -> None:
    """Chunks of 2 threads are at most 16 MB; the frames that the long clip has more are 160 MB."""
    pictures = [painted(number, (320, 240)) for number in range(25)]
    paths = [
        make_clip(
            tmp_path / f"{n}.mp4",
            n=n,
            size=(320, 240),
            options={"preset": "ultrafast", "x264-params": "scenecut=0"},
            pictures=pictures * (n // 25),
        )
        for n in (200, 1600)
    ]
    command = [sys.executable, "-c", _PEAK, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    short, long = map(int, done.stdout.split())
    assert long - short < 32, f"{short} MB for 200 frames, {long} MB for 1600"


def test_a_job_that_is_done_keeps_nothing_of_its_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch of thousands would hold the packet index of every video to its end."""
    jobs: list[Job] = []
    made_job = running._job

    def remembered(*args: Any) -> Job:
        jobs.append(made_job(*args))
        return jobs[-1]

    monkeypatch.setattr("framesift.ingest.running._job", remembered)
    monkeypatch.setattr("framesift.ingest.video._MIN_SEGMENT_FRAMES", 1)
    good = make_clip(tmp_path / "good.mp4")
    damaged = corrupt(make_clip(tmp_path / "damaged.mp4"), 3, 60)
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    index([good, damaged, text], isolate=False, threads=2).close()
    assert len(jobs) == 3
    for job in jobs:
        assert (job.record is None) != (job.reason is None)
        assert vars(job).keys() == job._kept | {"_kept"}


class _Packets:
    """A container whose packets cost nothing."""

    format = SimpleNamespace(name="mov")

    def __init__(self, n: int) -> None:
        self.n = n

    def demux(self, _: Any) -> Iterator[Any]:
        packet = SimpleNamespace(is_discard=False, is_corrupt=False, size=100_000)
        for number in range(self.n):
            packet.pts = packet.dts = 10**9 + 512 * number
            packet.is_keyframe = number % 60 == 0
            yield packet


def test_the_packet_index_keeps_to_its_formula() -> None:
    peaks = []
    stream: Any = SimpleNamespace(
        codec_context=SimpleNamespace(pix_fmt="yuv420p", codec=SimpleNamespace(canonical_name="h264"))
    )
    for n in (20_000, 120_000):
        tracemalloc.start()
        found = read_packets(_Packets(n), stream)  # type: ignore[arg-type]
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert len(found.pts) == n
    assert peaks[1] - peaks[0] <= 100_000 * BYTES_A_PACKET
