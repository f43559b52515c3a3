"""Pictures have the colours and the orientation that the video means."""

import shutil
import subprocess
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from clips import CLIPS, decode, make_clip
from framesift import extract
from framesift.ingest.pictures import picture
from framesift.video.planes import Converter
from real import video

COLOURS = [(200, 40, 40), (40, 180, 60), (50, 60, 200), (230, 220, 30), (128, 128, 128), (10, 200, 220)]
WEIGHTS = {"bt601": (0.299, 0.114, 5), "bt709": (0.2126, 0.0722, 1)}
"""Weights of red and blue in luma (ITU-R BT.601, BT.709), and FFmpeg's number of the matrix."""


def ycbcr(rgb: tuple[int, int, int], matrix: str, full_range: bool, depth: int) -> tuple[int, int, int]:
    """The definition, in floating point."""
    red, green, blue = (level / 255 for level in rgb)
    kr, kb, _ = WEIGHTS[matrix]
    y = kr * red + (1 - kr - kb) * green + kb * blue
    cb, cr = (blue - y) / (2 * (1 - kb)), (red - y) / (2 * (1 - kr))
    top = 2**depth - 1
    if full_range:
        return round(y * top), round(cb * top + (top + 1) / 2), round(cr * top + (top + 1) / 2)
    scale = 2 ** (depth - 8)
    return round((16 + 219 * y) * scale), round((128 + 224 * cb) * scale), round((128 + 224 * cr) * scale)


def solid_clip(path: Path, matrix: str | None, full_range: bool, pix_fmt: str) -> Path:
    """A lossless clip with a frame of each colour; without a *matrix* it is BT.601 and says nothing."""
    depth = 10 if "10" in pix_fmt else 8
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 16, pix_fmt
        stream.codec_context.color_range = 2 if full_range else 1
        if matrix:
            stream.codec_context.colorspace = WEIGHTS[matrix][2]
        for number, colour in enumerate(COLOURS):
            frame = av.VideoFrame(32, 16, pix_fmt)
            for plane, level in zip(
                frame.planes, ycbcr(colour, matrix or "bt601", full_range, depth), strict=True
            ):
                dtype = np.uint16 if depth > 8 else np.uint8
                plane.update(np.full(plane.buffer_size // dtype().itemsize, level, dtype).tobytes())
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv444p10le"])
@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("matrix", ["bt601", "bt709", None])
def test_a_solid_colour_comes_back(
    tmp_path: Path, matrix: str | None, full_range: bool, pix_fmt: str
) -> None:
    clip = solid_clip(tmp_path / "solid.mkv", matrix, full_range, pix_fmt)
    found = extract(clip, len(COLOURS), tmp_path / "out", method="uniform")
    assert found.indices() == list(range(len(COLOURS)))
    for frame, colour in zip(found.frames, COLOURS, strict=True):
        shown = np.asarray(Image.open(tmp_path / "out" / frame.file)).astype(int)
        assert np.abs(shown - colour).max() <= 3


@pytest.mark.parametrize("name", ["ffv1_rgb", "raw_rgb_avi", "png_mov", "ffv1_grey", "ffv1_grey_16_bit"])
def test_what_is_stored_as_rgb_or_grey_comes_back_as_it_is(tmp_path: Path, name: str) -> None:
    clip = CLIPS[name].make(tmp_path / f"clip{CLIPS[name].suffix}")
    for frame in decode(clip)[:3]:
        found = np.asarray(picture(frame, Converter()))
        if "grey" in name:
            stored = frame.to_ndarray() / (257 if "16" in name else 1)
            assert np.abs(found - stored[..., None]).max() < (1.5 if "16" in name else 0.5)
        else:
            pixels = np.frombuffer(memoryview(frame.planes[0]), np.uint8).reshape(frame.height, -1)
            pixel = 4 if frame.format.name == "bgr0" else 3
            stored = pixels[:, : pixel * frame.width].reshape(frame.height, frame.width, pixel)[..., :3]
            np.testing.assert_array_equal(found, stored[..., :: 1 if frame.format.name == "rgb24" else -1])


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_rotated_video_is_shown_as_players_show_it(tmp_path: Path, rotation: int) -> None:
    upright = np.zeros((48, 80, 3), np.uint8)
    upright[:10, :20] = 255, 0, 0  # red upper left, green upper right, blue lower left
    upright[:10, -20:] = 0, 255, 0
    upright[-10:, :20] = 0, 0, 255
    stored = np.rot90(upright, -rotation // 90)
    clip = make_clip(
        tmp_path / "turned.mp4",
        n=2,
        size=stored.shape[1::-1],
        pix_fmt="yuv444p",
        rotation=rotation,
        options={"crf": "5"},
        pictures=[stored, stored],
    )
    found = extract(clip, 1, tmp_path / "out", keep_duplicates=True)
    assert (found.sources[0].width, found.sources[0].height) == (80, 48)
    shown = np.asarray(Image.open(tmp_path / "out" / found.frames[0].file)).astype(int)
    assert np.abs(shown - upright).mean() < 3


def by_ffmpeg(path: Path, index: int) -> np.ndarray:
    """Frame *index* as the ffmpeg program writes it, which turns it by itself."""
    program = shutil.which("ffmpeg") or pytest.skip("there is no ffmpeg program")
    command = [
        program,
        "-v",
        "error",
        "-i",
        path,
        "-frames:v",
        str(index + 1),
        "-vsync",
        "0",
        "-pix_fmt",
        "rgb24",
    ]
    command += ["-sws_flags", "bicubic+full_chroma_int+accurate_rnd", "-f", "image2pipe", "-c:v", "ppm", "-"]
    data = subprocess.run(command, check=True, capture_output=True).stdout
    header, *_ = data.split(b"\n255\n", 1)
    width, height = (int(x) for x in header.split()[1:3])
    frames = np.frombuffer(data, np.uint8).reshape(index + 1, -1)
    return frames[index, -3 * width * height :].reshape(height, width, 3)


@pytest.mark.parametrize(
    "name", ["h264_rotated_90", "h264_rotated_180", "h264_rotated_270", "h264_odd_rotated"]
)
def test_pictures_are_turned_as_the_ffmpeg_program_turns_them(tmp_path: Path, name: str) -> None:
    assert_like_ffmpeg(CLIPS[name].make(tmp_path / "clip.mp4"), tmp_path / "out")


@pytest.mark.parametrize(
    "name",
    ["nasa_13013_rotated.mp4", "small_robot_3_frame.mp4", "small_robot.mp4", "test_non_zero_start.mp4"],
)
def test_real_pictures_are_those_of_the_ffmpeg_program(tmp_path: Path, name: str) -> None:
    assert_like_ffmpeg(video(name), tmp_path / "out")


def assert_like_ffmpeg(path: Path, out: Path) -> None:
    found = extract(path, 2, out, method="uniform", stop=6)
    for frame in found.frames:
        shown = np.asarray(Image.open(out / frame.file)).astype(int)
        expected = by_ffmpeg(path, frame.index)
        assert shown.shape == expected.shape
        assert np.abs(shown - expected).mean() < 2  # it turns before it converts, and sites chroma otherwise
