"""Videos whose frames change their size: every frame is there, its thumbnail of the shape of the first."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from clips import Clip, decode, painted_number
from framesift.errors import NothingUsableError
from framesift.export.exporting import export
from framesift.index import Index, index
from framesift.measure import Meter, content_hash, make_view
from framesift.selection.choice import select
from framesift.video.planes import Converter
from framesift_kernels import load

N, PART = 36, 12
FIRST, SECOND, THIRD = (96, 64), (160, 80), (80, 64)
_FAST = {"deadline": "realtime", "cpu-used": "8"}
_X264 = {"preset": "ultrafast", "bf": "2", "x264-params": "scenecut=0"}
_X265 = {"preset": "ultrafast", "x265-params": "log-level=none:pools=1:bframes=2:repeat-headers=1"}
KINDS = {
    "h264": Clip(suffix=".ts", options=_X264),
    "hevc": Clip(suffix=".ts", codec="libx265", options=_X265),
    "mpeg2": Clip(suffix=".ts", codec="mpeg2video", options={"bf": "2"}),
    "vp8": Clip(suffix=".mkv", codec="libvpx", options=_FAST),
    "vp9": Clip(suffix=".mkv", codec="libvpx-vp9", options=_FAST),
    "mjpeg": Clip(suffix=".mkv", codec="mjpeg", pix_fmt="yuvj420p", full_range=True),
    "h264_raw": Clip(suffix=".h264", options=_X264),
}


def two_sizes(folder: Path, kind: str, sizes: tuple[tuple[int, int], ...] = (FIRST, SECOND, THIRD)) -> Path:
    """A clip whose frames are first of one size and then of others, with times that go on."""
    clip, path = KINDS[kind], folder / f"{kind}{KINDS[kind].suffix}"
    parts = [
        Clip(
            **{k: getattr(clip, k) for k in clip.__dataclass_fields__} | {"n": N // len(sizes), "size": size}
        )
        for size in sizes
    ]
    made = [part.make(folder / f"{kind}_{at}{clip.suffix}") for at, part in enumerate(parts)]
    if kind == "h264_raw":
        path.write_bytes(b"".join(p.read_bytes() for p in made))
        return path
    with av.open(str(path), "w") as container:
        copy: Any = None
        for at, part in enumerate(made):
            with av.open(str(part)) as source:
                stream = source.streams.video[0]
                copy = copy or container.add_stream_from_template(stream)
                assert stream.time_base is not None
                later = at * (N // len(sizes)) / 25 / stream.time_base
                for packet in source.demux(stream):
                    if packet.size:
                        packet.pts, packet.dts = packet.pts + round(later), packet.dts + round(later)
                        packet.stream = copy
                        container.mux(packet)
    return path


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    known: dict[str, Path] = {}

    def get(kind: str) -> Path:
        if kind not in known:
            known[kind] = two_sizes(tmp_path_factory.mktemp(kind), kind)
        return known[kind]

    return get


def contents(made: Index) -> dict[str, np.ndarray]:
    reader = made.reader(0)
    names = ["thumbnails", "statistics", "content_hash", "flags", "pts"]
    return {name: reader.read(name) for name in names} | {"frames": reader.frames()}


def tree(store: Path) -> dict[str, bytes]:
    files = (p for p in store.rglob("*") if p.is_file() and p.name != "writer.lock")
    return {str(p.relative_to(store)): p.read_bytes() for p in files}


@pytest.mark.parametrize("kind", KINDS)
def test_every_frame_is_that_of_a_plain_decode(material: Any, tmp_path: Path, kind: str) -> None:
    path, kernels, converter = material(kind), load("cpu"), Converter()
    frames = decode(path)
    sizes = [FIRST] * PART + [SECOND] * PART + [THIRD] * PART
    if kind == "mpeg2":  # FFmpeg keeps the last frame back before the size changes, and loses it
        del sizes[2 * PART - 1], sizes[PART - 1]
    assert [(f.width, f.height) for f in frames] == sizes
    for threads in (1, 2, 4):
        with index(path, tmp_path / str(threads), threads=threads, isolate=False) as made:
            found, record = contents(made), made.records[0]
        assert found["content_hash"].tolist() == [content_hash(f, kernels, converter) for f in frames]
        assert found["thumbnails"].shape[1:] == (43, 64)
        assert (record.width, record.height) == FIRST
        assert not record.seekable
        assert record.warnings[-1].startswith(
            "the size of its frames changes: thumbnails of all have the shape"
        )
    for thumbnail, frame in list(zip(found["thumbnails"], frames, strict=True))[::5]:
        plane = frame.to_ndarray()[: frame.height, : frame.width]
        full = kind == "mjpeg"
        grey = plane.astype(float) if full else (plane - 16.0) * 255 / 219
        expected = area_mean(grey, (43, 64)).clip(0, 255)
        assert np.abs(thumbnail - expected).max() <= 1
    assert tree(tmp_path / "1") == tree(tmp_path / "2") == tree(tmp_path / "4")


def area_mean(picture: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Means over equal cells, of a picture made so large that each cell has whole pixels."""
    height, width = picture.shape
    large = picture.repeat(shape[0], axis=0).repeat(shape[1], axis=1)
    return large.reshape(shape[0], height, shape[1], width).mean(axis=(1, 3))


