"""Labelled videos and pictures, and plots, read back from what was written."""

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import framesift as fs
from clips import Clip, decode, make_clip, painted_number
from framesift.drawing.charts import ticks
from framesift.drawing.colors import NAMES, color, colormap
from framesift.errors import NothingUsableError, SourceError, UsageError
from framesift_cli.main import run
from peers import peer
from posefiles import SCORER, frame
from real import prediction, video

matplotlib = peer("matplotlib")


def predict(
    path: Path, xyl: np.ndarray, keypoints: list[str], individuals: list[str] | None = None, first: int = 0
) -> Path:
    """Predictions (n, m, k, 3) as a CSV of DeepLabCut beside a video."""
    place = path.with_name(f"{path.stem}{SCORER}.csv")
    frame(xyl, individuals or [""], keypoints, first).to_csv(place)
    return place


def still(n: int, points: list[tuple[float, float, float]]) -> np.ndarray:
    return np.tile(np.array(points, np.float64), (n, 1)).reshape(n, 1, len(points), 3)


def pictures(path: Path) -> list[np.ndarray]:
    return [each.to_ndarray(format="rgb24") for each in decode(path)]


def is_near(pixel: np.ndarray, levels: Any, most: int = 40) -> bool:
    return bool(np.abs(pixel.astype(int) - np.array(levels)).max() <= most)


def is_red(pixel: np.ndarray) -> bool:
    """Of a thin line, whose colour is that of two pixels by two."""
    return bool(pixel[0] > pixel[1:].max() + 70)


# Videos -----------------------------------------------------------------------------------------------------------

CLIPS = {
    "reordered": Clip(n=30, options={"bf": "3"}),
    "444": Clip(n=10, pix_fmt="yuv444p"),
    "10-bit": Clip(n=10, pix_fmt="yuv420p10le"),
    "full range": Clip(n=10, pix_fmt="yuvj420p", full_range=True),
    "odd": Clip(n=10, size=(97, 65), pix_fmt="yuv444p"),
    "portrait": Clip(n=10, size=(64, 120)),
    "turned": Clip(n=10, rotation=90),
    "variable": Clip(n=12, pts=[0, 10, 50, 51, 90, 200, 210, 400, 401, 402, 900, 1000]),
    "late": Clip(n=10, start_pts=5000),
    "one frame": Clip(n=1),
    "hidden": Clip(n=24, hidden=5),
}


@pytest.mark.parametrize("kind", CLIPS)
def test_every_frame_is_there_at_its_time_with_its_own_dots(kind: str, tmp_path: Path) -> None:
    clip = CLIPS[kind].make(tmp_path / "v.mp4")
    before = decode(clip)
    turns = 1 if kind == "turned" else 0
    n = len(before)
    xyl = still(n, [(20, 50, 0.9), (60, 45, 0.9)])
    xyl[:, 0, 0, 0] = 20 + np.arange(n) % 5 * 4  # moves with the number of the frame
    predict(clip, xyl, ["a", "b"])
    (made,) = fs.label_video(clip, colormap="jet", dot_size=4, alpha=1).files
    assert made == tmp_path / f"v{SCORER}_labeled.mp4"
    after = decode(made)
    assert len(after) == n
    times = [[float((f.pts - all_[0].pts) * f.time_base) for f in all_] for all_ in (before, after)]
    np.testing.assert_allclose(*times, atol=1e-6)
    offset = painted_number(before[0].to_ndarray(format="rgb24"))
    blue, dark_red = colormap("jet", 2)
    height, width = np.rot90(before[0].to_ndarray(format="gray"), turns).shape
    for i, (one, picture) in enumerate(
        zip(before, (f.to_ndarray(format="rgb24") for f in after), strict=True)
    ):
        assert picture.shape == (height + height % 2, width + width % 2, 3)
        if not turns:
            size = (width, height)
            assert painted_number(picture, size=size) == i + offset
        assert is_near(picture[50, 20 + i % 5 * 4], blue)
        assert is_near(picture[45, 60], dark_red)
        original = np.rot90(one.to_ndarray(format="rgb24"), turns).astype(float)
        rest = np.ones(original.shape[:2], bool)
        rest[38:58, 10:70] = False
        apart = np.abs(picture[:height, :width].astype(float) - original)[rest]
        assert np.median(apart) < 12, "else it is as it was"


