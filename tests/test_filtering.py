"""Filtered predictions and skeletons."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import framesift as fs
import naive_pose
from framesift.errors import UsageError
from framesift_cli.main import run
from posefiles import SCORER, frame


@pytest.fixture
def path(tmp_path: Path, rng: np.random.Generator) -> Path:
    xyl = 100 + np.cumsum(rng.normal(size=(40, 2, 3, 3)), axis=0)
    xyl[..., 2] = rng.random((40, 2, 3))
    xyl[10:13, 0, 1] = np.nan
    frame(xyl, ["m1", "m2"], ["a", "b", "c"], first=7).to_csv(tmp_path / f"v{SCORER}.csv")
    return tmp_path / f"v{SCORER}.csv"


@pytest.mark.parametrize("window", [1, 3, 5, 41])
def test_medians(path: Path, window: int) -> None:
    poses = fs.predictions.read(path)
    filtered = fs.predictions.filter_poses(poses, window=window)
    np.testing.assert_allclose(filtered.xy, naive_pose.median(poses.xy, window), rtol=1e-6)
    np.testing.assert_array_equal(filtered.likelihood, poses.likelihood)


def test_medians_inside_are_scipys(path: Path) -> None:
    signal = pytest.importorskip("scipy.signal")
    poses = fs.predictions.read(path)
    filtered = fs.predictions.filter_poses(poses, window=5)
    expected = signal.medfilt(poses.xy[:, 1, 0, 0].astype(np.float64), 5)
    np.testing.assert_allclose(filtered.xy[2:-2, 1, 0, 0], expected[2:-2], rtol=1e-6)


@pytest.mark.parametrize("method", ["median", "arima"])
def test_some_keypoints_are_filtered_and_the_others_stay(path: Path, method: str) -> None:
    poses = fs.predictions.read(path)
    every, some = (fs.predictions.filter_poses(poses, method, keypoints=k) for k in (None, ["b"]))
    np.testing.assert_array_equal(some.xy[:, :, 1], every.xy[:, :, 1])
    np.testing.assert_array_equal(some.xy[:, :, [0, 2]], poses.xy[:, :, [0, 2]])
    with pytest.raises(UsageError, match="there is no keypoint 'nose'; there are a, b, c"):
        fs.predictions.filter_poses(poses, method, keypoints=["nose"])


def test_arima_is_what_the_model_expects(path: Path) -> None:
    poses = fs.predictions.read(path)
    filtered = fs.predictions.filter_poses(poses, "arima", p_bound=0)
    assert np.isfinite(filtered.xy).all(), "what was missing is filled"
    known = slice(20, None)
    apart = np.abs(filtered.xy - poses.xy)[known]
    assert np.nanmedian(apart) < 1.5


def test_arima_begins_where_the_path_does(path: Path) -> None:
    """Of the first frame nothing is expected: DeepLabCut leaves it as it is, and so do we, wherever it comes."""
    poses = fs.predictions.read(path)
    poses.xy[:4, 0, 1] = np.nan
    poses.likelihood[:], poses.likelihood[0, 1, 2] = 0.9, 0.01
    filtered = fs.predictions.filter_poses(poses, "arima", p_bound=0.1)
    np.testing.assert_array_equal(filtered.xy[0, 0, 0], poses.xy[0, 0, 0])
    assert np.isnan(filtered.xy[:4, 0, 1]).all()
    np.testing.assert_array_equal(filtered.xy[4, 0, 1], poses.xy[4, 0, 1])
    assert np.isnan(filtered.xy[0, 1, 2]).all()
    np.testing.assert_array_equal(filtered.xy[1, 1, 2], poses.xy[1, 1, 2])
    assert np.abs(filtered.xy - poses.xy)[np.isfinite(filtered.xy) & np.isfinite(poses.xy)].max() < 20


def test_degrees_and_folders_of_the_command(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(["filter", str(path), "--method", "arima", "--ar", "2", "--ma", "0", "--out", str(out)]) == 0
    poses = fs.predictions.read(path)
    expected = fs.predictions.filter_poses(poses, "arima", ar_ma=(2, 0))
    found = fs.predictions.read(out / f"{path.stem}_filtered.h5")
    np.testing.assert_allclose(found.xy, expected.xy, rtol=1e-5)
    assert run(["skeleton", str(path), "--bone", "a,b", "--out", str(out)]) == 0
    assert sorted(p.suffix for p in out.iterdir()) == [".csv", ".csv", ".h5", ".h5"]


def test_files_and_commands(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["filter", str(path), "--window", "3"]) == 0
    stem = path.with_suffix("")
    table = pd.read_hdf(f"{stem}_filtered.h5", "df_with_missing")
    poses = fs.predictions.read(f"{stem}_filtered.csv")
    np.testing.assert_allclose(table.to_numpy().reshape(40, 2, 3, 3)[..., :2], poses.xy, rtol=1e-5)
    assert table.index.tolist() == list(range(7, 47))
    assert fs.predictions.find_predictions(["v.mp4"], path.parent)[Path("v.mp4")].stem.endswith("_filtered")
    assert run(["skeleton", str(path), "--bone", "a,b", "--bone", "b,c"]) == 0
    features = pd.read_hdf(f"{stem}_skeleton.h5", "df_with_missing")
    whole = fs.predictions.read(path)
    along = whole.xy[:, 1, 2].astype(float) - whole.xy[:, 1, 1]
    np.testing.assert_allclose(features["m2_b_c"]["length"], np.hypot(*along.T), rtol=1e-5)
    angle = np.degrees(np.arctan2(along[:, 1], along[:, 0])) % 360
    np.testing.assert_allclose(features["m2_b_c"]["orientation"], angle, rtol=1e-4)
    least = np.minimum(whole.likelihood[:, 1, 1], whole.likelihood[:, 1, 2])
    np.testing.assert_allclose(features["m2_b_c"]["likelihood"], least, rtol=1e-6)
    assert len(capsys.readouterr().out.split()) == 4
    assert run(["skeleton", str(path)]) == 2


def test_what_makes_no_sense(path: Path) -> None:
    poses = fs.predictions.read(path)
    for options in ({"method": "no"}, {"window": 4}, {"window": 0}):
        with pytest.raises(UsageError, match="must be"):
            fs.predictions.filter_poses(poses, **options)
    with pytest.raises(UsageError, match="two of the keypoints"):
        fs.predictions.bones(poses, [["a", "z"]])
    assert len(fs.predictions.filter_poses(poses.between(0, 0))) == 0
