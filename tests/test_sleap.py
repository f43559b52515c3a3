"""Suggestions in SLEAP projects, read back with sleap-io."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import framesift as fs
from clips import make_clip
from framesift.errors import SourceError, UsageError
from framesift.selection.checks import METHODS
from framesift_cli.main import run
from posefiles import write_slp
from real import prediction, video


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", n=60)


@pytest.fixture
def chosen(clip: Path) -> Any:
    with fs.index(clip) as made:
        yield fs.select(made, 8)


def suggestions(path: Path) -> list[tuple[str, int]]:
    sleap_io = pytest.importorskip("sleap_io")
    labels = sleap_io.load_slp(str(path), open_videos=False)
    return [(Path(s.video.filename).name, s.frame_idx) for s in labels.suggestions]


def test_a_new_project(chosen: fs.Selection, tmp_path: Path) -> None:
    path = tmp_path / "new.slp"
    assert fs.write_suggestions(chosen, path) == 8
    assert suggestions(path) == [("clip.mp4", i) for i in chosen.indices()]
    assert fs.write_suggestions(chosen, path) == 0
    assert len(suggestions(path)) == 8
    assert list(tmp_path.iterdir()) == [path]


def test_a_project_that_is_there_keeps_all_it_has(chosen: fs.Selection, tmp_path: Path) -> None:
    labelled, predicted = chosen.indices()[:2]
    rows = [
        (labelled, 0, 0, 0.0, [(1.0, 2.0, 1.0), (3.0, 4.0, 1.0)]),
        (predicted, 1, 0, 0.5, [(1.0, 2.0, 0.3), (3.0, 4.0, 0.3)]),
    ]
    path = write_slp(tmp_path / "p.slp", rows, videos=["C:\\other.mp4", "D:\\a\\clip.mp4"], tracks=["a"])
    with h5py.File(path) as file:
        before = {
            name: file[name][()] for name in ("frames", "instances", "points", "pred_points", "videos_json")
        }
    with h5py.File(path, "r+") as file:  # the labelled frame is one of the clip
        frames = file["frames"][()]
        frames["video"] = 1
        file["frames"][...] = frames
        before["frames"] = frames
    assert fs.write_suggestions(chosen, path) == 7
    with h5py.File(path) as file:
        for name, data in before.items():
            np.testing.assert_array_equal(file[name][()], data)
        row = json.loads(file["suggestions_json"][0])
        assert row["video"] == "1"
    assert suggestions(path) == [("clip.mp4", i) for i in chosen.indices() if i != labelled]


def test_frames_of_a_project_are_not_chosen_again(clip: Path, chosen: fs.Selection, tmp_path: Path) -> None:
    path = tmp_path / "p.slp"
    fs.write_suggestions(chosen, path)
    with fs.index(clip) as made:
        again = fs.select(made, 20, exclude=path)
    assert not set(again.indices()) & set(chosen.indices())


def test_what_is_no_project_stays_as_it_is(chosen: fs.Selection, tmp_path: Path) -> None:
    path = tmp_path / "p.slp"
    path.write_bytes(b"something else")
    with pytest.raises(SourceError, match="SLEAP"):
        fs.write_suggestions(chosen, path)
    assert path.read_bytes() == b"something else"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(UsageError, match=r"\.slp"):
        fs.write_suggestions(chosen, tmp_path / "p.h5")
    newer = write_slp(tmp_path / "n.slp", [(0, 1, 0, 0.5, [(0, 0, 0), (0, 0, 0)])], format_id=3.0)
    with pytest.raises(SourceError, match="newer"):
        fs.write_suggestions(chosen, newer)


@pytest.mark.parametrize("method", METHODS)
def test_suggestions_of_every_way_to_choose(clip: Path, tmp_path: Path, method: str) -> None:
    """SLEAP's stride is ``uniform``, random ``random``, image features ``kmeans``, frame chunk ``chunk``."""
    with fs.index(clip, start=10) as made:
        chosen = fs.select(made, 7, method=method)
    path = tmp_path / "p.slp"
    assert fs.write_suggestions(chosen, path) == 7
    assert suggestions(path) == [("clip.mp4", i) for i in chosen.indices()]
    if method == "chunk":
        assert chosen.indices() == list(range(10, 17))


@pytest.mark.parametrize("method", ["uncertain", "jump", "temporal", "fitting", "list"])
def test_suggestions_of_every_way_to_judge_predictions(
    clip: Path, tmp_path: Path, rng: np.random.Generator, method: str
) -> None:
    """SLEAP's prediction score is ``uncertain``; velocity and max point displacement are ``temporal`` and ``jump``."""
    points = np.cumsum(rng.normal(size=(60, 2, 2)), axis=0) + 40
    points[33] += 30
    score = np.where(np.arange(60) == 33, 0.01, 0.9)
    rows = [
        (i, 1, 0, float(score[i]), [(float(x), float(y), float(score[i])) for x, y in points[i]])
        for i in range(60)
    ]
    path = write_slp(tmp_path / "p.slp", rows, videos=["clip.mp4"], tracks=["a"])
    thresholds = {"jump": 10.0, "uncertain": 0.3} if method in ("jump", "uncertain") else {}
    with fs.index(clip) as made:
        options: dict[str, Any] = {"frames": [33, 20]} if method == "list" else {}
        found = fs.outliers(
            made, path, 2, method=method, thresholds=thresholds, flagged_only=True, min_gap=1, **options
        )
    assert 33 in found.selection.indices()
    added = fs.write_suggestions(found.selection, path)
    assert suggestions(path) == [("clip.mp4", i) for i in found.selection.indices()]
    assert added == len(found.selection)


def test_a_chunk_makes_up_for_what_is_left_out(clip: Path, tmp_path: Path) -> None:
    with fs.index(clip) as made:
        first = fs.select(made, 4, method="chunk")
        assert first.indices() == [0, 1, 2, 3]
        path = tmp_path / "p.slp"
        fs.write_suggestions(first, path)
        assert fs.select(made, 3, method="chunk", exclude=path).indices() == [4, 5, 6]
        assert fs.select(made, 3, method="chunk", min_gap=5).indices() == [0, 5, 10]
    (tmp_path / "selection.json").write_text(json.dumps(first.to_json()))
    options = ["--start", "20", "--method", "chunk", "-n", "2", "--out", str(tmp_path / "o"), "-q"]
    assert run(["select", str(clip), *options]) == 0
    assert fs.read_selection(tmp_path / "o" / "selection.json").indices() == [20, 21]


def test_the_command(chosen: fs.Selection, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "selection.json").write_text(json.dumps(chosen.to_json()))
    assert run(["suggest", str(tmp_path / "selection.json"), str(tmp_path / "p.slp")]) == 0
    assert "8 suggestions" in capsys.readouterr().err


def test_the_real_flies(tmp_path: Path) -> None:
    project = tmp_path / "flies.slp"
    project.write_bytes(prediction("clip.2node.slp").read_bytes())
    with fs.index(video("clip.mp4"), start=0.9, size=16) as made:
        found = fs.outliers(made, prediction("clip.predictions.slp"), 6, method=["uncertain", "jump"])
        assert len(found.selection) == 6
        assert fs.write_suggestions(found.selection, project) == 0, "users labelled every frame of it"