def test_what_is_not_likely_or_missing_is_not_drawn(tmp_path: Path) -> None:
    grey = [np.full((64, 96, 3), 128, np.uint8)] * 4
    clip = make_clip(tmp_path / "v.mp4", n=4, pictures=grey)
    xyl = still(4, [(20, 20, 0.59), (60, 20, 0.61), (20, 50, np.nan)])
    xyl[1, 0, 1, :2] = np.nan
    predict(clip, xyl, ["a", "b", "c"])
    options: dict[str, Any] = {"dot_size": 4, "alpha": 1, "colormap": "Set1", "overwrite": True}
    seen = pictures(fs.label_video(clip, **options).files[0])
    assert is_near(seen[0][20, 20], [128] * 3, 12), "below 0.6"
    assert not is_near(seen[0][20, 60], [128] * 3)
    assert is_near(seen[1][20, 60], [128] * 3, 12), "missing"
    assert not is_near(seen[0][50, 20], [128] * 3), "no likelihood, but it is there"
    all_of_it = pictures(fs.label_video(clip, pcutoff=0.5, **options).files[0])
    assert not is_near(all_of_it[0][20, 20], [128] * 3)
    some = pictures(fs.label_video(clip, keypoints=["c"], **options).files[0])
    assert is_near(some[0][20, 60], [128] * 3, 12)
    black = pictures(fs.label_video(clip, keypoints_only=True, **options).files[0])
    assert black[0][5, 5].max() < 6
    assert black[0][20, 60].max() > 100


def test_trails_skeletons_individuals_and_crops(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "v.mp4", n=12, pictures=[np.full((64, 96, 3), 128, np.uint8)] * 12)
    xyl = np.full((12, 2, 2, 3), 0.9)
    xyl[:, 0, 0, 0], xyl[:, 0, 0, 1] = 10 + 6 * np.arange(12), 12  # moves to the right
    xyl[:, 0, 1, :2] = 10, 50
    xyl[:, 1, 0, :2], xyl[:, 1, 1, :2] = (60, 40), (90, 40)
    predict(clip, xyl, ["a", "b"], ["m", "n"])
    options: dict[str, Any] = {"dot_size": 3, "alpha": 1, "overwrite": True, "color_by": "individual"}
    options["colormap"] = "winter"
    trail = pictures(fs.label_video(clip, trail=4, **options).files[0])[8]
    plain = pictures(fs.label_video(clip, **options).files[0])[8]
    blue = colormap("winter", 2)[0]
    near = [np.abs(trail[12, 10 + 6 * (8 - age)].astype(int) - blue).sum() for age in range(5)]
    assert near == sorted(near), "older ones are fainter"
    assert near[3] < np.abs(128 - blue).sum() - 60
    assert is_near(trail[12, 10 + 6 * 3], [128] * 3, 16), "but not older than the trail"
    assert is_near(plain[12, 10 + 6 * 7], [128] * 3, 16)
    assert is_near(plain[40, 60], colormap("winter", 2)[1])
    bones = fs.label_video(clip, skeleton=[["a", "b"]], skeleton_color="#ff0000", **options)
    assert is_red(pictures(bones.files[0])[3][40, 75])
    crop = pictures(fs.label_video(clip, crop=(50, 96, 30, 64), individuals=["n"], **options).files[0])
    assert crop[0].shape == (34, 46, 3)
    assert is_near(crop[0][10, 10], colormap("winter", 1)[0])


