"""Which labelled pictures train, and which test."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import framesift as fs
from clips import make_clip
from framesift.errors import NothingUsableError, UsageError
from framesift_cli.main import run


def label(config: Path, video: str, numbers: list[int], scorer: str = "Ann") -> None:
    """Labels as DeepLabCut keeps them."""
    rows = pd.MultiIndex.from_tuples([("labeled-data", video, f"img{i:03}.png") for i in numbers])
    names = pd.MultiIndex.from_product(
        [[scorer], ["a", "b"], ["x", "y"]], names=["scorer", "bodyparts", "coords"]
    )
    table = pd.DataFrame(np.arange(4.0 * len(numbers)).reshape(-1, 4), rows, names)
    path = config.parent / "labeled-data" / video / "CollectedData_Ann.h5"
    table.to_hdf(path, key="df_with_missing", mode="w")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    clips = [make_clip(tmp_path / f"{name}.mp4", n=2) for name in ("z", "a", "b", "other", "none")]
    config = fs.deeplabcut.create("t", "Ann", clips, folder=tmp_path, bodyparts=["a", "b"])
    for video, numbers in (("z", range(10, 17)), ("a", [9, 3, 100]), ("b", range(10))):
        label(config, video, list(numbers))
    label(config, "other", [1], scorer="Ben")
    return config


def test_rows_are_in_the_order_in_which_deeplabcut_merges_them(config: Path) -> None:
    found = fs.deeplabcut.split(config)
    tables = []
    for video in ("z", "a", "b"):
        path = config.parent / "labeled-data" / video / "CollectedData_Ann.h5"
        tables.append(pd.read_hdf(path, "df_with_missing"))
    merged = pd.concat(tables).sort_index()
    assert list(found.files) == ["/".join(row) for row in merged.index]
    assert [Path(item.uri).name for item in found.skipped] == ["other", "none"]
    assert "Ben" in found.skipped[0].reason


@pytest.mark.parametrize(("fraction", "n_train"), [(0.95, 19), (0.8, 16), (0.5, 10), (0.29, 5)])
def test_shares_are_deeplabcuts(config: Path, fraction: float, n_train: int) -> None:
    found = fs.deeplabcut.split(config, fraction=fraction, n_shuffles=3)
    for train, test in zip(found.train, found.test, strict=True):
        assert len(train) == n_train
        assert sorted([*train, *test]) == list(range(20))
    assert len({tuple(test) for test in found.test}) > 1, "each shuffle is its own"
    again = fs.deeplabcut.split(config, fraction=fraction)
    np.testing.assert_array_equal(again.test[0], found.test[0])


@pytest.mark.parametrize("fraction", [0.95, 0.7, 0.5, 0.1])
def test_videos_stay_whole(config: Path, fraction: float) -> None:
    found = fs.deeplabcut.split(config, fraction=fraction, by="video", n_shuffles=5)
    for train, test in zip(found.train, found.test, strict=True):
        sides = [{found.files[i].split("/")[1] for i in rows} for rows in (train, test)]
        assert sides[0]
        assert sides[1]
        assert not sides[0] & sides[1]
        assert len(test) <= max(3, 20 - int(20 * fraction + 1e-9))


def test_the_command_writes_lists(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["dlc", "split", str(config), "--fraction", "0.75", "--shuffles", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert json.loads((config.parent / "framesift" / "splits.json").read_text()) == found
    table = pd.read_csv(config.parent / "framesift" / "splits.csv")
    assert table["file"].tolist() == found["files"]
    for i in range(2):
        assert table.index[table[f"shuffle{i + 1}"] == "test"].tolist() == found["testIndices"][i]


def test_what_cannot_be_split(config: Path, tmp_path: Path) -> None:
    for options in ({"fraction": 1}, {"fraction": 0.01}, {"by": "no"}, {"n_shuffles": 0}):
        with pytest.raises(UsageError):
            fs.deeplabcut.split(config, **options)
    for video in ("z", "b"):
        (config.parent / "labeled-data" / video / "CollectedData_Ann.h5").unlink()
    with pytest.raises(UsageError, match="1 labelled videos"):
        fs.deeplabcut.split(config, by="video", fraction=0.5)
    (config.parent / "labeled-data" / "a" / "CollectedData_Ann.h5").unlink()
    with pytest.raises(NothingUsableError, match="no labels yet"):
        fs.deeplabcut.split(config)
