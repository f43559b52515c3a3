"""Projects as DeepLabCut keeps them, read back with what it reads them with: pandas and YAML."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

import framesift as fs
from clips import make_clip, painted_number
from framesift.errors import NothingUsableError, SourceError, UsageError
from framesift_cli.main import run
from posefiles import SCORER, frame

COMMENT = "# what I wrote here stays\n"


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("videos")
    return [make_clip(folder / "mouse.mp4", n=130), make_clip(folder / "rat 2.mp4", n=40, size=(80, 120))]


@pytest.fixture
def config(videos: list[Path], tmp_path: Path) -> Path:
    return fs.deeplabcut.create("reach", "Ann", videos, folder=tmp_path, n=6, bodyparts=["snout", "tail"])


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def numbers(folder: Path) -> list[int]:
    return sorted(int(path.stem[3:]) for path in folder.glob("img*.png"))


def predict(
    video: Path, n: int, rng: np.random.Generator, *, individuals: tuple[str, ...] = ("",)
) -> pd.DataFrame:
    m = len(individuals)
    xyl = 50 + np.cumsum(rng.normal(size=(n, m, 2, 3)), axis=0)
    xyl[..., 2] = 0.99
    xyl[n // 2, 0, 0, :2] += 60
    xyl[n - 3, 0, 1] = np.nan
    table = frame(xyl, list(individuals), ["snout", "tail"])
    table.to_hdf(video.parent / f"{video.stem}{SCORER}.h5", key="df_with_missing", mode="w", format="table")
    return table


# Create and add ---------------------------------------------------------------------------------------------------


def test_create(config: Path, videos: list[Path]) -> None:
    root = config.parent
    assert sorted(p.name for p in root.iterdir() if p.is_dir()) == [
        "dlc-models", "labeled-data", "training-datasets", "videos",
    ]  # fmt: skip
    data = yaml.safe_load(config.read_text())
    keys = [str(root / "videos" / video.name) for video in videos]
    assert {key: value["crop"] for key, value in data["video_sets"].items()} == {
        keys[0]: "0, 96, 0, 64",
        keys[1]: "0, 80, 0, 120",
    }
    assert (data["Task"], data["scorer"], data["numframes2pick"]) == ("reach", "Ann", 6)
    assert data["bodyparts"] == ["snout", "tail"]
    assert (data["start"], data["stop"], data["iteration"], data["cropping"]) == (0, 1, 0, False)
    assert data["project_path"] == str(root)
    assert (root / "videos" / "mouse.mp4").is_symlink()
    assert (root / "labeled-data" / "rat 2").is_dir()


def test_create_of_several_animals_and_copies(videos: list[Path], tmp_path: Path) -> None:
    path = fs.deeplabcut.create(
        "a", "b", videos[:1], folder=tmp_path, copy_videos=True, individuals=["m1", "m2"], date="2018-10-03"
    )
    assert path.parent.name == "a-b-2018-10-03"
    data = yaml.safe_load(path.read_text())
    assert data["date"] == "Oct3"
    assert (data["bodyparts"], data["multianimalproject"], data["individuals"]) == (
        "MULTI!",
        True,
        ["m1", "m2"],
    )
    copy = path.parent / "videos" / "mouse.mp4"
    assert not copy.is_symlink()
    assert copy.read_bytes() == videos[0].read_bytes()


def test_what_cannot_be_created(config: Path, videos: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="exists already"):
        fs.deeplabcut.create("reach", "Ann", videos, folder=tmp_path)
    with pytest.raises(UsageError, match="without slashes"):
        fs.deeplabcut.create("a/b", "Ann", videos, folder=tmp_path)
    with pytest.raises(SourceError, match="no such file"):
        fs.deeplabcut.create("x", "y", tmp_path / "no.mp4", folder=tmp_path)
    assert not list(tmp_path.glob("x-*"))


def test_adding_keeps_what_was_written(config: Path, videos: list[Path], tmp_path: Path) -> None:
    config.write_text(COMMENT + config.read_text().replace("pcutoff: 0.6", "pcutoff: 0.7  # mine"))
    new = make_clip(tmp_path / ("long name " * 15 + "é.mp4"), n=12)
    before = yaml.safe_load(config.read_text())
    added = fs.deeplabcut.add_videos(config, [videos[0], new], crops=[(0, 9, 0, 9), (10, 50, 5, 60)])
    assert [path.name for path in added] == [new.name], "the other was there"
    text = config.read_text()
    assert text.startswith(COMMENT)
    assert "pcutoff: 0.7  # mine" in text
    after = yaml.safe_load(text)
    assert list(after["video_sets"]) == [*before["video_sets"], str(added[0])]
    assert after["video_sets"].pop(str(added[0])) == {"crop": "10, 50, 5, 60"}
    assert after == before
    assert fs.deeplabcut.add_videos(config, new) == []


@pytest.mark.parametrize(
    "section", ["video_sets: {}\n", "video_sets:\n", "video_sets:\n    /a/b.avi:\n        crop: 0,5,0,5\n"]
)
def test_adding_to_a_config_as_others_write_it(section: str, videos: list[Path], tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(f"Task: t\nscorer: s\n{section}bodyparts: [a]\n")
    before = yaml.safe_load(config.read_text())
    (added,) = fs.deeplabcut.add_videos(config, videos[0])
    after = yaml.safe_load(config.read_text())
    assert after["video_sets"] == {**(before["video_sets"] or {}), str(added): {"crop": "0, 96, 0, 64"}}
    assert after["bodyparts"] == ["a"]


def test_two_videos_of_one_name_would_share_a_folder(config: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    twin = make_clip(tmp_path / "other" / "mouse.mp4", n=12)
    with pytest.raises(UsageError, match="one folder"):
        fs.deeplabcut.add_videos(config, twin)
    text = config.read_text()
    config.write_text(text.replace("video_sets:\n", f"video_sets:\n  {twin}:\n    crop: 0, 96, 0, 64\n"))
    found = fs.deeplabcut.extract(config, n=2)
    assert list(found.pictures) == ["mouse", "rat 2"]
    assert "same name" in found.set_aside[0].reason


@pytest.mark.parametrize(
    "text", ["", "[1]", "a: b", "Task: [", "Task: 1\nscorer: 2\nvideo_sets: [1]\n", "\0"]
)
def test_what_is_no_config(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(UsageError, match=r"config\.yaml"):
        fs.deeplabcut.extract(tmp_path)
    with pytest.raises(UsageError, match="cannot be read"):
        fs.deeplabcut.extract(tmp_path / "no.yaml")


# Extract ----------------------------------------------------------------------------------------------------------


def test_extract_writes_what_deeplabcut_would(config: Path) -> None:
    found = fs.deeplabcut.extract(config)
    assert {name: len(paths) for name, paths in found.pictures.items()} == {"mouse": 6, "rat 2": 6}
    for name, width in (("mouse", 3), ("rat 2", 2)):
        for path in found.pictures[name]:
            assert path.parent == config.parent / "labeled-data" / name
            assert len(path.stem) == 3 + width, (
                "as many digits as the number of frames of the whole video has"
            )
            assert painted_number(pixels(path)) == int(path.stem[3:])
    report = config.parent / "framesift" / "mouse"
    selection = fs.read_selection(report / "selection.json")
    assert all((report / str(f.file)).resolve() in found.pictures["mouse"] for f in selection.frames)
    assert (report / "contact-sheet.png").exists()
    assert not list(config.parent.glob(".framesift*"))


def test_pictures_are_skipped_or_extended_and_never_replaced(config: Path) -> None:
    first = fs.deeplabcut.extract(config, videos=["mouse"])
    stamps = {path: path.stat().st_mtime_ns for path in first.pictures["mouse"]}
    again = fs.deeplabcut.extract(config, videos=["mouse"])
    assert not again.pictures
    assert "6 pictures" in again.skipped[0].reason
    more = fs.deeplabcut.extract(config, videos=["mouse"], n=4, existing="extend", min_gap=3)
    every = numbers(config.parent / "labeled-data" / "mouse")
    assert len(every) == 10
    new = [int(p.stem[3:]) for p in more.pictures["mouse"]]
    assert np.abs(np.subtract.outer(new, [int(p.stem[3:]) for p in stamps])).min() >= 3
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items())


def test_a_range_is_that_part_of_the_video_and_names_are_of_the_whole(config: Path) -> None:
    config.write_text(config.read_text().replace("start: 0\n", "start: 0.8\n"))
    found = fs.deeplabcut.extract(config, videos=["mouse"], n=5, method="uniform")
    chosen = [int(path.stem[3:]) for path in found.pictures["mouse"]]
    assert chosen == [106, 111, 117, 122, 127]
    given = fs.deeplabcut.extract(config, videos=["rat 2"], n=3, start="10", stop="13")
    assert [path.name for path in given.pictures["rat 2"]] == ["img10.png", "img11.png", "img12.png"]


@pytest.mark.parametrize("text", ["8, 72, 4, 44", "8,72,4,44"])
def test_crops_are_of_the_choice_and_of_the_pictures(config: Path, text: str) -> None:
    config.write_text(config.read_text().replace("0, 96, 0, 64", text))
    whole = fs.deeplabcut.extract(config, videos=["mouse"], n=3, method="uniform")
    path = whole.pictures["mouse"][0]
    full = pixels(path)
    path.unlink()
    cut = fs.deeplabcut.extract(config, videos=["mouse"], n=1, method="uniform", crop=True, existing="extend",
                                start=int(path.stem[3:]), stop=int(path.stem[3:]) + 1)  # fmt: skip
    (again,) = cut.pictures["mouse"]
    assert again == path
    np.testing.assert_array_equal(pixels(again), full[4:44, 8:72])


def test_a_total_is_shared_out_over_the_videos(config: Path) -> None:
    found = fs.deeplabcut.extract(config, total=11, min_per_video=3, max_per_video=8)
    shares = {name: len(paths) for name, paths in found.pictures.items()}
    assert sum(shares.values()) == 11
    assert set(shares) == {"mouse", "rat 2"}
    assert all(3 <= share <= 8 for share in shares.values())
    for name, share in shares.items():
        assert len(numbers(config.parent / "labeled-data" / name)) == share
    assert not list(config.parent.glob(".framesift-*"))
    more = fs.deeplabcut.extract(config, total=4, max_per_video=4, existing="extend", min_gap=2)
    assert sum(map(len, more.pictures.values())) == 4
    assert sum(len(numbers(config.parent / "labeled-data" / name)) for name in shares) == 15
    with pytest.raises(NothingUsableError, match="all have pictures already"):
        fs.deeplabcut.extract(config, total=4)
    with pytest.raises(UsageError, match="not both"):
        fs.deeplabcut.extract(config, total=4, n=2)
    with pytest.raises(UsageError, match="leave out min_per_source"):
        fs.deeplabcut.extract(config, n=2, min_per_video=1)


def test_a_video_that_gets_none_of_a_total_is_said(config: Path) -> None:
    arguments = ["dlc", "extract", str(config), "--total", "1", "--foreground", "--prefer-sharp", "0.1", "-q"]
    assert run(arguments) == 0
    found = fs.deeplabcut.extract(config, total=1, existing="extend")
    assert [len(paths) for paths in found.pictures.values()] == [1]
    assert [item.reason for item in found.skipped] == ["none of the frames that were chosen is of it"]


def test_videos_that_are_gone_or_moved(config: Path, videos: list[Path], tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    config.parent.rename(moved)  # as a project from another machine: all paths in its config are wrong
    assert len(fs.deeplabcut.extract(moved, n=2).pictures) == 2
    text = (moved / "config.yaml").read_text()
    windows = text.replace(str(config.parent / "videos") + "/", "C:\\old\\videos\\")
    (moved / "config.yaml").write_text(windows)
    assert len(fs.deeplabcut.extract(moved, n=2, existing="extend").pictures) == 2
    (moved / "videos" / "mouse.mp4").unlink()
    found = fs.deeplabcut.extract(moved, n=2, existing="extend")
    assert list(found.pictures) == ["rat 2"]
    assert "not there" in found.set_aside[0].reason
    with pytest.raises(NothingUsableError, match="not there"):
        fs.deeplabcut.extract(moved, videos=["mouse"], existing="extend")
    with pytest.raises(UsageError, match="not in the project"):
        fs.deeplabcut.extract(moved, videos=["cat"])


# Outliers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("individuals", [("",), ("m1", "m2")])
def test_outliers_and_their_machine_labels(
    videos: list[Path], tmp_path: Path, rng: np.random.Generator, individuals: tuple[str, ...]
) -> None:
    config = fs.deeplabcut.create("t", "s", videos[:1], folder=tmp_path, copy_videos=True)
    table = predict(config.parent / "videos" / "mouse.mp4", 130, rng, individuals=individuals)
    found = fs.deeplabcut.outliers(config, n=5)
    folder = config.parent / "labeled-data" / "mouse"
    chosen = numbers(folder)
    assert len(chosen) == 5
    assert {65, 66} & set(chosen)
    assert found.flagged["mouse"]["any"] > 0
    labels = pd.read_hdf(folder / "machinelabels-iter0.h5", "df_with_missing")
    names = [("labeled-data", "mouse", f"img{i:03}.png") for i in chosen]
    assert labels.index.tolist() == names
    assert labels.columns.names == table.columns.names
    assert labels.columns.tolist() == table.columns.tolist()
    np.testing.assert_allclose(labels.to_numpy(), table.loc[chosen].to_numpy(), rtol=1e-6)
    header = list(range(table.columns.nlevels))
    text = pd.read_csv(folder / "machinelabels.csv", header=header, index_col=[0, 1, 2])
    np.testing.assert_allclose(text.to_numpy(), labels.to_numpy(), rtol=1e-6)
    assert (config.parent / "framesift" / "mouse" / "scores" / "mouse.csv").exists()


def test_a_second_round_adds_to_the_first(config: Path, rng: np.random.Generator, tmp_path: Path) -> None:
    (tmp_path / "preds").mkdir()
    table = predict(tmp_path / "preds" / "mouse.mp4", 130, rng)
    options: dict[str, Any] = {"videos": ["mouse"], "predictions": tmp_path / "preds"}
    fs.deeplabcut.outliers(config, n=4, **options)
    folder = config.parent / "labeled-data" / "mouse"
    first = numbers(folder)
    path = folder / "machinelabels-iter0.h5"
    corrected = pd.read_hdf(path, "df_with_missing") + 1
    corrected.to_hdf(path, key="df_with_missing", mode="w")
    table.columns = table.columns.set_levels(["DLC_newer"], level=0)
    (tmp_path / "preds" / f"mouse{SCORER}.h5").unlink()
    table.to_csv(tmp_path / "preds" / "mouseDLC_newer.csv")
    fs.deeplabcut.outliers(config, n=3, min_gap=8, **options)
    new = sorted(set(numbers(folder)) - set(first))
    assert len(new) == 3
    assert np.abs(np.subtract.outer(new, first)).min() >= 8
    merged = pd.read_hdf(path, "df_with_missing")
    assert [int(key[2][3:6]) for key in merged.index] == first + new
    np.testing.assert_allclose(merged.to_numpy()[:4], corrected.to_numpy(), rtol=1e-6)
    np.testing.assert_allclose(merged.to_numpy()[4:], table.loc[new].to_numpy(), rtol=1e-6)
    assert set(merged.columns.get_level_values("scorer")) == {SCORER}


def test_labels_are_where_they_are_in_the_cropped_picture(
    config: Path, rng: np.random.Generator, tmp_path: Path
) -> None:
    text = (
        config.read_text()
        .replace("0, 96, 0, 64", "20, 90, 10, 60")
        .replace("cropping: false", "cropping: true")
    )
    config.write_text(text.replace("x1: 0", "x1: 25").replace("y1: 277", "y1: 12"))
    (tmp_path / "preds").mkdir()
    table = predict(tmp_path / "preds" / "mouse.mp4", 130, rng)
    found = fs.deeplabcut.outliers(config, videos=["mouse"], predictions=tmp_path / "preds", n=2)
    with Image.open(found.pictures["mouse"][0]) as picture:
        assert picture.size == (70, 50)
    labels = pd.read_hdf(
        config.parent / "labeled-data" / "mouse" / "machinelabels-iter0.h5", "df_with_missing"
    )
    row = table.loc[int(found.pictures["mouse"][0].stem[3:])].to_numpy()
    np.testing.assert_allclose(labels.to_numpy()[0, :2], np.add(row[:2], [5, 2]), rtol=1e-5)


def test_outliers_of_a_video_that_is_not_in_the_project_yet(
    config: Path, rng: np.random.Generator, tmp_path: Path
) -> None:
    new = make_clip(tmp_path / "later.mp4", n=60)
    predict(new, 60, rng)
    found = fs.deeplabcut.outliers(config, videos=[new], predictions=tmp_path, n=2)
    assert list(found.pictures) == ["later"]
    assert "later.mp4" in config.read_text()


# The commands -----------------------------------------------------------------------------------------------------


def test_commands(
    videos: list[Path], tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        "dlc",
        "create",
        "t",
        "me",
        str(videos[0]),
        "--folder",
        str(tmp_path),
        "--bodypart",
        "nose",
        "--copy",
    ]
    assert run(arguments) == 0
    config = capsys.readouterr().out.strip()
    assert run(["dlc", "add-videos", config, str(videos[1]), "--crop", "0,40,0,60"]) == 0
    assert run(["dlc", "extract", config, "-n", "2", "--json", "-q"]) == 0
    out = capsys.readouterr().out
    assert {name: len(p) for name, p in json.loads(out[out.index("{") :])["pictures"].items()} == {
        "mouse": 2,
        "rat 2": 2,
    }
    predict(Path(config).parent / "videos" / "mouse.mp4", 130, rng)
    assert run(["dlc", "outliers", config, "--video", "mouse", "--dry-run"]) == 0
    assert "frames flagged" in capsys.readouterr().out
    assert run(["dlc", "outliers", config, "--video", "mouse", "-n", "2", "-q"]) == 0
    assert len(capsys.readouterr().out.split()) == 2
    assert run(["dlc", "outliers", config, "--video", "rat 2", "-n", "2", "-q"]) == 4
    assert "no predictions" in capsys.readouterr().err
