"""Whatever is given, what comes back is frames or one clear sentence."""

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

import naive
from clips import CLIPS, corrupt, decode, make_clip, painted_number, truncate
from framesift.errors import NothingUsableError, UsageError
from framesift.index import index
from framesift.source_store import Flag
from framesift.video.container import open_video
from framesift.video.decode import Decoder
from framesift.video.packets import read_packets

UNREADABLE = "not a video that can be opened (Invalid data found when processing input)"
NO_VIDEO_FORMAT = "not a video that can be opened (its format is none that keeps a video in one file)"
LIMITED = (255 / 219, -16 * 255 / 219)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "clip.mp4", n=20)


def refused(given: Path | str, **options: Any) -> str:
    """The reason for which an input alone is refused."""
    with pytest.raises(NothingUsableError) as error:
        index(given, **options)
    uri, reason = str(error.value)[: len(str(given))], str(error.value)[len(str(given)) :]
    assert uri == str(given)
    assert "\n" not in reason
    return reason.removeprefix(": ")


def numbers(path: Path, **options: Any) -> list[int]:
    with index(path, **options) as made:
        return [painted_number(t) for t in made.reader(0).read("thumbnails")]


# What is no video -------------------------------------------------------------------------------------------------


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    assert refused(tmp_path / "gone.mp4") == "no such file or folder"
    assert refused("http://example.com/video.mp4").startswith("http:// is read from this machine only")
    assert refused("ftp://example.com/video.mp4").startswith("ftp:// is not read; expected a path")
    assert refused(f"concat:{tmp_path}/clip.mp4") == "no such file or folder"


def test_an_empty_folder_is_named_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "folder.mp4").mkdir()
    assert refused(tmp_path / "folder.mp4") == "the folder holds no video, no zip and no image"


def test_a_folder_named_like_a_video_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "folder.mp4").mkdir()
    make_clip(tmp_path / "folder.mp4" / "clip.mp4", n=3)
    assert numbers(tmp_path / "folder.mp4") == [0, 1, 2]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"not a video", UNREADABLE),
        (b"\0" * 100_000, UNREADABLE),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", UNREADABLE),
        (b"RIFF\x10\0\0\0AVI LIST", UNREADABLE),
        (b"\x1aE\xdf\xa3", UNREADABLE),
    ],
)
def test_a_file_that_is_no_video_is_named(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes(content)
    assert refused(path) == reason


@pytest.mark.parametrize("name", ["sound.wav", "sound.mp4"])
def test_a_file_with_sound_alone_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("pcm_s16le" if name.endswith("wav") else "aac", rate=8000)
        stream.layout = "mono"
        frame = av.AudioFrame(format="s16" if name.endswith("wav") else "fltp", layout="mono", samples=1024)
        frame.sample_rate, frame.pts = 8000, 0
        frame.planes[0].update(bytes(frame.planes[0].buffer_size))
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert refused(path) in (NO_VIDEO_FORMAT, "there is no video stream in it")


PLAYLISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1.0,\n{target}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile '{target}'\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
    "a=rtpmap:96 H264/90000\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet>'
    '<Representation id="1" bandwidth="1"><BaseURL>{target}</BaseURL></Representation></AdaptationSet></Period></MPD>',
}


@pytest.mark.parametrize("suffix", ["mp4", "m3u8", "ts"])
@pytest.mark.parametrize("kind", PLAYLISTS)
def test_a_file_that_points_at_others_is_refused(tmp_path: Path, kind: str, suffix: str) -> None:
    target = CLIPS["h264_ts"].make(tmp_path / "target.ts")
    path = tmp_path / f"list.{suffix}"
    path.write_text(PLAYLISTS[kind].format(target=target))
    assert refused(path) in (UNREADABLE, NO_VIDEO_FORMAT)


def test_a_name_with_a_number_pattern_is_one_file_and_no_sequence(tmp_path: Path) -> None:
    for i in range(3):
        Image.new("RGB", (32, 32)).save(tmp_path / f"{i:03d}.png")
    (tmp_path / "%03d.png").write_text("no image")
    assert refused(tmp_path / "%03d.png") == NO_VIDEO_FORMAT


# What asks for too much -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"crop": "0,97,0,64"}, "crop 0,97,0,64 reaches outside the 96x64 frame"),
        ({"crop": "0,96,0,65"}, "crop 0,96,0,65 reaches outside the 96x64 frame"),
        ({"start": 20}, "no frame lies between start=20 and stop=the end: it has 20 frames, 0.760 s"),
        ({"start": "5s"}, "no frame lies between start=5s and stop=the end: it has 20 frames, 0.760 s"),
        (
            {"start": 10, "stop": 0.5},
            "no frame lies between start=10 and stop=0.5: it has 20 frames, 0.760 s",
        ),
        ({"stop": 0.0}, "no frame lies between start=0 and stop=0.0: it has 20 frames, 0.760 s"),
    ],
)
def test_a_range_or_crop_outside_the_video_is_named(clip: Path, options: dict[str, Any], reason: str) -> None:
    assert refused(clip, **options) == reason


