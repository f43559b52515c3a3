"""Exported pictures are the frames that were chosen, where and as the labelling tool expects them."""

import errno
import json
import math
import zipfile
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import framesift
from clips import CLIPS, decode, make_clip, painted, painted_number
from framesift import Selection, export, extract, index, read_selection, select
from framesift.errors import IntegrityError, NothingUsableError, ResourceError, UsageError
from framesift.export.checks import FORMATS, LAYOUTS
from framesift.report import contact_sheet
from framesift.video.container import open_video
from framesift.video.decode import Decoder, SegmentMismatchError
from framesift.video.packets import read_packets
from framesift.video.planes import Converter
from framesift.video.segment import Segment
from real import video

SIZE = (96, 64)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return CLIPS["h264_open_gop"].make(tmp_path_factory.mktemp("clip") / "clip.mp4")


@pytest.fixture(scope="module")
def kind(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A clip by its name among `CLIPS`, made once."""
    folder, made = tmp_path_factory.mktemp("kinds"), {}

    def get(name: str) -> Path:
        if name not in made:
            made[name] = CLIPS[name].make(folder / f"{name}{CLIPS[name].suffix}")
        return made[name]

    return get


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two clips of one name."""
    folder = tmp_path_factory.mktemp("pair")
    paths = [folder / side / "cam.mp4" for side in ("left", "right")]
    for path, n in zip(paths, (60, 101), strict=True):
        path.parent.mkdir()
        make_clip(path, n=n)
    return paths


def pictures(path: Path) -> list[np.ndarray]:
    """What a plain sequential decode shows."""
    found, converter = [], Converter()
    for frame in decode(path):
        rgb = converter.rgb(frame).to_ndarray()
        found.append(np.rot90(rgb, round(frame.rotation / 90)))
    return found


def shown(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.mode == "RGB"
        return np.asarray(image)


def files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


SIDE_FILES = ["contact-sheet.png", "report.html", "selection.json"]


# The right frames -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CLIPS)
def test_every_picture_is_the_frame_of_a_plain_decode(kind: Any, tmp_path: Path, name: str) -> None:
    path = kind(name)
    truth = pictures(path)
    found = extract(path, 6, tmp_path / "out", method="uniform", context=len(truth) // 12 + 1, threads=2)
    written = sorted((tmp_path / "out" / "frames").iterdir())
    assert [p.name for p in written] == [f"{name}_{i:08d}.png" for i in range(len(truth))]
    turns = CLIPS[name].rotation // 90
    for number, (picture, expected) in enumerate(zip(written, truth, strict=True)):
        np.testing.assert_array_equal(shown(picture), expected)
        assert painted_number(expected, turns=turns) == number + CLIPS[name].hidden
    assert len(found) == 6
    assert (found.sources[0].height, found.sources[0].width) == truth[0].shape[:2]


@pytest.mark.parametrize(
    "name", [name for name, clip in CLIPS.items() if "rgb" not in name and "grey" not in name]
)
def test_colours_are_close_to_those_of_pyav(kind: Any, name: str) -> None:
    frame, converter = decode(kind(name))[0], Converter()
    luma = [0.299, 0.587, 0.114]
    found, other = converter.rgb(frame).to_ndarray().astype(int), frame.to_ndarray(format="rgb24")
    assert abs((found - other).mean()) <= 1.5
    assert np.abs((found - other) @ luma).mean() <= 1.5


@pytest.mark.parametrize(
    "name",
    [
        "small_robot.mp4",
        "small_robot_3_frame.mp4",
        "discard_first_keyframe.mp4",
        "nasa_13013_rotated.mp4",
        "nasa_13013_hdr.mp4",
        "test_non_zero_start.mp4",
        "testsrc2_mpeg4.avi",
        "testsrc2_odd_height_and_width_vp9.mp4",
        "testsrc2_vp8.webm",
        "av1_video.mkv",
    ],
)
def test_pictures_of_real_videos_are_the_frames_of_a_plain_decode(tmp_path: Path, name: str) -> None:
    path = video(name)
    found = extract(path, 5, tmp_path, method="uniform", at_most=True)
    converter, wanted = Converter(), {frame.index: frame.file for frame in found.frames}
    for number, frame in enumerate(decode(path)):
        if number in wanted:
            expected = np.rot90(converter.rgb(frame).to_ndarray(), round(frame.rotation / 90))
            np.testing.assert_array_equal(shown(tmp_path / wanted.pop(number)), expected)
    assert not wanted


def test_pictures_of_images_are_the_images(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / "in").mkdir(exist_ok=True)
        Image.fromarray(painted(number, SIZE)).save(tmp_path / "in" / f"img{number}.png")
    Image.fromarray(painted(5, SIZE)).convert("L").save(tmp_path / "in" / "img5.png")
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        for path in sorted((tmp_path / "in").iterdir()):
            archive.write(path, path.name)
    for source in ("in", "in.zip"):
        found = extract(tmp_path / source, 6, tmp_path / "out")
        for number in range(5):
            np.testing.assert_array_equal(
                shown(tmp_path / "out" / found.frames[number].file), painted(number, SIZE)
            )
        assert painted_number(shown(tmp_path / "out" / found.frames[5].file)) == 5
        assert found.frames[0].time_s is None


def test_an_image_beside_a_chosen_one_that_cannot_be_opened_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(5):
        Image.fromarray(painted(number, SIZE)).save(tmp_path / "in" / f"{number}.png")
    (tmp_path / "in" / "1.png").write_bytes(b"no picture")
    found = extract(tmp_path / "in", 1, tmp_path / "out", method="uniform", context=1, stop=1)
    assert found.set_aside == []
    assert [p.name for p in (tmp_path / "out" / "frames").iterdir()] == ["in_00000000.png"]


# Layouts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_frames", "index_", "name"),
    [
        (1, 0, "img0.png"),
        (10, 9, "img9.png"),
        (11, 9, "img09.png"),
        (100, 99, "img99.png"),
        (101, 5, "img005.png"),
    ],
)
def test_deeplabcut_pads_to_the_digits_of_the_whole_video(
    tmp_path: Path, n_frames: int, index_: int, name: str
) -> None:
    path = make_clip(tmp_path / "My video.mp4", n=n_frames)
    extract(path, 1, tmp_path / "out", layout="deeplabcut", start=index_, stop=index_ + 1)
    assert files(tmp_path / "out" / "labeled-data") == [f"My video/{name}"]
    assert n_frames == 1 or len(name) == len("img.png") + math.ceil(math.log10(n_frames))


def test_layouts_put_pictures_where_their_tool_looks(clip: Path, tmp_path: Path) -> None:
    with index(clip) as made:
        chosen = select(made, 3, method="uniform")
        expected = {
            "images": [f"frames/clip_{i:08d}.png" for i in (10, 30, 50)],
            "deeplabcut": [f"labeled-data/clip/img{i}.png" for i in (10, 30, 50)],
            "lightning-pose": [f"labeled-data/clip/img{i:08d}.png" for i in (10, 30, 50)],
        }
        assert set(LAYOUTS) == set(expected)
        for layout, names in expected.items():
            out = tmp_path / layout
            assert export(chosen, out, layout=layout, context=0) == [out / name for name in names]
            assert [frame.file for frame in chosen.frames] == names
            assert set(names + SIDE_FILES) <= set(files(out))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_videos_of_one_name_never_overwrite_each_other(pair: list[Path], tmp_path: Path, layout: str) -> None:
    found = extract(pair, 5, tmp_path, layout=layout, per_source=True)
    written = [tmp_path / frame.file for frame in found.frames]
    assert len(set(written)) == 10
    for frame, path in zip(found.frames, written, strict=True):
        assert painted_number(shown(path)) == frame.index
        assert ("left_cam" in str(path), "right_cam" in str(path)) == (frame.source == 0, frame.source == 1)


def test_sources_whose_folders_have_one_name_too_are_numbered(tmp_path: Path) -> None:
    paths = [tmp_path / side / "videos" / "cam.mp4" for side in ("left", "right")]
    for path in paths:
        path.parent.mkdir(parents=True)
        make_clip(path, n=5)
    extract(paths, 1, tmp_path / "out", layout="deeplabcut", per_source=True)
    assert sorted(p.name for p in (tmp_path / "out" / "labeled-data").iterdir()) == [
        "videos_cam",
        "videos_cam_2",
    ]


def test_lightning_pose_gets_context_the_table_and_the_zip(clip: Path, tmp_path: Path) -> None:
    with index(clip) as made:
        chosen = select(made, 60, method="uniform")
        chosen.frames = [frame for frame in chosen.frames if frame.index in (1, 30, 32, 59)]
        export(chosen, tmp_path, layout="lightning-pose")
    folder = tmp_path / "labeled-data" / "clip"
    expected = [f"img{i:08d}.png" for i in (0, 1, 2, 3, 28, 29, 30, 31, 32, 33, 34, 57, 58, 59)]
    assert files(folder) == [*expected, "selected_frames.csv"]
    table = (folder / "selected_frames.csv").read_text()
    assert table == "".join(f"img{i:08d}.png\n" for i in (1, 30, 32, 59))
    with zipfile.ZipFile(tmp_path / "zips" / "clip.zip") as archive:
        assert sorted(archive.namelist()) == files(folder)
        for name in archive.namelist():
            assert archive.read(name) == (folder / name).read_bytes()
    assert [frame.file for frame in chosen.frames] == [
        f"labeled-data/clip/img{i:08d}.png" for i in (1, 30, 32, 59)
    ]


@pytest.mark.parametrize(("context", "n"), [(0, 1), (1, 3), (3, 7), (40, 60)])
def test_context_is_clipped_at_the_ends(clip: Path, tmp_path: Path, context: int, n: int) -> None:
    extract(clip, 1, tmp_path, method="uniform", context=context)
    assert len(list((tmp_path / "frames").iterdir())) == n


def test_context_reaches_beyond_the_range_that_was_indexed(clip: Path, tmp_path: Path) -> None:
    extract(clip, 1, tmp_path, start=20, stop=21, context=2)
    assert [painted_number(shown(p)) for p in sorted((tmp_path / "frames").iterdir())] == [18, 19, 20, 21, 22]


# Formats ----------------------------------------------------------------------------------------------------------


def test_jpegs_are_jpegs_and_close(clip: Path, tmp_path: Path) -> None:
    assert FORMATS == {"png": ".png", "jpeg": ".jpg"}
    with index(clip) as made:
        chosen = select(made, 3)
        exact = [shown(path) for path in export(chosen, tmp_path)]
        lossy = export(chosen, tmp_path, image_format="jpeg")
    for path, expected in zip(lossy, exact, strict=True):
        assert path.suffix == ".jpg"
        assert path.read_bytes().startswith(b"\xff\xd8\xff")
        assert np.abs(shown(path).astype(int) - expected).mean() < 3


@pytest.mark.parametrize("crop", ["10,61,7,40", "10, 61, 7, 40", (10, 61, 7, 40), (0, 96, 0, 64)])
def test_a_picture_crop_cuts_the_pictures_and_nothing_else(clip: Path, tmp_path: Path, crop: Any) -> None:
    whole = extract(clip, 2, tmp_path / "whole")
    part = extract(clip, 2, tmp_path / "part", picture_crop=crop)
    assert part.indices() == whole.indices()
    x1, x2, y1, y2 = (int(x) for x in (crop.split(",") if isinstance(crop, str) else crop))
    for a, b in zip(part.frames, whole.frames, strict=True):
        expected = shown(tmp_path / "whole" / b.file)[y1:y2, x1:x2]
        np.testing.assert_array_equal(shown(tmp_path / "part" / a.file), expected)


def test_a_picture_crop_is_in_pixels_as_shown(tmp_path: Path) -> None:
    path = CLIPS["h264_rotated_90"].make(tmp_path / "clip.mp4")
    extract(path, 1, tmp_path / "out", picture_crop=(0, 64, 0, 96))
    with pytest.raises(UsageError, match="reaches outside the 64x96 frames"):
        extract(path, 1, tmp_path / "out", picture_crop=(0, 96, 0, 64))


# Sources that change ----------------------------------------------------------------------------------------------


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A clip that may be spoilt."""
    return CLIPS["h264_b_frames"].make(tmp_path / "own.mp4")


def one_sentence(error: Exception) -> None:
    assert "\n" not in str(error)
    assert 20 < len(str(error)) < 400


@pytest.mark.parametrize("alive", [True, False])
def test_a_source_that_changed_is_refused(own: Path, tmp_path: Path, alive: bool) -> None:
    with index(own) as made:
        chosen = select(made, 3)
        export(chosen, tmp_path / "out")
        if not alive:
            chosen = read_selection(tmp_path / "out" / "selection.json")
        make_clip(own, n=60, gop=5)
        with pytest.raises(IntegrityError, match="has changed since it was indexed") as caught:
            export(chosen, tmp_path / "again")
    one_sentence(caught.value)
    assert not (tmp_path / "again" / "selection.json").exists()


def test_a_source_that_is_gone_is_set_aside_and_the_rest_exported(
    pair: list[Path], own: Path, tmp_path: Path
) -> None:
    with index([own, pair[1]]) as made:
        chosen = select(made, 2, per_source=True)
        own.unlink()
        written = export(chosen, tmp_path / "out")
        assert len(written) == 2
        assert [frame.file is None for frame in chosen.frames] == [True, True, False, False]
        assert [item.uri for item in chosen.set_aside] == [str(own)]
        export(chosen, tmp_path / "out")
        assert len(chosen.set_aside) == 1


def test_when_all_sources_are_gone_nothing_is_written(own: Path, tmp_path: Path) -> None:
    extract(own, 2, tmp_path / "out")
    own.unlink()
    with pytest.raises(NothingUsableError, match="no longer there"):
        export(read_selection(tmp_path / "out" / "selection.json"), tmp_path / "again")
    assert files(tmp_path / "again") == []


def test_a_frame_that_decodes_to_something_else_is_refused(clip: Path, tmp_path: Path) -> None:
    extract(clip, 3, tmp_path)
    chosen = read_selection(tmp_path / "selection.json")
    chosen.frames[1].content_hash = "0123456789abcdef"
    with pytest.raises(
        IntegrityError, match=f"frame {chosen.frames[1].index} of .* another picture"
    ) as caught:
        export(chosen, tmp_path / "again")
    one_sentence(caught.value)


def test_an_image_that_changed_without_a_trace_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.writestr("0.ppm", b"P6 16 16 255 " + bytes(range(256)) * 3)
    extract(tmp_path / "in.zip", 1, tmp_path / "out")
    chosen = read_selection(tmp_path / "out" / "selection.json")
    chosen.frames[0].content_hash = "0123456789abcdef"
    with pytest.raises(IntegrityError, match=r"0\.ppm of .* has changed"):
        export(chosen, tmp_path / "again")


# selection.json ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["h264_open_gop", "h264_rotated_90", "h264_raw", "mpeg4_b_frames_avi", "h264_vfr"]
)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_selection_json_alone_gives_the_same_pictures(
    kind: Any, tmp_path: Path, name: str, layout: str
) -> None:
    with index(kind(name)) as made:
        export(select(made, 5), tmp_path / "a", layout=layout)
    again = read_selection(tmp_path / "a" / "selection.json")
    export(again, tmp_path / "b", layout=layout)
    same = [file for file in files(tmp_path / "a") if file not in ("selection.json", "report.html")]
    assert files(tmp_path / "a") == files(tmp_path / "b")
    for file in same:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file


def test_selection_json_says_what_was_chosen_and_from_what(
    clip: Path, pair: list[Path], tmp_path: Path
) -> None:
    found = extract([clip, pair[0], "no-such.mp4"], 4, tmp_path, method="coreset", seed=3, min_gap="0.1s")

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    data = json.loads((tmp_path / "selection.json").read_text(), parse_constant=refuse)
    assert data == json.loads(json.dumps(found.to_json()))
    assert {"framesift", "method", "seed", "options", "sources", "frames", "set_aside", "stats"} <= set(data)
    assert (data["framesift"], data["method"], data["seed"]) == (framesift.__version__, "coreset", 3)
    assert (data["options"]["n"], data["options"]["min_gap"]) == (4, "0.1 seconds")
    assert {"id", "uri", "n_frames"} <= set(data["sources"][0])
    assert [source["n_frames"] for source in data["sources"]] == [60, 60]
    for frame in data["frames"]:
        assert {"source", "index", "pts", "time_s", "file", "score", "cluster"} <= set(frame)
        assert (tmp_path / frame["file"]).is_file()
        assert frame["time_s"] == pytest.approx(frame["index"] / 25)
    assert data["set_aside"] == [{"uri": "no-such.mp4", "reason": "no such file or folder"}]
    assert {"frames_decoded", "index_s", "select_s", "export_s", "peak_rss_bytes"} <= set(data["stats"])
    assert data["stats"]["frames_decoded"] == 120
    assert read_selection(tmp_path / "selection.json").to_json() == data


NONSENSE: dict[str, Any] = {
    "method": lambda data: data.pop("method"),
    "sources": lambda data: data.update(sources=None),
    "frames": lambda data: data.update(frames=[17]),
    "no such source": lambda data: data["frames"][0].update(source=1),
    "negative": lambda data: data["frames"][0].update(index=-1),
    "past the end": lambda data: data["frames"][0].update(index=60),
    "a fraction": lambda data: data["frames"][0].update(index=1.5),
    "a truth": lambda data: data["frames"][0].update(index=True),
    "pts": lambda data: data["frames"][0].pop("pts"),
    "hash": lambda data: data["frames"][0].update(content_hash="hello"),
    "time": lambda data: data["frames"][0].update(time_s="noon"),
    "kind": lambda data: data["sources"][0].update(kind="oracle"),
    "uri": lambda data: data["sources"][0].update(uri=None),
    "n_frames": lambda data: data["sources"][0].update(n_frames="60"),
    "time base": lambda data: data["sources"][0].update(time_base=[1]),
    "stats": lambda data: data.update(stats={"index_s": "long"}),
    "outside": lambda data: data["sources"][0].update(name="../../etc"),
    "absolute": lambda data: data["sources"][0].update(name="/etc/cron.d"),
    "above": lambda data: data["sources"][0].update(name=".."),
    "shortcut": lambda data: data["sources"][0].update(shortcuts={"skip_frame": "all"}),
    "shortcuts": lambda data: data["sources"][0].update(shortcuts=["lowres"]),
    "mode": lambda data: data["sources"][0].update(decoded=1),
    "nowhere": lambda data: data["sources"][0].update(name=""),
}


@pytest.fixture(scope="module")
def exported(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    extract(clip, 3, folder)
    return folder / "selection.json"


@pytest.mark.parametrize("spoil", NONSENSE.values(), ids=NONSENSE)
def test_a_selection_without_sense_is_refused_in_one_sentence(
    exported: Path, tmp_path: Path, spoil: Any
) -> None:
    data = json.loads(exported.read_text())
    spoil(data)
    path = tmp_path / "selection.json"
    path.write_text(json.dumps(data))
    with pytest.raises(UsageError, match=r"selection\.json (is not|has)") as caught:
        read_selection(path)
    one_sentence(caught.value)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "17", '"x"', "{", "[" * 100_000, '{"method": NaN}', "\x00", "1e999"]
)
def test_what_is_no_selection_is_refused_in_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "selection.json").write_text(text)
    with pytest.raises(UsageError, match="is not") as caught:
        read_selection(tmp_path / "selection.json")
    one_sentence(caught.value)


def test_bytes_that_are_no_text_are_no_selection(tmp_path: Path) -> None:
    (tmp_path / "selection.json").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "selection.json", tmp_path, tmp_path / "none.json"):
        with pytest.raises(UsageError):
            read_selection(path)


def test_a_selection_of_an_impossible_path_is_set_aside(exported: Path, tmp_path: Path) -> None:
    for uri in ("/" + "x" * 5000, "/a\0b"):
        data = json.loads(exported.read_text())
        data["sources"][0]["uri"] = uri
        (tmp_path / "selection.json").write_text(json.dumps(data))
        with pytest.raises(NothingUsableError, match="no longer there"):
            export(read_selection(tmp_path / "selection.json"), tmp_path / "out")


# Writing ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def chosen(clip: Path) -> Iterator[Selection]:
    with index(clip) as made:
        yield select(made, 5, method="uniform")


def test_what_is_written_is_whole_and_selection_json_comes_last(
    chosen: Selection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever write fails in the middle: nothing half-written has a final name."""
    export(chosen, tmp_path / "whole", layout="lightning-pose")
    whole = files(tmp_path / "whole")
    replace, renamed = framesift.files.os.replace, []
    monkeypatch.setattr(
        framesift.files.os, "replace", lambda a, b: (renamed.append(Path(b).name), replace(a, b))
    )
    export(chosen, tmp_path / "again", layout="lightning-pose")
    assert renamed[-1] == "selection.json"
    for fail_at in range(len(renamed)):
        count = iter(range(len(renamed)))

        def failing(a: str, b: str, count: Any = count, fail_at: int = fail_at) -> None:
            if next(count) == fail_at:
                raise KeyboardInterrupt
            replace(a, b)

        monkeypatch.setattr(framesift.files.os, "replace", failing)
        out = tmp_path / f"failed{fail_at}"
        with pytest.raises(KeyboardInterrupt):
            export(chosen, out, layout="lightning-pose", threads=1)
        left = files(out)
        assert len(left) == fail_at
        assert set(left) <= set(whole) - {"selection.json"}


def test_a_picture_that_cannot_be_finished_leaves_nothing(
    chosen: Selection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = Image.Image.save

    def full(self: Image.Image, file: Any, *args: Any, **options: Any) -> None:
        save(self, file, *args, **options)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(ResourceError, match="the disk is full"):
        export(chosen, tmp_path)
    assert files(tmp_path) == []


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_decoded(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for out in (tmp_path / "file" / "out", tmp_path / "file"):
        with pytest.raises(UsageError, match="cannot be written"):
            extract("no-such-video.mp4", 1, out)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layout": "sleap"}, "layout must be one of images, deeplabcut, lightning-pose, got 'sleap'"),
        ({"image_format": "bmp"}, "image_format must be one of png, jpeg, got 'bmp'"),
        ({"context": -1}, "context must not be negative"),
        ({"picture_crop": "1,2,3"}, "x1,x2,y1,y2"),
        ({"picture_crop": "0,97,0,64"}, "reaches outside the 96x64 frames"),
        ({"threads": 0}, "threads must be at least 1, got 0"),
        ({"device": "tpu"}, "tpu"),
    ],
)
def test_options_without_sense_are_refused(
    chosen: Selection, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        export(chosen, tmp_path, **options)
    assert files(tmp_path) == []


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_change_no_byte(chosen: Selection, tmp_path: Path, threads: int) -> None:
    export(chosen, tmp_path / "a", layout="lightning-pose", threads=threads)
    export(chosen, tmp_path / "b", layout="lightning-pose", threads=2)
    for file in set(files(tmp_path / "a")) - {"selection.json", "report.html"}:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file


@pytest.mark.parametrize(("sources", "threads"), [(1, 4), (2, 1)])
def test_threads_that_no_segment_is_left_for_share_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sources: int, threads: int
) -> None:
    clips = [make_clip(tmp_path / f"{name}.mp4", n=40, gop=40) for name in "ab"[:sources]]
    opened: list[int] = []

    def note(*args: Any, threads: int = 1, **options: Any) -> Any:
        opened.append(threads)
        return open_video(*args, threads=threads, **options)

    with index(clips, tmp_path / "store") as made:
        found = select(made, 2, per_source=True, method="uniform")
        for module in ("pictures", "decoders"):
            monkeypatch.setattr(f"framesift.ingest.{module}.open_video", note)
        export(found, tmp_path / "all", threads=4)
        assert set(opened) == {threads}
        export(found, tmp_path / "one", threads=1)
    for frame in found.frames:
        assert (tmp_path / "all" / frame.file).read_bytes() == (tmp_path / "one" / frame.file).read_bytes()


def test_progress_ends_with_every_picture_written(chosen: Selection, tmp_path: Path) -> None:
    seen: list[framesift.Progress] = []
    export(chosen, tmp_path, context=1, progress=seen.append)
    assert (seen[-1].stage, seen[-1].done, seen[-1].total) == ("export", 15, 15)


# To look at -------------------------------------------------------------------------------------------------------


def test_the_contact_sheet_shows_every_frame_and_its_label(clip: Path, tmp_path: Path) -> None:
    found = extract(clip, 14, tmp_path)
    sheet = shown(tmp_path / "contact-sheet.png")
    height, width, _ = sheet.shape
    assert 4 * 96 < width < 3000
    assert 14 * 96 * 64 / width < height < 3000
    paper = (sheet == 255).all(axis=2)
    grey = sheet.astype(int).max(axis=2) - sheet.astype(int).min(axis=2) <= 10
    ink = grey & (sheet.mean(axis=2) < 160)
    assert 0.05 < paper.mean() < 0.95
    assert ink.mean() > 0.002
    for frame in found.frames:
        picture = shown(tmp_path / frame.file)
        at = np.argwhere((sheet[:, :, 0] == picture[32, 48, 0]) & (sheet[:, :, 2] == picture[32, 48, 2]))
        found_it = [
            (y, x)
            for y, x in at
            if np.array_equal(sheet[max(0, y - 32) : y + 32, max(0, x - 48) : x + 48], picture)
        ]
        assert len(found_it) == 1
        y, x = found_it[0]
        label = sheet[y + 32 : y + 52, x - 48 : x + 48]
        assert (label.mean(axis=2) < 160).any(), "a label stands below it"


def test_a_large_selection_keeps_a_bounded_number_of_small_pictures(
    chosen: Selection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contact_sheet, "_MOST_TILES", 2)
    export(chosen, tmp_path, context=1)
    assert (tmp_path / "report.html").read_text().count("<img") == 2
    assert len(list((tmp_path / "frames").iterdir())) == 15


class Page(HTMLParser):
    """Collects what a page refers to, and sees that its elements close."""

    VOID = frozenset(["meta", "img", "rect", "br"])

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.tags: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [
            v or "" for name, v in attributes if name in ("src", "href", "data", "action", "srcset")
        ]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_report_is_one_page_that_needs_nothing_else(tmp_path: Path) -> None:
    path = make_clip(tmp_path / '<b>&"x" é.mp4', n=12)
    found = extract([path, "<i>gone</i>"], 3, tmp_path / "out")
    text = (tmp_path / "out" / "report.html").read_text()
    page = Page(text)
    assert page.open == []
    assert "b" not in page.tags
    assert "i" not in page.tags
    assert page.tags.count("img") == 3
    assert all(link.startswith("data:image/") for link in page.links)
    assert "http" not in text
    assert "url(" not in text
    shown_text = "".join(page.text)
    assert '<b>&"x" é' in shown_text
    assert "<i>gone</i>" in shown_text
    assert all(f"#{frame.index}" in shown_text for frame in found.frames)
    assert "kmeans" in shown_text


@pytest.mark.parametrize("wrong", ["others", "none", "fails"])
def test_what_a_decoder_wrongly_leaves_out_is_noticed_and_decoded(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    def picks(decoder: Decoder, segment: Segment, pts: np.ndarray) -> Iterator[Any]:
        calls.append(len(pts))
        if wrong == "fails":
            raise SegmentMismatchError("so the test says")
        frames = decoder.segment(segment, read_pts(clip)[segment.start : segment.stop])
        return frames if wrong == "others" else iter(())

    calls: list[int] = []
    monkeypatch.setattr(Decoder, "picks", picks)
    with index(clip) as made:
        chosen = select(made, 9, method="random")
        export(chosen, tmp_path / "out")
    assert calls
    for frame in chosen.frames:
        assert painted_number(np.asarray(Image.open(tmp_path / "out" / str(frame.file)).convert("L"))) == (
            frame.index
        )


def test_frames_that_no_other_leans_on_are_not_decoded_in_vain(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[Any] = []
    original = Decoder._decode

    def note(decoder: Decoder, packet: Any) -> Any:
        found = original(decoder, packet)
        decoded.extend(found)
        return found

    with index(clip) as made:
        chosen = select(made, 4, method="uniform")
        monkeypatch.setattr(Decoder, "_decode", note)
        export(chosen, tmp_path)
    every = sum(frame.index % 12 + 1 for frame in chosen.frames)
    assert len(decoded) < 0.8 * every


def read_pts(path: Path) -> np.ndarray:
    with open_video(path) as (container, stream):
        return read_packets(container, stream).pts