def test_parts_of_a_video_are_decoded_from_the_keyframe_before(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "v.mp4", n=60)
    predict(clip, still(60, [(90, 60, 0.9)]), ["a"])
    for start, stop, expected in (
        (31, "1.6s", range(31, 40)),
        (0.9, None, range(54, 60)),
        (None, 3, range(3)),
    ):
        (made,) = fs.label_video(
            clip, tmp_path, tmp_path / "out", start=start, stop=stop, overwrite=True
        ).files
        assert [painted_number(p) for p in pictures(made)] == list(expected)
        assert decode(made)[0].pts == 0
    (made,) = fs.label_video(
        clip, out=tmp_path / "out", overwrite=True, frame_rate=10, codec="mpeg4", stop=5, save_frames=True
    ).files
    assert [float(f.pts * f.time_base) for f in decode(made)] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    saved = sorted((tmp_path / "out" / f"temp-v{SCORER}").iterdir())
    assert [p.name for p in saved] == [f"file{i:02}.png" for i in range(5)]
    assert [painted_number(np.asarray(Image.open(p))) for p in saved] == list(range(5))


def test_videos_of_a_project_and_its_options(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "v.mp4", n=6)
    config = fs.deeplabcut.create(
        "t", "s", clip, folder=tmp_path, bodyparts=["a", "b"], skeleton=[["a", "b"]]
    )
    text = config.read_text().replace("cropping: false", "cropping: true").replace("x1: 0", "x1: 30")
    config.write_text(
        text.replace("y1: 277", "y1: 40").replace("dotsize: 12", "dotsize: 5").replace("0.7", "1.0")
    )
    predict(clip, still(6, [(10, 10, 0.9), (50, 10, 0.9)]), ["a", "b"])
    (made,) = fs.label_video(clip, config=config, skeleton=True, skeleton_color="red", colormap="jet").files
    seen = pictures(made)[2]
    assert is_near(seen[50, 40], colormap("jet", 2)[0]), "from the rectangle of analysis"
    assert is_red(seen[50, 60])
    again = fs.label_video(clip, config=config)
    assert not again.files
    assert "there already" in again.skipped[0].reason