@pytest.mark.parametrize("kind", ["h264", "vp9", "mjpeg", "h264_raw"])
@pytest.mark.parametrize("mode", ["fast", "coarse", "keyframes"])
def test_in_every_mode_all_frames_are_decoded(material: Any, kind: str, mode: str) -> None:
    path = material(kind)
    with index(path, isolate=False) as made:
        expected = contents(made)
    for threads in (1, 2):
        with index(path, decode=mode, threads=threads, isolate=False) as made:
            (record,) = made.records
            for name, array in contents(made).items():
                np.testing.assert_array_equal(array, expected[name], err_msg=name)
        assert record.decoded == "exact"
        assert any(text.startswith(f"not decode={mode} but every frame: ") for text in record.warnings)


@pytest.mark.parametrize("kind", ["h264", "vp8"])
def test_a_crop_is_of_the_same_pixels_of_every_frame(material: Any, kind: str) -> None:
    path, kernels = material(kind), load("cpu")
    with index(path, crop=(8, 80, 4, 60), color=True, isolate=False) as made:
        thumbnails, chroma = made.reader(0).read("thumbnails"), made.reader(0).read("chroma")
    for number, frame in enumerate(decode(path)):
        meter = Meter(make_view(frame.width, frame.height, 0, (8, 80, 4, 60), 64), kernels)
        expected, colors = np.empty_like(thumbnails[0]), np.empty_like(chroma[0])
        meter.measure(frame, expected)
        meter.chroma(frame, colors)
        np.testing.assert_array_equal(thumbnails[number], expected)
        np.testing.assert_array_equal(chroma[number], colors)


def test_a_crop_that_reaches_outside_later_frames_sets_the_video_aside(tmp_path: Path) -> None:
    path = two_sizes(tmp_path, "h264", (SECOND, FIRST))
    with pytest.raises(NothingUsableError) as caught:
        index(path, crop=(0, 100, 0, 70), isolate=False)
    assert "crop 0,100,0,70 reaches outside the 96x64 frame that follows others of 160x80 (pts" in str(
        caught.value
    )
    with index(path, crop=(0, 100, 0, 70), stop=18, isolate=False) as made:
        assert made.n_rows == 18, "which do not reach there"
        assert made.records[0].warnings == []


@pytest.mark.parametrize("kind", ["h264", "mjpeg", "vp8"])
def test_frames_smaller_than_the_thumbnail_have_their_pixels_repeated(tmp_path: Path, kind: str) -> None:
    path = two_sizes(tmp_path, kind, (SECOND, (48, 32)))
    with index(path, color=True, isolate=False) as made:
        thumbnails, chroma = made.reader(0).read("thumbnails"), made.reader(0).read("chroma")
    assert thumbnails.shape == (N, 32, 64)
    for number, frame in list(enumerate(decode(path)))[1::6]:
        planes = [np.asarray(p)[: frame.height] for p in frame.to_ndarray(format="yuv444p")]
        grey = planes[0][:, : frame.width].astype(float)
        grey = grey if kind == "mjpeg" else (grey - 16) * 255 / 219
        assert np.abs(thumbnails[number] - area_mean(grey, (32, 64)).clip(0, 255)).max() <= 1, number
        if frame.width == 48:
            blue = area_mean(planes[1].astype(float), (32, 64))
            scaled = blue if kind == "mjpeg" else 128 + (blue - 128) * 255 / 224
            assert np.abs(chroma[number][0] - scaled).mean() < 3


@pytest.mark.parametrize("kind", ["h264", "vp9", "h264_raw"])
def test_pictures_are_exported_as_they_were_decoded(material: Any, tmp_path: Path, kind: str) -> None:
    path, converter = material(kind), Converter()
    with index(path, isolate=False) as made:
        chosen = select(made, 6, method="uniform")
        export(chosen, tmp_path / "out")
    frames = decode(path)
    written = sorted((tmp_path / "out" / "frames").iterdir())
    assert [int(p.stem[-8:]) for p in written] == chosen.indices() == [3, 9, 15, 21, 27, 33]
    for picture in written:
        number = int(picture.stem[-8:])
        with Image.open(picture) as image:
            assert image.size == (FIRST, SECOND, THIRD)[number // PART]
            np.testing.assert_array_equal(np.asarray(image), converter.rgb(frames[number]).to_ndarray())
            assert painted_number(np.asarray(image)) == number % PART


def test_an_isolated_process_and_a_range_do_the_same(material: Any) -> None:
    path = material("h264")
    with index(path, isolate=True, start=5, stop=33, step=3) as made:
        found, record = contents(made), made.records[0]
    with index(path, isolate=False) as made:
        expected = contents(made)
    np.testing.assert_array_equal(found["thumbnails"], expected["thumbnails"][5:33:3])
    assert not record.seekable
    with index(path, start=0, stop=PART, isolate=False) as made:
        assert made.records[0].seekable, "nothing changes there"