def test_a_crop_is_held_against_the_frame_as_shown(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "turned.mp4", n=2, rotation=90)
    assert refused(path, crop="0,96,0,64") == "crop 0,96,0,64 reaches outside the 64x96 frame"


def test_an_empty_range_is_refused_before_anything_is_opened(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="start must be before stop, got start=3 and stop=2"):
        index(tmp_path / "gone.mp4", start=3, stop=2)


def test_a_video_too_small_for_the_batch_is_set_aside_alone(clip: Path, tmp_path: Path) -> None:
    small = make_clip(tmp_path / "small.mp4", n=2, size=(64, 48))
    with index([small, clip], crop="0,90,0,60") as made:
        assert [r.name for r in made.records] == ["clip"]
        assert [aside.reason for aside in made.set_aside] == [
            "crop 0,90,0,60 reaches outside the 64x48 frame"
        ]


# Short, cut off, damaged ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi", ".ts", ".gif"])
@pytest.mark.parametrize("threads", [1, 4])
def test_a_video_of_one_frame_is_a_video(tmp_path: Path, suffix: str, threads: int) -> None:
    codec = {".avi": "mpeg4", ".gif": "gif"}.get(suffix, "libx264")
    path = make_clip(
        tmp_path / f"one{suffix}", n=1, codec=codec, pix_fmt="rgb8" if codec == "gif" else "yuv420p"
    )
    assert numbers(path, threads=threads) == [0]


def test_an_mp4_that_lost_its_end_and_so_its_table_is_named(clip: Path) -> None:
    assert refused(truncate(clip, 0.5)) == UNREADABLE


@pytest.mark.parametrize("fraction", [0.9, 0.6])
@pytest.mark.parametrize(
    ("name", "warning"),
    [
        ("h264_faststart", "the container promises 60 frames"),
        ("h264_mkv", "the container promises 2.400 s"),
        ("h264_fragmented", "the container promises"),
        ("h264_ts", "some packets are damaged"),
        ("mpeg4_avi", "the container promises 60 frames"),
        ("ffv1", "the container promises 1.200 s"),
    ],
)
def test_what_is_left_of_a_video_cut_off_is_indexed(
    tmp_path: Path, name: str, warning: str, fraction: float
) -> None:
    clip = CLIPS[name]
    path = truncate(clip.make(tmp_path / f"cut{clip.suffix}"), fraction)
    for threads in (1, 3):
        record = assert_what_is_left(path, threads)
        assert 0 < record.n_rows < clip.n
        assert record.warnings[0].startswith(warning)


@pytest.mark.parametrize("name", ["h264_b_frames", "h264_one_keyframe", "hevc_open_gop", "mpeg4_mkv", "vp8"])
@pytest.mark.parametrize("place", [0.3, 0.6])
def test_what_follows_damage_is_what_a_decoder_makes_of_it_whatever_the_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, place: float
) -> None:
    monkeypatch.setattr("framesift.ingest.video._MIN_SEGMENT_FRAMES", 1)
    clip = CLIPS[name]
    path = clip.make(tmp_path / f"damaged{clip.suffix}")
    data = bytearray(path.read_bytes())
    at = int(place * len(data))
    data[at : at + 40] = bytes(range(100, 140))
    path.write_bytes(data)
    for threads in (1, 2, 4):
        assert_what_is_left(path, threads)


def assert_what_is_left(path: Path, threads: int) -> Any:
    """Hold an index against a decode in sequence, by one thread, that passes over what it cannot decode."""
    truth = decode_what_is_there(path)
    with index(path, threads=threads) as made:
        (record,) = made.records
        reader = made.reader(0)
        thumbnails, flags = reader.read("thumbnails"), reader.read("flags")
    assert record.n_rows == record.n_frames == len(truth)
    for frame, thumbnail in zip(truth, thumbnails, strict=True):
        luma = frame.to_ndarray()[: frame.height]
        whole = (0, frame.width, 0, frame.height)
        np.testing.assert_array_equal(thumbnail, naive.thumbnail(luma, whole, *LIMITED, thumbnail.shape))
    assert (flags & Flag.DAMAGED).astype(bool).tolist() == [frame.is_corrupt for frame in truth]
    return record


def decode_what_is_there(path: Path) -> list[Any]:
    frames = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_type = "NONE"
        for packet in container.demux(stream):
            with contextlib.suppress(av.FFmpegError):
                frames += packet.decode()
    return frames


