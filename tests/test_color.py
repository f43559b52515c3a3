"""Colour differences beside the thumbnails, where they are asked for."""

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

import naive
import naive_decode
from clips import CLIPS, decode, make_clip
from framesift.features.pixels import Pixels
from framesift.index import Index, index, open_index
from framesift.inspection import verify
from framesift.measure import Meter, make_view
from framesift.selection.choice import select
from framesift_kernels import load
from test_colours import COLOURS, solid_clip
from test_store import tree

PLANAR = (
    "h264_b_frames h264_one_keyframe h264_444 h264_422 h264_full_range h264_10_bit h264_odd h264_portrait "
    "h264_rotated_90 h264_rotated_180 h264_rotated_270 h264_odd_rotated hevc_10_bit mjpeg_avi vp9_odd_mp4 "
    "ffv1_alpha ffv1_16_bit ffv1_grey ffv1_grey_16_bit"
).split()


def contents(made: Index, source: int = 0) -> dict[str, np.ndarray]:
    names = "thumbnails statistics content_hash flags pts".split()
    return {name: made.reader(source).read(name) for name in names}


def differences(*inputs: Path, **options: Any) -> np.ndarray:
    with index(*inputs, color=True, **options) as made:
        return made.reader(0).read("chroma")


def expected(frame: Any, region: tuple[int, int, int, int] | None, shape: tuple[int, int]) -> np.ndarray:
    """U and V of a frame as decoded, by the definition; not turned."""
    if frame.format.name.startswith("gray"):
        return np.full((2, *shape), 128, np.uint8)
    depth = frame.format.components[0].bits
    full = frame.color_range == 2 or "yuvj" in frame.format.name
    top = (1 << depth) - 1 if full else 224 << depth - 8
    found = []
    for plane in frame.planes[1:3]:
        row = np.frombuffer(plane, np.uint8 if depth == 8 else np.uint16).reshape(plane.height, -1)
        shift = round(np.log2(frame.width / plane.width)), round(np.log2(frame.height / plane.height))
        gain = 255 / top
        samples = row[:, : plane.width]
        whole = region or (0, frame.width, 0, frame.height)
        found.append(naive_decode.chroma(samples, shift, whole, gain, 128 - (1 << depth - 1) * gain, shape))
    return np.stack(found)


@pytest.mark.parametrize("name", PLANAR)
def test_colour_differences_are_the_means_of_the_planes(tmp_path: Path, name: str) -> None:
    path = CLIPS[name].make(tmp_path / f"clip{CLIPS[name].suffix}")
    with index(path, size=24, color=True, threads=2) as made, index(path, size=24, threads=2) as grey:
        found = made.reader(0).read("chroma")
        for key, array in contents(grey).items():
            assert_array_equal(contents(made)[key], array, key)
        assert made.records[0].color
        assert not grey.records[0].color
    turns = CLIPS[name].rotation // 90
    shape = found.shape[:1:-1] if turns % 2 else found.shape[2:]
    frames = decode(path)
    assert len(found) == len(frames)
    for at in (0, 7, len(frames) - 1):
        wanted = np.rot90(expected(frames[at], None, shape), turns, axes=(1, 2))
        assert_array_equal(found[at], wanted)


@pytest.mark.parametrize("crop", [(0, 96, 0, 64), (8, 72, 16, 48), (3, 60, 5, 38), (33, 42, 21, 30)])
def test_a_crop_is_of_the_colour_differences_too(tmp_path: Path, crop: tuple[int, int, int, int]) -> None:
    path = CLIPS["h264_b_frames"].make(tmp_path / "clip.mp4")
    found = differences(path, size=16, crop=crop)
    for at, frame in enumerate(decode(path)[:3]):
        assert_array_equal(found[at], expected(frame, crop, found.shape[2:]))


@pytest.mark.parametrize(
    "pix_fmt",
    "bgr0 gbrp gbrp16le rgb24 bgr24 rgb48le rgba pal8 yuyv422 uyvy422 nv12 nv21 nv16 nv24 nv42 p010le p210le "
    "yuv411p yuv410p yuv440p yuva444p12le yuv420p16be gray gray10le gray16be".split(),
)
def test_other_layouts_give_the_colours_too(pix_fmt: str) -> None:
    meter = Meter(make_view(33, 17, 0, None, 16), load("cpu"))
    for colour in COLOURS:
        picture = np.full((17, 33, 3), colour, np.uint8)
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
            format="rgb8" if pix_fmt == "pal8" else pix_fmt
        )
        if pix_fmt == "pal8":  # swscale makes none
            frame = av.VideoFrame.from_ndarray(
                (np.zeros((17, 33), np.uint8), np.tile(np.uint8([255, *colour]), (256, 1))), format="pal8"
            )
        found = np.zeros((2, *meter.view.shape), np.uint8)
        meter.chroma(frame, found)
        wanted = naive_decode.colour_differences(np.array([[colour]]))
        if pix_fmt.startswith("gray"):
            wanted[:] = 128
        assert np.abs(found.astype(int) - wanted).max() < 2.5, colour


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p10le", "yuv444p"])
@pytest.mark.parametrize("full_range", [False, True])
def test_levels_do_not_depend_on_range_and_depth(tmp_path: Path, pix_fmt: str, full_range: bool) -> None:
    found = differences(solid_clip(tmp_path / "solid.mkv", "bt601", full_range, pix_fmt))
    for picture, colour in zip(found, COLOURS, strict=True):
        assert np.abs(picture.astype(int) - naive_decode.colour_differences(np.array([[colour]]))).max() <= 1