def test_videos_that_do_not_fit_are_set_aside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("good", "short", "none"):
        make_clip(tmp_path / f"{name}.mp4", n=5)
    predict(tmp_path / "good.mp4", still(5, [(9, 9, 1)]), ["a"])
    predict(tmp_path / "short.mp4", still(4, [(9, 9, 1)]), ["a"])
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    predict(tmp_path / "broken.mp4", still(4, [(9, 9, 1)]), ["a"])
    assert run(["label-video", str(tmp_path), "--json", "-q"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert [Path(f).name for f in found["files"]] == [f"good{SCORER}_labeled.mp4"]
    reasons = {Path(item["uri"]).name: item["reason"] for item in found["set_aside"]}
    assert "5 frames" in reasons["short.mp4"]
    assert "no predictions" in reasons["none.mp4"]
    assert "not a video" in reasons["broken.mp4"]
    assert not list(tmp_path.glob(".*"))
    (made,) = fs.label_video(tmp_path / "short.mp4", partial=True).files
    assert len(decode(made)) == 5


@pytest.mark.parametrize(
    "options",
    [
        {"trail": -1}, {"codec": "no"}, {"colormap": "no"}, {"color_by": "no"}, {"keypoints": ["no"]},
        {"individuals": ["no"]}, {"skeleton": [["a", "no"]]}, {"skeleton": True}, {"alpha": 2}, {"dot_size": 0},
        {"frame_rate": 0}, {"skeleton_color": "no"}, {"crop": "1,2"}, {"start": 3, "stop": 2},
    ],
)  # fmt: skip
def test_options_without_sense(options: dict[str, Any], tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "v.mp4", n=2)
    predict(clip, still(2, [(9, 9, 1)]), ["a"])
    with pytest.raises(UsageError):
        fs.label_video(clip, **options)
    assert len(list(tmp_path.iterdir())) == 2
    with pytest.raises(SourceError, match="crop"):
        fs.label_video(clip, crop=(0, 500, 0, 10))


@pytest.mark.compiled
def test_the_real_openfield(tmp_path: Path) -> None:
    source = prediction("m3v1mp4DLC_resnet50_openfieldAug20shuffle1_30000.h5")
    options: dict[str, Any] = {"start": 2300, "trail": 5, "skeleton": [["snout", "tailbase"]]}
    (made,) = fs.label_video(video("m3v1mp4.mp4"), source, tmp_path, **options).files
    assert len(decode(made)) == 30


# Colours ----------------------------------------------------------------------------------------------------------


def test_colour_maps_are_matplotlibs() -> None:
    for name in NAMES:
        n = 8 if name.startswith(("Set", "tab")) else 7
        theirs = matplotlib.colormaps[name]
        at = range(n) if name.startswith(("Set", "tab")) else np.linspace(0, 1, n)
        levels = np.array([theirs(i)[:3] for i in at]) * 255
        np.testing.assert_allclose(colormap(name, n), levels, atol=12, err_msg=name)


def test_colours() -> None:
    assert colormap("rainbow", 0).shape == (0, 3)
    for name in NAMES:
        np.testing.assert_array_equal(colormap(f"{name}_r", 5), colormap(name, 5)[::-1])
    np.testing.assert_allclose(colormap("jet", 1), [[0, 0, 127.5]])
    assert color("white").tolist() == [255, 255, 255]


# Plots ------------------------------------------------------------------------------------------------------------


def test_four_plots_of_each_individual(tmp_path: Path, rng: np.random.Generator) -> None:
    xyl = 100 + np.cumsum(rng.normal(size=(300, 2, 2, 3)), axis=0)
    xyl[..., 2] = 0.9
    xyl[50:60, 0, 0] = np.nan
    path = predict(tmp_path / "v.mp4", xyl, ["a", "b"], ["m", "n/1"], first=40)
    found = fs.plot_trajectories(path, colormap="Set1")
    folder = tmp_path / "plot-poses" / "v"
    kinds = ("trajectory", "plot", "plot-likelihood", "hist")
    assert {p.name for p in found.files} == {f"{kind}{who}.png" for kind in kinds for who in ("m", "n-1")}
    assert all(p.parent == folder for p in found.files)
    red, blue = colormap("Set1", 2)
    for path in found.files:
        with Image.open(path) as picture:
            pixels = np.asarray(picture).astype(int)
        for ink in (red, blue):  # the legend has 10 pixels of each in a row
            assert np.count_nonzero(np.abs(pixels - ink).max(axis=2) < 12) > 60, path
    assert (
        run(["plot-trajectories", str(found.files[0].parents[2] / f"v{SCORER}.csv"), "--resolution", "50"])
        == 0
    )
    with Image.open(folder / "plotm.png") as picture:
        assert picture.size == (500, 280)


def test_a_plot_shows_where_the_animal_was(tmp_path: Path) -> None:
    """Dots are where they should be by the ticks: the corners of a square, in a picture whose y points down."""
    xyl = still(4, [(0, 0, 1)])
    xyl[:, 0, 0, :2] = [[100, 100], [200, 100], [200, 200], [100, 200]]
    xyl[3, 0, 0, 2] = 0.1
    (trajectory, *_rest) = fs.plot_trajectories(
        predict(tmp_path / "v.mp4", xyl, ["a"]), colormap="winter"
    ).files
    pixels = np.asarray(Image.open(trajectory)).astype(int)
    y, x = np.nonzero(np.abs(pixels[:, :600] - [76, 76, 255]).max(axis=2) < 40)  # blue at 0.7 on white
    centers = {(round(a / 10), round(b / 10)) for a, b in zip(x, y, strict=True)}
    assert len({a for a, _ in centers}) >= 2
    right_low = (x > x.mean()) & (y > y.mean())
    left_low = (x < x.mean() - 20) & (y > y.mean() + 20)
    assert right_low.any()
    assert not left_low.any(), "not likely"


@pytest.mark.parametrize("first", [0, 42150])
def test_plots_of_almost_nothing(tmp_path: Path, first: int) -> None:
    for n, value in ((1, 5.0), (3, np.nan), (2, 7.0)):
        xyl = np.full((n, 1, 1, 3), value)
        path = predict(tmp_path / f"v{n}.mp4", xyl, ["a"], first=first)
        assert len(fs.plot_trajectories(path).files) == 4
    (tmp_path / "no.csv").write_text("no table")
    with pytest.raises(SourceError):
        fs.plot_trajectories(tmp_path / "no.csv")
    with pytest.raises(NothingUsableError):
        fs.plot_trajectories([tmp_path / "no.csv", tmp_path / "gone.csv"])
    for options in ({"image_type": ".svg"}, {"resolution": 1}, {"line_width": 0}):
        with pytest.raises(UsageError, match="must be"):
            fs.plot_trajectories(path, **options)


@pytest.mark.parametrize(
    ("low", "high", "n"), [(0, 2330, 8), (-0.3, 0.31, 5), (1e-9, 2e-9, 3), (5, 5.0001, 4)]
)
def test_ticks_are_round_and_inside(low: float, high: float, n: int) -> None:
    found = ticks(low, high, n)
    assert 2 <= len(found) <= 2 * n
    assert all(low - 1e-12 <= t <= high + 1e-12 for t in found)
    assert np.ptp(np.diff(found)) < (high - low) * 1e-3


# Labels -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """A project of two videos, of which one is labelled in three pictures."""
    clips = [make_clip(tmp_path / f"{name}.mp4", n=3) for name in ("mouse", "rat")]
    config = fs.deeplabcut.create("t", "Ann", clips, folder=tmp_path, bodyparts=["a", "b"])
    folder = config.parent / "labeled-data" / "mouse"
    for i in range(3):
        Image.new("RGB", (96, 64), (128, 128, 128)).save(folder / f"img{i}.png")
    index = pd.MultiIndex.from_tuples([("labeled-data", "mouse", f"img{i}.png") for i in range(4)])
    names = pd.MultiIndex.from_product(
        [["Ann"], ["a", "b"], ["x", "y"]], names=["scorer", "bodyparts", "coords"]
    )
    values = np.tile([20.0, 30, 70, 40], (4, 1))
    values[1, :2] = np.nan
    table = pd.DataFrame(values, index, names)
    table.to_hdf(folder / "CollectedData_Ann.h5", key="df_with_missing", mode="w")
    table.to_csv(folder / "CollectedData_Ann.csv")
    return config


def test_labels_are_drawn_on_their_pictures(labelled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check-labels", str(labelled), "--colormap", "jet", "--alpha", "1", "--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    folder = labelled.parent / "labeled-data" / "mouse_labeled"
    assert found["files"] == [str(folder / f"img{i}_bodypart.png") for i in range(3)]
    assert "not there" in found["set_aside"][0]["reason"]
    assert "nobody" in found["skipped"][0]["reason"]
    seen = [np.asarray(Image.open(path)) for path in found["files"]]
    blue, dark_red = colormap("jet", 2)
    for x, y in ((20, 30), (24, 30), (20, 26)):
        assert is_near(seen[0][y, x], blue), "a cross"
    assert is_near(seen[0][26, 24], [128] * 3, 1), "and no disc"
    assert is_near(seen[1][30, 20], [128] * 3, 1), "not labelled"
    assert is_near(seen[1][40, 70], dark_red)


def test_labels_of_models_and_of_other_tools(labelled: Path) -> None:
    folder = labelled.parent / "labeled-data" / "mouse"
    (folder / "CollectedData_Ann.h5").unlink()
    table = folder / "CollectedData_Ann.csv"
    moved = table.rename(labelled.parent / "CollectedData.csv")  # as Lightning Pose keeps it
    options: dict[str, Any] = {"skeleton": [["a", "b"]], "skeleton_color": "red", "alpha": 1, "scale": 2}
    found = fs.check_labels(moved, **options)
    with Image.open(found.files[0]) as picture:
        assert picture.size == (192, 128)
        assert is_red(np.asarray(picture)[70, 90])
    names = pd.MultiIndex.from_product(
        [["model"], ["a", "b"], ["x", "y", "likelihood"]], names=["scorer", "bodyparts", "coords"]
    )
    row = pd.MultiIndex.from_tuples([("labeled-data", "mouse", "img0.png")])
    machine = pd.DataFrame([[20.0, 30, 0.9, 70, 40, 0.1]], row, names)
    machine.to_csv(folder / "machinelabels.csv")
    found = fs.check_labels(folder / "machinelabels.csv", dot_size=6, alpha=1, colormap="jet")
    seen = np.asarray(Image.open(found.files[0]))
    blue, dark_red = colormap("jet", 2)
    assert is_near(seen[33, 23], blue), "likely: a dot"
    assert is_near(seen[43, 73], dark_red), "unlikely: a cross of diagonals"
    assert is_near(seen[40, 75], [128] * 3, 1)


def test_labels_cannot_point_out_of_the_project(labelled: Path) -> None:
    folder = labelled.parent / "labeled-data" / "mouse"
    text = (
        (folder / "CollectedData_Ann.csv")
        .read_text()
        .replace("labeled-data,mouse,img0", "labeled-data,..,img0")
    )
    (labelled.parent / "labels.csv").write_text(text)
    found = fs.check_labels(labelled.parent / "labels.csv")
    assert "inside" in found.set_aside[0].reason
    (folder / "CollectedData_Ann.h5").unlink()
    (folder / "CollectedData_Ann.csv").unlink()
    with pytest.raises(SourceError, match="nobody"):
        fs.check_labels(labelled)
    with pytest.raises(UsageError, match="scale"):
        fs.check_labels(labelled, scale=0)


def test_memory_does_not_grow_with_the_video(tmp_path: Path) -> None:
    """Frames are streamed: the encoder has at most some tens of them."""
    from framesift.drawing import labelled_videos

    alive: list[int] = []
    waiting = 0
    clip = make_clip(tmp_path / "v.mp4", n=200)
    predict(clip, still(200, [(9, 9, 1)]), ["a"])

    class Canvas(labelled_videos.Canvas):
        def copy(self, frame: Any) -> Any:
            alive.append(int(frame.pts))
            return super().copy(frame)

    def encode(path: Any, frames: Any, **_: Any) -> int:
        nonlocal waiting
        for i, _timed in enumerate(frames):
            waiting = max(waiting, len(alive) - i)
        return i + 1

    patched = pytest.MonkeyPatch()
    patched.setattr(labelled_videos, "Canvas", Canvas)
    patched.setattr(labelled_videos, "encode", encode)
    try:
        fs.label_video(clip)
    finally:
        patched.undo()
    assert len(alive) == 200
    assert waiting == 1


def test_a_video_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from framesift.drawing import canvas

    clip = make_clip(tmp_path / "v.mp4", n=20)
    predict(clip, still(20, [(9, 9, 1)]), ["a"])

    def fail(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(canvas.Canvas, "draw", fail)
    with pytest.raises(KeyboardInterrupt):
        fs.label_video(clip, out=tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_av_reads_what_was_written_as_it_is_played(tmp_path: Path) -> None:
    """4:2:0 with even sides and the colours' description of the source, in an MP4."""
    clip = make_clip(tmp_path / "v.mp4", n=3, size=(97, 65), pix_fmt="yuv444p")
    predict(clip, still(3, [(9, 9, 1)]), ["a"])
    for codec in ("h264", "h265", "mpeg4"):
        (made,) = fs.label_video(clip, codec=codec, overwrite=True).files
        with av.open(str(made)) as container:
            context = container.streams.video[0].codec_context
            assert (context.width, context.height, context.pix_fmt) == (98, 66, "yuv420p")
            assert context.name == {"h264": "h264", "h265": "hevc", "mpeg4": "mpeg4"}[codec]