def test_a_damaged_packet_is_passed_over_and_the_frames_around_it_kept(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "damaged.mov", n=10, codec="png", pix_fmt="rgb24")
    data = bytearray(path.read_bytes())
    at = [i for i in range(len(data)) if data[i : i + 4] == b"IHDR"][4]
    data[at : at + 4] = b"XXXX"
    path.write_bytes(data)
    for threads in (1, 3):
        with index(path, threads=threads) as made:
            (record,) = made.records
            found = [painted_number(t) for t in made.reader(0).read("thumbnails")]
        assert found == [0, 1, 2, 3, 5, 6, 7, 8, 9]
        assert record.n_errors == 1
        assert record.warnings == ["1 packets could not be decoded"]


_SURVIVE = """
import sys
from framesift.errors import NothingUsableError
from framesift.index import index
from framesift.source_store import Flag
for path in sys.argv[1:]:
    for threads in (1, 3):
        try:
            with index(path, threads=threads) as made:
                print("frames", made.n_rows)
        except NothingUsableError as e:
            print("reason", str(e).replace("\\n", "\\\\n"))
"""


def test_random_damage_neither_crashes_nor_hangs(tmp_path: Path) -> None:
    names = [
        "h264_open_gop",
        "h264_faststart",
        "hevc",
        "h264_mkv",
        "mpeg4_avi",
        "vp9_alt_ref",
        "mpeg2_ts",
        "gif",
    ]
    paths = []
    for seed in range(32):
        clip = CLIPS[names[seed % len(names)]]
        whole = (
            paths[seed - len(names)]
            if seed >= len(names)
            else clip.make(tmp_path / f"whole{seed}{clip.suffix}")
        )
        paths.append(Path(shutil.copy(whole, tmp_path / f"{seed}{clip.suffix}")))
        corrupt(paths[-1], seed, 3 * 4 ** (seed // len(names)))
    command = [sys.executable, "-c", _SURVIVE, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    outcomes = done.stdout.splitlines()
    assert len(outcomes) == 2 * len(paths)
    assert all(line.startswith(("frames", "reason")) for line in outcomes)
    assert sum(line.startswith("frames") for line in outcomes) > len(paths), "most of them can still be read"


# Names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "with space.mp4",
        "a:b.mp4",
        "file:x.mp4",
        "50%.mp4",
        "%03d.mp4",
        "-i.mp4",
        "#?&=.mp4",
        "quote'\".mp4",
        "[1]*.mp4",
        "日本語.mp4",
        "back\\slash.mp4",
        "new\nline.mp4",
        "wrong.txt",
        "wrong.avi",
        "no_suffix",
        b"caf\xe9.mp4",
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="names that Windows does not allow")
def test_a_video_of_any_name_can_be_indexed(clip: Path, tmp_path: Path, name: str | bytes) -> None:
    path = tmp_path / os.fsdecode(name)
    clip.rename(path)
    with index(path, tmp_path / "store") as made:
        assert made.records[0].n_rows == 20
    with index(path, tmp_path / "store") as made:
        assert made.stats["sources_reused"] == 1
        assert made.records[0].uri == str(path)


@pytest.mark.skipif(sys.platform == "win32", reason="names that Windows does not allow")
def test_a_bad_video_of_any_name_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.mp4")
    path.write_bytes(b"no video")
    assert refused(path) == UNREADABLE


def test_a_relative_name_is_found(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(clip.parent)
    assert numbers(Path("clip.mp4")) == list(range(len(decode(clip))))


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="everything can be read here")
def test_a_file_that_may_not_be_read_is_named(clip: Path) -> None:
    clip.chmod(0)
    assert refused(clip) == "cannot be read: Permission denied"


@pytest.mark.parametrize("name", ["h264_ts", "h264_raw"])
@pytest.mark.parametrize("fraction", [0.9, 0.6, 0.5])
def test_frame_threads_notice_damage_without_being_told_by_a_frame(
    tmp_path: Path, name: str, fraction: float
) -> None:
    """They may hand a frame out before they mark it as damaged: then errors and frames that lack must tell."""
    clip = CLIPS[name]
    path = truncate(clip.make(tmp_path / f"damaged{clip.suffix}"), fraction)
    assert any(frame.is_corrupt for frame in decode_what_is_there(path))
    with open_video(path) as (container, stream):
        packets = read_packets(container, stream)
    with open_video(path, threads=3, strict=True) as (container, stream):
        decoder = Decoder(container, stream)
        n_frames = len(list(decoder.sequence()))
    assert decoder.n_errors or n_frames < packets.n_packets or packets.is_damaged