def test_images_have_colours(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (3, 20, 30, 3), np.uint8)
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(tmp_path / f"{number}.png")
    Image.fromarray(pictures[0][..., 0]).save(tmp_path / "3.png")
    found = differences(tmp_path, size=15)
    assert found.shape == (4, 2, 10, 15)
    for picture, one in zip(found, pictures, strict=False):
        planes = np.round(naive_decode.colour_differences(one)).clip(0, 255).astype(np.uint8)
        for part, plane in zip(picture, planes, strict=True):
            small = naive.thumbnail(plane, (0, 30, 0, 20), 1.0, 0.0, (10, 15))
            assert np.abs(part.astype(int) - small).max() <= 1
    assert (found[3] == 128).all()


@pytest.mark.parametrize("mode", ["fast", "coarse", "keyframes"])
def test_every_mode_keeps_the_colours_of_its_frames(tmp_path: Path, mode: str) -> None:
    path = make_clip(tmp_path / "clip.mp4", n=120, gop=10, options={"preset": "ultrafast", "bf": "2"})
    exact = differences(path, size=16)
    with index(path, size=16, color=True, decode=mode, threads=2) as made:
        assert made.records[0].decoded == mode
        found, frames = made.reader(0).read("chroma"), made.reader(0).frames()
    difference = np.abs(found.astype(int) - exact[frames])
    assert difference.mean() < (0.5 if mode == "fast" else 1e-9)


def test_a_store_with_colours_depends_on_no_thread_and_is_reused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("framesift.source_store.chunk_rows", lambda shape: 7)
    path = CLIPS["h264_b_frames"].make(tmp_path / "clip.mp4")
    for threads in (1, 3):
        index(path, tmp_path / f"s{threads}", size=16, color=True, threads=threads).close()
    assert tree(tmp_path / "s1") == tree(tmp_path / "s3")
    assert verify(tmp_path / "s1")["damaged"] == []
    with index(path, tmp_path / "s1", size=16, color=True) as again:
        assert again.stats["sources_reused"] == 1
    with index(path, tmp_path / "s1", size=16) as grey:
        assert grey.stats["sources_reused"] == 0
        assert "color" not in grey.records[0].options
    assert not (tmp_path / "s1" / "sources" / grey.records[0].id / "chroma").exists()


def test_frames_that_differ_in_colour_alone_are_told_apart(tmp_path: Path) -> None:
    """Ten colours of one brightness; without colour they are alike."""
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 16, "yuv444p"
        rng = np.random.default_rng(0)
        for number in range(60):
            planes = np.full((3, 16, 32), 128, np.uint8)
            planes[1] += np.uint8(number // 6 * 12)
            planes[:, 0, 0] += rng.integers(0, 4, 3, np.uint8)  # no exact duplicates
            frame = av.VideoFrame.from_ndarray(planes, format="yuv444p")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    chosen = {}
    for color in (True, False):
        with index(path, size=16, color=color) as made:
            chosen[color] = {i // 6 for i in select(made, 10, method="coreset").indices()}
            assert Pixels(made, [0], load("cpu")).shape == (60, 8 * 16 * (3 if color else 1))
    assert len(chosen[True]) == 10
    assert len(chosen[False]) < 10


def test_sources_of_other_shapes_and_without_colours_are_brought_together(tmp_path: Path) -> None:
    wide = make_clip(tmp_path / "wide.mp4", n=8, size=(96, 48))
    high = make_clip(tmp_path / "high.mp4", n=9, size=(48, 96))
    with index([wide, high], tmp_path / "s", size=32, color=True, isolate=False) as made:
        vectors = Pixels(made, [0, 1], load("cpu"))
        assert vectors.shape == (17, 3 * 16 * 16)
        ((_, rows), (_, more)) = vectors.blocks()
        chroma = made.reader(0).read("chroma")
        small = naive.thumbnail(chroma[3, 1], (0, 32, 0, 16), 1.0, 0.0, (16, 16))
        assert_array_equal(rows[3].reshape(3, 16, 16)[2], small)
        assert more.shape == (9, 3 * 16 * 16)
    index(high, tmp_path / "s", size=32).close()
    with open_index(tmp_path / "s") as mixed:
        assert sorted(record.color for record in mixed.records) == [False, True]
        assert Pixels(mixed, [0, 1], load("cpu")).shape == (17, 16 * 16)
